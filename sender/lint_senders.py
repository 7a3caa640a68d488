"""Can this sender reach this number? Rules S01 to S10."""

from __future__ import annotations

from collections.abc import Iterator

from models.accounts import SenderKind
from sender.lint_registry import Hit, rule
from sender.lint_subjects import AccountFacts, CampaignFacts, RecipientFacts
from sender.rule_table import Book

SECONDS = 3600


@rule("S01", CampaignFacts)
def unverified(facts: CampaignFacts, _: Book) -> Iterator[Hit]:
    """A toll-free number that is not verified."""
    if facts.sender_kind is SenderKind.TOLL_FREE and facts.sender_verified is False:
        yield Hit("The toll-free number is not verified by Twilio: its texts would be blocked.")


@rule("S02", CampaignFacts)
def unregistered(facts: CampaignFacts, _: Book) -> Iterator[Hit]:
    """A long code without an approved 10DLC campaign."""
    if facts.sender_kind is SenderKind.LONG_CODE and facts.ten_dlc_approved is False:
        yield Hit("The 10DLC campaign of this number is not approved: its texts would be blocked.")


@rule("S03", RecipientFacts)
def name_as_sender(facts: RecipientFacts, book: Book) -> Iterator[Hit]:
    """A name where none is taken, or only a registered one."""
    if facts.sender_kind is not SenderKind.ALPHANUMERIC:
        return
    if facts.region.lower() in book.words("no_alphanumeric_region"):
        yield Hit(f"{facts.region} takes no name as sender.")
    elif facts.registration_needed:
        yield Hit(f"{facts.region or 'The country'} takes only a registered name as sender.")


@rule("S04", RecipientFacts)
def not_allowed(facts: RecipientFacts, _: Book) -> Iterator[Hit]:
    """A country that is switched off, here or at Twilio."""
    if facts.country_enabled is False:
        yield Hit(f"{facts.region or 'The country'} is not enabled in Country settings.")
    if facts.permitted is False:
        yield Hit(f"Twilio's geographic permissions do not include {facts.region or 'the country'}.")


@rule("S05", RecipientFacts)
def not_texted(facts: RecipientFacts, book: Book) -> Iterator[Hit]:
    """A number that is none, or of a kind that is not texted."""
    if not facts.valid:
        yield Hit("The number is not valid.")
    elif facts.line_type in book.words("no_text_line") and not (facts.line_type == "fixed_line" and facts.landlines):
        yield Hit(f"The number is of a kind that is not texted: {facts.line_type.replace('_', ' ')}.")


@rule("S06", CampaignFacts)
def over_limit(facts: CampaignFacts, _: Book) -> Iterator[Hit]:
    """More segments than the limit in force."""
    if facts.segment_limit is not None and facts.segments > facts.segment_limit:
        yield Hit(f"It needs {facts.segments:,} segments; the limit is {facts.segment_limit:,}.")


@rule("S07", CampaignFacts)
def over_queue(facts: CampaignFacts, book: Book) -> Iterator[Hit]:
    """More than Twilio's queue holds of this sender."""
    if not facts.segments_per_second:
        return
    holds = book.limit("queue_hours") * SECONDS * facts.segments_per_second
    if facts.segments > holds:
        yield Hit(f"It needs {facts.segments:,} segments, and the queue of this sender holds {holds:,}.")


@rule("S08", AccountFacts)
def edited(facts: AccountFacts, _: Book) -> Iterator[Hit]:
    """A sending number that was changed after texts left from it."""
    if facts.sender_edited:
        yield Hit("A sending number was changed after texts had left from it.")


@rule("S09", AccountFacts)
def no_default(facts: AccountFacts, _: Book) -> Iterator[Hit]:
    """No default to send from."""
    if facts.default_sender is False:
        yield Hit("No messaging service or number of the account is the default to send from.")


@rule("S10", CampaignFacts)
def untried(facts: CampaignFacts, _: Book) -> Iterator[Hit]:
    """No test since the last change."""
    if facts.tested_since_edit is False:
        yield Hit("Nobody has had a test message since the text was changed.")
