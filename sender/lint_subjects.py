"""What is looked at? Plain facts about a template, a campaign, a recipient, an account or a reply, each in one frozen record.

None in a field means that nobody knows, and the rules that would need it are silent. Whoever knows fills it in: builders from
the database are in `sender/lint_facts.py`. A subject holds no rows and asks nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from models.accounts import SenderKind
from models.consent import Purpose

_TAG = re.compile(r"\{\{(?:[^{}]|\$\{[^{}]*\})*\}\}|\{%[^{}]*%\}|\$\{[^{}]*\}")
_NAME = re.compile(r"[\w.]+")


@dataclass(frozen=True)
class Media:
    """One attachment. `actual_type` is what the bytes say, where somebody has looked."""

    name: str = ""
    content_type: str = ""
    size: int | None = None
    actual_type: str | None = None
    public: bool | None = None


@dataclass(frozen=True)
class TemplateFacts:
    """A wording before anybody gets it. Places in findings are places in `source`."""

    source: str
    body: str = ""
    """One rendered text, for counting."""
    purpose: Purpose = Purpose.ACCOUNT
    category: str = "OTHER"
    role: str = ""
    """What the text is for, where that matters: opt_in_request, opt_in_confirmation, opt_out_confirmation or help."""
    sender_kinds: frozenset[SenderKind] = frozenset()
    regions: frozenset[str] = frozenset()
    """ISO codes of the countries that it may go to."""
    brands: tuple[str, ...] = ()
    """How the organisation is called, any of which will do; empty where nobody knows."""
    language: str = ""
    recipient_languages: frozenset[str] = frozenset()
    media: tuple[Media, ...] = ()
    known_fields: frozenset[str] | None = None
    required: frozenset[str] = frozenset()
    """Fields without a default."""
    lacking: int = 0
    """Recipients who lack one of them."""
    domains: frozenset[str] | None = None
    """The account's own link domains."""
    recurring: bool = False
    days_since_notice: int | None = None
    """Since the recipients were last told how to stop; None where they never were."""
    bulk: bool = True
    event_origin: bool = False
    age_gate: bool = False
    legal_basis: frozenset[str] = frozenset()
    """What a basis is on record for: "validation", "fee"."""
    recipients: int = 0
    segment_price_u: int | None = None
    mms_price_u: int | None = None

    @property
    def about(self) -> Purpose | None:
        """The purpose that rules are chosen by."""
        return self.purpose

    @cached_property
    def text(self) -> str:
        """The source with blanks where values come, so that places stay what they are."""
        return _TAG.sub(lambda tag: " " * len(tag[0]), self.source)

    @cached_property
    def used(self) -> frozenset[str]:
        """Every name that stands inside a tag, in lower case; filters and words of the language included."""
        return frozenset(name.lower() for tag in _TAG.findall(self.source) for name in _NAME.findall(tag))

    @cached_property
    def counted(self) -> str:
        """What is measured: a rendered text, else what of the source is sure to be sent."""
        return self.body or _TAG.sub("", self.source)

    @property
    def exact(self) -> bool:
        """Whether what is measured is a text that somebody gets, and not only a part of it."""
        return bool(self.body) or len(self.counted) == len(self.source)


@dataclass(frozen=True)
class CampaignFacts:
    """A campaign before it is sent."""

    purpose: Purpose = Purpose.ACCOUNT
    regions: frozenset[str] = frozenset()
    sender_kind: SenderKind | None = None
    sender_verified: bool | None = None
    ten_dlc_approved: bool | None = None
    segment_counts: Mapping[int, int] = field(default_factory=dict)
    """Segments of a text → recipients."""
    dear_characters: str = ""
    """Characters of the wording itself that force UCS-2, and the segments that they add for the whole audience."""
    dear_extra: int = 0
    ucs2_by_value: int = 0
    """Recipients whose own values force UCS-2, and what that adds in segments."""
    ucs2_extra: int = 0
    segment_price_u: int | None = None
    counted_body: str = ""
    appended: tuple[str, ...] = ()
    segments: int = 0
    segment_limit: int | None = None
    segments_per_second: int | None = None
    identical_before: int = 0
    """The most identical texts that any recipient of it has had already."""
    finishes_at: datetime | None = None
    window_closes_at: datetime | None = None
    late: timedelta | None = None
    """How long ago it should have started."""
    audience: int = 0
    avoidable: int = 0
    """Of those, opted out or without a usable number."""
    message_price_u: int | None = None
    forecast_u: int | None = None
    budget_u: int | None = None
    missing_rates: tuple[str, ...] = ()
    tested_since_edit: bool | None = None
    new_regions: frozenset[str] = frozenset()
    thousand_block: int = 0
    """The most recipients in one block of a thousand numbers, and the longest row of numbers in sequence."""
    sequential: int = 0
    price_multiple: int | None = None

    @property
    def about(self) -> Purpose | None:
        """The purpose that rules are chosen by."""
        return self.purpose


@dataclass(frozen=True)
class RecipientFacts:
    """One person at the moment of sending. Nothing here says who it is."""

    text: str = ""
    now: datetime | None = None
    purpose: Purpose = Purpose.ACCOUNT
    region: str = ""
    places: frozenset[str] = frozenset()
    """States of the number and of the address, such as "US-FL"."""
    sender_kind: SenderKind | None = None
    # consent
    consent: bool | None = None
    written: bool | None = None
    opted_out: bool = False
    agreed_at: datetime | None = None
    reassigned_at: datetime | None = None
    last_contact_at: datetime | None = None
    """The person's own last text, renewed consent or check for reassignment."""
    implied: str = ""
    """What a consent is implied by: "purchase" or "enquiry"."""
    soft_opt_in: frozenset[str] = frozenset()
    """Of "sale", "similar", "refusal": what is met."""
    text_consent: bool | None = None
    electronic_consent: bool | None = None
    stopped: frozenset[Purpose] = frozenset()
    """Purposes that were revoked, and what they are applied to."""
    asked_kinds: bool = False
    answered_kinds: bool = False
    flags: frozenset[str] = frozenset()
    """Of "no_texts", "attorney", "cease", "bankruptcy"."""
    confirms_opt_out: bool = False
    confirmations_before: int = 0
    revoked_at: datetime | None = None
    first_contact: bool = False
    # time
    window_open: bool | None = None
    window_held: bool = False
    closes_at: datetime | None = None
    zones: tuple[str, ...] = ()
    zones_agree: bool = True
    special: str = ""
    """Why the day or clock is special, as words: "clocks change", "a Sunday", "a holiday"."""
    bad_time: bool = False
    validity_seconds: int | None = None
    exempt_hours: bool = False
    # frequency
    sent_on_subject: int = 0
    sent_day: int = 0
    sent_week: int = 0
    cap_day: int | None = None
    cap_week: int | None = None
    attempts: int = 0
    invitation: bool = False
    invitations: int = 0
    invitations_allowed: int | None = None
    no_one_available: bool = False
    no_one_available_at: datetime | None = None
    # route
    media: bool = False
    mms_there: bool | None = None
    country_enabled: bool | None = None
    permitted: bool | None = None
    """By Twilio's geographic permissions."""
    registration_needed: bool = False
    line_type: str = ""
    landlines: bool = False
    valid: bool = True
    suspicious: tuple[str, ...] = ()

    @property
    def about(self) -> Purpose | None:
        """The purpose that rules are chosen by."""
        return self.purpose

    @property
    def regions(self) -> frozenset[str]:
        """Where the person is."""
        return frozenset({self.region}) - {""}


@dataclass(frozen=True)
class AccountFacts:
    """An account as it is set up."""

    provider: str = "twilio"
    regions: frozenset[str] = frozenset()
    oldest_revocation_days: int | None = None
    """Business days since the oldest revocation that was not applied; None when all are."""
    consent_sources: frozenset[str] = frozenset()
    unproven_consents: int = 0
    sender_edited: bool = False
    default_sender: bool | None = None

    @property
    def about(self) -> Purpose | None:
        """No purpose: rules for any are asked."""
        return None


@dataclass(frozen=True)
class InboundFacts:
    """A reply."""

    text: str = ""
    media: int = 0
    regions: frozenset[str] = frozenset()

    @property
    def about(self) -> Purpose | None:
        """No purpose: rules for any are asked."""
        return None


Subject = TemplateFacts | CampaignFacts | RecipientFacts | AccountFacts | InboundFacts
Worded = TemplateFacts | RecipientFacts
SCOPES: dict[type[Subject], str] = {
    TemplateFacts: "T", CampaignFacts: "C", RecipientFacts: "R", AccountFacts: "W", InboundFacts: "I",
}  # fmt: skip
"""Kind of subject → its letter in the table."""
