"""Which business events set which messages going, and after how long?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.accounts import Account
from models.base import Base, BigId, UTCDateTime
from models.templates import TemplateVersion


class Workflow(Base):
    """What an event of one kind sets going. Off until somebody signs it off."""

    __tablename__ = "workflow"
    __table_args__ = (
        UniqueConstraint("account_id", "name"),
        Index("ix_workflow_event_kind", "account_id", "event_kind"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    name: Mapped[str]
    event_kind: Mapped[str]
    cancelled_by: Mapped[str | None]
    """An event of this kind with the same subject cancels what is still pending."""
    signed_off_by: Mapped[str | None]
    enabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    account: Mapped[Account] = relationship()
    steps: Mapped[list[Step]] = relationship(back_populates="workflow", order_by="Step.number")

    def __str__(self) -> str:
        return self.name


class Step(Base):
    """One message of a workflow."""

    __tablename__ = "step"

    workflow_id: Mapped[int] = mapped_column(ForeignKey("workflow.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    template_version_id: Mapped[int] = mapped_column(ForeignKey("template_version.id"))
    delay_seconds: Mapped[int] = mapped_column(default=0)

    workflow: Mapped[Workflow] = relationship(back_populates="steps")
    template_version: Mapped[TemplateVersion] = relationship()


class Event(Base):
    """A business fact from outside, taken once however often it is sent."""

    __tablename__ = "event"
    __table_args__ = (UniqueConstraint("account_id", "kind", "external_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    kind: Mapped[str]
    external_id: Mapped[str]
    subject: Mapped[str] = mapped_column(default="")
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    occurred_at: Mapped[datetime] = mapped_column(UTCDateTime)
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)
