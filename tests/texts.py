"""Rows of texts for the tests of analytics: one call, one message, everything not named is an ordinary delivered SMS."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account, SenderKind, SendingNumber
from models.messages import Direction, Message, MessageStatus
from models.rollups import fact, record
from tests.conftest import NOW

_NUMBERS = count(1)
OURS = {MessageStatus.PENDING, MessageStatus.CLAIMED, MessageStatus.SKIPPED}


def text(session: Session, account: Account, region: str = "US", segments: int = 1, **other: Any) -> Message:
    """Add one message (not committed); `sender` names a kind of the account's senders, `at` when it was made and taken."""
    number = next(_NUMBERS)
    at: datetime = other.pop("at", NOW)
    status = MessageStatus(other.pop("status", "delivered"))
    kind = SenderKind(other.pop("sender", "short_code"))
    sender = select(SendingNumber.id).where(SendingNumber.account_id == account.id, SendingNumber.kind == kind)
    taken = status not in OURS and other.get("sid", "") is not None
    values: dict[str, Any] = {
        "account_id": account.id, "sender_id": session.scalar(sender), "phone": f"+1201555{number % 10000:04d}",
        "region": region, "encoding": "GSM-7", "units": 100, "segments": segments, "status": status,
        "direction": Direction.OUTBOUND, "sid": f"SM{number:032x}" if taken else None, "body": "Hello",
        "due_at": at, "created_at": at, "sent_at": at if taken else None, "updated_at": at,
    }  # fmt: skip
    message = Message(**values | other)
    session.add(message)
    session.flush()
    record(session, [(None, fact(message))])
    return message
