"""The dates of a validation notice are read off the text that was sent."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from models.accounts import Account
from models.contacts import Contact
from models.messages import Message, MessageStatus
from sender.debt_notices import DebtNotice, debt_notice, period, received_on
from tests import seeds

MONDAY = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


@pytest.fixture
def person(session: Session, account: Account) -> Contact:
    """Somebody."""
    return seeds.contacts(session, account, 1)[0]


def notice(session: Session, person: Contact, *, category: str, status: MessageStatus, at: datetime = MONDAY) -> None:
    """A text of a template of that category, in that state."""
    version = seeds.template_version(session, person.account, "This is a notice.", name=f"{category} {at}")
    version.template.category = category
    session.add(
        Message(
            account_id=person.account_id, contact_id=person.id, template_version_id=version.id, phone=person.phone, region="US",
            body="This is a notice.", encoding="GSM-7", units=17, segments=1, status=status, sid=f"SM{at:%d%H}", due_at=at,
            created_at=at, sent_at=at, final_at=at + timedelta(days=1), updated_at=at,
        )
    )  # fmt: skip
    session.flush()


def dates(found: DebtNotice | None) -> tuple[date | None, ...]:
    """The three of them."""
    assert found is not None
    return found.sent_on, found.ends_on, found.returned_on


def test_a_notice_starts_a_period(session: Session, person: Contact) -> None:
    """Sent on a Monday it counts as received on the Monday after, and thirty days follow."""
    notice(session, person, category="VALIDATION_NOTICE", status=MessageStatus.DELIVERED)
    assert dates(debt_notice(session, person)) == (date(2026, 3, 2), date(2026, 4, 8), None)


def test_a_notice_that_came_back_starts_none(session: Session, person: Contact) -> None:
    """It says when it did."""
    notice(session, person, category="VALIDATION_NOTICE", status=MessageStatus.UNDELIVERED)
    assert dates(debt_notice(session, person)) == (date(2026, 3, 2), None, date(2026, 3, 3))


def test_the_latest_notice_counts_and_no_other_text(session: Session, person: Contact) -> None:
    """A later text of another category moves nothing; a later notice does."""
    notice(session, person, category="OTHER", status=MessageStatus.DELIVERED, at=MONDAY + timedelta(days=9))
    assert debt_notice(session, person) is None
    for days in (0, 7):
        at = MONDAY + timedelta(days=days)
        notice(session, person, category="VALIDATION_NOTICE", status=MessageStatus.DELIVERED, at=at)
    assert dates(debt_notice(session, person))[0] == date(2026, 3, 9)


def test_the_day_is_the_accounts(session: Session, person: Contact) -> None:
    """Two in the night in UTC is the evening before in New York."""
    at = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)
    notice(session, person, category="VALIDATION_NOTICE", status=MessageStatus.SENT, at=at)
    assert dates(debt_notice(session, person))[0] == date(2026, 3, 2)


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (date(2026, 3, 2), date(2026, 3, 9)),  # over a weekend
        (date(2026, 3, 6), date(2026, 3, 13)),
        (date(2026, 6, 29), date(2026, 7, 7)),  # the Fourth of July is kept on the Friday
        (date(2026, 12, 22), date(2026, 12, 30)),  # Christmas is a Friday
    ],
)
def test_five_days_without_weekends_and_holidays(sent: date, received: date) -> None:
    """As a letter is assumed to take."""
    assert received_on(sent, 5) == received


def test_before_the_rule_there_is_no_period() -> None:
    """It is of 2021-11-30, and nobody confirmed it to us."""
    assert period(date(2021, 11, 29)) is None
    found = period(date(2021, 11, 30))
    assert found is not None
    assert (found.days, found.assumed_business_days, found.confirmed) == (30, 5, False)
