"""Are tokens rotated in the middle of a campaign without a text lost, sent twice or held up?"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import pytest
from sqlalchemy import func, select, update
from werkzeug.serving import make_server

from admin import credentials, gateways
from admin.app import create_app
from admin.config import Config
from admin.jobs import build_worker
from models.accounts import Account, SendingNumber
from models.base import Database
from models.campaigns import Campaign, CampaignState
from models.messages import Message, MessageStatus
from models.settings import Setting
from sender import campaigns
from sender.simulator import Behaviour, SimulatedAccount, SimulatedNumber, Simulator, create_simulator, serve
from sender.worker import wall_clock
from tests import seeds
from tests.conftest import seed_account
from tests.desk import config_for, put_away
from tests.test_admin_logs import free_port

C = CampaignState
TEXTS, ROTATIONS = 1500, 5
SID = "AC" + "a1" * 16


@dataclass
class Office:
    """An account that sends, the console that takes Twilio's callbacks, and a Twilio that knows its tokens."""

    config: Config
    database: Database
    simulator: Simulator
    states: set[CampaignState] = field(default_factory=set)
    """Every state that the campaign was seen in."""

    def campaign(self, texts: int) -> None:
        """A campaign of so many texts is sending."""
        with self.database.session() as session:
            seeds.sending_run(session, session.scalars(select(Account)).one(), texts, now=wall_clock())

    def rotate(self, token: str) -> None:
        """As the command does it; then Twilio promotes the new token and revokes the old one, at once."""
        twilio = self.simulator.account
        twilio.secondary = token
        sid = twilio.sid
        credentials.proved(self.config, sid, token)
        with self.database.transaction() as session:
            account = session.scalars(select(Account)).one()
            credentials.link(session, self.config, account, sid, token, actor="ada", now=wall_clock())
        twilio.promote()

    @contextmanager
    def working(self) -> Iterator[None]:
        """A worker with all its jobs."""
        worker = build_worker(self.config, self.database)
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            yield
        finally:
            worker.stop()
            thread.join()

    def until(self, true: Callable[[], bool], *, seconds: float = 90.0) -> None:
        """Wait, and look at the campaign meanwhile."""
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, (self.states, self.statuses(), self.simulator.state())
            self.state()
            time.sleep(0.02)

    def state(self) -> CampaignState:
        """Where the campaign stands now."""
        with self.database.reading() as session:
            found = session.scalars(select(Campaign.state)).one()
        self.states.add(found)
        return found

    def statuses(self) -> Counter[str]:
        """How many texts are in each status."""
        with self.database.reading() as session:
            counted = select(Message.status, func.count()).group_by(Message.status)
            return Counter({status.value: count for status, count in session.execute(counted)})

    def accepted(self) -> Counter[int]:
        """How often Twilio took each of our texts."""
        return Counter(int(parse_qs(str(line["callback_query"]))["m"][0]) for line in self.simulator.log())


@pytest.fixture
def office(database: Database, database_url: str) -> Iterator[Office]:
    """An account that may send 500 segments a second; the worker is not running yet."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    known = SimulatedAccount(numbers=[SimulatedNumber("27242")], sid=SID, token="token 0")
    simulator = create_simulator(Behaviour.instant(seed=3), accounts=[known])
    with serve(simulator) as twilio:
        config = config_for(database_url, twilio_url=twilio.url, public_url=url)
        with database.session() as session:
            account = seed_account(session, now=wall_clock())
            account.twilio_sid, account.twilio_token = SID, gateways.seal(config.secret_keys, "token 0")
            session.execute(update(SendingNumber).values(segments_per_second=500))
            for name, seconds in (("lease_seconds", 6), ("settle_seconds", 1)):
                session.add(Setting(account_id=0, name=name, value=seconds, updated_at=wall_clock()))
            session.commit()
        app = create_app(config)
        server = make_server("127.0.0.1", port, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield Office(config, database, simulator)
        twilio.stop()  # first: a callback after the app is put away would open a connection that nobody closes
        server.shutdown()
        thread.join()
        server.server_close()
        put_away(app)


@pytest.mark.slow
def test_tokens_rotate_while_a_campaign_is_sending(office: Office) -> None:
    """Five rotations during 1,500 texts, each old token revoked the moment the new one is kept: every text is taken once, none is
    lost, the campaign is never paused, and every callback is believed.
    """
    office.campaign(TEXTS)
    with office.working():
        for number in range(1, ROTATIONS + 1):
            office.until(lambda number=number: len(office.simulator.log()) > number * TEXTS // (ROTATIONS + 2))  # type: ignore[misc]
            office.rotate(f"token {number}")
        office.until(lambda: office.state() is C.COMPLETED)
        office.simulator.settle(60)
        office.until(lambda: office.statuses() == Counter(delivered=TEXTS))
    assert office.states <= {C.SENDING, C.COMPLETED}
    taken = office.accepted()
    assert (len(taken), set(taken.values())) == (TEXTS, {1})
    posted = office.simulator.state()["callbacks"]
    assert isinstance(posted, dict)
    assert (posted["refused"], posted["unanswered"]) == (0, 0)
    with office.database.reading() as session:
        refused = session.scalar(select(func.sum(Message.attempt - 1))) or 0
        tokens = gateways.tokens(office.config, session.scalars(select(Account)).one())
    assert tokens == [f"token {ROTATIONS}", f"token {ROTATIONS - 1}"]
    assert refused > 0, "no text met a revoked token, so nothing was shown"
    print(f"{TEXTS} texts, {ROTATIONS} rotations, {refused} refused under an old token and sent under the new one")  # noqa: T201


def test_a_campaign_stops_when_the_new_token_is_refused_as_well(office: Office) -> None:
    """Twilio revokes what we have and knows nothing of ours: it pauses, every text is still there, and a good token goes on."""
    office.campaign(200)
    office.simulator.account.token = "somebody else's"
    with office.working():
        office.until(lambda: office.state() is C.PAUSED)
        office.until(lambda: office.statuses() == Counter(pending=200))
        assert not office.simulator.log()
        office.rotate("token 1")
        with office.database.transaction() as session:
            campaigns.resume(session, session.scalars(select(Campaign)).one(), now=wall_clock())
        office.until(lambda: office.state() is C.COMPLETED)
    assert set(office.accepted().values()) == {1}
    assert office.statuses()[MessageStatus.PENDING.value] == 0
