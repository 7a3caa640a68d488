"""What is past an account's period goes, a part at a time; what is needed, or evidence, stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Database, connect
from models.campaigns import Campaign, CampaignState, Run
from models.consent import ConsentEvent, ConsentKind, ConsentSource, Purpose
from models.contacts import Contact
from models.messages import Message, MessageStatus
from sender import checkpoints, consent, retention
from tests.conftest import NOW, seed_account
from tests.forgotten import KEYS, PHONE, figures, furnished, left, priced
from tests.lists import listed

LATER = NOW + timedelta(days=400)
MUCH_LATER = NOW + timedelta(days=366 * 11)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database whose sessions can open what is sealed."""
    database = connect(database_url, secret_keys=KEYS)
    yield database
    database.engine.dispose()


class Killed(Exception):
    """The process died here."""


def retained(
    database: Database, account: Account, now: datetime, *, limit: int = 2_000, dies_at: int = 10**9
) -> Counter[str]:
    """Let go what is old; dies inside the n-th part that did something, before its commit."""
    parts = 0

    def told(_session: Session, kind: str, ids: Sequence[int]) -> None:
        nonlocal parts
        assert len(ids) <= limit or kind in {"consent entries", "flags"}  # there it counts numbers
        parts += 1
        if parts == dies_at:
            raise Killed

    return +retention.retain(database, account.id, now=now, told=told, limit=limit)


def settled(session: Session, account: Account, *, days: int | None = 365) -> Run:
    """The furnished account with its campaign over, and a period."""
    run = furnished(session, account)
    priced(session, account)
    run.finished_at = NOW
    session.execute(update(Campaign).values(state=CampaignState.COMPLETED))
    account.retention_days = days
    session.commit()
    return run


def test_after_the_period_words_numbers_and_people_go(database: Database, session: Session, account: Account) -> None:
    """Only evidence still names the number, until its own period has passed; no figure moves, and a second turn finds nothing."""
    settled(session, account)
    before = figures(session, account)
    session.commit()
    assert retained(database, account, NOW + timedelta(days=364)) == Counter()
    assert retention.due(session, account.id, days=365, now=LATER) == 4
    session.commit()
    done = retained(database, account, LATER)
    assert done == {"texts": 4, "conversations": 1, "list rows": 3, "events": 1, "contacts": 2, "requests": 1}
    assert {cell.partition(":")[0].partition(".")[0] for cell in left(session)} == {
        "consent_event", "contact_flag",
    }  # fmt: skip
    assert figures(session, account) == before
    assert account.retained_to == LATER - timedelta(days=365)
    session.commit()
    assert retained(database, account, LATER) == Counter()
    assert consent.blocked(session, account.id, [PHONE], Purpose.ALL)
    session.commit()
    assert retained(database, account, MUCH_LATER) == {"consent entries": 2, "flags": 1}
    assert left(session) == []
    assert consent.blocked(session, account.id, [PHONE], Purpose.ALL), "a no has no end"
    assert checkpoints.walk(session, account).problem is None


@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.parametrize("dies_at", range(1, 12, 2))
def test_a_turn_that_died_is_gone_on_with(
    database: Database, session: Session, account: Account, dies_at: int, limit: int
) -> None:
    """Whatever part it died in: the next turn does the rest, and the end is the same."""
    settled(session, account)
    before = figures(session, account)
    session.commit()
    died = False
    try:
        retained(database, account, MUCH_LATER, limit=limit, dies_at=dies_at)
    except Killed:
        died = True
    assert died == (dies_at < 11 or limit == 1)
    retained(database, account, MUCH_LATER, limit=limit)
    assert left(session) == []
    assert figures(session, account) == before
    assert checkpoints.walk(session, account).problem is None


def test_without_a_period_everything_stays(database: Database, session: Session, account: Account) -> None:
    """For ever, also where another account has one."""
    other = seed_account(session, slug="other")
    settled(session, account, days=None)
    settled(session, other)
    assert retention.due(session, account.id, days=None, now=MUCH_LATER) == 0
    session.commit()
    assert retained(database, account, MUCH_LATER) == Counter()
    assert retained(database, other, MUCH_LATER)["texts"] == 4
    assert session.scalar(select(func.count()).where(Message.account_id == account.id, Message.body.is_not(None))) == 4


@pytest.mark.parametrize(("status", "people"), [("pending", 2), ("claimed", 1), ("in_doubt", 1), ("unknown", 1)])
def test_what_may_still_be_sent_keeps_its_words(
    database: Database, session: Session, account: Account, status: str, people: int
) -> None:
    """And holds the account's mark back, so that it goes when it is settled; its contact stays with it, or its whole open list."""
    run = settled(session, account)
    first = session.scalars(select(Message).order_by(Message.id)).first()
    assert first is not None
    first.status, first.created_at = MessageStatus(status), NOW + timedelta(seconds=1)
    run.finished_at = None if status == "pending" else NOW
    session.commit()
    assert retained(database, account, LATER)["texts"] == 3
    session.expire_all()
    assert (first.phone, first.number_hash, account.retained_to) == (PHONE, None, first.created_at)
    assert session.scalar(select(func.count()).where(Contact.erased_at.is_(None))) == people
    first.status, run.finished_at = MessageStatus.FAILED, NOW
    session.commit()
    done = retained(database, account, LATER)
    assert (done["texts"], done["contacts"]) == (1, people)


def test_people_of_whom_something_is_left_stay(database: Database, session: Session, account: Account) -> None:
    """A new list with the same person, or a campaign that may still be sent to the old one, keeps the contact and its values."""
    settled(session, account)
    listed(session, account, "phone,name\n2125550141,Xanthippe\n", name="New", now=LATER - timedelta(days=1))
    session.execute(update(Contact).values(updated_at=NOW))
    session.commit()
    assert retained(database, account, LATER)["contacts"] == 1
    session.execute(update(Campaign).values(state=CampaignState.DRAFT))
    other = seed_account(session, slug="other")
    run = settled(session, other)
    run.campaign.state = CampaignState.DRAFT
    session.commit()
    done = retained(database, other, LATER)
    assert (done["list rows"], done["contacts"]) == (0, 0)


def test_the_longest_period_in_force_counts_for_evidence(session: Session, account: Account) -> None:
    """Ten years from what was said last, today; every period names a source, and none is confirmed without counsel."""
    assert max(one.years for one in retention.periods()) == 10
    assert retention.evidence_until(NOW) == NOW - timedelta(days=3_660)
    assert retention.evidence_until(datetime(2025, 6, 1, tzinfo=NOW.tzinfo)) > NOW - timedelta(days=366 * 6)
    with pytest.raises(ValueError, match="add one"):
        retention.evidence_until(datetime(1999, 1, 1, tzinfo=NOW.tzinfo))
    assert all(one.source and one.counted_from and not one.confirmed for one in retention.periods())


def test_a_number_that_spoke_since_keeps_all_its_entries(
    database: Database, session: Session, account: Account
) -> None:
    """The period runs from the last entry, so that a yes is never left without what came before it."""
    account.retention_days = 365
    for at in (NOW, MUCH_LATER - timedelta(days=30)):
        consent.append(
            session, account_id=account.id, phone=PHONE, kind=ConsentKind.OPT_IN, source=ConsentSource.FORM, now=at
        )
    session.commit()
    assert retained(database, account, MUCH_LATER) == Counter()
    assert session.scalar(select(func.count()).where(ConsentEvent.erased_at.is_not(None))) == 0
