"""What starts by itself, and what waits for a person instead: too late, nobody verified, an audience that is not what it was.

Of several occurrences that came due meanwhile only the latest counts; each that is passed over is a run of its own, which says
why. A campaign that may not start is `held`, says why, and somebody is told by mail.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import AudienceRow, Campaign, CampaignState, Exclusion, Reason, Run
from models.contacts import Contact
from models.countries import CountrySetting
from models.settings import value
from sender import notices
from sender.delays import delay, span
from sender.planned import due, following
from sender.problems import blocking
from sender.recurrence import Occurrence, once
from sender.runs import NotAllowed, known, latest, locked, move, new_run, pass_over

BAD_ROWS = (Reason.EMPTY_PHONE, Reason.INVALID_NUMBER, Reason.DUPLICATE, Reason.COUNTRY_DISABLED)
"""What the size of an audience does not count; every other reason is asked after these."""
PUNCTUAL = timedelta(minutes=1)
"""A start within it needs no explanation."""
ASK = "Send it now, choose another time, or cancel it."


def start_due(session: Session, *, now: datetime) -> list[Run]:
    """Start every scheduled campaign whose time has come, or hold it; returns the runs that started. Not committed."""
    waiting = session.scalars(
        select(Campaign)
        .join(Account, Account.id == Campaign.account_id)
        .where(Campaign.state == CampaignState.SCHEDULED, Campaign.next_at <= now, Account.held_why == "")
        .order_by(Campaign.next_at, Campaign.id)
        .with_for_update(of=Campaign, skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    return [run for campaign in waiting if (run := _start(session, campaign, now)) is not None]


def _start(session: Session, campaign: Campaign, now: datetime) -> Run | None:
    found = _come(campaign, now)
    if found is None:  # the others start all the same
        hold(session, campaign, f"Its schedule cannot be read any more. {ASK}", one=_as_planned(campaign, now), now=now)
        return None
    done = known(session, campaign, found)
    fresh = [one for one in found if one.key not in done]
    if not fresh:
        _go_on(campaign, now)
        return None
    *missed, one = fresh
    pass_over(session, campaign, [(each, delay(session, campaign, each, now=now).missed) for each in missed], now=now)
    why = (
        blocking(session, campaign, now=now)
        or _too_late(session, campaign, one, now)
        or _other_audience(session, campaign)
    )
    if why:
        hold(session, campaign, why, one=one, now=now)
        return None
    return _begin(session, campaign, one, now=now, why=_late(session, campaign, one, now))


def begin_latest(session: Session, campaign: Campaign, *, now: datetime) -> Run:
    """Start the latest occurrence that is due of a locked campaign, and pass over the others. Raises NotAllowed without one."""
    held = _held(session, campaign, now)
    if not held:
        raise NotAllowed("Nothing of it is due. Choose another time, or cancel it.")
    *missed, one = held
    was_held = campaign.state is CampaignState.HELD
    reason = f"It was held. {campaign.why}" if was_held else "A person sent a later one."
    pass_over(session, campaign, [(each, reason) for each in missed], now=now)
    why = f"Held, and sent by hand {span(now - one.at)} late." if was_held else _late(session, campaign, one, now)
    return _begin(session, campaign, one, now=now, why=why)


def _begin(session: Session, campaign: Campaign, one: Occurrence, *, now: datetime, why: str) -> Run:
    """The run of an occurrence, and when the next one is due."""
    move(campaign, CampaignState.SENDING, "sent", now)
    key = one.key if campaign.recurrence else None
    run = new_run(session, campaign, due_at=one.at, now=now, occurrence=key, why=why)
    _plan(campaign, now)
    return run


def _plan(campaign: Campaign, now: datetime) -> None:
    then = following(campaign, after=now)
    campaign.next_at = then.at if then else None


def _go_on(campaign: Campaign, now: datetime) -> None:
    """What comes next for a campaign that has nothing to send now: its next time, or its end."""
    _plan(campaign, now)
    state = CampaignState.SCHEDULED if campaign.next_at else CampaignState.COMPLETED
    if campaign.state is not state:
        move(campaign, state, "planned", now)


def hold(session: Session, campaign: Campaign, why: str, *, one: Occurrence, now: datetime) -> None:
    """Leave the start of a scheduled, locked campaign to a person, and owe a mail about it. Not committed."""
    move(campaign, CampaignState.HELD, "held", now)
    campaign.why, campaign.next_at = why, one.at
    notices.owe(
        session, account_id=campaign.account_id, campaign_id=campaign.id, now=now,
        cause=f"campaign:{campaign.id}:held:{one.at:%Y-%m-%dT%H:%M}", subject=f"{campaign.name} was not sent: it is held",
        body=f"{campaign.name} was due on {one.wall:%Y-%m-%d at %H:%M} ({one.zone}) and was not sent.\n\n{why}",
    )  # fmt: skip


def _too_late(session: Session, campaign: Campaign, one: Occurrence, now: datetime) -> str:
    minutes = int(value(session, "late_start_minutes", account_id=campaign.account_id))
    if now - one.at <= timedelta(minutes=minutes):
        return ""
    cause = delay(session, campaign, one, now=now).cause
    return f"It should have started at {one.wall:%H:%M on %Y-%m-%d} and is {span(now - one.at)} late: {cause}. {ASK}"


def _late(session: Session, campaign: Campaign, one: Occurrence, now: datetime) -> str:
    if now - one.at < PUNCTUAL:
        return ""
    return f"Started {span(now - one.at)} late: {delay(session, campaign, one, now=now).cause}."


def _other_audience(session: Session, campaign: Campaign) -> str:
    """The sentence of the alarm: a recurring campaign reaches many more or fewer people than its run before."""
    before = latest(session, campaign) if campaign.recurrence else None
    if before is None or not before.expanded:
        return ""
    then, today = _usable_then(session, before), usable(session, campaign)
    percent = int(value(session, "audience_change_percent", account_id=campaign.account_id))
    if abs(today - then) * 100 <= percent * then:
        return ""
    return f"Its audience has {today:,} people who can be texted; at the run before it was {then:,}. {ASK}"


def usable(session: Session, campaign: Campaign) -> int:
    """How many of a campaign's audience have a number in an enabled country; consent is asked when it is sent."""
    enabled = select(CountrySetting.region).where(
        CountrySetting.account_id == campaign.account_id, CountrySetting.enabled.is_(True)
    )
    people = (
        select(func.count())
        .select_from(AudienceRow)
        .join(Contact, Contact.id == AudienceRow.contact_id)
        .where(
            AudienceRow.audience_id == campaign.audience_id, AudienceRow.reason.is_(None), Contact.region.in_(enabled)
        )
    )
    return session.scalar(people) or 0


def _usable_then(session: Session, run: Run) -> int:
    """The same of an earlier run, as it was counted then."""
    bad = select(func.count()).where(Exclusion.run_id == run.id, Exclusion.reason.in_(BAD_ROWS))
    return run.audience_size - (session.scalar(bad) or 0)


def send_held(session: Session, campaign: Campaign, *, now: datetime) -> Run:
    """Send a held campaign now: its latest occurrence that is due, the others are passed over. Raises NotAllowed."""
    campaign = locked(session, campaign)
    if campaign.state is not CampaignState.HELD:
        raise NotAllowed(f"A campaign that is {campaign.state} is not held.")
    if why := blocking(session, campaign, now=now):
        raise NotAllowed(why)
    return begin_latest(session, campaign, now=now)


def skip_held(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Do not send what a recurring campaign is held for, and go on with its schedule. Raises NotAllowed."""
    campaign = locked(session, campaign)
    if campaign.state is not CampaignState.HELD:
        raise NotAllowed(f"A campaign that is {campaign.state} is not held.")
    if not campaign.recurrence:
        raise NotAllowed("It has no other time. Choose one, or cancel it.")
    drop_held(session, campaign, now=now)
    _go_on(campaign, now)


def drop_held(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Pass over what a held recurring campaign waits with, before a person gives it another end. It is locked."""
    if campaign.state is CampaignState.HELD and campaign.recurrence:
        held = [(one, f"It was held, and not sent. {campaign.why}") for one in _held(session, campaign, now)]
        pass_over(session, campaign, held, now=now)


def pass_due(session: Session, campaign: Campaign, why: str, *, now: datetime) -> None:
    """Pass over what is due of a recurring, locked campaign, whatever its state, and plan what follows. Not committed."""
    pass_over(session, campaign, [(one, why) for one in _held(session, campaign, now)], now=now)
    _plan(campaign, now)


def _held(session: Session, campaign: Campaign, now: datetime) -> list[Occurrence]:
    """What a held campaign waits with: all that is due and has no run, the oldest first."""
    found = _come(campaign, now) or [_as_planned(campaign, now)]
    done = known(session, campaign, found)
    return [one for one in found if one.key not in done]


def _come(campaign: Campaign, now: datetime) -> list[Occurrence] | None:
    """What is due; None when the rule or the zone cannot be read: another version wrote it, or the zone is gone."""
    try:
        return due(campaign, now=now)
    except (ValueError, KeyError):
        return None


def _as_planned(campaign: Campaign, now: datetime) -> Occurrence:
    """Its next time as it was worked out once, whatever the rule gives today."""
    return once(campaign.next_at or now, "UTC")
