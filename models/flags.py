"""Which numbers must not be texted for a reason that is no consent: a lawyer, a request to cease, a new owner of the number?

A flag stands until somebody clears it, which is a second act on the same row: who, when and why join what was known before, and
nothing of that changes. A flag that was cleared and turns out to be true is raised anew, as another row.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Date, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.accounts import Account
from models.base import Base, BigId, UTCDateTime, words


class FlagKind(StrEnum):
    """What the flag says of the number; of several the first in this order is named. `sender/flag_kinds.csv` says more of each."""

    NO_TEXTS = "no_texts"
    CEASE = "cease"
    ATTORNEY = "attorney"
    BANKRUPTCY = "bankruptcy"
    LITIGATOR = "litigator"
    REASSIGNED = "reassigned"


STANDING = "cleared_at IS NULL"
"""The condition of the index that sending asks; a literal, so that it can be used."""


class ContactFlag(Base):
    """One flag on one number of one account."""

    __tablename__ = "contact_flag"
    __table_args__ = (
        Index(
            "uq_contact_flag_standing", "account_id", "phone", "kind", "since", unique=True,
            sqlite_where=text(STANDING), postgresql_where=text(STANDING),
        ),
        Index("ix_contact_flag_account_id_id", "account_id", "id"),
        Index("ix_contact_flag_account_id_phone", "account_id", "phone", "id"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    phone: Mapped[str]
    kind: Mapped[FlagKind] = mapped_column(words(FlagKind))
    since: Mapped[date] = mapped_column(Date)
    """The day from which it holds, in the account's zone. Of `reassigned`: consent of that day or before is somebody else's."""
    source: Mapped[str]
    """Who says so: a letter, a list, a call."""
    evidence: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """Of an imported one: the file's name and SHA-256, and the row."""
    note: Mapped[str] = mapped_column(default="")
    actor: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    cleared_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    cleared_by: Mapped[str] = mapped_column(default="")
    cleared_reason: Mapped[str] = mapped_column(default="")

    account: Mapped[Account] = relationship()

    def __str__(self) -> str:
        return f"{self.kind.value.replace('_', ' ')} since {self.since:%Y-%m-%d}"
