"""Who may do what in which account, and who did?"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.accounts import Account
from models.base import Base, BigId, UTCDateTime


class RoleName(StrEnum):
    """The roles of a member of an account. An owner is a user flag: it spans accounts."""

    ADMIN = "admin"
    FINANCE = "finance"
    ANALYST = "analyst"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"


class Role(Base):
    """A named set of rights; which rights, `admin/auth.py` says."""

    __tablename__ = "role"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str] = mapped_column(default="")
    permissions: Mapped[list[str] | None] = mapped_column(JSON)

    def __str__(self) -> str:
        return self.name


class Membership(Base):
    """A user's role in an account."""

    __tablename__ = "membership"

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    role_id: Mapped[int] = mapped_column(ForeignKey("role.id"), primary_key=True)

    account: Mapped[Account] = relationship()
    role: Mapped[Role] = relationship()


class User(Base):
    """A person who signs in. The columns are those that Flask-Security reads and writes."""

    __tablename__ = "user"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(default="")
    password: Mapped[str | None]
    active: Mapped[bool] = mapped_column(default=True)
    owner: Mapped[bool] = mapped_column(default=False)
    fs_uniquifier: Mapped[str] = mapped_column(unique=True)
    fs_webauthn_user_handle: Mapped[str | None] = mapped_column(unique=True)
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    tf_primary_method: Mapped[str | None]
    tf_totp_secret: Mapped[str | None]
    tf_phone_number: Mapped[str | None]
    mf_recovery_codes: Mapped[list[str] | None] = mapped_column(JSON)
    last_login_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    current_login_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_login_ip: Mapped[str | None]
    current_login_ip: Mapped[str | None]
    login_count: Mapped[int] = mapped_column(default=0)
    create_datetime: Mapped[datetime] = mapped_column(UTCDateTime)
    update_datetime: Mapped[datetime] = mapped_column(UTCDateTime)

    memberships: Mapped[list[Membership]] = relationship(cascade="all, delete-orphan")
    roles: Mapped[list[Role]] = relationship(secondary="membership", viewonly=True)
    passkeys: Mapped[list[Passkey]] = relationship(cascade="all, delete-orphan")

    def __str__(self) -> str:
        return self.name or self.email


class Passkey(Base):
    """A passkey of a user; the columns are Flask-Security's."""

    __tablename__ = "passkey"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    credential_id: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(default=0)
    transports: Mapped[list[str] | None] = mapped_column(JSON)
    backup_state: Mapped[bool]
    device_type: Mapped[str]
    extensions: Mapped[str | None]
    name: Mapped[str]
    usage: Mapped[str]
    create_datetime: Mapped[datetime] = mapped_column(UTCDateTime)
    lastuse_datetime: Mapped[datetime] = mapped_column(UTCDateTime)


class AuditEntry(Base):
    """Who changed what, from what, to what, when. Append-only and hash-chained per account (0: no account)."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_account_id_at", "account_id", "at", "id"),
        Index("ix_audit_entry_subject", "account_id", "subject_kind", "subject_id", "id"),
        UniqueConstraint("account_id", "number"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int]
    number: Mapped[int]
    """Position in the account's chain, from 1."""
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    actor: Mapped[str]
    action: Mapped[str]
    """Such as "campaign:send"."""
    subject_kind: Mapped[str]
    subject_id: Mapped[str]
    subject: Mapped[str] = mapped_column(Text, default="")
    before: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    ip: Mapped[str] = mapped_column(default="")
    erased_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """From then on it does not say who it was about; what is left of it is vouched for by a later entry (`admin/audit.py`)."""
    previous_hash: Mapped[str]
    hash: Mapped[str]

    def facts(self) -> dict[str, Any]:
        """What the hash covers."""
        return {
            "account": self.account_id, "number": self.number, "at": self.at.isoformat(), "actor": self.actor,
            "action": self.action, "kind": self.subject_kind, "id": self.subject_id, "subject": self.subject,
            "before": self.before, "after": self.after, "ip": self.ip,
        }  # fmt: skip
