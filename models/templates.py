"""What do we say? Templates and their immutable versions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.accounts import Account
from models.base import Base, BigId, UTCDateTime, words
from models.consent import Purpose


class Template(Base):
    """A named text. What it says lives in its versions; the newest one is offered to new campaigns."""

    __tablename__ = "template"
    __table_args__ = (UniqueConstraint("account_id", "name"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    name: Mapped[str]
    purpose: Mapped[Purpose] = mapped_column(words(Purpose), default=Purpose.ACCOUNT)
    use_case: Mapped[str] = mapped_column(Text, default="")
    category: Mapped[str] = mapped_column(default="OTHER")
    system: Mapped[bool] = mapped_column(default=False)
    archived: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)

    account: Mapped[Account] = relationship()
    versions: Mapped[list[TemplateVersion]] = relationship(back_populates="template", order_by="TemplateVersion.number")

    @property
    def current(self) -> TemplateVersion | None:
        """The newest version, or None before the first."""
        return self.versions[-1] if self.versions else None

    def __str__(self) -> str:
        return self.name


class TemplateVersion(Base):
    """One wording, never edited after it is saved; a sent message points to it."""

    __tablename__ = "template_version"
    __table_args__ = (UniqueConstraint("template_id", "number"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    template_id: Mapped[int] = mapped_column(ForeignKey("template.id"))
    number: Mapped[int]
    source: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(default="en")
    media_url: Mapped[str | None]
    note: Mapped[str] = mapped_column(default="")
    created_by: Mapped[str] = mapped_column(default="")
    approved_by: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    template: Mapped[Template] = relationship(back_populates="versions")

    def __str__(self) -> str:
        return f"{self.template.name} v{self.number}"
