"""Does a run's progress come from indexes alone, and is its rate that of the last ten seconds?"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, select, text, update
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Reason
from models.messages import Message, MessageStatus
from sender.progress import progress
from tests.conftest import NOW
from tests.seeds import sending_run

M = MessageStatus


def taken(session: Session, run_id: int, ages: list[float], *, price_u: int | None = None) -> None:
    """Twilio took one text of the run for each age, so many seconds ago."""
    ids = session.scalars(select(Message.id).where(Message.run_id == run_id, Message.status == M.PENDING)).all()
    for key, age in zip(ids, ages, strict=False):
        values = {"status": M.SENT, "sid": f"SM{key}", "sent_at": NOW - timedelta(seconds=age), "segments": 2}
        session.execute(update(Message).where(Message.id == key).values(**values, twilio_price_u=price_u))


@pytest.mark.parametrize(("ages", "rate"), [([], 0.0), ([9.9], 0.1), ([10.0], 0.0), ([0, 1, 2, 3, 11], 0.4)])
def test_the_rate_is_that_of_the_last_ten_seconds(
    session: Session, account: Account, now: datetime, ages: list[float], rate: float
) -> None:
    """What Twilio took just now counts, what it took ten seconds ago no more; in texts and in segments."""
    run = sending_run(session, account, 8)
    taken(session, run.id, ages)
    found = progress(session, run, now=now)
    assert (found.rate_per_second, found.segments_per_second) == (rate, rate * 2)
    assert found.eta_seconds == (round((8 - len(ages)) / rate) if rate else None)


def test_in_flight_is_what_may_be_on_its_way(session: Session, account: Account) -> None:
    """Claimed and doubtful texts are; pending, parked and sent ones are not."""
    run = sending_run(session, account, 6)
    for row, status in zip(session.scalars(select(Message).where(Message.run_id == run.id)), M, strict=False):
        row.status = status
    session.flush()
    found = progress(session, run, now=NOW)
    assert (found.in_flight, found.waiting, found.done) == (2, 3, 3)


def test_reasons_are_counted_once(session: Session, account: Account) -> None:
    """A text that was set aside counts for its reason; one that failed has none."""
    run = sending_run(session, account, 4)
    rows = session.scalars(select(Message)).all()
    rows[0].status, rows[0].reason = M.SKIPPED, Reason.OPTED_OUT
    rows[1].status, rows[1].reason = M.SKIPPED, Reason.SEGMENT_LIMIT
    session.flush()
    assert progress(session, run, now=NOW).by_reason == {Reason.OPTED_OUT: 1, Reason.SEGMENT_LIMIT: 1}


def test_no_count_reads_the_table(session: Session, account: Account) -> None:
    """Several people look at a run of 200,000 every two seconds: each of its statements walks an index."""
    run = sending_run(session, account, 40)
    taken(session, run.id, [1.0] * 20)
    asked: list[tuple[str, object]] = []
    connection = session.connection()
    event.listen(connection, "before_cursor_execute", lambda _c, _x, said, values, *_r: asked.append((said, values)))
    if connection.dialect.name == "postgresql":
        session.execute(text("ANALYZE message"))
        for way in (
            "seqscan",
            "bitmapscan",
            "hashagg",
            "sort",
        ):  # of forty rows any way is as good: the one by index must exist
            session.execute(text(f"SET LOCAL enable_{way} = off"))
    asked.clear()
    progress(session, run, now=NOW)
    explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
    plans = [str(connection.exec_driver_sql(explain + said, values).all()) for said, values in list(asked)]  # type: ignore[arg-type]
    assert len(plans) == 4
    for plan, index in zip(plans, ["run_id_status", "unpriced", "exclusion", "run_id_status"], strict=True):
        assert index in plan, plan
