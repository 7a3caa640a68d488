"""What a campaign may do next: be scheduled, sent, paused, resumed, cancelled, archived; and what stands in its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from models.accounts import Account, Profile, SenderKind, SendingNumber
from models.campaigns import MAY_FOLLOW, Audience, Campaign, CampaignState, Reason, Run
from models.consent import Purpose
from models.countries import CountrySetting
from models.messages import WAITING, Message, MessageStatus
from models.templates import TemplateVersion
from sender.progress import Progress as Progress
from sender.progress import progress as progress

NO_ALPHANUMERIC = frozenset({"US", "CA"})
"""Twilio: alphanumeric senders cannot text the US or Canada."""


UNDER_WAY = (CampaignState.SENDING, CampaignState.PAUSED, CampaignState.CANCELLED)
"""States in which every row of the audience still has to be accounted for."""


class NotAllowed(Exception):
    """The campaign cannot do that now; the message is a sentence for the person who asked."""


@dataclass(frozen=True)
class Problem:
    """Something that stands in the way of sending (`blocking`), or that a person should know."""

    code: str
    sentence: str
    blocking: bool = True


def create(
    session: Session,
    *,
    account: Account,
    name: str,
    template_version: TemplateVersion,
    audience: Audience,
    sender: SendingNumber,
    now: datetime,
    actor: str,
    purpose: Purpose | None = None,
    segment_limit: int | None = None,
    budget_u: int | None = None,
    report_emails: Sequence[str] = (),
) -> Campaign:
    """A new draft. Everything it is made of must belong to `account`; raises NotAllowed."""
    owners = {template_version.template.account_id, audience.account_id, sender.account_id}
    if owners != {account.id}:
        raise NotAllowed("The template, the audience and the sender must belong to this account.")
    name = name.strip()
    if not name:
        raise NotAllowed("Give the campaign a name.")
    if session.scalar(select(Campaign.id).where(Campaign.account_id == account.id, Campaign.name == name)) is not None:
        raise NotAllowed("There is a campaign with this name already. Choose another name.")
    if any(limit is not None and limit < 1 for limit in (segment_limit, budget_u)):
        raise NotAllowed("A limit on segments or money must be more than nothing; leave it empty for none.")
    campaign = Campaign(
        account_id=account.id, name=name, purpose=purpose or template_version.template.purpose,
        template_version_id=template_version.id, audience_id=audience.id, sender_id=sender.id,
        segment_limit=segment_limit, budget_u=budget_u, report_emails=list(report_emails),
        created_by=actor, created_at=now, updated_at=now, state=CampaignState.DRAFT,
    )  # fmt: skip
    session.add(campaign)
    session.flush()
    return campaign


def problems(session: Session, campaign: Campaign) -> list[Problem]:
    """What stands in the way of sending this campaign; empty when nothing does."""
    account, sender, audience = campaign.account, campaign.sender, campaign.audience
    regions = set(
        session.scalars(
            select(CountrySetting.region).where(
                CountrySetting.account_id == account.id, CountrySetting.enabled.is_(True)
            )
        )
    )
    found: list[Problem] = []
    if not sender.active:
        found.append(Problem("sender_inactive", f"{sender.label} is switched off. Choose another sender."))
    elif not sender.may_send:
        sentence = (
            f"{sender.label} is not verified by Twilio: its texts would be blocked. Verify it or choose another sender."
        )
        found.append(Problem("sender_unverified", sentence))
    if sender.kind is SenderKind.ALPHANUMERIC and regions & NO_ALPHANUMERIC:
        found.append(
            Problem("alphanumeric", "A name as sender cannot text the United States or Canada. Choose a number.")
        )
    if not regions:
        found.append(Problem("no_country", "No country is enabled. Enable at least one in Country settings."))
    if account.profile is Profile.THIRD_PARTY_COLLECTOR and regions & NO_ALPHANUMERIC:
        sentence = "Twilio forbids third-party debt collection by text in the United States and Canada. Disable both countries."
        found.append(Problem("third_party_collector", sentence))
    if not audience.complete:
        found.append(Problem("audience_incomplete", "The audience is still being read. Try again when it is complete."))
    elif not audience.usable:
        found.append(Problem("audience_empty", "The audience has nobody who can be texted. Upload another file."))
    if campaign.template_version.template.archived:
        found.append(
            Problem("template_archived", "The template is archived. Restore it or choose another.", blocking=False)
        )
    return found


def _locked(session: Session, campaign: Campaign) -> Campaign:
    """The campaign as it is now, locked: two clicks at once become one."""
    return session.scalars(
        select(Campaign).where(Campaign.id == campaign.id).with_for_update().execution_options(populate_existing=True)
    ).one()


def _move(campaign: Campaign, state: CampaignState, verb: str, now: datetime) -> None:
    if state not in MAY_FOLLOW[campaign.state]:
        raise NotAllowed(f"A campaign that is {campaign.state} cannot be {verb}.")
    campaign.state, campaign.updated_at = state, now


def send(session: Session, campaign: Campaign, *, now: datetime) -> Run:
    """Start the campaign now; returns its new run. Raises NotAllowed."""
    campaign = _locked(session, campaign)
    if campaign.state not in {CampaignState.DRAFT, CampaignState.SCHEDULED}:
        raise NotAllowed(f"A campaign that is {campaign.state} cannot be sent.")
    blocking = [problem for problem in problems(session, campaign) if problem.blocking]
    if blocking:
        raise NotAllowed(blocking[0].sentence)
    _move(campaign, CampaignState.SENDING, "sent", now)
    return _start(session, campaign, due_at=min(campaign.starts_at or now, now), now=now)


def _start(session: Session, campaign: Campaign, *, due_at: datetime, now: datetime) -> Run:
    account = campaign.account
    last = session.scalar(select(func.max(Run.number)).where(Run.campaign_id == campaign.id)) or 0
    run = Run(
        account_id=campaign.account_id, campaign_id=campaign.id, number=last + 1, audience_id=campaign.audience_id,
        template_version_id=campaign.template_version_id, sender_id=campaign.sender_id, due_at=due_at, started_at=now,
        segment_limit=min(campaign.segment_limit or account.segment_limit, account.segment_limit),
        budget_segments=None if campaign.budget_u is None else 0,  # nothing leaves before the budget was looked at
        launch_epoch=account.launch_epoch,
    )  # fmt: skip
    session.add(run)
    session.flush()
    return run


def schedule(session: Session, campaign: Campaign, *, starts_at: datetime, now: datetime) -> None:
    """Let the campaign start by itself at `starts_at`, also at another time than before. Raises NotAllowed."""
    campaign = _locked(session, campaign)
    if campaign.state not in {CampaignState.DRAFT, CampaignState.SCHEDULED}:
        raise NotAllowed(f"A campaign that is {campaign.state} cannot be scheduled.")
    if starts_at <= now:
        raise NotAllowed("The start must be in the future. Send it now instead, or choose a later time.")
    blocking = [problem for problem in problems(session, campaign) if problem.blocking]
    if blocking:
        raise NotAllowed(blocking[0].sentence)
    campaign.state, campaign.starts_at, campaign.updated_at = CampaignState.SCHEDULED, starts_at, now


def unschedule(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Back to draft; nothing has been sent."""
    campaign = _locked(session, campaign)
    if campaign.state is not CampaignState.SCHEDULED:
        raise NotAllowed(f"A campaign that is {campaign.state} has no start to take back.")
    _move(campaign, CampaignState.DRAFT, "taken back", now)
    campaign.starts_at = None


def pause(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Stop claiming its messages; those already claimed leave and are accounted for."""
    _move(_locked(session, campaign), CampaignState.PAUSED, "paused", now)


def resume(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Go on where the pause began."""
    campaign = _locked(session, campaign)
    if campaign.state is not CampaignState.PAUSED:
        raise NotAllowed(f"A campaign that is {campaign.state} cannot be resumed.")
    _move(campaign, CampaignState.SENDING, "resumed", now)


def cancel(session: Session, campaign: Campaign, *, now: datetime) -> int:
    """End the campaign; what has not left never will. Returns how many messages were set aside.

    Rows of the audience that were not turned into messages yet become exclusions by the worker, so that the sum still holds.
    """
    campaign = _locked(session, campaign)
    if campaign.state is CampaignState.ARCHIVED:  # from there the same move is `restore`
        raise NotAllowed(f"A campaign that is {campaign.state} cannot be cancelled.")
    _move(campaign, CampaignState.CANCELLED, "cancelled", now)
    session.flush()
    return _set_aside(session, Run.campaign_id == campaign.id, now)


def set_aside(session: Session, *, now: datetime) -> int:
    """Set aside what came back after its campaign was cancelled: a claim that did not leave, a doubt that was none.

    Returns how many messages that were.
    """
    return _set_aside(session, Campaign.state == CampaignState.CANCELLED, now)


def _set_aside(session: Session, which: ColumnElement[bool], now: datetime) -> int:
    stopped = session.execute(
        update(Message)
        .where(Message.run_id.in_(select(Run.id).join(Campaign).where(which)), Message.status == MessageStatus.PENDING)
        .values(status=MessageStatus.SKIPPED, reason=Reason.CANCELLED, final_at=now, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    return int(getattr(stopped, "rowcount", 0))


def archive(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Take it off the lists; it stays in every report. Not before each of its rows is accounted for."""
    campaign = _locked(session, campaign)
    left = select(Run.id).where(Run.campaign_id == campaign.id, or_(Run.expanded.is_(False), _has_waiting()))
    if campaign.state is CampaignState.CANCELLED and session.scalar(left.limit(1)) is not None:
        raise NotAllowed("Some of its texts are still being accounted for. Archive it in a few minutes.")
    _move(campaign, CampaignState.ARCHIVED, "archived", now)


def restore(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Undo `archive`: back to completed or cancelled, as its last run says; to draft if it never ran."""
    campaign = _locked(session, campaign)
    if campaign.state is not CampaignState.ARCHIVED:
        raise NotAllowed(f"A campaign that is {campaign.state} is not archived.")
    last = session.scalars(
        select(Run).where(Run.campaign_id == campaign.id).order_by(Run.number.desc()).limit(1)
    ).first()
    if last is None:
        _move(campaign, CampaignState.DRAFT, "restored", now)
        campaign.starts_at = None
    else:
        _move(campaign, CampaignState.COMPLETED if last.finished_at else CampaignState.CANCELLED, "restored", now)


def start_due(session: Session, *, now: datetime) -> list[Run]:
    """Start every scheduled campaign whose time has come; one that cannot start stays scheduled and is not in the list."""
    due = session.scalars(
        select(Campaign)
        .where(Campaign.state == CampaignState.SCHEDULED, Campaign.starts_at <= now)
        .order_by(Campaign.starts_at, Campaign.id)
        .with_for_update(skip_locked=True)
    ).all()
    started = []
    for campaign in due:
        if not any(problem.blocking for problem in problems(session, campaign)):
            started.append(send(session, campaign, now=now))
    return started


def unexpanded(session: Session) -> list[Run]:
    """Runs whose audience has not been turned into messages (or, once cancelled, into exclusions) completely."""
    return list(
        session.scalars(
            select(Run).join(Campaign).where(Run.expanded.is_(False), Campaign.state.in_(UNDER_WAY)).order_by(Run.id)
        )
    )


def under_way(session: Session, *, now: datetime) -> bool:
    """Whether a worker that drains has to go on: a campaign is sending, or is due and can start, or has rows left to expand."""
    if session.scalar(select(Campaign.id).where(Campaign.state == CampaignState.SENDING).limit(1)) is not None:
        return True
    due = select(Campaign).where(Campaign.state == CampaignState.SCHEDULED, Campaign.starts_at <= now)
    can_start = (
        all(not problem.blocking for problem in problems(session, each)) for each in session.scalars(due).all()
    )
    return bool(unexpanded(session)) or any(can_start)


def _has_waiting() -> ColumnElement[bool]:
    return select(Message.id).where(Message.run_id == Run.id, Message.status.in_(WAITING)).exists()


def finish_done(session: Session, *, now: datetime) -> list[Run]:
    """Complete every sending campaign whose run is expanded and has nothing waiting; returns those runs."""
    runs = session.scalars(
        select(Run)
        .join(Campaign)
        .where(
            Campaign.state == CampaignState.SENDING, Run.expanded.is_(True), Run.finished_at.is_(None), ~_has_waiting()
        )
        .with_for_update(of=Campaign, key_share=True, skip_locked=True)  # somebody may be pausing or cancelling it
    ).all()
    for run in runs:
        run.finished_at = now
        _move(run.campaign, CampaignState.COMPLETED, "completed", now)
    return list(runs)
