"""The law's hours: every row of the list, what holidays and Sundays take away, and which texts a row binds."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest

from models.accounts import Profile
from models.consent import Purpose
from sender.windows import ALL_DAY, Law, clock, common, daily, holiday, laws, listed, minutes

FRIDAY, SATURDAY, SUNDAY = date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 22)


def law(place: str, **more: object) -> Law:
    """The law of a place for marketing by anybody."""
    return Law(**{"place": place, "purpose": Purpose.MARKETING, "profile": None} | more)  # type: ignore[arg-type]


def hours(place: str, day: date) -> str:
    """A day's hours as text."""
    return " ".join(f"{clock(start)}-{clock(end)}" for start, end in law(place).hours(day))


DAILY = {"FL": "08:00-20:00", "OK": "08:00-20:00", "MD": "08:00-20:00", "MA": "08:00-20:00", "NJ": "08:00-20:00",
         "WA": "08:00-20:00", "CT": "09:00-20:00", "NV": "09:00-20:00", "KY": "10:00-21:00", "MI": "09:00-21:00",
         "MN": "09:00-21:00", "NM": "09:00-21:00", "VA": "08:00-21:00", "PA": "08:00-21:00"}  # fmt: skip


@pytest.mark.parametrize(
    ("place", "friday", "saturday", "sunday"),
    [
        *((f"US-{state}", found, found, found) for state, found in DAILY.items()),
        *((place, "08:00-21:00", "08:00-21:00", "08:00-21:00") for place in ("US", "GB", "PR", "VI", "GU", "AS", "MP")),
        *((f"US-{state}", "08:00-20:00", "08:00-20:00", "") for state in ("MS", "LA", "AL")),
        ("US-TX", "09:00-21:00", "09:00-21:00", "12:00-21:00"),
        ("US-RI", "09:00-18:00", "10:00-17:00", "10:00-17:00"),
        ("CA", "09:00-21:30", "10:00-18:00", "10:00-18:00"),
        ("US-NY", "00:00-24:00", "00:00-24:00", "00:00-24:00"),
    ],
)
def test_the_hours_of_every_place(place: str, friday: str, saturday: str, sunday: str) -> None:
    """As the tables have them; a place without a row takes nothing away."""
    assert [hours(place, day) for day in (FRIDAY, SATURDAY, SUNDAY)] == [friday, saturday, sunday]


def test_every_row_is_tested_and_says_where_it_is_from() -> None:
    """A row that is added is added to the test above; no row counts as confirmed that nobody confirmed."""
    states = {f"US-{state}" for state in (*DAILY, "MS", "LA", "AL", "TX", "RI")}
    assert listed().keys() == states | {"US", "GB", "CA", "PR", "VI", "GU", "AS", "MP"}
    for row in (row for rows in listed().values() for row in rows):
        assert row.source
        assert row.source_url or row.known == "general"
        assert not row.confirmed
        assert row.force in {"law", "custom", "advice"}


@pytest.mark.parametrize(
    ("place", "day", "closed"),
    [
        ("US-LA", date(2026, 2, 17), True),  # Mardi Gras
        ("US-AL", date(2026, 2, 17), False),
        ("US-AL", date(2026, 4, 27), True),  # Confederate Memorial Day
        ("US-LA", date(2026, 4, 27), False),
        ("US-LA", date(2026, 11, 26), True),  # Thanksgiving
        ("US-AL", date(2026, 7, 3), True),  # Independence Day falls on a Saturday and is observed the day before
        ("US-MS", date(2026, 12, 25), False),  # no Sundays, but no word of holidays
        ("US-AL", date(2028, 2, 29), False),  # a leap day is a day
        ("US-AL", date(2032, 2, 29), True),  # … and this one a Sunday
    ],
)
def test_holidays_and_sundays_close_a_day(place: str, day: date, closed: bool) -> None:
    """Only where the place says so, by its own calendar."""
    assert (law(place).hours(day) == ()) == closed


def test_holidays_are_the_states_own() -> None:
    """A country or state that the calendars do not know has none."""
    assert holiday("US-LA", date(2026, 4, 3))
    assert not holiday("US-AL", date(2026, 4, 3))
    assert holiday("US", date(2026, 12, 25))
    assert not holiday("US-XX", date(2026, 4, 3))
    assert not holiday("XX", date(2026, 12, 25))


def test_a_row_binds_from_its_day() -> None:
    """Virginia's law came into force with 2026; before that day its state took nothing away."""
    assert law("US-VA").hours(date(2025, 12, 31)) == ALL_DAY
    assert law("US-VA").hours(date(2026, 1, 1)) == daily(time(8), time(21))


def test_what_a_row_binds() -> None:
    """Hours for marketing bind other texts only where the account keeps to them; advice binds nobody; Regulation F collectors."""
    assert [one.place for one in laws(["US", "US-FL", "US-NY"], Purpose.MARKETING, None, everything=False)] == [
        "US",
        "US-FL",
    ]
    assert [one.place for one in laws(["US", "US-FL"], Purpose.ACCOUNT, None, everything=True)] == ["US", "US-FL"]
    assert laws(["US", "US-FL"], Purpose.ACCOUNT, Profile.BUSINESS, everything=False) == ()
    collector = Profile.THIRD_PARTY_COLLECTOR
    [one] = laws(["US", "US-FL"], Purpose.ACCOUNT, collector, everything=False)
    assert one.words(FRIDAY) == "the United States (12 CFR 1006.6(b), unconfirmed)"
    assert "advice" not in " ".join(row.words for row in law("US")._rows(FRIDAY))


@pytest.mark.parametrize(
    ("place", "day", "words"),
    [
        ("US-RI", FRIDAY, "Rhode Island on weekdays (referrizer table, unconfirmed)"),
        ("US-RI", SUNDAY, "Rhode Island at weekends (referrizer table, unconfirmed)"),
        ("US-TX", SUNDAY, "Texas on Sundays (referrizer table, unconfirmed)"),
        ("US-MS", SUNDAY, "Mississippi from Monday to Saturday (dropcowboy table, unconfirmed)"),
        ("US", FRIDAY, "the United States (47 CFR 64.1200(c)(1), unconfirmed)"),
    ],
)
def test_a_law_says_who_it_is(place: str, day: date, words: str) -> None:
    """Place, days, source, and that nobody confirmed it."""
    assert law(place).words(day) == words


def test_parts_of_a_day() -> None:
    """Hours past midnight are both ends of a day, equal ones the whole; what is common to two days' parts."""
    hour = timedelta(hours=1)
    assert daily(time(22), time(2)) == ((0 * hour, 2 * hour), (22 * hour, 24 * hour))
    assert daily(time(8), time(8)) == ALL_DAY
    assert daily(time(0), time(0)) == ALL_DAY
    assert common(daily(time(22), time(2)), daily(time(1), time(23))) == ((hour, 2 * hour), (22 * hour, 23 * hour))
    assert minutes("24:00") == 24 * hour
    with pytest.raises(ValueError, match="not a time of day"):
        minutes("24:01")
