"""Tests of sender/notices.py: each cause is told once, to the right people, and a failure waits longer each time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Database
from models.notices import Notice
from sender import notices
from tests.conftest import NOW
from tests.seeds import campaign


def owed(session: Session, account: Account, cause: str = "run:1:errors", **more: object) -> Notice | None:
    """A notice of one cause."""
    return notices.owe(
        session, account_id=account.id, cause=cause, subject="Trouble", body="It is in trouble.", now=NOW, **more
    )  # type: ignore[arg-type]


def test_a_cause_is_told_once(session: Session, account: Account) -> None:
    """The second telling writes nothing; another cause, and another account's same cause, do."""
    other = Account(slug="other", name="Other", created_at=NOW)
    session.add(other)
    session.flush()
    assert owed(session, account) is not None
    assert owed(session, account) is None
    assert owed(session, account, "run:2:errors") is not None
    assert owed(session, other) is not None
    assert session.scalar(select(func.count()).select_from(Notice)) == 3


def test_both_lists_of_addresses_are_told(session: Session, account: Account) -> None:
    """The account's and the campaign's own, each address once; a subject is one line."""
    account.alert_emails = ["office@example.org", "  "]
    made = campaign(session, account)
    made.report_emails = ["Office@example.org", "anna@example.org"]
    notice = notices.owe(
        session, account_id=account.id, campaign_id=made.id, cause="a", subject="Two\nlines", body="x", now=NOW,
        details={"code": 30007},
    )  # fmt: skip
    assert notice is not None
    assert [address.lower() for address in notice.recipients] == ["office@example.org", "anna@example.org"]
    assert (notice.subject, notice.details, notice.attempts, notice.last_error) == ("Two lines", {"code": 30007}, 0, "")
    alone = owed(session, account)
    assert alone is not None
    assert alone.recipients == ["office@example.org"]


def test_a_claimed_notice_is_nobody_elses(database: Database, session: Session, account: Account) -> None:
    """Two workers claim different notices; a claim that was never answered is free again after its lease."""
    for number in range(3):
        owed(session, account, f"run:{number}")
    session.commit()
    first = notices.due(session, now=NOW, limit=2)
    session.commit()
    with database.session() as other:
        second = notices.due(other, now=NOW, limit=2)
        assert {n.id for n in first} & {n.id for n in second} == set()
        assert len(second) == 1
        assert notices.due(other, now=NOW) == []
        other.commit()
        assert notices.due(other, now=NOW + notices.LEASE - timedelta(seconds=1)) == []
        assert len(notices.due(other, now=NOW + notices.LEASE)) == 3


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 30), (2, 60), (3, 120), (7, 1920), (8, 3600), (9, 3600), (60, 3600)]
)
def test_each_failure_waits_longer(session: Session, account: Account, attempts: int, seconds: int) -> None:
    """Half a minute, doubled each time, never more than an hour."""
    notice = owed(session, account)
    assert notice is not None
    notice.attempts = attempts
    session.flush()
    assert notices.failed(session, notice, error="ConnectionRefusedError", now=NOW)
    session.refresh(notice)
    assert notice.due_at == NOW + timedelta(seconds=seconds)
    assert notice.last_error == "ConnectionRefusedError"


def test_what_an_older_attempt_says_changes_nothing(session: Session, account: Account) -> None:
    """A mailer that lost its claim cannot put off, nor settle, the attempt of another; what is mailed stays mailed."""
    notice = owed(session, account)
    assert notice is not None
    late = Notice(id=notice.id, attempts=1, details={}, recipients=[])
    notice.attempts = 2
    session.flush()
    assert not notices.failed(session, late, error="late", now=NOW)
    assert not notices.mailed(session, late, now=NOW)
    assert notices.mailed(session, notice, now=NOW)
    assert not notices.failed(session, notice, error="after", now=NOW)
    session.refresh(notice)
    assert (notice.sent_at, notice.last_error) == (NOW, "")


def test_only_those_not_reached_are_mailed_again(session: Session, account: Account) -> None:
    """Reached and refused addresses are settled; the rest is left."""
    account.alert_emails = ["a@example.org", "b@example.org", "c@example.org"]
    notice = owed(session, account)
    assert notice is not None
    notices.failed(session, notice, error="later", now=NOW, reached=["a@example.org"], refused={"b@example.org": "550"})
    session.refresh(notice)
    assert notices.still_to_reach(notice) == ["c@example.org"]
    assert notices.mailed(session, notice, now=NOW)
    session.refresh(notice)
    assert notice.last_error == "1 of 3 addresses were refused."
    assert notice.details["refused"] == {"b@example.org": "550"}


@pytest.mark.parametrize(("hours", "waiting"), [(71, 1), (72, 0), (73, 0)])
def test_old_news_is_not_mailed(session: Session, account: Account, hours: int, waiting: int) -> None:
    """After three days a notice stays in the outbox for the record; nobody is mailed it."""
    owed(session, account)
    later = NOW + timedelta(hours=hours)
    assert len(notices.due(session, now=later)) == waiting
    assert len(notices.told(session, account_id=account.id)) == 1


def test_an_address_given_later_is_used(session: Session, account: Account) -> None:
    """A notice that nobody could be told goes to the address that the account has when it is tried again."""
    owed(session, account)
    account.alert_emails = ["new@example.org"]
    assert [n.recipients for n in notices.due(session, now=NOW)] == [["new@example.org"]]
