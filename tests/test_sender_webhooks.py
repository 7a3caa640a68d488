"""The machine's front door: who may post, what is kept, and that no order, repeat, forgery or junk does harm."""

from __future__ import annotations

import http.client
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from admin import gateways
from models.accounts import Account, SenderKind, SendingNumber
from models.base import Database, connect
from models.consent import ConsentEvent, ConsentKind
from models.inbox import Conversation
from models.messages import Callback, Direction, Message, MessageStatus
from models.schema import migrate
from sender import dispatch, webhooks
from sender.simulated_callbacks import sign
from tests import seeds
from tests.conftest import NOW, seed_account
from tests.desk import config_for
from tests.postgres import PostgresServer, free_port

S = MessageStatus
PUBLIC = "https://texts.example.org"
TOKEN = "0123456789abcdef0123456789abcdef"
SID = "SM" + "a" * 32
OTHER_SID = "SM" + "b" * 32
PERSON = "+12125550101"


def at_noon() -> datetime:
    """The clock of these tests."""
    return NOW + timedelta(hours=2)


@dataclass
class Door:
    """Our webhooks as Twilio sees them: every post is signed with `token` unless a test says otherwise."""

    database: Database
    account_sid: str
    public_url: str = PUBLIC
    token: str = TOKEN
    tokens: Callable[[Account], Sequence[str]] = lambda _account: [TOKEN]
    trust: float = 0.0
    app: Flask = field(init=False)

    def __post_init__(self) -> None:
        self.app = Flask("door")
        made = webhooks.blueprint(
            self.database,
            public_url=self.public_url,
            tokens=lambda account: self.tokens(account),
            clock=at_noon,
            trust=self.trust,
        )
        self.app.register_blueprint(made)

    def post(
        self,
        path: str,
        form: Mapping[str, str],
        *,
        signature: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> TestResponse:
        """Post a form to a path with its query; Twilio signs the public address and every parameter."""
        if signature is None:
            signature = sign(self.token, self.public_url.rstrip("/") + path, form)
        sent = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        base = "http://internal:8000"  # behind a proxy: neither host nor scheme is the public one
        return self.app.test_client().post(path, base_url=base, data=urlencode(form).encode(), headers=sent)

    def status(
        self, said: str, *, m: object = None, sid: str = SID, token: str = "", to: str = PERSON, **form: str
    ) -> TestResponse:
        """A status callback."""
        path = "/hooks/status" + ("" if m is None else f"?m={m}&a=1")
        params = {"AccountSid": self.account_sid, "MessageSid": sid, "SmsSid": sid, "MessageStatus": said, "To": to}
        return self.post(path, params | form, headers={"I-Twilio-Idempotency-Token": token} if token else None)

    def text(self, body: str, *, sid: str = OTHER_SID, to: str = "27242", **form: str) -> TestResponse:
        """An inbound text."""
        params = {"AccountSid": self.account_sid, "MessageSid": sid, "From": PERSON, "To": to, "Body": body}
        return self.post("/hooks/inbound", params | form)


@pytest.fixture
def door(database: Database, session: Session, account: Account) -> Door:
    """The webhooks of the seeded account."""
    door = Door(database, account.twilio_sid or "")
    session.commit()  # SQLite has one writer
    return door


@pytest.fixture
def message(session: Session, account: Account, now: datetime) -> Message:
    """A message of ours that a worker has on the wire: claimed, its SID not known yet."""
    seeds.sending_run(session, account, 2)
    (claimed, _) = dispatch.claim(session, worker="w", now=now, limit=2)
    found = session.get_one(Message, claimed.message_id)
    session.commit()  # SQLite has one writer
    return found


def kept(database: Database) -> list[Callback]:
    """Every callback that was stored, oldest first."""
    with database.reading() as session:
        return list(session.scalars(select(Callback).order_by(Callback.id)))


def now_in(database: Database, message: Message) -> Message:
    """The message as it is in the database."""
    with database.reading() as session:
        return session.get_one(Message, message.id)


def test_a_callback_is_kept_and_applied(door: Door, message: Message) -> None:
    """It finds its message by our id, brings the SID, moves the status, and is stored without numbers or text."""
    answer = door.status(
        "delivered", m=message.id, to=message.phone, token="t1", From="27242", Body="secret", RawDlrDoneDate="2611201500",
        ApiVersion="2010-04-01", ChannelToAddress="whatsapp:+12125550101",
    )  # fmt: skip
    assert (answer.status_code, answer.data) == (204, b"")
    found = now_in(door.database, message)
    assert (found.status, found.sid, found.final_at) == (S.DELIVERED, SID, at_noon())
    (row,) = kept(door.database)
    assert (row.message_id, row.sid, row.status, row.attempt, row.token) == (message.id, SID, "delivered", 1, "t1")
    assert (row.applied, row.received_at) == (True, at_noon())
    assert row.extra == {"RawDlrDoneDate": "2611201500", "ApiVersion": "2010-04-01"}


ORDERS = [
    (["queued", "sent", "delivered"], S.DELIVERED, [True, True, True]),
    (["delivered", "sent", "queued"], S.DELIVERED, [True, False, False]),
    (["sent", "sent"], S.SENT, [True, False]),
    (["undelivered", "sent"], S.UNDELIVERED, [True, False]),
    (["failed", "delivered"], S.DELIVERED, [True, True]),
    (["sent", "partially_delivered", "cancelled", "", "skipped", "unknown", "received"], S.SENT, [True, *[False] * 6]),
]


def test_order_repeats_and_unknown_words(door: Door, message: Message, session: Session) -> None:
    """Every callback is stored; only what ranks higher moves the status; a word that we do not know moves nothing."""
    for number, (words, status, applied) in enumerate(ORDERS):
        row = seeds_another(session, message, f"+1212555{number:04}")
        answers = [door.status(word, m=row.id, sid=f"SM{number}", to=row.phone).status_code for word in words]
        assert answers == [204] * len(words)
        assert now_in(door.database, row).status is status, words
        stored = [callback for callback in kept(door.database) if callback.message_id == row.id]
        assert [callback.status for callback in stored] == words
        assert [callback.applied for callback in stored] == applied


def seeds_another(session: Session, message: Message, phone: str) -> Message:
    """One more claimed message of the same account."""
    row = Message(
        account_id=message.account_id, sender_id=message.sender_id, phone=phone, region="US", body="Hello", encoding="GSM-7",
        units=5, segments=1, status=S.CLAIMED, due_at=NOW, created_at=NOW, updated_at=NOW, attempt=1,
    )  # fmt: skip
    session.add(row)
    session.commit()
    return row


def test_a_repeated_delivery_is_kept_once(door: Door, message: Message) -> None:
    """Twilio's idempotency token is the same on a retry; without one each post is a callback of its own."""
    for token in ("t1", "t1", "t2", "", "", "t1", "x" * 9_000):
        assert door.status("sent", m=message.id, to=message.phone, token=token).status_code == 204
    assert [row.token for row in kept(door.database)] == ["t1", "t2", None, None, None]
    assert [row.applied for row in kept(door.database)] == [True, False, False, False, False]


def test_error_codes(door: Door, message: Message) -> None:
    """The code comes with the word; zero, nothing and junk are no code."""
    for number, (said, expected) in enumerate(
        [("30003", 30003), ("0", None), ("", None), ("E1", None), ("9" * 40, None), ("-5", None), ("3.5", None)]
    ):
        assert door.status("sent", sid=f"SM{number}", ErrorCode=said).status_code == 204
        assert kept(door.database)[-1].error_code == expected
    door.status("undelivered", m=message.id, to=message.phone, ErrorCode="30003")
    assert now_in(door.database, message).error_code == 30003


def test_finding_the_message(door: Door, message: Message, session: Session) -> None:
    """Twilio's id wins over ours; ours counts only for a message that has no other SID and went to the same number."""
    other = session.scalars(select(Message).where(Message.id != message.id)).one()
    inbound = seeds_another(session, message, PERSON)
    inbound.direction, inbound.sid = Direction.INBOUND, "SMinbound"
    session.commit()
    door.status("queued", m=message.id, to=message.phone)
    tries = [
        # m, sid, to → the message found
        (message.id, SID, message.phone, message.id),
        (other.id, SID, message.phone, message.id),
        (None, SID, message.phone, message.id),
        *((junk, SID, message.phone, message.id) for junk in ("", "abc", "-1", "1e3", "9" * 30, "%00", "1%20")),
        (message.id, OTHER_SID, message.phone, None),
        (other.id, OTHER_SID, "+12125559999", None),
        (inbound.id, "SMinbound", PERSON, None),
        (10**15, OTHER_SID, other.phone, None),
        (None, OTHER_SID, other.phone, None),
        (other.id, "", other.phone, other.id),
        (other.id, OTHER_SID, other.phone, other.id),
    ]
    for m, sid, to, expected in tries:
        assert door.status("queued", m=m, sid=sid, to=to).status_code == 204
        assert kept(door.database)[-1].message_id == expected, (m, sid)
    assert {m.sid for m in (now_in(door.database, message), now_in(door.database, other))} == {SID, OTHER_SID}
    assert now_in(door.database, inbound).status is S.CLAIMED


def test_another_account(door: Door, message: Message, session: Session) -> None:
    """A tenant's callback never touches another tenant's message, neither by our id nor by Twilio's."""
    door.status("queued", m=message.id, to=message.phone)
    stranger = seed_account(session, slug="stranger")
    theirs = Door(door.database, stranger.twilio_sid or "")
    session.commit()
    for m, sid in ((message.id, SID), (None, SID), (message.id, OTHER_SID)):
        assert theirs.status("failed", m=m, sid=sid, to=message.phone).status_code == 204
        row = kept(door.database)[-1]
        assert (row.account_id, row.message_id, row.applied) == (stranger.id, None, False)
    assert now_in(door.database, message).status is S.QUEUED


def test_forgeries(door: Door, message: Message, session: Session) -> None:
    """Whatever differs from what was signed is refused, at both addresses, and leaves nothing behind."""
    stranger = seed_account(session, slug="stranger").twilio_sid or ""
    session.commit()
    for path in (f"/hooks/status?m={message.id}&a=1", "/hooks/inbound"):
        form = {
            "AccountSid": door.account_sid,
            "MessageSid": SID,
            "MessageStatus": "delivered",
            "Body": "STOP",
            "From": PERSON,
        }
        genuine = sign(TOKEN, PUBLIC + path, form)
        urls = [
            f"http://texts.example.org{path}",
            f"https://TEXTS.example.org{path}",
            f"https://texts.example.org.{path}",
            f"https://texts.example.org:8443{path}",
            f"{PUBLIC}{path}&x=1",
            f"{PUBLIC}/hooks/other",
            f"{PUBLIC}{path.replace('=', '%3D')}x",
            "",
        ]
        refused = [
            door.post(path, form, signature=""),
            door.post(path, form, signature="x"),
            door.post(path, form, signature=genuine[:-2]),
            door.post(path, form, signature=genuine.lower()),
            door.post(path, form, signature="\xff" * 10),
            door.post(path, form, signature=sign("another token", PUBLIC + path, form)),
            door.post(path, form, signature=sign("", PUBLIC + path, form)),
            door.post(path + ("&" if "?" in path else "?") + "m=1", form, signature=genuine),
            door.post(path, form | {"MessageStatus": "failed"}, signature=genuine),
            door.post(path, form | {"Body": "START"}, signature=genuine),
            door.post(path, form | {"Extra": ""}, signature=genuine),
            door.post(path, {n: v for n, v in form.items() if n != "Body"}, signature=genuine),
            door.post(path, form | {"AccountSid": stranger}, signature=genuine),
            *(door.post(path, form | {"AccountSid": sid}) for sid in ("", "AC0", "\0", "x" * 9_000, "' OR 1=1 --")),
            door.post(path, {n: v for n, v in form.items() if n != "AccountSid"}),
            *(door.post(path, form, signature=sign(TOKEN, url, form)) for url in urls),
        ]
        assert {answer.status_code for answer in refused} == {403}
    assert kept(door.database) == []
    assert session.scalars(select(ConsentEvent)).all() == []
    session.commit()
    assert now_in(door.database, message).status is S.CLAIMED


def test_parameters_with_one_name(door: Door, message: Message) -> None:
    """Several values of one name are part of what is signed; a second AccountSid or status cannot be smuggled in."""
    form = {"AccountSid": door.account_sid, "MessageSid": SID, "MessageStatus": "sent"}
    signature = sign(TOKEN, f"{PUBLIC}/hooks/status", form)
    for extra in ("&MessageStatus=failed", f"&AccountSid={door.account_sid}x", "&MessageSid=SMx"):
        answer = door.app.test_client().post(
            "/hooks/status", data=urlencode(form) + extra, content_type="application/x-www-form-urlencoded",
            headers={"X-Twilio-Signature": signature},
        )  # fmt: skip
        assert answer.status_code == 403
    assert kept(door.database) == []


def test_both_tokens_while_a_key_is_rotated(door: Door, message: Message) -> None:
    """The present and the previous token are accepted, no third one, and the previous one no longer afterwards."""
    accepted: list[str] = []
    door.tokens = lambda _account: accepted
    for listed, signing, expected in [
        ([TOKEN], TOKEN, 204),
        (["new", TOKEN], "new", 204),
        (["new", TOKEN], TOKEN, 204),
        (["new", TOKEN], "third", 403),
        (["new"], TOKEN, 403),
        ([], TOKEN, 403),
        ([""], "", 403),
    ]:
        accepted[:], door.token = listed, signing
        assert door.status("sent", m=message.id, to=message.phone).status_code == expected


PUBLIC_ADDRESSES = [f"{PUBLIC}/", f"{PUBLIC}:8443", "http://127.0.0.1:5000", f"{PUBLIC}/sub"]


def test_the_public_address_is_what_counts(door: Door) -> None:
    """A port, a path in front and a slash at the end belong to the address that Twilio signed."""
    for number, public in enumerate(PUBLIC_ADDRESSES):
        behind = Door(door.database, door.account_sid, public_url=public)
        assert behind.status("sent", m=7).status_code == 204
        assert behind.status("sent", m="7&x=%C3%A9+%2B&&=?").status_code == 204
        assert behind.text("Hello", sid=f"SM{number}").status_code == 200


JUNK = ["\0", "a\0b", "\U0001f4a5" * 1000, "\x1b[31m", "\u202e", "'\"<>&%s{}", "9" * 5000]
NAMES = [
    *("MessageSid", "SmsSid", "MessageStatus", "ErrorCode", "To", "From", "Body"),
    *("NumMedia", "NumSegments", "MediaUrl0", "OptOutType", "MessagingServiceSid"),
]


def test_junk_in_every_parameter(door: Door, message: Message) -> None:
    """A signed post is answered and kept whatever it holds, and does not poison the next one."""
    base = {"AccountSid": door.account_sid, "MessageStatus": "sent", "From": PERSON, "To": "27242", "Body": "Hello"}
    for number, junk in enumerate(JUNK):
        for name in [*NAMES, junk[:50]]:
            form = base | {"MessageSid": f"SM{number}{name[:9]}", name: junk}
            assert door.post("/hooks/status", form).status_code == 204, (name, junk[:9])
            assert door.post("/hooks/inbound", form).status_code in {200, 400}, (name, junk[:9])
        assert (
            door.status("sent", m=quote(junk[:20]), token=junk if junk.isascii() and junk > "\x1b" else "").status_code
            == 204
        )
    assert door.status("delivered", m=message.id, to=message.phone, sid="SMfine").status_code == 204
    assert now_in(door.database, message).status is S.DELIVERED


def test_sizes(door: Door, message: Message) -> None:
    """Thousands of parameters are cut to a row of bounded size; more than any post of Twilio's is not even read."""
    many = {f"P{n}": "v" * 40 for n in range(3_000)}
    assert door.status("sent", m=message.id, to=message.phone, **many).status_code == 204
    assert len(kept(door.database)[-1].extra) == 50
    assert door.status("sent", P="v" * 100_000).status_code == 204
    assert len(kept(door.database)[-1].extra["P"]) == 500
    assert door.status("sent", P="v" * webhooks.LARGEST).status_code == 413
    assert door.text("STOP " + "v" * webhooks.LARGEST).status_code == 413


def test_what_is_no_form_is_refused(door: Door) -> None:
    """Other methods and other bodies never reach the database."""
    client = door.app.test_client()
    for path in ("/hooks/status", "/hooks/inbound"):
        assert client.get(path).status_code == 405
        assert client.post(path).status_code == 403
        assert client.post(path, json={"AccountSid": door.account_sid}).status_code == 403
        assert (
            client.post(path, data=b"\xff\xfe=%zz&&&=", content_type="application/x-www-form-urlencoded").status_code
            == 403
        )
        assert client.post(f"{path}?m=%ff&\xff", data={"AccountSid": door.account_sid}).status_code == 403
    assert kept(door.database) == []


def test_the_same_delivery_many_times_at_once(door: Door, message: Message) -> None:
    """Eight posts of one callback and one text at the same moment: each is kept once, and all are answered."""
    answers: list[int] = []
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        answers.append(door.status("delivered", m=message.id, to=message.phone, token="same").status_code)
        answers.append(door.text("STOP").status_code)

    together([work] * 8)
    assert sorted(answers) == [200] * 8 + [204] * 8
    assert len(kept(door.database)) == 1
    with door.database.reading() as session:
        assert len(session.scalars(select(ConsentEvent)).all()) == 1
        assert len(session.scalars(select(Message).where(Message.direction == Direction.INBOUND)).all()) == 1


def test_two_texts_of_a_new_person_at_once(door: Door) -> None:
    """The first words of somebody new arrive in two posts at the same moment: neither is lost, least of all a STOP."""
    barrier = threading.Barrier(4)
    answers: list[int] = []

    def work(number: int, body: str) -> None:
        barrier.wait()
        answers.append(door.text(body, sid=f"SM{number}").status_code)

    bodies = ["Hello", "Who is this?", "STOP", "And stop calling"]
    together([partial(work, number, body) for number, body in enumerate(bodies)])
    assert answers == [200] * 4
    with door.database.reading() as session:
        assert len(session.scalars(select(Conversation)).all()) == 1
        assert set(session.scalars(select(Message.body))) == set(bodies)
        assert ConsentKind.OPT_OUT in session.scalars(select(ConsentEvent.kind)).all()


def together(works: Sequence[Callable[[], None]]) -> None:
    """Run all of them at once and wait."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_forgery_does_not_wait_for_the_writer(door: Door, session: Session, account: Account) -> None:
    """While the worker writes, forged posts are refused at once and hold nobody up."""
    session.rollback()
    session.get_one(Account, account.id).plan = "held"
    session.flush()
    began = time.monotonic()
    assert door.post("/hooks/status", {"AccountSid": door.account_sid}, signature="x").status_code == 403
    assert time.monotonic() - began < 10
    session.rollback()


def test_a_mistake_of_ours_is_told_without_numbers(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """A failure answers 500, and its log line holds no text of the error."""

    def broken(_account: Account) -> Sequence[str]:
        raise RuntimeError(f"cannot read the token of {PERSON}")

    door.tokens = broken
    with caplog.at_level(logging.DEBUG):
        assert door.status("sent").status_code == 500
        assert door.text("my secret").status_code == 500
    told = "".join(record.getMessage() + str(record.exc_text or record.exc_info or "") for record in caplog.records)
    assert "hooks.status failed: RuntimeError" in told
    assert PERSON not in told
    assert "my secret" not in told


@pytest.mark.postgres
def test_a_database_that_is_away_and_comes_back() -> None:
    """503 at once, known account or not, status or text, so that Twilio posts again; and 204 when the database is back."""
    with PostgresServer() as server:
        database = connect(server.url)
        migrate(database)
        with database.session() as session:
            sid = seed_account(session).twilio_sid or ""
        doors = [Door(database, sid, trust=60.0), Door(database, sid, trust=0.0)]
        assert [door.status("sent").status_code for door in doors] == [204, 204]
        with shut(server):
            for door in doors:
                began = time.monotonic()
                assert [door.status("sent").status_code, door.text("STOP").status_code] == [503, 503]
                assert time.monotonic() - began < 5
        assert [door.status("sent").status_code for door in doors] == [204, 204]
        assert [door.text("STOP", sid=f"SM{n}").status_code for n, door in enumerate(doors)] == [200, 200]
        assert len(kept(database)) == 4
        database.engine.dispose()


@contextmanager
def shut(server: PostgresServer) -> Iterator[None]:
    """Everyone is thrown out of the database, and nobody let in."""
    engine = connect(server.url.removesuffix("postgres") + "template1").engine.execution_options(
        isolation_level="AUTOCOMMIT"
    )
    others = "FROM pg_stat_activity WHERE datname = 'postgres'"
    with engine.connect() as connection:
        connection.execute(text("ALTER DATABASE postgres ALLOW_CONNECTIONS false"))
        connection.execute(text(f"SELECT pg_terminate_backend(pid) {others}"))
        yield
        connection.execute(text("ALTER DATABASE postgres ALLOW_CONNECTIONS true"))
    engine.dispose()


def test_many_callbacks_at_once(door: Door, message: Message, session: Session) -> None:
    """Twenty at the same moment, some of them junk, share a few transactions; each is answered and kept."""
    rows = [seeds_another(session, message, f"+1212555{number:04}") for number in range(20)]
    answers: list[int] = []
    barrier = threading.Barrier(20)

    def work(row: Message) -> None:
        barrier.wait()
        answers.append(door.status("sent", m=row.id, sid=f"SM{row.id}", to=row.phone, ErrorCode="\0").status_code)

    together([partial(work, row) for row in rows])
    assert answers == [204] * 20
    assert {callback.message_id for callback in kept(door.database)} == {row.id for row in rows}
    assert {now_in(door.database, row).status for row in rows} == {S.SENT}


@pytest.mark.parametrize(("code", "slow"), [("30001", True), ("30022", True), ("30007", False), ("", False)])
def test_a_queue_that_overflowed(door: Door, message: Message, session: Session, code: str, slow: bool) -> None:
    """The sender goes at half its rate for ten minutes, from the first such callback and not from its repeats."""
    for expected in (at_noon() + timedelta(minutes=10) if slow else None, NOW):
        assert door.status("failed", m=message.id, to=message.phone, ErrorCode=code).status_code == 204
        sender = session.get_one(SendingNumber, message.sender_id, populate_existing=True)
        assert sender.slow_until == expected
        sender.slow_until = NOW
        session.commit()


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
def test_what_was_acknowledged_is_there_after_a_crash(database: Database, database_url: str, session: Session) -> None:
    """The console is killed while callbacks pour in, on many threads: each one that was answered is in the database."""
    account = seed_account(session)
    config = config_for(database_url, public_url=PUBLIC)
    account.twilio_token = gateways.seal(config.secret_keys, TOKEN)
    session.commit()
    port, sid = free_port(), account.twilio_sid or ""
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--threads",
        "16",
        "--log-level",
        "critical",
        "-b",
        f"127.0.0.1:{port}",
    ]
    server = subprocess.Popen(
        [*command, "wsgi:app"], env={**os.environ, **config.environment_variables()}, start_new_session=True
    )
    acknowledged: list[str] = []

    def pour(number: int) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as line:
            for count in range(10_000):
                if not said(line, f"{number}-{count}"):
                    return

    def said(line: http.client.HTTPConnection, token: str) -> bool:
        form = {"AccountSid": sid, "MessageSid": f"SM{token}", "MessageStatus": "sent"}
        headers = {
            "Content-Type": "application/x-www-form-urlencoded", "I-Twilio-Idempotency-Token": token,
            "X-Twilio-Signature": sign(TOKEN, f"{PUBLIC}/hooks/status", form),
        }  # fmt: skip
        try:
            line.request("POST", "/hooks/status", urlencode(form), headers)
            answer = line.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return False
        assert answer.status == 204
        acknowledged.append(token)
        return True

    threads = [threading.Thread(target=pour, args=(n,)) for n in range(16)]
    try:
        limit = time.monotonic() + 60
        while not listens(port):
            assert time.monotonic() < limit
            time.sleep(0.1)
        for thread in threads:
            thread.start()
        while len(acknowledged) < 300:
            assert time.monotonic() < limit
            time.sleep(0.01)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    for thread in threads:
        thread.join(30)
    tokens = {row.token for row in kept(database)}
    assert tokens >= set(acknowledged)
    assert len(tokens) - len(acknowledged) <= 16, "at most what was in flight is there without an answer"


def test_an_inbound_text_is_answered_with_nothing(door: Door) -> None:
    """Twilio gets an empty TwiML document: we never answer by webhook."""
    answer = door.text("Hello")
    assert (answer.status_code, answer.mimetype) == (200, "text/xml")
    assert answer.text == webhooks.EMPTY_REPLY


@pytest.mark.parametrize("missing", ["From", "MessageSid"])
def test_a_text_from_nobody(door: Door, missing: str) -> None:
    """Without a SID or an author there is nothing to keep, and nobody whose consent it could change."""
    form = {"AccountSid": door.account_sid, "MessageSid": SID, "From": PERSON, "To": "27242", "Body": "STOP"}
    assert door.post("/hooks/inbound", {n: v for n, v in form.items() if n != missing}).status_code == 400
    assert door.post("/hooks/inbound", form | {missing: ""}).status_code == 400
    assert door.post("/hooks/inbound", form | {missing: "9" * 65}).status_code == 400


def test_which_sender_a_text_came_to(door: Door, session: Session, account: Account) -> None:
    """The number itself, else the messaging service it is in, by address or SID; else none, and a STOP counts all the same."""
    service = SendingNumber(
        account_id=account.id, label="Service", address="Members", sid="MG1", kind=SenderKind.MESSAGING_SERVICE,
        segments_per_second=10, created_at=NOW,
    )  # fmt: skip
    session.add(service)
    session.commit()
    short_code = seeds.sender_of(session, account)
    session.commit()
    for number, (to, service_sid, expected) in enumerate(
        [
            ("27242", "", short_code.id),
            ("27242", "MG1", short_code.id),
            ("+12015550123", "MG1", service.id),
            ("+12015550123", "Members", service.id),
            ("+12015550123", "", None),
            ("+12015550123", "MG2", None),
            ("", "", None),
        ]
    ):
        sid = f"SM{number}"
        assert door.text("STOP", sid=sid, to=to, MessagingServiceSid=service_sid).status_code == 200
        with door.database.reading() as reading:
            found = reading.scalars(select(Message).where(Message.sid == sid)).first()
            assert (found.sender_id if found else None) == expected
            events = reading.scalars(select(ConsentEvent)).all()
            assert len(events) == number + 1
            assert events[-1].evidence["sid"] == sid


@given(st.lists(st.sampled_from([*"ab&=+%;#/?", "%20", "%C3%A9", "%00", "%zz", "\xe9"]), max_size=30))
def test_a_form_is_read_as_everybody_reads_it(parts: list[str]) -> None:
    """The same names and values as the standard library's reading, in the same order, whatever was posted."""
    written = "".join(parts)
    expected: dict[str, list[str]] = {}
    for name, value in parse_qsl(written, keep_blank_values=True):
        expected.setdefault(name, []).append(value)
    assert webhooks._pairs(written.encode("latin-1")) == expected
