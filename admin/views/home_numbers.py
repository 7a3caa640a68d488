"""What has an account sent, how far does its plan reach, and where do its campaigns stand? The figures of the first page.

Days are those of the account's zone. A text counts on the day on which Twilio took it (on which we made it where Twilio never
did), as in `analytics.usage`; texts are outbound only, segments are our own count of the same texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import String, and_, case, func, select, type_coerce
from sqlalchemy.orm import Session

from analytics.deliveries import COUNTED, TAKEN_AT
from models.accounts import Account
from models.campaigns import Campaign, CampaignState
from models.messages import Direction, Message


@dataclass(frozen=True)
class Traffic:
    """Outbound texts of some time, and their segments."""

    texts: int = 0
    segments: int = 0


@dataclass(frozen=True)
class Periods:
    """The traffic of today, of this month so far, of last month to the same point, and of all of last month."""

    today: Traffic
    month: Traffic
    last_month_so_far: Traffic
    last_month: Traffic


@dataclass(frozen=True)
class Bounds:
    """Where today, tomorrow, this month, the last and the next begin: aware UTC, midnight in the account's zone."""

    day: datetime
    tomorrow: datetime
    month: datetime
    last_month: datetime
    next_month: datetime


@dataclass(frozen=True)
class Plan:
    """What the account pays for in advance. `exhausted_on` is when the segments run out at this month's pace, if they do."""

    name: str
    included: int
    used: int
    resets_on: date
    exhausted_on: date | None

    @property
    def percent(self) -> int:
        """Of the included segments, rounded down."""
        return self.used * 100 // self.included if self.included else 0


def bounds(account: Account, now: datetime) -> Bounds:
    """The account's midnights around `now`."""
    zone = ZoneInfo(account.time_zone)
    today = now.astimezone(zone).date()
    first = today.replace(day=1)
    before, after = (first - timedelta(days=1)).replace(day=1), (first + timedelta(days=31)).replace(day=1)
    days = (today, today + timedelta(days=1), first, before, after)
    return Bounds(*(datetime.combine(day, time(), zone).astimezone(UTC) for day in days))


def traffic(session: Session, account: Account, *, now: datetime) -> Periods:
    """All four periods in one pass over the account's texts."""
    at = bounds(account, now)
    same_point = min(at.last_month + (now - at.month), at.month)
    spans = ((at.day, at.tomorrow), (at.month, at.next_month), (at.last_month, same_point), (at.last_month, at.month))
    taken, sums = TAKEN_AT, []
    for start, end in spans:
        inside = and_(taken >= start, taken < end)
        sums += [func.sum(case((inside, 1), else_=0)), func.sum(case((inside, Message.segments), else_=0))]
    row = session.execute(
        select(*sums).where(
            Message.account_id == account.id,
            type_coerce(Message.direction, String()) == Direction.OUTBOUND.value,
            type_coerce(Message.status, String()).in_(COUNTED),
            taken >= at.last_month,
        )
    ).one()
    found = [int(value or 0) for value in row]
    return Periods(*(Traffic(*found[place : place + 2]) for place in range(0, 8, 2)))


def plan(account: Account, *, used: int, now: datetime) -> Plan:
    """How far the included segments reach when the rest of the month is like its beginning."""
    at, zone = bounds(account, now), ZoneInfo(account.time_zone)
    runs_out: datetime | None = None
    if account.included_segments and used >= account.included_segments:
        runs_out = now
    elif account.included_segments and used:
        elapsed = int((now - at.month).total_seconds())
        runs_out = now + timedelta(seconds=(account.included_segments - used) * elapsed // used)
        runs_out = runs_out if runs_out < at.next_month else None
    return Plan(
        name=account.plan,
        included=account.included_segments,
        used=used,
        resets_on=at.next_month.astimezone(zone).date(),
        exhausted_on=runs_out.astimezone(zone).date() if runs_out else None,
    )


def states(session: Session, account_id: int) -> dict[CampaignState, int]:
    """How many campaigns are in each state; every state is there."""
    counted = select(Campaign.state, func.count()).where(Campaign.account_id == account_id).group_by(Campaign.state)
    found = {row[0]: row[1] for row in session.execute(counted)}
    return {state: found.get(state, 0) for state in CampaignState}


def next_start(session: Session, account_id: int) -> Campaign | None:
    """The scheduled campaign that starts first, or that runs again first."""
    return session.scalars(
        select(Campaign)
        .where(
            Campaign.account_id == account_id,
            Campaign.state == CampaignState.SCHEDULED,
            Campaign.next_at.is_not(None),
        )
        .order_by(Campaign.next_at, Campaign.id)
        .limit(1)
    ).first()
