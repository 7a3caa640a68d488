"""Is the consent ledger whole? Its chain is walked and held against checkpoints that were kept elsewhere.

A row that was changed, removed or slipped in breaks the chain; one whose words about a person were erased as the law asks does
not. Rows cut off at its end break nothing, and neither does a chain
that somebody wrote anew from some row on: only a checkpoint that was exported before shows that, so export them, and keep them
where whoever can write to this database cannot.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.chain import FIRST
from models.consent import ConsentEvent, ConsentKind

PAGE = 1_000
"""Events read at once."""
FORM = "textledger consent checkpoint 1"


@dataclass(frozen=True)
class Checkpoint:
    """How long an account's chain was at a time, and its last hash (`models.chain.FIRST` of an empty one)."""

    account: str
    entries: int
    hash: str
    made_at: datetime


@dataclass(frozen=True)
class Proof:
    """What a walk along one chain found."""

    account: str
    entries: int
    last_hash: str
    broken: int | None = None
    """The id of the first event that does not follow from the one before it, or cannot even be read; the walk ends there."""
    erased: int = 0
    """Entries of which only what says nothing of a person is left."""
    missed: Checkpoint | None = None
    """The first checkpoint that the chain does not pass through."""

    @property
    def problem(self) -> str | None:
        """What is wrong, as a sentence; None when the chain is whole."""
        ledger = f"The consent ledger of {self.account}"
        if self.broken is not None:
            return f"{ledger} was changed: row {self.broken} does not follow from the row before it."
        if self.missed is None:
            return None
        told = f"the checkpoint of {self.missed.made_at:%Y-%m-%d %H:%M} UTC has {self.missed.entries:,} entries"
        if self.missed.entries > self.entries:
            return f"{ledger} was cut off: {told}, and {self.entries:,} are left."
        return f"{ledger} was written anew: {told}, and the last of them is another one now."


def checkpoint(session: Session, account: Account, *, now: datetime) -> Checkpoint:
    """The present end of an account's chain."""
    mine = ConsentEvent.account_id == account.id
    last = session.scalar(select(ConsentEvent.hash).where(mine).order_by(ConsentEvent.id.desc()).limit(1))
    entries = session.scalar(select(func.count()).where(mine)) or 0
    return Checkpoint(account.slug, entries, last or FIRST, now.astimezone(UTC))


def walk(session: Session, account: Account, against: Iterable[Checkpoint] = ()) -> Proof:
    """Along an account's whole chain, past those of the checkpoints that are of this account."""
    mine = sorted((one for one in against if one.account == account.slug), key=lambda one: one.entries)
    asked, hashes = {one.entries for one in mine}, {0: FIRST}
    previous, entries, erasures = FIRST, 0, _Erasures()
    for entries, (key, event) in enumerate(_events(session, account.id), 1):
        if event is None or not event.follows(previous):
            return Proof(account.slug, entries - 1, previous, broken=key)
        erasures.see(event)
        previous = event.hash
        if entries in asked:
            hashes[entries] = previous
    if erasures.unsealed is not None:
        return Proof(account.slug, entries, previous, broken=erasures.unsealed)
    missed = next((one for one in mine if hashes.get(one.entries) != one.hash), None)
    return Proof(account.slug, entries, previous, erased=erasures.count, missed=missed)


class _Erasures:
    """Holds what erased entries say of themselves, the hash and the time, against the sealed entries of their erasures."""

    def __init__(self) -> None:
        self._sealed = set[tuple[str | None, datetime | None]]()
        self._told: dict[tuple[str | None, datetime | None], int] = {}
        self.count = 0

    def see(self, event: ConsentEvent) -> None:
        """The next entry of the chain."""
        if event.erased_at is not None:
            self.count += 1
            self._told.setdefault((event.number_hash, event.erased_at), event.id)
        elif event.kind is ConsentKind.ERASURE:
            self._sealed.add((event.number_hash, event.at))

    @property
    def unsealed(self) -> int | None:
        """The first erased entry of which no sealed one knows."""
        return min((key for told, key in self._told.items() if told not in self._sealed), default=None)


def _events(session: Session, account_id: int) -> Iterator[tuple[int, ConsentEvent | None]]:
    """An account's events in order by their ids; None for one that cannot be read because of what somebody made of it."""
    ids = select(ConsentEvent.id).where(ConsentEvent.account_id == account_id).order_by(ConsentEvent.id).limit(PAGE)
    page = session.scalars(ids).all()
    while page:
        found = _readable(session, page) or {
            key: event for one in page for key, event in _readable(session, [one]).items()
        }
        yield from ((key, found.get(key)) for key in page)
        page = session.scalars(ids.where(ConsentEvent.id > page[-1])).all()


def _readable(session: Session, ids: Sequence[int]) -> dict[int, ConsentEvent]:
    """The events, or nothing at all when one of them is none: an unknown word, no time, no JSON."""
    try:
        found = select(ConsentEvent).where(ConsentEvent.id.in_(ids))
        events = session.scalars(found.execution_options(populate_existing=True))
        return {event.id: event for event in events}
    except (LookupError, ValueError):
        return {}


def written(checkpoints: Sequence[Checkpoint]) -> str:
    """Checkpoints as the JSON text of a file."""
    lines = [
        {"account": one.account, "entries": one.entries, "hash": one.hash, "made_at": one.made_at.isoformat()}
        for one in checkpoints
    ]
    return json.dumps({"form": FORM, "checkpoints": lines}, indent=2) + "\n"


def read(text: str | bytes) -> list[Checkpoint]:
    """The checkpoints of a file. ValueError with a sentence when it is none."""
    try:
        file = json.loads(text)
        found: list[dict[str, Any]] = {FORM: file["checkpoints"]}[file["form"]]  # no other form is known
        return [
            Checkpoint(
                str(one["account"]), int(one["entries"]), str(one["hash"]), datetime.fromisoformat(one["made_at"])
            )
            for one in found
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            "This is no checkpoint of a consent ledger: export one with `flask consent checkpoint`."
        ) from error
