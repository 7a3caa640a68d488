"""What has an account sent, how far does its plan reach, and what waits for a person? The figures of the first page.

Days are those of the account's zone. A text counts on the day on which Twilio took it (on which we made it where Twilio never
did), as in `analytics.usage`; texts are outbound only, segments are our own count of the same texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import String, and_, case, func, select, type_coerce
from sqlalchemy.orm import Session

import analytics.rates
from analytics.deliveries import COUNTED, TAKEN_AT
from models.accounts import Account, SendingNumber
from models.campaigns import Campaign, CampaignState, Lane, Run
from models.charges import ChargeKind
from models.countries import CountrySetting
from models.messages import Direction, Message, MessageStatus
from sender import campaigns

LATE = timedelta(minutes=2)
"""A scheduled campaign that has not started by then is reported."""


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


@dataclass(frozen=True)
class Notice:
    """Something that needs a person: what it is about (`code`, and the id of a row), how many, and a sentence."""

    code: str
    count: int
    sentence: str
    subject_id: int | None = None


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
    """The scheduled campaign that starts first."""
    return session.scalars(
        select(Campaign)
        .where(Campaign.account_id == account_id, Campaign.state == CampaignState.SCHEDULED)
        .order_by(Campaign.starts_at, Campaign.id)
        .limit(1)
    ).first()


def notices(session: Session, account: Account, *, now: datetime) -> list[Notice]:
    """What needs attention, the most pressing first; empty when nothing does."""
    return [
        *_doubtful(session, account),
        *_late(session, account, now),
        *_held(session, account),
        *_unverified(session, account),
        *_unrated(session, account, now.date()),
    ]


def _doubtful(session: Session, account: Account) -> list[Notice]:
    sentences = {
        MessageStatus.UNKNOWN: "may or may not have been sent. Decide what became of them.",
        MessageStatus.IN_DOUBT: "are being looked up at Twilio. Nothing to do unless they stay.",
    }
    counted = select(Message.status, func.count()).where(
        Message.account_id == account.id, Message.status.in_(list(sentences))
    )
    found = {row[0]: row[1] for row in session.execute(counted.group_by(Message.status))}
    return [
        Notice(status.value, found[status], f"{texts(found[status])} {sentence}")
        for status, sentence in sentences.items()
        if found.get(status)
    ]


def texts(count: int) -> str:
    """A number of texts in words."""
    return "1 text" if count == 1 else f"{count:,} texts"


def _late(session: Session, account: Account, now: datetime) -> list[Notice]:
    overdue = session.scalars(
        select(Campaign).where(
            Campaign.state == CampaignState.SCHEDULED,
            Campaign.starts_at < now - LATE,
            Campaign.account_id == account.id,
        )
    )
    found = []
    for campaign in overdue:
        blocking = [problem.sentence for problem in campaigns.problems(session, campaign) if problem.blocking]
        why = blocking[0] if blocking else "Is a worker running?"
        found.append(Notice("late", 1, f"{campaign.name} should have started by now. {why}", campaign.id))
    return found


def _held(session: Session, account: Account) -> list[Notice]:
    """Pending texts for which no hour is right: nobody knows where the recipient is, or all zones exclude each other."""
    rows = session.execute(
        select(Campaign.id, Campaign.name, func.count(Message.id))
        .join(Run, Run.campaign_id == Campaign.id)
        .join(Lane, Lane.run_id == Run.id)
        .join(Message, and_(Message.lane_id == Lane.id, Message.status == MessageStatus.PENDING))
        .where(
            Campaign.account_id == account.id,
            Campaign.state.in_((CampaignState.SENDING, CampaignState.PAUSED)),
            Lane.held.is_(True),
        )
        .group_by(Campaign.id, Campaign.name)
        .order_by(Campaign.id)
    )
    return [
        Notice("held", count, f"{texts(count)} of {name} are held: no hour is right in every zone they may be in.", key)
        for key, name, count in rows
    ]


def _unverified(session: Session, account: Account) -> list[Notice]:
    senders = session.scalars(
        select(SendingNumber).where(SendingNumber.account_id == account.id, SendingNumber.active.is_(True))
    )
    return [
        Notice(
            "unverified", 1, f"{sender.label} ({sender.address}) is not verified by Twilio and cannot send.", sender.id
        )
        for sender in senders
        if not sender.may_send
    ]


def _unrated(session: Session, account: Account, day: date) -> list[Notice]:
    try:
        card = analytics.rates.card_for(session, account.id)
    except analytics.rates.RateProblem:
        return [Notice("no_card", 1, "No rate card is loaded: nothing can be priced or forecast.")]
    enabled = select(CountrySetting.region, CountrySetting.name).where(
        CountrySetting.account_id == account.id, CountrySetting.enabled.is_(True)
    )
    names = [
        name
        for region, name in session.execute(enabled.order_by(CountrySetting.name))
        if card.rate(ChargeKind.MESSAGE, day=day, region=region) is None
    ]
    if not names:
        return []
    has = "has" if len(names) == 1 else "have"
    return [Notice("unrated", len(names), f"{', '.join(names)} {has} no price on the rate card {card.name}.")]
