"""What became of a claim, and what it changes: written only for the attempt it belongs to, and committed.

Part of the protocol that `sender/dispatch.py` describes: this is its step 3, and it commits for the same reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Base
from models.campaigns import Campaign, CampaignState, Run
from models.consent import ConsentKind, ConsentSource
from models.messages import Message, MessageStatus
from models.settings import value
from sender import consent, landed, messages, throttling
from sender.among import among
from sender.claims import Claim, Outcome, Result
from sender.landed import Landed
from sender.whole import Whole

__all__ = ["Claim", "Outcome", "Result", "give_back", "record", "reserve"]

LATER = timedelta(minutes=1)
"""After how long a message that met wrong credentials is tried again, where no campaign can be paused for a person."""
OPTED_OUT = 21610
STOPPED = (
    "Twilio refused the account itself, not a text: nothing was sent and nothing is lost. See that the account at Twilio is"
    " active and its token right (SMS account), then resume."
)
"""What a person reads on a campaign that met wrong credentials or a closed account."""
_OPEN = frozenset({MessageStatus.CLAIMED, MessageStatus.IN_DOUBT})
_USUAL = frozenset({MessageStatus.ACCEPTED, MessageStatus.QUEUED, MessageStatus.SCHEDULED, MessageStatus.SENDING})
"""Twilio's words for a text that it has just taken."""
_MESSAGES = Base.metadata.tables["message"].c
_PRESENT = Whole(
    select(_MESSAGES.id, _MESSAGES.status, _MESSAGES.attempt, _MESSAGES.sid)
    .where(among(_MESSAGES.id, "ids"))
    .order_by(_MESSAGES.id)
    .with_for_update()
)


def record(session: Session, outcomes: Sequence[Outcome], *, now: datetime) -> None:
    """Write what became of claims, and commit. An outcome of an attempt that is no longer the row's own changes nothing."""
    by_id = {row.id: row for row in _PRESENT.rows(session, {"ids": [outcome.claim.message_id for outcome in outcomes]})}
    usual, others = [], []
    for outcome in outcomes:
        found = _landed(outcome, by_id[outcome.claim.message_id])
        if found is not None:
            usual.append(found)
        else:
            others.append(outcome)
    landed.write(session, usual, now=now)
    _record_others(session, others, now)
    session.commit()
    session.expire_all()


def _landed(outcome: Outcome, row: Any) -> Landed | None:
    """The outcome as the usual case, if it is that: taken by Twilio, and the row still waits for exactly this answer."""
    word = messages.word(outcome.status) or MessageStatus.QUEUED
    mine = row.status in _OPEN and row.attempt == outcome.claim.attempt and row.sid is None
    if outcome.result is Result.SENT and outcome.sid and mine and word in _USUAL:
        return Landed(outcome.claim, outcome.sid, word)
    return None


def _record_others(session: Session, outcomes: Sequence[Outcome], now: datetime) -> None:
    ids = [outcome.claim.message_id for outcome in outcomes]
    loaded = select(Message).where(Message.id.in_(ids)).execution_options(populate_existing=True)
    by_id = {message.id: message for message in session.scalars(loaded)} if ids else {}
    waits = throttling.slow_down(session, [o for o in outcomes if o.result is Result.THROTTLED], now=now)
    for outcome in outcomes:
        message = by_id[outcome.claim.message_id]
        if outcome.result is Result.SENT:
            _late_answer(session, message, outcome, now)
        elif _is_current(message, outcome.claim):
            if outcome.result is Result.THROTTLED:
                give_back(session, message, due_at=waits[throttling.source(outcome)], now=now)
            else:
                _RECORD[outcome.result](session, message, outcome, now)


def _late_answer(session: Session, message: Message, outcome: Outcome, now: datetime) -> None:
    """Twilio took it, and something else has happened to the row since: its callback came first, or its lease ran out."""
    if message.status is MessageStatus.PENDING:
        _reserve(session, message)  # it was given back as unsent, with its segments
    word = messages.word(outcome.status) or MessageStatus.QUEUED
    messages.advance(session, message, word, now=now, sid=outcome.sid)


def _is_current(message: Message, claim: Claim) -> bool:
    return message.status in _OPEN and message.attempt == claim.attempt and message.sid is None


def give_back(session: Session, message: Message, *, due_at: datetime, now: datetime) -> None:
    """Make a message that was certainly not sent sendable again, and return its segments to the run's limit."""
    message.status, message.due_at = MessageStatus.PENDING, due_at
    message.worker = message.lease_until = None
    message.absences, message.updated_at = 0, now
    _release(session, message)


def _release(session: Session, message: Message) -> None:
    if message.run_id is not None:
        reserve(session, message.run_id, -message.segments)


def _reserve(session: Session, message: Message) -> None:
    if message.run_id is not None:
        reserve(session, message.run_id, message.segments)


def _rejected(session: Session, message: Message, outcome: Outcome, now: datetime) -> None:
    if outcome.stops_run:  # wrong credentials: nothing was sent, and nothing will be until a person mends it
        outdated = session.get_one(Account, message.account_id).credentials != outcome.claim.credentials
        give_back(session, message, due_at=now if message.run_id or outdated else now + LATER, now=now)
        if not outdated:  # else they were replaced meanwhile: it goes out again under the new ones
            _pause(session, message, now)
        return
    _release(session, message)
    messages.advance(session, message, MessageStatus.FAILED, now=now, error_code=outcome.error_code)
    if outcome.error_code == OPTED_OUT:
        consent.append(
            session, account_id=message.account_id, phone=message.phone, kind=ConsentKind.OPT_OUT,
            source=ConsentSource.PROVIDER_REFUSAL, reason="Twilio refused the text: error 21610", message_id=message.id, now=now,
        )  # fmt: skip


def _in_doubt(session: Session, message: Message, _outcome: Outcome, now: datetime) -> None:
    message.status, message.worker, message.updated_at = MessageStatus.IN_DOUBT, None, now
    message.lease_until = now + timedelta(seconds=value(session, "settle_seconds", account_id=message.account_id))


def _unsent(session: Session, message: Message, _outcome: Outcome, now: datetime) -> None:
    give_back(session, message, due_at=now, now=now)


_RECORD = {
    Result.REJECTED: _rejected,
    Result.IN_DOUBT: _in_doubt,
    Result.UNSENT: _unsent,
}


def _pause(session: Session, message: Message, now: datetime) -> None:
    """Pause the campaign of a message whose credentials Twilio refused."""
    campaign_id = select(Run.campaign_id).where(Run.id == message.run_id).scalar_subquery()
    session.execute(
        update(Campaign)
        .where(Campaign.id == campaign_id, Campaign.state == CampaignState.SENDING)
        .values(state=CampaignState.PAUSED, why=STOPPED, updated_at=now)
        .execution_options(synchronize_session=False)
    )


def reserve(session: Session, run_id: int, segments: int) -> None:
    """Count segments against the run's limit, or give them back (negative), whoever else is counting."""
    session.execute(update(Run).where(Run.id == run_id).values(segments_claimed=Run.segments_claimed + segments))
