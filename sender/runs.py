"""How one occurrence of a campaign becomes a run, sent or passed over; and the lock under which a campaign changes its state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.campaigns import MAY_FOLLOW, Campaign, CampaignState, Run
from sender.recurrence import Occurrence


class NotAllowed(Exception):
    """The campaign cannot do that now; the message is a sentence for the person who asked."""


def locked(session: Session, campaign: Campaign) -> Campaign:
    """The campaign as it is now, locked: two clicks at once become one."""
    return session.scalars(
        select(Campaign).where(Campaign.id == campaign.id).with_for_update().execution_options(populate_existing=True)
    ).one()


def move(campaign: Campaign, state: CampaignState, verb: str, now: datetime) -> None:
    """Bring a locked campaign into another state, without a reason. Raises NotAllowed."""
    if state not in MAY_FOLLOW[campaign.state]:
        raise NotAllowed(f"A campaign that is {campaign.state} cannot be {verb}.")
    campaign.state, campaign.updated_at, campaign.why = state, now, ""


def new_run(
    session: Session,
    campaign: Campaign,
    *,
    due_at: datetime,
    now: datetime,
    occurrence: str | None = None,
    why: str = "",
) -> Run:
    """A run of a campaign that has just begun to send, with the template, audience and sender of this moment."""
    account = campaign.account
    run = Run(
        account_id=campaign.account_id, campaign_id=campaign.id, number=_last(session, campaign) + 1,
        audience_id=campaign.audience_id, template_version_id=campaign.template_version_id, sender_id=campaign.sender_id,
        due_at=due_at, started_at=now, occurrence=occurrence, why=why,
        segment_limit=min(campaign.segment_limit or account.segment_limit, account.segment_limit),
        budget_segments=None if campaign.budget_u is None else 0,  # nothing leaves before the budget was looked at
        launch_epoch=account.launch_epoch,
    )  # fmt: skip
    session.add(run)
    session.flush()
    return run


def pass_over(session: Session, campaign: Campaign, missed: Sequence[tuple[Occurrence, str]], *, now: datetime) -> None:
    """A run without messages for each occurrence that is not sent, with the reason as a sentence."""
    for number, (one, why) in enumerate(missed, _last(session, campaign) + 1):
        session.add(
            Run(
                account_id=campaign.account_id, campaign_id=campaign.id, number=number, audience_id=campaign.audience_id,
                template_version_id=campaign.template_version_id, sender_id=campaign.sender_id, due_at=one.at,
                occurrence=one.key, skipped=True, why=why, expanded=True, finished_at=now,
                launch_epoch=campaign.account.launch_epoch,
            )
        )  # fmt: skip
    session.flush()


def latest(session: Session, campaign: Campaign) -> Run | None:
    """The last run that was not skipped."""
    sent = select(Run).where(Run.campaign_id == campaign.id, Run.skipped.is_(False))
    return session.scalars(sent.order_by(Run.number.desc()).limit(1)).first()


def known(session: Session, campaign: Campaign, occurrences: Sequence[Occurrence]) -> set[str]:
    """Which of the occurrences have a run already, by their keys."""
    keys = [one.key for one in occurrences]
    return {
        key
        for key in session.scalars(
            select(Run.occurrence).where(Run.campaign_id == campaign.id, Run.occurrence.in_(keys))
        )
        if key is not None
    }


def _last(session: Session, campaign: Campaign) -> int:
    return session.scalar(select(func.max(Run.number)).where(Run.campaign_id == campaign.id)) or 0
