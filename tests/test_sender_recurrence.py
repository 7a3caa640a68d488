"""When a repeating campaign runs: every wall time at its instant, none lost, none twice, whatever the clocks do."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from sender import recurrence
from sender.recurrence import BadRule, parse
from sender.recurrence_words import describe
from tests import rules

YEARS = 10
ZONES = (
    "America/New_York", "America/Chicago", "America/Phoenix", "Europe/London", "Europe/Berlin", "America/Sao_Paulo",
    "Australia/Sydney", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "Pacific/Apia",
)  # fmt: skip
"""Among them: no change of clocks at all, one at midnight, one by half an hour, one that goes back for a month, a lost day."""
NEW_YORK = "America/New_York"


def compared(zone: str, seed: int, schedules: int) -> tuple[int, int]:
    """(occurrences, differences) of so many invented schedules of ten years; a double run counts as a difference."""
    chance = random.Random(f"{zone} {seed}")
    total = wrong = 0
    for _ in range(schedules):
        first = datetime(chance.randint(2010, 2030), chance.randint(1, 12), chance.randint(1, 28))
        first += timedelta(hours=chance.choice((0, 1, 2, 2, 3, 9, 23)), minutes=chance.choice((0, 0, 15, 30, 45, 59)))
        rule = rules.invented(chance, first)
        expected = rules.expand(rule, first, zone, YEARS)
        horizon = first + timedelta(days=366 * YEARS)
        found = [(one.at, one.wall) for one in recurrence.occurrences(rule.text, first, zone, horizon=horizon)]
        wrong += len(set(found) ^ set(expected)) + sum(later <= earlier for (earlier, _), (later, _) in pairwise(found))
        total += len(found)
    return total, wrong


@pytest.mark.parametrize("zone", ZONES)
def test_ten_years_of_schedules(zone: str) -> None:
    """Invented schedules are what the calendar says, day by day: no difference, no double run."""
    total, wrong = compared(zone, seed=1, schedules=12)
    assert total > 1000
    assert wrong == 0


def at(text: str) -> datetime:
    """A time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "first", "zone", "instants"),
    [
        ("FREQ=DAILY", "2026-03-07T09:00", NEW_YORK, ["2026-03-07T14:00", "2026-03-08T13:00", "2026-03-09T13:00"]),
        ("FREQ=DAILY", "2026-03-07T02:30", NEW_YORK, ["2026-03-07T07:30", "2026-03-08T07:30", "2026-03-09T06:30"]),
        ("FREQ=DAILY;BYHOUR=1,2,3", "2026-03-08T00:30", NEW_YORK, ["2026-03-08T06:30", "2026-03-08T07:30", "2026-03-09T05:30"]),
        ("FREQ=DAILY", "2026-10-31T01:30", NEW_YORK, ["2026-10-31T05:30", "2026-11-01T05:30", "2026-11-02T06:30"]),
        ("FREQ=DAILY;BYHOUR=0,1,2", "2026-11-01T00:59", NEW_YORK, ["2026-11-01T04:59", "2026-11-01T05:59", "2026-11-01T07:59"]),
        ("FREQ=DAILY", "2026-10-04T02:15", "Australia/Lord_Howe", ["2026-10-03T15:45", "2026-10-04T15:15"]),
        ("FREQ=DAILY", "2018-11-04T00:00", "America/Sao_Paulo", ["2018-11-04T03:00", "2018-11-05T02:00"]),
        ("FREQ=WEEKLY;BYDAY=FR,SA;BYHOUR=9,17", "2011-12-30T09:00", "Pacific/Apia", ["2011-12-30T19:00", "2011-12-31T03:00"]),
        ("FREQ=YEARLY", "2024-02-29T12:00", "Europe/London", ["2024-02-29T12:00", "2028-02-29T12:00"]),
        ("FREQ=MONTHLY;COUNT=2", "2026-01-31T12:00", "Europe/London", ["2026-01-31T12:00", "2026-03-31T11:00"]),
        ("FREQ=MONTHLY;BYDAY=5MO", "2026-01-01T12:00", "Europe/London", ["2026-03-30T11:00", "2026-06-29T11:00"]),
        ("FREQ=DAILY;BYMINUTE=5", "2026-01-31T12:45", "Europe/London", ["2026-02-01T12:05"]),
    ],
)  # fmt: skip
def test_the_nights_when_clocks_change(rule: str, first: str, zone: str, instants: list[str]) -> None:
    """The first reading of two, moved by the gap where there is none, one run where two meet; short months are passed over."""
    horizon = datetime.fromisoformat(first) + timedelta(days=3000)
    found = recurrence.occurrences(rule, datetime.fromisoformat(first), zone, horizon=horizon)
    assert [one.at for one, _ in zip(found, instants, strict=False)] == [at(text) for text in instants]


def test_what_an_occurrence_is_called() -> None:
    """By the wall time that it was meant for, also where another took its place."""
    (plain,) = recurrence.occurrences("FREQ=DAILY;COUNT=1", datetime(2026, 11, 1, 1, 30, 59), NEW_YORK)
    (moved,) = recurrence.occurrences("FREQ=DAILY;COUNT=1", datetime(2026, 3, 8, 2, 30), NEW_YORK)
    assert (plain.key, plain.moved) == ("2026-11-01T01:30 America/New_York", False)
    assert (moved.key, moved.moved, moved.at) == ("2026-03-08T02:30 America/New_York", True, at("2026-03-08T07:30"))
    assert recurrence.once(moved.at, NEW_YORK).key == "2026-03-08T03:30 America/New_York"
    with pytest.raises(ValueError, match="without a zone"):
        next(iter(recurrence.occurrences("FREQ=DAILY", at("2026-01-01T00:00"), NEW_YORK)))


def test_what_comes_next_and_between() -> None:
    """Later than a time, and not later than another; None after the last."""
    rule, first = "FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20261130T140000Z", datetime(2026, 11, 2, 9)
    last = at("2026-11-30T14:00")
    found = [one.at for one in recurrence.between(rule, first, NEW_YORK, at("2026-11-19T14:00"), last)]
    assert found == [at("2026-11-23T14:00"), at("2026-11-26T14:00"), last]
    assert list(recurrence.between(rule, first, NEW_YORK, last - timedelta(days=1), last - timedelta(seconds=1))) == []
    for after, expected in (
        (last - timedelta(microseconds=1), last),
        (last, None),
        (at("2026-01-01T00:00"), at("2026-11-02T14:00")),
    ):
        one = recurrence.next_after(rule, first, NEW_YORK, after)
        assert (one.at if one else None) == expected
    assert recurrence.next_after("FREQ=DAILY;UNTIL=20261102", first, NEW_YORK, at("2026-11-02T00:00")) is not None
    assert recurrence.next_after("FREQ=DAILY;UNTIL=20261101", first, NEW_YORK, at("2026-11-02T00:00")) is None
    assert recurrence.next_after("FREQ=DAILY;UNTIL=20261102T085959", first, NEW_YORK, at("2026-11-02T00:00")) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "made of parts"),
        ("every day", "made of parts"),
        ("FREQ=", "made of parts"),
        ("INTERVAL=2", "Say how often"),
        ("FREQ=FORTNIGHTLY", "Say how often"),
        ("FREQ=HOURLY", "once a day or less often"),
        ("FREQ=MINUTELY;INTERVAL=90", "once a day or less often"),
        ("FREQ=SECONDLY", "once a day or less often"),
        ("FREQ=DAILY;FREQ=DAILY", "FREQ is there twice"),
        ("FREQ=DAILY;BYWEEKNO=3", "BYWEEKNO cannot be used"),
        ("FREQ=DAILY;BYSECOND=3", "BYSECOND cannot be used"),
        ("FREQ=DAILY;INTERVAL=0", "from 1 to 100"),
        ("FREQ=DAILY;INTERVAL=101", "from 1 to 100"),
        ("FREQ=DAILY;INTERVAL=1.5", "whole numbers"),
        ("FREQ=DAILY;INTERVAL=1,2", "one number"),
        ("FREQ=DAILY;BYMINUTE=0,30", "one number"),
        ("FREQ=DAILY;BYHOUR=24", "from 0 to 23"),
        ("FREQ=DAILY;BYHOUR=-1", "from 0 to 23"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "not 0"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "from -31 to 31, not 0"),
        ("FREQ=MONTHLY;BYMONTH=13", "from 1 to 12"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101", "either COUNT or UNTIL"),
        ("FREQ=DAILY;UNTIL=20270230", "UNTIL takes a day"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL takes a day"),
        ("FREQ=WEEKLY;BYDAY=MON", "BYDAY takes weekdays"),
        ("FREQ=WEEKLY;BYDAY=2MO", "Only monthly and yearly"),
        ("FREQ=MONTHLY;BYDAY=6MO", "up to 5"),
        ("FREQ=MONTHLY;BYDAY=0MO", "up to 5"),
        ("FREQ=YEARLY;BYDAY=54MO", "up to 53"),
        ("FREQ=MONTHLY;BYDAY=MO,2TU", "all weekdays or none"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "no days of the month"),
        ("FREQ=WEEKLY;BYDAY=MO;BYSETPOS=1", "BYSETPOS chooses"),
        ("FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS chooses"),
        ("FREQ=WEEKLY;WKST=MONDAY", "WKST names one weekday"),
        ("FREQ=MONTHLY;BYMONTH=2,4;BYMONTHDAY=31", "None of the months"),
        ("FREQ=YEARLY;INTERVAL=11", "every 10 years at most"),
    ],
)
def test_what_no_rule_may_say(text: str, said: str) -> None:
    """Each is refused with a sentence that names it."""
    with pytest.raises(BadRule, match=said) as refusal:
        parse(text)
    assert str(refusal.value).endswith(".")


def test_a_rule_is_read_as_it_is_written() -> None:
    """With its name before it, in small letters, with blanks: the same rule."""
    assert parse(" rrule:freq=weekly; byday=th,mo;interval=2; ") == parse("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=DAILY", "Every day at 09:00, New York time"),
        ("FREQ=DAILY;INTERVAL=3;COUNT=1", "Every 3 days at 09:00, New York time, once"),
        ("FREQ=WEEKLY", "Every Thursday at 09:00, New York time"),
        ("FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20270301", "Every Monday and Thursday at 09:00, New York time, until 2027-03-01"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;BYHOUR=9,17", "Every 2 weeks on Tuesday at 09:00 and 17:00, New York time"),
        ("FREQ=WEEKLY;BYMONTH=1;BYDAY=TU", "Every week in January on Tuesday at 09:00, New York time"),
        ("FREQ=MONTHLY", "Every month on the 5th at 09:00, New York time"),
        ("FREQ=MONTHLY;BYMONTHDAY=22,-3", "Every month on the 3rd to last day and the 22nd at 09:00, New York time"),
        (
            "FREQ=MONTHLY;BYDAY=2TU,-2FR;BYMINUTE=5",
            "Every month on the second Tuesday and the second to last Friday at 09:05, New York time"),
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "Every month on every Friday that is the 13th at 09:00, New York time"),
        ("FREQ=MONTHLY;BYDAY=MO,FR;BYSETPOS=-1", "Every month on the last of Monday and Friday at 09:00, New York time"),
        ("FREQ=YEARLY;COUNT=1000", "Every year on 5 November at 09:00, New York time, 1,000 times"),
        ("FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU", "Every year in March on the last Sunday at 09:00, New York time"),
        ("FREQ=YEARLY;BYDAY=11TU", "Every year on the 11th Tuesday at 09:00, New York time"),
        ("FREQ=DAILY;UNTIL=20270101T090000Z", "Every day at 09:00, New York time, until 2027-01-01 09:00 UTC"),
        ("FREQ=DAILY;UNTIL=20270101T090000", "Every day at 09:00, New York time, until 2027-01-01 09:00"),
    ],
)  # fmt: skip
def test_a_rule_in_words(rule: str, words: str) -> None:
    """As a person would say it."""
    assert describe(rule, datetime(2026, 11, 5, 9, 0), NEW_YORK) == words


def test_a_rule_in_words_without_a_start() -> None:
    """What the rule itself says."""
    assert describe("FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20270301") == "Every Monday and Thursday, until 2027-03-01"
    assert [describe(f"FREQ={word}") for word in ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")] == [
        "Every day", "Every week", "Every month", "Every year",
    ]  # fmt: skip
