"""When was a person told of a debt by text, until when may they dispute it, and did the notice come back?

The dates are read off the texts themselves: nothing is kept that could differ from what was sent. The period is dated data,
`debt_notices.csv`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import holidays
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.contacts import Contact
from models.messages import WITH_TWILIO, Message, MessageStatus
from models.templates import Template, TemplateVersion
from sender import dated

LIST = Path(__file__).with_name("debt_notices.csv")
CATEGORY = "VALIDATION_NOTICE"
SENT = WITH_TWILIO | {MessageStatus.FAILED}


@dataclass(frozen=True)
class Period:
    """One row of the list; `valid_to` is its last day, None while it is in force."""

    days: int
    assumed_business_days: int
    source: str
    valid_from: date
    valid_to: date | None
    confirmed: bool


@dataclass(frozen=True)
class DebtNotice:
    """The dates of the latest notice, days of the account's zone. `ends_on` is None for one that came back."""

    sent_on: date
    ends_on: date | None
    returned_on: date | None
    period: Period


@cache
def periods() -> tuple[Period, ...]:
    """Every row of the list."""
    return tuple(
        Period(
            int(row["days"]),
            int(row["assumed_business_days"]),
            row["source"],
            *dated.days(row),
            row["confirmed"] == "yes",
        )
        for row in dated.table(LIST)
    )


def period(on: date) -> Period | None:
    """The one in force that day."""
    return next((row for row in periods() if dated.counts(row, on)), None)


def received_on(sent_on: date, business_days: int) -> date:
    """The day on which a notice counts as received: so many days later, without weekends and public holidays of the US."""
    closed, day = holidays.country_holidays("US"), sent_on
    while business_days:
        day += timedelta(days=1)
        business_days -= day.weekday() < 5 and day not in closed
    return day


def debt_notice(session: Session, contact: Contact) -> DebtNotice | None:
    """The dates of the person's latest validation notice that Twilio was given; None without one, or before the rule."""
    latest = (
        select(Message.sent_at, Message.final_at, Message.status)
        .join(TemplateVersion, TemplateVersion.id == Message.template_version_id)
        .join(Template, Template.id == TemplateVersion.template_id)
        .where(Template.category == CATEGORY, Message.account_id == contact.account_id)
        .where(Message.contact_id == contact.id, Message.sent_at.is_not(None), Message.status.in_(SENT))
        .order_by(Message.sent_at.desc())
        .limit(1)
    )
    found = session.execute(latest).one_or_none()
    zone = ZoneInfo(contact.account.time_zone)
    sent_on = _day(found.sent_at, zone) if found else None
    rule = period(sent_on) if sent_on else None
    if found is None or sent_on is None or rule is None:
        return None
    if found.status in {MessageStatus.FAILED, MessageStatus.UNDELIVERED}:
        return DebtNotice(sent_on, None, _day(found.final_at or found.sent_at, zone), rule)
    ends_on = received_on(sent_on, rule.assumed_business_days) + timedelta(days=rule.days)
    return DebtNotice(sent_on, ends_on, None, rule)


def _day(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()
