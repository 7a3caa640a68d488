"""When does a campaign run: which of its times have come, which is next, and which will follow?

`next_at` of the campaign is the truth about its next run; the rule says what comes after it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Campaign
from sender import recurrence
from sender.recurrence import Occurrence, once, wall_of

MOMENT = timedelta(microseconds=1)
"""The smallest step of time in a database."""


def zone_of(campaign: Campaign) -> str:
    """Whose wall time its schedule is on."""
    return campaign.time_zone or campaign.account.time_zone


def due(campaign: Campaign, *, now: datetime) -> list[Occurrence]:
    """The times of a campaign that have come and were not looked at yet, the oldest first.

    Empty when none has, or when its next one is none of the rule's any more (a zone has changed its clocks since).
    """
    if campaign.next_at is None or campaign.next_at > now:
        return []
    zone = zone_of(campaign)
    if not campaign.recurrence or campaign.starts_at is None:
        return [once(campaign.next_at, zone)]
    first = wall_of(campaign.starts_at, zone)
    return list(recurrence.between(campaign.recurrence, first, zone, campaign.next_at - MOMENT, now))


def following(campaign: Campaign, *, after: datetime) -> Occurrence | None:
    """The next time of a recurring campaign later than `after`; None for a one-time campaign and at the end of the rule."""
    if not campaign.recurrence or campaign.starts_at is None:
        return None
    zone = zone_of(campaign)
    return recurrence.next_after(campaign.recurrence, wall_of(campaign.starts_at, zone), zone, after)


def upcoming(session: Session, campaign: Campaign, *, now: datetime, count: int = 5) -> list[Occurrence]:
    """The next times of a scheduled campaign, from its `next_at` on; empty when no run is planned.

    A first one that is not later than `now` is about to start or, while the campaign is held, waits for a person.
    """
    if campaign.next_at is None:
        return []
    zone = (
        campaign.time_zone
        or session.scalar(select(Account.time_zone).where(Account.id == campaign.account_id))
        or "UTC"
    )
    if not campaign.recurrence or campaign.starts_at is None:
        return [once(campaign.next_at, zone)]
    later = preview(campaign.recurrence, campaign.starts_at, zone, after=max(now, campaign.next_at), count=count - 1)
    return [once(campaign.next_at, zone), *later]


def preview(rule: str, starts_at: datetime, zone: str, *, after: datetime, count: int = 5) -> list[Occurrence]:
    """The first times later than `after` of a rule that nobody has saved yet. Raises BadRule."""
    found = recurrence.occurrences(
        rule, wall_of(starts_at, zone), zone, horizon=wall_of(after, zone) + recurrence.HORIZON
    )
    return list(islice((one for one in found if one.at > after), count))
