"""Who said yes, who said no, when, how, and what was shown to them? Append-only and hash-chained per account."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.accounts import Account
from models.base import Base, BigId, UTCDateTime, words
from models.chain import commitment, link, new_salt


class ConsentKind(StrEnum):
    """What happened."""

    OPT_IN = "opt_in"
    OPT_OUT = "opt_out"
    RE_SUBSCRIBE = "re_subscribe"
    HOLD = "hold"
    RELEASE = "release"
    ERASURE = "erasure"


class Purpose(StrEnum):
    """What was agreed to, or refused. A STOP is about everything."""

    ALL = "all"
    ACCOUNT = "account"
    MARKETING = "marketing"


class ConsentSource(StrEnum):
    """How we know."""

    KEYWORD = "keyword"
    ADMIN = "admin"
    AGENT_PIN = "agent_pin"
    QUICK = "quick"
    PLAN = "plan"
    SUPERVISOR_LINK = "supervisor_link"
    FORM = "form"
    IMPORT = "import"
    PROVIDER_REFUSAL = "provider_refusal"
    ERASURE = "erasure"


BLOCKING = frozenset({ConsentKind.OPT_OUT, ConsentKind.HOLD})
"""A number whose latest event is one of these is not texted."""


class ConsentEvent(Base):
    """One event of one number. Never updated, never deleted, which the database itself sees to; the latest row counts.

    One change is let pass, once: what it says of a person is erased, and a keyed hash of the number takes its place
    (`sender/erasure.py`).
    """

    __tablename__ = "consent_event"
    __table_args__ = (
        Index("ix_consent_event_account_id_phone", "account_id", "phone", "purpose", "id"),
        Index("ix_consent_event_account_id_id", "account_id", "id"),
        Index(
            "ix_consent_event_hold", "account_id", "id",
            sqlite_where=text("kind = 'hold'"), postgresql_where=text("kind = 'hold'"),
        ),
        Index(
            "ix_consent_event_account_id_number_hash", "account_id", "number_hash", "id",
            sqlite_where=text("number_hash IS NOT NULL"), postgresql_where=text("number_hash IS NOT NULL"),
        ),
        UniqueConstraint("account_id", "previous_hash"),  # a chain cannot fork
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    phone: Mapped[str]
    kind: Mapped[ConsentKind] = mapped_column(words(ConsentKind))
    purpose: Mapped[Purpose] = mapped_column(words(Purpose), default=Purpose.ALL)
    source: Mapped[ConsentSource] = mapped_column(words(ConsentSource))
    reason: Mapped[str] = mapped_column(default="")
    evidence: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """Message id or SID, wording shown, file hash, IP: whatever proves the event."""
    message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"))
    actor: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    erased_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    number_hash: Mapped[str | None]
    """Keyed hash of a number that is, or once was, erased (`models.digests`); sealed with the event that had it from the start."""
    salt: Mapped[str]
    content_hash: Mapped[str]
    """Stands in the chain for what the event says of a person: `models.chain.commitment`."""
    previous_hash: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)

    account: Mapped[Account] = relationship()

    def content(self) -> dict[str, Any]:
        """What the event says of a person."""
        return {"phone": self.phone, "reason": self.reason, "evidence": self.evidence}

    def facts(self, *, numbered: bool | None = None) -> dict[str, Any]:
        """What the hash covers; `numbered`: with the hash of the number, which an event has that was sealed with one."""
        facts = {
            "account": self.account_id, "kind": self.kind, "purpose": self.purpose, "source": self.source,
            "message": self.message_id, "actor": self.actor, "at": self.at.isoformat(), "content": self.content_hash,
        }  # fmt: skip
        if self.number_hash is not None if numbered is None else numbered:
            facts["number"] = self.number_hash
        return facts

    def seal(self, previous: str) -> None:
        """Join the chain behind the event with that hash."""
        self.previous_hash, self.salt = previous, new_salt()
        self.content_hash = commitment(self.salt, self.content())
        self.hash = link(previous, self.facts())

    def follows(self, previous: str) -> bool:
        """Whether it is as it was sealed, behind the event with that hash; of an erased one, whether what is left of it is.

        What was erased cannot be hashed again, and the chain does not need it. That the hash of the number and the time of an
        erasure are those of a sealed event of their own is for whoever walks the chain to see (`sender/checkpoints.py`).
        """
        if self.previous_hash != previous:
            return False
        if self.erased_at is None:
            return self.content_hash == commitment(self.salt, self.content()) and self.hash == link(
                previous, self.facts()
            )
        blank = (self.phone, self.reason, self.evidence, self.salt) == ("", "", {}, "")
        return blank and self.hash in {link(previous, self.facts(numbered=numbered)) for numbered in (True, False)}

    def __str__(self) -> str:
        return f"{self.kind} at {self.at:%Y-%m-%d %H:%M} UTC"
