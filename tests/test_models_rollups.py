"""The daily facts: what one message adds to them, on which day, and that a delta is exactly the difference."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import rollups
from models.accounts import Account
from models.messages import RANK, Direction, Kind, Message, MessageStatus
from models.rollups import FIELDS, SUMS, Fact, UsageDelta

S = MessageStatus
DAY = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def message(**fields: object) -> Message:
    """A delivered message of three segments, priced."""
    given: dict[str, object] = {
        "id": 1, "account_id": 7, "sender_id": 2, "run_id": 3, "direction": Direction.OUTBOUND, "kind": Kind.SMS,
        "phone": "+12125550101", "region": "US", "body": "Hello", "encoding": "GSM-7", "units": 5, "segments": 3,
        "status": S.DELIVERED, "sid": "SM1", "twilio_price_u": 24_900, "due_at": DAY, "created_at": DAY, "updated_at": DAY,
    }  # fmt: skip
    return Message(**(given | fields))


def key(found: Fact | None) -> dict[str, object]:
    """The key of a fact by name."""
    assert found is not None
    return dict(zip(FIELDS, found.key, strict=True))


def test_a_message_is_one_fact() -> None:
    """Its key says what it is about in plain words, its sums what it adds."""
    found = rollups.fact(message())
    assert key(found) == {
        "account_id": 7, "day": date(2026, 11, 20), "run_id": 3, "direction": "outbound", "kind": "sms", "region": "US",
        "sender_id": 2, "status": "delivered", "error_code": 0, "encoding": "GSM-7",
    }  # fmt: skip
    assert found is not None
    assert dict(zip(SUMS, found.sums, strict=True)) == {"messages": 1, "segments": 3, "price_u": 24_900, "unpriced": 0}


@pytest.mark.parametrize("status", list(S))
def test_only_what_twilio_knows_is_counted(status: MessageStatus) -> None:
    """A message that is still ours, or was set aside, is no traffic."""
    ours = {S.PENDING, S.CLAIMED, S.IN_DOUBT, S.UNKNOWN, S.SKIPPED}
    assert (rollups.fact(message(status=status)) is None) == (status in ours) == (RANK[status] < RANK[S.ACCEPTED])


def test_nothing_in_a_key_is_null() -> None:
    """Keys may not be null: 0 stands for no run, no sender and no error."""
    found = rollups.fact(message(run_id=None, sender_id=None, error_code=None))
    assert {name: what for name, what in key(found).items() if what == 0} == {
        "run_id": 0,
        "sender_id": 0,
        "error_code": 0,
    }
    assert key(rollups.fact(message(error_code=30003)))["error_code"] == 30003


@pytest.mark.parametrize(
    ("sid", "price_u", "expected"),
    [("SM1", None, (0, 1)), ("SM1", 0, (0, 0)), ("SM1", 8300, (8300, 0)), (None, None, (0, 0))],
)
def test_a_price_that_is_not_known_is_not_zero(sid: str | None, price_u: int | None, expected: tuple[int, int]) -> None:
    """A message that Twilio has and did not price is counted as unpriced; one that Twilio never took has no price to come."""
    found = rollups.fact(message(sid=sid, twilio_price_u=price_u))
    assert found is not None
    assert found.sums[2:] == expected


@pytest.mark.parametrize(
    ("created", "day"),
    [
        (datetime(2026, 11, 20, 0, 0, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 20, 23, 59, 59, 999_999, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 21, 0, 0, tzinfo=UTC), date(2026, 11, 21)),
        (datetime(2026, 11, 20, 21, 0, tzinfo=timezone(timedelta(hours=-5))), date(2026, 11, 21)),
        (datetime(2026, 11, 21, 1, 0, tzinfo=timezone(timedelta(hours=9))), date(2026, 11, 20)),
    ],
)
def test_days_are_utc_days(created: datetime, day: date) -> None:
    """The day is Twilio's, whatever zone the time was written in."""
    assert key(rollups.fact(message(created_at=created)))["day"] == day


def test_deltas_are_differences(session: Session, account: Account) -> None:
    """Before is taken off and after is added, summed by key; what cancels out leaves no row."""
    pending, queued = message(status=S.PENDING), message(status=S.QUEUED, twilio_price_u=None)
    delivered, other = message(), message(id=2, segments=1, twilio_price_u=8_300)
    facts = [rollups.fact(m) for m in (pending, queued, delivered, other)]
    none, first, second, third = facts
    rollups.record(session, [])
    rollups.record(session, [(none, none), (first, first), (second, second)])
    assert session.scalars(select(UsageDelta)).all() == []
    rollups.record(session, [(none, first), (first, second), (none, third)])
    (row,) = session.scalars(select(UsageDelta)).all()
    assert (row.status, row.messages, row.segments, row.price_u, row.unpriced) == ("delivered", 2, 4, 33_200, 0)
    rollups.record(session, [(second, None)])
    taken = session.scalars(select(UsageDelta).order_by(UsageDelta.id)).all()[-1]
    assert (taken.messages, taken.segments, taken.price_u) == (-1, -3, -24_900)


def test_large_sums_are_exact(session: Session, account: Account) -> None:
    """Micros of a very dear year fit, and come back as the integers they were."""
    dear = message(twilio_price_u=2**52 + 1)
    rollups.record(session, [(None, rollups.fact(dear)), (None, rollups.fact(dear))])
    assert session.scalar(select(UsageDelta.price_u)) == 2**53 + 2
