"""Lanes open and close with the clock and with the country's hours."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Campaign, Lane
from models.consent import Purpose
from models.contacts import Contact
from models.countries import CountrySetting
from models.settings import Setting
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


def test_the_law_of_an_account_that_keeps_to_it(session: Session, account: Account, now: datetime) -> None:
    """Set again, the setting closes texts about accounts at night, too; marketing is closed anyway; and an account's own hours."""
    run = seeds.sending_run(session, account, 1)
    night = now + timedelta(hours=11, minutes=30)  # 21:30 in New York
    assert lanes.renew(session, now=night) == 0 or session.scalars(select(Lane)).one().opens_at is None
    session.execute(update(Campaign).values(purpose=Purpose.MARKETING))
    session.expire_all()
    assert lanes.renew(session, now=night) == 1
    lane = session.scalars(select(Lane).where(Lane.run_id == run.id)).one()
    assert lane.why == "08:00–21:00 in America/New_York: the United States (47 CFR 64.1200(c)(1), unconfirmed)"
    session.execute(update(Campaign).values(purpose=Purpose.ACCOUNT))
    session.execute(update(Setting).values(value=True))
    account.opens_at, account.closes_at = time(9), time(17)
    session.flush()
    session.expire_all()
    lanes.renew(session, now=night)
    assert lane.why == "09:00–17:00 in America/New_York: the account's own hours"


def test_what_waits_follows_the_person(session: Session, account: Account, now: datetime) -> None:
    """An address or a request that comes to be known moves the pending text to the lane of its hours, and nobody else's."""
    seeds.sending_run(session, account, 2)
    ann, ben = session.scalars(select(Contact).order_by(Contact.id)).all()
    ann.address_region, ann.quiet_hours = "US-RI", "09:00-16:00"
    assert lanes.follow(session, ann, now=now) == 1
    assert lanes.follow(session, ann, now=now) == 0
    assert lanes.follow(session, ben, now=now) == 0
    session.commit()
    [claim] = dispatch.claim(session, worker="w", now=now, limit=5)
    assert claim.to == ben.phone
    lane = session.scalars(select(Lane).where(Lane.quiet != "")).one()
    assert (lane.zones, lane.places, lane.held) == ("America/New_York", "US-RI", False)
    [claim] = dispatch.claim(session, worker="w", now=now + timedelta(hours=6, minutes=1), limit=5)
    assert claim.to == ann.phone
