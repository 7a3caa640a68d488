"""Do monitors get an answer at once, whatever the database does, whoever asks, and however many?"""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import Client, TestResponse

from admin import health
from admin.app import create_app
from admin.database import NEWER, NOT_MIGRATED, UNREACHABLE
from admin.glances import Glance
from models.base import Database
from models.jobs import WorkerProcess
from sender.worker import wall_clock
from tests.desk import config_for, put_away


@contextmanager
def console(url: str) -> Iterator[Client]:
    """A console over a database."""
    app: Flask = create_app(config_for(url))
    yield Client(app.wsgi_app)
    put_away(app)


@pytest.fixture
def monitor(database: Database, database_url: str) -> Iterator[Client]:
    """A console over a migrated, empty database."""
    with console(database_url) as found:
        yield found


def said(answer: TestResponse) -> dict[str, str]:
    """The JSON of an answer."""
    found: dict[str, str] = json.loads(answer.text)
    return found


def beat(database: Database, name: str, *, ago: float = 0.0, stopped: bool = False) -> None:
    """A worker was heard of so many seconds ago."""
    at = wall_clock() - timedelta(seconds=ago)
    with database.transaction() as session:
        session.add(WorkerProcess(name=name, started_at=at, seen_at=at, stopped_at=at if stopped else None))


def test_alive_needs_nobody() -> None:
    """Also without a database; by any host name, which a probe may not know; and nothing is kept of it."""
    with console("postgresql://nobody@127.0.0.1:1/nowhere") as monitor:
        answer = monitor.get("/health", headers={"Host": "10.0.0.7:8000"})
        assert (answer.status_code, said(answer)) == (200, {"status": "alive"})
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers
        assert monitor.head("/health").status_code == 200
        assert monitor.post("/health").status_code == 405
        assert monitor.get("/health/", headers={"Host": "localhost"}).status_code == 404


def test_ready_without_a_worker(monitor: Client) -> None:
    """People can work in the console, so it is ready, and says what is missing; a monitor that minds may say so."""
    answer = monitor.get("/ready", headers={"Host": "10.0.0.7:8000"})
    assert answer.status_code == 200
    assert said(answer) == {"status": "ready", "database": health.FINE, "worker": health.NO_WORKER}
    minded = monitor.get("/ready?worker=required")
    assert (minded.status_code, said(minded)["status"]) == (503, "unready")


def test_ready_with_workers(monitor: Client, database: Database) -> None:
    """Those heard of lately are counted, not those long silent or stopped; their names, which are host names, are not told."""
    for name, ago, stopped in [
        ("host-a:1", 0, False),
        ("host-b:2", 1, False),
        ("host-c:3", 60, False),
        ("host-d:4", 0, True),
    ]:
        beat(database, name, ago=ago, stopped=stopped)
    answer = monitor.get("/ready?worker=required")
    assert (answer.status_code, said(answer)["worker"]) == (200, "2 heard of lately.")
    assert "host" not in answer.text


@pytest.mark.parametrize(("version", "sentence"), [("0001", NOT_MIGRATED), ("tomorrow", NEWER)])
def test_tables_of_another_version_are_not_ready(
    monitor: Client, database: Database, version: str, sentence: str
) -> None:
    """Older ones have to be migrated, newer ones belong to a newer Textledger."""
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
    answer = monitor.get("/ready")
    assert (answer.status_code, said(answer)["database"]) == (503, sentence)


def test_a_database_that_is_gone_is_not_ready() -> None:
    """Refused at once, and answered at once."""
    with console("postgresql://nobody@127.0.0.1:1/nowhere") as monitor:
        answer = monitor.get("/ready")
        assert (answer.status_code, said(answer)["database"]) == (503, UNREACHABLE)


def test_a_database_that_hangs_holds_up_nobody() -> None:
    """A server that takes connections and says nothing: answers come within the patience, and one thread waits, not fifty."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(64)
        with console(f"postgresql://nobody@127.0.0.1:{mute.getsockname()[1]}/nowhere") as monitor:
            answers: list[TestResponse] = []
            asking = [threading.Thread(target=lambda: answers.append(monitor.get("/ready"))) for _ in range(50)]
            began = time.monotonic()
            for thread in asking:
                thread.start()
            for thread in asking:
                thread.join()
            assert time.monotonic() - began < 6
            assert {answer.status_code for answer in answers} == {503}
            assert {said(answer)["database"] for answer in answers} == {health.SILENT}
            assert sum(thread.name == "glance" for thread in threading.enumerate()) == 1
            assert monitor.get("/health").status_code == 200


def test_a_crowd_costs_one_look() -> None:
    """However many ask within the second, the question is put once; afterwards once more."""
    looks = itertools.count(1)
    glance = Glance(lambda: next(looks), fresh=0.5)
    assert {glance.value() for _ in range(1000)} == {1}
    time.sleep(0.6)
    assert glance.value() == 2


def test_a_look_that_fails_is_no_answer() -> None:
    """And is tried again once it is stale; what it found before is not shown as if it were new."""
    answers = iter([1, None, 3])

    def look() -> int:
        found = next(answers)
        if found is None:
            raise OSError
        return found

    glance = Glance(look, fresh=0.0)
    assert [glance.value(), glance.value(), glance.value()] == [1, None, 3]


def test_an_answer_is_not_waited_for_longer_than_patience() -> None:
    """Whoever comes while a look hangs gets nothing in time; once it ends, its answer is there for all."""
    gate = threading.Event()
    glance = Glance(lambda: gate.wait(10), fresh=60, patience=0.05)
    began = time.monotonic()
    assert [glance.value(), glance.value()] == [None, None]
    assert time.monotonic() - began < 2
    gate.set()
    for _ in range(100):
        if glance.value():
            break
        time.sleep(0.01)
    assert glance.value() is True
