"""What of a run still waits, for which hours, and when will its last text leave?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, TextClause, func, select, text
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
    room_at: datetime | None = None
    """Of texts that wait for room under a cap: when the first of them has some."""

    @property
    def opens_at(self) -> datetime | None:
        """When the first of them may leave: in its hours, and where there is room."""
        known = [at for at in (self.lane.opens_at, self.room_at) if at is not None]
        return max(known) if known else None

    @property
    def why(self) -> str:
        """What they wait for."""
        return self.lane.why if self.room_at is None else "they have had as many texts as a cap allows"

    def open(self, now: datetime) -> bool:
        """Whether they may leave now."""
        return not self.lane.held and (self.opens_at is None or self.opens_at <= now)


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


def parts(session: Session, run: Run, *, now: datetime) -> list[Part]:
    """The lanes that have pending texts, counted in the index of pending rows; what waits under a cap is a part by itself."""
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
    found = []
    if counts:
        priorities = Message.priority.in_({lane.priority for lane, _ in lanes})
        later = _later(session, [PENDING, of_senders, of_lanes, priorities], now)
        for lane, sender in lanes:
            texts, room_at = later.get(lane.id, (0, None))
            rest = counts.get(lane.id, 0) - texts
            found += [Part(lane, sender, rest, rest * size)] if rest > 0 else []
            found += [Part(lane, sender, texts, texts * size, room_at)] if texts else []
    return found


def _later(
    session: Session, which: Sequence[ColumnElement[bool] | TextClause], now: datetime
) -> dict[int | None, tuple[int, datetime | None]]:
    """By lane, how many texts wait for room under a cap, and until when the first of them does: a step into the same index."""
    held = select(Message.lane_id, func.count(), func.min(Message.due_at)).where(*which, Message.due_at > now)
    rows = session.execute(held.where(Message.detail.is_not(None)).group_by(Message.lane_id))
    return {row[0]: (row[1], row[2]) for row in rows}


def waits(found: Sequence[Part], now: datetime) -> tuple[Wait, ...]:
    """What waits for its hours, the first to open first; those of the same hours are one."""
    texts: dict[tuple[bool, datetime, str], int] = defaultdict(int)
    for part in found:
        if not part.open(now):
            texts[part.lane.held, part.opens_at or now, part.why] += part.texts
    return tuple(Wait(count, None if held else at, why, held) for (held, at, why), count in sorted(texts.items()))


def finish(found: Sequence[Part], share: float, now: datetime) -> datetime | None:
    """When the last text leaves, each sender at this share of its rate and within hours only; None where nobody can tell."""
    ends = []
    for sender in {part.sender.id: part.sender for part in found}.values():
        mine = [part for part in found if part.sender.id == sender.id and not part.lane.held]
        work: list[Work] = [(part.opens_at, part.lane.closes_at, part.segments) for part in mine]
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
