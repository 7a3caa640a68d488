"""Does the page of runs show each run with its numbers, its difference to the run before, and why one was late or skipped?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import analytics.charges
import analytics.rates
from admin.views.campaign_runs import PAGE, lines
from models.accounts import Account
from models.base import Database
from models.campaigns import Campaign, CampaignState, Exclusion, Lane, Reason, Run
from models.messages import Message, MessageStatus
from models.users import RoleName
from sender import messages
from tests.conftest import NOW
from tests.desk import Desk, open_desk
from tests.seeds import campaign as seed_campaign
from tests.seeds import contacts, pending

M = MessageStatus


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console over two accounts."""
    with open_desk(database, database_url) as found:
        yield found


def repeating(session: Session, account: Account) -> Campaign:
    """A daily campaign to nobody yet."""
    made = seed_campaign(session, account, name="Dues", state=CampaignState.SCHEDULED)
    made.recurrence, made.time_zone = "FREQ=DAILY", "America/New_York"
    made.starts_at, made.next_at = NOW - timedelta(days=3), NOW + timedelta(days=1)
    return made


def add_run(
    session: Session, campaign: Campaign, people: list[int], number: int, *, why: str = "", skipped: bool = False
) -> Run:
    """A run of `people`: (delivered, failed, set aside, excluded); finished."""
    delivered, failed, aside, excluded = people
    at = NOW - timedelta(days=10 - number)
    run = Run(
        account_id=campaign.account_id, campaign_id=campaign.id, number=number, audience_id=campaign.audience_id, due_at=at,
        template_version_id=campaign.template_version_id, sender_id=campaign.sender_id, expanded=True, why=why, skipped=skipped,
        started_at=None if skipped else at, finished_at=at, audience_size=sum(people),
        messages=sum(people) - excluded, excluded=excluded,
    )  # fmt: skip
    session.add(run)
    session.flush()
    session.add_all(Exclusion(run_id=run.id, row=row, reason=Reason.DUPLICATE) for row in range(excluded))
    if skipped:
        return run
    lane = Lane(run_id=run.id, sender_id=campaign.sender_id, region="US", zones="America/New_York")
    session.add(lane)
    session.flush()
    account = session.get_one(Account, campaign.account_id)
    made = [pending(account, run, lane, person) for person in session.info["people"][: delivered + failed + aside]]
    session.add_all(made)
    session.flush()
    for index, message in enumerate(made):
        if index < delivered + failed:
            status = M.DELIVERED if index < delivered else M.FAILED
            messages.advance(session, message, status, now=NOW, sid=f"SM{number}-{index}")
        else:
            message.status, message.reason = M.SKIPPED, Reason.OPTED_OUT
    return run


@pytest.fixture
def key(desk: Desk) -> int:
    """A campaign with a run, a skipped one and a larger one that was late; its id."""
    with desk.database.transaction() as session:
        account = session.get_one(Account, desk.harbor.id)
        analytics.rates.load(session, None, now=NOW, entered_by="test")
        session.info["people"] = contacts(session, account, 30)[2:]
        made = repeating(session, account)
        add_run(session, made, [8, 1, 1, 2], 1)
        add_run(session, made, [0, 0, 0, 0], 2, why="The run before it was still sending.", skipped=True)
        add_run(session, made, [11, 1, 0, 3], 3, why="Started 20 minutes late: the sender was down.")
        session.flush()
        analytics.charges.post(session, account_id=account.id, now=NOW)
        return made.id


def test_each_run_adds_up_and_is_compared_with_the_one_before(desk: Desk, key: int) -> None:
    """Sent, not sent and left out are the list; a skipped run has none of these and is not compared with."""
    with desk.database.reading() as session:
        third, second, first = lines(session, session.get_one(Campaign, key))
    assert [(line.audience, line.sent, line.failed, line.left_out, line.rest) for line in (first, third)] == [
        (12, 8, 1, 3, 0), (15, 11, 1, 3, 0),
    ]  # fmt: skip
    assert [third.change(name) for name in ("audience", "sent", "failed", "left_out")] == [3, 3, 0, 0]
    assert (second.run.skipped, second.sent, second.change("sent")) == (True, 0, None)
    assert first.change("audience") is None
    assert first.cost_u is not None
    assert third.cost_u is not None
    assert third.change("cost_u") == third.cost_u - first.cost_u > 0


def test_the_costs_are_those_of_the_ledger(desk: Desk, key: int) -> None:
    """To the micro-dollar, run by run; none where they may not be seen."""
    with desk.database.reading() as session:
        campaign = session.get_one(Campaign, key)
        for line in lines(session, campaign):
            if not line.run.skipped:
                assert line.cost_u == sum(analytics.charges.totals(session, run_id=line.run.id).values()) > 0
        assert {line.cost_u for line in lines(session, campaign, costs=False)} == {None}


def test_the_page_shows_runs_times_and_reasons(desk: Desk, key: int) -> None:
    """Numbers with their difference, the reasons of the late and the skipped run, the next times; costs only for some."""
    page = desk.visitor(RoleName.ADMIN).text("/campaigns/runs/", id=key)
    assert "Every day at 10:00, New York time." in page
    assert "The run before it was still sending." in page
    assert "Started 20 minutes late: the sender was down." in page
    assert re.search(r'data-label="On the list">15<span class="change">\+3</span>', page)
    assert re.search(r'data-label="Not sent">1<', page)
    assert "Saturday 21 November 2026, 10:00" in page
    assert 'data-label="Cost">' in page
    assert 'data-label="Cost">' not in desk.visitor(RoleName.SUPERVISOR).text("/campaigns/runs/", id=key)
    assert 'aria-current="page">Runs <span class="n">3</span>' in page


def test_long_histories_come_page_by_page(desk: Desk, key: int) -> None:
    """So many runs on a page, the newest first; the last of a page is still compared with the one before it."""
    with desk.database.transaction() as session:
        campaign = session.get_one(Campaign, key)
        session.info["people"] = []
        for number in range(4, PAGE + 4):
            add_run(session, campaign, [0, 0, 0, number], number)
    admin = desk.visitor(RoleName.ADMIN)
    page = admin.text("/campaigns/runs/", id=key)
    assert page.count('<td data-label="Due">') == PAGE
    assert "+1</span>" in page.rpartition("Run 4<")[2]
    older = admin.text("/campaigns/runs/", id=key, below=4)
    assert older.count('<td data-label="Due">') == 3
    assert "Earlier runs" in page
    assert "Earlier runs" not in older


def test_a_single_send_has_its_tab_too(desk: Desk, key: int) -> None:
    """A draft has no tabs; a campaign that was sent once has one run to look at, and an empty page says what it is for."""
    with desk.database.transaction() as session:
        account = session.get_one(Account, desk.harbor.id)
        draft = seed_campaign(session, account, name="Once").id
        run = session.scalars(select(Run).where(Run.campaign_id == key, Run.number == 1)).one().id
        message = session.scalars(select(Message).where(Message.run_id == run).limit(1)).one()
        assert message.run_id == run
    admin = desk.visitor(RoleName.ADMIN)
    assert "About the campaign" not in admin.text("/campaigns/details/", id=draft)
    assert "No run yet" in admin.text("/campaigns/runs/", id=draft)
    assert "About the campaign" in admin.text("/campaigns/details/", id=key)
    for below in ("x", "-1", "9" * 30, "٣"):
        assert "Run 3" in admin.text("/campaigns/runs/", id=key, below=below)
