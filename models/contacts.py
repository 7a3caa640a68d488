"""Who are the people we hold?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.accounts import Account
from models.base import Base, BigId, UTCDateTime


class Contact(Base):
    """A person of an account. The phone is normalised at the door; the number as written is kept beside it."""

    __tablename__ = "contact"
    __table_args__ = (
        UniqueConstraint("account_id", "phone"),
        Index(
            "ix_contact_account_id_external_id", "account_id", "external_id",
            sqlite_where=text("external_id IS NOT NULL"), postgresql_where=text("external_id IS NOT NULL"),
        ),
        Index("ix_contact_account_id_name", "account_id", "name", "id"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    phone: Mapped[str]
    """E.164."""
    phone_raw: Mapped[str]
    region: Mapped[str]
    line_type: Mapped[str]
    time_zones: Mapped[str] = mapped_column(default="")
    """Every zone the number may be in, comma-separated; empty when the number cannot tell."""
    time_zone: Mapped[str | None]
    """The person's own zone, when known; it wins over the number's."""
    name: Mapped[str] = mapped_column(default="")
    address_region: Mapped[str | None]
    """State, province or territory of the address, ISO 3166 ("US-FL"); its law and its zones count beside the number's."""
    postal_code: Mapped[str | None]
    quiet_hours: Mapped[str] = mapped_column(default="")
    """When the person asked not to be texted, in the form of `sender/quiet.py`: "18:00-10:00, sun"; empty when they did not."""
    quiet_source: Mapped[str] = mapped_column(default="")
    """How that is known, for people."""
    external_id: Mapped[str | None]
    attributes: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    erased_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """From then on nothing here says who it was; the row stays for what refers to it, and is never texted."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)

    account: Mapped[Account] = relationship()

    def __str__(self) -> str:
        return self.name or f"Contact {self.id}"
