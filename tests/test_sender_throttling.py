"""A refusal for want of room: who waits, how long, and longer each time it happens again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account, SendingNumber
from models.messages import Message, MessageStatus
from sender import dispatch
from sender.claims import Claim, Outcome, Result
from sender.gateway_errors import UNREACHED, patience, rulings
from sender.outcomes import record
from tests import seeds
from tests.conftest import NOW


def refused(session: Session, claims: list[Claim], seconds: float, code: int | None = 20429) -> None:
    """Twilio had no room for these."""
    outcomes = [Outcome(claim, Result.THROTTLED, error_code=code) for claim in claims]
    record(session, outcomes, now=NOW + timedelta(seconds=seconds))


def claims_at(session: Session, seconds: float) -> list[Claim]:
    """What may be claimed then."""
    return dispatch.claim(session, worker="w", now=NOW + timedelta(seconds=seconds), limit=99)


@pytest.mark.parametrize(("code", "whose"), [(20429, Account), (21611, SendingNumber), (None, SendingNumber)])
def test_everybody_who_shares_the_limit_waits(
    session: Session, account: Account, code: int | None, whose: type[Account | SendingNumber]
) -> None:
    """429 of the account holds the account; a full queue, or a Twilio that cannot be reached, holds the sender."""
    run = seeds.sending_run(session, account, 3)
    refused(session, claims_at(session, 0), 0, code)
    wait = patience(code, again=0)
    session.expire_all()
    blocked = session.get_one(whose, account.id if whose is Account else run.sender_id)
    assert blocked.blocked_until == NOW + timedelta(seconds=wait)
    assert claims_at(session, wait - 0.01) == []
    assert len(claims_at(session, wait)) == 3


def test_a_burst_counts_once_and_a_row_of_them_doubles(session: Session, account: Account) -> None:
    """Three at once are one refusal; the next time it takes twice as long, up to the longest wait."""
    seeds.sending_run(session, account, 3)
    seconds, waits = 0.0, []
    for _ in range(9):
        claims = claims_at(session, seconds)
        assert len(claims) == 3
        refused(session, claims[:2], seconds)
        refused(session, claims[2:], seconds)  # the same burst, recorded a moment later
        session.expire_all()
        until = session.scalar(select(Account.blocked_until))
        assert until
        waits.append((until - NOW).total_seconds() - seconds)
        seconds = (until - NOW).total_seconds()
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert set(session.scalars(select(Message.status))) == {MessageStatus.PENDING}


def test_after_a_quiet_minute_it_is_the_first_again(session: Session, account: Account) -> None:
    """What was long ago makes nobody wait longer."""
    seeds.sending_run(session, account, 3)
    for start in (0.0, 100.0):
        refused(session, claims_at(session, start), start)
        session.expire_all()
        assert session.scalar(select(Account.blocked_until)) == NOW + timedelta(seconds=start + 0.5)


def test_twilios_own_word_is_taken(session: Session, account: Account) -> None:
    """Retry-After wins over our table, and the longest of several."""
    seeds.sending_run(session, account, 2)
    one, two = claims_at(session, 0)
    outcomes = [Outcome(one, Result.THROTTLED, retry_after=3.0), Outcome(two, Result.THROTTLED, retry_after=7.0)]
    record(session, outcomes, now=NOW)
    assert claims_at(session, 6.9) == []
    assert len(claims_at(session, 7)) == 2


@pytest.mark.parametrize(
    ("code", "again", "seconds"), [(None, 0, UNREACHED[0]), (None, 99, UNREACHED[1]), (21211, 1, 2.0)]
)
def test_patience_has_bounds(code: int | None, again: int, seconds: float) -> None:
    """The first and the longest wait where the table says nothing."""
    assert patience(code, again=again) == seconds


def test_refusals_of_the_text_are_never_waited_for() -> None:
    """A code of the text or the number is final; the two that are about room wait, and say how long."""
    waiting = {code for code, ruling in rulings().items() if ruling.decision == "wait"}
    assert waiting == {14107, 20429, 21611, 63038}
    assert all(0 < rulings()[code].wait <= rulings()[code].longest_wait for code in waiting)
