"""Texts of no campaign keep to hours, too: a workflow's wait for them, and an answer to somebody who wrote leaves at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Reason
from models.consent import Purpose
from models.contacts import Contact
from models.inbox import Conversation
from models.messages import Message, MessageStatus
from models.settings import Setting
from models.workflows import Event
from sender import dispatch
from tests import seeds
from tests.conftest import NOW

NIGHT = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
"""22:00 on a Friday in New York."""
MORNING = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)


@pytest.fixture
def person(session: Session, account: Account) -> Contact:
    """Somebody in New York, of an account that keeps to the law's hours with every text."""
    session.execute(update(Setting).values(value=True))
    return seeds.contacts(session, account, 1)[0]


def alone(session: Session, account: Account, person: Contact, *, event: bool = True, **known: object) -> Message:
    """A pending text that belongs to no campaign, due at night; committed."""
    event_id = None
    if event:
        brought = Event(
            account_id=account.id,
            kind="payment.received",
            external_id="e1",
            occurred_at=NIGHT,
            received_at=NIGHT,
            payload={},
        )
        session.add(brought)
        session.flush()
        event_id = brought.id
    message = Message(
        **{
            "account_id": account.id, "event_id": event_id, "step": 1 if event else None, "contact_id": person.id,
            "sender_id": seeds.sender_of(session, account).id, "phone": person.phone, "region": "US", "body": "Thank you",
            "encoding": "GSM-7", "units": 9, "segments": 1, "due_at": NIGHT, "created_at": NIGHT, "updated_at": NIGHT,
        } | known
    )  # fmt: skip
    session.add(message)
    session.commit()
    return message


def claimed(session: Session, now: datetime) -> int:
    """How many texts a claim takes."""
    return len(dispatch.claim(session, worker="w", now=now, limit=10))


def wrote(session: Session, account: Account, person: Contact, *, at: datetime) -> None:
    """They sent us a text at that time."""
    sender_id = seeds.sender_of(session, account).id
    session.add(
        Conversation(account_id=account.id, phone=person.phone, sender_id=sender_id, created_at=at, last_inbound_at=at)
    )
    session.commit()


def test_a_workflows_text_waits_for_its_hours(session: Session, account: Account, person: Contact) -> None:
    """Not sent at night, not lost, due when the window opens, and with a validity that ends with it."""
    message = alone(session, account, person)
    assert claimed(session, NIGHT) == 0
    session.refresh(message)
    assert (message.status, message.due_at, message.attempt) == (MessageStatus.PENDING, MORNING, 0)
    assert claimed(session, MORNING - timedelta(seconds=1)) == 0
    [claim] = dispatch.claim(session, worker="w", now=MORNING + timedelta(hours=12, minutes=50), limit=10)
    assert claim.validity_seconds == 10 * 60 - 10


def test_the_last_moments_of_a_window_are_left_alone(session: Session, account: Account, person: Contact) -> None:
    """With less than two minutes left it waits for the next day."""
    message = alone(session, account, person)
    assert claimed(session, MORNING + timedelta(hours=12, minutes=58, seconds=30)) == 0
    session.refresh(message)
    assert message.due_at == MORNING + timedelta(days=1)


@pytest.mark.parametrize(
    ("ago", "expected"), [(timedelta(hours=23, minutes=59), 1), (timedelta(hours=24, seconds=1), 0)]
)
def test_an_answer_leaves_at_once(
    session: Session, account: Account, person: Contact, ago: timedelta, expected: int
) -> None:
    """Within a day of what somebody wrote: an agent's reply, the confirmation of an opt-out."""
    alone(session, account, person, event=False)
    wrote(session, account, person, at=NIGHT - ago)
    assert claimed(session, NIGHT) == expected


@pytest.mark.parametrize(
    ("purpose", "event", "expected"),
    [(Purpose.ACCOUNT, True, 1), (Purpose.ACCOUNT, False, 0), (Purpose.MARKETING, True, 0)],
)
def test_receipts_may_be_exempt(
    session: Session, account: Account, person: Contact, purpose: Purpose, event: bool, expected: int
) -> None:
    """Where the account says so, and only what an event brought about, and never marketing."""
    session.add(Setting(account_id=account.id, name="hours_for_event_texts", value=False, updated_at=NOW))
    alone(session, account, person, purpose=purpose, event=event)
    assert claimed(session, NIGHT) == expected


def test_nobody_knows_the_time(session: Session, account: Account, person: Contact) -> None:
    """A toll-free number has no zone: the text is set aside for that reason, which people see."""
    person.phone = "+18005550199"
    message = alone(session, account, person)
    assert claimed(session, NOW + timedelta(days=1)) == 0
    session.refresh(message)
    assert (message.status, message.reason) == (MessageStatus.SKIPPED, Reason.NO_TIME_ZONE)


def test_a_request_and_a_missing_contact(session: Session, account: Account, person: Contact) -> None:
    """What the person asked for counts here, too; of a number that is no contact's, what it says itself."""
    person.quiet_hours = "18:00-10:00"
    message = alone(session, account, person)
    assert claimed(session, MORNING + timedelta(hours=1)) == 0
    session.refresh(message)
    assert message.due_at == MORNING + timedelta(hours=2)
    stranger = alone(session, account, person, event=False, phone="+13055550123", contact_id=None)
    assert claimed(session, MORNING) == 1
    session.refresh(stranger)
    assert stranger.status is MessageStatus.CLAIMED


def test_a_country_without_a_setting(session: Session, account: Account, person: Contact) -> None:
    """It is disabled, as for a campaign."""
    message = alone(session, account, person, region="DE", phone="+4915112345678")
    assert claimed(session, NOW + timedelta(days=1)) == 0
    session.refresh(message)
    assert (message.status, message.reason) == (MessageStatus.SKIPPED, Reason.COUNTRY_DISABLED)
