"""What may an operator change while we run, and what is it when nobody has?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, bindparam, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base, UTCDateTime


@dataclass(frozen=True)
class Option:
    """One setting: its name, its default and what it does."""

    name: str
    default: Any
    help: str
    operator: bool = False
    """It is about the machines, so only an owner changes it."""
    switch: bool = False
    """On (1) or off (0)."""
    own_page: bool = False
    """It is set on a page of its own."""


SETTINGS: tuple[Option, ...] = (
    Option("max_attempts", 5, "How often one message is tried before it is left to a person.", operator=True),
    Option("lease_seconds", 60, "How long a claimed message belongs to its worker.", operator=True),
    Option(
        "settle_seconds",
        60,
        "How long after its lease a message in doubt is first looked up, and between two look-ups.",
        operator=True,
    ),
    Option(
        "give_up_hours", 6, "How long a message in doubt is looked up before a person has to decide.", operator=True
    ),
    Option("large_send", 1000, "Recipients from which a send must be confirmed by typing the number."),
    Option(
        "spike_percent",
        20,
        "A campaign pauses itself when more than this share of its last texts met an error that is not one number's.",
    ),
    Option("spike_sample", 25, "Fewer outcomes than this are judged as if the missing ones were good."),
    Option("spike_window", 100, "How many of a run's last outcomes are looked at."),
    Option("report_minutes", 10, "How long the report of a finished run waits for the last words about its texts."),
    Option("segment_limit_low", 15_000, "A segment limit set below this is unusual, and said to be."),
    Option("segment_limit_high", 30_000, "A segment limit set above this is unusual, and said to be."),
    Option("mail_hours", 72, "How long an e-mail about trouble is tried before it is no news any more."),
    Option(
        "slow_minutes",
        10,
        "How long a sender goes at half its rate after Twilio's queue for it has overflowed (error 30001).",
        operator=True,
    ),
    Option(
        "late_start_minutes",
        60,
        "A campaign that could not start within so many minutes of its time is held for a person.",
    ),
    Option(
        "audience_change_percent",
        30,
        "A recurring campaign is held when its audience has grown or shrunk by more than this since the run before.",
    ),
    Option("price_poll_minutes", 10, "How often Twilio is asked for prices that are not known yet.", operator=True),
    Option(
        "approval",
        0,
        "A new wording waits until somebody else than its author has approved it; until then no campaign sends it.",
        switch=True,
    ),
    Option(
        "stop_confirmation",
        "auto",
        "Who answers a STOP: `auto` us where Twilio does not, `always` us (its own answers are off), `never` nobody of ours.",
        own_page=True,
    ),
    Option(
        "stop_confirmation_text",
        "",
        "What that answer says, with {organisation} for its name; else our own wording.",
        own_page=True,
    ),
    Option(
        "hours_for_account_texts",
        1,
        "Whether the law's hours for marketing bind texts about somebody's own account, too. Courts disagree, so they do "
        "until counsel says otherwise.",
        switch=True,
    ),
    Option(
        "hours_for_event_texts",
        1,
        "Whether a text that a business event brought about, such as a receipt, waits for the recipient's hours.",
        switch=True,
    ),
    Option(
        "least_window_seconds",
        120,
        "Texts are not begun when fewer seconds than this are left of their recipients' hours: the queues on the way need them.",
    ),
    Option("opt_in_hours", 24, "How long a request to opt in waits for a YES."),
    Option("opt_in_code_digits", 6, "How many digits the code has that a person reads to an agent: 4 to 6."),
    Option("opt_in_code_minutes", 10, "How long that code holds."),
    Option("opt_in_code_tries", 5, "After so many wrong codes a request is locked."),
    Option(
        "opt_in_invitation_days",
        30,
        "The days within which requests to one number are counted against Max invitations.",
    ),
    Option("opt_in_form_per_hour", 100, "How many requests an account's public opt-in page may make within an hour."),
)
_BY_NAME = {option.name: option for option in SETTINGS}


class Setting(Base):
    """A value that an operator set; account 0 is everyone's."""

    __tablename__ = "setting"

    account_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)
    updated_by: Mapped[str] = mapped_column(default="")
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)


_VALUES = select(Setting.account_id, Setting.name, Setting.value).where(
    Setting.name.in_(bindparam("names", expanding=True)),
    or_(Setting.account_id == 0, Setting.account_id == bindparam("account")),
)


def value(session: Session, name: str, *, account_id: int = 0) -> Any:
    """The account's own value, else everyone's, else the default; an emptied row is none. Unknown names raise KeyError."""
    return values(session, name, account_id=account_id)[0]


def values(session: Session, *names: str, account_id: int = 0) -> tuple[Any, ...]:
    """The same of several settings, in their order, in one statement."""
    options = [_BY_NAME[name] for name in names]
    rows = session.execute(_VALUES, {"names": names, "account": account_id})
    found = {(row.account_id, row.name): row.value for row in rows if row.value is not None}
    return tuple(found.get((account_id, one.name), found.get((0, one.name), one.default)) for one in options)
