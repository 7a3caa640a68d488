"""Rollups: folding and recounting agree after any change, also of money, also from several writers at once."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from analytics import rollups
from models.accounts import Account
from models.base import Database
from models.messages import Direction, Message, MessageStatus
from models.rollups import UsageDaily, UsageDelta, fact, record
from tests.conftest import NOW
from tests.texts import text


def change(session: Session, message: Message, **values: Any) -> None:
    """Change a message and write its delta, as the sender does."""
    before = fact(message)
    for name, value in values.items():
        setattr(message, name, value)
    session.flush()
    record(session, [(before, fact(message))])


def count(session: Session, table: Any) -> int:
    """Rows of a table."""
    return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_fold_adds_up_and_leaves_no_delta(session: Session, account: Account) -> None:
    """Two texts of the same fact make one row; folding again does nothing."""
    for _ in range(2):
        text(session, account, segments=2)
    assert rollups.fold(session) == 2
    (row,) = session.scalars(select(UsageDaily)).all()
    assert (row.messages, row.segments, row.price_u, row.unpriced) == (2, 4, 0, 2)
    assert (count(session, UsageDelta), rollups.fold(session)) == (0, 0)
    assert rollups.verify(session) == []


def test_a_fact_that_comes_to_nothing_is_deleted(session: Session, account: Account) -> None:
    """A text that moves on leaves no empty row behind, in the same fold or a later one; other days are not touched."""
    message = text(session, account, status="sent")
    text(session, account, at=NOW - timedelta(days=1))
    rollups.fold(session)
    change(session, message, status=MessageStatus.DELIVERED)
    rollups.fold(session)
    rows = session.execute(select(UsageDaily.status, UsageDaily.messages)).all()
    assert rows == [("delivered", 1), ("delivered", 1)]
    change(session, message, status=MessageStatus.READ)
    change(session, message, status=MessageStatus.DELIVERED)
    rollups.fold(session)
    assert rollups.verify(session) == []
    assert count(session, UsageDaily) == 2


def test_any_change_in_any_order_equals_a_recount(session: Session, account: Account) -> None:
    """Five hundred changes of status, error, price and segments, folded at odd moments: no difference, ever."""
    draw = random.Random(7)
    texts = [
        text(session, account, draw.choice(["US", "GB"]), draw.randint(1, 3), at=NOW - timedelta(hours=draw.randint(0, 60)),
             status="queued", direction=draw.choice(list(Direction)))
        for _ in range(60)
    ]  # fmt: skip
    for number in range(500):
        message = draw.choice(texts)
        change(
            session, message,
            status=draw.choice(list(MessageStatus)), error_code=draw.choice([None, 30007]),
            twilio_price_u=draw.choice([None, 8_300, 12_800]), segments=draw.randint(1, 3),
        )  # fmt: skip
        if number % 97 == 0:
            rollups.fold(session)
            assert rollups.verify(session) == []
    assert rollups.verify(session) == []
    rollups.fold(session)
    assert rollups.verify(session) == []
    zero = [getattr(UsageDaily, name) == 0 for name in ("messages", "segments", "price_u", "unpriced")]
    assert session.scalar(select(func.count()).where(*zero)) == 0


def test_a_day_is_the_day_that_twilio_took_it(session: Session, account: Account) -> None:
    """Made before midnight UTC and taken after it: counted on the day of Twilio's usage records, in fact and recount."""
    message = text(session, account, status="queued")
    change(session, message, created_at=NOW, sent_at=NOW + timedelta(hours=10), status=MessageStatus.SENT)
    rollups.fold(session)
    assert [row.day for row in session.scalars(select(UsageDaily))] == [(NOW + timedelta(hours=10)).date()]
    assert rollups.verify(session) == []


def test_a_change_behind_our_back_is_found(session: Session, account: Account) -> None:
    """A price written without its delta is a difference, and the sentence says which fact is off by how much."""
    text(session, account)
    rollups.fold(session)
    session.execute(update(Message).values(twilio_price_u=8_300))
    (difference,) = rollups.verify(session)
    assert difference.off_by == (0, 0, 8_300, -1)
    assert str(difference).endswith("price_u +8300, unpriced -1")
    assert "'region': 'US'" in str(difference)


def test_folding_while_others_write_loses_nothing(session: Session, account: Account, database: Database) -> None:
    """Three writers and two folders at once; afterwards the facts are those of a recount."""
    session.commit()

    def write(number: int) -> None:
        for _ in range(15):
            with database.transaction() as own:
                text(own, own.get_one(Account, account.id), segments=number + 1)

    def fold(_number: int) -> None:
        for _ in range(15):
            with database.transaction() as own:
                rollups.fold(own)

    with ThreadPoolExecutor(5) as pool:
        for done in [*(pool.submit(write, n) for n in range(3)), *(pool.submit(fold, n) for n in range(2))]:
            done.result()
    with database.transaction() as last:
        rollups.fold(last)
        assert rollups.verify(last) == []
        assert last.scalar(select(func.sum(UsageDaily.messages))) == 45


@pytest.mark.parametrize("status", MessageStatus)
def test_a_recount_counts_what_the_sender_counts(session: Session, account: Account, status: MessageStatus) -> None:
    """For every word: one text, folded, equals its recount."""
    text(session, account, status=status.value)
    rollups.fold(session)
    assert rollups.verify(session) == []
