"""Tests of sender/schedule.py: the legal window of a recipient, across zones and clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.countries import CountrySetting
from sender.schedule import Window, legal_window, window

DAY = (time(8), time(20))


def country(opens: time | None, closes: time | None) -> CountrySetting:
    """A country with these hours."""
    return CountrySetting(region="US", name="United States", opens_at=opens, closes_at=closes)


def person(**known: str) -> SimpleNamespace:
    """A contact of whom nothing is known but this."""
    return SimpleNamespace(**{"time_zone": None, "address_region": None, "quiet_hours": ""} | known)


def at(text: str) -> datetime:
    """An instant, written in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def between(found: Window) -> str:
    """A window as text."""
    if found.opens_at is None or found.closes_at is None:
        return "held" if found.held else "any"
    return f"{found.opens_at:%d %H:%M}–{found.closes_at:%d %H:%M}"


@pytest.mark.parametrize(
    ("now", "zones", "expected", "open_"),
    [
        # New York is UTC-5 in November
        ("2026-11-20 12:59", ["America/New_York"], "20 13:00–21 01:00", False),
        ("2026-11-20 13:00", ["America/New_York"], "20 13:00–21 01:00", True),
        ("2026-11-21 00:59", ["America/New_York"], "20 13:00–21 01:00", True),
        ("2026-11-21 01:00", ["America/New_York"], "21 13:00–22 01:00", False),
        # the intersection opens with the last zone and closes with the first
        ("2026-11-20 13:30", ["America/New_York", "America/Chicago"], "20 14:00–21 01:00", False),
        ("2026-11-20 14:00", ["America/New_York", "America/Los_Angeles"], "20 16:00–21 01:00", False),
        # no hour is within 08:00–20:00 in all of these
        ("2026-11-20 14:00", ["America/New_York", "Asia/Bangkok"], "held", False),
        # nobody knows
        ("2026-11-20 14:00", [], "held", False),
        ("2026-11-20 14:00", ["Mars/Olympus_Mons"], "held", False),
        ("2026-11-20 14:00", ["America/New_York", "Mars/Olympus_Mons"], "held", False),
    ],
)
def test_the_window_is_the_intersection(now: str, zones: list[str], expected: str, open_: bool) -> None:
    """Open from the last zone's opening until the first zone's closing; the minute of opening is in, that of closing out."""
    found = window(zones, at(now), setting=country(*DAY))
    assert (between(found), found.open) == (expected, open_)


@pytest.mark.parametrize(
    ("opens", "closes", "expected"),
    [
        (None, None, "any"),
        (time(8), None, "20 13:00–21 05:00"),
        (None, time(20), "20 05:00–21 01:00"),
        (time(22), time(2), "21 03:00–21 07:00"),
    ],
)
def test_hours_may_be_half_given_or_pass_midnight(opens: time | None, closes: time | None, expected: str) -> None:
    """A missing opening or closing is midnight; closing before opening is on the next day."""
    assert between(window(["America/New_York"], at("2026-11-20 15:00"), setting=country(opens, closes))) == expected


def test_without_hours_or_country_it_is_always_open() -> None:
    """A country without hours holds nobody, even when no zone is known."""
    for setting in (None, country(None, None)):
        found = window([], at("2026-11-20 03:00"), setting=setting)
        assert found.open
        assert not found.held


def test_the_contacts_own_zone_wins() -> None:
    """A Florida number whose owner lives in California is asked in California alone."""
    phone = SimpleNamespace(e164="+18505551234", region="US", time_zones=("America/Chicago", "America/New_York"))
    now = at("2026-11-20 15:30")
    setting = country(*DAY)
    own = legal_window(phone, person(time_zone="America/Los_Angeles"), None, now, setting=setting)
    assert not own.open
    assert own.why.startswith("08:00–20:00 in America/Los_Angeles: ")
    number = legal_window(phone, person(), None, now, setting=setting)
    assert number.open
    assert number.why.startswith("08:00–20:00 in America/Chicago and America/New_York: ")
    assert legal_window(phone, None, None, now, setting=setting) == number


def test_many_zones_are_counted_not_listed() -> None:
    """Why stays one short sentence."""
    zones = ["America/Adak", "America/Anchorage", "America/Boise", "America/Chicago", "America/Denver"]
    why = window(zones, at("2026-11-20 15:00"), setting=country(*DAY)).why
    assert why == "08:00–20:00 in America/Adak, America/Anchorage, America/Boise and 2 more zones"


def test_a_time_without_a_zone_is_refused() -> None:
    """Nobody knows what 15:00 means."""
    with pytest.raises(ValueError, match="without a zone"):
        window(["America/New_York"], datetime(2026, 11, 20, 15), setting=country(*DAY))


@pytest.mark.parametrize(
    ("now", "hours", "expected"),
    [
        # 8 March 2026, New York: 02:00 becomes 03:00; 1 November 2026: 02:00 becomes 01:00
        ("2026-03-08 04:00", (time(8), time(20)), "08 12:00–09 00:00"),
        ("2026-11-01 04:00", (time(8), time(20)), "01 13:00–02 01:00"),
        ("2026-03-08 05:00", (time(2, 30), time(6)), "08 07:30–08 10:00"),  # 02:30 never happens: open at 03:30
        ("2026-03-08 05:00", (time(1), time(2, 30)), "08 06:00–08 06:30"),  # … closed at 01:30
        ("2026-11-01 04:00", (time(1, 30), time(6)), "01 06:30–01 11:00"),  # 01:30 happens twice: open at the second
        ("2026-11-01 04:00", (time(0, 30), time(1, 30)), "01 04:30–01 05:30"),  # … closed at the first
    ],
)
def test_clock_changes_never_open_too_wide(now: str, hours: tuple[time, time], expected: str) -> None:
    """Where a wall time is missing or doubled, opening waits for the later and closing takes the earlier reading."""
    assert between(window(["America/New_York"], at(now), setting=country(*hours))) == expected


ZONES = [
    "America/New_York", "America/Chicago", "America/Los_Angeles", "America/Phoenix", "America/St_Johns", "America/Havana",
    "Europe/London", "Europe/Berlin", "Africa/Cairo", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Beirut", "Australia/Lord_Howe",
    "Pacific/Chatham", "Pacific/Kiritimati", "America/Santiago", "America/Asuncion", "UTC",
]  # fmt: skip
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
CHANGES = st.sampled_from(
    [at("2026-03-08 07:00"), at("2026-11-01 06:00"), at("2026-03-29 01:00"), at("2026-04-04 15:00")]
)
NEAR_CHANGES = st.builds(lambda change, minutes: change + timedelta(minutes=minutes), CHANGES, st.integers(-1500, 1500))


def _inside(wall: time, opens: time, closes: time) -> bool:
    return opens <= wall < closes if opens < closes else wall >= opens or wall < closes


@given(
    now=st.one_of(INSTANTS, NEAR_CHANGES),
    zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=4),
    opens=st.times(),
    closes=st.times(),
)
def test_open_means_within_hours_everywhere(now: datetime, zones: list[str], opens: time, closes: time) -> None:
    """Whenever the answer is open, the local clock is within the hours in every zone; and a window always has a future."""
    found = window(zones, now, setting=country(opens, closes))
    assert not (found.open and found.held)
    if found.opens_at is not None and found.closes_at is not None:
        assert found.open == (found.opens_at <= now)
        assert found.opens_at < found.closes_at
        assert found.closes_at > now
        moments = [found.opens_at, found.closes_at - timedelta(microseconds=1)] + ([now] if found.open else [])
        for moment in moments:
            for zone in zones:
                assert _inside(moment.astimezone(ZoneInfo(zone)).time(), opens, closes), (zone, moment)
