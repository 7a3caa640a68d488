"""An oracle of texting hours, written without the code that it judges: minute by minute, every rule, on the clock of every zone.

Its figures were copied by hand from the published tables, not read from `sender/windows.csv`; zones and states of each number
were looked up by hand, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
EASTERN, CENTRAL, MOUNTAIN, PACIFIC = "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"
PHOENIX = "America/Phoenix"

_FEDERAL_2026 = "01-01 01-19 02-16 05-25 06-19 07-03 07-04 09-07 10-12 11-11 11-26 12-25"
_STATE_2026 = {"US-AL": "04-27 06-01", "US-LA": "02-17 04-03 11-03"}
_NOT_KEPT = {"US-LA": {"10-12"}}
"""Public holidays of 2026: those of the country, what two states add, and what one of them leaves out."""


def closed_day(place: str, day: date) -> bool:
    """Whether it is a public holiday of the state; only 2026 is known."""
    assert day.year == 2026
    days = set(f"{_FEDERAL_2026} {_STATE_2026[place]}".split()) - _NOT_KEPT.get(place, set())
    return f"{day:%m-%d}" in days


def _all_week(opens: int, closes: int) -> Callable[[datetime], bool]:
    return lambda local: opens <= local.hour < closes


def _no_sunday(local: datetime) -> bool:
    return local.weekday() != 6 and 8 <= local.hour < 20


LAW: dict[str, Callable[[datetime], bool]] = {
    "US": _all_week(8, 21), "PR": _all_week(8, 21), "GB": _all_week(8, 21),
    **{f"US-{state}": _all_week(8, 20) for state in ("FL", "OK", "MD", "MA", "NJ", "WA")},
    **{f"US-{state}": _all_week(9, 20) for state in ("CT", "NV")},
    **{f"US-{state}": _all_week(9, 21) for state in ("MI", "MN", "NM")},
    "US-KY": _all_week(10, 21),
    "US-VA": _all_week(8, 21),
    "US-MS": _no_sunday,
    "US-AL": lambda local: _no_sunday(local) and not closed_day("US-AL", local.date()),
    "US-LA": lambda local: _no_sunday(local) and not closed_day("US-LA", local.date()),
    "US-TX": lambda local: (12 if local.weekday() == 6 else 9) <= local.hour < 21,
    "US-RI": lambda local: 10 <= local.hour < 17 if local.weekday() > 4 else 9 <= local.hour < 18,
    "CA": lambda local: 10 <= local.hour < 18 if local.weekday() > 4 else time(9) <= local.time() < time(21, 30),
}  # fmt: skip


@dataclass(frozen=True)
class Somebody:
    """A person, and what is true of them: the zones in which a time has to be right, and the places whose law binds."""

    phone: str
    zones: tuple[str, ...]
    places: tuple[str, ...]
    own_zone: str | None = None
    address: str | None = None
    quiet: str = ""
    says: Callable[[datetime], bool] = lambda _local: True
    """What the request means."""


PEOPLE = [
    Somebody("+12702745678", (CENTRAL,), ("US", "US-KY")),
    Somebody("+12707441234", (CENTRAL, EASTERN), ("US", "US-KY")),
    Somebody("+12195551234", (CENTRAL, EASTERN), ("US",)),
    Somebody("+14235551234", (CENTRAL, EASTERN), ("US",)),
    Somebody("+18505551234", (CENTRAL, EASTERN), ("US", "US-FL")),
    Somebody("+18504341234", (CENTRAL,), ("US", "US-FL")),
    Somebody("+19285551234", (MOUNTAIN, PHOENIX), ("US",)),  # Arizona keeps one time, its Navajo Nation does not
    Somebody("+19288711234", (MOUNTAIN, PHOENIX), ("US",)),  # Window Rock, on the Nation
    Somebody("+16025551234", (PHOENIX,), ("US",)),
    Somebody("+14015551234", (EASTERN,), ("US", "US-RI")),
    Somebody("+12055551234", (CENTRAL,), ("US", "US-AL")),
    Somebody("+15045551234", (CENTRAL,), ("US", "US-LA")),
    Somebody("+16015551234", (CENTRAL,), ("US", "US-MS")),
    Somebody("+19155551234", (MOUNTAIN,), ("US", "US-TX")),
    Somebody("+17135551234", (CENTRAL,), ("US", "US-TX")),
    Somebody("+12125551234", (EASTERN,), ("US",)),
    Somebody("+18605551234", (EASTERN,), ("US", "US-CT")),
    Somebody("+17025551234", (PACIFIC,), ("US", "US-NV")),
    Somebody("+17035551234", (EASTERN,), ("US", "US-VA")),
    Somebody("+12065551234", (PACIFIC,), ("US", "US-WA")),
    Somebody("+16125551234", (CENTRAL,), ("US", "US-MN")),
    Somebody("+15055551234", (MOUNTAIN,), ("US", "US-NM")),
    Somebody("+19065551234", (CENTRAL, EASTERN), ("US", "US-MI")),
    Somebody("+14055551234", (CENTRAL,), ("US", "US-OK")),
    Somebody("+14105551234", (EASTERN,), ("US", "US-MD")),
    Somebody("+16175551234", (EASTERN,), ("US", "US-MA")),
    Somebody("+12015551234", (EASTERN,), ("US", "US-NJ")),
    Somebody("+12155551234", (EASTERN,), ("US",)),
    Somebody("+18085551234", ("Pacific/Honolulu",), ("US",)),
    Somebody("+14165551234", ("America/Toronto",), ("CA",)),
    Somebody("+18075551234", ("America/Toronto", "America/Winnipeg"), ("CA",)),
    Somebody("+17872345678", ("America/Puerto_Rico",), ("PR",)),
    Somebody(
        "+447400123456", ("Europe/Guernsey", "Europe/Isle_of_Man", "Europe/Jersey", "Europe/London"), ("GB",)
    ),
    # area code and address disagree: right in both; their law binds, both
    Somebody("+12125551235", (EASTERN, PACIFIC), ("US",), address="US-CA"),
    Somebody("+12125551236", (EASTERN,), ("US", "US-RI"), address="US-RI"),
    Somebody("+13055551234", (EASTERN, CENTRAL), ("US", "US-FL", "US-AL"), address="US-AL"),
    Somebody("+14155551234", (PACIFIC, MOUNTAIN, PHOENIX), ("US",), address="US-AZ"),
    Somebody("+447400123457", ("Europe/Guernsey", "Europe/Isle_of_Man", "Europe/Jersey", "Europe/London", EASTERN),
             ("GB", "US", "US-CT"), address="US-CT"),
    # a zone that somebody wrote down wins over both, and the law of the places stays
    Somebody("+13055551235", (PACIFIC,), ("US", "US-FL"), own_zone=PACIFIC),
    Somebody("+12705551234", (EASTERN,), ("US", "US-KY", "US-RI"), own_zone=EASTERN, address="US-RI"),
    Somebody("+12025551234", ("Pacific/Honolulu",), ("US",), own_zone="Pacific/Honolulu"),
    # what they asked for
    Somebody("+12125551237", (EASTERN,), ("US",), quiet="18:00-10:00, sun",
             says=lambda local: 10 <= local.hour < 18 and local.weekday() != 6),
    Somebody("+13055551236", (EASTERN,), ("US", "US-FL"), quiet="12:00-14:30",
             says=lambda local: not time(12) <= local.time() < time(14, 30)),
    Somebody("+14015551235", (EASTERN,), ("US", "US-RI"), quiet="mon, tue, wed, thu",
             says=lambda local: local.weekday() > 3),
]  # fmt: skip


def allowed(somebody: Somebody, at: datetime, *more: Callable[[datetime], bool]) -> bool:
    """Whether that instant is right for them: in every zone, by the law of every place, their request, and what else binds."""
    rules = [*(LAW[place] for place in somebody.places), somebody.says, *more]
    return all(rule(at.astimezone(ZoneInfo(zone))) for zone in somebody.zones for rule in rules)


def minutes(start: datetime, end: datetime) -> Iterator[datetime]:
    """Every minute from one instant until before another."""
    while start < end:
        yield start
        start += MINUTE
