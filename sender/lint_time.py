"""Is this the time? Rules Q01 to Q08, on windows that were computed elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sender.lint_registry import Hit, rule
from sender.lint_subjects import CampaignFacts, RecipientFacts, TemplateFacts
from sender.rule_table import Book


@rule("Q01", RecipientFacts)
def outside(facts: RecipientFacts, _: Book) -> Iterator[Hit]:
    """A closed window; the confirmation of an opt-out and other exempt texts may leave at any hour."""
    if facts.window_open is False and not (facts.exempt_hours or facts.confirms_opt_out):
        yield Hit(
            "The recipient's window is not known." if facts.window_held else "The recipient's window is closed now."
        )


@rule("Q02", RecipientFacts)
def which_zone(facts: RecipientFacts, _: Book) -> Iterator[Hit]:
    """Several zones that do not agree on whether it is time."""
    if len(facts.zones) > 1 and not facts.zones_agree:
        yield Hit(f"The number may be in {len(facts.zones)} time zones, and not in all of them is it time.")


@rule("Q03", CampaignFacts)
def spills_over(facts: CampaignFacts, _: Book) -> Iterator[Hit]:
    """A finish after the first window closes."""
    finish, close = facts.finishes_at, facts.window_closes_at
    if finish is None or close is None or finish.tzinfo is None or close.tzinfo is None:
        return
    if finish > close:
        late = (finish - close) // timedelta(minutes=1)
        yield Hit(f"The last text would leave {late:,} minutes after the window closes.")


@rule("Q04", RecipientFacts)
def valid_too_long(facts: RecipientFacts, book: Book) -> Iterator[Hit]:
    """A validity beyond the window."""
    now, close = facts.now, facts.closes_at
    if facts.validity_seconds is None or now is None or close is None or now.tzinfo is None or close.tzinfo is None:
        return
    left = min(max(0, (close - now) // timedelta(seconds=1)), book.limit("validity_seconds"))
    if facts.validity_seconds > left:
        yield Hit(
            f"The text is valid for {facts.validity_seconds:,} seconds, and {left:,} are left.", autofix=str(left)
        )


@rule("Q05", CampaignFacts)
def missed(facts: CampaignFacts, book: Book) -> Iterator[Hit]:
    """A start that is past by more than the grace."""
    grace = timedelta(minutes=book.limit("start_grace_minutes"))
    if facts.late is not None and facts.late > grace:
        late = facts.late // timedelta(minutes=1)
        yield Hit(
            f"It should have started {late:,} minutes ago; after {grace // timedelta(minutes=1)} a person decides."
        )


@rule("Q06", RecipientFacts)
def special_day(facts: RecipientFacts, _: Book) -> Iterator[Hit]:
    """What narrows the window of this day."""
    if facts.special:
        yield Hit(f"The window is narrower: {facts.special}.")


@rule("Q07", RecipientFacts)
def refused_time(facts: RecipientFacts, _: Book) -> Iterator[Hit]:
    """A time that the person refused."""
    if facts.bad_time:
        yield Hit("The person has said that this time is inconvenient.")


@rule("Q08", TemplateFacts)
def no_event(facts: TemplateFacts, _: Book) -> Iterator[Hit]:
    """The category that is exempt, without what makes it exempt."""
    if facts.category == "INFORMATION" and facts.bulk and not facts.event_origin:
        yield Hit("The category INFORMATION is used in bulk: no payment or request of the person caused the text.")
