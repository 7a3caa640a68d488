"""Tests of admin/budgets.py: a campaign never claims more than its budget is certain to pay, and goes on when it is raised."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin import budgets
from analytics import rates
from analytics.budgets import spending
from analytics.rollups import fold
from models.accounts import Account
from models.base import Database
from models.campaigns import Campaign, CampaignState, Lane, Run
from models.messages import Kind, Message, MessageStatus
from models.notices import Notice
from sender import campaigns, dispatch, messages
from tests.conftest import NOW
from tests.seeds import campaign as seeded
from tests.seeds import contacts, sending_run

C, M = CampaignState, MessageStatus
US_U, GB_U = 8_300 + 4_500, 56_000
"""Micros of a segment from a short code by the house's card of 2026-05-25, the carriers' estimate included."""


def funded(session: Session, account: Account, budget_u: int, people: int = 30) -> Run:
    """A run of one-segment texts to the US with a budget, as `campaigns.send` starts it; committed."""
    rates.load(session, "twilio-2026-05-25", now=NOW, entered_by="test")
    run = sending_run(session, account, people)
    run.campaign.budget_u, run.budget_segments = budget_u, 0
    session.commit()
    return run


def work(database: Database, *, seconds: int = 5, begin: datetime = NOW) -> int:
    """Look at budgets and claim, turn by turn; returns how many messages were claimed."""
    claimed = 0
    for second in range(seconds):
        now = begin + timedelta(seconds=second)
        budgets.allow(database, now)
        with database.session() as session:
            claimed += len(dispatch.claim(session, worker="w", now=now, limit=50))
    return claimed


def state(database: Database, run: Run) -> tuple[CampaignState, str]:
    """Where the campaign stands, and why."""
    with database.reading() as session:
        campaign = session.get_one(Campaign, run.campaign_id)
        return campaign.state, campaign.why


def test_nothing_leaves_before_the_budget_was_looked_at(database: Database, session: Session, account: Account) -> None:
    """A started run has leave for nothing; without a budget there is no bound."""
    made = seeded(session, account, name="Winter", people=contacts(session, account, 3))
    made.budget_u = 10**9
    assert campaigns.send(session, made, now=NOW).budget_segments == 0
    free = seeded(session, account, name="Free", people=contacts(session, account, 0))
    free.audience.usable = 1
    assert campaigns.send(session, free, now=NOW).budget_segments is None
    funded(session, account, 10**9)
    with database.session() as other:
        assert dispatch.claim(other, worker="w", now=NOW, limit=50) == []


@pytest.mark.parametrize(("halves", "sent"), [(20, 10), (21, 10), (22, 11), (1, 0), (60, 30), (61, 30)])
def test_a_budget_for_ten_and_a_half_segments_sends_ten(
    database: Database, session: Session, account: Account, halves: int, sent: int
) -> None:
    """What is claimed fits; the campaign stops when something is left that does not, and says what was spent."""
    run = funded(session, account, US_U * halves // 2)
    assert work(database) == sent
    left = C.PAUSED if sent < 30 else C.SENDING
    assert state(database, run)[0] is left
    session.expire_all()
    found = spending(session, run, budget_u=US_U * halves // 2, now=NOW)
    assert found.spent_u == sent * US_U <= US_U * halves // 2


def test_the_sentence_names_the_budget_and_what_was_spent(
    database: Database, session: Session, account: Account
) -> None:
    """On the campaign's page, and once by e-mail."""
    account.alert_emails = ["office@example.org"]
    run = funded(session, account, 134_400)
    work(database)
    why = (
        "Paused: the budget of $0.1344 is used: $0.128 by Twilio's prices so far and the card's for the rest, "
        "and the next text may cost $0.0128 a segment. Raise the budget to go on."
    )
    assert state(database, run) == (C.PAUSED, why)
    notice = session.scalars(select(Notice)).one()
    assert (notice.subject, notice.body, notice.recipients) == ("Spring was paused", why, ["office@example.org"])
    session.commit()
    assert work(database, begin=NOW + timedelta(minutes=1)) == 0
    assert len(session.scalars(select(Notice)).all()) == 1


def test_a_raised_budget_resumes(database: Database, session: Session, account: Account) -> None:
    """By itself, when the next text fits; a budget that is still too small does not, and a pause by a person stays."""
    run = funded(session, account, 10 * US_U)
    assert work(database) == 10
    with database.transaction() as other:
        budgets.change(other, other.get_one(Campaign, run.campaign_id), budget_u=10 * US_U + 1, now=NOW)
    assert state(database, run)[0] is C.PAUSED
    with database.transaction() as other:
        budgets.change(other, other.get_one(Campaign, run.campaign_id), budget_u=15 * US_U, now=NOW)
    assert state(database, run) == (C.SENDING, "")
    assert work(database, begin=NOW + timedelta(minutes=1)) == 5
    with database.transaction() as other:
        budgets.change(other, other.get_one(Campaign, run.campaign_id), budget_u=None, now=NOW)
    assert work(database, begin=NOW + timedelta(minutes=2), seconds=1) == 15
    with database.transaction() as other:
        campaign = other.get_one(Campaign, run.campaign_id)
        campaigns.pause(other, campaign, now=NOW)
        budgets.change(other, campaign, budget_u=10**9, now=NOW)
    assert state(database, run)[0] is C.PAUSED


def test_a_person_who_resumes_without_raising_it_is_stopped_again(
    database: Database, session: Session, account: Account
) -> None:
    """Not one text leaves, and there is a second notice."""
    run = funded(session, account, 10 * US_U)
    work(database)
    with database.transaction() as other:
        campaigns.resume(other, other.get_one(Campaign, run.campaign_id), now=NOW + timedelta(minutes=1))
    assert work(database, begin=NOW + timedelta(minutes=2)) == 0
    assert state(database, run)[0] is C.PAUSED
    assert len(session.scalars(select(Notice)).all()) == 2


def test_what_twilio_charged_counts_once_it_is_known(database: Database, session: Session, account: Account) -> None:
    """Cheaper than the card: more fit. Refused at the door: free. Failed: the fee of the card."""
    run = funded(session, account, 20 * US_U, people=40)
    assert work(database, seconds=1) == 20
    rows = session.scalars(select(Message).where(Message.status == M.CLAIMED).order_by(Message.id)).all()
    for message in rows[:10]:
        messages.advance(session, message, M.UNDELIVERED, now=NOW, sid=f"SM{message.id}")
        messages.price(session, message, price_u=US_U // 2, segments=1, now=NOW)
    messages.advance(session, rows[10], M.FAILED, now=NOW)
    messages.advance(session, rows[11], M.FAILED, now=NOW, sid="SMf")
    for message in rows[12:16]:
        messages.advance(session, message, M.DELIVERED, now=NOW, sid=f"SM{message.id}")
    messages.price(session, rows[12], price_u=US_U // 2, segments=1, now=NOW)  # of a kind that is not known whole
    session.refresh(run)
    run.segments_claimed -= 1  # what recording a refusal gives back
    session.flush()
    spent_u = 10 * US_U // 2 + 1_000 + 4 * US_U + 4 * US_U  # four are on their way
    assert spending(session, run, budget_u=0, now=NOW).spent_u == spent_u
    session.commit()
    with database.transaction() as other:
        fold(other)
    budgets.allow(database, NOW)
    session.refresh(run)
    assert run.budget_segments == 19 + (20 * US_U - spent_u) // US_U


def test_while_it_expands_the_dearest_country_counts(session: Session, account: Account) -> None:
    """A list may have a Briton on its last row; once the lanes are known, they decide."""
    run = funded(session, account, 10**6)
    run.expanded = False
    account.pumping_protection = True
    session.flush()
    assert spending(session, run, budget_u=10**6, now=NOW).dearest_u == GB_U + 25_000
    run.expanded = True
    session.flush()
    assert spending(session, run, budget_u=10**6, now=NOW).dearest_u == US_U
    session.add(Lane(run_id=run.id, sender_id=run.sender_id, region="GB", zones="Europe/London"))
    session.flush()
    assert spending(session, run, budget_u=10**6, now=NOW).segments_left == 10**6 // (GB_U + 25_000)


def test_a_picture_costs_by_message(session: Session, account: Account) -> None:
    """The card's price of an MMS, and no pumping protection."""
    run = funded(session, account, 10**6)
    run.campaign.template_version.media_url = "https://texts.example.org/card.png"
    account.pumping_protection = True
    for message in session.scalars(select(Message).limit(1)):
        message.kind, message.segments = Kind.MMS, 3
        messages.advance(session, message, M.SENT, now=NOW, sid="SM1")
    run.segments_claimed = 3
    session.flush()
    found = spending(session, run, budget_u=10**6, now=NOW)
    assert found.spent_u == found.dearest_u > US_U


def test_without_a_price_nothing_leaves(database: Database, session: Session, account: Account) -> None:
    """A budget cannot be kept where the card has no price, or where there is no card; both are said."""
    run = sending_run(session, account, 5)
    run.campaign.budget_u, run.budget_segments = 10**9, 0
    session.commit()
    assert work(database) == 0
    assert state(database, run) == (C.PAUSED, "Paused: the budget cannot be kept, because no rate card is loaded.")
    rates.load(session, "twilio-2026-05-25", now=NOW, entered_by="test")
    session.add(Lane(run_id=run.id, sender_id=run.sender_id, region="KP", zones=""))
    session.commit()
    with database.transaction() as other:
        campaigns.resume(other, other.get_one(Campaign, run.campaign_id), now=NOW)
    assert work(database) == 0
    assert state(database, run)[1].startswith(
        "Paused: the budget cannot be kept, because the rate card has no price for KP."
    )


def test_a_far_budget_is_not_counted_at_every_turn(database: Database, session: Session, account: Account) -> None:
    """Below four fifths of its leave a run is not looked at again."""
    run = funded(session, account, 200 * US_U)
    budgets.allow(database, NOW)
    session.refresh(run)
    assert run.budget_segments == 200
    run.segments_claimed, run.campaign.budget_u = 159, 1
    session.commit()
    budgets.allow(database, NOW)
    session.refresh(run)
    assert run.budget_segments == 200
    run.segments_claimed = 160
    session.commit()
    budgets.allow(database, NOW)
    session.refresh(run)
    assert run.budget_segments == 160


@pytest.mark.parametrize("seed", range(4))
def test_the_estimate_never_passes_the_budget(
    database: Database, session: Session, account: Account, seed: int
) -> None:
    """Random sizes, countries, fates and prices up to the card's: at no turn is more spent than the budget."""
    draw = random.Random(seed)
    budget_u = draw.randint(5, 60) * US_U
    run = funded(session, account, budget_u, people=60)
    lane = Lane(run_id=run.id, sender_id=run.sender_id, region="GB", zones="Europe/London")
    session.add(lane)
    session.flush()
    for message in session.scalars(select(Message)):
        message.segments = draw.randint(1, 3)
        if draw.random() < 0.3:
            message.region, message.lane_id = "GB", lane.id
    session.commit()
    for turn in range(40):
        work(database, seconds=1, begin=NOW + timedelta(seconds=turn))
        session.expire_all()
        assert spending(session, run, budget_u=budget_u, now=NOW).spent_u <= budget_u
        for message in session.scalars(select(Message).where(Message.status == M.CLAIMED)):
            _ends(session, message, draw, run)
        session.commit()
        if state(database, run)[0] is C.PAUSED:
            break
    left = session.scalar(select(Message.id).where(Message.status == M.PENDING).limit(1))
    assert state(database, run)[0] is (C.SENDING if left is None else C.PAUSED)


def _ends(session: Session, message: Message, draw: random.Random, run: Run) -> None:
    full_u = {"US": US_U, "GB": GB_U}[message.region] * message.segments
    if draw.random() < 0.1:
        run.segments_claimed -= message.segments
        messages.advance(session, message, M.FAILED, now=NOW)
    else:
        messages.advance(
            session, message, draw.choice([M.DELIVERED, M.UNDELIVERED, M.SENT]), now=NOW, sid=f"SM{message.id}"
        )
        if draw.random() < 0.5:
            messages.price(session, message, price_u=full_u - draw.randint(0, full_u // 2), segments=None, now=NOW)


def test_each_campaign_has_its_own_budget(database: Database, session: Session, account: Account) -> None:
    """One that cannot pay its first text stops; the next gets its leave."""
    first, second = funded(session, account, 1), sending_run(session, account, 5, name="Other")
    second.campaign.budget_u, second.budget_segments = 5 * US_U, 0
    session.commit()
    assert budgets.allow(database, NOW) == "2 budgets kept, 1 spent"
    assert (state(database, first)[0], state(database, second)[0]) == (C.PAUSED, C.SENDING)
    session.refresh(second)
    assert second.budget_segments == 5
