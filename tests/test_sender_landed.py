"""Many answers at once: the same rows, SIDs and daily facts as one by one through `messages.advance`."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from models.accounts import Account
from models.messages import Message, MessageStatus
from models.rollups import FIELDS, SUMS, UsageDelta
from sender import dispatch, messages
from sender.claims import Outcome, Result
from sender.outcomes import record
from tests import seeds
from tests.conftest import NOW

LATER = NOW + timedelta(seconds=1)


def facts(session: Session) -> dict[tuple[object, ...], tuple[int, ...]]:
    """The daily facts, added up from their deltas."""
    keys = [getattr(UsageDelta, name) for name in FIELDS]
    sums = [func.sum(getattr(UsageDelta, name)) for name in SUMS]
    rows = session.execute(select(*keys, *sums).group_by(*keys)).all()
    return {tuple(row[: len(FIELDS)]): tuple(map(int, row[len(FIELDS) :])) for row in rows}


def state(session: Session) -> list[tuple[object, ...]]:
    """Everything about the rows that an answer changes."""
    columns = (
        Message.id, Message.status, Message.sid, Message.sent_at, Message.worker, Message.lease_until, Message.reason,
        Message.error_code, Message.final_at, Message.updated_at, Message.attempt,
    )  # fmt: skip
    return [tuple(row) for row in session.execute(select(*columns).order_by(Message.id))]


def test_the_same_as_one_by_one(session: Session, account: Account) -> None:
    """Twenty answers of three words, of texts of two sizes and two encodings."""
    seeds.sending_run(session, account, 20)
    session.execute(update(Message).where(Message.id % 3 == 0).values(segments=2, encoding="UCS-2"))
    session.commit()
    claims = dispatch.claim(session, worker="w", now=NOW, limit=20)
    words = ["queued", "accepted", "queued", "a word Twilio has yet to coin"]
    outcomes = [
        Outcome(claim, Result.SENT, sid=f"SM{claim.message_id:032}", status=words[n % 4])
        for n, claim in enumerate(claims)
    ]
    claimed = state(session)
    for outcome in outcomes:
        word = messages.word(outcome.status) or MessageStatus.QUEUED
        message = session.get_one(Message, outcome.claim.message_id)
        messages.advance(session, message, word, now=LATER, sid=outcome.sid)
    session.flush()
    expected = state(session), facts(session)
    session.rollback()
    session.expire_all()
    session.execute(delete(UsageDelta))
    assert state(session) == claimed
    record(session, outcomes, now=LATER)
    assert (state(session), facts(session)) == expected
