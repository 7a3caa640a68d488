"""Does an account in test mode stay away from the live Twilio, whatever is asked of it, and does every page say so?"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select, update

from admin import gateways
from admin.config import Config
from admin.jobs import build_worker
from models.accounts import Account, SendingNumber
from models.base import Database
from models.messages import Message, MessageStatus
from sender.destinations import TEST_ONLY
from sender.gateway import Gateway, GatewayError, InDoubt, Rejected, Throttled
from sender.simulated_magic import ACCEPTED_FROM, REFUSED_FROM, REFUSED_TO
from sender.simulator import Behaviour, SimulatedAccount, SimulatedNumber, create_simulator, serve
from sender.worker import wall_clock
from tests import seeds
from tests.conftest import NOW, seed_account
from tests.desk import config_for, open_desk

SID, TOKEN, TEST_SID, TEST_TOKEN = "AC" + "a1" * 16, "live token", "AC" + "b2" * 16, "test token"
PLAIN = "+12125550199"
BANNER = "Test mode: nothing reaches a phone, and nothing is billed."
PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


@dataclass
class Watch:
    """Stands between us and the whole world: notes who is asked for, and lets nobody through."""

    asked: list[str] = field(default_factory=list)

    def serve(self, listener: socket.socket) -> None:
        """Note the first line of each connection, and close it."""
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            with line, suppress(OSError):
                line.settimeout(5)
                self.asked.append(line.recv(200).split(b"\r\n")[0].decode("latin-1"))


@pytest.fixture
def world() -> Iterator[Watch]:
    """A proxy that every connection to Twilio of this process would go through, because the environment names it."""
    before = {name: os.environ.get(name) for name in PROXIES}
    watch = Watch()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        thread = threading.Thread(target=watch.serve, args=(listener,), daemon=True)
        thread.start()
        os.environ.update(dict.fromkeys(PROXIES, f"http://127.0.0.1:{listener.getsockname()[1]}"))
        yield watch
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({name: value} if value is not None else {})
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def everything(gateway: Gateway) -> dict[str, Callable[[], object]]:
    """All that can be asked of Twilio."""
    since, until = NOW - timedelta(hours=1), NOW
    return {
        "account": gateway.account,
        "fetch": lambda: gateway.fetch("SM" + "0" * 32),
        "find": lambda: gateway.find(to=PLAIN, since=since, until=until),
        "sent_between": lambda: gateway.sent_between(since, until),
        "cancel": lambda: gateway.cancel("SM" + "0" * 32),
        "redact": lambda: gateway.redact("SM" + "0" * 32),
        "delete": lambda: gateway.delete("SM" + "0" * 32),
        "senders": gateway.senders,
        "messaging_services": gateway.messaging_services,
        "verifications": gateway.verifications,
        "usage": lambda: gateway.usage(NOW.date(), NOW.date()),
        "prices": lambda: gateway.prices("US"),
    }


def answered(ask: Callable[[], object]) -> bool:
    """Whether Twilio gave a plain answer, and not that it knows no such thing."""
    try:
        ask()
    except Rejected:
        return False
    return True


def send(gateway: Gateway, to: str = PLAIN, from_: str = ACCEPTED_FROM) -> object:
    """One text."""
    return gateway.send(to=to, body="Hello", from_=from_)


def test_a_live_account_is_seen_by_the_watch(world: Watch) -> None:
    """The trap works: each request of a live account is noted, so that silence means something."""
    gateway = Gateway(SID, TOKEN, timeout=(2.0, 2.0))
    asks: list[Callable[[], object]] = [*everything(gateway).values(), partial(send, gateway)]
    for ask in asks:
        noted = len(world.asked)
        with pytest.raises((Throttled, InDoubt)):
            ask()
        assert len(world.asked) > noted
    assert all(".twilio.com:443" in line for line in world.asked)


def test_test_credentials_post_texts_and_nothing_else(world: Watch) -> None:
    """Without a simulator one thing is left, a text under the test SID; of all else not a single connection is opened."""
    config = config_for("sqlite://")
    account = Account(
        slug="harbor", name="Harbor", test_mode=True, created_at=NOW, twilio_sid=SID, twilio_test_sid=TEST_SID,
        twilio_token=gateways.seal(config.secret_keys, TOKEN),
        twilio_test_token=gateways.seal(config.secret_keys, TEST_TOKEN),
    )  # fmt: skip
    gateway = gateways.gateway_for(config, account)
    for ask in everything(gateway).values():
        with pytest.raises(Rejected) as caught:
            ask()
        assert caught.value.code == TEST_ONLY
    assert world.asked == []
    with pytest.raises((Throttled, InDoubt)):
        send(gateway)
    assert {line.split()[1] for line in world.asked} == {"api.twilio.com:443"}
    assert (gateway._user, gateway._secret) == (TEST_SID, TEST_TOKEN)


@contextmanager
def rehearsed(database: Database, config: Config) -> Iterator[None]:
    """The worker of an account in test mode, with all its jobs."""
    worker = build_worker(config, database)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join()


def wait(true: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Until it is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_test_account_stays_with_the_simulator(database: Database, database_url: str, world: Watch) -> None:
    """A worker sends a campaign, looks up a text in doubt, pulls prices and usage; a person asks for everything else: all of it
    reaches the simulator, and nothing the world."""
    numbers = [SimulatedNumber("27242")]
    with serve(
        create_simulator(Behaviour.instant(), accounts=[SimulatedAccount("Harbor", numbers, sid=SID, token=TOKEN)])
    ) as twilio:
        config = config_for(database_url, twilio_url=twilio.url)
        with database.session() as session:
            account = seed_account(session, now=wall_clock())
            account.twilio_sid, account.twilio_token = SID, gateways.seal(config.secret_keys, TOKEN)
            account.test_mode = True
            run = seeds.sending_run(session, account, 12, now=wall_clock())
            doubtful = session.scalars(select(Message).where(Message.run_id == run.id)).first()
            assert doubtful is not None
            doubtful.status, doubtful.attempt = MessageStatus.IN_DOUBT, 1
            doubtful.intent_at = doubtful.lease_until = wall_clock() - timedelta(minutes=5)
            session.commit()

        def sent() -> bool:
            with database.reading() as reading:
                open_ = Message.status.in_([MessageStatus.PENDING, MessageStatus.CLAIMED])
                looked_up = select(Message.absences).where(Message.id == doubtful.id)
                return reading.scalar(select(Message.id).where(open_)) is None and bool(reading.scalar(looked_up))

        with rehearsed(database, config):
            wait(sent)
        gateway = gateways.gateway_for(config, account)
        refused = {name for name, ask in everything(gateway).items() if not answered(ask)}
        assert refused == {"fetch", "cancel", "redact", "delete"}, "only those that name a text which nobody has"
    assert world.asked == []


@pytest.mark.parametrize(
    ("from_", "to", "code"),
    [
        *((from_, PLAIN, code) for from_, code in REFUSED_FROM.items()),
        *((ACCEPTED_FROM, to, code) for to, code in REFUSED_TO.items()),
        ("+12125550123", PLAIN, 21606),
    ],
)
def test_magic_numbers_give_their_errors(from_: str, to: str, code: int) -> None:
    """Each number of Twilio's list meets its error through the same gateway that live texts take; any other is accepted."""
    known = SimulatedAccount("Harbor", sid=SID, token=TOKEN, test_sid=TEST_SID, test_token=TEST_TOKEN)
    simulator = create_simulator(Behaviour.instant(), accounts=[known])
    with serve(simulator) as twilio:
        gateway = Gateway(TEST_SID, TEST_TOKEN, base_url=twilio.url, test_mode=True)
        with pytest.raises(GatewayError) as caught:
            send(gateway, to, from_)
        assert isinstance(caught.value, Rejected | Throttled)
        assert caught.value.code == code
        assert send(gateway)
    assert simulator.log() == []


def test_magic_numbers_end_as_rows(database: Database, database_url: str) -> None:
    """A campaign under test credentials: each refusal is on its row with its code, the others are queued, and nothing is stored."""
    known = SimulatedAccount("Harbor", sid=SID, token=TOKEN, test_sid=TEST_SID, test_token=TEST_TOKEN)
    simulator = create_simulator(Behaviour.instant(), accounts=[known])
    with serve(simulator) as twilio:
        config = config_for(database_url, twilio_url=twilio.url)
        with database.session() as session:
            account = seed_account(session, now=wall_clock())
            account.twilio_sid, account.test_mode = TEST_SID, True
            account.twilio_token = gateways.seal(config.secret_keys, TEST_TOKEN)
            session.execute(update(SendingNumber).where(SendingNumber.is_default).values(address=ACCEPTED_FROM))
            run = seeds.sending_run(session, account, len(REFUSED_TO) + 1, now=wall_clock())
            rows = session.scalars(select(Message).where(Message.run_id == run.id)).all()
            for row, to in zip(rows, REFUSED_TO, strict=False):
                row.phone = to
            session.commit()

        def settled() -> bool:
            with database.reading() as reading:
                waiting = Message.status.in_([MessageStatus.PENDING, MessageStatus.CLAIMED])
                return reading.scalar(select(Message.id).where(waiting)) is None

        with rehearsed(database, config):
            wait(settled)
    with database.reading() as session:
        found = {m.phone: (m.status.value, m.error_code) for m in session.scalars(select(Message))}
    assert {to: found.pop(to) for to in REFUSED_TO} == {to: ("failed", code) for to, code in REFUSED_TO.items()}
    assert list(found.values()) == [("queued", None)]
    assert simulator.log() == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_page_says_so(database: Database, database_url: str) -> None:
    """In test mode each page of the console has the banner, and no page of a live account has it."""
    with open_desk(database, database_url) as desk:
        with database.transaction() as session:
            session.execute(update(Account).where(Account.id == desk.pier.id).values(test_mode=True))
        visitor = desk.visitor(owner=True)
        rules = [rule for rule in desk.app.url_map.iter_rules() if "GET" in (rule.methods or ()) and not rule.arguments]
        for account, shown in ((desk.harbor, False), (desk.pier, True)):
            visitor.send("/account", {"account_id": account.id})
            pages = {rule.rule: visitor.read(rule.rule) for rule in rules if not rule.rule.startswith("/auth/")}
            framed = {path: answer.text for path, answer in pages.items() if 'id="side"' in answer.text}
            assert len(framed) >= 9, sorted(framed)
            wrong = [path for path, html in framed.items() if (BANNER in html) is not shown]
            assert not wrong, wrong
