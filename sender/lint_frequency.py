"""Is it too often? Rules F01 to F05, on counts that were made elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sender.lint_registry import Hit, rule
from sender.lint_subjects import RecipientFacts
from sender.rule_table import Book, Severity


@rule("F01", RecipientFacts)
def one_subject(facts: RecipientFacts, book: Book) -> Iterator[Hit]:
    """More on one subject in 24 hours than some states allow: a block there, elsewhere only worth knowing."""
    most = book.limit("subject_texts")
    if facts.sent_on_subject < most:
        return
    there = sorted(place for place in facts.places if place.lower() in book.words("subject_cap_place"))
    sentence = f"It would be text {facts.sent_on_subject + 1} on one subject in 24 hours; {most} are allowed"
    yield Hit(f"{sentence} in {', '.join(there) or 'some states'}.", severity=None if there else Severity.WARN)


@rule("F02", RecipientFacts)
def capped(facts: RecipientFacts, _: Book) -> Iterator[Hit]:
    """More than the account allows itself."""
    for sent, cap, span in ((facts.sent_day, facts.cap_day, "a day"), (facts.sent_week, facts.cap_week, "a week")):
        if cap is not None and sent >= cap:
            yield Hit(f"The person has had {sent} texts; the account allows {cap} {span}.")


@rule("F03", RecipientFacts)
def attempts(facts: RecipientFacts, book: Book) -> Iterator[Hit]:
    """More attempts in a week than the policy."""
    most = book.limit("attempts")
    if facts.attempts >= most:
        yield Hit(f"It would be attempt {facts.attempts + 1} in 7 days; the policy (not Regulation F) is {most}.")


@rule("F04", RecipientFacts)
def invited(facts: RecipientFacts, _: Book) -> Iterator[Hit]:
    """One invitation too many."""
    most = facts.invitations_allowed
    if facts.invitation and most is not None and facts.invitations >= most:
        yield Hit(f"The number was invited {facts.invitations} times; {most} are allowed.")


@rule("F05", RecipientFacts)
def nobody_again(facts: RecipientFacts, book: Book) -> Iterator[Hit]:
    """The automatic answer for the second time in a day."""
    last, now = facts.no_one_available_at, facts.now
    if not facts.no_one_available or last is None or now is None or last.tzinfo is None or now.tzinfo is None:
        return
    hours = book.limit("no_one_available_hours")
    if now - last < timedelta(hours=hours):
        yield Hit(f"The person was told so {(now - last) // timedelta(hours=1)} hours ago; once in {hours} hours.")
