"""Which e-mails do we owe people about trouble and about finished runs? An outbox: written with what it tells of, mailed later."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, BigId, UTCDateTime


class Notice(Base):
    """One e-mail; `cause` is its natural key, so that one cause is told once."""

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("account_id", "cause"),
        Index("ix_notice_unsent", "due_at", sqlite_where=text("sent_at IS NULL"), postgresql_where=text("sent_at IS NULL")),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"))
    cause: Mapped[str]
    """What happened, as a key: "run:12:finished", "run:12:errors", "campaign:7:held:2026-11-20T15:00"."""
    recipients: Mapped[list[str]] = mapped_column(JSON, default=list)
    subject: Mapped[str]
    body: Mapped[str] = mapped_column(Text)
    """Plain text; never a phone number or a message's own words."""
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_error: Mapped[str] = mapped_column(default="")
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    def __str__(self) -> str:
        return self.subject
