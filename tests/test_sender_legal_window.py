"""No text outside its window, the queue's time included: thousands of generated cases against the oracle in tests/hours.py."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.accounts import Account, SendingNumber
from models.campaigns import CampaignState, Lane, Run
from models.consent import Purpose
from models.contacts import Contact
from models.countries import CountrySetting
from models.messages import Message, MessageStatus
from models.phones import Phone, normalise
from sender import audience, dispatch, lanes
from sender.schedule import Window, legal_window
from tests import seeds
from tests.conftest import NOW
from tests.hours import MINUTE, PEOPLE, Somebody, allowed, minutes

CASES = 10_000
SCANNED = 20
"""Of so many cases one is scanned minute by minute; of the others the ends and some minutes between are looked at."""
CLAIMS = {"sqlite": 90, "postgresql": 10}
"""Instants at which the real claim is made for everybody."""
FIRST, LAST = datetime(2026, 1, 3, tzinfo=UTC), datetime(2026, 12, 12, tzinfo=UTC)
CHANGES = [datetime(2026, 3, 8, 8, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC),
           datetime(2026, 11, 1, 7, tzinfo=UTC)]  # fmt: skip
"""When clocks are changed in North America and in Britain."""
HOURS = [None, (time(8), time(20)), (time(10, 15), time(21)), (time(20, 30), time(9, 30)), (time(0), time(23, 59))]


def instant(chance: random.Random) -> datetime:
    """Any time of 2026, a third of them near a change of clocks."""
    if chance.random() < 1 / 3:
        return chance.choice(CHANGES) + timedelta(seconds=chance.randrange(-2 * 86_400, 2 * 86_400))
    return FIRST + timedelta(seconds=chance.randrange(int((LAST - FIRST).total_seconds())))


def between(hours: tuple[time, time] | None) -> Callable[[datetime], bool]:
    """What hours mean."""
    if hours is None:
        return lambda local: True
    opens, closes = hours
    if opens < closes:
        return lambda local: opens <= local.time() < closes
    return lambda local: local.time() >= opens or local.time() < closes


def asked(
    somebody: Somebody, now: datetime, country: tuple[time, time] | None, account: tuple[time, time] | None
) -> Window:
    """The window as the code has it."""
    phone = normalise(somebody.phone, "")
    assert isinstance(phone, Phone)
    contact: Any = SimpleNamespace(
        time_zone=somebody.own_zone, address_region=somebody.address, quiet_hours=somebody.quiet
    )
    opens, closes = account or (None, None)
    owner: Any = SimpleNamespace(profile=None, opens_at=opens, closes_at=closes)
    opens, closes = country or (None, None)
    setting = CountrySetting(region=phone.region, name=phone.region, opens_at=opens, closes_at=closes)
    return legal_window(phone, contact, owner, now, setting=setting)


def outside(somebody: Somebody, now: datetime, found: Window, chance: random.Random, *rules: Any, scan: bool) -> int:
    """How many of the minutes that the window allows the oracle does not; only those to come count."""
    if found.opens_at is None or found.closes_at is None:
        return 0
    start = max(now, found.opens_at)
    length = int((found.closes_at - start) / MINUTE)
    looked_at = list(minutes(start, found.closes_at)) if scan else [start, found.closes_at - timedelta(seconds=1)]
    looked_at += [start + MINUTE * chance.randrange(length) for _ in range(6) if length]
    return sum(not allowed(somebody, at, *rules) for at in looked_at)


def missed(somebody: Somebody, now: datetime, found: Window, chance: random.Random, *rules: Any) -> int:
    """How many minutes before the window, or beside it, are right all the same: it is the next one, and as long as can be.

    Not near a change of clocks, where an hour that happens twice is used once.
    """
    until = found.opens_at or now + timedelta(days=13)
    looked_at = [now + (until - now) * chance.random() for _ in range(6)] if until > now else []
    if found.opens_at is not None and found.closes_at is not None:
        looked_at += [found.closes_at, *([found.opens_at - MINUTE] if found.opens_at > now else [])]
    calm = [at for at in looked_at if all(abs(at - change) > timedelta(days=1) for change in CHANGES)]
    return sum(allowed(somebody, at, *rules) for at in calm)


def test_windows_agree_with_the_oracle(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody is texted outside their hours, and nobody waits longer than they must."""
    chance, bad, late = random.Random(20261122), 0, 0
    for case in range(CASES):
        somebody, now = PEOPLE[case % len(PEOPLE)], instant(chance)
        country, account = chance.choice(HOURS), chance.choice(HOURS)
        rules = between(country), between(account)
        found = asked(somebody, now, country, account)
        assert not (found.open and (found.held or not allowed(somebody, now, *rules))), (somebody, now, found)
        wrong = outside(somebody, now, found, chance, *rules, scan=case % SCANNED == 0)
        slow = missed(somebody, now, found, chance, *rules)
        assert (wrong, slow) == (0, 0), (somebody, now, country, account, found)
        bad, late = bad + wrong, late + slow
    with capsys.disabled():
        print(f"\nwindows: {CASES:,} cases, {bad} minutes outside, {late} missed")  # noqa: T201


def test_claims_agree_with_the_oracle(session: Session, account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    """What the real claim lets go leaves, and at the latest expires in Twilio's queue, within the recipient's hours."""
    chance = random.Random(20261123)
    run = everybody(session, account)
    sent = bad = 0
    for _ in range(CLAIMS[session.get_bind().dialect.name]):
        now = instant(chance)
        lanes.renew(session, now=now)
        session.commit()
        claims = dispatch.claim(session, worker="w", now=now, limit=500)
        for claim in claims:
            somebody = next(one for one in PEOPLE if one.phone == claim.to)
            last = claim.slot + claim.leave_within
            ends = (now, claim.slot, last, last + timedelta(seconds=claim.validity_seconds - 1))
            between_them = last + timedelta(seconds=chance.randrange(claim.validity_seconds))
            bad += not all(allowed(somebody, at) for at in (*ends, between_them))
            assert not bad, (claim, somebody)
        sent += len(claims)
        waiting_again(session, run)
    with capsys.disabled():
        print(f"\nclaims on {session.get_bind().dialect.name}: {sent:,} texts, {bad} outside")  # noqa: T201
    assert sent > 1_000 or session.get_bind().dialect.name == "postgresql"


def everybody(session: Session, account: Account) -> Run:
    """A campaign of marketing to all of `PEOPLE`, expanded; committed."""
    session.add(CountrySetting(account_id=account.id, region="PR", name="Puerto Rico", updated_at=NOW))
    session.execute(update(SendingNumber).values(segments_per_second=1_000))
    people = []
    for one in PEOPLE:
        phone = normalise(one.phone, "")
        assert isinstance(phone, Phone)
        people.append(
            Contact(
                account_id=account.id, phone=phone.e164, phone_raw=phone.e164, region=phone.region, line_type=phone.line_type,
                time_zones=",".join(phone.time_zones), time_zone=one.own_zone, address_region=one.address,
                quiet_hours=one.quiet, name="Ann", created_at=NOW, updated_at=NOW,
            )
        )  # fmt: skip
    session.add_all(people)
    session.flush()
    campaign = seeds.campaign(session, account, people=people, state=CampaignState.SENDING)
    campaign.purpose = Purpose.MARKETING
    run = Run(
        account_id=account.id, campaign_id=campaign.id, number=1, audience_id=campaign.audience_id, due_at=FIRST, started_at=FIRST,
        template_version_id=campaign.template_version_id, sender_id=campaign.sender_id,
    )  # fmt: skip
    session.add(run)
    session.flush()
    while audience.expand(session, run, now=FIRST):
        pass
    session.commit()
    assert run.messages == len(PEOPLE)
    return run


def waiting_again(session: Session, run: Run) -> None:
    """As before the claim."""
    session.execute(update(Message).values(status=MessageStatus.PENDING, lease_until=None, worker=None))
    session.execute(update(SendingNumber).values(tat_us=0, served_by=None, served_until=None))
    session.execute(update(Run).where(Run.id == run.id).values(segments_claimed=0))
    session.commit()


def test_people_who_share_their_hours_share_a_lane(session: Session, account: Account) -> None:
    """Two area codes of one state are one lane; an address, a request or another state makes another."""
    run = everybody(session, account)
    found = {
        (lane.zones, lane.region, lane.places, lane.quiet)
        for lane in session.scalars(select(Lane).where(Lane.run_id == run.id))
    }
    assert ("America/New_York", "US", "US-RI", "mon, tue, wed, thu") in found
    assert ("America/New_York,America/Los_Angeles", "US", "", "") not in found, "zones are in order"
    assert ("America/Los_Angeles,America/New_York", "US", "", "") in found
    assert ("America/New_York", "US", "", "") in found
    assert len(found) < len(PEOPLE)
