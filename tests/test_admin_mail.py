"""Tests of admin/mail.py against a real mail server: what is due arrives, and what the server will not take is tried again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.config import Config
from admin.mail import NOBODY, REFUSED, mail
from models.accounts import Account
from models.base import Database
from models.notices import Notice
from sender import notices
from tests.conftest import NOW
from tests.desk import config_for
from tests.postgres import free_port
from tests.seeds import campaign


@dataclass
class Postbox:
    """What a mail server does: keeps every mail, and refuses or puts off some addresses."""

    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    puts_off: set[str] = field(default_factory=set)
    logins: list[str] = field(default_factory=list)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, _options: Any) -> str:  # noqa: N802
        if address in self.refuses:
            return f"550 no {address} here"
        if address in self.puts_off:
            return "450 later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        parsed = message_from_bytes(envelope.content or b"", policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append((list(envelope.rcpt_tos), parsed))
        return "250 OK"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.logins.append(f"{data.login.decode()}:{data.password.decode()}")
        return AuthResult(success=data.password == b"p@ss word", handled=False)


@dataclass
class Office:
    """The mail server, and a configuration that names it."""

    postbox: Postbox
    controller: Controller
    config: Config


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    """A mail server on this machine that wants a password."""
    postbox = Postbox()
    controller = Controller(
        postbox, hostname="127.0.0.1", port=free_port(), authenticator=postbox.authenticate, auth_require_tls=False
    )
    controller.start()
    url = f"smtp://ledger:p%40ss%20word@127.0.0.1:{controller.port}"
    config = config_for(
        database_url, smtp_url=url, mail_from="texts@example.org", public_url="https://texts.example.org"
    )
    yield Office(postbox, controller, config)
    controller.stop()


def owed(session: Session, account: Account, *recipients: str, cause: str = "a", campaign_id: int | None = None) -> int:
    """A notice to these addresses, committed; its id."""
    account.alert_emails = list(recipients)
    notice = notices.owe(
        session, account_id=account.id, campaign_id=campaign_id, cause=cause, subject="Frühling was paused", now=NOW,
        body="Paused: 7 of the last 12 texts were filtered.",
    )  # fmt: skip
    assert notice is not None
    session.commit()
    return notice.id


def found(database: Database, key: int) -> Notice:
    """The notice as it is now."""
    with database.reading() as session:
        return session.get_one(Notice, key)


def test_a_notice_arrives_once(database: Database, session: Session, account: Account, office: Office) -> None:
    """Both lists get it, signed in, with a link; a second round has nothing to do."""
    made = campaign(session, account)
    made.report_emails = ["anna@example.org"]
    key = owed(session, account, "office@example.org", campaign_id=made.id)
    assert mail(office.config, database, NOW) == "1 mailed, 0 to be tried again"
    assert mail(office.config, database, NOW + timedelta(hours=1)) == "0 mailed, 0 to be tried again"
    ((recipients, received),) = office.postbox.mails
    assert recipients == ["office@example.org", "anna@example.org"]
    assert (received["From"], received["Subject"]) == ("texts@example.org", "Frühling was paused")
    assert received["To"] == "office@example.org, anna@example.org"
    assert received["Message-ID"] == f"<notice-{key}.20261120150000@texts.example.org>"
    assert received.get_content().split() == (
        f"Paused: 7 of the last 12 texts were filtered. https://texts.example.org/campaigns/details/?id={made.id}".split()
    )
    assert office.postbox.logins == ["ledger:p@ss word"]
    assert (found(database, key).sent_at, found(database, key).attempts) == (NOW, 1)


def test_without_a_server_it_stays_in_the_outbox(
    database: Database, session: Session, account: Account, office: Office
) -> None:
    """Nothing is claimed, so the first round after a server was set mails it."""
    key = owed(session, account, "office@example.org")
    assert mail(config_for("sqlite://"), database, NOW) == "no mail server is set"
    assert found(database, key).attempts == 0
    assert mail(office.config, database, NOW) == "1 mailed, 0 to be tried again"


def test_a_server_that_is_away_is_asked_again(
    database: Database, session: Session, account: Account, office: Office
) -> None:
    """The failure is recorded without an address, waits half a minute, and the mail arrives when the server is back."""
    key = owed(session, account, "office@example.org")
    away = config_for("sqlite://", smtp_url="smtp://127.0.0.1:1", mail_from="texts@example.org")
    assert mail(away, database, NOW) == "0 mailed, 1 to be tried again"
    kept = found(database, key)
    assert (kept.last_error, kept.due_at, kept.sent_at) == ("ConnectionRefusedError", NOW + timedelta(seconds=30), None)
    assert mail(office.config, database, NOW + timedelta(seconds=29)) == "0 mailed, 0 to be tried again"
    assert mail(office.config, database, NOW + timedelta(seconds=30)) == "1 mailed, 0 to be tried again"
    assert found(database, key).last_error == ""


def test_a_wrong_password_is_named_by_its_code(
    database: Database, session: Session, account: Account, office: Office
) -> None:
    """What the server says may repeat an address; its code does not."""
    key = owed(session, account, "office@example.org")
    wrong = config_for(
        "sqlite://", smtp_url=office.config.smtp_url.replace("word", "sword"), mail_from="texts@example.org"
    )
    assert mail(wrong, database, NOW) == "0 mailed, 1 to be tried again"
    assert found(database, key).last_error == "SMTPAuthenticationError 535"


def test_a_refused_address_is_recorded(database: Database, session: Session, account: Account, office: Office) -> None:
    """The others get it, once; an address refused for good is not tried again, one that was put off is."""
    office.postbox.refuses, office.postbox.puts_off = {"gone@example.org"}, {"slow@example.org"}
    key = owed(session, account, "office@example.org", "gone@example.org", "slow@example.org")
    assert mail(office.config, database, NOW) == "0 mailed, 1 to be tried again"
    assert found(database, key).last_error == "1 addresses were put off."
    office.postbox.puts_off = set()
    assert mail(office.config, database, NOW + timedelta(minutes=1)) == "1 mailed, 0 to be tried again"
    assert [recipients for recipients, _ in office.postbox.mails] == [["office@example.org"], ["slow@example.org"]]
    kept = found(database, key)
    assert kept.details == {"reached": ["office@example.org"], "refused": {"gone@example.org": "550"}}
    assert (kept.last_error, kept.sent_at) == ("1 of 3 addresses were refused.", NOW + timedelta(minutes=1))


def test_when_every_address_is_refused_it_is_not_mailed(
    database: Database, session: Session, account: Account, office: Office
) -> None:
    """It stays in the outbox, with the reason, and is tried again later: somebody may mend the mailbox."""
    office.postbox.refuses = {"gone@example.org"}
    key = owed(session, account, "gone@example.org")
    assert mail(office.config, database, NOW) == "0 mailed, 1 to be tried again"
    assert (found(database, key).sent_at, found(database, key).last_error) == (None, REFUSED)
    office.postbox.refuses = set()
    assert mail(office.config, database, NOW + timedelta(minutes=1)) == "1 mailed, 0 to be tried again"


def test_nobody_to_tell_is_said(database: Database, session: Session, account: Account, office: Office) -> None:
    """An account without addresses keeps its notice, with what to do about it."""
    key = owed(session, account)
    assert mail(office.config, database, NOW) == "0 mailed, 1 to be tried again"
    assert found(database, key).last_error == NOBODY
    assert office.postbox.mails == []


def test_an_odd_address_stops_no_other(database: Database, session: Session, account: Account, office: Office) -> None:
    """One notice that cannot even be written does not hold up the next."""
    odd = owed(session, account, "a\r\nBcc: everyone@example.org")
    good = owed(session, account, "office@example.org", cause="b")
    assert mail(office.config, database, NOW) == "1 mailed, 1 to be tried again"
    assert found(database, good).sent_at == NOW
    assert found(database, odd).last_error
    assert [recipients for recipients, _ in office.postbox.mails] == [["office@example.org"]]


def test_two_workers_mail_each_notice_once(
    database: Database, session: Session, account: Account, office: Office
) -> None:
    """Both take from the outbox at once; what one claims the other does not see."""
    for number in range(12):
        owed(session, account, "office@example.org", cause=str(number))
    workers = [threading.Thread(target=mail, args=(office.config, database, NOW)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(office.postbox.mails) == 12
    assert len({received["Message-ID"] for _, received in office.postbox.mails}) == 12
    with database.reading() as reading:
        assert set(reading.scalars(select(Notice.attempts))) == {1}
