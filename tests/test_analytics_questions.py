"""Questions: periods at their edges, filters, and one sentence for what cannot be answered."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

import analytics as an
from analytics.questions import Unanswerable, period
from models.accounts import Account
from models.base import Database
from models.messages import Direction
from tests.conftest import seed_account
from tests.texts import text

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("scope", "days"),
    [
        ({}, (None, None)),
        ({"month": "2026-10"}, (date(2026, 10, 1), date(2026, 11, 1))),
        ({"month": "2026-12"}, (date(2026, 12, 1), date(2027, 1, 1))),
        ({"month": date(2028, 2, 17)}, (date(2028, 2, 1), date(2028, 3, 1))),
        ({"since": "2026-10-05"}, (date(2026, 10, 5), None)),
        ({"until": date(2026, 10, 5)}, (None, date(2026, 10, 5))),
        ({"since": "2026-10-05", "until": "2026-10-06"}, (date(2026, 10, 5), date(2026, 10, 6))),
        ({"last": "1d"}, (date(2026, 11, 20), date(2026, 11, 21))),
        ({"last": "30d"}, (date(2026, 10, 22), date(2026, 11, 21))),
    ],
)
def test_a_period_is_from_a_day_until_before_another(scope: Any, days: tuple[date | None, date | None]) -> None:
    """A month to its last day, the last thirty days with today among them."""
    assert period(scope, NOON) == days


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ({"by": "colour"}, "by='colour' is not a column to group by; choose from day, month"),
        ({"by": ["day", "day"]}, "by= names a column twice."),
        ({"by": "charge"}, "by='charge' is not"),
        ({"month": "2026-13"}, "A day is written"),
        ({"month": "October"}, 'month= is written "2026-10".'),
        ({"since": "yesterday"}, "A day is written 2026-10-31."),
        ({"since": NOON}, "A day is meant here"),
        ({"since": "2026-10-06", "until": "2026-10-06"}, "until= is the day after the last one"),
        ({"last": "0d"}, 'last= is a number of days, written "30d".'),
        ({"last": "a month"}, "last= is a number of days"),
        ({"month": "2026-10", "last": "3d"}, "Give either month="),
        ({"month": "2026-10", "until": "2026-10-06"}, "Give either month="),
        ({"account": "nobody"}, "There is no account 'nobody'."),
        ({"direction": "sideways"}, "direction= is outbound or inbound."),
        ({"contry": "US"}, "There is no filter contry=; choose from month"),
    ],
)
def test_a_question_that_cannot_be_asked_is_answered_with_a_sentence(
    database: Database, question: dict[str, Any], sentence: str
) -> None:
    """The sentence names the choice or the spelling; a person can act on it."""
    with pytest.raises(Unanswerable) as answer:
        an.usage(an.open(database), **question)
    assert sentence in str(answer.value)
    assert str(answer.value).endswith(".")


def test_last_days_of_an_empty_database_are_empty(database: Database) -> None:
    """There is no newest message to count back from, and that is no error."""
    assert an.usage(an.open(database), last="30d").empty


def test_edges_of_a_period_fall_on_the_right_side(session: Session, account: Account, database: Database) -> None:
    """The first instant of a month is in it, the first of the next is not; a text made before midnight and taken after
    belongs to the day on which it was taken."""
    for at in ((2026, 9, 30, 23, 59, 59), (2026, 10, 1, 0, 0, 0), (2026, 10, 31, 23, 59, 59), (2026, 11, 1, 0, 0, 0)):
        text(session, account, at=datetime(*at, tzinfo=UTC))
    late = datetime(2026, 10, 31, 23, 59, tzinfo=UTC)
    text(session, account, at=late, sent_at=datetime(2026, 11, 1, 0, 1, tzinfo=UTC))
    session.commit()
    days = an.usage(an.open(database), month="2026-10")
    assert dict(zip(days.day, days.messages, strict=True)) == {date(2026, 10, 1): 1, date(2026, 10, 31): 1}
    assert an.usage(an.open(database), by="month").messages.tolist() == [1, 2, 2]


def test_filters_narrow(session: Session, account: Account, database: Database) -> None:
    """By account (number or slug) and by direction; each alone and together."""
    other = seed_account(session, slug="pier")
    text(session, account)
    text(session, account, direction=Direction.INBOUND, status="received")
    text(session, other)
    session.commit()
    d = an.open(database)
    assert an.usage(d, by=(), account="pier").messages.tolist() == [1]
    assert an.usage(d, by=(), account=account.id).messages.tolist() == [2]
    assert an.usage(d, by=(), direction="outbound").messages.tolist() == [2]
    assert an.usage(d, by=(), account="harbor", direction="inbound").messages.tolist() == [1]
    assert an.usage(d, by=(), campaign=4).messages.tolist() == [0]
    assert an.usage(d, by=(), run=4).messages.tolist() == [0]
