"""What was lost on the way from Twilio is found again: a fifth of all callbacks dropped, every state right after one pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Database
from models.messages import Message, MessageStatus
from models.settings import value
from sender import messages, reconciliation, usage
from sender.gateway import Gateway
from sender.reconciliation import PORTION, SLACK, listed
from sender.simulator import Behaviour, Server, SimulatedAccount, SimulatedNumber
from tests import seeds
from tests.conftest import NOW
from tests.rehearsal import Rehearsal
from tests.test_sender_messages import folded, recounted
from tests.test_sender_webhooks import Door

COUNT = 150
PUBLIC = "https://our.example"


@dataclass
class Loss:
    """An account, its texts at a Twilio that loses callbacks, and our webhooks for those that it does not."""

    database: Database
    account: Account
    twilio: Rehearsal
    gateway: Gateway
    door: Door

    def send(self, session: Session, count: int = COUNT, *, every: float = 0.0) -> None:
        """Texts that Twilio has taken, `every` so many seconds."""
        seeds.sending_run(session, self.account, count)
        for message in session.scalars(select(Message).order_by(Message.id)):
            hook = f"{PUBLIC}/hooks/status?m={message.id}&a=1"
            sid = self.twilio.send(message.phone, sender="27242", StatusCallback=hook)
            message.intent_at = NOW
            messages.advance(session, message, MessageStatus.QUEUED, now=NOW, sid=sid)
            self.twilio.step(every)
        session.commit()

    def deliver(self) -> None:
        """Hand every callback that was not lost to our webhooks, as Twilio signed it."""
        for letter in self.twilio.letters:
            parts = urlsplit(letter.url)
            answer = self.door.app.test_client().post(
                f"{parts.path}?{parts.query}", data=urlencode(letter.form), headers=dict(letter.headers)
            )
            assert answer.status_code == 204
        self.twilio.letters.clear()

    def differing(self) -> dict[str, tuple[str, str]]:
        """The texts of which we know something else than Twilio: SID → (ours, Twilio's)."""
        with self.database.reading() as session:
            rows = session.scalars(select(Message)).all()
        found = {}
        for row in rows:
            said = self.twilio.message(row.sid or "")
            if (row.status.value, row.error_code) != (said["status"], said["error_code"]):
                found[row.sid or ""] = (row.status.value, said["status"])
        return found

    def reconcile(self, after: timedelta, *, quiet: timedelta = usage.OVERDUE) -> int:
        """One pass of the worker's job."""
        return reconciliation.reconcile(self.database, self.gateway, self.account, now=NOW + after, quiet=quiet)


@pytest.fixture
def loss(database: Database, session: Session, account: Account) -> Iterator[Loss]:
    """The seeded account at a simulated Twilio, over HTTP; a fifth of the callbacks is lost, some texts fail."""
    behaviour = Behaviour(seed=5, callback_loss=0.2, message_shares={30003: 0.1, 30007: 0.1})
    twilio = Rehearsal(behaviour, accounts=(SimulatedAccount(numbers=[SimulatedNumber("27242")]),))
    account.twilio_sid = twilio.account.sid
    session.commit()
    server = Server(twilio.simulator.wsgi_app, host="127.0.0.1", port=0, on_stop=twilio.simulator.stop)
    door = Door(database, twilio.account.sid, public_url=PUBLIC, tokens=lambda _account: [twilio.account.token])
    with server:
        gateway = Gateway(twilio.account.sid, twilio.account.token, base_url=server.url)
        yield Loss(database, account, twilio, gateway, door)


def test_one_pass_repairs_what_was_lost(loss: Loss, session: Session) -> None:
    """With a fifth of the callbacks lost, one pass makes every status and error code Twilio's, and every price known."""
    loss.send(session)
    loss.twilio.step(120)
    loss.deliver()
    before = loss.differing()
    assert len(before) > COUNT / 20
    loss.reconcile(timedelta(minutes=2), quiet=timedelta(0))
    assert loss.differing() == {}
    assert loss.reconcile(timedelta(minutes=2), quiet=timedelta(0)) == 0
    assert folded(session) == recounted(session)


def test_when_it_is_repaired(loss: Loss, session: Session) -> None:
    """What has left is right after one poll for prices; what failed before it left, an hour and a poll later."""
    loss.send(session)
    loss.twilio.step(120)
    loss.deliver()
    poll = timedelta(minutes=value(session, "price_poll_minutes"))
    session.commit()
    loss.reconcile(poll)
    left = loss.differing()
    assert {said for _, said in left.values()} <= {"failed"}
    for number in range(1, 8):
        loss.reconcile(poll * number)
    assert loss.differing() == {}
    assert folded(session) == recounted(session)


def test_no_message_is_missed_however_many_there_are(loss: Loss, session: Session) -> None:
    """Windows shrink until they can be read and grow again; together they hold everything, in portions of a bounded size."""
    loss.send(session, 60, every=90)
    since, until = NOW - SLACK, NOW + timedelta(hours=3)
    everything = {remote.sid for remote in loss.gateway.sent_between(since, until)}
    assert len(everything) >= 40
    for most in (3, 7, 1_000):
        portions = list(listed(loss.gateway, since, until, most=most))
        assert {remote.sid for portion in portions for remote in portion} == everything
        assert max(len(portion) for portion in portions) < most
        assert len(portions) < 120
    assert list(listed(loss.gateway, until, until)) == []


def test_transactions_stay_short(loss: Loss, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the list holds, a transaction holds a portion of it; an error later keeps what was applied before."""
    assert PORTION == 500
    monkeypatch.setattr(reconciliation, "PORTION", 20)
    loss.send(session)
    loss.twilio.step(120)
    commits: list[object] = []
    event.listen(loss.database.engine, "commit", commits.append)
    assert loss.reconcile(timedelta(minutes=2)) > COUNT
    assert len(commits) >= COUNT * 0.8 / 20
