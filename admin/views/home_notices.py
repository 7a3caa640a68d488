"""What waits for a person? Stopped accounts and campaigns, replies, doubtful texts, missed starts, held lanes, senders, mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

import analytics.rates
from models.accounts import Account, SendingNumber
from models.campaigns import Campaign, CampaignState, Lane, Run
from models.charges import ChargeKind
from models.countries import CountrySetting
from models.messages import Message, MessageStatus
from models.notices import Notice as OutboxNotice
from sender import campaigns, reviews
from sender import notices as outbox

LATE = timedelta(minutes=2)
"""A scheduled campaign that has not started by then is reported."""

UNMAILED = timedelta(minutes=10)
"""An e-mail that is in the outbox for so long is reported."""


@dataclass(frozen=True)
class Notice:
    """Something that needs a person: what it is about (`code`, and the id of a row), how many, and a sentence."""

    code: str
    count: int
    sentence: str
    subject_id: int | None = None


def notices(session: Session, account: Account, *, now: datetime) -> list[Notice]:
    """What needs attention, the most pressing first; empty when nothing does."""
    return [
        *_stopped(account),
        *_unreviewed(session, account, now),
        *_doubtful(session, account),
        *_paused(session, account),
        *_waiting(session, account),
        *_late(session, account, now),
        *_held(session, account),
        *_unverified(session, account),
        *_unrated(session, account, now.date()),
        *_unmailed(session, account, now),
    ]


def _stopped(account: Account) -> list[Notice]:
    return [Notice("stopped", 1, account.held_why)] if account.held_why else []


def _unreviewed(session: Session, account: Account, now: datetime) -> list[Notice]:
    """Replies that may ask us to stop and that nobody has read for too long."""
    count = reviews.late(session, account.id, now=now)
    if not count:
        return []
    hours = reviews.limits(now.date()).alarm // timedelta(hours=1)
    asks = "1 reply may ask us to stop and has" if count == 1 else f"{count:,} replies may ask us to stop and have"
    return [Notice("unreviewed", count, f"{asks} waited for more than {hours} hours. Read and decide.")]


def _paused(session: Session, account: Account) -> list[Notice]:
    """Campaigns that stopped by themselves, not those that a person paused."""
    stopped = select(Campaign).where(Campaign.account_id == account.id, Campaign.state == CampaignState.PAUSED)
    return [
        Notice("paused", 1, f"{campaign.name}: {campaign.why}", campaign.id)
        for campaign in session.scalars(stopped.where(Campaign.why != "").order_by(Campaign.id))
    ]


def _unmailed(session: Session, account: Account, now: datetime) -> list[Notice]:
    """E-mails that somebody should have had by now."""
    due = OutboxNotice.created_at < now - UNMAILED
    unsent = outbox.unsent(session, now=now, account_id=account.id)
    late = session.scalars(select(OutboxNotice).where(unsent, due).order_by(OutboxNotice.id.desc())).all()
    stuck = [notice for notice in late if notice.recipients]
    if not stuck:
        return []
    count = "1 e-mail" if len(stuck) == 1 else f"{len(stuck):,} e-mails"
    why = (
        f"The last try ended with {stuck[0].last_error}"
        if stuck[0].last_error
        else "No mail server is set, or no worker runs"
    )
    return [Notice("unmailed", len(stuck), f"{count} could not be sent. {why.rstrip('.')}.")]


def _waiting(session: Session, account: Account) -> list[Notice]:
    """Campaigns that were not sent at their time because a person has to decide."""
    held = select(Campaign).where(Campaign.account_id == account.id, Campaign.state == CampaignState.HELD)
    return [
        Notice("held_start", 1, f"{campaign.name} was not sent. {campaign.why}", campaign.id)
        for campaign in session.scalars(held.order_by(Campaign.next_at, Campaign.id))
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
            Campaign.next_at < now - LATE,
            Campaign.account_id == account.id,
        )
    )
    found = []
    for campaign in overdue:
        why = campaigns.blocking(session, campaign, now=now) or "Is a worker running?"
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
