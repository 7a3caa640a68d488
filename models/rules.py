"""What did an account decide about a rule? Waivers, which expire, and confirmations by its counsel; neither is ever changed."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Date, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.accounts import Account
from models.base import Base, BigId, UTCDateTime, words


class DecisionKind(StrEnum):
    """What was decided."""

    WAIVED = "waived"
    CONFIRMED = "confirmed"


class RuleDecision(Base):
    """One decision about one rule of the table. It ends by its last day or by being withdrawn; the row stays."""

    __tablename__ = "rule_decision"
    __table_args__ = (Index("ix_rule_decision_account_id_rule", "account_id", "rule", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    rule: Mapped[str]
    """The rule's id, such as "X05"."""
    kind: Mapped[DecisionKind] = mapped_column(words(DecisionKind))
    severity: Mapped[str | None]
    """Of a waiver: what the rule weighs instead, always less than the table says."""
    reason: Mapped[str] = mapped_column(Text)
    """Of a confirmation: who confirmed it, in which words."""
    approver: Mapped[str]
    """Who answers for it."""
    decided_on: Mapped[date] = mapped_column(Date)
    """The day of the decision, in the account's zone: a confirmation may be of an earlier day than its row."""
    expires_on: Mapped[date | None] = mapped_column(Date)
    """The last day on which a waiver counts."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    withdrawn_by: Mapped[str] = mapped_column(default="")

    account: Mapped[Account] = relationship()

    def standing(self, on: date) -> bool:
        """Whether it counts on a day."""
        return (
            self.withdrawn_at is None and self.decided_on <= on and (self.expires_on is None or on <= self.expires_on)
        )

    def __str__(self) -> str:
        return f"{self.rule} {self.kind}"
