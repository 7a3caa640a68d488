"""What do the records say about a wording, a campaign, a recipient or an account? Fills the facts that rules read.

What nobody records stays unknown, and its rules silent. Four of them have no breach to find here: what Twilio's queue holds
(S07), because sending is paced; avoidable failures (B02), because those people are left out; an old revocation (N04), because
one counts from the moment it is written. A missed start (Q05) is held by `sender/starts.py`, and a person's yes settles it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

from sqlalchemy import Text, cast, func, select
from sqlalchemy.orm import Session

from models.accounts import Account, SenderKind, SendingNumber
from models.campaigns import Campaign
from models.consent import ConsentEvent, ConsentKind, Purpose
from models.contacts import Contact
from models.countries import CountrySetting
from models.messages import Direction, Message, with_phone
from models.templates import Template, TemplateVersion
from models.users import AuditEntry
from sender import consent
from sender.lint_subjects import AccountFacts, CampaignFacts, Media, RecipientFacts, TemplateFacts
from sender.rule_table import book
from sender.schedule import Window
from sender.syntax import TemplateError
from sender.templates import parse

ROLES = frozenset({"opt_in_request", "opt_in_confirmation", "opt_out_confirmation", "help"})
"""Use cases of system texts that rules know."""
PROVEN = ("{}", "null", "")
"""Evidence that proves nothing, as JSON is written."""


def names(account: Account, on: date) -> tuple[str, ...]:
    """How an organisation may be called in a text: in full, and without words such as "Association" at either end."""
    words, generic = account.name.split(), book(on).words("brand_generic")
    while len(words) > 1 and words[-1].strip(".,").lower() in generic:
        words.pop()
    while len(words) > 1 and words[0].lower() in generic:
        words.pop(0)
    return tuple(dict.fromkeys((account.name, " ".join(words).rstrip(","))))


def enabled(session: Session, account_id: int) -> frozenset[str]:
    """The countries that an account texts."""
    query = select(CountrySetting.region).where(
        CountrySetting.account_id == account_id, CountrySetting.enabled.is_(True)
    )
    return frozenset(session.scalars(query))


def wording(
    session: Session,
    account: Account,
    source: str,
    *,
    on: date,
    purpose: Purpose = Purpose.ACCOUNT,
    senders: Collection[SendingNumber] | None = None,
    category: str = "OTHER",
    use_case: str = "",
    language: str = "",
    media_url: str | None = None,
    recurring: bool = False,
) -> TemplateFacts:
    """A wording as an account would send it: from these senders, else from any that is active."""
    given = [sender for sender in account.senders if sender.active] if senders is None else senders
    try:
        required = frozenset(parse(source).required)
    except TemplateError:
        required = frozenset()
    return TemplateFacts(
        source, purpose=purpose, category=category, role=use_case if use_case in ROLES else "", language=language,
        sender_kinds=frozenset(sender.kind for sender in given), regions=enabled(session, account.id),
        brands=names(account, on), required=required, recurring=recurring,
        media=(Media(name=media_url.rpartition("/")[2].partition("?")[0]),) if media_url else (),
    )  # fmt: skip


def of_version(
    session: Session, version: TemplateVersion, *, on: date, sender: SendingNumber | None = None, recurring: bool = False
) -> TemplateFacts:  # fmt: skip
    """A saved wording, sent from a sender or from any."""
    template: Template = version.template
    return wording(
        session, template.account, version.source, on=on, purpose=template.purpose, category=template.category,
        use_case=template.use_case, language=version.language, media_url=version.media_url, recurring=recurring,
        senders=None if sender is None else [sender],
    )  # fmt: skip


def of_campaign(session: Session, campaign: Campaign) -> CampaignFacts:
    """A campaign as far as it is known before anybody has counted its texts."""
    sender = campaign.sender
    toll_free = sender.kind is SenderKind.TOLL_FREE
    return CampaignFacts(
        purpose=campaign.purpose, regions=enabled(session, campaign.account_id), sender_kind=sender.kind,
        sender_verified=sender.may_send if toll_free else None,
    )  # fmt: skip


def of_account(session: Session, account: Account) -> AccountFacts:
    """An account as it is set up, and what its consent ledger can prove."""
    unproven = select(func.count()).where(
        ConsentEvent.account_id == account.id, ConsentEvent.kind == ConsentKind.OPT_IN,
        ConsentEvent.message_id.is_(None), ConsentEvent.reason == "", cast(ConsentEvent.evidence, Text).in_(PROVEN),
    )  # fmt: skip
    edited = select(AuditEntry.id).where(
        AuditEntry.account_id == account.id, AuditEntry.action == "sending_number:edit"
    )
    return AccountFacts(
        regions=enabled(session, account.id), unproven_consents=session.scalar(unproven) or 0,
        sender_edited=session.scalar(edited.limit(1)) is not None,
        default_sender=any(sender.is_default and sender.active for sender in account.senders),
    )  # fmt: skip


def of_recipient(
    session: Session,
    contact: Contact,
    body: str,
    *,
    purpose: Purpose,
    sender: SendingNumber,
    now: datetime,
    window: Window | None = None,
    setting: CountrySetting | None = None,
    media: bool = False,
) -> RecipientFacts:
    """One person at the moment of sending: consent by the ledger, country, line and window. `now` must be aware."""
    decision = consent.as_of(session, contact.account_id, contact.phone, purpose, now)
    phone = contact.phone
    before = select(Message.id).where(
        Message.account_id == contact.account_id, Message.direction == Direction.OUTBOUND,
        with_phone(contact.account_id, lambda column: column == phone),
    )  # fmt: skip
    zones = (contact.time_zone,) if contact.time_zone else tuple(filter(None, contact.time_zones.split(",")))
    place = f"{contact.region}-{contact.address_region}" if contact.address_region else ""
    return RecipientFacts(
        text=body, now=now, purpose=purpose, region=contact.region, places=frozenset({place}) - {""}, sender_kind=sender.kind,
        consent=decision.agreed is not None, opted_out=decision.blocking is not None,
        agreed_at=decision.agreed.at if decision.agreed else None, line_type=contact.line_type, zones=zones, media=media,
        first_contact=session.scalar(before.limit(1)) is None, window_open=window.open if window else None,
        window_held=window.held if window else False, closes_at=window.closes_at if window else None,
        country_enabled=setting.enabled if setting else None, mms_there=setting.mms if setting else None,
        landlines=setting.landlines if setting else False,
    )  # fmt: skip
