"""The one door through which a message changes: Twilio's words by rank, its price when it is known, and the daily facts of both."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from models import rollups
from models.campaigns import Reason
from models.messages import SETTLED, WITH_TWILIO, Message, MessageStatus, supersedes

WORDS = {status.value: status for status in WITH_TWILIO | {MessageStatus.FAILED, MessageStatus.CANCELED}}
"""What Twilio may say of a text that we send; our own words, and `received`, are none of them."""


class Moving(rollups.Counted, Protocol):
    """What of a message a word from Twilio may change: a `Message`, or a row of `sender/callbacks.py`."""

    final_at: datetime | None
    updated_at: datetime
    lease_until: datetime | None
    worker: str | None
    reason: Reason | None


def word(status: str) -> MessageStatus | None:
    """Twilio's status word of an outbound text as ours, or None for any other word (Twilio may add some)."""
    return WORDS.get(status)


def advance(
    session: Session,
    message: Message,
    status: MessageStatus,
    *,
    now: datetime,
    sid: str | None = None,
    error_code: int | None = None,
) -> bool:
    """Apply a word from Twilio; returns whether the status moved.

    Order and repeats do not matter: a word that ranks no higher than the present one changes nothing, but a SID or the
    error code of the present word that we did not know yet is learned all the same. The caller holds the row's lock; the
    delta of the daily facts is written in the same transaction.
    """
    before = rollups.fact(message)
    moved = move(message, status, now=now, sid=sid, error_code=error_code)
    rollups.record(session, [(before, rollups.fact(message))])
    return moved


def move(message: Moving, status: MessageStatus, *, now: datetime, sid: str | None, error_code: int | None) -> bool:
    """The change alone, for those who write many rows and their daily facts at once; returns whether the status moved."""
    known = (message.status, message.sid, message.error_code)
    if message.sid is None and sid:
        message.sid, message.sent_at = sid, message.sent_at or now
    moved = supersedes(status, message.status)
    if moved:
        message.status, message.error_code = status, error_code
        message.lease_until = message.worker = message.reason = None
        message.final_at = now if status in SETTLED else None
    elif status is message.status and message.error_code is None:
        message.error_code = error_code
    if known != (message.status, message.sid, message.error_code):
        message.updated_at = now
    return moved


def price(session: Session, message: Message, *, price_u: int, segments: int | None, now: datetime) -> bool:
    """Write what Twilio charged (micros, absolute) and counted; returns whether anything changed."""
    counted = segments or message.twilio_segments
    if (message.twilio_price_u, message.twilio_segments) == (price_u, counted):
        return False
    before = rollups.fact(message)
    message.twilio_price_u, message.twilio_segments, message.updated_at = price_u, counted, now
    rollups.record(session, [(before, rollups.fact(message))])
    return True
