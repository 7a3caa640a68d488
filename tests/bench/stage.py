"""What benchmarks of sending stand on: a dummy provider, a PostgreSQL server of their own, a campaign, worker processes."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import requests
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.orm import Session

from models.accounts import Account, SendingNumber
from models.base import Database, connect
from models.campaigns import Lane, Run
from models.contacts import Contact
from models.messages import Message
from models.schema import migrate
from sender.dispatcher import wall_clock
from tests import seeds
from tests.conftest import seed_account
from tests.postgres import PostgresServer, free_port


class Arrival(NamedTuple):
    """A message as the provider saw it; `at` is seconds since 1970."""

    at: float
    sender: str
    message_id: int
    attempt: int


@contextmanager
def provider() -> Iterator[str]:
    """The dummy provider in a process of its own; its address."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.dummy_twilio", str(port)])
    try:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def arrivals(url: str) -> list[Arrival]:
    """What the provider took, in order."""
    lines = requests.get(f"{url}/log", timeout=60).text.splitlines()
    return [Arrival(float(at), sender, int(id_), int(attempt)) for at, sender, id_, attempt in map(str.split, lines)]


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """The URLs of a fresh SQLite file and a fresh PostgreSQL server that writes to disk as a real one does."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        postgres = stack.enter_context(PostgresServer(durable=True))
        yield {"SQLite": f"sqlite:///{Path(folder) / 'bench.db'}", "PostgreSQL": postgres.url}


def filled(url: str, texts: int, *, rate: int, name: str) -> Database:
    """A migrated database whose account's short code sends `rate` segments a second, and a campaign of pending texts."""
    database = connect(url)
    migrate(database)
    now = wall_clock()
    with database.session() as session:
        account = session.scalars(select(Account)).first() or seed_account(session, now=now)
        account.concurrency = 10_000
        session.execute(update(SendingNumber).values(segments_per_second=rate, tat_us=0))
        if session.scalar(select(Contact.id).limit(1)) is None:
            session.execute(insert(Contact), people(account, texts, now))
        fill(session, seeds.sending_run(session, account, 1, now=now, name=name), texts, now)
        session.commit()
    if database.dialect == "postgresql":
        tidied(database)
    return database


def tidied(database: Database) -> None:
    """What filling and earlier rounds left to do is done now: else the server does it beside what is measured."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE) message"))


def people(account: Account, count: int, now: datetime) -> list[dict[str, object]]:
    """Contacts, each with a number of its own."""
    shared = {
        "account_id": account.id, "phone_raw": "x", "region": "US", "line_type": "mobile", "time_zones": "America/New_York",
        "attributes": {}, "created_at": now, "updated_at": now,
    }  # fmt: skip
    return [{**shared, "phone": f"+1{2_122_000_000 + n}", "name": f"Member {n}"} for n in range(count)]


def fill(session: Session, run: Run, texts: int, now: datetime) -> None:
    """Give a run one pending text for each of so many contacts."""
    lane_id = session.scalar(select(Lane.id).where(Lane.run_id == run.id))
    session.execute(delete(Message).where(Message.run_id == run.id))
    shared = {
        "account_id": run.account_id, "run_id": run.id, "lane_id": lane_id, "template_version_id": run.template_version_id,
        "sender_id": run.sender_id, "region": "US", "body": "Hello from Harbor: your dues are due. Reply STOP to opt out.",
        "encoding": "GSM-7", "units": 59, "segments": 1, "due_at": now, "created_at": now, "updated_at": now,
    }  # fmt: skip
    rows = session.execute(select(Contact.id, Contact.phone).order_by(Contact.id).limit(texts)).all()
    session.execute(insert(Message), [{**shared, "contact_id": id_, "phone": phone} for id_, phone in rows])
    run.messages = run.audience_size = run.segments = len(rows)


def waiting(database: Database) -> bool:
    """Whether anything is still to be sent, asked of the two small indexes that hold it: it is asked beside what is measured."""
    with database.reading() as session:
        return any(
            session.scalar(select(Message.id).where(text(f"status {which}")).limit(1)) is not None
            for which in ("= 'pending'", "IN ('claimed', 'in_doubt')")
        )


class Sender:
    """A dispatcher in a process of its own, which has everything in hand before it is let go."""

    def __init__(self, database_url: str, provider_url: str, *, concurrency: int) -> None:
        command = [sys.executable, "-m", "tests.bench.sending", database_url, provider_url, str(concurrency)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ready(self) -> None:
        """Wait until it could begin."""
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n"

    def go(self) -> None:
        """Let it begin."""
        assert self._process.stdin
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def stop(self) -> float:
        """End it as an operator would; CPU seconds that it spent since it began to send."""
        self._process.terminate()
        said, _ = self._process.communicate(timeout=60)
        return float(said)


@contextmanager
def senders(database_url: str, provider_url: str, *, processes: int, concurrency: int) -> Iterator[list[float]]:
    """So many of them, which begin together; their CPU seconds are in the list when the block has ended."""
    running = [Sender(database_url, provider_url, concurrency=concurrency) for _ in range(processes)]
    spent: list[float] = []
    try:
        for each in running:
            each.ready()
        for each in running:
            each.go()
        yield spent
    finally:
        spent += [each.stop() for each in running]
