"""What goes on beside sending, how did it end last, and is anybody there to do it? And: do it now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from flask import abort, redirect, request
from sqlalchemy import select
from werkzeug.wrappers import Response

from admin import audit, auth
from admin.formatters import words
from admin.views.guarded import Command, GuardedView, flashed, page
from models.jobs import Job, WorkerProcess
from sender import presence, turns

LOST = "WorkerLost"
SHOWN = timedelta(days=1)
"""How long a worker that is gone stays on the page."""
FEW = 3
"""So many failures in a row are not an accident any more."""


@dataclass(frozen=True)
class Line:
    """A job as the page shows it."""

    name: str
    title: str
    every: str
    state: str
    tone: str
    job: Job | None
    took: str
    trouble: str
    command: Command | None


def every(seconds: int) -> str:
    """How often, in words: "second", "2 seconds", "10 minutes", "hour"."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length and seconds % length == 0:
            return unit if seconds == length else f"{seconds // length} {unit}s"
    return "second" if seconds == 1 else f"{seconds:,} seconds"


def took(job: Job) -> str:
    """How long the last turn was."""
    if job.started_at is None or job.finished_at is None or job.worker is not None:
        return ""
    seconds = max(job.finished_at - job.started_at, timedelta(0)).total_seconds()
    return (
        f"took {seconds:.1f}\u00a0s"
        if seconds < 60
        else f"took {int(seconds) // 60}\u00a0min {int(seconds) % 60}\u00a0s"
    )


def standing(job: Job | None, *, there: bool, now: datetime) -> tuple[str, str]:
    """Where a job stands, in a word or two, and how good that is; `there`: whether any worker is."""
    if job is not None and job.lease_until is not None and job.lease_until > now:
        return f"Running at {job.worker}", "info"
    if job is not None and job.requested_at is not None:
        return "Asked for", "info"
    if job is not None and job.failures:
        return (
            f"Failed {job.failures} times" if job.failures > 1 else "Failed",
            "bad" if job.failures >= FEW else "warn",
        )
    if not there:
        return "No worker", "warn"
    return ("Never ran", "mut") if job is None or job.finished_at is None else ("Fine", "ok")


class JobsView(GuardedView):
    """The jobs and the workers of this installation; they belong to no account."""

    view_right = "job:view"
    rights: ClassVar[dict[str, str]] = {"run": "job:run"}
    purpose = "What goes on beside sending, and the workers that send. They serve every account of this installation."

    @page("/")
    def index(self) -> Any:
        """Both tables; the page asks for itself again every few seconds."""
        now = self.now()
        workers = [one for one in presence.workers(self.database) if one.seen_at > now - SHOWN]
        there = presence.anybody(self.database, now=now)
        known = {job.name: job for job in self.database.scalars(select(Job).order_by(Job.name))}
        names = [*turns.TITLES, *(name for name in known if name not in turns.TITLES)]
        return self.render(
            "jobs.html", lines=[self.line(name, known.get(name), there=there, now=now) for name in names], now=now,
            workers=[(worker, *self.presence(worker, now)) for worker in workers], there=there,
        )  # fmt: skip

    def line(self, name: str, job: Job | None, *, there: bool, now: datetime) -> Line:
        """One job; with a button for who may press it."""
        seconds = {kind.name: int(kind.every.total_seconds()) for kind in turns.KINDS}
        state, tone = standing(job, there=there, now=now)
        may_run = auth.allowed("job:run") and name != "placing"
        url = self.get_url(".run", name=name)
        return Line(
            name=words(name), title=turns.TITLES.get(name, ""), every=every(job.every_seconds if job else seconds[name]),
            state=state, tone=tone, job=job, took=took(job) if job else "",
            trouble="The worker was lost" if job and job.last_error == LOST else job.last_error if job else "",
            command=Command("Run now", url, f"Run {words(name).lower()} now?", "It starts within a few seconds.")
            if may_run else None,
        )  # fmt: skip

    def presence(self, worker: WorkerProcess, now: datetime) -> tuple[str, str]:
        """Whether a worker is there, and how good that is."""
        if worker.stopped_at is not None:
            return "Stopped", "mut"
        return ("Working", "ok") if presence.alive(worker, now=now) else ("Silent", "bad")

    @page("/run/", "POST")
    def run(self) -> Response:
        """Ask for one turn at once."""
        name = request.args.get("name", "")
        if name == "placing" or not turns.request(self.database, name, actor=auth.actor(), now=self.now()):
            abort(404)
        audit.record(
            self.database, account_id=self.account.id, actor=auth.actor(), action="job:run", subject_kind="job",
            subject_id=name, subject=words(name), ip=request.remote_addr or "", now=self.now(),
        )  # fmt: skip
        self.database.commit()
        there = presence.anybody(self.database, now=self.now())
        said = "starts within a few seconds." if there else "starts as soon as a worker is there."
        flashed(f"{words(name)} {said}")
        return redirect(self.get_url(".index"))
