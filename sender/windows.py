"""In which local hours does the law of a place allow texts? Dated rows of `windows.csv`, with what public holidays take away.

Courts disagree whether hours made for marketing bind texts about somebody's own account, too, so unless an operator says
otherwise (setting `hours_for_account_texts`) they do. Where two sources speak of one place both bind. Not legal advice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import cache, lru_cache
from pathlib import Path

from holidays import HolidayBase, country_holidays
from holidays.utils import list_supported_countries

from models.accounts import Profile
from models.consent import Purpose
from sender import dated

LIST = Path(__file__).with_name("windows.csv")
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FULL_DAY = timedelta(days=1)
Hours = tuple[tuple[timedelta, timedelta], ...]
"""Parts of one local day, from and until after its midnight, in order and apart."""
ALL_DAY: Hours = ((timedelta(0), FULL_DAY),)
_NAMED_DAYS = {
    "mon-sun": "", "mon-fri": " on weekdays", "sat-sun": " at weekends", "mon-sat": " from Monday to Saturday",
    "sun": " on Sundays",
}  # fmt: skip


@dataclass(frozen=True)
class WindowRow:
    """One row of the list; `valid_to` is its last day, None while it is in force, and `valid_from` None for always."""

    place: str
    name: str
    days: str
    hours: Hours
    holidays: bool
    force: str
    purposes: frozenset[Purpose]
    profiles: frozenset[Profile]
    valid_from: date | None
    valid_to: date | None
    source: str
    source_url: str
    known: str
    confirmed: bool
    note: str

    def in_force(self, on: date) -> bool:
        """On that day."""
        return (self.valid_from is None or self.valid_from <= on) and (self.valid_to is None or on <= self.valid_to)

    def binds(self, purpose: Purpose, profile: Profile | None, *, everything: bool) -> bool:
        """Whether texts of this purpose, from such an account, have to keep to it; `everything`: whatever their purpose."""
        about = everything or purpose in self.purposes or purpose is Purpose.ALL
        return self.force != "advice" and about and (not self.profiles or profile in self.profiles)

    def on(self, day: date) -> bool:
        """Whether the row is about this day of the week, and it is no holiday that closes the place."""
        return day.weekday() in _weekdays(self.days) and (self.holidays or not holiday(self.place, day))

    @property
    def words(self) -> str:
        """Who says so, for people: "Rhode Island on weekdays (referrizer table, unconfirmed)"."""
        doubt = "" if self.confirmed else ", unconfirmed"
        return f"{self.name}{_NAMED_DAYS.get(self.days, f' on {self.days}')} ({self.source}{doubt})"

    @property
    def times(self) -> str:
        """Its hours for people: "09:00–18:00"."""
        return " and ".join(f"{clock(opens)}–{clock(closes)}" for opens, closes in self.hours)


@dataclass(frozen=True)
class Law:
    """The hours of one place, for texts of one purpose from one kind of account."""

    place: str
    purpose: Purpose
    profile: Profile | None
    everything: bool = True

    def hours(self, day: date) -> Hours:
        """The parts of a local day in which every source allows texts; all day where none says anything."""
        return _lawful(self, day)

    def words(self, day: date) -> str:
        """The rows that speak of this day; of a closed one, those that close it."""
        rows = self._rows(day)
        about = [row for row in rows if row.on(day)] or rows
        return " and ".join(dict.fromkeys(row.words for row in about))

    def _rows(self, day: date) -> list[WindowRow]:
        found = listed().get(self.place, ())
        return [
            row
            for row in found
            if row.in_force(day) and row.binds(self.purpose, self.profile, everything=self.everything)
        ]


@lru_cache(maxsize=20_000)
def _lawful(law: Law, day: date) -> Hours:
    of_source: defaultdict[str, list[WindowRow]] = defaultdict(list)
    for row in law._rows(day):
        of_source[row.source].append(row)
    found = ALL_DAY
    for rows in of_source.values():
        found = common(found, joined(part for row in rows if row.on(day) for part in row.hours))
    return found


def laws(places: Iterable[str], purpose: Purpose, profile: Profile | None, *, everything: bool) -> tuple[Law, ...]:
    """The laws that bind texts to somebody who may be in any of these places, whatever the day; none for places without any."""
    return tuple(
        Law(place, purpose, profile, everything)
        for place in dict.fromkeys(places)
        if any(row.binds(purpose, profile, everything=everything) for row in listed().get(place, ()))
    )


@cache
def listed() -> dict[str, tuple[WindowRow, ...]]:
    """Place → its rows, in the order of the file."""
    found: defaultdict[str, list[WindowRow]] = defaultdict(list)
    for row in dated.table(LIST):
        found[row["place"]].append(_read(row))
    return {place: tuple(rows) for place, rows in found.items()}


def _read(row: dict[str, str]) -> WindowRow:
    _weekdays(
        row["days"]
    )  # raises ValueError for a day that is none, and so do the next lines for a wrong clock or word
    return WindowRow(
        place=row["place"],
        name=row["name"],
        days=row["days"],
        hours=((minutes(row["opens"]), minutes(row["closes"])),),
        holidays={"yes": True, "no": False}[row["holidays"]],
        force=row["force"],
        purposes=frozenset(map(Purpose, row["purposes"].split())),
        profiles=frozenset(map(Profile, row["profiles"].split())),
        valid_from=date.fromisoformat(row["valid_from"]) if row["valid_from"] else None,
        valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
        source=row["source"],
        source_url=row["source_url"],
        known=row["known"],
        confirmed={"yes": True, "no": False}[row["confirmed"]],
        note=row["note"],
    )


@cache
def _weekdays(days: str) -> range:
    first, _, last = days.partition("-")
    return range(WEEK.index(first), WEEK.index(last or first) + 1)


def holiday(place: str, day: date) -> bool:
    """Whether that day is a public holiday of a country or state, or the day on which one is observed."""
    return day in _holidays(*place.partition("-")[::2])


@cache
def _holidays(country: str, state: str) -> HolidayBase:
    """A calendar that works out each year as it is asked for; of a country that the package does not know, an empty one."""
    known = list_supported_countries()
    if country not in known:
        return HolidayBase()
    return country_holidays(country, subdiv=state if state in known[country] else None)


def minutes(text: str) -> timedelta:
    """A wall clock as time since midnight; "24:00" is the end of the day. Raises ValueError."""
    hour, _, minute = text.partition(":")
    found = timedelta(hours=int(hour), minutes=int(minute))
    if not timedelta(0) <= found <= FULL_DAY:
        raise ValueError(f"{text} is not a time of day")
    return found


def clock(at: timedelta) -> str:
    """Time since midnight as a wall clock: "08:00"."""
    return "{:02}:{:02}".format(*divmod(at // timedelta(minutes=1), 60))


def daily(opens: time, closes: time) -> Hours:
    """Hours of every day; `closes` not after `opens` is on the next day, so that both ends of each day may be open."""
    start, end = _since_midnight(opens), _since_midnight(closes)
    if start < end:
        return ((start, end),)
    return joined([(timedelta(0), end), (start, FULL_DAY)])


def _since_midnight(at: time) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond)


def joined(parts: Iterable[tuple[timedelta, timedelta]]) -> Hours:
    """The parts in order, those that touch as one and without the empty ones."""
    found: list[tuple[timedelta, timedelta]] = []
    for start, end in sorted(part for part in parts if part[0] < part[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return tuple(found)


def common(one: Sequence[tuple[timedelta, timedelta]], other: Sequence[tuple[timedelta, timedelta]]) -> Hours:
    """What two days' parts have in common."""
    return joined((max(a[0], b[0]), min(a[1], b[1])) for a in one for b in other)
