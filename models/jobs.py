"""What runs beside sending, when it last ran, what it ended with, and which processes are there to run it?

These rows are the truth about jobs, whoever starts them: an orchestrator may be lost with all it knew, and the next turn of
each job still follows from here.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, UTCDateTime


class Job(Base):
    """One kind of work that comes round; at any time at most one process holds its lease."""

    __tablename__ = "job"

    name: Mapped[str] = mapped_column(primary_key=True)
    every_seconds: Mapped[int]
    next_at: Mapped[datetime] = mapped_column(UTCDateTime)
    requested_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """When a person asked for it to run at once; empty once it started."""
    requested_by: Mapped[str] = mapped_column(default="")
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    turns: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    """How often in a row it failed; 0 after a good turn."""
    last_error: Mapped[str] = mapped_column(Text, default="")
    """The kind of error of the last bad turn, without its text, which may hold a number."""
    last_error_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    result: Mapped[str] = mapped_column(Text, default="")
    """What the last good turn did, in a few words."""

    def __str__(self) -> str:
        return self.name


class WorkerProcess(Base):
    """A process that sends or runs jobs; it says every few seconds that it is alive."""

    __tablename__ = "worker_process"

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(default="")
    all_senders: Mapped[bool] = mapped_column(default=False)
    """Whether it claims for every sender by itself, without an orchestrator."""
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime)
    stopped_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    def __str__(self) -> str:
        return self.name
