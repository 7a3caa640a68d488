"""The page of jobs and workers: what it shows, who may look and who may press the button, and what pressing does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from markupsafe import escape
from sqlalchemy import select

from admin.views.jobs import every, standing, took
from models.base import Database
from models.jobs import Job
from models.users import AuditEntry, RoleName
from sender import presence, turns
from sender.worker import wall_clock
from tests.desk import Desk, open_desk

SECOND = timedelta(seconds=1)
R = RoleName


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as desk:
        yield desk


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1, "second"), (2, "2 seconds"), (59, "59 seconds"), (60, "minute"), (61, "61 seconds"), (600, "10 minutes"),
        (3600, "hour"), (5400, "90 minutes"), (86_400, "day"), (172_800, "2 days"),
    ],
)  # fmt: skip
def test_how_often_in_words(seconds: int, said: str) -> None:
    """The largest unit that divides it."""
    assert every(seconds) == said


def test_where_a_job_stands() -> None:
    """Running before asked for, asked for before failing, failing before the want of a worker."""
    now = wall_clock()
    job = Job(name="mail", failures=0, started_at=now, finished_at=now + 1.26 * SECOND)
    assert standing(None, there=True, now=now) == ("Never ran", "mut")
    assert standing(None, there=False, now=now) == ("No worker", "warn")
    assert standing(job, there=True, now=now) == ("Fine", "ok")
    assert took(job) == "took 1.3\u00a0s"
    job.failures = 1
    assert standing(job, there=False, now=now) == ("Failed", "warn")
    job.failures = 3
    assert standing(job, there=True, now=now) == ("Failed 3 times", "bad")
    job.requested_at = now
    assert standing(job, there=True, now=now) == ("Asked for", "info")
    job.worker, job.lease_until = "here:1", now + SECOND
    assert standing(job, there=True, now=now) == ("Running at here:1", "info")
    assert took(job) == ""
    assert standing(job, there=True, now=now + SECOND) == ("Asked for", "info")
    job.worker, job.finished_at = None, now + 125 * SECOND
    assert took(job) == "took 2\u00a0min 5\u00a0s"


def test_before_any_worker(desk: Desk) -> None:
    """Every job of ours stands there, and how to start a worker."""
    text = desk.visitor(R.ADMIN).text("/jobs/")
    assert "No worker is running." in text
    assert "No worker yet" in text
    assert all(escape(title) in text for title in turns.TITLES.values())
    assert text.count("Run now") >= len(turns.KINDS) - 1


def test_with_workers(desk: Desk) -> None:
    """Results, errors by their kind, who is there, who fell silent and who stopped."""
    now = wall_clock()
    with desk.database.transaction() as session:
        for name in ("here:1", "here:2", "here:3"):
            presence.arrive(session, name, now=now - timedelta(hours=1), all_senders=True)
        presence.leave(session, "here:3", now=now)
        presence.seen(session, "here:1", now=now, all_senders=False)
        turns.register(session, {"mail": 5 * SECOND, "prices": timedelta(hours=1), "own": SECOND}, now=now)
        mail = turns.take(session, "mail", worker="here:1", now=now) or 0
        turns.failed(session, "mail", turn=mail, now=now, every=SECOND, error="OSError")
        prices = turns.take(session, "prices", worker="here:1", now=now) or 0
        turns.done(session, "prices", turn=prices, now=now + 2 * SECOND, every=SECOND, result="7 texts <b>")
    text = desk.visitor(R.AUDITOR).text("/jobs/")
    for said in ("here:1", "Working", "Silent", "Stopped", "OSError", "7 texts &lt;b&gt;", "took 2.0\u00a0s", "Own"):
        assert said in text, said
    assert "every sender" in text
    assert "the senders it is given" in text
    assert "No worker is running." not in text
    assert "Run now" not in text


@pytest.mark.parametrize("role", list(RoleName))
def test_who_may(desk: Desk, role: RoleName) -> None:
    """Agents do not see it; an admin alone may press; the button is audited in their account, and the job is due at once."""
    visitor = desk.visitor(role)
    assert visitor.read("/jobs/").status_code == (403 if role is R.AGENT else 200)
    answer = visitor.send("/jobs/run/", name="prices")
    assert answer.status_code == (302 if role is R.ADMIN else 403)
    with desk.database.reading() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "job:run")).all()
        due = turns.due(session, now=wall_clock(), mine=set())
    assert [(entry.account_id, entry.subject) for entry in entries] == (
        [(desk.harbor.id, "Prices")] if role is R.ADMIN else []
    )
    assert due == ({"prices"} if role is R.ADMIN else set())
    if role is R.ADMIN:
        assert "starts as soon as a worker is there" in visitor.text("/jobs/")


@pytest.mark.parametrize("name", ["nothing", "placing", ""])
def test_what_is_no_job(desk: Desk, name: str) -> None:
    """Nothing is asked for, and nothing audited."""
    assert desk.visitor(R.ADMIN).send("/jobs/run/", name=name).status_code == 404
    with desk.database.reading() as session:
        assert session.scalars(select(AuditEntry).where(AuditEntry.action == "job:run")).all() == []


def test_pressing_needs_a_post(desk: Desk) -> None:
    """A link cannot start a job, nor can a form without the session's token."""
    visitor = desk.visitor(R.ADMIN)
    assert visitor.read("/jobs/run/", name="prices").status_code == 405
    assert visitor.send("/jobs/run/", {"csrf_token": "no"}, name="prices").status_code == 400
