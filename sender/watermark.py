"""What has left this host at the latest, kept outside the database, so that an older copy of the database is noticed.

After a claim is committed and before a byte leaves, one message of it and its attempt are written into a small file of this
host. A database that does not know that attempt is older than what was sent: a backup was restored, or a standby took over that
had not heard everything. Whatever line the process dies at, the file never names an attempt that was not committed, and no
attempt leaves that the file could not name. The write goes into the operating system's memory (microseconds; it survives the
process), and is forced to disk about once a second: a power failure may take the last second's marks, no more.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.messages import Message
from sender.claims import Claim

SIZE = 256
"""Bytes of a mark, always the same, so that a shorter one leaves nothing of a longer one behind."""
SYNC = 1.0
"""Seconds between two times that the mark is forced to disk."""


@dataclass(frozen=True)
class Mark:
    """One attempt that was committed in a database, and the generation of that database's launch epochs."""

    database: str
    generation: int
    message_id: int
    attempt: int
    intent_at: str
    """Of that attempt; another time under the same number is another history of the same message."""


def identity(session: Session) -> str:
    """What tells a database from every other, and is the same in its backups: when its first account was made."""
    first = session.execute(select(Account.slug, Account.created_at).order_by(Account.id).limit(1)).first()
    return f"{first.slug} {first.created_at:%Y-%m-%dT%H:%M:%S.%f}" if first else ""


def generation(session: Session) -> int:
    """The highest launch epoch: all accounts count up together whenever a backup is restored."""
    return session.scalar(select(func.max(Account.launch_epoch))) or 0


def behind(session: Session, marks: Sequence[Mark]) -> Mark | None:
    """A mark that this database should know and does not; None when it knows them all.

    Marks of another database are none of its business, and those of an earlier generation have been dealt with.
    """
    own, now = identity(session), generation(session)
    for mark in marks:
        if mark.database == own and mark.generation >= now:
            row = session.execute(
                select(Message.attempt, Message.intent_at).where(Message.id == mark.message_id)
            ).first()
            if row is None or row.attempt < mark.attempt:
                return mark
            if row.attempt == mark.attempt and _time(row.intent_at) != mark.intent_at:
                return mark
    return None


def _time(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}" if at else ""


class Watermark:
    """This process's own file among those of its host; whoever comes later takes it over when the process has ended."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._file, self._synced = self._own(), 0.0
        self.database, self.generation = "", 0

    def _own(self) -> int:
        for number in count():
            file = os.open(self._folder / f"sent-{number}", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
            else:
                return file
        raise AssertionError("there is always a number that nobody has")

    def close(self) -> None:
        """Leave the file to another process, with what is in it."""
        os.close(self._file)

    def know(self, session: Session) -> None:
        """Read which database this is."""
        self.database, self.generation = identity(session), generation(session)

    def note(self, claims: Sequence[Claim]) -> None:
        """Mark the latest committed claims, before any of them leaves. Raises OSError: then none of them may."""
        if not claims:
            return
        last = claims[-1]
        mark = Mark(self.database, self.generation, last.message_id, last.attempt, _time(last.intent_at))
        os.pwrite(self._file, json.dumps(asdict(mark)).encode().ljust(SIZE), 0)
        if time.monotonic() - self._synced > SYNC:
            os.fdatasync(self._file)
            self._synced = time.monotonic()

    def marks(self) -> list[Mark]:
        """Those of every process of this host, also of those that have ended."""
        return list(self._read())

    def _read(self) -> Iterator[Mark]:
        for path in sorted(self._folder.glob("sent-*")):
            try:
                yield Mark(**json.loads(path.read_bytes() or b"{}"))
            except (ValueError, TypeError):  # empty, or half written when the power went: it says nothing
                continue
