"""What do many status callbacks change, in one transaction? Each is kept, and moves its message as far as its word ranks.

The rules are those of `sender/messages.py`; only the rows are fetched, locked and written together (`sender/callback_rows.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from sender import messages, recordset
from sender.bulk import dialect_of
from sender.callback_rows import Row, Rows

_KEPT = {
    "account_id": "bigint", "message_id": "bigint", "sid": "text", "status": "text", "error_code": "bigint", "attempt": "bigint",
    "token": "text", "applied": "boolean", "extra": "json", "received_at": "timestamptz",
}  # fmt: skip


class Posted(NamedTuple):
    """One signed status callback, read and bounded: what Twilio said, and what the address that we gave it added."""

    account_id: int
    sid: str
    status: str
    error_code: int | None
    token: str | None
    to: str | None
    extra: dict[str, str]
    received_at: datetime
    ours: int | None
    """The id of the message."""
    attempt: int | None


class Failure(NamedTuple):
    """A message that has just been found not to have arrived, and why."""

    account_id: int
    sender_id: int | None
    error_code: int


def store(session: Session, batch: Sequence[Posted]) -> list[Failure]:
    """Keep and apply callbacks in the order in which they came; part of the caller's transaction.

    A repeat, which has the idempotency token of another one, is not kept again; what it says moves nothing twice.
    """
    rows = Rows(session, ids={each.ours for each in batch if each.ours}, sids={each.sid for each in batch if each.sid})
    kept: dict[str, tuple[object, ...]] = {}
    failures = []
    for number, posted in enumerate(batch):
        name = f"t{posted.token}" if posted.token else f"n{number}"
        if name in kept:
            continue
        row, word, moved = _message_of(rows, posted), messages.word(posted.status), False
        if row is not None and word is not None:
            at, sid = posted.received_at, posted.sid or None
            moved = messages.move(row, word, now=at, sid=sid, error_code=posted.error_code)
            rows.learn(row)
            if moved and row.error_code:
                failures.append(Failure(row.account_id, row.sender_id, row.error_code))
        kept[name] = (
            posted.account_id, row.id if row else None, posted.sid, posted.status, posted.error_code, posted.attempt,
            posted.token, moved, posted.extra, posted.received_at,
        )  # fmt: skip
    rows.write()
    if kept:
        session.execute(_insert(dialect_of(session).name), {"rows": recordset.packed(session, kept.values())})
    return failures


@cache
def _insert(dialect: str) -> TextClause:
    names, new = ", ".join(_KEPT), recordset.table(dialect, "new", _KEPT)
    return text(
        f"INSERT INTO callback ({names}) SELECT {names} FROM {new} WHERE true ON CONFLICT (token) DO NOTHING"  # noqa: S608
    )


def _message_of(rows: Rows, posted: Posted) -> Row | None:
    """The message that a callback is about: the one with this SID, else the one named in the query.

    The latter only if it is the account's own, has no other SID and went to the same number: ids start anew when a
    database does.
    """
    known = rows.by_sid.get(posted.sid)
    if known is not None and known.account_id == posted.account_id:
        return known
    row = rows.by_id.get(posted.ours or 0)
    if row is None or row.account_id != posted.account_id:
        return None
    return row if row.sid in {None, posted.sid} and posted.to in {None, row.phone} else None
