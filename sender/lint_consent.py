"""May this person be texted, and was what they said honoured? Rules N01 to N09, N12 to N20."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from models.consent import Purpose
from sender.keywords import Keyword, classify
from sender.lint_registry import Hit, rule
from sender.lint_subjects import AccountFacts, InboundFacts, RecipientFacts
from sender.rule_table import Book, Severity

_FLAGS = {"attorney": "represented by an attorney", "cease": "a request to cease", "bankruptcy": "in bankruptcy"}
_SOFT = ("sale", "similar", "refusal")


@rule("N01", RecipientFacts)
def no_consent(facts: RecipientFacts, _: Book) -> Iterator[Hit]:
    """Nobody knows of a yes."""
    if facts.consent is False:
        yield Hit(f"There is no consent to texts of the kind {facts.purpose.value}.")


@rule("N02", RecipientFacts)
def not_written(facts: RecipientFacts, _: Book) -> Iterator[Hit]:
    """A yes that is not in writing."""
    if facts.consent and facts.written is False:
        yield Hit("The consent is on record, but not in writing.")


@rule("N03", RecipientFacts)
def opted_out(facts: RecipientFacts, _: Book) -> Iterator[Hit]:
    """A no that stands now."""
    if facts.opted_out and not facts.confirms_opt_out:
        yield Hit("The person opted out, and nothing has reopened the number since.")


@rule("N04", AccountFacts)
def not_applied(facts: AccountFacts, book: Book) -> Iterator[Hit]:
    """A revocation that waits."""
    days = facts.oldest_revocation_days
    if days is None:
        return
    breach, alarm = book.limit("revocation_breach"), book.limit("revocation_alarm")
    grade = "in breach of the law" if days >= breach else "an alarm" if days >= alarm else "to be applied at once"
    yield Hit(f"A revocation was not applied for {days} business days: {grade} (the law allows {breach}).")


@rule("N05", InboundFacts)
def revokes(facts: InboundFacts, book: Book) -> Iterator[Hit]:
    """A reply that is a revocation."""
    if classify(facts.text, on=book.on) is Keyword.STOP:
        yield Hit("The reply asks to stop.")


@rule("N06", InboundFacts)
def probably_revokes(facts: InboundFacts, book: Book) -> Iterator[Hit]:
    """A reply that may be one."""
    if classify(facts.text, on=book.on) is Keyword.PROBABLE_STOP:
        yield Hit("A sentence of the reply probably asks to stop.")


@rule("N07", RecipientFacts)
def confirmation(facts: RecipientFacts, book: Book) -> Iterator[Hit]:
    """A confirmation that comes twice, late, or with an offer."""
    if not facts.confirms_opt_out:
        return
    most = timedelta(minutes=book.limit("confirmation_minutes"))
    if facts.confirmations_before:
        yield Hit("The opt-out was confirmed already.")
    waited = _between(facts.revoked_at, facts.now)
    if waited is not None and waited > most:
        yield Hit(
            f"The confirmation comes after {waited // timedelta(minutes=1)} minutes; at most {most.seconds // 60}."
        )
    offers = book.found("promotion", facts.text)
    if offers:
        yield Hit("The confirmation promotes something.", offers[0])
    elif "://" in facts.text:
        at = facts.text.index("://")
        yield Hit("The confirmation has a link.", (at, at + 3))


def _between(earlier: datetime | None, later: datetime | None) -> timedelta | None:
    """How much later, or None where either is not known or has no zone."""
    if earlier is None or later is None or earlier.tzinfo is None or later.tzinfo is None:
        return None
    return later - earlier


@rule("N08", RecipientFacts)
def no_answer(facts: RecipientFacts, _: Book) -> Iterator[Hit]:
    """A question which kinds to stop that nobody answered, and texts that go on."""
    if facts.asked_kinds and not facts.answered_kinds and Purpose.ALL not in facts.stopped:
        yield Hit("Nobody answered which kinds to stop, so every kind is stopped.")


@rule("N09", RecipientFacts)
def stops_all(facts: RecipientFacts, _: Book) -> Iterator[Hit]:
    """A stop to another kind than this text's."""
    if facts.stopped and facts.purpose not in facts.stopped and Purpose.ALL not in facts.stopped:
        said = ", ".join(sorted(purpose.value for purpose in facts.stopped))
        yield Hit(f"A stop to texts of the kind {said} stops this one, too.")


@rule("N12", AccountFacts)
def bought(facts: AccountFacts, book: Book) -> Iterator[Hit]:
    """Consent that came with a list."""
    found = sorted(source for source in facts.consent_sources if source.lower() in book.words("purchased_source"))
    if found:
        yield Hit(f"Consents are on record as {', '.join(found)}.")


@rule("N13", RecipientFacts)
def stale(facts: RecipientFacts, book: Book) -> Iterator[Hit]:
    """No word of the person, renewal or check for too long."""
    since = _between(facts.last_contact_at, facts.now)
    most = book.limit("fresh_contact_days")
    if since is not None and since > timedelta(days=most):
        yield Hit(f"The last text, consent or check is {since.days} days ago; at most {most}.")


@rule("N14", RecipientFacts)
def reassigned(facts: RecipientFacts, _: Book) -> Iterator[Hit]:
    """A number with a new holder."""
    if facts.reassigned_at is None:
        return
    after = _between(facts.agreed_at, facts.reassigned_at)
    if after is None or after > timedelta(0):
        yield Hit("The number was reassigned after the consent.")


@rule("N15", AccountFacts)
def unproven(facts: AccountFacts, _: Book) -> Iterator[Hit]:
    """Consents that prove nothing."""
    if facts.unproven_consents:
        yield Hit(f"{facts.unproven_consents:,} consents lack who, how, the wording or the evidence.")


@rule("N16", RecipientFacts)
def soft_opt_in(facts: RecipientFacts, _: Book) -> Iterator[Hit]:
    """Neither consent to texts nor every test of the soft opt-in."""
    lacking = [test for test in _SOFT if test not in facts.soft_opt_in]
    if facts.text_consent is False and lacking:
        yield Hit(f"There is no consent to texts, and of the soft opt-in is missing: {', '.join(lacking)}.")


@rule("N17", RecipientFacts)
def run_out(facts: RecipientFacts, book: Book) -> Iterator[Hit]:
    """An implied consent past its term."""
    since = _between(facts.agreed_at, facts.now)
    if since is None or facts.implied not in ("purchase", "enquiry"):
        return
    most = book.limit(f"implied_{facts.implied}_days")
    if since.days > most:
        yield Hit(f"The consent implied by a {facts.implied} is {since.days} days old; it lasts {most}.")


@rule("N18", RecipientFacts)
def electronic(facts: RecipientFacts, book: Book) -> Iterator[Hit]:
    """A place that asks for consent to electronic debt communication."""
    there = sorted(place for place in facts.places if place.lower() in book.words("debt_consent_place"))
    if there and facts.electronic_consent is not True:
        yield Hit(f"No prior consent to electronic debt communication is on record, for {', '.join(there)}.")


@rule("N19", RecipientFacts)
def another_medium(facts: RecipientFacts, _: Book) -> Iterator[Hit]:
    """A person who asked for another medium."""
    if "no_texts" in facts.flags:
        yield Hit("The person asked not to be texted.")


@rule("N20", RecipientFacts)
def not_to_be_contacted(facts: RecipientFacts, _: Book) -> Iterator[Hit]:
    """An attorney, a cease request, a bankruptcy."""
    found = [words for flag, words in _FLAGS.items() if flag in facts.flags]
    if found:
        yield Hit(f"On record: {', '.join(found)}.", severity=Severity.BLOCK)
