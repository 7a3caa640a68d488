"""Lanes open and close with the clock and with the country's hours."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Lane
from models.countries import CountrySetting
from sender import dispatch, lanes
from tests import seeds


def test_hours_close_and_reopen(session: Session, account: Account, now: datetime) -> None:
    """With hours set a lane closes in the evening, holds its messages, and opens again the next morning."""
    seeds.sending_run(session, account, 1)
    session.execute(update(CountrySetting).values(opens_at=time(8), closes_at=time(20)))
    evening = now + timedelta(hours=11)
    assert lanes.renew(session, now=evening) == 1
    session.commit()
    assert dispatch.claim(session, worker="w", now=evening, limit=5) == []
    lane = session.scalars(select(Lane)).one()
    assert lane.opens_at is not None
    assert lane.why == "08:00–20:00 in America/New_York"
    morning = lane.opens_at
    assert lanes.renew(session, now=morning) == 0
    (claim,) = dispatch.claim(session, worker="w", now=morning, limit=5)
    assert claim.validity_seconds == 36_000


def test_unknown_zone_holds(session: Session, account: Account, now: datetime) -> None:
    """Where a country has hours and nobody knows the zone, the lane is held instead of guessed."""
    seeds.sending_run(session, account, 1)
    session.execute(update(Lane).values(zones=""))
    session.execute(update(CountrySetting).values(opens_at=time(8), closes_at=time(20)))
    session.expire_all()
    lanes.renew(session, now=now)
    assert session.scalars(select(Lane)).one().held
    session.commit()
    assert dispatch.claim(session, worker="w", now=now, limit=5) == []


def test_validity_ends_with_the_window(session: Session, account: Account, now: datetime) -> None:
    """Twilio may not keep a text in its queue beyond the end of the recipient's window."""
    seeds.sending_run(session, account, 1)
    session.execute(update(CountrySetting).values(opens_at=time(8), closes_at=time(10, 20)))
    session.expire_all()
    lanes.renew(session, now=now)
    session.commit()
    (claim,) = dispatch.claim(session, worker="w", now=now, limit=5)
    assert claim.validity_seconds == 20 * 60 - 10  # it may leave ten seconds after its slot


def test_a_country_that_is_gone_holds(session: Session, account: Account, now: datetime) -> None:
    """Its row is deleted in the middle of a run: nothing leaves, and it goes on when the country is back."""
    seeds.sending_run(session, account, 1)
    country = session.scalars(select(CountrySetting).where(CountrySetting.region == "US")).one()
    session.delete(country)
    session.flush()
    assert lanes.renew(session, now=now) == 1
    lane = session.scalars(select(Lane)).one()
    assert (lane.held, lane.why) == (True, "The country is no longer in Country settings.")
    session.commit()
    assert dispatch.claim(session, worker="w", now=now, limit=5) == []
    session.add(CountrySetting(account_id=account.id, region="US", name="United States", updated_at=now))
    session.flush()
    assert lanes.renew(session, now=now) == 1
    session.commit()
    assert len(dispatch.claim(session, worker="w", now=now, limit=5)) == 1
