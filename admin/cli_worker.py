"""The commands that run what goes on by itself: the worker, and its jobs by hand."""

from __future__ import annotations

import gc
import signal
import threading
from contextlib import ExitStack
from datetime import datetime
from importlib.metadata import version

import click
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.orm import configure_mappers

from admin import audit
from admin.cli_accounts import ACTOR, here
from admin.jobs import build_worker
from admin.terminal import console, fail
from models.jobs import Job
from sender import presence, turns
from sender.alone import NotAlone, only_worker
from sender.worker import wall_clock


@click.command("worker")
@click.option("--until-idle", is_flag=True, help="Stop when no campaign is sending or due; implies --all-senders.")
@click.option("--all-senders", is_flag=True, help="Send for every sender and run every job, without DBOS.")
@click.option(
    "--concurrency", type=click.IntRange(1, 500), default=100, show_default=True, help="Requests to Twilio at once."
)
def worker_command(until_idle: bool, all_senders: bool, concurrency: int) -> None:
    """Send what is due and run the jobs: start campaigns, settle doubts, pull prices, post charges, mail."""
    config, database = here()
    worker = build_worker(config, database, concurrency=concurrency)
    worker.version = version("textledger")
    try:
        with ExitStack() as around:
            around.enter_context(only_worker(database))
            if threading.current_thread() is threading.main_thread():
                for name in (signal.SIGTERM, signal.SIGINT):
                    around.callback(signal.signal, name, signal.signal(name, lambda *_: worker.stop()))
            if not (all_senders or until_idle):
                from sender.jobs import placing  # DBOS takes half a second to import, and only this needs it

                around.enter_context(placing(worker))
            configure_mappers()  # else the first text waits for it
            gc.freeze()  # what is loaded stays: looking through it for garbage would hold every text up for a tenth of a second
            around.callback(gc.unfreeze)
            click.echo(f"Worker {worker.name} is running; Ctrl-C stops it after what is on the wire.")
            worker.drain() if until_idle else worker.run()
    except NotAlone as error:
        raise fail(str(error)) from error


@click.group("jobs")
def jobs_group() -> None:
    """What goes on beside sending."""


@jobs_group.command("list")
def jobs_list() -> None:
    """Show every job with its last and its next run, and whether a worker is there to run it."""
    _, database = here()
    table, now = Table("Job", "Every", "Last run", "Next run", "Result", "Last error"), wall_clock()
    with database.reading() as session:
        for job in session.scalars(select(Job).order_by(Job.name)):
            last = f"{job.finished_at:%Y-%m-%d %H:%M:%S}" if job.finished_at else "never"
            failed = f"{job.last_error}, {job.last_error_at:%Y-%m-%d %H:%M:%S}" if job.last_error_at else ""
            table.add_row(job.name, f"{job.every_seconds:,} s", last, _next(job, now), job.result, failed)
        alive = sum(presence.alive(one, now=now) for one in presence.workers(session))
    console.print(table)
    click.echo(f"{alive} worker{'' if alive == 1 else 's'} running.")


def _next(job: Job, now: datetime) -> str:
    if job.worker:
        return f"running at {job.worker}"
    return "as soon as possible" if job.requested_at or job.next_at <= now else f"{job.next_at:%Y-%m-%d %H:%M:%S}"


@jobs_group.command("run")
@click.argument("name")
def jobs_run(name: str) -> None:
    """Have the job NAME run at once, by a worker that is running."""
    _, database = here()
    now = wall_clock()
    with database.transaction() as session:
        if not turns.request(session, name, actor=ACTOR, now=now):
            known = ", ".join(session.scalars(select(Job.name).order_by(Job.name))) or "none; start a worker first"
            raise fail(f"There is no job named {name!r}; there are: {known}.")
        audit.record(
            session, account_id=0, actor=ACTOR, action="job:run", subject_kind="job", subject_id=name, subject=name, now=now
        )  # fmt: skip
        alive = presence.anybody(session, now=now)
    click.echo(f"{name} runs within a few seconds." if alive else f"{name} runs as soon as a worker does.")
