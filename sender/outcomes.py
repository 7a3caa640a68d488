"""What became of a claim, and what it changes: written only for the attempt it belongs to, and committed.

Part of the protocol that `sender/dispatch.py` describes: this is its step 3, and it commits for the same reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.accounts import Account, SendingNumber
from models.campaigns import Campaign, CampaignState, Run
from models.consent import ConsentKind, ConsentSource
from models.messages import Message, MessageStatus
from models.settings import value
from sender import consent, messages

PATIENCE = 1.0
"""Seconds to wait after a 429 that does not say how long."""
ACCOUNT_BUSY = 20429
LATER = timedelta(minutes=1)
"""After how long a message that met wrong credentials is tried again, where no campaign can be paused for a person."""
OPTED_OUT = 21610


@dataclass(frozen=True)
class Claim:
    """One message that this worker may send now; `slot` is the time its sender's rate allows."""

    message_id: int
    attempt: int
    account_id: int
    sender_id: int
    sender: str
    service: bool
    to: str
    body: str
    media_url: str | None
    validity_seconds: int
    slot: datetime
    intent_at: datetime
    leave_within: timedelta


class Result(StrEnum):
    """What became of a claim."""

    SENT = "sent"
    REJECTED = "rejected"
    THROTTLED = "throttled"
    IN_DOUBT = "in_doubt"
    UNSENT = "unsent"


@dataclass(frozen=True)
class Outcome:
    """What Twilio said of one claim."""

    claim: Claim
    result: Result
    sid: str | None = None
    status: str = ""
    error_code: int | None = None
    retry_after: float = PATIENCE
    stops_run: bool = False


def record(session: Session, outcomes: Sequence[Outcome], *, now: datetime) -> None:
    """Write what became of claims, and commit. An outcome of an attempt that is no longer the row's own changes nothing."""
    ids = sorted(outcome.claim.message_id for outcome in outcomes)
    rows = session.scalars(select(Message).where(Message.id.in_(ids)).order_by(Message.id).with_for_update())
    by_id = {message.id: message for message in rows}
    for outcome in outcomes:
        message = by_id[outcome.claim.message_id]
        if outcome.result is Result.SENT:
            messages.advance(
                session, message, messages.word(outcome.status) or MessageStatus.QUEUED, now=now, sid=outcome.sid
            )
        elif _is_current(message, outcome.claim):
            _RECORD[outcome.result](session, message, outcome, now)
    session.commit()


def _is_current(message: Message, claim: Claim) -> bool:
    open_ = message.status in {MessageStatus.CLAIMED, MessageStatus.IN_DOUBT}
    return open_ and message.attempt == claim.attempt and message.sid is None


def give_back(session: Session, message: Message, *, due_at: datetime, now: datetime) -> None:
    """Make a message that was certainly not sent sendable again, and return its segments to the run's limit."""
    message.status, message.due_at = MessageStatus.PENDING, due_at
    message.worker = message.lease_until = None
    message.absences, message.updated_at = 0, now
    _release(session, message)


def _release(session: Session, message: Message) -> None:
    if message.run_id is not None:
        reserve(session, message.run_id, -message.segments)


def _rejected(session: Session, message: Message, outcome: Outcome, now: datetime) -> None:
    if outcome.stops_run:  # wrong credentials: nothing was sent, and nothing will be until a person mends it
        give_back(session, message, due_at=now if message.run_id else now + LATER, now=now)
        _pause(session, message, now)
        return
    _release(session, message)
    messages.advance(session, message, MessageStatus.FAILED, now=now, error_code=outcome.error_code)
    if outcome.error_code == OPTED_OUT:
        consent.append(
            session, account_id=message.account_id, phone=message.phone, kind=ConsentKind.OPT_OUT,
            source=ConsentSource.PROVIDER_REFUSAL, reason="Twilio refused the text: error 21610", message_id=message.id, now=now,
        )  # fmt: skip


def _throttled(session: Session, message: Message, outcome: Outcome, now: datetime) -> None:
    until = now + timedelta(seconds=outcome.retry_after)
    give_back(session, message, due_at=until, now=now)
    busy = update(SendingNumber).where(SendingNumber.id == outcome.claim.sender_id)
    if outcome.error_code == ACCOUNT_BUSY:
        busy = update(Account).where(Account.id == message.account_id)
    session.execute(busy.values(blocked_until=until))


def _in_doubt(session: Session, message: Message, _outcome: Outcome, now: datetime) -> None:
    message.status, message.worker, message.updated_at = MessageStatus.IN_DOUBT, None, now
    message.lease_until = now + timedelta(seconds=value(session, "settle_seconds", account_id=message.account_id))


def _unsent(session: Session, message: Message, _outcome: Outcome, now: datetime) -> None:
    give_back(session, message, due_at=now, now=now)


_RECORD = {
    Result.REJECTED: _rejected,
    Result.THROTTLED: _throttled,
    Result.IN_DOUBT: _in_doubt,
    Result.UNSENT: _unsent,
}


def _pause(session: Session, message: Message, now: datetime) -> None:
    """Pause the campaign of a message whose credentials Twilio refused."""
    campaign_id = select(Run.campaign_id).where(Run.id == message.run_id).scalar_subquery()
    session.execute(
        update(Campaign)
        .where(Campaign.id == campaign_id, Campaign.state == CampaignState.SENDING)
        .values(state=CampaignState.PAUSED, updated_at=now)
        .execution_options(synchronize_session=False)
    )


def reserve(session: Session, run_id: int, segments: int) -> None:
    """Count segments against the run's limit, or give them back (negative), whoever else is counting."""
    session.execute(update(Run).where(Run.id == run_id).values(segments_claimed=Run.segments_claimed + segments))
