"""The console as tests see it: two accounts with rows in every table, people of every role, and a client that is signed in."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool
from werkzeug.test import TestResponse

from admin import audit, people
from admin.app import create_app
from admin.config import Config
from models.accounts import Account
from models.base import Database
from models.consent import ConsentKind, ConsentSource, Purpose
from models.contacts import Contact
from models.flags import ContactFlag, FlagKind
from models.messages import Callback, Direction, Message, MessageStatus
from models.opt_ins import OptInPath, OptInRequest, OptInState
from models.users import Membership, RoleName, User
from sender import consent, flags, opt_ins
from tests.conftest import NOW, seed_account

ANNA, BEN = "+12125550111", "+12125550122"
"""A contact who may be texted, and one who said STOP."""
CARA = "+19175550188"
"""No contact: a number with a flag."""
CAROL = "+12125550199"
"""Nobody's number, whose person was asked to agree."""


def config_for(url: str, **changes: Any) -> Config:
    """The configuration of a console under test."""
    fields: dict[str, Any] = {
        "database_url": url, "secret_key": "k" * 32, "password_salt": "salt", "secret_keys": (Fernet.generate_key().decode(),),
        "public_url": "http://localhost", "twilio_url": "", "trusted_hosts": ("localhost", "127.0.0.1"), "environment": "staging",
    }  # fmt: skip
    return Config(**{**fields, **changes})


@dataclass
class Visitor:
    """A browser without a window."""

    client: FlaskClient
    token: str = ""
    """The CSRF token of the session."""

    def read(self, path: str, /, **query: Any) -> TestResponse:
        """GET a page."""
        return self.client.get(path, query_string=query or None)

    def text(self, path: str, **query: Any) -> str:
        """The HTML of a page that answers 200."""
        answer = self.read(path, **query)
        assert answer.status_code == 200, f"{path} answered {answer.status}"
        return answer.text

    def send(self, path: str, form: Mapping[str, Any] | None = None, **query: Any) -> TestResponse:
        """POST a form with the token of the session."""
        return self.client.post(path, data={"csrf_token": self.token, **(form or {})}, query_string=query or None)


@dataclass
class Desk:
    """A console over a database with the accounts Harbor and Pier."""

    app: Flask
    database: Database
    harbor: Account
    pier: Account

    def visitor(self, *roles: RoleName, account: Account | None = None, owner: bool = False) -> Visitor:
        """Someone signed in with these roles in an account (Harbor)."""
        with self.database.transaction() as session:
            user = person(session, owner=owner)
            for name in roles:
                where = (account or self.harbor).id
                session.add(Membership(user_id=user.id, account_id=where, role_id=people.role(session, name).id))
            uniquifier = user.fs_uniquifier
        return self.signed_in(uniquifier)

    def signed_in(self, uniquifier: str) -> Visitor:
        """A visitor with the session that a sign-in would have made."""
        client = self.app.test_client()
        with client.session_transaction() as cookie:
            cookie.update(
                {
                    "_user_id": uniquifier,
                    "_fresh": True,
                    "fs_cc": "set",
                    "fs_paa": time.time(),
                    "identity.id": uniquifier,
                }
            )
            cookie["csrf_token"] = "c" * 40
        token = URLSafeTimedSerializer(self.app.secret_key or "", salt="wtf-csrf-token").dumps("c" * 40)
        return Visitor(client, str(token))

    def stranger(self) -> Visitor:
        """Nobody we know."""
        return Visitor(self.app.test_client())

    def ids(self, account: Account) -> dict[str, int]:
        """One row's id of each table, by name of the page that shows it."""
        with self.database.reading() as session:

            def first(model: Any) -> int:
                return int(
                    session.query(model.id).filter(model.account_id == account.id).order_by(model.id).limit(1).scalar()
                )

            from models.consent import ConsentEvent
            from models.countries import CountrySetting
            from models.users import AuditEntry

            found = {
                "contacts": Contact,
                "messages": Message,
                "unsubscribes": ConsentEvent,
                "countries": CountrySetting,
                "flags": ContactFlag,
                "opt_ins": OptInRequest,
            }
            users = session.query(Membership.user_id).filter(Membership.account_id == account.id).limit(1).scalar()
            return {name: first(model) for name, model in {**found, "audit": AuditEntry}.items()} | {
                "users": int(users or 0)
            }


def person(session: Session, *, email: str = "", owner: bool = False) -> User:
    """A user without a password."""
    user = User(
        email=email or f"{uuid.uuid4().hex[:12]}@example.com", name="Robin Vale", owner=owner, fs_uniquifier=uuid.uuid4().hex,
        create_datetime=NOW, update_datetime=NOW,
    )  # fmt: skip
    session.add(user)
    session.flush()
    return user


@contextmanager
def open_desk(database: Database, url: str, **changes: Any) -> Iterator[Desk]:
    """A console over a fresh database; its connections are closed at the end."""
    with database.session() as session:
        harbor, pier = seed_account(session), seed_account(session, slug="pier")
        for account in (harbor, pier):
            furnish(session, account)
        session.commit()
    app = create_app(config_for(url, **changes))
    yield Desk(app, database, harbor, pier)
    put_away(app)


def put_away(app: Flask) -> None:
    """Close an app's connections. A look that outlasted its patience (`admin/glances.py`) gives its own back first."""
    engine = app.extensions["textledger"][1].engine
    deadline = time.monotonic() + 3
    while isinstance(engine.pool, QueuePool) and engine.pool.checkedout() and time.monotonic() < deadline:
        time.sleep(0.02)
    engine.dispose()


def furnish(session: Session, account: Account) -> None:
    """Two contacts, a delivered and a failed text, an inbound STOP, a refusal, a member and an audit entry."""
    for name, phone in (("Anna Berg", ANNA), ("Ben Cole", BEN)):
        session.add(
            Contact(
                account_id=account.id, phone=phone, phone_raw=phone, region="US", line_type="fixed_line_or_mobile", name=name,
                time_zones="America/New_York", external_id=f"{account.slug}-{name[0]}", attributes={"amount": 12.5},
                created_at=NOW, updated_at=NOW,
            )
        )  # fmt: skip
    first = message(session, account, ANNA, MessageStatus.DELIVERED, sid=f"SM{account.slug}1")
    message(session, account, BEN, MessageStatus.FAILED, sid=f"SM{account.slug}2", error_code=30003)
    message(
        session,
        account,
        BEN,
        MessageStatus.RECEIVED,
        direction=Direction.INBOUND,
        body="STOP",
        sid=f"SM{account.slug}3",
    )
    session.flush()
    session.add(
        Callback(
            account_id=account.id, message_id=first.id, sid=first.sid, status="delivered", applied=True, received_at=NOW
        )
    )
    consent.append(
        session,
        account_id=account.id,
        phone=BEN,
        kind=ConsentKind.OPT_OUT,
        source=ConsentSource.KEYWORD,
        now=NOW,
        reason="Replied STOP",
    )
    flags.add(
        session, account_id=account.id, phone=CARA, kind=FlagKind.LITIGATOR, since=NOW.date(), source="A list", now=NOW
    )
    wording = opt_ins.publish(
        session, account_id=account.id, actor="robin@example.com", now=NOW, purpose=Purpose.MARKETING, language="en",
        brand=account.slug.title(), programme="events near you", description="News of events.", frequency="1 message a week",
        terms_url="https://example.com/terms", privacy_url="https://example.com/privacy",
    )  # fmt: skip
    session.add(
        OptInRequest(
            account_id=account.id, phone=CAROL, purpose=wording.purpose, path=OptInPath.QUICK, state=OptInState.EXPIRED,
            detail="Nobody answered in time.", wording_id=wording.id, sender_id=account.senders[0].id, created_at=NOW,
            created_by="robin@example.com", expires_at=NOW, finished_at=NOW,
        )
    )  # fmt: skip
    member = person(session)
    session.add(Membership(user_id=member.id, account_id=account.id, role_id=people.role(session, RoleName.ANALYST).id))
    audit.record(
        session, account_id=account.id, actor="robin@example.com", action="contact:edit", subject_kind="contact", subject_id=1,
        subject="Anna Berg", before={"name": "Ana"}, after={"name": "Anna"}, now=NOW,
    )  # fmt: skip


def message(session: Session, account: Account, phone: str, status: MessageStatus, **changes: Any) -> Message:
    """A text."""
    fields: dict[str, Any] = {
        "account_id": account.id, "phone": phone, "region": "US", "body": "Hello", "encoding": "GSM-7", "units": 5, "segments": 1,
        "status": status, "due_at": NOW, "created_at": NOW + timedelta(seconds=len(session.new)), "updated_at": NOW,
    }  # fmt: skip
    row = Message(**{**fields, **changes})
    session.add(row)
    session.flush()
    return row
