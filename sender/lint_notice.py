"""Does the text say who writes, how to stop, how to get help and how to come back? Rules X01 to X05, X08, N10 and N11."""

from __future__ import annotations

import re
from collections.abc import Iterator

from models.accounts import SenderKind
from models.consent import Purpose
from sender.lint_registry import Hit, rule
from sender.lint_subjects import RecipientFacts, TemplateFacts, Worded
from sender.rule_table import Book

LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_REACH = re.compile(r"\+?\d[\d ().-]{6,}\d|\S+@\S+\.\w+|https?://\S+", re.IGNORECASE)
_INVITES = re.compile(
    r"\b(?:reply|text|txt|send|respond)\s+(?:with\s+)?[\"'“‘]?(?P<word>[A-Z]{2,12}|\w+(?=[\"'”’]))[\"'”’]?\s+(?:to|and|2)\s+(?P<rest>[^.!?]{0,60})",
    re.IGNORECASE,
)
_REACHED = ("phone", "url", "link", "email", "address")
"""Parts of a field's name that promise a way to reach somebody."""
NO_NOTICE = "The text does not say how to opt out."


@rule("X01", TemplateFacts, RecipientFacts)
def no_way_out(facts: Worded, book: Book) -> Iterator[Hit]:
    """No opt-out notice that can be used."""
    if not book.has("opt_out_notice", facts.text):
        yield Hit(NO_NOTICE, fix="Add “Reply STOP to opt out.”, which is counted with the text.")


@rule("X02", TemplateFacts)
def not_told(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """Recurring or marketing, and nobody was told how to stop of late."""
    repeated = facts.recurring or facts.purpose is Purpose.MARKETING or facts.role == "opt_in_confirmation"
    if not repeated or book.has("opt_out_notice", facts.text):
        return
    days = facts.days_since_notice
    if days is None or days > book.limit("notice_days"):
        when = "never said" if days is None else f"last said {days} days ago"
        yield Hit(f"The text does not say how to opt out, and to these recipients it was {when}.")


@rule("X03", TemplateFacts)
def stop_to_a_name(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """A reply asked for by a sender that gets none."""
    found = book.found("opt_out_reply", facts.text)
    if SenderKind.ALPHANUMERIC in facts.sender_kinds and found:
        yield Hit(f"“{facts.text[slice(*found[0])]}” is asked for by a name, which gets no replies.", found[0])


@rule("X04", TemplateFacts)
def only_elsewhere(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """An opt-out by call, letter or a site that is not linked, and no other."""
    found = book.found("opt_out_elsewhere", facts.text)
    if found and not book.has("opt_out_notice", facts.text) and not LINK.search(facts.text):
        yield Hit(f"“{facts.text[slice(*found[0])]}” is the only way to opt out.", found[0])


@rule("X05", TemplateFacts)
def who(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """Nobody is named."""
    named_by_sender = facts.sender_kinds == frozenset({SenderKind.ALPHANUMERIC})
    if facts.brands and not named_by_sender and not branded(facts, book):
        yield Hit(f"The text does not name {facts.brands[0]}.", fix=f"Begin with “{facts.brands[0]}: ”.")


def branded(facts: TemplateFacts, book: Book) -> bool:
    """Whether a name of the organisation, or a field that holds it, stands in the text."""
    lower = facts.text.lower()
    named = any(brand.lower() in lower for brand in facts.brands if brand)
    return named or not facts.used.isdisjoint(book.words("brand_field"))


@rule("X08", TemplateFacts)
def no_help(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """An answer to HELP without a name or without a person."""
    if facts.role != "help":
        return
    lacking = [] if branded(facts, book) else ["the organisation's name"]
    fields = any(part in name for name in facts.used for part in _REACHED)
    if not fields and not _REACH.search(facts.text):
        lacking.append("a number, address or link that leads to a person")
    if lacking:
        yield Hit(f"The answer to HELP lacks {' and '.join(lacking)}.")


@rule("N10", TemplateFacts)
def incomplete(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """An opt-in confirmation without one of the six."""
    if facts.role != "opt_in_confirmation":
        return
    told = {
        "the brand": branded(facts, book), "the programme": book.has("programme", facts.text),
        "how often": book.has("how_often", facts.text), "HELP": book.has("help_word", facts.text),
        "STOP": book.has("opt_out_notice", facts.text), "that rates apply": book.has("rates_apply", facts.text),
    }  # fmt: skip
    lacking = [name for name, there in told.items() if not there]
    if lacking:
        yield Hit(f"The opt-in confirmation lacks {', '.join(lacking)}.")


@rule("N11", TemplateFacts)
def does_not_bring_back(facts: TemplateFacts, book: Book) -> Iterator[Hit]:
    """An invitation to join with a word that some sender of it does not honour."""
    toll_free = SenderKind.TOLL_FREE in facts.sender_kinds
    honoured = book.words("rejoin_toll_free" if toll_free else "rejoin")
    for match in _INVITES.finditer(facts.text):
        word = match["word"].lower()
        if word not in honoured and not _other(word, book) and book.has("rejoin_purpose", match["rest"]):
            where = "a toll-free number does" if toll_free else "the networks do"
            yield Hit(f"“{match['word']}” does not bring anybody back: {where} not know it.", match.span("word"))


def _other(word: str, book: Book) -> bool:
    """Whether the word is for help or stopping, and only said beside joining."""
    return word in book.words("help_word") or word in {"stop", "alto", "arret"}
