"""How much of a raw POST loop's speed is left when every message is claimed, recorded and never sent twice."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import requests
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select, update

from models.accounts import SendingNumber
from models.base import Database, connect
from models.messages import Message, MessageStatus
from models.schema import migrate
from sender.gateway import Gateway
from sender.worker import Worker, wall_clock
from tests import seeds
from tests.conftest import seed_account

COUNT = 2_000
THREADS = 16


@contextmanager
def dummy() -> Iterator[str]:
    """The dummy provider in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
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


def raw(url: str) -> tuple[float, float]:
    """Seconds and CPU seconds of plain POSTs on as many threads as the worker has."""
    sessions = [requests.Session() for _ in range(THREADS)]

    def post(index: int) -> None:
        data = {"To": "+12125550100", "From": "27242", "Body": "Hello", "StatusCallback": url}
        sessions[index % THREADS].post(
            f"{url}/2010-04-01/Accounts/AC/Messages.json", data=data, timeout=30
        ).raise_for_status()

    with ThreadPoolExecutor(THREADS) as pool:
        return timed(lambda: list(pool.map(post, range(COUNT))))


def timed(action: object) -> tuple[float, float]:
    """Wall and CPU seconds of an action."""
    started, cpu = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    action()  # type: ignore[operator]
    after = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter() - started, after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime


def dispatched(database: Database, url: str) -> tuple[float, float]:
    """The same number of messages through claim, SDK and record."""
    with database.session() as session:
        account = seed_account(session, now=wall_clock())
        session.execute(update(SendingNumber).values(segments_per_second=100_000))
        seeds.sending_run(session, account, COUNT, now=wall_clock())
    gateway = Gateway(account.twilio_sid or "", "token", base_url=url)
    worker = Worker(database, lambda _account: gateway, public_url=url, concurrency=THREADS)
    result = timed(worker.drain)
    with database.reading() as session:
        sent = session.scalar(select(func.count()).where(Message.status == MessageStatus.QUEUED))
        twice = session.scalar(select(func.count()).where(Message.attempt != 1))
    assert (sent, twice) == (COUNT, 0)
    return result


def run() -> None:
    """Print the table; the ratio is taken in the same run."""
    with tempfile.TemporaryDirectory() as folder, dummy() as url:
        database = connect(f"sqlite:///{Path(folder) / 'bench.db'}")
        migrate(database)
        plain, plain_cpu = raw(url)
        ours, ours_cpu = dispatched(database, url)
        database.engine.dispose()
    table = Table("Dispatch, 20 ms provider", "messages/s", "CPU µs/message", "of the raw loop")
    table.add_row(
        f"raw POST loop, requests, {THREADS} threads",
        f"{COUNT / plain:,.0f}",
        f"{plain_cpu / COUNT * 1e6:,.0f}",
        "1.00",
    )
    table.add_row(
        "claim, SDK, record (SQLite, fsync)",
        f"{COUNT / ours:,.0f}",
        f"{ours_cpu / COUNT * 1e6:,.0f}",
        f"{plain / ours:.2f}",
    )
    Console().print(table)
    assert plain / ours > 0.2, "dispatch has fallen below a fifth of a raw POST loop"


if __name__ == "__main__":
    run()
