"""The worker with the real SDK, a simulated Twilio and our webhooks over HTTP: small campaigns, and everything that may fail."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qs

import pytest
from flask import Flask
from sqlalchemy import select, text, update
from werkzeug.serving import make_server

from models.accounts import Account
from models.base import Database
from models.campaigns import Campaign, CampaignState, Reason, Run
from models.consent import ConsentKind, Purpose
from models.contacts import Contact
from models.jobs import Job as StoredJob
from models.messages import Callback, Direction, Message, MessageStatus
from models.settings import Setting
from models.templates import TemplateVersion
from sender import campaigns, consent, presence, webhooks
from sender.dispatcher import AHEAD, ROUND_TRIP
from sender.gateway import Gateway, Sent
from sender.rounds import Rounds
from sender.simulator import Behaviour, Fault, SimulatedAccount, SimulatedNumber, Simulator, create_simulator, serve
from sender.worker import Worker, wall_clock
from tests import seeds
from tests.conftest import seed_account

C, S = CampaignState, MessageStatus
SECRET = "Meet me at the old mill"
"""What the texts of these tests say; no log may."""


@dataclass
class Stage:
    """An account with short leases, a simulated Twilio that knows it, and the webhooks between them."""

    database: Database
    simulator: Simulator
    hooks_url: str
    twilio_url: str
    token: str = "secret"
    workers: list[Worker] = field(default_factory=list)

    def gateway(self, account: Account) -> Gateway:
        """The real SDK, with the token that the account's row names."""
        token = account.twilio_token or self.token
        return Gateway(account.twilio_sid or "", token, base_url=self.twilio_url, timeout=(1.0, 1.5))

    def worker(self, gateway_for: Callable[[Account], Gateway] | None = None, *, concurrency: int = 8) -> Worker:
        """A worker in a hurry, stopped at the end of the test."""
        made = Worker(self.database, gateway_for or self.gateway, public_url=self.hooks_url, concurrency=concurrency)
        for job in made.jobs:
            job.every = timedelta(seconds=0.1)
        self.workers.append(made)
        return made

    def campaign(self, endings: list[int], *, name: str = "Spring", slug: str = "harbor") -> int:
        """A campaign that is sending, its audience not expanded yet, to numbers with these endings."""
        now = wall_clock()
        with self.database.transaction() as session:
            account = session.scalars(select(Account).where(Account.slug == slug)).one()
            people = [self._contact(account, ending, now) for ending in endings]
            session.add_all(people)
            session.flush()
            made = seeds.campaign(session, account, name=name, people=people, source=SECRET)
            campaigns.send(session, made, now=now)
            return made.id

    def _contact(self, account: Account, ending: int, now: datetime) -> Contact:
        phone = f"+1{account.id + 211}555{ending:04}"
        return Contact(
            account_id=account.id, phone=phone, phone_raw=phone, region="US", line_type="mobile", name="Member",
            time_zones="America/New_York", created_at=now, updated_at=now,
        )  # fmt: skip

    def statuses(self) -> dict[int, MessageStatus]:
        """Status by the ending of the number."""
        with self.database.reading() as session:
            sent = session.scalars(select(Message).where(Message.direction == Direction.OUTBOUND))
            return {int(message.phone[-4:]): message.status for message in sent}

    def job(self, name: str) -> StoredJob:
        """What is written down of a job, if anything is yet."""
        with self.database.reading() as session:
            return session.get(StoredJob, name) or StoredJob(name=name, turns=0, failures=0)

    def state(self, campaign_id: int) -> CampaignState:
        """Where a campaign stands."""
        with self.database.reading() as session:
            return session.get_one(Campaign, campaign_id).state

    def accepted(self) -> Counter[int]:
        """How often Twilio accepted each of our messages, by our id in the callback's query."""
        return Counter(int(parse_qs(str(entry["callback_query"]))["m"][0]) for entry in self.simulator.log())


@contextmanager
def served(database: Database, token: str) -> Iterator[str]:
    """Our webhooks on a free port of this machine."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = Flask("hooks")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    url = f"http://127.0.0.1:{server.port}"
    app.register_blueprint(webhooks.blueprint(database, public_url=url, tokens=lambda _: [token], clock=wall_clock))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def stage(database: Database) -> Iterator[Stage]:
    """Everything running but the worker."""
    with database.session() as session:
        account = seed_account(session, now=wall_clock())
        for name, seconds in (("lease_seconds", 6), ("settle_seconds", 1)):
            session.add(Setting(account_id=0, name=name, value=seconds, updated_at=wall_clock()))
        session.commit()
        sid = account.twilio_sid or ""
    with served(database, "secret") as hooks_url:
        number = SimulatedNumber("27242", sms_url=f"{hooks_url}/hooks/inbound")
        known = SimulatedAccount(numbers=[number], sid=sid, token="secret")
        simulator = create_simulator(Behaviour.instant(seed=3), accounts=[known])
        with serve(simulator) as running:
            stage = Stage(database, simulator, hooks_url, running.url)
            yield stage
            for worker in stage.workers:
                worker.stop()


@contextmanager
def running(worker: Worker) -> Iterator[threading.Thread]:
    """The worker in a thread, stopped at the end."""
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield thread
    finally:
        worker.stop()
        thread.join()


def until(true: Callable[[], bool], *, seconds: float = 20.0) -> None:
    """Wait for something to be true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def told(caplog: pytest.LogCaptureFixture) -> str:
    """Everything that was logged, by anybody, with its arguments and tracebacks."""
    formatter = logging.Formatter("%(name)s %(levelname)s %(message)s")
    return "\n".join(formatter.format(record) for record in caplog.records)


ENDS = {
    100: S.DELIVERED,
    101: S.DELIVERED,
    102: S.SENT,
    103: S.UNDELIVERED,
    107: S.FAILED,
    111: S.FAILED,
    113: S.FAILED,
    145: S.FAILED,
    160: S.DELIVERED,
    164: S.DELIVERED,
    172: S.DELIVERED,
    180: S.DELIVERED,
    181: S.DELIVERED,
    182: S.DELIVERED,
    183: S.DELIVERED,
}


def test_a_small_campaign(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Refusals, failures, lost answers, 429, replies and messy callbacks: each member gets one text and has one fate."""
    with caplog.at_level(logging.INFO):
        made = stage.campaign(list(ENDS))
        stage.worker().drain()
        stage.simulator.settle()
    assert stage.state(made) is C.COMPLETED
    assert stage.statuses() == ENDS
    accepted = stage.accepted()
    assert set(accepted.values()) == {1}
    with stage.database.reading() as session:
        run = session.scalars(select(Run)).one()
        done = campaigns.progress(session, run, now=wall_clock())
        assert (done.audience, done.sent, done.failed, done.waiting) == (15, 11, 4, 0)
        rows = {int(m.phone[-4:]): m for m in session.scalars(select(Message)) if m.direction is Direction.OUTBOUND}
        codes = {ending: rows[ending].error_code for ending in (103, 107, 111, 113, 145)}
        assert codes == {103: 30003, 107: 30007, 111: 21211, 113: 21610, 145: 30450}
        assert {m.id for m in rows.values() if m.sid} == set(accepted)
        assert all(rows[ending].attempt > 1 for ending in (182, 183))
        phones = [rows[ending].phone for ending in (100, 113, 160, 164)]
        blocked = consent.blocked(session, run.account_id, phones, Purpose.ACCOUNT)
        assert {phone: event.kind for phone, event in blocked.items()} == dict.fromkeys(
            phones[1:3], ConsentKind.OPT_OUT
        )
        assert len(session.scalars(select(Message.id).where(Message.direction == Direction.INBOUND)).all()) == 2
        assert session.scalars(select(Callback.id).where(Callback.message_id.is_(None))).all() == []
    assert SECRET not in told(caplog)
    assert "555" not in told(caplog)


def test_stop_returns_what_has_not_left(stage: Stage) -> None:
    """What is on the wire lands and is recorded; what waits goes back unsent; nothing stays claimed."""
    stage.campaign(list(range(146, 156)))
    stage.simulator.fail(Fault("delay", seconds=0.7))
    worker = stage.worker(concurrency=2)
    with running(worker):
        until(lambda: list(stage.statuses().values()).count(S.CLAIMED) == 10)
        until(lambda: len(stage.simulator.log()) > 0 or S.QUEUED in stage.statuses().values())
    counted = Counter(stage.statuses().values())
    assert set(counted) <= {S.PENDING, S.QUEUED, S.SENDING, S.SENT, S.DELIVERED}
    assert counted[S.PENDING] > 0
    assert set(stage.accepted().values()) == {1}
    with stage.database.reading() as session:
        rows = session.scalars(select(Message)).all()
        assert {row.id for row in rows if row.sid} == set(stage.accepted())
        assert {(row.worker, row.lease_until, row.sid) for row in rows if row.status is S.PENDING} == {
            (None, None, None)
        }
        assert session.scalars(select(Run.segments_claimed)).one() == len(stage.accepted())


def test_more_is_held_when_more_comes_back(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second's worth, never less than twice what fits on the wire; and it is recorded in quarters of that.

    An idle wire says nothing of Twilio: only a full one is learned from.
    """
    loop = stage.worker().dispatcher
    loop._landed_at, clock = 0.0, itertools.count(0.1, 0.1)
    monkeypatch.setattr("sender.dispatcher.awake", lambda: next(clock))
    least = 2 * loop.concurrency
    assert loop._held(0) == loop.concurrency / ROUND_TRIP * AHEAD
    grown = [loop._held(least) for _ in range(40)]
    assert grown == sorted(grown)
    assert grown[-1] == pytest.approx(least * 10 * 0.5, abs=1)
    assert loop._flight.enough == grown[-1] // 4
    assert [loop._held(landed) for landed in (0, 1, 0)] == [grown[-1]] * 3
    loop._flight.flying = loop.concurrency
    assert [loop._held(0) for _ in range(40)][-1] == least


def test_what_waits_too_long_goes_back(stage: Stage) -> None:
    """A claim that could not leave within its share of the lease is given back and sent later, once."""
    made = stage.campaign([120, 121])
    stage.simulator.fail(Fault("delay", seconds=1.2))  # a sixth of the lease is one second
    stage.worker(concurrency=1).drain()
    stage.simulator.settle()
    assert stage.state(made) is C.COMPLETED
    assert set(stage.accepted().values()) == {1}
    assert set(stage.statuses().values()) == {S.DELIVERED}
    with stage.database.reading() as session:
        assert max(session.scalars(select(Message.attempt))) > 1


class Loud(Gateway):
    """A gateway whose failure says whom it was to text, and what."""

    async def send_async(self, *, to: str, body: str, **_: object) -> Sent:
        raise RuntimeError(f"could not tell {to}: {body}")


def test_no_log_holds_a_number_or_a_text(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Not even when the gateway, a job and the database break with all of it in the error, and everybody logs everything."""
    stage.campaign([120])

    def broken(_now: datetime) -> None:
        raise RuntimeError(f"{SECRET} +12125550120")

    worker = stage.worker(lambda account: Loud(account.twilio_sid or "", "t", base_url=stage.twilio_url))
    worker.every(0.1, "broken", broken)
    with caplog.at_level(logging.DEBUG), running(worker):
        until(lambda: S.IN_DOUBT in stage.statuses().values())
        until(lambda: "job broken failed: RuntimeError" in told(caplog))
    assert "attempt 1: RuntimeError" in told(caplog)
    assert SECRET not in told(caplog)
    assert "555" not in told(caplog)
    assert stage.simulator.log() == []


def test_a_failing_job_stops_nothing(stage: Stage) -> None:
    """It is tried again at its next turn, says what went wrong, and the campaign goes out meanwhile."""
    turns: list[datetime] = []

    def broken(now: datetime) -> None:
        turns.append(now)
        if len(turns) < 3:
            raise ValueError("not yet")

    made = stage.campaign([120, 121])
    worker = stage.worker()
    worker.every(0.1, "broken", broken)
    with running(worker):
        until(lambda: stage.job("broken").failures == 1)
        assert stage.job("broken").last_error == "ValueError"
        until(lambda: len(turns) > 3)
        until(lambda: stage.state(made) is C.COMPLETED)
    job = stage.job("broken")
    assert (job.failures, job.last_error, job.worker, job.turns) == (0, "ValueError", None, len(turns))
    assert all(later - earlier >= timedelta(seconds=0.1) for earlier, later in itertools.pairwise(turns))


def test_workers_share_the_jobs(stage: Stage) -> None:
    """Three workers: no job runs in two of them at once, each comes round once a period, and a clean stop is written down."""
    at_it: list[str] = []
    most: list[int] = []

    def one_at_a_time(name: str) -> Callable[[datetime], str]:
        def action(_now: datetime) -> str:
            at_it.append(name)
            most.append(at_it.count(name))
            time.sleep(0.05)
            at_it.remove(name)
            return "one more"

        return action

    workers = [stage.worker() for _ in range(3)]
    for number, worker in enumerate(workers):
        worker.name = f"here:{number}"
        worker.every(0.4, "slow", one_at_a_time("slow"))
        worker.every(0.1, "quick", one_at_a_time("quick"))
    began = time.monotonic()
    with running(workers[0]), running(workers[1]), running(workers[2]):
        until(lambda: stage.job("slow").turns >= 5)
        took = time.monotonic() - began
    assert max(most) == 1
    assert took >= 4 * 0.4
    assert stage.job("quick").result == "one more"
    with stage.database.reading() as session:
        found = {process.name: process for process in presence.workers(session)}
    assert set(found) == {"here:0", "here:1", "here:2"}
    assert all(process.stopped_at and process.all_senders for process in found.values())


def test_a_large_audience_holds_no_small_one_up(stage: Stage) -> None:
    """Chunks of two runs take turns, so a run of a few people is not behind one of many; and the first is still complete."""
    large, small = stage.campaign(list(range(200, 300)), name="Large"), stage.campaign([120], name="Small")
    order: list[int] = []

    class Noted(Rounds):
        def expand(self, run_id: int) -> int | None:
            order.append(run_id)
            return super().expand(run_id)

    rounds = Noted(stage.database, stage.gateway, wall_clock, threading.Event(), chunk=10)
    assert rounds.audiences(wall_clock()).strip() == "101 rows"
    with stage.database.reading() as session:
        first, second = (
            session.scalars(select(Run.id).where(Run.campaign_id == campaign)).one() for campaign in (large, small)
        )
    assert order[:4] == [first, second, first, second]
    assert len(stage.statuses()) == 101


def test_a_slow_job_holds_nothing_up(stage: Stage) -> None:
    """While one job hangs the campaign goes out and completes; the job is never started twice at once."""
    inside: list[int] = []
    over = threading.Event()

    def slow(_now: datetime) -> None:
        inside.append(1)
        over.wait(20)

    made = stage.campaign([120, 121])
    worker = stage.worker()
    worker.every(0.01, "slow", slow)
    with running(worker):
        until(lambda: stage.state(made) is C.COMPLETED and bool(inside))
        assert len(inside) == 1
        over.set()
        until(lambda: len(inside) > 1)


def test_an_account_without_credentials(stage: Stage) -> None:
    """Its campaign pauses with nothing lost; other accounts send; with credentials it resumes and is sent."""
    with stage.database.session() as session:
        other = seed_account(session, slug="other", now=wall_clock())
        other.twilio_sid = None
        session.commit()

    def gateway_for(account: Account) -> Gateway:
        if account.twilio_sid is None:
            raise RuntimeError("not linked")
        return stage.gateway(account)

    unlinked, linked = stage.campaign([120, 121], slug="other"), stage.campaign([120, 121])
    worker = stage.worker(gateway_for)
    with running(worker):
        until(lambda: {stage.state(unlinked), stage.state(linked)} == {C.PAUSED, C.COMPLETED})
        assert stage.state(unlinked) is C.PAUSED
        until(lambda: not {S.CLAIMED, S.IN_DOUBT} & set(stage.statuses().values()))
        assert len(stage.simulator.log()) == 2
        with stage.database.session() as session:
            sid = "AC" + "9" * 32
            session.execute(update(Account).where(Account.slug == "other").values(twilio_sid=sid))
            session.commit()
            stage.simulator.store.accounts[sid] = SimulatedAccount(
                name="Other", numbers=[SimulatedNumber("27242")], sid=sid, token="secret"
            )
            campaigns.resume(session, session.get_one(Campaign, unlinked), now=wall_clock())
            session.commit()
        until(lambda: stage.state(unlinked) is C.COMPLETED)
    assert len(stage.simulator.log()) == 4


def test_a_new_token_is_used_at_once(stage: Stage) -> None:
    """Credentials that Twilio refuses pause the campaign; corrected ones are used without a restart."""
    with stage.database.transaction() as session:
        session.execute(update(Account).values(twilio_token="wrong"))
    made = stage.campaign([120, 121])
    with running(stage.worker()):
        until(lambda: stage.state(made) is C.PAUSED)
        with stage.database.transaction() as session:
            session.execute(update(Account).values(twilio_token="secret"))
        until(lambda: S.CLAIMED not in stage.statuses().values())
        with stage.database.transaction() as session:
            campaigns.resume(session, session.get_one(Campaign, made), now=wall_clock())
        until(lambda: stage.state(made) is C.COMPLETED)
    stage.simulator.settle()
    assert set(stage.statuses().values()) == {S.DELIVERED}


def test_a_campaign_that_cannot_be_expanded(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """A template that broke after the start stops its own campaign and no other."""
    broken = stage.campaign([120], name="Broken")
    with stage.database.transaction() as session:
        version = session.get_one(Campaign, broken).template_version_id
        session.execute(update(TemplateVersion).where(TemplateVersion.id == version).values(source=SECRET + " {{"))
    fine = stage.campaign([121], name="Fine")
    with running(stage.worker()):
        until(lambda: stage.state(fine) is C.COMPLETED)
    assert stage.state(broken) is C.SENDING
    assert "not expanded" in told(caplog)
    assert SECRET not in told(caplog)


def test_a_scheduled_campaign_starts_by_itself(stage: Stage) -> None:
    """Within a second or two of its time; a draining worker does not wait for one that is not due."""
    made = stage.campaign([120])
    with stage.database.transaction() as session:
        soon = wall_clock() + timedelta(days=1)
        session.execute(update(Campaign).values(state=C.SCHEDULED, starts_at=soon, next_at=soon))
        session.query(Run).delete()
    stage.worker().drain()
    assert stage.state(made) is C.SCHEDULED
    with running(stage.worker()):
        time.sleep(0.2)
        with stage.database.transaction() as session:
            soon = wall_clock() + timedelta(seconds=0.5)
            session.execute(update(Campaign).values(starts_at=soon, next_at=soon))
        until(lambda: stage.state(made) is C.COMPLETED)


def test_two_workers_and_a_cancel(stage: Stage) -> None:
    """Two workers share a campaign that somebody cancels: nobody is texted twice, and every row is accounted for."""
    made = stage.campaign(list(range(200, 600)))
    with running(stage.worker()), running(stage.worker()):
        until(lambda: S.DELIVERED in stage.statuses().values())
        with stage.database.transaction() as session:
            campaigns.cancel(session, session.get_one(Campaign, made), now=wall_clock())
        until(lambda: not {S.PENDING, S.CLAIMED, S.IN_DOUBT} & set(stage.statuses().values()))
    stage.simulator.settle()
    counted = Counter(stage.statuses().values())
    assert set(counted) == {S.DELIVERED, S.SKIPPED}
    assert set(stage.accepted().values()) == {1}
    assert len(stage.accepted()) == counted[S.DELIVERED] < 400
    with stage.database.reading() as session:
        found = campaigns.progress(session, session.scalars(select(Run)).one(), now=wall_clock())
        assert found.by_reason == {Reason.CANCELLED: counted[S.SKIPPED]}
        assert found.sent + found.skipped == found.audience == 400


@pytest.mark.parametrize("database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_a_database_that_goes_away(stage: Stage) -> None:
    """Every connection is cut again and again while a campaign is sent: the worker goes on, and nobody is texted twice."""
    made = stage.campaign(list(range(200, 260)))
    cut = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with running(stage.worker()):
        for _ in range(4):
            time.sleep(0.15)
            with stage.database.engine.connect() as connection:
                connection.execute(cut)
        until(lambda: stage.state(made) is C.COMPLETED, seconds=30)
    assert set(stage.accepted().values()) == {1}
    assert len(stage.accepted()) == 60
