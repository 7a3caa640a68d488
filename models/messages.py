"""What was sent and received, and which status may follow which?

A status changes only forwards, by rank: callbacks come out of order, twice or never (Twilio's documentation says so), so the
highest-ranked one wins and order does not matter.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    ForeignKey,
    Index,
    Text,
    UniqueConstraint,
    select,
    text,
    union_all,
)
from sqlalchemy.orm import Mapped, aliased, mapped_column, relationship

from models.base import Base, BigId, UTCDateTime, words
from models.campaigns import Reason, Run
from models.consent import Purpose
from models.contacts import Contact
from models.templates import TemplateVersion


class Direction(StrEnum):
    """Which way a text went."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


class Kind(StrEnum):
    """SMS is billed by segment, MMS by message."""

    SMS = "sms"
    MMS = "mms"


class MessageStatus(StrEnum):
    """Ours before Twilio, then Twilio's own words unchanged."""

    PENDING = "pending"
    CLAIMED = "claimed"
    IN_DOUBT = "in_doubt"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    CANCELED = "canceled"
    READ = "read"
    RECEIVED = "received"


M = MessageStatus
RANK: dict[MessageStatus, int] = {
    M.PENDING: 0, M.CLAIMED: 1, M.IN_DOUBT: 2, M.UNKNOWN: 3, M.SKIPPED: 4,
    M.ACCEPTED: 10, M.SCHEDULED: 11, M.QUEUED: 12, M.SENDING: 13, M.SENT: 20,
    M.CANCELED: 30, M.FAILED: 31, M.UNDELIVERED: 32, M.DELIVERED: 33, M.READ: 34, M.RECEIVED: 40,
}  # fmt: skip
"""Twilio's words move only upwards. Among final words the kinder one ranks higher: a delivery receipt that contradicts an
earlier `undelivered` is evidence that the text arrived."""

SETTLED = frozenset({M.SKIPPED, M.DELIVERED, M.UNDELIVERED, M.FAILED, M.CANCELED, M.READ, M.RECEIVED})
"""Nothing more is expected. `sent` is final in practice where a carrier gives no receipt, but a receipt may still come."""
WAITING = frozenset({M.PENDING, M.CLAIMED, M.IN_DOUBT})
"""A run is not complete while one of these is left; `unknown` waits for a person and does not hold the run open."""
WITH_TWILIO = frozenset({M.ACCEPTED, M.SCHEDULED, M.QUEUED, M.SENDING, M.SENT, M.DELIVERED, M.UNDELIVERED, M.READ})
"""Twilio took it."""

OUTCOME = "status IN ('delivered', 'undelivered', 'failed', 'read')"
"""What became of a text, good or bad, as a condition of SQL: a literal, so that the index on outcomes can be used."""


def supersedes(new: MessageStatus, old: MessageStatus) -> bool:
    """Whether a word from Twilio may replace the present one."""
    return RANK[new] > RANK[old]


BY_PHONE = "run_id IS NULL OR status <> 'pending'"
"""Which messages the index of phones holds. A campaign's message enters it when it is claimed, because phones come in no order,
and to sort a million of them in while a list is expanded would cost as much as all the rest: so ask by `with_phone`."""


class Message(Base):
    """One text, either direction. Body, encoding and segments are frozen when the row is created."""

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("run_id", "contact_id"),
        Index(
            "uq_message_event_id_step", "event_id", "step", unique=True,
            sqlite_where=text("event_id IS NOT NULL"), postgresql_where=text("event_id IS NOT NULL"),
        ),
        Index(
            "uq_message_conversation_id_reply_key", "conversation_id", "reply_key", unique=True,
            sqlite_where=text("conversation_id IS NOT NULL"), postgresql_where=text("conversation_id IS NOT NULL"),
        ),
        Index(
            "ix_message_pending", "sender_id",
            "lane_id", "priority", "due_at", "id",
            sqlite_where=text("status = 'pending'"), postgresql_where=text("status = 'pending'"),
        ),
        Index(
            "ix_message_open", "lease_until",
            sqlite_where=text("status IN ('claimed', 'in_doubt')"), postgresql_where=text("status IN ('claimed', 'in_doubt')"),
        ),
        Index(
            "uq_message_confirms_id", "confirms_id", unique=True,
            sqlite_where=text("confirms_id IS NOT NULL"), postgresql_where=text("confirms_id IS NOT NULL"),
        ),
        Index("uq_message_sid", "sid", unique=True, sqlite_where=text("sid IS NOT NULL"), postgresql_where=text("sid IS NOT NULL")),
        Index("ix_message_account_id_created_at", "account_id", "created_at", "id"),
        Index("ix_message_account_id_status", "account_id", "status", "created_at", "id"),
        Index(
            "ix_message_account_id_phone", "account_id", "phone", "id",
            sqlite_where=text(BY_PHONE), postgresql_where=text(BY_PHONE),
        ),
        Index("ix_message_run_id_status", "run_id", "status", "id"),
        Index(
            "ix_message_unpriced", "account_id", "sent_at",
            sqlite_where=text("sid IS NOT NULL AND twilio_price_u IS NULL"),
            postgresql_where=text("sid IS NOT NULL AND twilio_price_u IS NULL"),
        ),
        Index("ix_message_outcome", "run_id", "final_at", sqlite_where=text(OUTCOME), postgresql_where=text(OUTCOME)),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    direction: Mapped[Direction] = mapped_column(words(Direction), default=Direction.OUTBOUND)
    kind: Mapped[Kind] = mapped_column(words(Kind), default=Kind.SMS)
    # why it exists: exactly one of run, event, conversation; a confirmation of an opt-out has the inbound it answers
    run_id: Mapped[int | None] = mapped_column(ForeignKey("run.id"))
    lane_id: Mapped[int | None] = mapped_column(ForeignKey("lane.id"))
    event_id: Mapped[int | None] = mapped_column(ForeignKey("event.id"))
    step: Mapped[int | None]
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversation.id"))
    reply_key: Mapped[str | None]
    confirms_id: Mapped[int | None]
    """The opt-out that this text confirms: `sender/confirmations.py`. No foreign key, which the ledger has on this table already;
    an entry of the ledger is never lost."""
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"))
    template_version_id: Mapped[int | None] = mapped_column(ForeignKey("template_version.id"))
    purpose: Mapped[Purpose] = mapped_column(words(Purpose), default=Purpose.ACCOUNT)
    priority: Mapped[int] = mapped_column(default=5)
    # what and to whom
    sender_id: Mapped[int | None] = mapped_column(ForeignKey("sending_number.id"))
    phone: Mapped[str]
    """The other party's number, E.164: the recipient of an outbound text, the author of an inbound one."""
    number_hash: Mapped[str | None]
    """Stands for the number once that is erased, and `phone` is empty: `models.digests`."""
    region: Mapped[str]
    body: Mapped[str | None] = mapped_column(Text)
    media_url: Mapped[str | None]
    encoding: Mapped[str]
    units: Mapped[int]
    segments: Mapped[int]
    # our side of sending
    status: Mapped[MessageStatus] = mapped_column(words(MessageStatus), default=MessageStatus.PENDING)
    reason: Mapped[Reason | None] = mapped_column(words(Reason))
    detail: Mapped[str | None] = mapped_column(Text)
    """What more is known of the reason; of a pending text that waits for room under a cap, which one. It names nobody."""
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    attempt: Mapped[int] = mapped_column(default=0)
    """How often it was claimed; the fencing token of every result."""
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    intent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    absences: Mapped[int] = mapped_column(default=0)
    """How often Twilio's list was searched for it without success."""
    # Twilio's side
    sid: Mapped[str | None]
    error_code: Mapped[int | None]
    twilio_segments: Mapped[int | None]
    twilio_price_u: Mapped[int | None] = mapped_column(BigInteger)
    """What Twilio says it charged, micros, absolute; null means not known yet, never zero."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """When Twilio took it."""
    final_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)

    run: Mapped[Run | None] = relationship()
    contact: Mapped[Contact | None] = relationship()
    template_version: Mapped[TemplateVersion | None] = relationship()

    def __str__(self) -> str:
        return f"Message {self.id}"


def with_phone(account_id: int, fits: Callable[[Any], ColumnElement[bool]]) -> ColumnElement[bool]:
    """The account's messages whose number fits (`fits(column)` is the condition), as a condition that indexes serve.

    What waits in a campaign is found by its contact, everything else by its own number.
    """
    known, sent = aliased(Message), aliased(Message)
    people = select(Contact.id).where(Contact.account_id == account_id, fits(Contact.phone))
    runs = select(Run.id).where(Run.account_id == account_id, Run.finished_at.is_(None))
    by_phone = select(known.id).where(known.account_id == account_id, fits(known.phone), text(f"({BY_PHONE})"))
    by_person = select(sent.id).where(sent.run_id.in_(runs), sent.contact_id.in_(people), fits(sent.phone))
    return Message.id.in_(union_all(by_phone, by_person))


class Callback(Base):
    """One status POST from Twilio, kept as it came; the status of the message is derived from all of them."""

    __tablename__ = "callback"
    __table_args__ = (Index("ix_callback_sid", "sid", "id"), Index("ix_callback_message_id", "message_id", "id"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"))
    sid: Mapped[str]
    status: Mapped[str]
    error_code: Mapped[int | None]
    attempt: Mapped[int | None]
    token: Mapped[str | None] = mapped_column(unique=True)
    """Twilio's I-Twilio-Idempotency-Token, the same on a retried POST."""
    applied: Mapped[bool] = mapped_column(default=False)
    """Whether it moved the message's status; a late or repeated one does not."""
    extra: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """Parameters other than numbers and bodies."""
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)
