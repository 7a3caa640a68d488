"""A person of whom something is kept in every table that can hold it, and a look at whether anything is left."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

import analytics.charges
import analytics.rates
import analytics.rollups
from models.accounts import Account
from models.base import Base, Database
from models.campaigns import Run
from models.charges import Charge
from models.consent import ConsentKind, ConsentSource, Purpose
from models.contacts import Contact
from models.digests import digest, needed_key
from models.flags import FlagKind
from models.inbox import Conversation, Note
from models.messages import Callback, Message, MessageStatus
from models.opt_ins import OptInPath, OptInRequest, OptInState
from models.rollups import UsageDaily
from models.workflows import Event
from sender import consent, flags, inbox, messages, opt_ins
from tests.conftest import NOW
from tests.lists import campaign_to, expanded, listed, run_of
from tests.seeds import sender_of

KEYS = ("MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=",)
PHONE, OTHER = "+12125550141", "+12125550142"
LIST = """phone,name,member number,amount
(212) 555-0141,Xanthippe Quill,M-77812,41.07
212-555-0142,Odo Marsh,M-2,3
(212) 555-0141,Xanthippe Quill,M-77812,41.07
"""
TELLING = ("2125550141", "555-0141", "Xanthippe", "Quill", "M-77812", "41.07", "lighthouse", "harbor.example/pic")
"""What only this person's rows hold: the number in two notations, the names, the values, the words, the picture."""
TEXT = "Hello {{ name }}, {{ amount }} is due."


def furnished(session: Session, account: Account, *, at: datetime = NOW) -> Run:
    """The person in two texts of a run, one delivered and charged, a conversation with notes, the ledger, an event."""
    loaded = listed(session, account, LIST, now=at)
    run = expanded(session, run_of(session, campaign_to(session, account, loaded, TEXT)))
    for number, row in enumerate(session.scalars(select(Message).where(Message.run_id == run.id)), 1):
        row.created_at = at
        messages.advance(session, row, MessageStatus.DELIVERED, now=at, sid=f"SM{account.slug}{at:%j}{number}")
        session.add(
            Callback(
                account_id=account.id, message_id=row.id, sid=row.sid or "", status="delivered", received_at=at,
                extra={"RawDlrDoneDate": "2611201500", "Note": "lighthouse" if row.phone == PHONE else ""},
            )
        )  # fmt: skip
    person = session.scalars(select(Contact).where(Contact.account_id == account.id, Contact.phone == PHONE)).one()
    for number, words in enumerate(("the lighthouse is dark", "STOP"), 1):
        sid = f"SMin{account.slug}{at:%j}{number}"
        given = {
            "MessageSid": sid,
            "From": PHONE,
            "Body": words,
            "NumMedia": "1",
            "MediaUrl0": "https://harbor.example/pic",
        }
        inbox.receive(session, account=account, sender=sender_of(session, account), params=given, now=at)
    talk = session.scalars(
        select(Conversation).where(Conversation.account_id == account.id, Conversation.phone == PHONE)
    ).one()
    session.add(Note(conversation_id=talk.id, text="Called Quill about the lighthouse", created_at=at))
    flags.add(
        session, account_id=account.id, phone=PHONE, kind=FlagKind.ATTORNEY, since=at.date(), source="A letter from Quill's lawyer",
        note="Xanthippe called", now=at,
    )  # fmt: skip
    asked = opt_ins.publish(
        session, account_id=account.id, actor="robin@example.com", now=at, purpose=Purpose.MARKETING, language="en", brand="Harbor",
        programme="events", description="News of events.", frequency="1 message a week", terms_url="https://example.com/terms",
        privacy_url="https://example.com/privacy",
    )  # fmt: skip
    session.add(
        OptInRequest(
            account_id=account.id, phone=PHONE, purpose=asked.purpose, path=OptInPath.FORM, state=OptInState.EXPIRED,
            detail="Quill did not answer.", wording_id=asked.id, sender_id=account.senders[0].id, created_at=at, expires_at=at,
            evidence={"address": "lighthouse"}, finished_at=at,
        )
    )  # fmt: skip
    consent.append(
        session, account_id=account.id, phone=PHONE, kind=ConsentKind.OPT_IN, source=ConsentSource.FORM, now=at - timedelta(1),
        purpose=Purpose.MARKETING, reason="Xanthippe signed", evidence={"shown": "lighthouse terms", "name": "Quill"},
    )  # fmt: skip
    session.add(
        Event(
            account_id=account.id, kind="invoice.due", external_id=f"inv-{at:%j}", subject="Quill", contact_id=person.id,
            payload={"name": "Xanthippe"}, occurred_at=at, received_at=at,
        )
    )  # fmt: skip
    session.flush()
    return run


def priced(session: Session, account: Account) -> None:
    """Charge what was sent, and fold the daily figures."""
    analytics.rates.load(session, now=NOW, entered_by="test")
    analytics.charges.post(session, account_id=account.id, now=NOW + timedelta(hours=1))
    analytics.rollups.fold(session)
    session.commit()


def left(session: Session, *words: str) -> list[str]:
    """Every cell of every table that holds one of these words (those of the person): "table.column: word"."""
    found = []
    for table in Base.metadata.sorted_tables:
        for row in session.execute(select(table)).mappings():
            for name, value in row.items():
                found += [f"{table.name}.{name}: {word}" for word in words or TELLING if word in str(value)]
    return found


def figures(session: Session, account: Account) -> dict[str, Any]:
    """Everything that counts or costs: charges line by line, daily facts, segments, prices, statuses, and how many people."""
    session.expire_all()

    def rows(query: Select[Any]) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in session.execute(query)]

    key = needed_key(session, account.id)
    people = {
        digest(key, phone) if phone else hashed
        for phone, hashed in session.execute(
            select(Message.phone, Message.number_hash).where(Message.account_id == account.id)
        )
    }
    by = (Message.region, Message.status, Message.kind, Message.encoding, Message.direction)
    return {
        "charges": rows(select(*Charge.__table__.columns).order_by(Charge.id)),
        "daily": rows(select(*UsageDaily.__table__.columns).order_by(*UsageDaily.__table__.primary_key.columns)),
        "texts": rows(
            select(*by, func.count(), func.sum(Message.segments), func.sum(Message.twilio_price_u)).group_by(*by).order_by(*by)
        ),
        "times": rows(select(Message.id, Message.sid, Message.created_at, Message.sent_at, Message.final_at, Message.updated_at)
                      .order_by(Message.id)),
        "people": len(people),
    }  # fmt: skip


def file_bytes(database: Database) -> bytes:
    """An SQLite database as it lies on disk, with its log."""
    name = database.engine.url.database or ""
    with database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    found = b""
    for suffix in ("", "-wal"):
        try:
            found += Path(name + suffix).read_bytes()
        except FileNotFoundError:
            continue
    return found


def refused(session: Session, statement: str, **values: Any) -> bool:
    """Whether the database refuses a statement as a change of the ledger."""
    from sqlalchemy.exc import DBAPIError

    try:
        with session.begin_nested():
            session.execute(text(statement), values)
    except DBAPIError as error:
        return "consent_event is append-only" in str(error)
    return False
