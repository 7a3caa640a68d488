"""One long campaign on PostgreSQL, and all that may befall it: paused, resumed, a worker killed, the database restarted.

`python -m tests.crash.large` (`make large`; `--people 5000` for a try). Two workers send to `tests/crash/large_provider.py`; at
the end each row of ours is laid beside the provider's log. Ends with 1 when anything does not fit.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from models.accounts import Account, SendingNumber
from models.campaigns import Campaign, CampaignState, Exclusion, Run
from models.messages import Direction, Message, MessageStatus
from sender import campaigns
from sender.dispatcher import wall_clock
from tests.crash import doomed
from tests.crash.world import TOKEN, Terms, World, build
from tests.postgres import PostgresServer, free_port

TERMS = Terms(lease=15, settle=3)
PAUSE_AT, KILL_AT, RESTART_AT = 0.2, 0.45, 0.65
"""Which share of the audience has been taken when it happens."""
PAUSED, REPLACED_AFTER = 5.0, 10.0
"""Seconds that the pause lasts, and until the killed worker has a successor."""
NURSERY = multiprocessing.get_context("forkserver")
NURSERY.set_forkserver_preload([doomed.__name__])
PEOPLE = """
    INSERT INTO contact (account_id, phone, phone_raw, region, line_type, time_zones, name, attributes, created_at, updated_at)
    SELECT :account, '+1' || (2122000000 + n), '', CASE n % 100 WHEN 3 THEN 'IE' ELSE 'US' END, 'mobile',
        (ARRAY['America/New_York', 'America/Chicago', 'America/Denver', 'America/Los_Angeles'])[n % 4 + 1],
        'Member ' || n, '{}', now(), now() FROM generate_series(2, :people) AS n"""
ROWS = """
    INSERT INTO audience_row (audience_id, row, contact_id, fields, reason, detail)
    SELECT :audience, n, CASE n % 100 WHEN 5 THEN NULL ELSE c.id END, json_build_object('name', c.name),
        CASE n % 100 WHEN 5 THEN 'invalid_number' END, ''
    FROM generate_series(2, :people) AS n JOIN contact c ON c.phone = '+1' || (2122000000 + n)"""


@dataclass
class Play:
    """A campaign under way, the processes that send it, and what is noted about them."""

    world: World
    provider: str
    start: Callable[[], Any]
    restart: Callable[[], None]
    people: int
    campaign_id: int
    workers: list[Any] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def taken(self) -> int:
        """How many texts the provider has."""
        return int(requests.get(f"{self.provider}/count", timeout=30).json()["taken"])

    def note(self, what: str, value: object) -> None:
        """Remember a figure, and say it at once."""
        self.notes[what] = f"{value}"
        sys.stdout.write(f"{time.monotonic() - self.began:7.1f} s  {what}: {value}\n")

    def wait_for(self, share: float) -> None:
        """Until that share of the audience has been taken. Raises TimeoutError when nothing moves for a minute."""
        last, moved = -1, time.monotonic()
        while (taken := self.taken()) < share * self.people:
            if taken != last:
                last, moved = taken, time.monotonic()
            if time.monotonic() - moved > 60:
                raise TimeoutError(f"{taken} texts, and no more for a minute")
            time.sleep(0.1)

    def change(self, action: Callable[..., object]) -> float:
        """Pause or resume; when that was committed, seconds since 1970."""
        with self.world.database.transaction() as session:
            action(session, session.get_one(Campaign, self.campaign_id), now=wall_clock())
        return time.time()

    def over(self) -> bool:
        """Whether the campaign is completed and every callback was taken."""
        found = self.world.attempt(
            lambda session: session.get_one(Campaign, self.campaign_id).state is CampaignState.COMPLETED, reading=True
        )
        count = requests.get(f"{self.provider}/count", timeout=30).json()
        return bool(found) and count["taken"] == count["heard"]


def play(here: Play) -> None:
    """Everything that happens, in its order."""
    here.workers = [here.start(), here.start()]
    here.wait_for(PAUSE_AT)
    here.note("taken when paused", here.taken())
    paused = here.change(campaigns.pause)
    time.sleep(PAUSED)
    resumed = here.change(campaigns.resume)
    here.wait_for(KILL_AT)
    os.kill(here.workers[0].pid, signal.SIGKILL)
    here.note("worker killed at", f"{here.taken():,} texts")
    time.sleep(REPLACED_AFTER)
    here.note("sent by the other one meanwhile, to", f"{here.taken():,} texts")
    here.workers[0] = here.start()
    here.wait_for(RESTART_AT)
    began = time.monotonic()
    here.restart()
    here.note("database crashed and recovered in", f"{time.monotonic() - began:.1f} s at {here.taken():,} texts")
    while not here.over():
        time.sleep(0.5)
    here.note("finished after", f"{time.monotonic() - here.began:.1f} s")
    times = [entry["at"] for entry in log(here.provider)]
    late = max((at for at in times if paused < at < resumed), default=paused)
    first = min(at for at in times if at > resumed)
    here.note("last text after the pause was committed", f"{late - paused:.2f} s")
    here.note("first text after the resume was committed", f"{first - resumed:.2f} s")
    here.note("texts a second, from first to last", f"{len(times) / (max(times) - min(times)):,.0f}")


def log(provider: str) -> list[dict[str, Any]]:
    """What the provider took, in order."""
    lines = requests.get(f"{provider}/log", timeout=300).text.splitlines()
    return [json.loads(line) for line in lines]


def reconcile(session: Session, taken: list[dict[str, Any]]) -> tuple[dict[str, int], list[str]]:
    """The counts that must add up, and what does not fit, row by row."""
    run = session.scalars(select(Run)).one()
    mine = (Message.direction == Direction.OUTBOUND, Message.run_id == run.id)
    columns = (Message.id, Message.status, Message.sid, Message.attempt, Message.error_code, Message.reason)
    rows = {row.id: row for row in session.execute(select(*columns).where(*mine))}
    times = Counter(entry["message_id"] for entry in taken)
    wrong = [f"message {id_} was sent {count} times" for id_, count in times.items() if count > 1]
    for entry in taken:
        row = rows.get(entry["message_id"])
        if row is None or (row.sid, row.status.value) != (entry["sid"], entry["status"]):
            wrong.append(f"message {entry['message_id']} is {row and row.status}, at the provider {entry['status']}")
    for row in rows.values():
        explained = row.error_code if row.status is MessageStatus.FAILED else row.reason
        if row.id not in times and (row.sid is not None or not explained):
            wrong.append(f"message {row.id} is {row.status} without a reason, and the provider never had it")
    excluded = session.scalar(select(func.count()).where(Exclusion.run_id == run.id)) or 0
    statuses = Counter(row.status.value for row in rows.values())
    if excluded + len(rows) != run.audience_size:
        wrong.append(f"{run.audience_size} in the audience, {excluded} excluded and {len(rows)} messages")
    again = sum(row.attempt > 1 for row in rows.values())
    counts = {
        "audience": run.audience_size,
        "excluded": excluded,
        "messages": len(rows),
        **dict(sorted(statuses.items())),
    }
    return counts | {
        "taken by the provider": len(times),
        "tried again": again,
        "sent twice": len(taken) - len(times),
    }, wrong


def campaign(world: World, people: int, rate: int) -> int:
    """Write the people, the list and the campaign, to start at once; its id."""
    made = world.campaign(1)
    assert made is not None
    with world.database.transaction() as session:
        found = session.get_one(Campaign, made)
        session.execute(text(PEOPLE), {"account": world.account_id, "people": people})
        session.execute(text(ROWS), {"audience": found.audience_id, "people": people})
        found.audience.rows, found.audience.usable = people, people - people // 100
        account = session.get_one(Account, world.account_id)
        account.segment_limit, account.concurrency = 10 * people, 2_000
        session.execute(update(SendingNumber).values(segments_per_second=rate))
    return made


@contextmanager
def stage(people: int, rate: int) -> Iterator[Play]:
    """Server, provider and webhooks; the campaign is due, and nobody works yet."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="textledger-large-")))
        server = stack.enter_context(PostgresServer(durable=True))
        world = build(server.url, 1, TERMS, people=1, history=False)
        hooks, port = free_port(), free_port()
        provider = subprocess.Popen([sys.executable, "-m", "tests.crash.large_provider", str(port), TOKEN])
        stack.callback(provider.kill)
        life = doomed.Life(server.url, f"http://127.0.0.1:{hooks}", TOKEN, folder / "log", chunk=10_000)
        web = NURSERY.Process(target=doomed.busy_web, args=(life, hooks))
        web.start()
        stack.callback(web.terminate)
        for one in (hooks, port):
            while socket.socket().connect_ex(("127.0.0.1", one)):
                time.sleep(0.05)
        url = f"http://127.0.0.1:{port}"

        def start() -> Any:
            process = NURSERY.Process(target=doomed.worker, args=(life, url))
            process.start()
            stack.callback(process.kill)
            return process

        made = campaign(world, people, rate)
        yield Play(world, url, start, lambda: server.restart("immediate"), people, made)
        world.database.engine.dispose()


def main() -> int:
    """Play it, print what happened and what became of everybody; returns 1 when anything does not fit."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.large", description=__doc__)
    parser.add_argument("--people", type=int, default=200_000)
    parser.add_argument("--rate", type=int, default=2_000, help="segments a second of the sender (%(default)s)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with stage(arguments.people, arguments.rate) as here:
        play(here)
        with here.world.database.reading() as session:
            counts, wrong = reconcile(session, log(here.provider))
    table = Table("what happened", "figure", title=f"{arguments.people:,} people, two workers, PostgreSQL")
    for name, value in here.notes.items():
        table.add_row(name, value)
    for name, count in counts.items():
        table.add_row(name, f"{count:,}")
    table.add_row("rows that do not fit", f"{len(wrong):,}")
    Console().print(table)
    for line in wrong[:50]:
        Console().print(f"WRONG  {line}", style="red")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
