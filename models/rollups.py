"""What happened each day, counted once: the daily facts, and the delta that every change of a message adds to them.

Whoever changes a message writes its delta in the same transaction; `analytics.rollups.fold` adds the deltas up. Days are the
UTC days on which Twilio took a message (else of its creation), like those of charges and of Twilio's usage records. Only
Twilio's words are counted: while a message is still ours it has no delta.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol

from sqlalchemy import BigInteger, Date, PrimaryKeyConstraint, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base, BigId
from models.messages import RANK, Direction, Kind, MessageStatus

FIELDS = ("account_id", "day", "run_id", "direction", "kind", "region", "sender_id", "status", "error_code", "encoding")
SUMS = ("messages", "segments", "price_u", "unpriced")


class _Grain:
    """The columns of one fact: what it is about, then its sums. 0 stands for "none" in the keys, which may not be null."""

    account_id: Mapped[int]
    day: Mapped[date] = mapped_column(Date)
    run_id: Mapped[int]
    direction: Mapped[str]
    kind: Mapped[str]
    region: Mapped[str]
    sender_id: Mapped[int]
    status: Mapped[str]
    error_code: Mapped[int]
    encoding: Mapped[str]
    messages: Mapped[int] = mapped_column(BigInteger)
    segments: Mapped[int] = mapped_column(BigInteger)
    price_u: Mapped[int] = mapped_column(BigInteger)
    unpriced: Mapped[int] = mapped_column(BigInteger)


class UsageDelta(_Grain, Base):
    """A change of a fact, not yet added up."""

    __tablename__ = "usage_delta"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)


_DELTA = insert(UsageDelta.__table__)  # type: ignore[arg-type]  # typed as any selectable; it is the table


class UsageDaily(_Grain, Base):
    """The exact daily fact."""

    __tablename__ = "usage_daily"
    __table_args__ = (PrimaryKeyConstraint(*FIELDS),)


@dataclass(frozen=True)
class Fact:
    """What one message adds to the daily facts; `key` in the order of FIELDS, `sums` in the order of SUMS."""

    key: tuple[object, ...]
    sums: tuple[int, int, int, int]


class Counted(Protocol):
    """What of a message is counted: a `models.messages.Message` has it all, and so has any row that names it the same."""

    account_id: int
    run_id: int | None
    direction: Direction
    kind: Kind
    region: str
    sender_id: int | None
    encoding: str
    segments: int
    status: MessageStatus
    sid: str | None
    error_code: int | None
    twilio_price_u: int | None
    created_at: datetime
    sent_at: datetime | None


def fact(message: Counted) -> Fact | None:
    """The fact of a message as it is now, or None while it is still ours (ranked below `accepted`)."""
    return fact_of(
        account_id=message.account_id, day_at=message.sent_at or message.created_at, run_id=message.run_id,
        direction=message.direction, kind=message.kind, region=message.region, sender_id=message.sender_id,
        status=message.status, error_code=message.error_code, encoding=message.encoding, segments=message.segments,
        price_u=message.twilio_price_u, has_sid=message.sid is not None,
    )  # fmt: skip


def fact_of(
    *,
    account_id: int,
    day_at: datetime,
    run_id: int | None,
    direction: Direction,
    kind: Kind,
    region: str,
    sender_id: int | None,
    status: MessageStatus,
    error_code: int | None,
    encoding: str,
    segments: int,
    price_u: int | None,
    has_sid: bool,
) -> Fact | None:
    """The same from plain values, for those who change many messages and load none.

    `day_at` is when Twilio took it, else when it was created; `price_u` is micros, or None while unknown.
    """
    if RANK[status] < RANK[MessageStatus.ACCEPTED]:
        return None
    day = day_at.astimezone(UTC).date()
    key = (
        account_id, day, run_id or 0, direction.value, kind.value, region, sender_id or 0, status.value, error_code or 0, encoding,
    )  # fmt: skip
    return Fact(key, (1, segments, price_u or 0, int(has_sid and price_u is None)))


def record(session: Session, changes: Iterable[tuple[Fact | None, Fact | None]]) -> None:
    """Write the deltas of (before, after) pairs, summed by key; part of the caller's transaction."""
    totals: dict[tuple[object, ...], list[int]] = {}
    for before, after in changes:
        for sign, side in ((-1, before), (1, after)):
            if side is not None:
                total = totals.setdefault(side.key, [0] * len(SUMS))
                total[:] = [old + sign * new for old, new in zip(total, side.sums, strict=True)]
    rows = [dict(zip(FIELDS + SUMS, key + tuple(total), strict=True)) for key, total in totals.items() if any(total)]
    if rows:
        session.execute(_DELTA, rows)
