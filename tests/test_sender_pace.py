"""Is what holds a run back named: the most binding limit, what it is about, and when it ends?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.accounts import Account, SendingNumber
from models.campaigns import CampaignState, Lane, Run
from models.jobs import WorkerProcess
from models.messages import Message, MessageStatus
from sender.pace import Brake, Pace, pace
from sender.progress import progress
from tests.conftest import NOW
from tests.seeds import sending_run

LATER = NOW + timedelta(minutes=5)


def found(session: Session, run: Run) -> Pace:
    """The pace now."""
    session.flush()
    return pace(session, run, progress(session, run, now=NOW), now=NOW)


def old(session: Session, run: Run) -> None:
    """It started an hour ago, and a worker is there."""
    run.started_at = run.campaign.updated_at = NOW - timedelta(hours=1)
    session.add(WorkerProcess(name="one", started_at=NOW, seen_at=NOW))


def taken(session: Session, run: Run, texts: int, *, segments: int = 1) -> None:
    """Twilio took so many texts of the run in the last second."""
    for row in session.scalars(select(Message).where(Message.run_id == run.id).limit(texts)):
        row.status, row.sid, row.sent_at, row.segments = MessageStatus.SENT, f"SM{row.id}", NOW, segments


def sender(session: Session, run: Run) -> SendingNumber:
    """The run's sender."""
    return session.get_one(SendingNumber, run.sender_id)


def lanes(session: Session, run: Run, **values: object) -> None:
    """Set the hours of the run's lanes."""
    session.execute(update(Lane).where(Lane.run_id == run.id).values(**values))
    session.expire_all()


def _paused(session: Session, run: Run) -> None:
    run.campaign.state = CampaignState.PAUSED


def _account(session: Session, run: Run) -> None:
    run.campaign.account.held_why = "A backup was restored."


def _preparing(session: Session, run: Run) -> None:
    run.expanded = False
    session.execute(update(Message).values(status=MessageStatus.SENT))


def _budget(session: Session, run: Run) -> None:
    run.segments_claimed, run.budget_segments = 5, 5


def _within_budget(session: Session, run: Run) -> None:
    run.segments_claimed, run.budget_segments = 4, 5


def _hours(session: Session, run: Run) -> None:
    lanes(session, run, opens_at=LATER, closes_at=LATER + timedelta(hours=8))


def _zones(session: Session, run: Run) -> None:
    lanes(session, run, held=True)


def _off(session: Session, run: Run) -> None:
    sender(session, run).active = False


def _asked_to_wait(session: Session, run: Run) -> None:
    sender(session, run).blocked_until = LATER


def _waited(session: Session, run: Run) -> None:
    sender(session, run).blocked_until = NOW


def _busy_account(session: Session, run: Run) -> None:
    run.campaign.account.blocked_until = LATER


def _slowed(session: Session, run: Run) -> None:
    sender(session, run).slow_until = LATER


def _dead(session: Session, run: Run) -> None:
    session.execute(update(WorkerProcess).values(seen_at=NOW - timedelta(minutes=2)))


def _young(session: Session, run: Run) -> None:
    run.started_at = NOW - timedelta(seconds=9)
    session.execute(update(WorkerProcess).values(stopped_at=NOW))


def _full(session: Session, run: Run) -> None:
    sender(session, run).segments_per_second = 1
    taken(session, run, 8)


def _not_full(session: Session, run: Run) -> None:
    sender(session, run).segments_per_second = 1
    taken(session, run, 7)


def _dear(session: Session, run: Run) -> None:
    sender(session, run).segments_per_second = 1
    taken(session, run, 4, segments=2)


def _shared(session: Session, run: Run) -> None:
    sending_run(session, run.campaign.account, 2, name="Autumn")
    sending_run(session, run.campaign.account, 2, name="Ended").campaign.state = CampaignState.PAUSED


B = Brake


@pytest.mark.parametrize(
    ("what", "brake", "name", "until"),
    [
        (_paused, B.STOPPED, "", None),
        (_account, B.ACCOUNT, "A backup was restored.", None),
        (_preparing, B.PREPARING, "", None),
        (_budget, B.BUDGET, "", None),
        (_within_budget, B.STARTING, "", None),
        (_hours, B.HOURS, "", LATER),
        (_zones, B.ZONES, "", None),
        (_off, B.SENDER, "Short code", None),
        (_asked_to_wait, B.TWILIO, "", LATER),
        (_waited, B.STARTING, "", None),
        (_busy_account, B.TWILIO, "", LATER),
        (_slowed, B.SLOWED, "Short code", LATER),
        (_dead, B.WORKER, "", None),
        (_young, B.STARTING, "", None),
        (_full, B.RATE, "Short code", None),
        (_not_full, B.ANSWERS, "", None),
        (_dear, B.RATE, "Short code", None),
        (_shared, B.SHARED, "Autumn", None),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_brake(
    session: Session, account: Account, what: Callable[[Session, Run], None], brake: Brake, name: str, until: object
) -> None:
    """What holds it back is named with what it is about, and with its end where it ends by itself."""
    run = sending_run(session, account, 20)
    old(session, run)
    what(session, run)
    seen = found(session, run)
    assert (seen.brake, seen.name, seen.until) == (brake, name, until)


def test_the_end_is_foretold_from_what_is_seen(session: Session, account: Account) -> None:
    """At first by the sender's limit, then by the last ten seconds, later by the hours; and not at all while it stands."""
    run = sending_run(session, account, 20)
    old(session, run)
    sender(session, run).segments_per_second = 2
    assert found(session, run).finish_at == NOW + timedelta(seconds=10)
    taken(session, run, 10)
    assert found(session, run).finish_at == NOW + timedelta(seconds=10), "ten left at one a second"
    _hours(session, run)
    later = found(session, run)
    assert later.finish_at == LATER + timedelta(seconds=5)
    assert [(wait.texts, wait.opens_at) for wait in later.waits] == [(10, LATER)]
    _account(session, run)
    assert found(session, run).finish_at is None


def test_a_run_without_anything_left_is_done(session: Session, account: Account) -> None:
    """What is left are answers to come."""
    run = sending_run(session, account, 2)
    session.execute(update(Message).values(status=MessageStatus.IN_DOUBT))
    session.expire_all()
    assert found(session, run).brake is Brake.DONE
