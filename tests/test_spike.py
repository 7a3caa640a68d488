"""An error spike, the whole way: a simulated Twilio that filters every text, our webhooks, and a worker that stops in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select

from models.accounts import Account
from models.base import Database
from models.campaigns import Campaign, CampaignState, Run
from models.notices import Notice
from sender import campaigns
from sender.simulator import Behaviour, SimulatedAccount, SimulatedNumber, create_simulator, serve
from sender.worker import Worker, wall_clock
from tests.conftest import seed_account
from tests.seeds import sending_run
from tests.test_sender_worker import Stage, running, served, until

PEOPLE = 600
MOST = 100
"""Texts that may leave after the first one that was filtered, by a sender of a hundred a second."""


@pytest.fixture
def filtering(database: Database) -> Iterator[Stage]:
    """Everything running but the worker; each text is filtered as soon as it was sent."""
    with database.session() as session:
        sid = seed_account(session, now=wall_clock()).twilio_sid or ""
    with served(database, "secret") as hooks_url:
        known = SimulatedAccount(numbers=[SimulatedNumber("27242")], sid=sid, token="secret")
        bad = replace(Behaviour.instant(seed=3), message_shares={30007: 1.0})
        simulator = create_simulator(bad, accounts=[known])
        with serve(simulator) as twilio:
            yield Stage(database, simulator, hooks_url, twilio.url)


def test_a_filtered_campaign_stops_within_a_hundred_texts(filtering: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """Counted at Twilio, with the worker's own periods; once the cause is mended and a person resumes, it goes on to the end."""
    database, simulator = filtering.database, filtering.simulator
    with database.session() as session:
        account = session.scalars(select(Account)).one()
        account.alert_emails = ["office@example.org"]
        run = sending_run(session, account, PEOPLE, now=wall_clock())
        run.campaign.updated_at = wall_clock()
        session.commit()
    worker = Worker(database, filtering.gateway, public_url=filtering.hooks_url)
    with running(worker):
        until(lambda: filtering.state(run.campaign_id) is CampaignState.PAUSED)
        simulator.settle()
        gone = len(simulator.log())
        with capsys.disabled():
            where = f"\n{database.dialect}: paused"
            print(f"{where} {gone - 1} texts after the first that was filtered")  # noqa: T201
        assert gone - 1 <= MOST
        with database.session() as session:
            campaign = session.get_one(Campaign, run.campaign_id)
            assert "30007" in campaign.why
            assert [notice.recipients for notice in session.scalars(select(Notice))] == [["office@example.org"]]
            mended = replace(simulator.behaviour, message_shares={})
            simulator._network.behaviour = mended
            campaigns.resume(session, campaign, now=wall_clock())
            session.commit()
        until(lambda: filtering.state(run.campaign_id) is CampaignState.COMPLETED)
    with database.reading() as session:
        found = campaigns.progress(session, session.get_one(Run, run.id), now=wall_clock())
        assert found.audience == PEOPLE == found.sent + found.failed
        assert len(session.scalars(select(Notice)).all()) == 1
    assert len(simulator.log()) == PEOPLE
