"""Who was asked to agree, with which words, and how far has it come?

A request is the way to a yes: a text asks, the person answers it, and where somebody is on the telephone a code shows that they
hold the phone. The yes itself is an event of the ledger (`models/consent.py`), which carries what the request has gathered.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.accounts import Account
from models.base import Base, BigId, UTCDateTime, words
from models.consent import Purpose
from models.contacts import Contact
from models.messages import Message


class OptInPath(StrEnum):
    """How somebody came to be asked; the words are those of `ConsentSource`, as the event says the same."""

    AGENT_PIN = "agent_pin"
    QUICK = "quick"
    PLAN = "plan"
    SUPERVISOR_LINK = "supervisor_link"
    FORM = "form"


class OptInState(StrEnum):
    """Where a request stands."""

    REQUESTED = "requested"
    AWAITING_YES = "awaiting_yes"
    AWAITING_PIN = "awaiting_pin"
    COMPLETED = "completed"
    EXPIRED = "expired"
    REFUSED = "refused"
    LOCKED = "locked"


OPEN = (OptInState.REQUESTED, OptInState.AWAITING_YES, OptInState.AWAITING_PIN)
"""Something may still come of it."""
OPEN_ROWS = "state IN ('requested', 'awaiting_yes', 'awaiting_pin')"
"""The same as a condition of SQL: a literal, so that a partial index can be used."""

TEXTS = "opt-in:"
"""What the reply key of each text of a request begins with. Such a text asks for a yes or answers one, so it needs none itself."""
CODE = ":code"
"""What the reply key of a text that carries a code ends with."""


def text_key(request_id: int, what: str) -> str:
    """The reply key of one text of a request: each is written once, however often it is tried."""
    return f"{TEXTS}{request_id}:{what}"


def is_invitation(reply_key: str | None) -> bool:
    """Whether a text belongs to a request, by its reply key."""
    return (reply_key or "").startswith(TEXTS)


def carries_code(reply_key: str | None) -> bool:
    """Whether a text shows a code that nobody but its recipient may read, by its reply key."""
    return is_invitation(reply_key) and str(reply_key).endswith(CODE)


class OptInWording(Base):
    """What people agree to, one version. A change is a new version; what somebody saw stays as they saw it."""

    __tablename__ = "opt_in_wording"
    __table_args__ = (UniqueConstraint("account_id", "number"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    number: Mapped[int]
    purpose: Mapped[Purpose] = mapped_column(words(Purpose))
    language: Mapped[str]
    """en, es or fr."""
    brand: Mapped[str]
    """The organisation as people know it; each text begins with it."""
    programme: Mapped[str]
    """What the texts are about, as it follows "texts about"."""
    description: Mapped[str] = mapped_column(Text)
    frequency: Mapped[str]
    """How often texts come, such as "2 messages a month"."""
    terms_url: Mapped[str]
    privacy_url: Mapped[str]
    agreement: Mapped[str] = mapped_column(Text)
    """The sentence beside the box that people tick, in full."""
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    account: Mapped[Account] = relationship()

    def __str__(self) -> str:
        return f"Wording, version {self.number}"


class OptInRequest(Base):
    """One try to get a yes from one number. A number has at most one that is open in an account."""

    __tablename__ = "opt_in_request"
    __table_args__ = (
        Index(
            "uq_opt_in_request_open", "account_id", "phone", unique=True,
            sqlite_where=text(OPEN_ROWS), postgresql_where=text(OPEN_ROWS),
        ),
        Index("ix_opt_in_request_account_id_phone", "account_id", "phone", "created_at"),
        Index("ix_opt_in_request_account_id_id", "account_id", "id"),
        Index("ix_opt_in_request_open", "id", sqlite_where=text(OPEN_ROWS), postgresql_where=text(OPEN_ROWS)),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    phone: Mapped[str]
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"))
    purpose: Mapped[Purpose] = mapped_column(words(Purpose))
    path: Mapped[OptInPath] = mapped_column(words(OptInPath))
    state: Mapped[OptInState] = mapped_column(words(OptInState))
    detail: Mapped[str] = mapped_column(default="")
    """Why it ended, or what is odd about it, as a sentence."""
    wording_id: Mapped[int] = mapped_column(ForeignKey("opt_in_wording.id"))
    sender_id: Mapped[int] = mapped_column(ForeignKey("sending_number.id"))
    message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"))
    """The text that asks."""
    answer_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"))
    """The yes."""
    code_message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"))
    code_salt: Mapped[str] = mapped_column(default="")
    code_hash: Mapped[str] = mapped_column(default="")
    """Of the code, which is kept nowhere but in the text itself."""
    tries: Mapped[int] = mapped_column(default=0)
    evidence: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What was known when it was made: for a form the address, the browser's hash and the page."""
    event_id: Mapped[int | None] = mapped_column(ForeignKey("consent_event.id"))
    created_by: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    """From then on nothing more comes of the present step."""
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    account: Mapped[Account] = relationship()
    contact: Mapped[Contact | None] = relationship()
    wording: Mapped[OptInWording] = relationship()
    message: Mapped[Message | None] = relationship(foreign_keys=[message_id])
    answer: Mapped[Message | None] = relationship(foreign_keys=[answer_id])
    code_message: Mapped[Message | None] = relationship(foreign_keys=[code_message_id])

    @property
    def open(self) -> bool:
        """Whether something may still come of it."""
        return self.state in OPEN

    def __str__(self) -> str:
        return f"Opt-in request {self.id}"


class OptInCapture(Base):
    """A picture of the hosted page and the page itself, as they were at a time. Never changed."""

    __tablename__ = "opt_in_capture"
    __table_args__ = (UniqueConstraint("wording_id", "sha256"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    wording_id: Mapped[int] = mapped_column(ForeignKey("opt_in_wording.id"))
    image: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    media_type: Mapped[str]
    sha256: Mapped[str]
    """Of the picture's bytes; part of its public address."""
    url: Mapped[str]
    """Of the page that it shows."""
    page: Mapped[str] = mapped_column(Text, deferred=True)
    """The page's HTML."""
    page_sha256: Mapped[str]
    captured_by: Mapped[str]
    captured_at: Mapped[datetime] = mapped_column(UTCDateTime)

    wording: Mapped[OptInWording] = relationship()

    def __str__(self) -> str:
        return f"Evidence of {self.captured_at:%Y-%m-%d %H:%M} UTC"
