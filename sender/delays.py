"""Why did an occurrence not start at its time? The run before it was still sending, or nobody was there to start it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models.campaigns import Campaign, Run
from models.jobs import WorkerProcess
from sender.recurrence import Occurrence, wall_of


@dataclass(frozen=True)
class Delay:
    """A reason, as part of a sentence."""

    cause: str
    """"the sender was down from … to …"."""
    of_the_sender: bool = True

    @property
    def missed(self) -> str:
        """Why an occurrence was passed over, as a sentence."""
        cause = self.cause[0].upper() + self.cause[1:]
        return f"{cause}; only the latest occurrence was kept." if self.of_the_sender else f"{cause}."


def delay(session: Session, campaign: Campaign, one: Occurrence, *, now: datetime) -> Delay:
    """Why an occurrence that is due did not start at its time."""
    busy = select(Run.id).where(
        Run.campaign_id == campaign.id, Run.skipped.is_(False), Run.started_at <= one.at,
        or_(Run.finished_at.is_(None), Run.finished_at > one.at),
    )  # fmt: skip
    if session.scalar(busy.limit(1)) is not None:
        return Delay("the run before it was still sending", of_the_sender=False)
    # a worker that was there before and after would have started it
    seen = session.scalar(select(func.max(WorkerProcess.seen_at)).where(WorkerProcess.seen_at <= one.at))
    back = session.scalar(select(func.min(WorkerProcess.started_at)).where(WorkerProcess.started_at > one.at))
    there = select(WorkerProcess.name).where(WorkerProcess.started_at <= one.at, WorkerProcess.seen_at > one.at)
    if session.scalar(there.limit(1)) is not None:
        return Delay("the sender did not start it in time")
    if seen is None:
        return Delay("the sender was down")
    return Delay(f"the sender was down from {_clock(seen, one)} to {_clock(back or now, one)}")


def _clock(at: datetime, one: Occurrence) -> str:
    """A time as the occurrence's zone has it, with the day where that is another one."""
    local = wall_of(at, one.zone)
    return f"{local:%H:%M}" if local.date() == one.wall.date() else f"{local:%H:%M on %Y-%m-%d}"


def span(length: timedelta) -> str:
    """A length of time in its two largest units: "2 hours 5 minutes"."""
    minutes = max(int(length.total_seconds()) // 60, 0)
    parts = [(minutes // 1440, "day"), (minutes // 60 % 24, "hour"), (minutes % 60, "minute")]
    largest = next((index for index, (count, _) in enumerate(parts) if count), 2)
    words = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts[largest : largest + 2] if count]
    return " ".join(words) or "less than a minute"
