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


BLOCKING = frozenset({ConsentKind.OPT_OUT, ConsentKind.HOLD})
"""A number whose latest event is one of these is not texted."""


class ConsentEvent(Base):
    """One event of one number. Never updated, never deleted, which the database itself sees to; the latest row counts."""

    __tablename__ = "consent_event"
    __table_args__ = (
        Index("ix_consent_event_account_id_phone", "account_id", "phone", "purpose", "id"),
        Index("ix_consent_event_account_id_id", "account_id", "id"),
        Index(
            "ix_consent_event_hold", "account_id", "id",
            sqlite_where=text("kind = 'hold'"), postgresql_where=text("kind = 'hold'"),
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
    salt: Mapped[str]
    content_hash: Mapped[str]
    """Stands in the chain for what the event says of a person: `models.chain.commitment`."""
    previous_hash: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)

    account: Mapped[Account] = relationship()

    def content(self) -> dict[str, Any]:
        """What the event says of a person."""
        return {"phone": self.phone, "reason": self.reason, "evidence": self.evidence}

    def facts(self) -> dict[str, Any]:
        """What the hash covers."""
        return {
            "account": self.account_id, "kind": self.kind, "purpose": self.purpose, "source": self.source,
            "message": self.message_id, "actor": self.actor, "at": self.at.isoformat(), "content": self.content_hash,
        }  # fmt: skip

    def seal(self, previous: str) -> None:
        """Join the chain behind the event with that hash."""
        self.previous_hash, self.salt = previous, new_salt()
        self.content_hash = commitment(self.salt, self.content())
        self.hash = link(previous, self.facts())

    def follows(self, previous: str) -> bool:
        """Whether it is as it was sealed, behind the event with that hash."""
        sealed = self.content_hash == commitment(self.salt, self.content()) and self.hash == link(
            previous, self.facts()
        )
        return sealed and self.previous_hash == previous

    def __str__(self) -> str:
        return f"{self.kind} at {self.at:%Y-%m-%d %H:%M} UTC"
