"""What if a campaign cannot be over before its recipients' hours close? It is refused, unless somebody agreed to several days.

Agreeing changes nothing about the hours: each text leaves within its own recipient's, the rest on the days that follow.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from models.campaigns import Campaign, CampaignState
from sender.problems import Problem
from sender.runs import NotAllowed, locked
from sender.timetable import Timetable

UNSENT = (CampaignState.DRAFT, CampaignState.SCHEDULED, CampaignState.HELD)


def problems(campaign: Campaign, found: Timetable) -> list[Problem]:
    """One problem where some groups need more than one window; blocking until somebody agreed to that."""
    if not found.spilling:
        return []
    count = f"{found.late:,} text{'s' if found.late != 1 else ''}"
    if any(one.left for one in found.spilling):
        sentence = f"At this rate {count} would not leave within two weeks. Choose a faster sender, or split it."
        return [Problem("hours", sentence)]
    if campaign.over_days:
        return [
            Problem(
                "hours", f"It takes several days: {count} leave on a later one, within their hours.", blocking=False
            )
        ]
    sentence = (
        f"It would not be over before recipients' hours close: {count} would leave on a later day. "
        "Spread it over the days below, start earlier, or choose a faster sender."
    )
    return [Problem("hours", sentence)]


def spread(session: Session, campaign: Campaign, *, agreed: bool, now: datetime) -> None:
    """Agree that the campaign takes several days, or take that back; raises NotAllowed once it has started. Not committed."""
    campaign = locked(session, campaign)
    if campaign.state not in UNSENT:
        raise NotAllowed(f"A campaign that is {campaign.state} cannot be spread any more.")
    campaign.over_days, campaign.updated_at = agreed, now
