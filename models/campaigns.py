"""What goes out to whom, when: campaigns, their audiences, runs and lanes, and which state may follow which."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.accounts import Account, SendingNumber
from models.base import Base, BigId, UTCDateTime, words
from models.consent import Purpose
from models.templates import TemplateVersion


class CampaignState(StrEnum):
    """Where a campaign stands."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    PAUSED = "paused"
    HELD = "held"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    ARCHIVED = "archived"


S = CampaignState
MAY_FOLLOW: dict[CampaignState, frozenset[CampaignState]] = {
    S.DRAFT: frozenset({S.SCHEDULED, S.SENDING, S.CANCELLED, S.ARCHIVED}),
    S.SCHEDULED: frozenset({S.DRAFT, S.SENDING, S.HELD, S.COMPLETED, S.CANCELLED}),
    S.HELD: frozenset({S.DRAFT, S.SCHEDULED, S.SENDING, S.COMPLETED, S.CANCELLED}),
    S.SENDING: frozenset({S.PAUSED, S.SCHEDULED, S.COMPLETED, S.CANCELLED}),
    S.PAUSED: frozenset({S.SENDING, S.CANCELLED}),
    S.COMPLETED: frozenset({S.ARCHIVED}),
    S.CANCELLED: frozenset({S.ARCHIVED}),
    S.ARCHIVED: frozenset({S.COMPLETED, S.CANCELLED, S.DRAFT}),
}
"""Which state may follow which: a recurring campaign is scheduled again between its runs, one that missed its start is held for
a person, and an archived campaign returns to where it came from."""


class Reason(StrEnum):
    """Why a row of an audience gets no message; exactly one applies, the first that does."""

    EMPTY_PHONE = "empty_phone"
    INVALID_NUMBER = "invalid_number"
    DUPLICATE = "duplicate"
    LANDLINE = "landline"
    PREMIUM = "premium"
    COUNTRY_DISABLED = "country_disabled"
    NO_MMS = "no_mms"
    OPTED_OUT = "opted_out"
    FLAGGED = "flagged"
    RULE = "rule"
    MISSING_FIELD = "missing_field"
    TOO_LONG = "too_long"
    NO_TIME_ZONE = "no_time_zone"
    WINDOW_CLOSED = "window_closed"
    SEGMENT_LIMIT = "segment_limit"
    FREQUENCY = "frequency"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    ATTEMPTS = "attempts"
    ERASED = "erased"


class Audience(Base):
    """A list of people as it was given to us, kept so that "who got it" can always be answered."""

    __tablename__ = "audience"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    name: Mapped[str]
    filename: Mapped[str] = mapped_column(default="")
    sha256: Mapped[str] = mapped_column(default="")
    columns: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """Column mapping: file column → field name; "phone", "name", "external_id", "time_zone" are ours."""
    rows: Mapped[int] = mapped_column(default=0)
    usable: Mapped[int] = mapped_column(default=0)
    complete: Mapped[bool] = mapped_column(default=False)
    erased_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """From then on its rows have no values any more (`sender/retention.py`)."""
    created_by: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    account: Mapped[Account] = relationship()

    def __str__(self) -> str:
        return f"{self.name} ({self.rows:,} rows)"


class AudienceRow(Base):
    """One input row: either a contact, or the one reason why not. A list's rows have the numbers from 1 on, without gaps."""

    __tablename__ = "audience_row"
    __table_args__ = (
        Index("ix_audience_row_audience_id_contact_id", "audience_id", "contact_id"),
        {"sqlite_with_rowid": False},  # kept in the order of its key: one tree to write instead of two
    )

    audience_id: Mapped[int] = mapped_column(ForeignKey("audience.id"), primary_key=True)
    row: Mapped[int] = mapped_column(primary_key=True)
    """Row number in the file, the first row under the header being 1."""
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"))
    fields: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    reason: Mapped[Reason | None] = mapped_column(words(Reason))
    detail: Mapped[str] = mapped_column(default="")


class Campaign(Base):
    """A template to an audience on a schedule from a sender."""

    __tablename__ = "campaign"
    __table_args__ = (
        UniqueConstraint("account_id", "name"),
        Index("ix_campaign_account_id_state", "account_id", "state", "id"),
        Index("ix_campaign_state_next_at", "state", "next_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    name: Mapped[str]
    purpose: Mapped[Purpose] = mapped_column(words(Purpose), default=Purpose.ACCOUNT)
    state: Mapped[CampaignState] = mapped_column(words(CampaignState), default=CampaignState.DRAFT)
    template_version_id: Mapped[int] = mapped_column(ForeignKey("template_version.id"))
    audience_id: Mapped[int] = mapped_column(ForeignKey("audience.id"))
    sender_id: Mapped[int] = mapped_column(ForeignKey("sending_number.id"))
    starts_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """The start of a one-time campaign; the first possible start of a recurring one."""
    recurrence: Mapped[str | None]
    """RFC 5545 RRULE on wall time; empty for a one-time campaign."""
    time_zone: Mapped[str | None]
    """Whose wall time the recurrence is on; the account's when empty."""
    next_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """When the next run is due; empty when none is planned."""
    why: Mapped[str] = mapped_column(Text, default="")
    """Why it is paused or held, as a sentence; empty when a person did it without a word."""
    archived_from: Mapped[CampaignState | None] = mapped_column(words(CampaignState))
    """Of an archived campaign: the state to which it can be restored."""
    subject: Mapped[str] = mapped_column(default="")
    """What its texts are about, for caps that count by subject; empty: they count for every subject."""
    segment_limit: Mapped[int | None]
    budget_u: Mapped[int | None] = mapped_column(BigInteger)
    over_days: Mapped[bool] = mapped_column(default=False)
    """Somebody agreed that it takes several days, each text within its own hours; else it must be over when they first close."""
    report_emails: Mapped[list[str]] = mapped_column(JSON, default=list)
    priority: Mapped[int] = mapped_column(default=5)
    forecast_u: Mapped[int | None] = mapped_column(BigInteger)
    """What the last review of this campaign expected it to cost, micros."""
    created_by: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)

    account: Mapped[Account] = relationship()
    template_version: Mapped[TemplateVersion] = relationship()
    audience: Mapped[Audience] = relationship()
    sender: Mapped[SendingNumber] = relationship()
    runs: Mapped[list[Run]] = relationship(back_populates="campaign", order_by="Run.number")

    def __str__(self) -> str:
        return self.name


class Run(Base):
    """One occurrence of a campaign, with its own audience snapshot and figures."""

    __tablename__ = "run"
    __table_args__ = (
        UniqueConstraint("campaign_id", "number"),
        Index("uq_run_campaign_id_occurrence", "campaign_id", "occurrence", unique=True),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    number: Mapped[int]
    audience_id: Mapped[int] = mapped_column(ForeignKey("audience.id"))
    template_version_id: Mapped[int] = mapped_column(ForeignKey("template_version.id"))
    sender_id: Mapped[int] = mapped_column(ForeignKey("sending_number.id"))
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    occurrence: Mapped[str | None]
    """Of a recurring campaign: its wall time with the zone ("2026-11-01T01:30 America/New_York"), and no two runs of one."""
    skipped: Mapped[bool] = mapped_column(default=False)
    """This occurrence was passed over; `why` says for what reason, and it has no messages."""
    why: Mapped[str] = mapped_column(Text, default="")
    """What was unusual about this run, as a sentence: late, skipped, held for a changed audience."""
    expanded_to: Mapped[int] = mapped_column(default=0)
    """The last audience row turned into a message or an exclusion: where a restart goes on."""
    expanded: Mapped[bool] = mapped_column(default=False)
    audience_size: Mapped[int] = mapped_column(default=0)
    messages: Mapped[int] = mapped_column(default=0)
    excluded: Mapped[int] = mapped_column(default=0)
    segments: Mapped[int] = mapped_column(default=0)
    segments_claimed: Mapped[int] = mapped_column(default=0)
    segment_limit: Mapped[int | None]
    budget_segments: Mapped[int | None]
    """How many segments the campaign's budget is good for, at the dearest price of this run's lanes; empty without a budget."""
    served_us: Mapped[int] = mapped_column(BigInteger, default=0)
    """When it last got a turn at its sender, microseconds since 1970: of two campaigns the one served longer ago is next."""
    launch_epoch: Mapped[int] = mapped_column(default=1)
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    campaign: Mapped[Campaign] = relationship(back_populates="runs")

    def __str__(self) -> str:
        return f"Run {self.number}"


class Exclusion(Base):
    """A row of a run's audience that got no message, and the one reason."""

    __tablename__ = "exclusion"
    __table_args__ = (Index("ix_exclusion_run_id_reason", "run_id", "reason", "row"),)

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    row: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"))
    reason: Mapped[Reason] = mapped_column(words(Reason))
    detail: Mapped[str] = mapped_column(default="")


class Lane(Base):
    """The messages of one run that share a sender and everything that a legal window depends on."""

    __tablename__ = "lane"
    __table_args__ = (UniqueConstraint("run_id", "sender_id", "zones", "region", "places", "quiet"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"))
    sender_id: Mapped[int] = mapped_column(ForeignKey("sending_number.id"))
    region: Mapped[str]
    zones: Mapped[str]
    """Comma-separated zone names; empty when nobody can tell."""
    places: Mapped[str] = mapped_column(default="")
    """Comma-separated states whose law binds beside the country's: those of the area code and of the address."""
    quiet: Mapped[str] = mapped_column(default="")
    """What these people asked for: `Contact.quiet_hours`."""
    priority: Mapped[int] = mapped_column(default=5)
    opens_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """The window now in force, UTC; recomputed when it has passed. Both empty: open at any hour."""
    closes_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    why: Mapped[str] = mapped_column(default="")
    held: Mapped[bool] = mapped_column(default=False)
    """No window can be found; a person has to decide."""

    run: Mapped[Run] = relationship()
    sender: Mapped[SendingNumber] = relationship()
