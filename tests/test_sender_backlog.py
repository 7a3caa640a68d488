"""Is the end of a run foretold from its rate and its hours, and is every text that waits counted with its hours?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Lane, Run
from models.messages import Message, MessageStatus
from sender.backlog import Wait, Work, finish, last_text, parts, waits
from tests.conftest import NOW
from tests.seeds import sending_run

HOUR = timedelta(hours=1)


def at(hour: int, day: int = 20, minute: int = 0, second: int = 0) -> datetime:
    """A time in November; NOW is the 20th, 15:00."""
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("work", "rate", "end"),
    [
        ([], 3, NOW),
        ([(None, None, 60.0)], 3, at(15, second=20)),
        ([(None, None, 60.0)], 0, None),
        ([(at(14), at(16), 3600.0)], 1, at(16)),
        ([(at(14), at(16), 3601.0)], 1, at(14, 21, 0, 1)),
        ([(at(17), at(20), 60.0)], 1, at(17, minute=1)),
        ([(at(17), at(20), 60.0), (None, None, 60.0)], 1, at(17, minute=1)),
        ([(at(15), at(16), 3600.0), (at(15), at(18), 60.0)], 1, at(16, minute=1)),
        ([(at(10), at(14), 60.0)], 1, at(10, 21, 1)),
        ([(at(15), at(15), 60.0)], 1, None),
        ([(None, None, 14 * 86_400.0 * 2)], 1, NOW + timedelta(days=28)),
        ([(at(15), at(16), 3600.0 * 16)], 1, None),
    ],
    ids=[
        "nothing", "at any hour", "no rate", "just fits", "one too many", "opens later", "open ones first", "closes first",
        "closed already", "never open", "without hours it may be long", "more than a fortnight",
    ],
)  # fmt: skip
def test_the_last_text(work: list[Work], rate: float, end: datetime | None) -> None:
    """Segments take their time at the rate, only within their hours, and go on the next day where these end."""
    assert last_text(work, rate, NOW) == end


def lane_of(session: Session, run: Run, texts: int, **fields: object) -> Lane:
    """Another lane of the run, with `texts` of its pending messages."""
    first = session.scalars(select(Lane).where(Lane.run_id == run.id)).first()
    assert first is not None
    zones = str(fields.get("why", ""))
    made = Lane(**{"run_id": run.id, "sender_id": first.sender_id, "region": "US", "zones": zones, **fields})
    session.add(made)
    session.flush()
    mine = select(Message).where(Message.lane_id == first.id, Message.status == MessageStatus.PENDING).limit(texts)
    for row in session.scalars(mine):
        row.lane_id = made.id
    session.flush()
    return made


def test_what_waits_is_counted_by_its_hours(session: Session, account: Account) -> None:
    """Open lanes do not wait; the same hours are one line; what has no hour comes last and is marked."""
    run = sending_run(session, account, 10)
    lane_of(session, run, 3, opens_at=NOW + HOUR, closes_at=NOW + 5 * HOUR, why="west")
    lane_of(session, run, 2, opens_at=NOW + HOUR, closes_at=NOW + 5 * HOUR, why="west", zones="other", region="CA")
    lane_of(session, run, 1, held=True, why="nowhere")
    lane_of(session, run, 1, opens_at=NOW, closes_at=NOW + HOUR, why="here")
    lane_of(session, run, 0, opens_at=NOW + HOUR, closes_at=NOW + 5 * HOUR, why="nobody")
    found = parts(session, run, now=NOW)
    assert sorted(part.texts for part in found) == [1, 1, 2, 3, 3]
    assert waits(found, NOW) == (Wait(5, NOW + HOUR, "west", held=False), Wait(1, None, "nowhere", held=True))


def test_only_pending_texts_are_left(session: Session, account: Account) -> None:
    """What was sent, or is on its way, waits no more."""
    run = sending_run(session, account, 4)
    rows = session.scalars(select(Message)).all()
    rows[0].status, rows[1].status = MessageStatus.SENT, MessageStatus.CLAIMED
    session.flush()
    assert [part.texts for part in parts(session, run, now=NOW)] == [2]


def test_the_end_counts_segments_and_the_share_of_the_rate(session: Session, account: Account) -> None:
    """300 segments at 100 a second are three seconds, at half of it six; the held ones are not waited for."""
    run = sending_run(session, account, 100)
    run.segments = 300
    lane_of(session, run, 50, held=True, why="nowhere")
    found = parts(session, run, now=NOW)
    assert finish(found, 1.0, NOW) == NOW + timedelta(seconds=1.5)
    assert finish(found, 0.5, NOW) == NOW + timedelta(seconds=3)
    assert finish([], 1.0, NOW) is None


def test_what_waits_for_room_under_a_cap_is_a_part_by_itself(session: Session, account: Account) -> None:
    """It is told apart from the hours of its lane and from a text that Twilio had no room for, and comes into the end."""
    run = sending_run(session, account, 6)
    rows = session.scalars(select(Message).where(Message.run_id == run.id).order_by(Message.id)).all()
    for place, row in enumerate(rows[:3]):
        row.due_at = NOW + HOUR * (place + 1)
        row.detail = "a cap" if place < 2 else None
    session.commit()
    now_, later = parts(session, run, now=NOW)
    assert (now_.texts, now_.open(NOW)) == (4, True)
    assert (later.texts, later.open(NOW), later.opens_at) == (2, False, NOW + HOUR)
    [wait] = waits([now_, later], NOW)
    assert wait == Wait(2, NOW + HOUR, "they have had as many texts as a cap allows", held=False)
    end = finish([now_, later], 1.0, NOW)
    assert end is not None
    assert end >= NOW + HOUR
