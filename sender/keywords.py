"""What does a reply ask for: to be left alone, to come back, help, or nothing of the kind?

The words are dated data, `keywords.csv`. A reply that is one of them, courtesies aside, acts at once. A sentence that asks us to
stop is only probable (`sender/revocations.py`), and holds the number until a person has read it; a sentence about stopping
something else is nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from sender import dated, revocations

LIST = Path(__file__).with_name("keywords.csv")
SENTENCES = "*"
"""The row of the list that says from when sentences count."""
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
    alone: bool
    """Whether it counts with nothing beside it only."""

    def in_force(self, on: date | None) -> bool:
        """On that day; with no day, whether it has no end."""
        if on is None:
            return self.valid_to is None
        return dated.counts(self, on)


@dataclass(frozen=True)
class Words:
    """The list as it is looked up: folded replies and single emoji."""

    replies: dict[str, Keyword] = field(default_factory=dict)
    emoji: dict[str, Keyword] = field(default_factory=dict)
    alone: set[str] = field(default_factory=set)
    sentences: bool = False
    """Whether a sentence that sounds like a revocation counts."""


def rows(path: Path = LIST) -> list[Word]:
    """Every row of the list, also those that are no longer in force. Lines starting with # are notes."""
    return [
        Word(
            row["word"],
            Keyword(row["action"]),
            row["language"],
            row["source"],
            *dated.days(row),
            confirmed=row["confirmed"] == "yes",
            alone=row["alone"] == "yes",
        )
        for row in dated.table(path)
    ]


@lru_cache(maxsize=64)
def words(on: date | None = None) -> Words:
    """The words in force on a day; with no day, those without an end."""
    standing = [row for row in rows() if row.in_force(on)]
    found = Words(sentences=any(row.word == SENTENCES for row in standing))
    for row in standing:
        if row.language == "emoji":
            found.emoji[row.word] = row.action
            continue
        if row.word == SENTENCES:
            continue
        found.replies[fold(row.word)] = row.action
        if row.alone:
            found.alone.add(fold(row.word))
    return found


# Capital and small letters of other alphabets that look Latin: a reply typed on a Cyrillic or Greek keyboard.
_LOOK_ALIKES = str.maketrans("аекморстухвнгіјѕοαεικνρτυχ", "aekmopctyxbhrijsoaeiknptyx")
_ELISION = re.compile("(?i)\\b([cdjlmnst]|qu)['’‘ʼ`´](?=\\w)")
_APOSTROPHES = re.compile("['’‘ʼ`´]")
_CLAUSE = re.compile(r"[.!?;:,\n\r()\[\]]+|\s[-–—]+\s")
_SIGNATURE = re.compile(r"(?im)^\s*(sent from my|enviado desde mi|envoy[eé] de mon)\b.*$")
_DO_NOT = re.compile(r"\bdo not\b")
_SPELLED = re.compile(r"(?:\b\w\b ){2,}\b\w\b")


def fold(text: str) -> str:
    """Only the words, lower-cased, single-spaced, without accents: " «Opt-Out!» " is "opt out", "S.T.O.P" is "stop"."""
    text = unicodedata.normalize("NFKC", text[:LONGEST]).casefold()
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c) not in ("Mn", "Cf"))
    text = _APOSTROPHES.sub("", _ELISION.sub(r"\1 ", text.translate(_LOOK_ALIKES)))
    text = " ".join("".join(c if c.isalnum() else " " for c in text).split())
    text = _SPELLED.sub(lambda spelled: spelled[0].replace(" ", ""), text)
    return _DO_NOT.sub("dont", text)


def classify(text: str, *, on: date | None = None) -> Keyword:
    """What a reply asks for, by the words in force on a day (with no day: those without an end)."""
    known, text = words(on), _SIGNATURE.sub("", text[:LONGEST])
    folded = fold(text)
    if not folded:
        return _emoji(text, known)
    whole = known.replies.get(folded) or known.replies.get(_once(folded))
    if whole is not None:
        return whole
    bare = _without(folded, _COURTESY)
    polite = known.replies.get(bare, Keyword.NONE)
    if polite is not Keyword.NONE and bare not in known.alone:
        return polite
    if not known.sentences:
        return Keyword.NONE
    held = (
        polite is Keyword.STOP
        or revocations.score(folded) > 0
        or any(_stops(clause, known) for clause in _clauses(text))
    )
    return Keyword.PROBABLE_STOP if held else Keyword.NONE


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
    return filter(None, map(fold, _CLAUSE.split(text)))


def _stops(clause: str, known: Words) -> bool:
    """Whether one clause of several is a bare stop word, courtesies aside."""
    bare = _without(clause, _FILLER)
    return bare not in known.alone and known.replies.get(bare) is Keyword.STOP


_COURTESY = re.compile(
    r"\b(please|pls|plz|plze|kindly|now|immediately|asap|today|forever|thanks|thank|you|u|thx|thnx|ty|hi|hello|hey|sir|maam|ok|okay"
    r"|por favor|porfavor|porfa|xfa|gracias|ya|ahora|hola|buenas|buenos|dias|tardes"
    r"|svp|stp|merci|s il vous plait|s il te plait|bonjour|bonsoir|madame|monsieur|cordialement|immediatement)\b"
)
"""What may stand beside a word without changing what it asks for …"""
_FILLER = re.compile(
    _COURTESY.pattern + r"|\b(just|it|this|that|all|already|right|i|said|want|to|would|like|can|could|will)\b"
)
"""… and what more may, in one clause of several."""


def _without(folded: str, courtesies: re.Pattern[str]) -> str:
    """What is left of a text without its courtesies, a repeated word once."""
    return _once(" ".join(courtesies.sub(" ", folded).split()))
