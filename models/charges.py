"""What does a message cost, who says so, and what did Twilio count? Money is integer micros (`*_u`), never a float."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Date, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.accounts import Account
from models.base import Base, BigId, UTCDateTime, words


class ChargeKind(StrEnum):
    """What is being charged."""

    MESSAGE = "message"
    CARRIER_FEE = "carrier_fee"
    FAILED_MESSAGE = "failed_message"
    PUMPING_PROTECTION = "pumping_protection"
    NUMBER = "number"
    REGISTRATION = "registration"


class Unit(StrEnum):
    """What one unit of a rate is."""

    SEGMENT = "segment"
    MESSAGE = "message"
    MONTH = "month"


class StatementState(StrEnum):
    """Whether a month may still change."""

    OPEN = "open"
    CLOSED = "closed"


ANY = "*"
"""In a rate: holds for every region, sender kind or carrier that has no rate of its own."""


class RateCard(Base):
    """A named, dated set of rates; immutable once a charge was made with it."""

    __tablename__ = "rate_card"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    """The account it is for; empty is the house card."""
    currency: Mapped[str] = mapped_column(default="USD")
    sha256: Mapped[str]
    entered_by: Mapped[str]
    approved_by: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    rates: Mapped[list[Rate]] = relationship(back_populates="card")

    def __str__(self) -> str:
        return self.name


class Rate(Base):
    """Cost and price of one unit of one kind, for a time. `valid_to` is the first day on which it no longer holds."""

    __tablename__ = "rate"
    __table_args__ = (
        UniqueConstraint(
            "card_id", "kind", "direction", "message_kind", "region", "sender_kind", "carrier", "valid_from"
        ),
        Index("ix_rate_lookup", "card_id", "kind", "region"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    card_id: Mapped[int] = mapped_column(ForeignKey("rate_card.id"))
    kind: Mapped[ChargeKind] = mapped_column(words(ChargeKind))
    direction: Mapped[str] = mapped_column(default="outbound")
    message_kind: Mapped[str] = mapped_column(default="sms")
    region: Mapped[str] = mapped_column(default=ANY)
    sender_kind: Mapped[str] = mapped_column(default=ANY)
    carrier: Mapped[str] = mapped_column(default=ANY)
    unit: Mapped[Unit] = mapped_column(words(Unit))
    cost_u: Mapped[int] = mapped_column(BigInteger)
    price_u: Mapped[int] = mapped_column(BigInteger)
    valid_from: Mapped[date] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    source: Mapped[str]
    confirmed: Mapped[bool] = mapped_column(default=False)
    """False where only a live account could confirm the figure; pages then say so."""

    card: Mapped[RateCard] = relationship(back_populates="rates")


class FeeRule(Base):
    """An error code that is free of the failed-message fee, for a time."""

    __tablename__ = "fee_rule"
    __table_args__ = (UniqueConstraint("kind", "error_code", "valid_from"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[ChargeKind] = mapped_column(words(ChargeKind), default=ChargeKind.FAILED_MESSAGE)
    error_code: Mapped[int]
    why: Mapped[str]
    valid_from: Mapped[date] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    source: Mapped[str]
    confirmed: Mapped[bool] = mapped_column(default=False)


class Charge(Base):
    """One posted line. Append-only: a correction is a reversal (negative) and a new revision."""

    __tablename__ = "charge"
    __table_args__ = (
        UniqueConstraint("message_id", "kind", "revision"),
        Index("ix_charge_account_id_day", "account_id", "day", "kind"),
        Index("ix_charge_run_id", "run_id", "kind"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"))
    run_id: Mapped[int | None] = mapped_column(ForeignKey("run.id"))
    kind: Mapped[ChargeKind] = mapped_column(words(ChargeKind))
    revision: Mapped[int] = mapped_column(default=1)
    """1 for the first posting; a reversal takes the next number, the corrected line the one after."""
    day: Mapped[date] = mapped_column(Date)
    """UTC day on which Twilio took the message: the day of its usage records."""
    region: Mapped[str]
    quantity: Mapped[int]
    unit: Mapped[Unit] = mapped_column(words(Unit))
    unit_cost_u: Mapped[int] = mapped_column(BigInteger)
    unit_price_u: Mapped[int] = mapped_column(BigInteger)
    cost_u: Mapped[int] = mapped_column(BigInteger)
    price_u: Mapped[int] = mapped_column(BigInteger)
    rate_id: Mapped[int] = mapped_column(ForeignKey("rate.id"))
    confirmed: Mapped[bool] = mapped_column(default=False)
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("charge.id"))
    note: Mapped[str] = mapped_column(default="")
    posted_at: Mapped[datetime] = mapped_column(UTCDateTime)

    rate: Mapped[Rate] = relationship()


class Statement(Base):
    """An account's charges of one month, rounded once, with the rounding as its own line."""

    __tablename__ = "statement"
    __table_args__ = (UniqueConstraint("account_id", "month", "number"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    month: Mapped[date] = mapped_column(Date)
    number: Mapped[int] = mapped_column(default=1)
    time_zone: Mapped[str] = mapped_column(default="UTC")
    state: Mapped[StatementState] = mapped_column(words(StatementState), default=StatementState.OPEN)
    total_u: Mapped[int] = mapped_column(BigInteger)
    rounding_u: Mapped[int] = mapped_column(BigInteger)
    closed_by: Mapped[str | None]
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    account: Mapped[Account] = relationship()


class UsageRecord(Base):
    """Twilio's total of one category on one GMT day, as of the last pull."""

    __tablename__ = "usage_record"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    category: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    usage: Mapped[int] = mapped_column(BigInteger)
    price_u: Mapped[int] = mapped_column(BigInteger)
    as_of: Mapped[datetime] = mapped_column(UTCDateTime)
    pulled_at: Mapped[datetime] = mapped_column(UTCDateTime)
