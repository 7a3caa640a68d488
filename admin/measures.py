"""How deep is the queue, how late is sending, and what waits for whom? Figures for monitors, read from the database when asked.

So they are the same whichever process is asked, however many there are. Each question is answered from an index or a small table,
with the conditions of partial indexes written out, and none walks through more than MOST messages: at a million it takes
milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Date, bindparam, func, or_, select, text
from sqlalchemy.orm import Session

from models.accounts import Account, SendingNumber
from models.base import UTCDateTime
from models.campaigns import Campaign, CampaignState, Lane, Run
from models.messages import Message, MessageStatus

MOST = 10_000
"""Pending texts of a sender that are counted; more are shown as so many."""
UNREPORTED = ("accepted", "queued", "sending")
"""Twilio's words for a text that has not left it yet; of these news must come."""
OLD = timedelta(days=3)
"""Older ones are not waited for any more."""

_NOW = bindparam("now", type_=UTCDateTime())
_PENDING = "FROM message WHERE status = 'pending' AND sender_id = :sender"
_DUE = "coalesce(sum(CASE WHEN due_at <= :now THEN 1 ELSE 0 END), 0)"
_SOME = f"SELECT due_at {_PENDING} ORDER BY sender_id, lane_id, priority, due_at, id LIMIT :most"
"""In the order of the index on pending rows, or SQLite would rather walk through the table."""
_DEPTH = text(f"SELECT {_DUE}, count(*) FROM ({_SOME}) AS pending").bindparams(_NOW)  # noqa: S608
_FIRST = f"SELECT due_at {_PENDING} AND lane_id %s AND due_at <= :now ORDER BY priority, due_at, id LIMIT 1"
_OF_LANE = text(_FIRST % "= :lane").bindparams(_NOW).columns(due_at=UTCDateTime())
_OF_NONE = text(_FIRST % "IS NULL").bindparams(_NOW).columns(due_at=UTCDateTime())
_OPEN = text(
    "SELECT account_id, status, count(*) FROM message WHERE status IN ('claimed', 'in_doubt') GROUP BY account_id, status"
)
_OLDEST = (
    text(
        "SELECT min(created_at) AS at FROM message WHERE account_id = :account AND status = :status AND created_at > :since"
    )
    .bindparams(bindparam("since", type_=UTCDateTime()), bindparam("account", type_=BigInteger()))
    .columns(at=UTCDateTime())
)
_FACTS = " UNION ALL ".join(
    f"SELECT account_id, status, error_code, messages, segments FROM {table} WHERE direction = 'outbound' AND day >= :day"  # noqa: S608
    for table in ("usage_daily", "usage_delta")
)
_MONTH = text(
    f"SELECT account_id, status, error_code, sum(messages), sum(segments) FROM ({_FACTS}) AS f GROUP BY 1, 2, 3"  # noqa: S608
).bindparams(bindparam("day", type_=Date()))


def senders(session: Session) -> Sequence[SendingNumber]:
    """Everything that sends."""
    return session.scalars(select(SendingNumber).where(SendingNumber.active).order_by(SendingNumber.id)).all()


def depth(session: Session, sender: SendingNumber, now: datetime) -> tuple[int, int]:
    """How many texts of a sender are due, and how many are planned for later, as far as MOST texts show it."""
    due, all_ = session.execute(_DEPTH, {"now": now, "sender": sender.id, "most": MOST}).one()
    return int(due), int(all_ - due)


def lag(session: Session, sender: SendingNumber, lanes: Sequence[int], now: datetime) -> tuple[float, float]:
    """Seconds for which the most urgent text that may leave now has been due, and for which its sender's pace has allowed it.

    The first is large for any long campaign; the second is more than a few seconds only when nobody sends.
    """
    given = {"now": now, "sender": sender.id}
    firsts = [session.scalar(_OF_NONE, given), *(session.scalar(_OF_LANE, {**given, "lane": lane}) for lane in lanes)]
    oldest = min((at for at in firsts if at is not None), default=None)
    if oldest is None:
        return 0.0, 0.0
    late = (now - oldest).total_seconds()
    return late, max(0.0, min(late, now.timestamp() - sender.tat_us / 1_000_000))


def open_lanes(session: Session, now: datetime) -> dict[int, list[int]]:
    """The lanes of each sender that may be sent from now."""
    rows = session.execute(
        select(Lane.sender_id, Lane.id)
        .join(Run, Run.id == Lane.run_id)
        .join(Campaign, Campaign.id == Run.campaign_id)
        .join(Account, Account.id == Run.account_id)
        .where(Campaign.state == CampaignState.SENDING, Run.finished_at.is_(None), Account.held_why == "")
        .where(Lane.held.is_(False), or_(Lane.opens_at.is_(None), (Lane.opens_at <= now) & (Lane.closes_at > now)))
    )
    found: dict[int, list[int]] = {}
    for sender_id, lane_id in rows:
        found.setdefault(sender_id, []).append(lane_id)
    return found


def segments_waiting(session: Session) -> dict[int, int]:
    """Segments of unfinished runs that no worker has claimed yet, by sender."""
    left = func.sum(Run.segments - Run.segments_claimed)
    unfinished = select(Run.sender_id, left).where(Run.finished_at.is_(None), Run.skipped.is_(False))
    return {row[0]: max(0, int(row[1])) for row in session.execute(unfinished.group_by(Run.sender_id))}


def under_way(session: Session) -> Iterator[tuple[int, str, int]]:
    """(account, status, texts) of those that are claimed, in doubt or parked for a person."""
    for row in session.execute(_OPEN):
        yield row[0], row[1], row[2]
    mine = select(func.count()).where(Message.account_id == Account.id, Message.status == MessageStatus.UNKNOWN)
    for account_id, count in session.execute(select(Account.id, mine.scalar_subquery())):
        yield account_id, MessageStatus.UNKNOWN.value, count


def unreported(session: Session, account_id: int, now: datetime) -> float:
    """Seconds since the oldest text was made that Twilio took and has not reported as sent; 0 when there is none."""
    given: dict[str, Any] = {"account": account_id, "since": now - OLD}
    found = [session.scalar(_OLDEST, {**given, "status": status}) for status in UNREPORTED]
    return max(((now - at).total_seconds() for at in found if at is not None), default=0.0)


def this_month(session: Session, now: datetime) -> Sequence[Any]:
    """(account, status, error code, texts, segments) of the UTC month, what is not folded yet included."""
    return session.execute(_MONTH, {"day": now.date().replace(day=1)}).all()
