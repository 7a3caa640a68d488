"""Which words, limits and carrier sizes do rules compare with on a day? Dated tables, never constants in a rule.

The rows are in `rule_words.csv`, `rule_limits.csv` and `media_limits.csv`; a rule asks by name, on the day it is asked about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from pathlib import Path

from sender import dated

HERE = Path(__file__).parent
DAYS = 8
"""Days whose lists are kept ready; a console asks about today only, a report about a few."""


def table(name: str) -> Iterator[Mapping[str, str]]:
    """Every row of a table beside this module."""
    return dated.table(HERE / name)


@dataclass(frozen=True)
class Limit:
    """One limit in its own unit; money is in micros."""

    name: str
    value: int
    unit: str
    source: str
    confirmed: bool


@dataclass(frozen=True)
class MediaLimit:
    """The largest message in bytes that a carrier takes from one kind of sender."""

    carrier: str
    sender_kind: str
    size: int
    source: str
    url: str


@lru_cache(DAYS)
def limits(on: date) -> Mapping[str, Limit]:
    """The limits in force on a day, by name."""
    rows = (row for row in table("rule_limits.csv") if dated.there(row, on))
    return {
        row["name"]: Limit(row["name"], int(row["value"]), row["unit"], row["source"], row["confirmed"] == "yes")
        for row in rows
    }


@lru_cache(DAYS)
def media_limits(on: date) -> tuple[MediaLimit, ...]:
    """What each carrier takes on a day, in the order of the table."""
    return tuple(
        MediaLimit(row["carrier"], row["sender_kind"], int(row["bytes"]), row["source"], row["url"])
        for row in table("media_limits.csv")
        if dated.there(row, on)
    )


@lru_cache(DAYS)
def words(on: date) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """(list, language) → its words in force on a day; the language "" stands for every one of the list."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for row in table("rule_words.csv"):
        if dated.there(row, on):
            for language in {"", row["language"]}:
                found.setdefault((row["list"], language), {})[row["word"].lower()] = None
    return {key: tuple(values) for key, values in found.items()}


@cache
def pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    """What finds any of the phrases in a lower-case text, the longest first; what matches nothing where there are none.

    Whole words count, whatever white space is between them. Phrases that end alike share what they are followed by, and all
    share what they follow: a boundary for each phrase would make looking five times slower.
    """
    shared: dict[tuple[str, str], list[str]] = {}
    for phrase in sorted(phrases, key=lambda phrase: (-len(phrase), phrase)):
        stem = phrase.removesuffix("*")
        before = r"(?<!\w)" if stem[:1].isalnum() else ""
        after = r"\S*" if stem != phrase else r"(?!\w)" if stem[-1:].isalnum() else ""
        shared.setdefault((before, after), []).append(r"\s+".join(map(re.escape, stem.split())))
    parts = [f"{before}(?:{'|'.join(stems)}){after}" for (before, after), stems in shared.items()]
    return re.compile("|".join(parts) or "(?!)")
