"""DBOS carries liveness and nothing else: workers with it fail over in seconds, and send each text once when its database goes.

The workers are real processes under `kill -9`; the simulator lives here and keeps its own log of what it accepted.
"""

from __future__ import annotations

import itertools
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update

from models.accounts import Account, SendingNumber
from models.jobs import Job, WorkerProcess
from models.messages import SETTLED, Message, MessageStatus
from sender.jobs import file_beside
from sender.worker import wall_clock
from tests import seeds
from tests.test_sender_worker import Stage, stage, until

__all__ = ["stage"]
S = MessageStatus
WAITING = {S.PENDING, S.CLAIMED, S.IN_DOUBT}


@dataclass
class House:
    """The stage of the worker's tests, with workers that are processes of their own."""

    stage: Stage
    logs: Path
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """A worker with DBOS."""
        url = self.stage.database.engine.url.render_as_string(hide_password=False)
        command = [sys.executable, "-m", "tests.placed_process", url, self.stage.hooks_url, self.stage.twilio_url]
        with (self.logs / name.replace(":", "-")).open("ab") as log:
            self.workers[name] = subprocess.Popen([*command, self.stage.token, name], stdout=log, stderr=log)
        return self.workers[name]

    def kill(self, name: str) -> None:
        """`kill -9`."""
        self.workers[name].kill()
        self.workers.pop(name).wait()

    def said(self) -> str:
        """What the workers logged."""
        return "\n".join(file.read_text() for file in sorted(self.logs.iterdir()))

    def campaign(self, people: int, *, rate: int) -> None:
        """A campaign that is sending, of a sender with this rate (segments a second)."""
        with self.stage.database.session() as session:
            session.execute(update(SendingNumber).values(segments_per_second=rate))
            session.commit()
            account = session.scalars(select(Account)).one()
            seeds.sending_run(session, account, people, now=wall_clock())

    def placed(self) -> bool:
        """Whether every worker does what it is given, and no more."""
        with self.stage.database.reading() as session:
            rows = session.scalars(select(WorkerProcess).where(WorkerProcess.name.in_(self.workers))).all()
        return len(rows) == len(self.workers) and not any(row.all_senders for row in rows)

    def counts(self) -> Counter[MessageStatus]:
        """Messages by status."""
        with self.stage.database.reading() as session:
            return Counter(dict(session.execute(select(Message.status, func.count()).group_by(Message.status)).all()))

    def accepted(self) -> int:
        """How many texts Twilio took."""
        return len(self.stage.simulator.log())

    def everyone_once(self, people: int) -> None:
        """Wait for the end; nobody was texted twice, every row is settled, and Twilio's log has as many as the table."""
        until(lambda: not WAITING & set(self.counts()), seconds=200)
        self.stage.simulator.settle()
        assert set(self.stage.accepted().values()) == {1}
        assert set(self.counts()) <= SETTLED | {S.SENT}
        assert self.counts().total() == people
        assert len(self.stage.accepted()) == self.counts()[S.DELIVERED]

    def forget(self) -> None:
        """Delete the database of DBOS."""
        engine = self.stage.database.engine
        if engine.dialect.name == "sqlite":
            for suffix in ("", "-wal", "-shm"):
                Path(f"{file_beside(engine)}{suffix}").unlink()
        else:
            with engine.begin() as connection:
                connection.execute(text("DROP SCHEMA dbos CASCADE"))


@pytest.fixture
def house(stage: Stage, tmp_path: Path) -> Iterator[House]:
    """No worker yet; whatever is left of them is killed at the end."""
    (tmp_path / "logs").mkdir()
    house = House(stage, tmp_path / "logs")
    if stage.database.dialect == "postgresql":
        with stage.database.engine.begin() as connection:
            connection.execute(text("DROP SCHEMA IF EXISTS dbos CASCADE"))
    yield house
    for name in list(house.workers):
        house.kill(name)


def crew(house: House) -> list[str]:
    """One worker on SQLite, two on PostgreSQL, started and placed."""
    names = ["w:1"] if house.stage.database.dialect == "sqlite" else ["w:1", "w:2"]
    for name in names:
        house.start(name)
    until(house.placed, seconds=90)
    return names


def ports(pid: int) -> tuple[set[int], set[str]]:
    """The ports a process listens on, and the addresses it is connected to (Linux; hexadecimal as in /proc)."""
    sockets = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets |= set(re.findall(r"socket:\[(\d+)\]", str(link.readlink())))
        except FileNotFoundError:
            continue
    listening, remote = set(), set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, peer, state, *rest = line.split()
            if rest[5] in sockets:
                listening |= {int(local.split(":")[1], 16)} if state == "0A" else set()
                remote |= {peer.split(":")[0]} if state != "0A" else set()
    return listening, remote


@pytest.mark.slow
def test_dbos_forgets_everything(house: House) -> None:
    """Its database is deleted in mid-campaign with all workers killed: the rest is sent, once, and places are given anew.

    Until then the workers opened no port, reached nobody but this machine, and logged no number and no text.
    """
    people = 900
    names = crew(house)
    house.campaign(people, rate=60)
    until(lambda: house.accepted() > people // 6, seconds=90)
    for name in names:
        listening, remote = ports(house.workers[name].pid)
        assert listening == set()
        assert remote <= {"0100007F"}
        house.kill(name)
    left = people - house.accepted()
    assert left > people // 6
    house.forget()
    for name in names:
        house.start(f"again:{name[-1]}")
    house.everyone_once(people)
    until(house.placed, seconds=90)
    assert "555" not in house.said()
    assert "Hello" not in house.said()


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_dbos_cannot_start(house: House) -> None:
    """With its database broken the worker says so in one sentence, and sends for every sender."""
    Path(file_beside(house.stage.database.engine)).write_bytes(b"this is no database" * 1000)
    house.start("w:1")
    house.campaign(100, rate=60)
    house.everyone_once(100)
    said = [line for line in house.said().splitlines() if "DBOS" in line]
    assert "DBOS cannot start (DatabaseError): this worker does everything by itself" in said[0]
    assert "Traceback" not in house.said()
    assert not house.placed()
    house.workers["w:1"].send_signal(signal.SIGTERM)
    assert house.workers["w:1"].wait(timeout=30) == 0


def gap(times: list[object]) -> float:
    """The longest time between two texts, seconds."""
    seconds = [datetime.fromisoformat(str(each)).timestamp() for each in times]
    return max(later - earlier for earlier, later in itertools.pairwise(seconds))


@pytest.mark.slow
@pytest.mark.parametrize("database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_failover(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    """The worker that holds the sender is killed for good: texts and jobs go on within seconds. Then DBOS loses its database
    under the other: it goes on by itself without a pause, starts DBOS anew, and nobody is texted twice."""
    people = 1_200
    crew(house)
    house.campaign(people, rate=40)
    until(lambda: house.accepted() > 150, seconds=90)
    seen: list[str | None] = []
    until(lambda: bool(seen.extend(holders(house)) or seen))
    holder = seen[0]
    before, killed, killed_at = house.accepted(), time.monotonic(), wall_clock()
    house.kill(str(holder))
    until(lambda: all(ended and ended > killed_at for ended in ends(house)), seconds=60)
    jobs = time.monotonic() - killed
    until(lambda: house.accepted() > before + 150, seconds=90)
    house.forget()
    until(lambda: "starting DBOS anew" in house.said(), seconds=60)
    house.everyone_once(people)
    times = [entry["time"] for entry in house.stage.simulator.log()]
    texts = gap(times[before - 20 : people - 100])  # the dead one's own claims come last, once Twilio was asked
    with capsys.disabled():
        sys.stdout.write(f"\nfailover: texts after {texts:.1f} s, all jobs after {jobs:.1f} s\n")
    assert texts <= 6
    assert jobs <= 12
    until(house.placed, seconds=90)


def holders(house: House) -> list[str | None]:
    """Whose claims there are now."""
    with house.stage.database.reading() as session:
        claimed = select(Message.worker).where(Message.status == S.CLAIMED).distinct()
        return list(session.scalars(claimed))


def ends(house: House) -> list[object]:
    """When each of the quick jobs last ended."""
    quick = ("campaigns", "audiences", "guards", "doubts")
    with house.stage.database.reading() as session:
        return list(session.scalars(select(Job.finished_at).where(Job.name.in_(quick))))
