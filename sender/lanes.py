"""Which lanes of a run are open now? Their windows are moved on as time passes and as country settings change."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Campaign, CampaignState, Lane, Run
from models.consent import Purpose
from models.countries import CountrySetting
from sender.schedule import Scope, Window, window_of
from sender.scopes import scope

NO_COUNTRY = Window(None, None, "The country is no longer in Country settings.", held=True, open=False)
"""A country without a row is disabled: nobody knows its hours any more."""
UNFINISHED = (CampaignState.SENDING, CampaignState.PAUSED)


def renew(session: Session, *, now: datetime) -> int:
    """Recompute the window of every lane of a run that is not over, by the rules of now; returns how many changed."""
    rows = session.execute(
        select(Lane, CountrySetting, Run.account_id, Campaign.purpose)
        .join(Run, Run.id == Lane.run_id)
        .join(Campaign, Campaign.id == Run.campaign_id)
        .outerjoin(
            CountrySetting, (CountrySetting.account_id == Run.account_id) & (CountrySetting.region == Lane.region)
        )
        .where(Run.finished_at.is_(None), Campaign.state.in_(UNFINISHED))
    )
    changed, scopes = 0, dict[tuple[int, Purpose], Scope]()
    for lane, setting, account_id, purpose in rows:
        whose = (account_id, purpose)
        if whose not in scopes:
            scopes[whose] = scope(session, session.get_one(Account, account_id), purpose)
        found = window_of(lane, scopes[whose], now, setting=setting) if setting else NO_COUNTRY
        fresh = (found.opens_at, found.closes_at, found.held, found.why)
        if fresh != (lane.opens_at, lane.closes_at, lane.held, lane.why):
            lane.opens_at, lane.closes_at, lane.held, lane.why = fresh
            changed += 1
    return changed
