"""What do we say to somebody who is asked to agree, and what counts as a yes? Dated data in three languages.

The rows are `opt_in_words.csv`; what is legal in them has its source and whether that was confirmed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from models.opt_ins import OptInWording
from sender import dated
from sender.keywords import Keyword, fold

LIST = Path(__file__).with_name("opt_in_words.csv")
LANGUAGES = {"en": "English", "es": "Spanish", "fr": "French"}


@dataclass(frozen=True)
class Phrase:
    """One row of the list; `valid_to` is its last day, None while it is in force."""

    key: str
    language: str
    text: str
    source: str
    valid_from: date
    valid_to: date | None
    confirmed: bool

    def in_force(self, on: date) -> bool:
        """On that day."""
        return dated.counts(self, on)


@cache
def rows() -> tuple[Phrase, ...]:
    """Every row of the list. Lines starting with # are notes."""
    return tuple(
        Phrase(
            row["key"],
            row["language"],
            row["text"],
            row["source"],
            *dated.days(row),
            confirmed=row["confirmed"] == "yes",
        )
        for row in dated.table(LIST)
    )


@cache
def phrases(language: str, on: date | None = None) -> dict[str, str]:
    """The phrases of a language (LANGUAGES) in force on a day, by key; with no day, those without an end."""
    return {one.key: one.text for one in rows() if one.language == language and _counts(one, on)}


def _counts(one: Phrase, on: date | None) -> bool:
    return one.valid_to is None if on is None else one.in_force(on)


@cache
def _folded(key: str) -> frozenset[str]:
    return frozenset(fold(one.text) for one in rows() if one.key == key and one.valid_to is None)


def agrees(body: str, keyword: Keyword) -> bool:
    """Whether a whole reply is a yes: one of our words, or one that the list of reply words reads as START."""
    return keyword is Keyword.START or (keyword is Keyword.NONE and fold(body) in _folded("yes"))


def forbidden(provenance: str) -> bool:
    """Whether a description of where an opt-in came from names a bought or shared list."""
    said = f" {fold(provenance)} "
    return any(f" {word} " in said for word in _folded("forbidden"))


def agreement(language: str, *, brand: str, programme: str, frequency: str) -> str:
    """The full sentence that people agree to."""
    return phrases(language)["agreement"].format(brand=brand, programme=programme, frequency=frequency)


def ask(wording: OptInWording) -> str:
    """The text that asks for a yes."""
    return _filled("ask", wording)


def welcome(wording: OptInWording) -> str:
    """The one text that confirms a yes: who, what about, how often, rates, HELP and STOP (CTIA 5.1)."""
    return _filled("welcome", wording)


def code(wording: OptInWording, secret: str, valid: timedelta) -> str:
    """The text that carries a code."""
    minutes = max(1, valid // timedelta(minutes=1))
    return phrases(wording.language)["code"].format(brand=wording.brand, code=secret, minutes=minutes)


def _filled(key: str, wording: OptInWording) -> str:
    found = phrases(wording.language)[key]
    return found.format(brand=wording.brand, programme=wording.programme, frequency=wording.frequency)
