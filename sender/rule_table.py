"""What are the rules? The 86 rows of `rules.csv`: what is wrong, what to do, on whose word, since when, and for whom.

A rule is data; the function that looks for its breach is registered under its id in one of the `lint_*` modules.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from functools import cache, cached_property, lru_cache
from typing import Any

from models.accounts import Profile
from models.consent import Purpose
from sender import dated
from sender.rule_words import DAYS, Limit, MediaLimit, limits, media_limits, pattern, table, words

LEGAL = frozenset({"law", "contract", "practice"})
"""Bases that somebody's counsel has to confirm before a breach stops a real message."""
FAMILIES = {
    "K": "Cost and encoding", "M": "Media", "N": "Consent and revocation", "X": "Content", "Q": "Time", "F": "Frequency",
    "S": "Sender and route", "B": "Money and abuse",
}  # fmt: skip
"""The first letter of an id → what these rules are about, in the order of the guide."""


class Severity(StrEnum):
    """How much a finding weighs, the heaviest first."""

    BLOCK = "BLOCK"
    ERROR = "ERROR"
    WARN = "WARN"
    INFO = "INFO"


WEIGHT = {severity: place for place, severity in enumerate(Severity)}
"""Severity → its place, 0 being the heaviest."""


@dataclass(frozen=True)
class Rule:
    """One row of the table. Empty `profiles`, `purposes` or `countries` mean all."""

    id: str
    title: str
    scopes: tuple[str, ...]
    profiles: frozenset[str]
    purposes: frozenset[str]
    countries: frozenset[str]
    severity: Severity
    outcome: str
    text: str
    fix: str
    basis: str
    source: str
    url: str
    valid_from: date
    valid_to: date | None
    evidence: str
    confirmed_by: str
    wave: int

    def in_force(self, on: date) -> bool:
        """Whether it counts on a day."""
        return dated.counts(self, on)

    @property
    def legal(self) -> bool:
        """Whether it rests on a reading that counsel has to confirm before it stops a message."""
        return self.basis in LEGAL

    @property
    def unconfirmed(self) -> bool:
        """Whether nobody's counsel confirmed it for everybody, or no source that was read says it."""
        return not self.confirmed_by and (self.legal or self.evidence != "documented")

    @property
    def waivable(self) -> bool:
        """Whether an account may tune it down: not what the provider refuses or arithmetic forbids."""
        return self.severity is not Severity.INFO and (self.legal or self.severity is not Severity.BLOCK)

    def applies(self, *, profile: Profile, about: Purpose | None, regions: frozenset[str]) -> bool:
        """Whether it is for this profile, purpose and these destinations. What the subject does not say counts as any."""
        return (
            (not self.profiles or profile.value in self.profiles)
            and (not self.purposes or about is None or about is Purpose.ALL or about.value in self.purposes)
            and (not self.countries or not regions or not self.countries.isdisjoint(regions))
        )

    def plain(self) -> dict[str, Any]:
        """As JSON has it, with sorted lists and dates as text."""
        sets = {name: sorted(getattr(self, name)) for name in ("profiles", "purposes", "countries")}
        dates = {name: str(day) if (day := getattr(self, name)) else "" for name in ("valid_from", "valid_to")}
        told = {"family": FAMILIES[self.id[0]], "legal": self.legal, "unconfirmed": self.unconfirmed}
        return {**asdict(self), "scopes": list(self.scopes), **sets, **dates, **told}


@cache
def every() -> tuple[Rule, ...]:
    """Every row in the order of the table, also those that are not in force yet or any more."""
    return tuple(
        Rule(
            id=row["id"], title=row["title"], scopes=tuple(row["scopes"].split()), profiles=frozenset(row["profiles"].split()),
            purposes=frozenset(row["purposes"].split()), countries=frozenset(row["countries"].split()),
            severity=Severity(row["severity"]), outcome=row["outcome"], text=row["text"], fix=row["fix"], basis=row["basis"],
            source=row["source"], url=row["url"], valid_from=date.fromisoformat(row["valid_from"]),
            valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None, evidence=row["evidence"],
            confirmed_by=row["confirmed_by"], wave=int(row["wave"]),
        )
        for row in table("rules.csv")
    )  # fmt: skip


class Book:
    """The rules, words and limits of one day: what a rule's function is handed."""

    def __init__(self, on: date) -> None:
        self.on = on

    @cached_property
    def rules(self) -> dict[str, Rule]:
        """The rules in force, by id, in the order of the table."""
        return {rule.id: rule for rule in every() if rule.in_force(self.on)}

    def words(self, name: str, language: str = "") -> tuple[str, ...]:
        """A list in lower case; one language of it, or all."""
        return words(self.on).get((name, language), ())

    def found(self, name: str, text: str, language: str = "") -> list[tuple[int, int]]:
        """Where phrases of a list stand in a text: (start, end), from left to right."""
        return [match.span() for match in pattern(self.words(name, language)).finditer(text.lower())]

    def has(self, name: str, text: str, language: str = "") -> bool:
        """Whether any phrase of a list stands in a text."""
        return pattern(self.words(name, language)).search(text.lower()) is not None

    def limit(self, name: str) -> int:
        """A limit's value; KeyError for a name that no row in force has."""
        return limits(self.on)[name].value

    def limits(self) -> tuple[Limit, ...]:
        """All limits, for the guide."""
        return tuple(limits(self.on).values())

    def media(self) -> tuple[MediaLimit, ...]:
        """The carriers' sizes, for the guide and M03."""
        return media_limits(self.on)


@lru_cache(DAYS)
def book(on: date) -> Book:
    """The book of a day."""
    return Book(on)
