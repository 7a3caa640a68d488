"""One message, whatever happens: a worker killed in mid-campaign, again and again, sends nothing twice and loses nothing.

The worker is a real process under `kill -9`, with the real SDK over HTTP; the simulator lives in this process and keeps its own
log of everything it accepted, and the webhooks are served over HTTP on the same database.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from werkzeug.serving import make_server

from models.accounts import Account, SendingNumber
from models.base import Database
from models.campaigns import Campaign, CampaignState, Run
from models.messages import SETTLED, Message, MessageStatus
from models.settings import Setting
from sender import campaigns, webhooks
from sender.simulated_accounts import SimulatedAccount, SimulatedNumber
from sender.simulator import Behaviour, Simulator, create_simulator, serve
from sender.worker import wall_clock
from tests import seeds
from tests.conftest import seed_account

PEOPLE = 1_200
KILLS = 10
LEASE, SETTLE = 6, 1
"""Seconds; short, so that a test need not wait a minute for a dead worker's claims."""


@dataclass(frozen=True)
class House:
    """A database, a simulated Twilio and the webhooks between them."""

    database: Database
    url: str
    simulator: Simulator
    hooks_url: str
    twilio_url: str

    def start(self) -> subprocess.Popen[bytes]:
        """A worker process."""
        token = self.simulator.account.token
        command = [sys.executable, "-m", "tests.worker_process", self.url, self.hooks_url, self.twilio_url, token]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def counts(self) -> Counter[MessageStatus]:
        """Messages by status."""
        with self.database.reading() as session:
            return Counter(session.scalars(select(Message.status)))

    def accepted(self) -> Counter[int]:
        """How often the simulator accepted each of our messages, by our id in the callback's query."""
        return Counter(int(parse_qs(str(entry["callback_query"]))["m"][0]) for entry in self.simulator.log())


@contextmanager
def webhooks_server(database: Database, token: str) -> Iterator[str]:
    """The real webhooks on a free port; the public address is known only once the port is."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = Flask(__name__)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    url = f"http://127.0.0.1:{server.port}"
    app.register_blueprint(
        webhooks.blueprint(database, public_url=url, tokens=lambda _account: [token], clock=wall_clock)
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield url
    server.shutdown()
    thread.join()


@pytest.fixture
def house(database: Database, database_url: str) -> Iterator[House]:
    """An account with short leases, a fast short code, and a running simulator and webhooks."""
    with database.session() as session:
        account = seed_account(session, now=wall_clock())
        session.execute(update(SendingNumber).values(segments_per_second=100))
        for name, seconds in (("lease_seconds", LEASE), ("settle_seconds", SETTLE), ("max_attempts", 50)):
            session.add(Setting(account_id=0, name=name, value=seconds, updated_at=wall_clock()))
        session.commit()
    known = SimulatedAccount(
        name=account.name, numbers=[SimulatedNumber("27242")], sid=account.twilio_sid or "", token="secret"
    )
    simulator = create_simulator(Behaviour.instant(seed=3), accounts=[known])
    with webhooks_server(database, known.token) as hooks_url:
        known.numbers[0].sms_url = f"{hooks_url}/hooks/inbound"
        with serve(simulator) as running:
            yield House(database, database_url, simulator, hooks_url, running.url)


def until_quiet(house: House, *, seconds: float) -> None:
    """Until nothing waits for us any more."""
    deadline = time.monotonic() + seconds
    waiting = {MessageStatus.PENDING, MessageStatus.CLAIMED, MessageStatus.IN_DOUBT}
    while time.monotonic() < deadline:
        if not waiting & set(house.counts()):
            return
        time.sleep(0.3)
    raise AssertionError(f"not settled after {seconds} s: {house.counts()}")


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_killed_ten_times(house: House) -> None:
    """Ten times `kill -9` at random moments: each message accepted at most once, every row settled, the sums hold."""
    with house.database.session() as session:
        account = session.scalars(select(Account)).one()
        run_id = seeds.sending_run(session, account, PEOPLE, now=wall_clock()).id
    moments = random.Random(20261122)
    for _ in range(KILLS):
        worker = house.start()
        time.sleep(moments.uniform(1.2, 2.6))
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    killed_at = house.counts()
    assert killed_at[MessageStatus.PENDING] > 0, "the campaign was over before the last kill; it proves nothing"
    worker = house.start()
    try:
        until_quiet(house, seconds=120)
        house.simulator.settle()
    finally:
        worker.terminate()
        worker.wait()
    accepted = house.accepted()
    assert max(accepted.values()) == 1, "a message was sent twice"
    counts = house.counts()
    assert sum(counts.values()) == PEOPLE
    assert set(counts) <= SETTLED | {MessageStatus.SENT}
    assert len(accepted) == counts[MessageStatus.DELIVERED]
    with house.database.session() as session:
        campaigns.finish_done(session, now=wall_clock())
        session.commit()
        run = session.get_one(Run, run_id)
        done = campaigns.progress(session, run, now=wall_clock())
        assert session.scalar(select(Campaign.state)) is CampaignState.COMPLETED
        assert done.sent + done.excluded + done.skipped + done.failed == done.audience == PEOPLE
        again = session.scalar(select(func.count()).where(Message.attempt > 1))
    sys.stdout.write(
        f"{KILLS} kills, {PEOPLE} messages: accepted {len(accepted)} once, twice 0, claimed again {again}\n"
    )
