"""Do monitors see the queue, the delays, the errors and the jobs as the database has them, quickly, and only with the token?"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session
from werkzeug.test import Client

from admin import measures, metrics
from admin.app import create_app
from models import rollups
from models.accounts import Account, SendingNumber
from models.base import Database
from models.campaigns import Campaign, CampaignState, Lane, Run
from models.jobs import Job, WorkerProcess
from models.messages import Callback, Direction, Message, MessageStatus
from models.notices import Notice
from sender.pacing import micros
from tests import seeds
from tests.conftest import NOW
from tests.desk import config_for, put_away

TOKEN = "a token that nobody guesses"
MINUTE = timedelta(minutes=1)


def read(database: Database) -> dict[str, float]:
    """Every sample by its name and labels."""
    page = metrics.text(database, NOW).decode()
    return {
        f"{sample.name}{{{','.join(sample.labels.values())}}}": sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


@pytest.fixture
def run(database: Database, session: Session, account: Account) -> Run:
    """Ten texts of the short code, due for a minute."""
    found = seeds.sending_run(session, account, 10)
    session.execute(update(Message).values(due_at=NOW - MINUTE))
    session.commit()
    return found


def test_an_empty_house_has_zeros(database: Database, account: Account) -> None:
    """Nothing due, nothing late, no worker; what has never happened is absent rather than zero."""
    found = read(database)
    assert found["textledger_due_texts{harbor,Short code,1}"] == found["textledger_workers{}"] == 0
    assert not [name for name in found if name.startswith(("textledger_callback_age", "textledger_texts_total"))]


def test_the_queue_is_counted_by_sender(database: Database, session: Session, run: Run) -> None:
    """Due now, planned for later, segments not claimed; a sender without any has zeros."""
    ids = session.scalars(select(Message.id).order_by(Message.id)).all()
    session.execute(update(Message).where(Message.id.in_(ids[:4])).values(due_at=NOW + MINUTE))
    session.execute(update(Run).values(segments_claimed=3))
    session.commit()
    found = read(database)
    short, free = "{harbor,Short code,1}", "{harbor,Toll-free,2}"
    assert [found[f"textledger_{name}{short}"] for name in ("due_texts", "planned_texts", "waiting_segments")] == [
        6,
        4,
        7,
    ]
    assert [found[f"textledger_{name}{free}"] for name in ("due_texts", "planned_texts", "waiting_segments")] == [
        0,
        0,
        0,
    ]


@pytest.mark.parametrize(
    ("pace", "idle"), [(-2 * MINUTE, 60.0), (-MINUTE / 2, 30.0), (timedelta(0), 0.0), (MINUTE, 0.0)]
)
def test_lag_is_age_and_idleness(database: Database, session: Session, run: Run, pace: timedelta, idle: float) -> None:
    """A due text is late by its age; the sender is idle for as long as its pace would have let it go."""
    session.execute(update(SendingNumber).values(tat_us=micros(NOW + pace)))
    session.commit()
    found = read(database)
    assert found["textledger_dispatch_lag_seconds{harbor,Short code,1}"] == 60.0
    assert found["textledger_idle_seconds{harbor,Short code,1}"] == idle


@pytest.mark.parametrize("why", ["paused", "held", "closed", "finished", "account"])
def test_what_may_not_leave_is_not_late(database: Database, session: Session, run: Run, why: str) -> None:
    """A paused campaign, a held lane, closed hours, a held account: due, but nobody is late."""
    if why == "paused":
        session.execute(update(Campaign).values(state=CampaignState.PAUSED))
    elif why == "held":
        session.execute(update(Lane).values(held=True))
    elif why == "closed":
        session.execute(update(Lane).values(opens_at=NOW + MINUTE, closes_at=NOW + 2 * MINUTE))
    elif why == "finished":
        session.execute(update(Run).values(finished_at=NOW))
    else:
        session.execute(update(Account).values(held_why="Restored from a backup."))
    session.commit()
    found = read(database)
    assert found["textledger_due_texts{harbor,Short code,1}"] == 10
    assert found["textledger_dispatch_lag_seconds{harbor,Short code,1}"] == 0
    session.execute(update(Message).where(Message.id == 1).values(lane_id=None))
    session.commit()
    assert read(database)["textledger_dispatch_lag_seconds{harbor,Short code,1}"] == 60.0


def test_what_is_under_way_is_counted_by_account(database: Database, session: Session, run: Run) -> None:
    """Claimed, in doubt and parked; nothing else."""
    words = [
        "claimed",
        "claimed",
        "in_doubt",
        "unknown",
        "unknown",
        "unknown",
        "delivered",
        "failed",
        "skipped",
        "pending",
    ]
    for message, word in zip(session.scalars(select(Message)), words, strict=True):
        message.status = MessageStatus(word)
    session.commit()
    found = {name: value for name, value in read(database).items() if "open_texts" in name}
    assert found == {
        "textledger_open_texts{harbor,claimed}": 2,
        "textledger_open_texts{harbor,in_doubt}": 1,
        "textledger_open_texts{harbor,unknown}": 3,
    }


def test_texts_and_errors_are_of_the_month(database: Database, session: Session, run: Run) -> None:
    """From the daily facts and from the deltas not folded yet; texts of another month and inbound ones are left out."""
    words = [
        "delivered",
        "delivered",
        "failed",
        "failed",
        "undelivered",
        "sent",
        "queued",
        "pending",
        "delivered",
        "received",
    ]
    for number, (message, word) in enumerate(zip(session.scalars(select(Message)), words, strict=True)):
        message.status, message.sent_at = MessageStatus(word), NOW
        message.error_code = {"failed": 30007, "undelivered": 30003}.get(word)
        if number == 8:
            message.sent_at = NOW - timedelta(days=40)
        if word == "received":
            message.direction = Direction.INBOUND
        rollups.record(session, [(None, rollups.fact(message))])
    session.commit()
    found = read(database)
    assert (found["textledger_texts_total{harbor}"], found["textledger_segments_total{harbor}"]) == (7, 7)
    assert found["textledger_texts_this_month{harbor,delivered}"] == 2
    assert found["textledger_errors_this_month{harbor,30007}"] == 2
    assert found["textledger_errors_this_month{harbor,30003}"] == 1
    before = {name: value for name, value in found.items() if "_month" in name or "_total" in name}
    import analytics.rollups

    with database.transaction() as folding:
        analytics.rollups.fold(folding)
    after = read(database)
    assert {name: after[name] for name in before} == before


def test_callbacks_have_an_age(database: Database, session: Session, run: Run) -> None:
    """Since the last one came; and the oldest text without news, unless it is too old to have any."""
    session.add(Callback(account_id=1, sid="SM1", status="sent", received_at=NOW - MINUTE))
    session.commit()
    ages = {MessageStatus.QUEUED: 5, MessageStatus.SENDING: 9, MessageStatus.ACCEPTED: 7, MessageStatus.SENT: 20}
    rows = session.scalars(select(Message)).all()
    for message, (status, minutes) in zip(rows, ages.items(), strict=False):
        message.status, message.created_at = status, NOW - minutes * MINUTE
    rows[-1].status, rows[-1].created_at = MessageStatus.QUEUED, NOW - timedelta(days=4)
    session.commit()
    found = read(database)
    assert found["textledger_callback_age_seconds{}"] == 60
    assert found["textledger_unreported_seconds{harbor}"] == 9 * 60


def test_jobs_workers_and_notices(database: Database, session: Session, account: Account) -> None:
    """A job is late when it is due and nobody runs it; a worker counts as long as it is heard of; an e-mail until it is sent."""
    for name, due, lease, failures in [
        ("folds", -MINUTE, None, 0),
        ("prices", -MINUTE, MINUTE, 2),
        ("later", MINUTE, None, 0),
        ("dead", -MINUTE, -MINUTE, 1),
    ]:
        session.add(
            Job(name=name, every_seconds=60, next_at=NOW + due, lease_until=lease and NOW + lease, failures=failures)
        )
    for name, seen, stopped in [("a", timedelta(0), None), ("b", -MINUTE, None), ("c", timedelta(0), NOW)]:
        session.add(WorkerProcess(name=name, started_at=NOW, seen_at=NOW + seen, stopped_at=stopped))
    for cause, due, sent in [("one", -MINUTE, None), ("two", MINUTE, None), ("three", -MINUTE, NOW)]:
        session.add(
            Notice(
                account_id=account.id, cause=cause, subject="", body="", due_at=NOW + due, sent_at=sent, created_at=NOW
            )
        )
    session.commit()
    found = read(database)
    late = {name: value for name, value in found.items() if "job_late" in name}
    assert late == {
        f"textledger_job_late_seconds{{{n}}}": s for n, s in [("dead", 60), ("folds", 60), ("later", 0), ("prices", 0)]
    }
    assert found["textledger_job_failures{prices}"] == 2
    assert (found["textledger_workers{}"], found["textledger_unsent_notices{}"]) == (1, 1)


@pytest.fixture
def monitor(database: Database, database_url: str, account: Account) -> Iterator[Client]:
    """A console with a metrics token."""
    app = create_app(config_for(database_url, metrics_token=TOKEN))
    yield Client(app.wsgi_app)
    put_away(app)


@pytest.mark.parametrize("shown", [None, "", TOKEN, f"bearer {TOKEN}", f"Bearer {TOKEN}x", "Bearer ", "Bearer ü"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_only_the_token_opens_the_page(monitor: Client, shown: str | None) -> None:
    """Nothing but the whole token, in the usual header, whatever the host name that was asked for."""
    headers = {} if shown is None else {"Authorization": shown}
    refused = monitor.get("/metrics", headers={**headers, "Host": "10.0.0.7:8000"})
    assert (refused.status_code, refused.text) == (401, "")
    allowed = monitor.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}", "Host": "10.0.0.7:8000"})
    assert allowed.status_code == 200
    assert "textledger_due_texts" in allowed.text
    assert "Set-Cookie" not in allowed.headers


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_without_a_token_there_is_no_page(database_url: str) -> None:
    """It is off until an operator turns it on."""
    app = create_app(config_for(database_url))
    assert Client(app.wsgi_app).get("/metrics", headers={"Host": "localhost"}).status_code == 404
    put_away(app)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_figure_names_a_person(database: Database, run: Run) -> None:
    """No number, no name, no address of anybody: senders go by their label."""
    page = metrics.text(database, NOW).decode()
    assert not re.search(r"\+?\d{10}|@|Member", page), page


FILL = {
    "sqlite": "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < :count) ",
    "postgresql": "WITH series AS (SELECT generate_series(1, :count) AS n) ",
}
ROWS = """INSERT INTO message (account_id, direction, kind, run_id, lane_id, purpose, priority, sender_id, phone, region, body,
  encoding, units, segments, status, due_at, attempt, absences, created_at, updated_at, sid)
SELECT :account, 'outbound', 'sms', :run, :lane, 'account', 5, :sender, '+1212' || (5000000 + n), 'US', 'Hello', 'GSM-7', 5, 1,
  CASE WHEN n % 10 < 4 THEN 'pending' WHEN n % 10 = 4 THEN 'sent' WHEN n % 10 = 5 THEN 'failed' WHEN n % 1000 = 6 THEN 'unknown'
    WHEN n % 1000 = 16 THEN 'claimed' WHEN n % 1000 = 26 THEN 'queued' ELSE 'delivered' END,
  :now, 0, 0, :now, :now, CASE WHEN n % 10 > 3 THEN 'SM' || n END FROM series"""


def fill(session: Session, run: Run, count: int) -> None:
    """So many messages, two fifths of them pending."""
    lane = session.scalars(select(Lane.id)).one()
    values = {
        "count": count,
        "account": run.account_id,
        "run": run.id,
        "lane": lane,
        "sender": run.sender_id,
        "now": NOW - MINUTE,
    }
    dialect = session.get_bind().dialect.name
    if dialect == "sqlite":
        values["now"] = (NOW - MINUTE).replace(tzinfo=None)
        statement = ROWS.replace("SELECT :account", f"{FILL[dialect]} SELECT :account", 1)
    else:
        statement = ROWS.replace("SELECT :account", f"{FILL[dialect]} SELECT :account", 1)
    session.execute(text(statement), values)
    session.commit()
    session.execute(text("ANALYZE"))
    session.commit()


@pytest.mark.slow
def test_a_scrape_is_quick_with_many_messages(database: Database, session: Session, run: Run) -> None:
    """Two hundred thousand of them, most of them of one sender: the figures are right, and reading them takes milliseconds."""
    fill(session, run, 200_000)
    took = []
    for _ in range(20):
        began = time.perf_counter()
        found = read(database)
        took.append(time.perf_counter() - began)
    assert found["textledger_due_texts{harbor,Short code,1}"] == measures.MOST
    assert found["textledger_open_texts{harbor,unknown}"] == 200
    assert found["textledger_dispatch_lag_seconds{harbor,Short code,1}"] == 60
    assert min(took) < 0.05, took
