"""How many texts may a person get in how long, by which rule, and where?

The rules are dated data, `caps.csv`; some take their figure from the account. Which state's rule counts is told by the area code
and the address. A window moves along: 24 hours are 86,400 seconds, whatever clocks do meanwhile. What they are held against
is in `sender/frequency.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from pathlib import Path

from models.accounts import Account, Profile
from models.consent import Purpose
from sender import dated

RULES = Path(__file__).with_name("caps.csv")
LIMITS = ("texts_per_day", "texts_per_week", "attempts_per_week", "max_invitations")
"""The columns of an account that a rule may take its figure from."""
ELSEWHERE = "elsewhere"
STEM = 5
"""Characters of a North American number that tell its area: "+1305"."""


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `limit` texts of a kind within `hours` (None: ever). `blocks`: it holds a text back; else it is only said."""

    rule: str
    place: str
    purpose: Purpose | None
    category: str
    by_subject: bool
    limit: int
    hours: int | None
    blocks: bool
    why: str
    source: str
    confirmed: bool

    @property
    def window(self) -> timedelta | None:
        return None if self.hours is None else timedelta(hours=self.hours)

    @property
    def words(self) -> str:
        """What it allows and why, without a full stop: "at most 2 campaign texts in 24 hours (this account's own cap)"."""
        return f"{self.brief} ({self.why}{'' if self.confirmed else '; unconfirmed'})"

    @property
    def brief(self) -> str:
        """What it allows: "at most 3 marketing texts on one subject in 24 hours"."""
        kind = f"“{self.category.replace('_', ' ').lower()}”" if self.category else "campaign"
        what = f"{self.purpose or kind} texts"
        what = what.removesuffix("s") if self.limit == 1 else what
        subject = " on one subject" if self.by_subject else ""
        within = "" if self.hours is None else f" in {_length(self.hours)}"
        return f"at most {self.limit:,} {what}{subject}{within}"


def _length(hours: int) -> str:
    days, rest = divmod(hours, 24)
    return f"{days} days" if days > 1 and not rest else f"{hours} hours"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the list. `limit` is a number, or the name of an account's column; `valid_to` is its last day."""

    rule: str
    place: str
    purpose: str
    category: str
    per: str
    profile: str
    limit: str
    hours: str
    outcome: str
    why: str
    source: str
    valid_from: date
    valid_to: date | None
    confirmed: bool

    def in_force(self, on: date) -> bool:
        """On that day."""
        return dated.counts(self, on)


@cache
def rules(path: Path = RULES) -> tuple[Rule, ...]:
    """Every row, also those that are no longer in force."""
    return tuple(map(_read, dated.table(path)))


def _read(row: dict[str, str]) -> Rule:
    first, last = dated.days(row)
    words = {name: row[name] for name in row if name not in {"valid_from", "valid_to", "confirmed"}}
    return Rule(**words, valid_from=first, valid_to=last, confirmed=row["confirmed"] == "yes")


def caps_of(account: Account, on: date) -> tuple[Cap, ...]:
    """The caps that hold for an account on a day."""
    return caps(on, tuple(getattr(account, name) for name in LIMITS), account.profile)


@lru_cache(maxsize=256)
def caps(on: date, limits: tuple[int | None, ...], profile: Profile) -> tuple[Cap, ...]:
    """The caps in force on a day for an account with these `LIMITS`; a rule whose figure the account leaves empty is none."""
    own = dict(zip(LIMITS, limits, strict=True))
    return tuple(_caps(on, own, profile))


def _caps(on: date, own: Mapping[str, int | None], profile: Profile) -> Iterator[Cap]:
    for row in rules():
        limit = int(row.limit) if row.limit.isdecimal() else own[row.limit]
        if limit is None or not row.in_force(on) or row.profile not in ("", profile):
            continue
        yield Cap(
            rule=row.rule, place=row.place, purpose=Purpose(row.purpose) if row.purpose else None, category=row.category,
            by_subject=row.per == "subject", limit=limit, hours=int(row.hours) if row.hours else None,
            blocks=row.outcome == "block", why=row.why, source=row.source, confirmed=row.confirmed,
        )  # fmt: skip


def holding(of: tuple[Cap, ...], where: tuple[str, ...]) -> tuple[Cap, ...]:
    """Those of the caps that hold in these places. What a rule has for elsewhere holds where it names none of them."""
    named = {cap.rule for cap in of if cap.place in where}
    return tuple(
        cap for cap in of if not cap.place or cap.place in where or (cap.place == ELSEWHERE and cap.rule not in named)
    )
