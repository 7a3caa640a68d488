"""Which lanes of a run are open now? Their windows are moved on as time passes and as rules change."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import literal_column, select, text
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Campaign, CampaignState, Lane, Run
from models.consent import Purpose
from models.contacts import Contact
from models.countries import CountrySetting
from models.messages import Message, MessageStatus
from sender.schedule import Scope, Window, window_of
from sender.scopes import scope
from sender.whereabouts import WHEREABOUTS, Whereabouts, read

NO_COUNTRY = Window(None, None, "The country is no longer in Country settings.", held=True, open=False)
"""A country without a row is disabled: nobody knows its hours any more."""
UNFINISHED = (CampaignState.SENDING, CampaignState.PAUSED)


def follow(session: Session, contact: Contact, *, now: datetime) -> int:
    """Give what waits for a contact the lanes of where they are now: an address or a request may have come. Returns how many."""
    session.flush()
    expression = session.scalar(
        select(literal_column(WHEREABOUTS)).select_from(text("contact c")).where(text("c.id = :id")), {"id": contact.id}
    )
    where = read(str(expression), contact.time_zone or contact.time_zones, contact.region)
    rows = session.execute(
        select(Message, Lane)
        .join(Lane, Lane.id == Message.lane_id)
        .where(Message.contact_id == contact.id, Message.status == MessageStatus.PENDING)
        .with_for_update(of=Message)
    ).all()
    moved = 0
    for message, lane in rows:
        if Whereabouts(lane.zones, lane.region, lane.places, lane.quiet) != where and lane.region == where.region:
            message.lane_id, message.updated_at = _like(session, lane, where).id, now
            moved += 1
    session.flush()
    if moved:
        renew(session, now=now)
    return moved


def _like(session: Session, lane: Lane, where: Whereabouts) -> Lane:
    """The lane of the same run and sender for that whereabouts; a new one is held until its window is worked out."""
    mine = (Lane.run_id == lane.run_id, Lane.sender_id == lane.sender_id, Lane.region == where.region)
    same = (Lane.zones == where.zones, Lane.places == where.places, Lane.quiet == where.quiet)
    found = session.scalars(select(Lane).where(*mine, *same)).first()
    if found is None:
        found = Lane(run_id=lane.run_id, sender_id=lane.sender_id, priority=lane.priority, held=True, **where._asdict())
        session.add(found)
        session.flush()
    return found


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
