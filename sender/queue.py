"""Which messages of a sender are next? The message table is the queue; this reads it in the order of urgency and of turns.

Replies and whatever else belongs to no campaign come first, by priority. Then the lanes of campaigns: whether one may send now
is asked of the lanes, which are few, never of the messages, which are many, so a paused campaign of a million rows costs
nothing. Campaigns of one priority take turns, the one served longest ago first, so that none starves another. Of one campaign
the lane whose hours close first is first, so that as few texts as can be have to wait for another day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, String, bindparam, literal_column, or_, select, text
from sqlalchemy.orm import Session

from models.accounts import CREDENTIALS, Account, Profile, SenderKind, SendingNumber
from models.base import Base, UTCDateTime
from models.campaigns import Campaign, CampaignState, Lane, Run
from sender.among import among
from sender.pacing import ALONE_UP_TO, HORIZON, micros
from sender.whole import Whole

PENDING = text("message.status = 'pending'")
"""A literal, so that the partial index on pending rows can be used; a bound parameter could not."""

_MESSAGES = Base.metadata.tables["message"]
_COLUMNS = [
    _MESSAGES.c[name]
    for name in (
        "id", "attempt", "phone", "body", "media_url", "expires_at", "region", "segments", "purpose", "run_id", "kind", "encoding",
        "priority", "due_at", "lane_id", "event_id", "confirms_id",
    )
]  # fmt: skip


_MOMENT = timedelta(microseconds=1)
_NOW = bindparam("now", type_=UTCDateTime())
_HORIZON = bindparam("horizon", type_=BigInteger())
_SENDER = bindparam("sender", type_=BigInteger())
_DUE = (PENDING, _MESSAGES.c.due_at <= _NOW)


def _free(until: Any) -> ColumnElement[bool]:
    return or_(until.is_(None), until <= _NOW)


class Line(NamedTuple):
    """A sender with something due and room in its rate, locked: one process at a time claims for it. And its account."""

    id: int
    account_id: int
    address: str
    kind: SenderKind
    sid: str | None
    segments_per_second: int
    tat_us: int
    slow_until: datetime | None
    concurrency: int
    launch_epoch: int
    profile: Profile
    cap_wait_hours: int
    texts_per_day: int | None
    texts_per_week: int | None
    attempts_per_week: int | None
    max_invitations: int | None
    credentials: tuple[object, ...]

    @property
    def limits(self) -> tuple[int | None, ...]:
        """What the account says of `sender.caps.LIMITS`."""
        return self.texts_per_day, self.texts_per_week, self.attempts_per_week, self.max_invitations


_OF_SENDER, _OF_LINE = Line._fields.index("concurrency"), Line._fields.index("credentials")
_READY = (
    select(*(getattr(SendingNumber, name) for name in Line._fields[:_OF_SENDER]))
    .add_columns(*(getattr(Account, name) for name in (*Line._fields[_OF_SENDER:_OF_LINE], *CREDENTIALS)))
    .join(Account, Account.id == SendingNumber.account_id)
    .where(SendingNumber.active, SendingNumber.segments_per_second > 0)
    .where(SendingNumber.tat_us <= _HORIZON, Account.held_why == "")
    .where(_free(SendingNumber.blocked_until), _free(Account.blocked_until))
    .where(
        or_(
            SendingNumber.segments_per_second > ALONE_UP_TO,
            SendingNumber.served_by == bindparam("worker", type_=String()),
            _free(SendingNumber.served_until),
        )
    )
    .where(select(_MESSAGES.c.id).where(*_DUE, _MESSAGES.c.sender_id == SendingNumber.id).exists())
    .order_by(SendingNumber.tat_us)
    .with_for_update(of=SendingNumber, skip_locked=True, key_share=True)
)
_READY_AMONG = _READY.where(among(SendingNumber.id, "senders"))
_OPEN_LANES = (
    select(Lane.id, Lane.run_id, Lane.priority, Lane.closes_at)
    .join(Run, Run.id == Lane.run_id)
    .join(Campaign, Campaign.id == Run.campaign_id)
    .where(Lane.sender_id == _SENDER, Campaign.state == CampaignState.SENDING, Run.finished_at.is_(None))
    .where(Run.launch_epoch == bindparam("epoch", type_=BigInteger()), Lane.held.is_(False))
    .where(
        or_(
            Lane.opens_at.is_(None),
            (Lane.opens_at <= _NOW) & (Lane.closes_at >= bindparam("least", type_=UTCDateTime())),
        )
    )
    .where(or_(Run.budget_segments.is_(None), Run.segments_claimed < Run.budget_segments))
    .where(
        select(_MESSAGES.c.id).where(*_DUE, _MESSAGES.c.sender_id == _SENDER, _MESSAGES.c.lane_id == Lane.id).exists()
    )
    .order_by(Lane.priority, Run.served_us, Run.id, Lane.closes_at.is_(None), Lane.closes_at, Lane.id)
)
_NEXT = (
    select(*_COLUMNS)
    .where(*_DUE, _MESSAGES.c.sender_id == _SENDER)
    .order_by(_MESSAGES.c.priority, _MESSAGES.c.due_at, _MESSAGES.c.id)
    .limit(bindparam("most", type_=BigInteger()))
    .offset(bindparam("past", type_=BigInteger()))
    .with_for_update(skip_locked=True, key_share=True)  # a cancel or a callback at this moment is passed over
)
_NEXT_OF_NO_LANE = Whole(_NEXT.where(_MESSAGES.c.lane_id.is_(None)))
_NEXT_OF_LANE = Whole(_NEXT.where(_MESSAGES.c.lane_id == bindparam("lane", type_=BigInteger())))
_IN_FLIGHT = (
    select(_MESSAGES.c.account_id, literal_column("count(*)"))
    .where(among(_MESSAGES.c.account_id, "accounts"), text("message.status = 'claimed'"))
    .group_by(_MESSAGES.c.account_id)
)
"""Statements are made once: a claim every few milliseconds would spend most of its time on making them."""


class Candidate(NamedTuple):
    """A due message, locked, and when its lane's window closes (None: never)."""

    message: Any
    closes_at: datetime | None


def ready(session: Session, *, worker: str, now: datetime, senders: set[int] | None) -> list[Line]:
    """The senders for which `worker` may take something now, among `senders` if given; the one that waited longest first."""
    given = {"now": now, "horizon": micros(now + HORIZON), "worker": worker, "senders": senders}
    found = session.execute(_READY if senders is None else _READY_AMONG, given)
    return [Line._make((*row[:_OF_LINE], tuple(row[_OF_LINE:]))) for row in found]


def due(session: Session, line: Line, *, now: datetime, limit: int, least: timedelta = timedelta(0)) -> list[Candidate]:
    """The next messages of a sender, at most `limit`, locked; those that another process holds are passed over.

    A lane whose window has less than `least` left is not begun any more.
    """
    found = [Candidate(row, None) for row in _waiting(session, line.id, None, now, limit)]
    lanes = _open_lanes(session, line, now, now + least) if len(found) < limit else []
    for _, urgent in groupby(lanes, key=lambda lane: lane.priority):
        runs = [list(of_run) for _, of_run in groupby(urgent, key=lambda lane: lane.run_id)]
        if len(found) < limit:
            found += _in_turns(session, line.id, runs, now, limit - len(found))
    return found


def _in_turns(
    session: Session, sender_id: int, runs: Sequence[Sequence[Any]], now: datetime, limit: int
) -> list[Candidate]:
    """An equal share of `limit` for each run, then what some left over to those that have more."""
    share = -(-limit // len(runs))
    found: list[Candidate] = []
    taken: dict[int, int] = {}
    for quota in (share, limit):
        for lanes in runs:
            left = min(quota, limit - len(found))
            for lane in lanes:
                if left <= 0:
                    break
                rows = _waiting(session, sender_id, lane.id, now, left, past=taken.get(lane.id, 0))
                taken[lane.id] = taken.get(lane.id, 0) + len(rows)
                left -= len(rows)
                found += [Candidate(row, lane.closes_at) for row in rows]
        if len(found) >= limit or len(runs) == 1:
            break
    return found


def _open_lanes(session: Session, line: Line, now: datetime, least: datetime) -> Sequence[Any]:
    """The sender's lanes that may be sent from now, at least until then, and have something to send."""
    given = {"now": now, "least": max(least, now + _MOMENT), "sender": line.id, "epoch": line.launch_epoch}
    return session.execute(_OPEN_LANES, given).all()


def _waiting(
    session: Session, sender_id: int, lane_id: int | None, now: datetime, limit: int, *, past: int = 0
) -> Sequence[Any]:
    """The due messages of one lane (or of none), in the order of the index on pending rows."""
    given = {"now": now, "sender": sender_id, "most": limit, "past": past}
    found = (
        _NEXT_OF_NO_LANE.rows(session, given)
        if lane_id is None
        else _NEXT_OF_LANE.rows(session, {**given, "lane": lane_id})
    )
    return sorted(found, key=lambda row: (row.priority, row.due_at, row.id))


def in_flight(session: Session, account_ids: Iterable[int]) -> dict[int, int]:
    """How many messages of each of these accounts are claimed now, by all workers."""
    return {row[0]: row[1] for row in session.execute(_IN_FLIGHT, {"accounts": account_ids})}
