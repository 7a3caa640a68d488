"""Who is talking with us, and who answers?"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.accounts import Account
from models.base import Base, BigId, UTCDateTime, words
from models.contacts import Contact


class ConversationState(StrEnum):
    """Whether somebody has to do something."""

    OPEN = "open"
    CLOSED = "closed"
    REVIEW = "review"


class Conversation(Base):
    """All texts with one number on one of our senders."""

    __tablename__ = "conversation"
    __table_args__ = (
        UniqueConstraint("account_id", "phone", "sender_id"),
        Index("ix_conversation_account_id_state", "account_id", "state", "last_inbound_at", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    phone: Mapped[str]
    sender_id: Mapped[int] = mapped_column(ForeignKey("sending_number.id"))
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"))
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    state: Mapped[ConversationState] = mapped_column(words(ConversationState), default=ConversationState.OPEN)
    erased_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_inbound_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_outbound_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    account: Mapped[Account] = relationship()
    contact: Mapped[Contact | None] = relationship()


class Note(Base):
    """What staff wrote beside a conversation; never sent."""

    __tablename__ = "note"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"), index=True)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
