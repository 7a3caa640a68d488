"""Which countries may an account text, and under which local rules?"""

from __future__ import annotations

from datetime import datetime, time

from sqlalchemy import ForeignKey, Time, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.accounts import Account, SendingNumber
from models.base import Base, BigId, UTCDateTime


class CountrySetting(Base):
    """One country of one account. A country without a row is disabled."""

    __tablename__ = "country_setting"
    __table_args__ = (UniqueConstraint("account_id", "region"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    region: Mapped[str]
    """ISO 3166-1 alpha-2, such as "US"."""
    name: Mapped[str]
    enabled: Mapped[bool] = mapped_column(default=True)
    default_prefix: Mapped[str | None]
    """The country's own ("+44"), where numbers of a list that have none, and are none of the account's country, are read as its."""
    sender_id: Mapped[int | None] = mapped_column(ForeignKey("sending_number.id"))
    """Send from this one here, whatever the campaign's sender is: a US short code, for one, reaches the US and Canada only."""
    mms: Mapped[bool] = mapped_column(default=False)
    landlines: Mapped[bool] = mapped_column(default=False)
    """Whether numbers that are certainly fixed lines are texted all the same."""
    opens_at: Mapped[time | None] = mapped_column(Time)
    """Local time from which we send; both empty means at any hour."""
    closes_at: Mapped[time | None] = mapped_column(Time)
    pumping_protection: Mapped[bool] = mapped_column(default=True)
    """Whether Twilio's pumping protection charges here, where the account has it switched on."""
    note: Mapped[str] = mapped_column(default="")
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)

    account: Mapped[Account] = relationship()
    sender: Mapped[SendingNumber | None] = relationship()

    def __str__(self) -> str:
        return f"{self.name} ({self.region})"
