"""A backup is restored in the middle of a campaign: nobody is texted twice, and each text is accounted for."""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.engine import make_url

from models.accounts import Account
from models.base import Database, connect
from models.campaigns import Campaign, CampaignState, Reason, Run
from models.contacts import Contact
from models.messages import Message, MessageStatus
from sender import campaigns, doubts
from sender.audience import expand
from sender.dispatcher import Dispatcher, wall_clock
from sender.gateway import Gateway, InDoubt
from sender.restored import Settled, Watch, hold_all, settle
from sender.simulator import Behaviour, SimulatedAccount, SimulatedNumber, Simulator, create_simulator, serve
from sender.watermark import Watermark
from tests import seeds
from tests.conftest import seed_account

C, S = CampaignState, MessageStatus
PEOPLE = 60


@dataclass
class Stage:
    """A host with its watermark, a simulated Twilio, and databases that come and go."""

    database: Database
    simulator: Simulator
    twilio_url: str
    folder: Path
    opened: list[Database] = field(default_factory=list)

    def gateway(self, account: Account) -> Gateway:
        """The real SDK."""
        return Gateway(account.twilio_sid or "", "secret", base_url=self.twilio_url, timeout=(5.0, 15.0))

    def send(self, *, until: Callable[[], bool], seconds: float = 20) -> None:
        """A worker process, from its start to its end."""
        mark = Watermark(self.folder)
        watch = Watch(self.database, mark, every=0.5)
        worker = Dispatcher(
            self.database, self.gateway, "http://127.0.0.1:9", concurrency=4, looking=watch.before, leaving=watch.after
        )
        deadline = time.monotonic() + seconds
        worker.run(until=lambda: until() or time.monotonic() > deadline)
        mark.close()

    def accepted(self) -> Counter[str]:
        """How many texts Twilio took for each number."""
        return Counter(str(entry["to"]) for entry in self.simulator.log())

    def restore(self, backup: str) -> None:
        """The database of another time in the place of this one."""
        self.database.engine.dispose()
        self.database = connect(backup)
        self.opened.append(self.database)

    def settle(self, *, now: datetime | None = None, since: datetime | None = None) -> Settled:
        """Compare with Twilio."""
        with self.database.reading() as session:
            account = session.scalars(select(Account)).one()
        return settle(self.database, account.id, self.gateway(account), since=since, now=now or wall_clock())

    def idle(self) -> bool:
        """Whether nothing waits to leave."""
        found = self.statuses()
        return not found[S.PENDING] and not found[S.CLAIMED]

    def statuses(self) -> Counter[MessageStatus]:
        """Rows by status."""
        with self.database.reading() as session:
            return Counter(session.scalars(select(Message.status).where(Message.run_id.is_not(None))))


def copy_of(database: Database, tmp_path: Path) -> str:
    """A backup, as its database makes it; the URL of the copy."""
    database.engine.dispose()
    if database.dialect == "sqlite":
        target = tmp_path / f"{uuid.uuid4().hex}.db"
        with sqlite3.connect(str(database.engine.url.database)) as source, sqlite3.connect(target) as copied:
            source.backup(copied)
        source.close()
        copied.close()
        return f"sqlite:///{target}"
    name = f"backup_{uuid.uuid4().hex}"
    server = database.engine.url.set(database="postgres")
    admin = connect(server.render_as_string(hide_password=False)).engine
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {database.engine.url.database}"))
    admin.dispose()
    return (
        make_url(str(server.render_as_string(hide_password=False)))
        .set(database=name)
        .render_as_string(hide_password=False)
    )


@pytest.fixture
def stage(database: Database, tmp_path: Path) -> Iterator[Stage]:
    """Everything but the worker."""
    with database.session() as session:
        sid = seed_account(session, now=wall_clock()).twilio_sid or ""
    known = SimulatedAccount(numbers=[SimulatedNumber("27242")], sid=sid, token="secret")
    simulator = create_simulator(Behaviour.instant(seed=3), accounts=[known])
    with serve(simulator) as running:
        stage = Stage(database, simulator, running.url, tmp_path / "marks")
        yield stage
        for opened in stage.opened:
            opened.engine.dispose()


def started(stage: Stage, *, expanded: bool = True, name: str = "Spring") -> int:
    """A campaign that is sending; its id."""
    now = wall_clock()
    with stage.database.transaction() as session:
        account = session.scalars(select(Account)).one()
        people = list(session.scalars(select(Contact))) or seeds.contacts(session, account, PEOPLE)
        made = seeds.campaign(session, account, name=name, people=people)
        run = campaigns.send(session, made, now=now)
        while expanded and expand(session, run, now=now, chunk=25):
            pass
        return made.id


def test_nothing_is_sent_twice(stage: Stage, tmp_path: Path) -> None:
    """Backed up after a third, restored after two thirds: it stops by itself, is settled, and finishes with one text each."""
    campaign_id = started(stage)
    stage.send(until=lambda: len(stage.simulator.log()) >= 20)
    backup = copy_of(stage.database, tmp_path)
    before = len(stage.simulator.log())
    stage.send(until=lambda: len(stage.simulator.log()) >= before + 20)
    lost = len(stage.simulator.log()) - before
    with stage.database.reading() as session:
        last = session.scalars(
            select(Message).where(Message.status == S.PENDING).order_by(Message.id.desc()).limit(1)
        ).one()
    stage.simulator.text(last.phone, "27242", "STOP")
    stage.restore(backup)
    stage.send(until=lambda: False, seconds=2)
    assert len(stage.simulator.log()) == before + lost  # not one more
    with stage.database.reading() as session:
        assert session.scalars(select(Account)).one().held_why.startswith("The database is older than what was sent")
    found = stage.settle(since=wall_clock() - timedelta(minutes=10))
    assert found == Settled(sent=lost, unsent=PEOPLE - before - lost, parked=0, replies=1, held=0, strangers=0)
    assert stage.settle() == Settled(sent=0, unsent=PEOPLE - before - lost)
    stage.send(until=stage.idle)
    assert set(stage.accepted().values()) == {1}
    assert len(stage.simulator.log()) == PEOPLE - 1
    with stage.database.session() as session:
        stopped = session.scalars(select(Message).where(Message.phone == last.phone, Message.run_id.is_not(None))).one()
        assert (stopped.status, stopped.reason) == (S.SKIPPED, Reason.OPTED_OUT)
        (run,) = campaigns.finish_done(session, now=wall_clock())
        done = campaigns.progress(session, run, now=wall_clock())
        assert (run.campaign_id, done.sent, done.skipped, done.waiting) == (campaign_id, PEOPLE - 1, 1, 0)


def test_a_backup_from_before_the_list_was_expanded(stage: Stage, tmp_path: Path) -> None:
    """Rows that the backup had not made yet were sent all the same: they are made first, and then recognised."""
    started(stage, expanded=False)
    with stage.database.transaction() as session:
        expand(session, session.scalars(select(Run)).one(), now=wall_clock(), chunk=10)
    backup = copy_of(stage.database, tmp_path)
    with stage.database.transaction() as session:
        while expand(session, session.scalars(select(Run)).one(), now=wall_clock()):
            pass
    stage.send(until=lambda: len(stage.simulator.log()) >= PEOPLE)
    stage.restore(backup)
    stage.send(until=lambda: False, seconds=1)
    assert stage.settle() == Settled(sent=PEOPLE)
    stage.send(until=stage.idle, seconds=3)
    assert len(stage.simulator.log()) == PEOPLE


def test_a_start_that_the_backup_does_not_know(stage: Stage, tmp_path: Path) -> None:
    """Scheduled in the backup, sent in truth: it is held for a person, with how many got a text; nothing starts by itself."""
    later = wall_clock() + timedelta(minutes=2)
    with stage.database.transaction() as session:
        account = session.scalars(select(Account)).one()
        made = seeds.campaign(session, account, people=seeds.contacts(session, account, 8))
        starts_at = wall_clock() + timedelta(minutes=1)
        campaigns.schedule(session, made, starts_at=starts_at, now=wall_clock(), recurrence="FREQ=YEARLY")
        key = made.id
    backup = copy_of(stage.database, tmp_path)
    with stage.database.transaction() as session:
        (run,) = campaigns.start_due(session, now=later)
        while expand(session, run, now=wall_clock()):
            pass
    stage.send(until=lambda: len(stage.simulator.log()) >= 8)
    stage.restore(backup)
    stage.send(until=lambda: False, seconds=1)
    with stage.database.transaction() as session:
        assert campaigns.start_due(session, now=later) == []
    assert stage.settle(now=later) == Settled(held=1, strangers=8)
    with stage.database.session() as session:
        held = session.get_one(Campaign, key)
        assert held.state is C.HELD
        assert "8 of its list got a text since" in held.why
        campaigns.skip_held(session, held, now=later)
        assert held.state is C.SCHEDULED


def test_what_cannot_be_told_waits_for_a_person(stage: Stage, tmp_path: Path) -> None:
    """Somebody got another text since: whether it was this one, reworded, nobody knows, and it is not sent."""
    started(stage)
    backup = copy_of(stage.database, tmp_path)
    with stage.database.transaction() as session:
        session.execute(update(Message).values(body=Message.body + "!"))
    stage.send(until=lambda: len(stage.simulator.log()) >= 10)
    sent = len(stage.simulator.log())
    stage.restore(backup)
    with stage.database.transaction() as session:
        hold_all(session, "A person says that a backup was restored.")
    assert stage.settle() == Settled(unsent=PEOPLE - sent, parked=sent, strangers=sent)
    stage.send(until=stage.idle)
    assert set(stage.accepted().values()) == {1}
    assert stage.statuses()[S.UNKNOWN] == sent
    with stage.database.session() as session:
        parked = session.scalars(select(Message).where(Message.status == S.UNKNOWN).limit(2)).all()
        doubts.decide(session, parked[0].id, doubts.Verdict.WAS_SENT, now=wall_clock())
        doubts.decide(session, parked[1].id, doubts.Verdict.LOOK_UP, now=wall_clock())
        session.execute(
            update(Message).where(Message.id == parked[1].id).values(intent_at=wall_clock() - timedelta(days=9))
        )
        session.commit()
    for turn in range(3):
        doubts.resolve(
            stage.database.session, stage.gateway, clock=lambda turn=turn: wall_clock() + timedelta(hours=turn)
        )
    assert stage.statuses()[S.UNKNOWN] == sent - 1  # two look-ups found nothing, and still it is not sent by itself


def test_twilio_cannot_be_asked(stage: Stage) -> None:
    """Then nothing is let go, and the command may be run again."""
    started(stage)
    with stage.database.transaction() as session:
        hold_all(session, "A person says that a backup was restored.")
    stage.twilio_url, url = "http://127.0.0.1:9", stage.twilio_url
    with pytest.raises(Exception) as problem:
        stage.settle()
    assert isinstance(problem.value, InDoubt) or type(problem.value).__name__ in {"Throttled", "Unsent"}
    with stage.database.reading() as session:
        assert session.scalars(select(Account)).one().held_why
    stage.twilio_url = url
    assert stage.settle() == Settled(unsent=PEOPLE)
    with stage.database.reading() as session:
        assert session.scalar(select(func.count()).where(Run.launch_epoch == 2)) == 1
        assert not session.scalars(select(Account)).one().held_why


def test_a_worker_that_starts_again_stops_nothing(stage: Stage) -> None:
    """Killed and started again on the database that it left: no false alarm."""
    started(stage)
    for count in (10, 25, PEOPLE):
        stage.send(until=lambda count=count: len(stage.simulator.log()) >= count)  # type: ignore[misc]
    with stage.database.reading() as session:
        account = session.scalars(select(Account)).one()
        assert (account.held_why, account.launch_epoch) == ("", 1)
    assert set(stage.accepted().values()) == {1}
