"""The worker as a process of its own: one per SQLite file, stopped cleanly or killed; and its jobs by hand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from models.base import Database
from models.jobs import Job, WorkerProcess
from models.users import AuditEntry
from sender import presence, turns
from sender.worker import wall_clock
from tests.test_admin_cli import Shell, configured, open_shell

ROOT = Path(__file__).parent.parent


@pytest.fixture
def workers(database_url: str, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `flask worker` processes on the test's database, as one types it; whatever is left of them is killed at the end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TEXTLEDGER_")}
    environment |= replace(configured(tmp_path / "none.db"), database_url=database_url).environment_variables()
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "worker", *arguments]
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def present(database: Database) -> set[str]:
    """The workers that are alive."""
    with database.reading() as session:
        return {one.name for one in presence.workers(session) if presence.alive(one, now=wall_clock())}


def until(true: Callable[[], bool], *, seconds: float = 40.0) -> None:
    """Wait for something to be true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.1)


def name_of(process: subprocess.Popen[str]) -> str:
    """The name of a worker by its process."""
    return f":{process.pid}"


@pytest.mark.parametrize("mode", ["--all-senders", ""], ids=["bare", "placed"])
def test_one_worker_a_file_or_many(
    database: Database, workers: Callable[..., subprocess.Popen[str]], mode: str
) -> None:
    """On SQLite a second worker refuses with a sentence until the first is gone, even by `kill -9`; on PostgreSQL both work."""
    first = workers(*mode.split())
    until(lambda: len(present(database)) == 1)
    second = workers(*mode.split())
    if database.dialect == "sqlite":
        said = second.communicate(timeout=40)[1]
        assert said.strip().splitlines()[-1] == (
            "Error: A worker is running on this SQLite file already, and only one may; for more workers use PostgreSQL."
        )
        assert second.returncode == 1
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        second = workers(*mode.split())
    until(lambda: any(name.endswith(name_of(second)) for name in present(database)))
    second.terminate()
    said = second.communicate(timeout=40)
    assert second.returncode == 0, said
    with database.reading() as session:
        stopped = {one.name for one in session.scalars(select(WorkerProcess)) if one.stopped_at is not None}
    assert [name.endswith(name_of(second)) for name in stopped] == [True]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_killed_workers_turns_are_free_at_once(
    database: Database, workers: Callable[..., subprocess.Popen[str]]
) -> None:
    """On SQLite its successor need not wait for a lease to run out: nobody else can be there."""
    far = turns.LEASE * 2
    with database.transaction() as session:
        turns.register(session, {"campaigns": turns.KINDS[0].every}, now=wall_clock())
        assert turns.take(session, "campaigns", worker="gone:1", now=wall_clock(), lease=far)
    began = time.monotonic()
    worker = workers("--all-senders")
    until(lambda: job(database, "campaigns").turns > 1)
    assert job(database, "campaigns").last_error == ""
    assert time.monotonic() - began < 60
    worker.terminate()
    assert worker.wait(timeout=40) == 0


def job(database: Database, name: str) -> Job:
    """A job as it is written down."""
    with database.reading() as session:
        return session.get_one(Job, name)


def test_until_idle_ends_by_itself(workers: Callable[..., subprocess.Popen[str]]) -> None:
    """With nothing to send it is over in a moment."""
    worker = workers("--until-idle")
    said, complaint = worker.communicate(timeout=60)
    assert (worker.returncode, complaint) == (0, "")
    assert "is running" in said


def test_jobs_by_hand(database_url: str, tmp_path: Path) -> None:
    """A job that is asked for is due at once, with an entry in the audit log; the list says what waits and who is there."""
    shells = open_shell(replace(configured(tmp_path / "none.db"), database_url=database_url))
    shell: Shell = next(shells)
    assert "0 workers running." in shell.does("jobs", "list")
    assert shell.does("jobs", "run", "prices") == "prices runs as soon as a worker does.\n"
    with shell.database.transaction() as session:
        presence.arrive(session, "here:1", now=wall_clock())
    assert shell.does("jobs", "run", "prices") == "prices runs within a few seconds.\n"
    said = shell.does("jobs", "list")
    assert "prices" in said
    assert "as soon as" in said
    assert "1 worker running." in said
    with shell.database.transaction() as session:
        assert session.get_one(Job, "prices").requested_by == "command line"
        assert [entry.action for entry in session.scalars(select(AuditEntry))] == ["job:run", "job:run"]
        assert turns.take(session, "prices", worker="here:1", now=wall_clock())
    assert "here:1" in shell.does("jobs", "list")
    next(shells, None)
