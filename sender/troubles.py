"""What has gone wrong, or come to its end, that nobody was told of yet? Found in the rows themselves, whoever changed them.

What is told in the same transaction (a spike, a budget, a held start) has the same cause as here, so it is told once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, func, literal, not_, or_, select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Campaign, CampaignState, Lane, Run
from models.messages import WAITING, Message, MessageStatus
from models.notices import Notice
from models.settings import value
from sender import notices

M = MessageStatus
UNDER_WAY = (*WAITING, M.ACCEPTED, M.SCHEDULED, M.QUEUED, M.SENDING, M.SENT)
"""Words after which another one is expected."""


def owe_troubles(session: Session, *, now: datetime) -> int:
    """Owe a notice of every campaign that paused itself, text that waits for a decision and recipient without a legal hour.

    Returns how many notices are new. Not committed.
    """
    told = [*_paused(session, now), *_unknown(session, now), *_held(session, now)]
    return sum(notice is not None for notice in told)


def _paused(session: Session, now: datetime) -> list[Notice | None]:
    campaigns = session.scalars(
        select(Campaign).where(Campaign.state == CampaignState.PAUSED, Campaign.why != "")
    ).all()
    return [owe_pause(session, campaign, now=now) for campaign in campaigns]


def owe_pause(
    session: Session, campaign: Campaign, *, now: datetime, details: Mapping[str, Any] | None = None
) -> Notice | None:
    """Tell that a campaign has paused itself, by its `why`; once for each time it does."""
    return notices.owe(
        session, account_id=campaign.account_id, campaign_id=campaign.id, now=now, body=campaign.why,
        cause=f"campaign:{campaign.id}:paused:{campaign.updated_at.isoformat()}", subject=f"{campaign.name} was paused",
        details=details,
    )  # fmt: skip


def _unknown(session: Session, now: datetime) -> list[Notice | None]:
    """Texts that may or may not have been sent, by run; those of no run (replies) by day."""
    rows = session.execute(
        select(Message.account_id, Message.run_id, Run.campaign_id, func.count().label("texts"))
        .outerjoin(Run, Run.id == Message.run_id)
        .where(Message.account_id.in_(select(Account.id)), Message.status == MessageStatus.UNKNOWN)
        .group_by(Message.account_id, Message.run_id, Run.campaign_id)
    ).all()
    return [
        notices.owe(
            session, account_id=row.account_id, campaign_id=row.campaign_id, now=now,
            cause=f"run:{row.run_id}:unknown" if row.run_id else f"replies:unknown:{now:%Y-%m-%d}",
            subject="Texts wait for your decision",
            body=f"{row.texts:,} texts may or may not have been sent, and nothing proves either. None is sent again by itself: "
            "open them under Messages, and look them up once more or decide.",
        )
        for row in rows
    ]  # fmt: skip


def _held(session: Session, now: datetime) -> list[Notice | None]:
    rows = session.execute(
        select(Run.id, Run.account_id, Run.campaign_id, Campaign.name)
        .join(Campaign)
        .join(Lane, Lane.run_id == Run.id)
        .where(Run.finished_at.is_(None), Campaign.state == CampaignState.SENDING, Lane.held)
        .distinct()
    ).all()
    return [
        notices.owe(
            session, account_id=row.account_id, campaign_id=row.campaign_id, now=now, cause=f"run:{row.id}:held",
            subject=f"{row.name}: some recipients have no hour to be texted",
            body="No hour is right in every time zone that some recipients may be in. Their texts wait until somebody decides.",
        )
        for row in rows
    ]  # fmt: skip


def finished(session: Session, *, now: datetime) -> Sequence[Run]:
    """Runs that are over and not reported yet: every text has its last word, or `report_minutes` have passed since."""
    cause = literal("run:") + cast(Run.id, String) + ":finished"
    reported = select(Notice.id).where(Notice.account_id == Run.account_id, Notice.cause == cause).exists()
    recent = now - timedelta(hours=value(session, "mail_hours"))
    patience = now - timedelta(minutes=value(session, "report_minutes"))
    over = or_(Run.finished_at > recent, and_(_cancelled(), Campaign.updated_at > recent))
    waited = func.coalesce(Run.finished_at, Campaign.updated_at) <= patience
    return session.scalars(
        select(Run)
        .join(Campaign)
        .where(over, Run.expanded, Run.skipped.is_(False), not_(reported), or_(waited, not_(_has(UNDER_WAY))))
        .order_by(Run.id)
    ).all()


def _cancelled() -> ColumnElement[bool]:
    return and_(Campaign.state == CampaignState.CANCELLED, not_(_has(tuple(WAITING))))


def _has(words: Sequence[Any]) -> ColumnElement[bool]:
    return select(Message.id).where(Message.run_id == Run.id, Message.status.in_(words)).exists()
