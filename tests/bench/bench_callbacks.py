"""How many signed callbacks a second does one core take in, applied and committed, beside a Flask view that does nothing?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import requests
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, insert, select, text

from admin import gateways
from models.base import Database, connect
from models.messages import Callback, Message, MessageStatus
from models.schema import migrate
from sender.simulated_callbacks import sign
from tests.conftest import NOW, seed_account
from tests.desk import config_for
from tests.postgres import PostgresServer, free_port
from tests.seeds import sender_of

COUNT, THREADS = 6_000, 32
PUBLIC, TOKEN = "https://texts.example.org", "0" * 32
GOAL = 1_000
"""Callbacks a CPU second of the web process, on PostgreSQL."""
SHARE = 0.15
"""Of the bare view's rate, in the same run; 0.3 to 0.4 when this was written."""


@dataclass(frozen=True)
class Figures:
    """Of one run: callbacks a second, CPU microseconds of the web process and of PostgreSQL for each."""

    rate: float
    web: float
    database: float | None = None

    @property
    def a_core(self) -> float:
        """Callbacks a CPU second of the web process."""
        return 1e6 / self.web


def furnish(database: Database, keys: Sequence[str]) -> tuple[str, list[int]]:
    """An account and its messages on the wire; the account's SID and their ids."""
    migrate(database)
    with database.session() as session:
        account = seed_account(session)
        account.twilio_token = gateways.seal(keys, TOKEN)
        sender = sender_of(session, account)
        row = {
            "account_id": account.id, "sender_id": sender.id, "region": "US", "body": "Hello", "encoding": "GSM-7", "units": 5,
            "segments": 1, "status": MessageStatus.CLAIMED, "due_at": NOW, "created_at": NOW, "updated_at": NOW, "attempt": 1,
            "worker": "w", "lease_until": NOW,
        }  # fmt: skip
        session.execute(insert(Message), [row | {"phone": phone(n)} for n in range(COUNT)])
        session.commit()
        return account.twilio_sid or "", list(session.scalars(select(Message.id).order_by(Message.id)))


def phone(number: int) -> str:
    """A reserved number."""
    return f"+1212555{number % 10_000:04}"


def posts(account_sid: str, ids: Sequence[int], word: str) -> list[str]:
    """One signed request for each message, as Twilio writes it."""
    made = []
    for number, key in enumerate(ids):
        sid, path = f"SM{key:032x}", f"/hooks/status?m={key}&a=1"
        form = {
            "AccountSid": account_sid, "ApiVersion": "2010-04-01", "From": "27242", "To": phone(number), "MessageSid": sid,
            "SmsSid": sid, "MessageStatus": word, "SmsStatus": word, "RawDlrDoneDate": "2611201500",
        }  # fmt: skip
        body = urlencode(form)
        made.append(
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n"
            f"I-Twilio-Idempotency-Token: {key:08}-{word}-4000-8000\r\nX-Twilio-Signature: {sign(TOKEN, PUBLIC + path, form)}"
            f"\r\n\r\n{body}"
        )
    return made


def pinned(core: int) -> None:
    """Keep this process on one core, where the system can and has two."""
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[core]})


@contextmanager
def served(app: str, environment: dict[str, str]) -> Iterator[int]:
    """One gunicorn worker with threads, on the first core; its port."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--workers", "1", "--threads", str(THREADS), "--keep-alive", "75"]
    process = subprocess.Popen(
        [*command, "--log-level", "error", "--bind", f"127.0.0.1:{port}", f"tests.bench.callback_app:{app}()"],
        env={**os.environ, **environment}, preexec_fn=lambda: pinned(0),
    )  # fmt: skip
    try:
        for _ in range(600):
            try:
                cpu(port)
                break
            except requests.ConnectionError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def cpu(port: int) -> float:
    """CPU seconds of the process that serves."""
    return float(requests.get(f"http://127.0.0.1:{port}/bench/cpu", timeout=30).text)


def measured(port: int, made: Sequence[str], *, database: Database | None = None) -> Figures:
    """Post them all, from the second core, over as many connections as there are threads."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(json.dumps(each) + "\n" for each in made)
        file.flush()
        before, spent = cpu(port), postgres_cpu(database)
        poster = [sys.executable, "-m", "tests.bench.callback_poster", str(port), str(THREADS), file.name]
        told = subprocess.run(poster, capture_output=True, text=True, check=True, preexec_fn=lambda: pinned(-1))
        used, after = cpu(port) - before, postgres_cpu(database)
    said = json.loads(told.stdout)
    assert said["answers"] == {"204": len(made)}, said
    each = 1e6 / len(made)
    return Figures(
        len(made) / said["seconds"], used * each, None if spent is None or after is None else (after - spent) * each
    )


def postgres_cpu(database: Database | None) -> float | None:
    """CPU seconds of the server and its backends so far; None where /proc does not tell."""
    if database is None or database.dialect != "postgresql" or not Path("/proc/self/stat").exists():
        return None
    with database.reading() as session:
        backend = session.scalar(text("SELECT pg_backend_pid()"))
    server = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1]
    spent = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if server in {fields[1], file.parent.name}:  # its own and, of the server, what those used that have ended
            spent += sum(map(int, fields[11:13])) + (sum(map(int, fields[13:15])) if file.parent.name == server else 0)
    return spent / os.sysconf("SC_CLK_TCK")


def on(url: str) -> list[Figures]:
    """The first and the last callback of every message."""
    config = config_for(url, public_url=PUBLIC)
    database = connect(url)
    account_sid, ids = furnish(database, config.secret_keys)
    with served("console", config.environment_variables()) as port:
        found = [measured(port, posts(account_sid, ids, word), database=database) for word in ("sent", "delivered")]
    with database.reading() as session:
        delivered = session.scalar(select(func.count()).where(Message.status == MessageStatus.DELIVERED))
        kept = session.scalar(select(func.count(Callback.id)))
    assert (delivered, kept) == (COUNT, 2 * COUNT)
    database.engine.dispose()
    return found


def run() -> None:
    """Print the table; the ratio is taken in the same run."""
    with served("bare", {}) as port:
        limit = measured(port, posts("AC" + "0" * 32, range(1, COUNT + 1), "sent"))
    with PostgresServer(durable=True) as server:
        postgres = on(server.url)
    with tempfile.TemporaryDirectory() as folder:
        sqlite = on(f"sqlite:///{folder}/bench.db")
    table = Table(
        f"Signed callbacks, one process, {THREADS} threads", "a second", "µs CPU each, web", "µs, database", "a core", "of the view"
    )  # fmt: skip
    lines = [("a Flask view that answers 204", limit)]
    for name, figures in (("PostgreSQL, fsync", postgres), ("SQLite, fsync", sqlite)):
        lines += [(f"{name}: {word}", each) for word, each in zip(("sent", "delivered"), figures, strict=True)]
    for name, each in lines:
        table.add_row(
            name, f"{each.rate:,.0f}", f"{each.web:,.0f}", "–" if each.database is None else f"{each.database:,.0f}",
            f"{each.a_core:,.0f}", f"{each.a_core / limit.a_core:.2f}",
        )  # fmt: skip
    console, best = Console(), min(each.a_core for each in postgres)
    console.print(table)
    console.print(
        f"Goal: {GOAL:,} a second and core on PostgreSQL: {'met' if best >= GOAL else 'not met'} with {best:,.0f}."
    )
    assert best / limit.a_core > SHARE, "callbacks cost more than they should beside a view that does nothing"


if __name__ == "__main__":
    run()
