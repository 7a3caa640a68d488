"""What keeps a run from going faster, or from going at all? The most binding limit is named, the others are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from models.campaigns import Campaign, CampaignState, Lane, Run
from models.messages import Message
from sender import presence
from sender.backlog import PENDING, Part, Wait, finish, parts, per_text, waits
from sender.progress import RECENT, Progress

NEARLY = 0.8
"""From this share of its senders' rate on, a run is as fast as it can be."""
ALIVE = timedelta(seconds=60)
"""A worker that was seen longer ago is taken for dead."""


class Brake(StrEnum):
    """What holds a run back now."""

    STOPPED = "stopped"
    PREPARING = "preparing"
    ACCOUNT = "account"
    BUDGET = "budget"
    SENDER = "sender"
    TWILIO = "twilio"
    HOURS = "hours"
    CAPS = "caps"
    ZONES = "zones"
    WORKER = "worker"
    STARTING = "starting"
    SLOWED = "slowed"
    SHARED = "shared"
    RATE = "rate"
    ANSWERS = "answers"
    DONE = "done"


B = Brake
OBSERVED = frozenset({B.SLOWED, B.SHARED, B.RATE, B.ANSWERS})
"""With one of these the last ten seconds tell more about the end than the senders' limits do."""
MOVING = OBSERVED | {B.STARTING, B.HOURS, B.CAPS, B.TWILIO}
Verdict = tuple[Brake, str, datetime | None]


@dataclass(frozen=True)
class Pace:
    """What binds now. `name`: a sender, other campaigns, or why the account is held; `until`: when it ends by itself."""

    brake: Brake
    name: str
    until: datetime | None
    limit: int
    """Segments a second, of all senders that have something to send now."""
    waits: tuple[Wait, ...]
    finish_at: datetime | None
    """When the last text is expected to leave; None while nobody can tell."""


def pace(session: Session, run: Run, found: Progress, *, now: datetime) -> Pace:
    """What binds a run at this moment, what waits for its hours, and the expected end."""
    left = parts(session, run, now=now)
    ready = [part for part in left if part.open(now)]
    limit = sum({part.sender.id: part.sender.segments_per_second for part in ready}.values())
    verdict = _stopped(run, left) or _closed(run, left, ready, now) or _slow(session, run, found, ready, limit, now)
    brake, name, until = verdict
    end = None
    if brake in MOVING:
        seen = found.segments_per_second / limit if limit and brake in OBSERVED else 0.0
        end = finish(left, min(seen or 1.0, 1.0), until if until and brake is B.TWILIO else now)
    return Pace(brake, name, until, limit, waits(left, now), end)


def _stopped(run: Run, left: Sequence[Part]) -> Verdict | None:
    """Why nothing may leave at all."""
    account = run.campaign.account
    if run.campaign.state is not CampaignState.SENDING or run.finished_at is not None:
        return B.STOPPED, "", None
    if account.held_why:
        return B.ACCOUNT, account.held_why, None
    if not left:
        return B.DONE if run.expanded else B.PREPARING, "", None
    if run.budget_segments and run.segments_claimed + per_text(run) > run.budget_segments:
        return B.BUDGET, "", None
    return None


def _closed(run: Run, left: Sequence[Part], ready: Sequence[Part], now: datetime) -> Verdict | None:
    """Why no sender may take a text now."""
    if not ready:
        opens = [(part.opens_at, part.room_at) for part in left if part.opens_at is not None and not part.lane.held]
        if not opens:
            return B.ZONES, "", None
        return (B.HOURS if any(room_at is None for _, room_at in opens) else B.CAPS), "", min(at for at, _ in opens)
    senders = [part.sender for part in ready]
    off = [sender.label for sender in senders if not sender.may_send]
    if len(off) == len(senders):
        return B.SENDER, off[0], None
    blocked = [at for at in (run.campaign.account.blocked_until, *(one.blocked_until for one in senders)) if at]
    return (B.TWILIO, "", max(blocked)) if blocked and max(blocked) > now else None


def _slow(session: Session, run: Run, found: Progress, ready: Sequence[Part], limit: int, now: datetime) -> Verdict:
    """Why it moves, but not faster."""
    if found.segments_per_second >= NEARLY * limit:
        return B.RATE, ready[0].sender.label, None
    fresh = max(run.started_at or now, run.campaign.updated_at) > now - RECENT
    if not (fresh or found.rate_per_second or presence.anybody(session, now=now, within=ALIVE)):
        return B.WORKER, "", None
    slow = max(((part.sender.slow_until or now, part.sender.label) for part in ready), default=(now, ""))
    if slow[0] > now:
        return B.SLOWED, slow[1], slow[0]
    others = _others(session, run, {part.sender.id for part in ready})
    if others:
        return B.SHARED, ", ".join(others), None
    return B.STARTING if fresh or not found.rate_per_second else B.ANSWERS, "", None


def _others(session: Session, run: Run, senders: set[int]) -> list[str]:
    """Other campaigns that take turns at the same senders, three at most."""
    lane, other = aliased(Lane), aliased(Run)
    waiting = (
        select(Message.id).where(PENDING, Message.sender_id == lane.sender_id, Message.lane_id == lane.id).exists()
    )
    names = session.scalars(
        select(Campaign.name)
        .join(other, other.campaign_id == Campaign.id)
        .join(lane, lane.run_id == other.id)
        .where(Campaign.state == CampaignState.SENDING, other.finished_at.is_(None), other.id != run.id)
        .where(lane.sender_id.in_(senders), waiting)
        .distinct()
        .order_by(Campaign.name)
        .limit(3)
    )
    return list(names)
