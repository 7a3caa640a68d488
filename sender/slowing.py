"""Which senders are to go slower because Twilio's queue for them has overflowed, and for how long?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from models.accounts import SendingNumber
from models.settings import value
from sender import dated
from sender.callbacks import Failure


@cache
def codes() -> frozenset[int]:
    """The error codes that mean "too fast", from slow_codes.csv."""
    return frozenset(int(row["code"]) for row in dated.table(Path(__file__).with_name("slow_codes.csv")))


def overflowed(failures: Iterable[Failure]) -> list[tuple[int, int]]:
    """(account id, sender id) of those whose messages failed because they came too fast, each once, in order."""
    return sorted({(f.account_id, f.sender_id) for f in failures if f.error_code in codes() and f.sender_id})


def slow(session: Session, senders: Sequence[tuple[int, int]], *, now: datetime) -> None:
    """Halve their pace from now on for `slow_minutes`; a longer slowness that is set already stays."""
    for account_id, sender_id in senders:
        until = now + timedelta(minutes=value(session, "slow_minutes", account_id=account_id))
        session.execute(
            update(SendingNumber)
            .where(SendingNumber.id == sender_id)
            .where(or_(SendingNumber.slow_until.is_(None), SendingNumber.slow_until < until))
            .values(slow_until=until)
        )
