"""When each group of a campaign leaves: within its hours, the first to close first, the rest on later days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from models.accounts import SenderKind, SendingNumber
from sender.schedule import Scope, Window, window_of
from sender.timetable import Group, Timetable, timetable
from sender.whereabouts import Whereabouts
from tests.conftest import NOW

EAST, WEST = (Whereabouts(zone, "US") for zone in ("America/New_York", "America/Los_Angeles"))
ISLAND = Whereabouts("America/New_York", "US", "US-RI")
NOBODY = Whereabouts("", "US")
MINUTES = timedelta(minutes=2)


def sender(rate: int = 10, id_: int = 1) -> SendingNumber:
    """A number that sends so many segments a second."""
    return SendingNumber(
        id=id_, label="Short code", address="27242", kind=SenderKind.SHORT_CODE, segments_per_second=rate
    )


def found(*groups: tuple[Whereabouts, int], start: datetime = NOW, rate: int = 10) -> Timetable:
    """The timetable of groups of one-segment texts to one sender."""
    return timetable([(Group(where, n, n), sender(rate)) for where, n in groups], of, start, least=MINUTES)


def of(where: Whereabouts, at: datetime) -> Window:
    """The law's window."""
    return window_of(where, Scope(), at, setting=None)


def lines(table: Timetable) -> list[str]:
    """A timetable as text, in UTC."""
    return [
        f"{one.group.where.zones} {one.group.where.places}".strip() + "".join(
            f" | {part.starts_at:%a %H:%M}-{part.ends_at:%a %H:%M} {part.texts}" for part in one.parts
        )
        for one in table.departures
    ]  # fmt: skip


def test_what_fits_is_over_the_same_day() -> None:
    """10:00 on a Friday in New York: an hour's work, and the West two hours later when it opens."""
    table = found((EAST, 35_280), (WEST, 9_800))
    assert lines(table) == [
        "America/New_York | Fri 15:00-Fri 16:00 35280",
        "America/Los_Angeles | Fri 16:00-Fri 16:16 9800",
    ]
    assert (table.spilling, table.late) == ((), 0)
    assert table.ends_at is not None
    assert table.ends_at - NOW < timedelta(hours=1, minutes=17)


def test_what_does_not_fit_goes_on_the_next_day() -> None:
    """Rhode Island closes at 18:00 on weekdays and opens at 10:00 on a Saturday; nothing is begun in the last two minutes."""
    evening = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)  # 17:00 in Providence
    table = found((ISLAND, 50_000), start=evening)
    [one] = table.spilling
    assert lines(table) == [
        f"America/New_York US-RI | Fri 22:00-Fri 22:58 {one.parts[0].texts} | Sat 15:00-Sat 15:27 {one.parts[1].texts}"
    ]
    assert sum(part.texts for part in one.parts) == 50_000
    assert table.late == one.parts[1].texts
    assert one.why.startswith("10:00–17:00 in America/New_York: Rhode Island at weekends")


def test_whoever_closes_first_is_first() -> None:
    """However the list has them: so that as few as can be wait for another day."""
    table = found((WEST, 100_000), (EAST, 100_000), (ISLAND, 100_000))
    assert [one.group.where for one in table.departures] == [ISLAND, EAST, WEST]
    assert table.spilling == ()


def test_a_campaign_that_starts_at_night_waits_and_does_not_spill() -> None:
    """Its first window is the next morning's."""
    table = found((EAST, 1_000), start=datetime(2026, 11, 21, 4, 0, tzinfo=UTC))
    assert lines(table) == ["America/New_York | Sat 13:00-Sat 13:01 1000"]
    assert not table.spilling


def test_without_an_end_it_says_so() -> None:
    """A million texts at one a second take more than a fortnight of hours; who is held has no time at all."""
    table = found((EAST, 1_000_000), (NOBODY, 5), rate=1)
    [one] = table.departures
    assert one.left > 0
    assert table.ends_at is None
    assert table.late == 1_000_000 - one.parts[0].texts
    assert len(one.parts) == 15


def test_senders_work_side_by_side() -> None:
    """Each at its own rate."""
    groups = [(Group(EAST, 9_800, 9_800), sender(10)), (Group(WEST, 9_800, 9_800), sender(1_000, id_=2))]
    table = timetable(groups, of, NOW + timedelta(hours=2), least=MINUTES)
    assert lines(table) == [
        "America/New_York | Fri 17:00-Fri 17:16 9800",
        "America/Los_Angeles | Fri 17:00-Fri 17:00 9800",
    ]


@pytest.mark.parametrize("texts", [0, 1])
def test_hardly_anybody(texts: int) -> None:
    """Nobody has no timetable, one text has one."""
    assert len(found((EAST, texts)).departures) == texts
