"""What of a run still waits, for which hours, and when will its last text leave?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from models.accounts import SendingNumber
from models.campaigns import Lane, Run
from models.messages import Message

PENDING = text("message.status = 'pending'")
"""A literal, for the partial index on pending rows."""
DAYS = 14
"""How far ahead the end is looked for."""
DAY = timedelta(days=1)
Work = tuple[datetime | None, datetime | None, float]
"""When it opens and closes (both None: any hour), and segments."""


@dataclass(frozen=True)
class Part:
    """The pending texts of one lane."""

    lane: Lane
    sender: SendingNumber
    texts: int
    segments: float
    """Of all of them, by the run's average."""

    def open(self, now: datetime) -> bool:
        """Whether its hours are now."""
        lane = self.lane
        return not lane.held and (lane.opens_at is None or lane.opens_at <= now)


@dataclass(frozen=True)
class Wait:
    """Texts whose hours are not now. `held`: no hour is right in every zone they may be in."""

    texts: int
    opens_at: datetime | None
    why: str
    held: bool


def per_text(run: Run) -> float:
    """Segments of an average text of the run."""
    return max(run.segments / run.messages, 1.0) if run.messages else 1.0


def parts(session: Session, run: Run) -> list[Part]:
    """The lanes that have pending texts, counted in the index of pending rows."""
    lanes = session.execute(
        select(Lane, SendingNumber)
        .join(SendingNumber, SendingNumber.id == Lane.sender_id)
        .where(Lane.run_id == run.id)
        .order_by(Lane.id)
    ).all()
    of_senders = Message.sender_id.in_({sender.id for _, sender in lanes})
    of_lanes = Message.lane_id.in_([lane.id for lane, _ in lanes])
    counted = select(Message.lane_id, func.count()).where(PENDING, of_senders, of_lanes).group_by(Message.lane_id)
    counts = {row[0]: row[1] for row in session.execute(counted)}
    size = per_text(run)
    return [
        Part(lane, sender, counts[lane.id], counts[lane.id] * size) for lane, sender in lanes if counts.get(lane.id)
    ]


def waits(found: Sequence[Part], now: datetime) -> tuple[Wait, ...]:
    """What waits for its hours, the first to open first; those of the same hours are one."""
    texts: dict[tuple[bool, datetime, str], int] = defaultdict(int)
    for part in found:
        if not part.open(now):
            texts[part.lane.held, part.lane.opens_at or now, part.lane.why] += part.texts
    return tuple(Wait(count, None if held else at, why, held) for (held, at, why), count in sorted(texts.items()))


def finish(found: Sequence[Part], share: float, now: datetime) -> datetime | None:
    """When the last text leaves, each sender at this share of its rate and within hours only; None where nobody can tell."""
    ends = []
    for sender in {part.sender.id: part.sender for part in found}.values():
        mine = [part for part in found if part.sender.id == sender.id and not part.lane.held]
        work: list[Work] = [(part.lane.opens_at, part.lane.closes_at, part.segments) for part in mine]
        if work:
            ends.append(last_text(work, sender.segments_per_second * share, now))
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None


def last_text(work: Sequence[Work], rate: float, now: datetime) -> datetime | None:
    """The end of all the work, one piece after the other at `rate` segments a second, its hours repeating daily.

    None when that takes longer than a fortnight, or for ever.
    """
    left, at = list(work), now
    if rate <= 0:
        return None
    for _ in range(len(left) * (DAYS + 1)):
        if not left or at >= now + DAYS * DAY:
            break
        left.sort(key=lambda one: (max(one[0] or at, at), one[1] or at + DAYS * DAY))
        opens, closes, segments = left.pop(0)
        start = max(opens or at, at)
        room = segments if closes is None else min(segments, max((closes - start).total_seconds(), 0.0) * rate)
        if room:
            at = start + timedelta(seconds=room / rate)
        if closes is not None and segments - room > 0.5:
            left.append(((opens or at) + DAY, closes + DAY, segments - room))
    return None if left else at
