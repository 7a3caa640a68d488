"""Is a person told before a launch, and on a contact's page, who has had enough? By the same count that the claim keeps to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.accounts import Account, Profile
from models.campaigns import Campaign
from models.consent import Purpose
from models.contacts import Contact
from models.messages import Message, MessageStatus
from sender import capped
from tests import seeds
from tests.conftest import NOW, seed_account

M = MessageStatus
HOUR = timedelta(hours=1)


def sent(session: Session, account: Account, people: int, *, hours: float = 1, **about: Any) -> None:
    """A campaign whose texts to so many people left so many hours ago."""
    count = len(session.scalars(select(Campaign)).all())
    run = seeds.sending_run(session, account, people, name=f"Earlier {count}", now=NOW - hours * HOUR)
    change = {"status": M.DELIVERED, "intent_at": NOW - hours * HOUR} | about
    session.execute(update(Message).where(Message.run_id == run.id).values(change))
    run.campaign.purpose = change.get("purpose", run.campaign.purpose)
    session.commit()


def draft(session: Session, account: Account, **about: Any) -> Campaign:
    """A campaign to everybody that has not been sent."""
    people = session.scalars(select(Contact).where(Contact.account_id == account.id).order_by(Contact.id)).all()
    made = seeds.campaign(session, account, name="Next", people=list(people))
    for name, value in about.items():
        setattr(made, name, value)
    session.commit()
    return made


def told(session: Session, campaign: Campaign) -> list[tuple[str, str]]:
    """Code and sentence of each warning."""
    found = capped.problems(session, campaign, now=NOW)
    assert not any(problem.blocking for problem in found)
    return [(problem.code, problem.sentence) for problem in found]


def test_nothing_is_said_without_a_cap(session: Session, account: Account) -> None:
    """Nor asked of the database: no cap applies to a reminder of an account that sets none."""
    for _ in range(5):
        sent(session, account, 3)
    assert told(session, draft(session, account)) == []


@pytest.mark.parametrize(
    ("limits", "hours", "people"),
    [
        ({"texts_per_day": 2}, 23.9, 2),
        ({"texts_per_day": 2}, 24, 0),
        ({"texts_per_day": 3}, 1, 0),
        ({"texts_per_week": 2}, 167.9, 2),
        ({"texts_per_week": 2}, 168, 0),
    ],
)
def test_those_who_have_reached_a_cap_are_counted(
    session: Session, account: Account, limits: dict[str, int], hours: float, people: int
) -> None:
    """Of five on the list two had two texts within the window; one more had one, and another account does not matter."""
    for name, value in limits.items():
        setattr(account, name, value)
    seeds.contacts(session, account, 5)
    other = seed_account(session, slug="other")
    for _ in range(3):
        sent(session, other, 5)
    sent(session, account, 2, hours=hours)
    sent(session, account, 3, hours=0.5)
    sent(session, account, 5, status=M.SKIPPED)
    sent(session, account, 5, status=M.FAILED)
    found = told(session, draft(session, account))
    assert [code for code, _ in found] == (["cap_F02"] if people else [])
    if people:
        assert found[0][1].startswith("2 people of this list have reached a cap now: at most 2 campaign texts in ")
        assert "wait for room until 24 hours after the start" in found[0][1]


@pytest.mark.parametrize(("wait", "word"), [(0, "They will be left out."), (6, "until 6 hours after the start")])
def test_the_warning_says_what_will_happen(session: Session, account: Account, wait: int, word: str) -> None:
    """To one person or to several."""
    account.texts_per_day, account.cap_wait_hours = 1, wait
    sent(session, account, 1)
    [(_, sentence)] = told(session, draft(session, account))
    assert sentence.startswith("1 person of this list has reached a cap now: at most 1 campaign text in 24 hours")
    assert word in sentence


def test_marketing_is_held_back_where_a_state_says_so_and_told_elsewhere(session: Session, account: Account) -> None:
    """Four people had three offers today: one in Florida, who will wait, and three in New York, which is only said."""
    seeds.contacts(session, account, 4)
    first = session.scalars(select(Contact).order_by(Contact.id)).first()
    assert first
    first.phone = "+13055550142"
    for _ in range(3):
        sent(session, account, 4, purpose=Purpose.MARKETING)
    offer = draft(session, account)
    assert told(session, offer) == [], "a reminder is no offer"
    offer.purpose = Purpose.MARKETING
    session.commit()
    found = dict(sentence.split(" of this list ", 1) for _, sentence in told(session, offer))
    assert set(found) == {"1 person", "3 people"}
    assert "the law of Florida; unconfirmed" in found["1 person"]
    assert "Nothing holds this text back" in found["3 people"]


def test_another_subject_is_another_count(session: Session, account: Account) -> None:
    """What was sent about the gala does not matter to an offer about dues; what had no subject does."""
    for subject in ("Gala", "gala", "Gala"):
        sent(session, account, 1, purpose=Purpose.MARKETING)
        session.execute(update(Campaign).where(Campaign.subject == "").values(subject=subject))
    session.commit()
    offer = draft(session, account, purpose=Purpose.MARKETING, subject="Dues")
    assert told(session, offer) == []
    offer.subject = "GALA"
    assert len(told(session, offer)) == 1
    session.execute(update(Campaign).where(Campaign.name.like("Earlier%")).values(subject=""))
    session.commit()
    offer.subject = "Dues"
    assert len(told(session, offer)) == 1


def test_a_collector_is_told_of_attempts_and_of_what_they_are_not(session: Session, account: Account) -> None:
    """Seven in seven days is a policy here; others are told nothing."""
    for day in range(7):
        sent(session, account, 1, hours=24 * day + 0.5)
    campaign = draft(session, account)
    assert told(session, campaign) == []
    account.profile = Profile.THIRD_PARTY_COLLECTOR
    [(code, sentence)] = told(session, campaign)
    assert code == "cap_F03"
    assert "at most 7 campaign texts in 7 days (policy, not Regulation F" in sentence


def test_invitations_are_counted_for_ever(session: Session, account: Account) -> None:
    """By the template's category, however long ago."""
    for day in (3, 200, 900):
        sent(session, account, 2, hours=24 * day)
    campaigns = session.scalars(select(Campaign)).all()
    for one in campaigns:
        one.template_version.template.category = "INVITATION"
    session.commit()
    invitation = draft(session, account)
    assert told(session, invitation) == []
    invitation.template_version.template.category = "INVITATION"
    session.commit()
    [(code, sentence)] = told(session, invitation)
    assert code == "cap_F04"
    assert sentence.endswith("They will be left out.")


def test_one_person_lately(session: Session, account: Account) -> None:
    """What they got in a day and in a week, and when there is room again under each cap that holds for them."""
    account.texts_per_day, account.texts_per_week = 2, 9
    for hours in (200, 100, 23, 2):
        sent(session, account, 1, hours=hours)
    sent(session, account, 1, status=M.SKIPPED)
    phone = session.scalars(select(Contact.phone)).one()
    found = capped.lately(session, account, phone, now=NOW)
    assert (found.day, found.week) == (2, 3)
    day, week = found.standings
    assert (day.count, day.full, day.room_at) == (2, True, NOW + HOUR)
    assert (week.count, week.full, week.room_at) == (3, False, None)
    nobody = capped.lately(session, account, "+12125550199", now=NOW)
    assert (nobody.day, nobody.week, [one.count for one in nobody.standings]) == (0, 0, [0, 0])
