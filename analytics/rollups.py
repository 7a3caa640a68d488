"""Are the daily facts up to date, and do they equal a full recount? Folds the deltas in, and checks.

Whoever changes a message writes a delta row in the same transaction (`models.rollups.record`). Folding adds the deltas to the
daily facts and deletes them: on PostgreSQL in one statement, so a delta committed meanwhile is neither lost nor counted twice;
on SQLite inside the transaction that already holds the write lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Select,
    String,
    and_,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    type_coerce,
    union_all,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from analytics.deliveries import COUNTED
from analytics.portable import xday, xsum
from models.messages import Message
from models.rollups import FIELDS, SUMS, UsageDaily, UsageDelta

DAILY, DELTA = UsageDaily.__table__.c, UsageDelta.__table__.c


@dataclass(frozen=True)
class Difference:
    """A fact that is not what a full recount says; `off_by` is the recount minus what we hold, in the order of SUMS."""

    key: tuple[Any, ...]
    off_by: tuple[int, ...]

    def __str__(self) -> str:
        sums = ", ".join(f"{name} {value:+d}" for name, value in zip(SUMS, self.off_by, strict=True) if value)
        return f"{dict(zip(FIELDS, self.key, strict=True))}: {sums}"


def fold(session: Session) -> int:
    """Add every waiting delta to the daily facts; returns how many there were. Part of the caller's writing transaction.

    Facts that come down to nothing are deleted. Two folds at once are safe: each delta row is taken by one of them.
    """
    way = _fold_at_once if session.get_bind().dialect.name == "postgresql" else _fold_in_turn
    folded, touched = way(session)
    for start in range(0, len(touched), 500):
        days = tuple_(UsageDaily.account_id, UsageDaily.day).in_(touched[start : start + 500])
        empty = [getattr(UsageDaily, name) == 0 for name in SUMS]
        session.execute(delete(UsageDaily).where(days, *empty), execution_options={"synchronize_session": False})
    return folded


def _fold_at_once(session: Session) -> tuple[int, list[tuple[Any, ...]]]:
    gone = delete(UsageDelta).returning(*[getattr(UsageDelta, name) for name in (*FIELDS, *SUMS)]).cte("gone")
    sums = _summed(gone.c).cte("sums")
    upsert = postgresql.insert(UsageDaily).from_select(
        [*FIELDS, *SUMS], select(sums).order_by(*[sums.c[n] for n in FIELDS])
    )
    added = {name: getattr(UsageDaily, name) + upsert.excluded[name] for name in SUMS}
    written = upsert.on_conflict_do_update(index_elements=list(FIELDS), set_=added).returning(UsageDaily.account_id)
    days = select(gone.c.account_id, gone.c.day, func.count()).group_by(gone.c.account_id, gone.c.day)
    rows = session.execute(days.add_cte(written.cte("written"))).all()
    return sum(row[2] for row in rows), [(row[0], row[1]) for row in rows]


def _fold_in_turn(session: Session) -> tuple[int, list[tuple[Any, ...]]]:
    days = select(DELTA.account_id, DELTA.day, func.count()).group_by(DELTA.account_id, DELTA.day)
    rows = session.execute(days).all()
    if not rows:
        return 0, []
    upsert = sqlite.insert(UsageDaily).from_select([*FIELDS, *SUMS], _summed(DELTA).where(true()))
    added = {name: getattr(UsageDaily, name) + upsert.excluded[name] for name in SUMS}
    session.execute(upsert.on_conflict_do_update(index_elements=list(FIELDS), set_=added))
    session.execute(delete(UsageDelta), execution_options={"synchronize_session": False})
    return sum(row[2] for row in rows), [(row[0], row[1]) for row in rows]


def _summed(columns: Any) -> Select[Any]:
    keys = [columns[name] for name in FIELDS]
    return select(*keys, *[xsum(columns[name]).label(name) for name in SUMS]).group_by(*keys)


def verify(session: Session) -> list[Difference]:
    """Every fact where the daily facts plus the waiting deltas differ from a full recount of the messages; empty is right."""
    keys, sums = _recount()
    recount = select(*keys, *sums).where(type_coerce(Message.status, String()).in_(COUNTED))
    held = [select(*[c[n].label(n) for n in FIELDS], *[(-c[n]).label(n) for n in SUMS]) for c in (DAILY, DELTA)]
    both = union_all(recount, *held).subquery()
    statement = _summed(both.c).having(or_(*[func.sum(both.c[name]) != 0 for name in SUMS]))
    width = len(FIELDS)
    return [Difference(tuple(row[:width]), tuple(row[width:])) for row in session.execute(statement)]


def _recount() -> tuple[list[Any], list[Any]]:
    """One message as `models.rollups.fact` counts it."""
    values = {
        "account_id": Message.account_id,
        "day": xday(func.coalesce(Message.sent_at, Message.created_at)),
        "run_id": func.coalesce(Message.run_id, 0),
        "direction": type_coerce(Message.direction, String()),
        "kind": type_coerce(Message.kind, String()),
        "region": Message.region,
        "sender_id": func.coalesce(Message.sender_id, 0),
        "status": type_coerce(Message.status, String()),
        "error_code": func.coalesce(Message.error_code, 0),
        "encoding": Message.encoding,
        "messages": literal(1),
        "segments": Message.segments,
        "price_u": func.coalesce(Message.twilio_price_u, 0),
        "unpriced": case((and_(Message.sid.is_not(None), Message.twilio_price_u.is_(None)), 1), else_=0),
    }
    return [values[name].label(name) for name in FIELDS], [values[name].label(name) for name in SUMS]
