"""A restored backup never sends again what had left: it is noticed, everything is stopped, and Twilio is asked what it has.

Stopping is one transaction: every account is held with a sentence, and its launch epoch counts up, so that no run of before may
send until `sender.settlement` has gone through its rows.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import event, select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Database
from sender.claims import Claim
from sender.settlement import Settled, settle
from sender.watermark import Mark, Watermark, behind, generation

__all__ = ["Settled", "Watch", "hold_all", "settle", "stop_if_behind"]

log = logging.getLogger(__name__)

OFTEN = 5.0
"""Seconds between two looks while a worker sends."""
SAID = (
    "The database is older than what was sent: a backup was restored. Nothing leaves until `flask --app wsgi restored --since …`"
    " has compared it with Twilio."
)


def hold_all(session: Session, why: str) -> int:
    """Stop every account, and close every run that has begun until it is settled; returns the new generation. Not committed."""
    accounts = session.scalars(
        select(Account).order_by(Account.id).with_for_update().execution_options(populate_existing=True)
    ).all()
    epoch = generation(session) + 1
    for account in accounts:
        account.held_why, account.launch_epoch = why, epoch
    session.flush()
    return epoch


def stop_if_behind(session: Session, watermark: Watermark) -> Mark | None:
    """Hold everything if this host has sent what the database does not know; returns the proof. Not committed.

    Of two workers that notice at once the second waits for the first, and then finds it done.
    """
    session.scalars(select(Account.id).order_by(Account.id).with_for_update()).all()
    mark = behind(session, watermark.marks())
    if mark is not None:
        hold_all(session, SAID)
        log.error("%s Proof: message %d, attempt %d.", SAID, mark.message_id, mark.attempt)
    return mark


@dataclass
class Watch:
    """What a dispatcher asks before each claim, and tells after it."""

    database: Database
    watermark: Watermark
    every: float = OFTEN
    _looked: float | None = None
    _fresh: threading.Event = field(default_factory=threading.Event)
    """Set by every new connection: the server behind it may have been restarted from a backup."""

    def __post_init__(self) -> None:
        event.listen(self.database.engine, "connect", lambda *_: self._fresh.set())

    def before(self) -> None:
        """Look, at the start, now and then, and on every new connection, whether the database is still the one we sent from."""
        if self._looked is None or self._fresh.is_set() or time.monotonic() - self._looked > self.every:
            self._behind()

    def after(self, claims: Sequence[Claim]) -> bool:
        """Note what was claimed and committed; whether it may leave. Not when the connection turned out to be a new one."""
        if claims and self._fresh.is_set() and self._behind():
            return False
        self.watermark.note(claims)
        return True

    def _behind(self) -> bool:
        self._fresh.clear()
        with self.database.reading() as session:
            self.watermark.know(session)
            found = behind(session, self.watermark.marks()) is not None
        if found:
            with self.database.transaction() as session:
                stop_if_behind(session, self.watermark)
                self.watermark.know(session)
        self._looked = time.monotonic()
        return found
