"""Who was forgotten, kept outside the database, so that a backup that is restored forgets them again.

A backup brings back whoever was erased since it was made, and knows nothing of the erasure. So each erasure is noted in a file of
this host before it is committed: the keyed hash of the number, its account, the sealed key, the time. The file names nobody. It may
name an erasure that was not committed in the end; somebody had asked for that one, too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from models.accounts import Account
from models.consent import ConsentEvent
from models.contacts import Contact
from models.digests import digest, needed_key, opened
from models.flags import ContactFlag
from models.inbox import Conversation
from models.messages import Message
from models.opt_ins import OptInRequest
from sender.watermark import identity


@dataclass(frozen=True)
class Note:
    """One erasure: of which number, in which account of which database, when."""

    database: str
    account: str
    key: str
    """The account's key as it was sealed then: the backup may be older than the key."""
    number_hash: str
    at: str


def keep(file: Path, session: Session, account: Account, phone: str, *, now: datetime) -> None:
    """Note an erasure that is about to be committed, and force it to disk. Raises OSError: then it must not be."""
    hashed = digest(needed_key(session, account.id), phone)
    note = Note(identity(session), account.slug, account.number_key or "", hashed, _time(now))
    file.parent.mkdir(parents=True, exist_ok=True)
    place = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(place, (json.dumps(asdict(note)) + "\n").encode())  # one write: lines of two processes do not mix
        os.fsync(place)
    finally:
        os.close(place)


def notes(file: Path, session: Session) -> list[Note]:
    """Those of this database, the first first."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [note for note in _read(lines) if note.database == identity(session)]


def _read(lines: list[str]) -> Iterator[Note]:
    for line in lines:
        try:
            yield Note(**json.loads(line))
        except (ValueError, TypeError):  # half written when the power went
            continue


def back(session: Session, account: Account, of: list[Note], *, known: set[str]) -> Iterator[tuple[str, str]]:
    """(phone, time of its erasure) of each number that the account holds although it was erased at a time that is not `known`.

    Raises SecretUnreadable.
    """
    mine = [note for note in of if note.account == account.slug and note.at not in known]
    wanted: dict[str, dict[str, str]] = {}
    for note in mine:
        wanted.setdefault(note.key, {})[note.number_hash] = note.at
    phones = _held(session, account.id) if mine else []
    for sealed, hashes in wanted.items():
        key = opened(session, account.id, sealed)
        found = ((phone, hashes.get(digest(key, phone))) for phone in phones)
        yield from ((phone, at) for phone, at in found if at is not None)


def _held(session: Session, account_id: int) -> list[str]:
    """Every number of an account."""
    columns = (table.phone for table in (Contact, Conversation, ConsentEvent, ContactFlag, OptInRequest, Message))
    found = union(*(select(column).where(column.class_.account_id == account_id) for column in columns))
    return [phone for phone in session.scalars(found) if phone]


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
