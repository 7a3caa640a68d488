"""Who is a tenant, and which numbers may it send from?"""

from __future__ import annotations

from datetime import datetime, time
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Text, Time, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, BigId, UTCDateTime, words


class Profile(StrEnum):
    """What kind of organisation the account is; it decides which rules apply."""

    ASSOCIATION = "association"
    BUSINESS = "business"
    FIRST_PARTY_CREDITOR = "first_party_creditor"
    THIRD_PARTY_COLLECTOR = "third_party_collector"


class SenderKind(StrEnum):
    """What a sending number is; rates and throughput depend on it."""

    TOLL_FREE = "toll_free"
    LONG_CODE = "long_code"
    SHORT_CODE = "short_code"
    ALPHANUMERIC = "alphanumeric"
    MESSAGING_SERVICE = "messaging_service"


class Verification(StrEnum):
    """Where a sender stands with the carriers; Twilio's words for toll-free, lower-cased."""

    NOT_NEEDED = "not_needed"
    UNVERIFIED = "unverified"
    PENDING_REVIEW = "pending_review"
    IN_REVIEW = "in_review"
    TWILIO_APPROVED = "twilio_approved"
    TWILIO_REJECTED = "twilio_rejected"


CREDENTIALS = ("twilio_sid", "twilio_token", "test_mode", "twilio_test_sid", "twilio_test_token")
"""The columns that a gateway is made of."""


class Account(Base):
    """The tenant: an organisation, its plan and its linked SMS account."""

    __tablename__ = "account"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    profile: Mapped[Profile] = mapped_column(words(Profile), default=Profile.ASSOCIATION)
    time_zone: Mapped[str] = mapped_column(default="America/New_York")
    default_region: Mapped[str] = mapped_column(default="US")
    opens_at: Mapped[time | None] = mapped_column(Time)
    """The account's own hours for campaigns, in the recipient's local time, whatever the country; both empty means none."""
    closes_at: Mapped[time | None] = mapped_column(Time)
    plan: Mapped[str] = mapped_column(default="Pay as you go")
    included_segments: Mapped[int] = mapped_column(default=0)
    segment_limit: Mapped[int] = mapped_column(default=20_000)
    texts_per_day: Mapped[int | None]
    """The most texts of all campaigns together that a number gets in 24 hours; empty: no cap. See `sender/frequency.py`."""
    texts_per_week: Mapped[int | None]
    """The same in 168 hours."""
    attempts_per_week: Mapped[int | None] = mapped_column(default=7)
    """From how many texts in 168 hours a collector is warned: a policy. Regulation F's seven in seven days is about calls."""
    max_invitations: Mapped[int | None] = mapped_column(default=3)
    """The most invitations that a number gets at all; empty: no cap."""
    cap_wait_hours: Mapped[int] = mapped_column(default=24)
    """How long after a run's start a text may wait for room under a cap before it is set aside; 0: not at all."""
    alert_emails: Mapped[list[str]] = mapped_column(JSON, default=list)
    twilio_sid: Mapped[str | None] = mapped_column(unique=True)
    twilio_token: Mapped[str | None] = mapped_column(Text)
    """Auth token sealed by `models.secrets`; never plain."""
    twilio_token_previous: Mapped[str | None] = mapped_column(Text)
    """The token before it, while Twilio may still sign with it."""
    twilio_test_sid: Mapped[str | None]
    """The SID of Twilio's test credentials, which is another than the account's own."""
    twilio_test_token: Mapped[str | None] = mapped_column(Text)
    """Their token, sealed likewise."""
    test_mode: Mapped[bool] = mapped_column(default=False)
    """Nothing of this account may reach the live Twilio: see `sender/destinations.py`."""
    pumping_protection: Mapped[bool] = mapped_column(default=False)
    blocked_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """Set for everyone when Twilio answers 429 for the account."""
    backoff: Mapped[int] = mapped_column(default=0)
    """How many 429 answers came in a row; each doubles the wait."""
    concurrency: Mapped[int] = mapped_column(default=100)
    """Requests to Twilio at once, by all workers together. Twilio publishes no figure; 100 is what others report (unconfirmed)."""
    held_why: Mapped[str] = mapped_column(Text, default="")
    """Why nothing of this account may leave now, as a sentence; empty when nothing holds it."""
    launch_epoch: Mapped[int] = mapped_column(default=1)
    retention_days: Mapped[int | None]
    """After so many days the words and the number of a text go (`sender/retention.py`); empty: never."""
    retained_to: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """Texts made before this time have neither words nor number any more; those that could not be settled hold it back."""
    number_key: Mapped[str | None] = mapped_column(Text)
    """The key of this account's keyed hashes of numbers, sealed (`models.digests`); empty until one is needed."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    senders: Mapped[list[SendingNumber]] = relationship(back_populates="account", order_by="SendingNumber.id")

    @property
    def credentials(self) -> tuple[object, ...]:
        """What a gateway is made of, still sealed: whoever keeps a gateway makes a new one when this has changed."""
        return tuple(getattr(self, name) for name in CREDENTIALS)

    def __str__(self) -> str:
        return self.name


class SendingNumber(Base):
    """A number, short code, name or messaging service that messages come from, and its throughput."""

    __tablename__ = "sending_number"
    __table_args__ = (UniqueConstraint("account_id", "address"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    label: Mapped[str]
    address: Mapped[str]
    """E.164, short code digits, alphanumeric name, or MG… for a messaging service."""
    kind: Mapped[SenderKind] = mapped_column(words(SenderKind))
    sid: Mapped[str | None]
    segments_per_second: Mapped[int]
    verification: Mapped[Verification] = mapped_column(words(Verification), default=Verification.NOT_NEEDED)
    active: Mapped[bool] = mapped_column(default=True)
    is_default: Mapped[bool] = mapped_column(default=False)
    """The account's "Default SMS Send From"; a campaign may choose another."""
    tat_us: Mapped[int] = mapped_column(BigInteger, default=0)
    """Theoretical arrival time of the rate limit, microseconds since 1970 UTC (facts: GCRA)."""
    blocked_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    backoff: Mapped[int] = mapped_column(default=0)
    """How many refusals for want of room (429, 21611) came in a row; each doubles the wait."""
    slow_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """Until then it is paced at half its rate, because Twilio's queue for it overflowed (30001)."""
    served_by: Mapped[str | None]
    """The worker that claimed for it last; until `served_until` no other does, so that one process alone spaces its texts."""
    served_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    evidence: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    account: Mapped[Account] = relationship(back_populates="senders")

    @property
    def may_send(self) -> bool:
        """A toll-free number sends nothing until Twilio approved it (error 30032; all others blocked since 2024-01-31)."""
        settled = {Verification.TWILIO_APPROVED}
        if self.kind is not SenderKind.TOLL_FREE:
            settled.add(Verification.NOT_NEEDED)
        return self.active and self.verification in settled

    def __str__(self) -> str:
        return f"{self.label} ({self.address})"
