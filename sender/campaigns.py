"""What a campaign may do next: be scheduled, sent, paused, resumed, cancelled, archived, and what then becomes of its rows.

What stands in its way is in `sender/problems.py`, what starts by itself in `sender/starts.py`, how far a run is in
`sender/progress.py`, why somebody was texted or not in `sender/explanation.py`; each is offered here under its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from models.accounts import Account, SendingNumber
from models.campaigns import Audience, Campaign, CampaignState, Reason, Run
from models.consent import Purpose
from models.messages import WAITING, Message, MessageStatus
from models.templates import TemplateVersion
from sender.explanation import Explanation, explain
from sender.planned import due, preview, upcoming
from sender.problems import NO_ALPHANUMERIC, Problem, blocking, problems
from sender.progress import Progress, RunFigures, diff_of, figures_of, progress
from sender.recurrence import BadRule, parse
from sender.runs import NotAllowed, latest, locked, move, new_run
from sender.starts import begin_latest, drop_held, send_held, skip_held, start_due

__all__ = [
    "NO_ALPHANUMERIC", "Explanation", "NotAllowed", "Problem", "Progress", "RunFigures", "archive", "blocking", "cancel",
    "create", "diff_of", "end", "explain", "figures_of", "finish_done", "pause", "preview", "problems", "progress", "restore",
    "resume", "schedule", "send", "send_held", "set_aside", "skip_held", "start_due", "under_way", "unexpanded", "unschedule",
    "upcoming",
]  # fmt: skip

UNDER_WAY = (CampaignState.SENDING, CampaignState.PAUSED, CampaignState.CANCELLED)
"""States in which every row of the audience still has to be accounted for."""
UNSTARTED = (CampaignState.DRAFT, CampaignState.SCHEDULED, CampaignState.HELD)
CHUNK = 2_000
"""Messages that are set aside in one transaction, so that nobody waits long for the rows or for SQLite's writer."""


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


def send(session: Session, campaign: Campaign, *, now: datetime) -> Run:
    """Start the campaign now; returns its new run. Raises NotAllowed.

    Of a recurring campaign that is the occurrence that is due, else one more run beside its schedule, which goes on after it.
    """
    campaign = locked(session, campaign)
    if campaign.state not in {CampaignState.DRAFT, CampaignState.SCHEDULED}:
        raise NotAllowed(f"A campaign that is {campaign.state} cannot be sent.")
    if why := blocking(session, campaign, now=now):
        raise NotAllowed(why)
    if campaign.recurrence and due(campaign, now=now):
        return begin_latest(session, campaign, now=now)
    due_at = min(campaign.next_at or now, now)
    move(campaign, CampaignState.SENDING, "sent", now)
    if campaign.recurrence:
        return new_run(session, campaign, due_at=now, now=now, why="Sent by hand, beside its schedule.")
    campaign.next_at = None
    return new_run(session, campaign, due_at=due_at, now=now)


def schedule(
    session: Session,
    campaign: Campaign,
    *,
    starts_at: datetime,
    now: datetime,
    recurrence: str | None = None,
    time_zone: str | None = None,
) -> None:
    """Let the campaign start by itself: at `starts_at`, or again and again from then on. Raises NotAllowed.

    With `recurrence` (an RRULE on the wall time of `time_zone`, else of the account's) `starts_at` is the first possible start,
    gives the rule its time, and may be past. One that is scheduled or held already gets the new times instead of the old.
    """
    if starts_at.tzinfo is None:
        raise TypeError("A start needs a time with a zone.")
    campaign = locked(session, campaign)
    if campaign.state not in UNSTARTED:
        raise NotAllowed(f"A campaign that is {campaign.state} cannot be scheduled.")
    zone = _zone(time_zone or campaign.account.time_zone)
    if recurrence:
        try:
            parse(recurrence)
            found = preview(recurrence, starts_at, zone, after=now, count=1)
        except BadRule as problem:
            raise NotAllowed(str(problem)) from problem
        if not found:
            raise NotAllowed("The rule has no time that is still to come. Choose a later end, or other days.")
        next_at = found[0].at
    elif starts_at <= now:
        raise NotAllowed("The start must be in the future. Send it now instead, or choose a later time.")
    else:
        next_at = starts_at
    if why := blocking(session, campaign, now=now):
        raise NotAllowed(why)
    drop_held(session, campaign, now=now)
    if campaign.state is not CampaignState.SCHEDULED:
        move(campaign, CampaignState.SCHEDULED, "scheduled", now)
    campaign.starts_at, campaign.next_at, campaign.updated_at = starts_at, next_at, now
    campaign.recurrence, campaign.time_zone = recurrence or None, zone if recurrence or time_zone else None


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise NotAllowed("There is no such time zone. Choose one of the list.") from None


def unschedule(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Back to draft, without a start; runs that it had stay what they are."""
    campaign = locked(session, campaign)
    if campaign.state not in {CampaignState.SCHEDULED, CampaignState.HELD}:
        raise NotAllowed(f"A campaign that is {campaign.state} has no start to take back.")
    drop_held(session, campaign, now=now)
    move(campaign, CampaignState.DRAFT, "taken back", now)
    campaign.starts_at = campaign.next_at = campaign.recurrence = campaign.time_zone = None


def end(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """No further run of a recurring campaign: what is being sent goes out, and then it is completed. Raises NotAllowed."""
    campaign = locked(session, campaign)
    if not campaign.recurrence:
        raise NotAllowed("Only a recurring campaign has an end to choose; this one can be cancelled.")
    if campaign.state in {CampaignState.SENDING, CampaignState.PAUSED}:
        campaign.next_at, campaign.updated_at = None, now
        return
    if campaign.state not in {CampaignState.SCHEDULED, CampaignState.HELD}:
        raise NotAllowed(f"A campaign that is {campaign.state} cannot be ended.")
    drop_held(session, campaign, now=now)
    ran = latest(session, campaign) is not None
    move(campaign, CampaignState.COMPLETED if ran else CampaignState.CANCELLED, "ended", now)
    campaign.next_at = None


def pause(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Stop claiming its messages; those already claimed leave and are accounted for."""
    move(locked(session, campaign), CampaignState.PAUSED, "paused", now)


def resume(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Go on where the pause began."""
    campaign = locked(session, campaign)
    if campaign.state is not CampaignState.PAUSED:
        raise NotAllowed(f"A campaign that is {campaign.state} cannot be resumed.")
    move(campaign, CampaignState.SENDING, "resumed", now)


def cancel(session: Session, campaign: Campaign, *, now: datetime) -> int:
    """End the campaign; what has not left never will. Returns how many messages that are so far.

    The state is all that changes at once. The worker sets the messages aside (`set_aside`) and leaves out the rows of the
    audience that were not turned into messages yet, so that the sum still holds.
    """
    campaign = locked(session, campaign)
    if campaign.state is CampaignState.ARCHIVED:  # from there the same move is `restore`
        raise NotAllowed(f"A campaign that is {campaign.state} cannot be cancelled.")
    drop_held(session, campaign, now=now)
    move(campaign, CampaignState.CANCELLED, "cancelled", now)
    campaign.next_at = None
    session.flush()
    return session.scalar(select(func.count()).where(_left(Run.campaign_id == campaign.id))) or 0


def set_aside(session: Session, *, now: datetime, limit: int = CHUNK) -> int:
    """Set aside up to `limit` pending messages of cancelled campaigns, also those that came back later; how many those were.

    A claim that did not leave comes back, and so does a doubt that was none. Call it again while it returns `limit`.
    """
    some = (
        select(Message.id)
        .where(_left(Campaign.state == CampaignState.CANCELLED))
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    ids = session.scalars(some).all()
    if ids:
        session.execute(
            update(Message)
            .where(Message.id.in_(ids), Message.status == MessageStatus.PENDING)
            .values(status=MessageStatus.SKIPPED, reason=Reason.CANCELLED, detail=None, final_at=now, updated_at=now)
            .execution_options(synchronize_session=False)
        )
    return len(ids)


def _left(which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Messages of these runs that have not been claimed."""
    runs = select(Run.id).join(Campaign).where(which)
    return Message.run_id.in_(runs) & (Message.status == MessageStatus.PENDING)


def archive(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Take it off the lists; it stays in every report. Not before each of its rows is accounted for."""
    campaign = locked(session, campaign)
    left = select(Run.id).where(Run.campaign_id == campaign.id, or_(Run.expanded.is_(False), _has_waiting()))
    if campaign.state is CampaignState.CANCELLED and session.scalar(left.limit(1)) is not None:
        raise NotAllowed("Some of its texts are still being accounted for. Archive it in a few minutes.")
    before = campaign.state
    move(campaign, CampaignState.ARCHIVED, "archived", now)
    campaign.archived_from = before


def restore(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Undo `archive`: back to what it was then; a draft comes back without a start."""
    campaign = locked(session, campaign)
    if campaign.state is not CampaignState.ARCHIVED:
        raise NotAllowed(f"A campaign that is {campaign.state} is not archived.")
    before, last = campaign.archived_from, latest(session, campaign)
    if before is None:  # archived by a version that did not note it
        ran = CampaignState.COMPLETED if last and last.finished_at else CampaignState.CANCELLED
        before = CampaignState.DRAFT if last is None else ran
    move(campaign, before, "restored", now)
    campaign.archived_from = None
    if before is CampaignState.DRAFT:
        campaign.starts_at = campaign.next_at = None


def unexpanded(session: Session) -> list[Run]:
    """Runs whose audience has not been turned into messages (or, once cancelled, into exclusions) completely."""
    return list(
        session.scalars(
            select(Run).join(Campaign).where(Run.expanded.is_(False), Campaign.state.in_(UNDER_WAY)).order_by(Run.id)
        )
    )


def under_way(session: Session, *, now: datetime) -> bool:
    """Whether a worker that drains has to go on: a campaign is sending or due, or has rows left to expand."""
    sending = Campaign.state == CampaignState.SENDING
    scheduled = (Campaign.state == CampaignState.SCHEDULED) & (Campaign.next_at <= now) & (Account.held_why == "")
    open_ = select(Campaign.id).join(Account, Account.id == Campaign.account_id).where(or_(sending, scheduled))
    return session.scalar(open_.limit(1)) is not None or bool(unexpanded(session))


def _has_waiting() -> ColumnElement[bool]:
    return select(Message.id).where(Message.run_id == Run.id, Message.status.in_(WAITING)).exists()


def finish_done(session: Session, *, now: datetime) -> list[Run]:
    """End every run that is expanded and has nothing waiting; returns those runs.

    Its campaign is completed, or scheduled again for its next occurrence.
    """
    runs = session.scalars(
        select(Run)
        .join(Campaign)
        .where(
            Campaign.state == CampaignState.SENDING, Run.expanded.is_(True), Run.finished_at.is_(None), ~_has_waiting()
        )
        .with_for_update(of=Campaign, key_share=True, skip_locked=True)  # somebody may be pausing or cancelling it
    ).all()
    for run in runs:
        campaign, run.finished_at = run.campaign, now
        again = campaign.recurrence is not None and campaign.next_at is not None
        move(campaign, CampaignState.SCHEDULED if again else CampaignState.COMPLETED, "completed", now)
    return list(runs)
