"""The messages that a batch of callbacks is about: locked in one go, changed in memory, written in one go.

Locks are taken in the order of message ids, as the dispatcher takes them, so that the two wait for each other and never in a
circle.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from sqlalchemy import ARRAY, BigInteger, Text, TextClause, any_, bindparam, or_, select, text
from sqlalchemy.orm import Session

from models import rollups
from models.base import Base
from models.campaigns import Reason
from models.messages import Direction, Kind, MessageStatus
from sender import recordset
from sender.bulk import dialect_of

_MESSAGE = Base.metadata.tables["message"]
_READ = [
    _MESSAGE.c[name]
    for name in (
        "id", "account_id", "phone", "run_id", "kind", "region", "sender_id", "encoding", "segments", "twilio_price_u",
        "created_at", "updated_at", "sent_at", "final_at", "status", "sid", "error_code",
    )
]  # fmt: skip
_ASKED = select(*_READ).where(_MESSAGE.c.direction == Direction.OUTBOUND).order_by(_MESSAGE.c.id).with_for_update()
_HAS_SID = _MESSAGE.c.sid.is_not(None)
_FEW = _ASKED.where(
    or_(
        _MESSAGE.c.id.in_(bindparam("ids", expanding=True)),
        _HAS_SID & _MESSAGE.c.sid.in_(bindparam("sids", expanding=True)),
    )
)
_ANY = _ASKED.where(
    or_(
        _MESSAGE.c.id == any_(bindparam("ids", type_=ARRAY(BigInteger))),
        _HAS_SID & (_MESSAGE.c.sid == any_(bindparam("sids", type_=ARRAY(Text)))),
    )
)
"""For PostgreSQL: a statement with another number of parameters each time would be parsed and planned each time."""
_WRITTEN = {
    "id": "bigint", "status": "text", "sid": "text", "error_code": "bigint", "updated_at": "timestamptz",
    "sent_at": "timestamptz", "final_at": "timestamptz",
}  # fmt: skip
_SET = ", ".join(f"{name} = new.{name}" for name in _WRITTEN if name != "id")


@dataclass(slots=True)
class Row:
    """The columns of an outbound message that decide what a callback does to it; the same to `messages.move`."""

    id: int
    account_id: int
    phone: str
    run_id: int | None
    kind: Kind
    region: str
    sender_id: int | None
    encoding: str
    segments: int
    twilio_price_u: int | None
    created_at: datetime
    updated_at: datetime
    sent_at: datetime | None
    final_at: datetime | None
    status: MessageStatus
    sid: str | None
    error_code: int | None
    direction: Direction = Direction.OUTBOUND
    lease_until: datetime | None = None
    worker: str | None = None
    reason: Reason | None = None
    fact_before: rollups.Fact | None = field(init=False)
    known_before: tuple[object, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.fact_before, self.known_before = rollups.fact(self), self.known

    @property
    def known(self) -> tuple[object, ...]:
        """What a callback may change, apart from times."""
        return self.status, self.sid, self.error_code


@cache
def _update(dialect: str) -> TextClause:
    """A worker's claim ends with any word of Twilio's."""
    new = recordset.table(dialect, "new", _WRITTEN)
    ended = "worker = NULL, lease_until = NULL, reason = NULL"
    return text(f"UPDATE message SET {_SET}, {ended} FROM {new} WHERE message.id = new.id")  # noqa: S608


class Rows:
    """The outbound messages with one of these ids or SIDs, by both."""

    def __init__(self, session: Session, *, ids: Collection[int], sids: Collection[str]) -> None:
        self._session = session
        statement = _ANY if dialect_of(session).name == "postgresql" else _FEW
        found = session.execute(statement, {"ids": list(ids), "sids": list(sids)}).all()
        self.by_id = {each.id: Row(*each) for each in found}
        self.by_sid = {row.sid: row for row in self.by_id.values() if row.sid}

    def learn(self, row: Row) -> None:
        """Its SID may be new, and what the next callback knows it by."""
        if row.sid:
            self.by_sid[row.sid] = row

    def write(self) -> None:
        """What has changed, with its delta of the daily facts."""
        changed = [row for row in self.by_id.values() if row.known != row.known_before]
        if not changed:
            return
        values = ((r.id, r.status.value, r.sid, r.error_code, r.updated_at, r.sent_at, r.final_at) for r in changed)
        self._session.execute(
            _update(dialect_of(self._session).name), {"rows": recordset.packed(self._session, values)}
        )
        rollups.record(self._session, ((row.fact_before, rollups.fact(row)) for row in changed))
