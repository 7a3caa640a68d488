"""The three constructs mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from sqlalchemy import func, literal, select, union_all
from sqlalchemy.orm import Session

from analytics.portable import xday, xmonth, xsum
from models.accounts import Account
from models.base import UTCDateTime
from models.messages import Message
from tests.texts import text


@pytest.mark.parametrize(
    ("at", "day", "month"),
    [
        (datetime(2026, 10, 31, 23, 59, 59, 999999, tzinfo=UTC), date(2026, 10, 31), date(2026, 10, 1)),
        (datetime(2026, 11, 1, 0, 0, 0, tzinfo=UTC), date(2026, 11, 1), date(2026, 11, 1)),
        (datetime(2026, 10, 31, 20, 0, tzinfo=timezone(timedelta(hours=-4))), date(2026, 11, 1), date(2026, 11, 1)),
        (datetime(2028, 2, 29, 12, tzinfo=UTC), date(2028, 2, 29), date(2028, 2, 1)),
    ],
)
def test_days_and_months_are_utc(session: Session, account: Account, at: datetime, day: date, month: date) -> None:
    """One microsecond before midnight, midnight, an evening in New York that is tomorrow in UTC, a leap day."""
    text(session, account, at=at)
    taken = func.coalesce(Message.sent_at, Message.created_at)
    assert session.execute(select(xday(taken), xmonth(taken), xmonth(xday(taken)))).one() == (day, month, month)


def test_a_sum_stays_an_integer_and_is_null_over_nothing(session: Session) -> None:
    """Also where the sum is far beyond 53 bits, which a float could not hold."""
    big = 2**62 - 1
    numbers = union_all(select(literal(big).label("n")), select(literal(1)), select(literal(-2))).subquery()
    total = session.scalar(select(xsum(numbers.c.n)))
    assert type(total) is int
    assert total == big - 1
    assert session.scalar(select(xsum(Message.segments))) is None


def test_the_type_of_a_time_is_not_mistaken_for_money() -> None:
    """The constructs carry their result type, so that no reader has to guess."""
    assert str(xday(literal(datetime(2026, 1, 1, tzinfo=UTC), UTCDateTime())).type) == "DATE"
    assert str(xmonth(literal(1)).type) == "DATE"
    assert str(xsum(literal(1)).type) == "BIGINT"
