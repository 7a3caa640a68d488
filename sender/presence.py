"""Which processes are there to send and to run jobs? Each says every few seconds that it is alive."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from models.jobs import WorkerProcess

BEAT = timedelta(seconds=1)
"""How often a process says that it is alive."""
SILENCE = timedelta(seconds=2.5)
"""After so long without a word a process is taken for dead."""
GONE = timedelta(seconds=10)
"""After so long without a word people are told that it is gone."""
KEPT = timedelta(days=30)
"""How long it is remembered when which process was there: a start that was missed is explained by it."""


def arrive(session: Session, name: str, *, now: datetime, version: str = "", all_senders: bool = False) -> None:
    """A process has started; those gone for long are forgotten. The caller commits."""
    session.execute(delete(WorkerProcess).where(WorkerProcess.seen_at < now - KEPT))
    session.merge(
        WorkerProcess(
            name=name, version=version, all_senders=all_senders, started_at=now, seen_at=now, stopped_at=None
        )
    )  # fmt: skip
    session.flush()


def seen(session: Session, name: str, *, now: datetime, all_senders: bool) -> None:
    """It is still alive, and this is whom it sends for."""
    _write(session, name, seen_at=now, all_senders=all_senders)


def leave(session: Session, name: str, *, now: datetime) -> None:
    """It has stopped, and cleanly."""
    _write(session, name, seen_at=now, stopped_at=now)


def _write(session: Session, name: str, **values: object) -> None:
    session.execute(update(WorkerProcess).where(WorkerProcess.name == name).values(**values))


def alive(process: WorkerProcess, *, now: datetime, within: timedelta = GONE) -> bool:
    """Whether a process was heard of lately and has not said that it stops."""
    return process.stopped_at is None and abs(now - process.seen_at) <= within


def anybody(session: Session, *, now: datetime, within: timedelta = GONE) -> bool:
    """Whether a worker is there, as far as a person has to care."""
    return any(alive(process, now=now, within=within) for process in workers(session))


def missing(session: Session, *, besides: str, now: datetime, within: timedelta) -> bool:
    """Whether another process stopped or fell silent lately, so that what it held is nobody's for a while."""
    others = session.scalars(
        select(WorkerProcess).where(WorkerProcess.name != besides, WorkerProcess.seen_at > now - within - SILENCE)
    )
    return any(not alive(process, now=now, within=SILENCE) for process in others)


def workers(session: Session) -> Sequence[WorkerProcess]:
    """Every process that is remembered, the youngest first."""
    return session.scalars(select(WorkerProcess).order_by(WorkerProcess.started_at.desc(), WorkerProcess.name)).all()
