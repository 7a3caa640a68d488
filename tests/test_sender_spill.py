"""A campaign that cannot be over within hours: refused, until somebody agrees to several days."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import CampaignState
from sender import spill
from sender.runs import NotAllowed
from sender.timetable import Departure, Group, Part, Timetable
from sender.whereabouts import Whereabouts
from tests import seeds
from tests.conftest import NOW

DAY = timedelta(days=1)
PARTS = tuple(Part(NOW + n * DAY, NOW + n * DAY, NOW + n * DAY, 50, 50) for n in range(2))
TWO_DAYS = Timetable((Departure(Group(Whereabouts("America/New_York", "US"), 100, 100), "08:00–21:00", PARTS),))


def test_it_is_refused_until_somebody_agrees(session: Session, account: Account) -> None:
    """The sentence counts what would be late and says what to do; agreed, it is only told."""
    campaign = seeds.campaign(session, account)
    [problem] = spill.problems(campaign, TWO_DAYS)
    assert problem.blocking
    assert "50 texts would leave on a later day" in problem.sentence
    spill.spread(session, campaign, agreed=True, now=NOW)
    [problem] = spill.problems(campaign, TWO_DAYS)
    assert not problem.blocking
    spill.spread(session, campaign, agreed=False, now=NOW)
    assert spill.problems(campaign, TWO_DAYS)[0].blocking


def test_what_fits_is_no_problem(session: Session, account: Account) -> None:
    """One window is enough."""
    one = replace(TWO_DAYS.departures[0], parts=PARTS[:1])
    assert spill.problems(seeds.campaign(session, account), Timetable((one,))) == []


def test_what_never_ends_is_refused_whatever_was_agreed(session: Session, account: Account) -> None:
    """Two weeks are the most."""
    campaign = seeds.campaign(session, account)
    campaign.over_days = True
    [problem] = spill.problems(campaign, Timetable((replace(TWO_DAYS.departures[0], left=7),)))
    assert problem.blocking
    assert "within two weeks" in problem.sentence


def test_one_that_has_started_cannot_change(session: Session, account: Account) -> None:
    """Its texts keep to their hours anyway."""
    campaign = seeds.campaign(session, account, state=CampaignState.SENDING)
    with pytest.raises(NotAllowed, match="cannot be spread any more"):
        spill.spread(session, campaign, agreed=True, now=NOW)
