"""Which short links on our own domain are in our texts, where do they lead, and how often were they followed?"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.accounts import Account
from models.base import Base, BigId, UTCDateTime


class ShortLink(Base):
    """An address of ours that leads elsewhere. Where it leads is never changed: the texts with it are out."""

    __tablename__ = "short_link"
    __table_args__ = (Index("ix_short_link_account_id_created_at", "account_id", "created_at", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    code: Mapped[str] = mapped_column(unique=True)
    """The last part of its address."""
    url: Mapped[str] = mapped_column(Text)
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """Since when it leads nowhere."""
    created_by: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    account: Mapped[Account] = relationship()

    def __str__(self) -> str:
        return f"Link {self.code}"


class LinkDay(Base):
    """How often a link was followed on one day, UTC."""

    __tablename__ = "link_day"

    link_id: Mapped[int] = mapped_column(ForeignKey("short_link.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    clicks: Mapped[int] = mapped_column(default=0)
