"""What does a reply ask for: to be left alone, to come back, help, or nothing of the kind?

The words are dated data, `keywords.csv`. A reply that consists of one of them acts at once. A sentence that asks us to stop
is only probable, and holds the number until a person has read it; a sentence about stopping something else is nothing.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path

LIST = Path(__file__).with_name("keywords.csv")
LONGEST = 2_000
"""Characters that are looked at: more than the longest text a phone can send us (1,600)."""


class Keyword(StrEnum):
    """What a reply asks for."""

    STOP = "STOP"
    START = "START"
    HELP = "HELP"
    PROBABLE_STOP = "PROBABLE_STOP"
    NONE = "NONE"


@dataclass(frozen=True)
class Word:
    """One row of the list; `valid_to` is its last day, None while it is in force."""

    word: str
    action: Keyword
    language: str
    source: str
    valid_from: date
    valid_to: date | None
    confirmed: bool

    def in_force(self, on: date | None) -> bool:
        """On that day; with no day, whether it has no end."""
        if on is None:
            return self.valid_to is None
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)


@dataclass(frozen=True)
class Words:
    """The list as it is looked up: folded replies, single emoji, and word sequences within a sentence."""

    replies: dict[str, Keyword] = field(default_factory=dict)
    emoji: dict[str, Keyword] = field(default_factory=dict)
    phrases: list[str] = field(default_factory=list)


def rows(path: Path = LIST) -> list[Word]:
    """Every row of the list, also those that are no longer in force. Lines starting with # are notes."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = [line for line in file if not line.startswith("#")]
    return [
        Word(
            word=row["word"],
            action=Keyword(row["action"]),
            language=row["language"],
            source=row["source"],
            valid_from=date.fromisoformat(row["valid_from"]),
            valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
            confirmed=row["confirmed"] == "yes",
        )
        for row in csv.DictReader(lines)
    ]


@cache
def words(on: date | None = None) -> Words:
    """The words in force on a day; with no day, those without an end."""
    found = Words()
    for row in rows():
        if not row.in_force(on):
            continue
        if row.language == "emoji":
            found.emoji[row.word] = row.action
        elif row.action is Keyword.PROBABLE_STOP:
            found.phrases.append(fold(row.word))
        else:
            found.replies[fold(row.word)] = row.action
    return found


# Capital and small letters of other alphabets that look Latin: a reply typed on a Cyrillic or Greek keyboard.
_LOOK_ALIKES = str.maketrans("аекморстухвнгіјѕοαεικνρτυχ", "aekmopctyxbhrijsoaeiknptyx")
_APOSTROPHES = re.compile("['’‘ʼ`´]")
_CLAUSE = re.compile(r"[.!?;:,\n\r()\[\]]+|\s[-–—]+\s")
_DO_NOT = re.compile(r"\bdo not\b")
_SPELLED = re.compile(r"(?:\b\w\b ){2,}\b\w\b")


def fold(text: str) -> str:
    """Only the words, lower-cased, single-spaced, without accents: " «Opt-Out!» " is "opt out", "S.T.O.P" is "stop"."""
    text = unicodedata.normalize("NFKC", text[:LONGEST]).casefold()
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c) not in ("Mn", "Cf"))
    text = _APOSTROPHES.sub("", text.translate(_LOOK_ALIKES))
    text = " ".join("".join(c if c.isalnum() else " " for c in text).split())
    text = _SPELLED.sub(lambda spelled: spelled[0].replace(" ", ""), text)
    return _DO_NOT.sub("dont", text)


def classify(text: str, *, on: date | None = None) -> Keyword:
    """What a reply asks for, by the words in force on a day (with no day: those without an end)."""
    known = words(on)
    folded = fold(text)
    if not folded:
        return _emoji(text, known)
    whole = known.replies.get(folded) or known.replies.get(_once(folded))
    if whole is not None:
        return whole
    polite = known.replies.get(_without(folded, _PLEASE)) is Keyword.STOP
    return Keyword.PROBABLE_STOP if polite or any(_asks(clause, known) for clause in _clauses(text)) else Keyword.NONE


def _once(folded: str) -> str:
    """One word where it is only repeated: "stop stop stop" is "stop"."""
    tokens = folded.split()
    return tokens[0] if len(set(tokens)) == 1 else folded


def _emoji(text: str, known: Words) -> Keyword:
    """A reply of nothing but emoji of the list, whatever their skin tone, how often and with what punctuation."""
    symbols = {c for c in text[:LONGEST] if unicodedata.category(c) == "So"}
    actions = {known.emoji.get(symbol, Keyword.NONE) for symbol in symbols}
    return actions.pop() if len(actions) == 1 else Keyword.NONE


def _clauses(text: str) -> Iterator[str]:
    return filter(None, map(fold, _CLAUSE.split(text[:LONGEST])))


# Grammar, not a list of words that anyone would maintain. What may stand beside a bare stop word that is addressed to us:
_PLEASE = re.compile(r"\b(please|pls|plz|kindly|now|immediately|thanks|thank|you)\b")
_COURTESY = re.compile(
    _PLEASE.pattern + r"|\b(just|ok|okay|hi|hello|hey|sir|maam|it|this|that|all|already|right|asap|today|forever"
    r"|i|u|said|want|to|would|like|can|could|will)\b"
)
# … the stop words that mean something else in a sentence ("I will leave now", "cancel my order") …
_AMBIGUOUS = frozenset({"end", "cancel", "leave", "block", "delete", "halt", "cease", "td"})
# … and what, just before "stop texting", shows that somebody else is addressed or the opposite is meant.
_OTHERS = re.compile(r"\b(we|they|he|she|people|everyone|lets|us|if|dont|never|not|cant|didnt|wont)\b")
_REACH = 4


def _asks(clause: str, known: Words) -> bool:
    """Whether one clause asks us to stop: a bare stop word among courtesies, or a phrase addressed to us."""
    bare = _without(clause, _COURTESY)
    if bare not in _AMBIGUOUS and known.replies.get(bare) is Keyword.STOP:
        return True
    padded = f" {clause} "
    for phrase in known.phrases:
        before, found, _ = padded.partition(f" {phrase} ")
        if found and not _OTHERS.search(" ".join(before.split()[-_REACH:])):
            return True
    return False


def _without(folded: str, courtesies: re.Pattern[str]) -> str:
    """What is left of a text without its courtesies, a repeated word once."""
    return _once(" ".join(courtesies.sub(" ", folded).split()))
