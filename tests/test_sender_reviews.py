"""Which holds wait for a person, for how long they may, and what a decision adds to the ledger."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Database
from models.consent import ConsentEvent, ConsentKind, ConsentSource, Purpose
from models.inbox import Conversation, ConversationState
from sender import checkpoints, consent, inbox, reviews
from sender.reviews import Settled, Verdict
from tests import seeds
from tests.conftest import NOW, seed_account

PERSON, OTHER = "+12125550101", "+12125550102"
K, P = ConsentKind, Purpose


def told(
    session: Session,
    account: Account,
    *kinds: ConsentKind,
    phone: str = PERSON,
    purpose: Purpose = P.ALL,
    at: datetime = NOW,
) -> None:
    """Events about a number."""
    for kind in kinds:
        consent.append(
            session, account_id=account.id, phone=phone, kind=kind, purpose=purpose, source=ConsentSource.KEYWORD, now=at
        )  # fmt: skip


def held(session: Session, account: Account) -> list[ConsentEvent]:
    """What waits."""
    return list(session.scalars(select(ConsentEvent).where(ConsentEvent.account_id == account.id, *reviews.waiting())))


@pytest.mark.parametrize(
    ("kinds", "waits"),
    [
        ([], False),
        ([K.HOLD], True),
        ([K.HOLD, K.HOLD, K.HOLD], True),
        ([K.HOLD, K.RELEASE], False),
        ([K.HOLD, K.OPT_OUT], False),
        ([K.HOLD, K.RE_SUBSCRIBE], False),
        ([K.HOLD, K.OPT_IN], True),  # an import is no answer to what somebody wrote
        ([K.HOLD, K.RELEASE, K.HOLD], True),
        ([K.OPT_OUT, K.HOLD], True),
    ],
)
def test_what_waits(session: Session, account: Account, kinds: list[ConsentKind], waits: bool) -> None:
    """A number waits once, from its first unread reply, until something settles it."""
    told(session, account, *kinds)
    found = held(session, account)
    assert len(found) == int(waits) == reviews.count(session, account.id)
    if kinds == [K.HOLD] * 3:
        assert found[0].id == min(session.scalars(select(ConsentEvent.id)))
    for one in found:
        assert reviews.settled_by(session, one) is None


def test_each_purpose_and_account_waits_for_itself(session: Session, account: Account) -> None:
    """A release about marketing settles no hold about everything, and another account's nothing here."""
    other = seed_account(session, slug="other")
    told(session, account, K.HOLD)
    told(session, account, K.RELEASE, purpose=P.MARKETING)
    told(session, other, K.HOLD, K.RELEASE)
    assert (reviews.count(session, account.id), reviews.count(session, other.id)) == (1, 0)


def test_the_alarm(session: Session, account: Account) -> None:
    """After five hours, by the first reply that nobody has read."""
    told(session, account, K.HOLD)
    told(session, account, K.HOLD, at=NOW + timedelta(hours=4))
    told(session, account, K.HOLD, phone=OTHER, at=NOW + timedelta(hours=4))
    for hours, late in ((4.99, 0), (5, 1), (8.99, 1), (9, 2)):
        assert reviews.late(session, account.id, now=NOW + timedelta(hours=hours)) == late


@pytest.mark.parametrize(
    ("held_at", "zone", "due"),
    [
        # a Friday, 10:00 in New York: two weeks later, at the same hour, also over the end of daylight-saving time
        (datetime(2026, 11, 20, 15, tzinfo=UTC), "America/New_York", datetime(2026, 12, 4, 15, tzinfo=UTC)),
        (datetime(2026, 10, 23, 14, tzinfo=UTC), "America/New_York", datetime(2026, 11, 6, 15, tzinfo=UTC)),
        (datetime(2026, 11, 21, 15, tzinfo=UTC), "America/New_York", datetime(2026, 12, 4, 15, tzinfo=UTC)),  # a Saturday
        (datetime(2026, 11, 22, 23, tzinfo=UTC), "Pacific/Auckland", datetime(2026, 12, 6, 23, tzinfo=UTC)),  # their Monday
    ],
)  # fmt: skip
def test_ten_business_days(held_at: datetime, zone: str, due: datetime) -> None:
    """Saturdays and Sundays are none, by the account's own days."""
    assert reviews.due(held_at, zone) == due


def test_the_limits_are_dated() -> None:
    """The ten days are the FCC's, the alarm our own; before they were in force the first ones hold."""
    assert reviews.limits(date(2026, 11, 20)) == reviews.limits(date(2020, 1, 1))
    assert (reviews.limits(date(2026, 11, 20)).alarm, reviews.limits(date(2026, 11, 20)).business_days) == (
        timedelta(hours=5),
        10,
    )


@pytest.mark.parametrize(("verdict", "kind"), [(Verdict.REVOKED, K.OPT_OUT), (Verdict.KEPT, K.RELEASE)])
def test_a_decision(session: Session, account: Account, verdict: Verdict, kind: ConsentKind) -> None:
    """One entry with reason, reply and who decided; the conversation needs nobody any more; a second decision changes nothing."""
    sender = seeds.sender_of(session, account)
    params = {"MessageSid": "SM1", "From": PERSON, "To": sender.address, "Body": "I do not want your texts any more"}
    message = inbox.receive(session, account=account, sender=sender, params=params, now=NOW)
    assert message is not None
    (hold,) = held(session, account)
    assert session.scalars(select(Conversation)).one().state is ConversationState.REVIEW
    event = reviews.decide(session, hold, verdict, reason="Read it", actor="a@example.com", now=NOW)
    assert (event.kind, event.source, event.reason, event.actor) == (
        kind,
        ConsentSource.ADMIN,
        "Read it",
        "a@example.com",
    )
    assert (event.message_id, event.evidence) == (message.id, {"review_of_entry": str(hold.id)})
    blocked = consent.blocked(session, account.id, [PERSON], P.ACCOUNT)
    assert (PERSON in blocked) == (verdict is Verdict.REVOKED)
    session.expire_all()
    assert session.scalars(select(Conversation)).one().state is ConversationState.OPEN
    with pytest.raises(Settled, match="settled already"):
        reviews.decide(session, hold, Verdict.REVOKED, reason="Again", actor="b@example.com", now=NOW)
    assert reviews.settled_by(session, hold) is event
    assert len(session.scalars(select(ConsentEvent)).all()) == 2
    session.commit()
    assert checkpoints.walk(session, account).problem is None


def test_a_stop_that_comes_while_somebody_reads(database: Database) -> None:
    """The decision finds it settled: the person has said it themselves."""
    with database.session() as session:
        account = seed_account(session)
        told(session, account, K.HOLD)
        session.commit()
        (hold,) = held(session, account)
        with database.session() as other:
            if database.dialect == "sqlite":
                session.commit()
            told(other, account, K.OPT_OUT)
            other.commit()
        with pytest.raises(Settled):
            reviews.decide(session, hold, Verdict.KEPT, reason="About the bill", actor="a@example.com", now=NOW)
