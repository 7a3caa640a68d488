"""The edge that keeps campaigns within their budgets: how many segments each run may claim, and the stop when no more fit.

A run with a budget starts with leave for no segment at all (`sender.campaigns`), and only this job gives it some, so nothing
leaves before its price was looked at. The leave is worked out anew when most of it is used, at what was spent by then.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from analytics.budgets import Spending, spending
from analytics.rates import RateProblem
from models.base import Database
from models.campaigns import Campaign, CampaignState, Run
from models.messages import Message
from models.money import show
from sender import guards
from sender.campaigns import NotAllowed
from sender.failures import logged

USED_PERCENT = 80
"""From here on a run's leave is worked out anew at each turn; before, what it has is enough for a while."""
LONGEST = 24
"""Segments of the longest text that Twilio takes: 1,600 characters in UCS-2. With less left the next text may not fit."""
NEXT = 200
"""Texts that are looked at for one that does not fit."""
PENDING = text("message.status = 'pending'")
SPENT, NO_PRICE, NO_CARD = (
    "Paused: the budget of",
    "Paused: the budget cannot be kept, because the rate card has no price for",
    "Paused: the budget cannot be kept, because no rate card is loaded.",
)
"""How the sentences begin by which a budget stops a campaign."""


def allow(database: Database, now: datetime) -> str:
    """Give every sending run with a budget its leave, and pause those for which no text fits any more; says how many."""
    with database.reading() as session:
        runs = session.execute(
            select(Run.id, Run.campaign_id)
            .join(Campaign)
            .where(Campaign.state == CampaignState.SENDING, Campaign.budget_u.is_not(None), Run.finished_at.is_(None))
            .order_by(Run.id)
        ).all()
    stopped = 0
    for run_id, campaign_id in runs:
        with logged(f"run {run_id}: its budget was not looked at"), database.transaction() as session:
            stopped += _look(session, run_id, campaign_id, now)
    return f"{len(runs)} budgets kept, {stopped} spent"


def _look(session: Session, run_id: int, campaign_id: int, now: datetime) -> bool:
    """Work out one run's leave; whether its campaign was paused."""
    campaign, run = _locked(session, campaign_id, run_id)
    if campaign.state is not CampaignState.SENDING or not _nearly_used(run):
        return False
    why = _grant(session, campaign, run, now)
    return bool(why) and guards.stop(session, campaign.id, why=why, now=now) is not None


def _locked(session: Session, campaign_id: int, run_id: int) -> tuple[Campaign, Run]:
    """Both as they are now, in the order in which everybody locks them; no claim counts its segments meanwhile."""
    fresh = {"populate_existing": True}
    campaign = session.scalars(
        select(Campaign).where(Campaign.id == campaign_id).with_for_update(), execution_options=fresh
    ).one()
    run = session.scalars(select(Run).where(Run.id == run_id).with_for_update(), execution_options=fresh).one()
    return campaign, run


def _nearly_used(run: Run) -> bool:
    given, claimed = run.budget_segments or 0, run.segments_claimed
    return claimed * 100 >= given * USED_PERCENT or given - claimed < LONGEST


def _grant(session: Session, campaign: Campaign, run: Run, now: datetime) -> str:
    """Write the run's leave; the sentence for a person when no further text fits, else nothing."""
    if campaign.budget_u is None:
        run.budget_segments = None
        return ""
    try:
        found = spending(session, run, budget_u=campaign.budget_u, now=now)
    except RateProblem:
        return NO_CARD
    run.budget_segments = run.segments_claimed + found.segments_left
    session.flush()
    return _sentence(campaign.budget_u, found) if _next_does_not_fit(session, run, found) else ""


def _next_does_not_fit(session: Session, run: Run, found: Spending) -> bool:
    """Whether one of the next texts is larger than what is left. A smaller one may fit, but must not be sent out of turn."""
    if found.segments_left >= LONGEST:
        return False
    waiting = select(Message.segments).where(Message.run_id == run.id, PENDING).order_by(Message.id).limit(NEXT)
    largest = session.scalar(select(func.max(waiting.subquery().c.segments)))
    return largest is not None and largest > found.segments_left


def _sentence(budget_u: int, found: Spending) -> str:
    if found.unrated:
        return f"{NO_PRICE} {', '.join(found.unrated)}. Load a card that has it, or take the budget off."
    spent = (
        f"{SPENT} {show(budget_u)} is used: {show(found.spent_u)} by Twilio's prices so far and the card's for the rest"
    )
    return f"{spent}, and the next text may cost {show(found.dearest_u)} a segment. Raise the budget to go on."


def change(session: Session, campaign: Campaign, *, budget_u: int | None, now: datetime) -> None:
    """Set, raise or take off a campaign's budget (micros); one that stopped for it goes on when the next text fits now.

    Holds at once, for the run under way as well. Raises NotAllowed for a budget of nothing. Not committed.
    """
    if budget_u is not None and budget_u < 1:
        raise NotAllowed("A budget must be more than nothing; leave it empty for none.")
    campaign = session.scalars(
        select(Campaign).where(Campaign.id == campaign.id).with_for_update(),
        execution_options={"populate_existing": True},
    ).one()
    campaign.budget_u = budget_u
    stopped_for_it = campaign.state is CampaignState.PAUSED and campaign.why.startswith((SPENT, NO_PRICE, NO_CARD))
    reasons = []
    for run_id in session.scalars(
        select(Run.id).where(Run.campaign_id == campaign.id, Run.finished_at.is_(None))
    ).all():
        _, run = _locked(session, campaign.id, run_id)
        reasons.append(_grant(session, campaign, run, now))
    if stopped_for_it and not any(reasons):
        campaign.state, campaign.why, campaign.updated_at = CampaignState.SENDING, "", now
