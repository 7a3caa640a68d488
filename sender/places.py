"""Who sends for whom, and who runs which job, when there are several workers? What was given to this process for a while.

Nothing correct depends on it: claims are locked and turns leased whoever takes them. It only keeps workers from doing the same
work side by side. So whenever it cannot be relied on (nobody gives anything, a worker was lost), everyone does everything.
"""

from __future__ import annotations

import logging
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.accounts import SendingNumber
from models.jobs import Job
from sender import presence

log = logging.getLogger(__name__)

PLACING = "placing"
"""The job whose turns give the places."""
SHARES = 16
"""Senders are given in so many shares, by the rest of their id; with fewer senders most shares have one."""
SLICE = 10
"""Seconds for which something is given."""
LEAD, GRACE = 4, 3
"""Seconds before and after, in which two processes may hold the same: so that nobody holding it is the exception."""
SILENCE = timedelta(seconds=8)
"""After so long without placing everyone does everything."""
SETTLED = timedelta(seconds=SLICE + LEAD + GRACE)
"""After so long everything given before has run out, and everything there is was given."""


@dataclass(frozen=True)
class Place:
    """A share of the senders ("pump-3") or a job ("job-prices"), until when; its id is the same whoever makes it."""

    key: str
    number: int
    until: datetime

    @property
    def id(self) -> str:
        return f"{self.key}-{self.number}"


def place(key: str, at: datetime) -> Place:
    """The slice that begins next or is going on; each key's slices begin at a time of its own, which spreads them."""
    offset = zlib.crc32(key.encode()) % SLICE
    number = (int(at.timestamp()) + LEAD + offset) // SLICE
    return Place(key, number, datetime.fromtimestamp((number + 1) * SLICE - offset + GRACE, UTC))


def wanted(session: Session, *, now: datetime) -> list[Place]:
    """What has to be given now: the shares that have a sender, and the jobs that come round before the slice is over."""
    shares = sorted({sender_id % SHARES for sender_id in _senders(session)})
    soon = now + timedelta(seconds=SLICE + LEAD)
    jobs = session.scalars(
        select(Job.name)
        .where(or_(Job.next_at <= soon, Job.requested_at.is_not(None)), Job.name != PLACING)
        .order_by(Job.name)
    )
    keys = [f"pump-{share}" for share in shares] + [f"job-{name}" for name in jobs]
    return [place(key, now) for key in keys]


def _senders(session: Session) -> set[int]:
    return set(session.scalars(select(SendingNumber.id).where(SendingNumber.active)))


@dataclass
class Places:
    """What this process holds. Given from one thread and asked from others."""

    worker: str
    clock: Callable[[], datetime]
    _until: dict[str, datetime] = field(default_factory=dict)
    _senders: set[int] = field(default_factory=set)
    _placed_since: datetime | None = None
    _relied_on: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def give(self, key: str, until: datetime) -> None:
        """Hold `key` until then; what is over is forgotten."""
        now = self.clock()
        with self._lock:
            self._until = {**{held: end for held, end in self._until.items() if end > now}, key: until}

    def held(self) -> set[str]:
        """What is held now."""
        now = self.clock()
        with self._lock:
            return {key for key, end in self._until.items() if end > now}

    def senders(self) -> set[int] | None:
        """The senders to claim for; None: every one."""
        if not self._relied_on:
            return None
        held = self.held()
        return {sender_id for sender_id in self._senders if f"pump-{sender_id % SHARES}" in held}

    def jobs(self) -> set[str] | None:
        """The jobs to take turns of; None: every one."""
        if not self._relied_on:
            return None
        return {key.removeprefix("job-") for key in self.held() if key.startswith("job-")}

    @property
    def silent(self) -> bool:
        """Whether nobody gives anything, as far as was seen."""
        return self._placed_since is None

    def look(self, session: Session, *, now: datetime) -> None:
        """See whether places are given at all, and whether all who hold some are still there."""
        placed_at = session.scalar(select(Job.finished_at).where(Job.name == PLACING))
        if placed_at is None or abs(now - placed_at) > SILENCE:
            self._placed_since = None
        elif self._placed_since is None:
            self._placed_since = now
        settled = self._placed_since is not None and now - self._placed_since >= SETTLED
        relied_on = settled and not presence.missing(session, besides=self.worker, now=now, within=SETTLED)
        if relied_on != self._relied_on:
            log.info("worker %s does %s", self.worker, "what it is given" if relied_on else "everything")
        self._senders, self._relied_on = _senders(session), relied_on
