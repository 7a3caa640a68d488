"""An error spike, the whole way: a simulated Twilio that filters every text, our webhooks, and a worker that stops in time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from admin.mail import mail
from admin.reports import report
from models.accounts import Account
from models.base import Database
from models.campaigns import Campaign, CampaignState, Run
from models.messages import Message, MessageStatus
from models.notices import Notice
from models.settings import Setting
from sender import campaigns
from sender.simulator import Behaviour, SimulatedAccount, SimulatedNumber, create_simulator, serve
from sender.worker import Worker, wall_clock
from tests.conftest import seed_account
from tests.seeds import sending_run
from tests.test_admin_mail import Office, office
from tests.test_sender_worker import Stage, running, served, until

__all__ = ["office"]
PEOPLE = 600
MOST = 100
"""Texts that may leave once the spike is known, by a sender of a hundred a second. How soon it is known is the network's affair."""


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


def after_the_sample(stage: Stage, run_id: int) -> int:
    """How many texts left after our webhook had heard of the sixth that was filtered, which is the one that makes it a spike."""
    with stage.database.reading() as session:
        known = session.scalars(
            select(Message.final_at)
            .where(Message.run_id == run_id, Message.final_at.is_not(None))
            .order_by(Message.final_at)
        ).all()
        return session.scalar(select(func.count()).where(Message.run_id == run_id, Message.sent_at > known[5])) or 0


def test_a_filtered_campaign_stops_within_a_hundred_texts(
    filtering: Stage, office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counted at Twilio, with the worker's own periods; people hear of it within a minute. Once the cause is mended and a person
    resumes, it goes on to the end, and its report is mailed.
    """
    database, simulator = filtering.database, filtering.simulator
    with database.session() as session:
        account = session.scalars(select(Account)).one()
        account.alert_emails = ["office@example.org"]
        run = sending_run(session, account, PEOPLE, now=wall_clock())
        run.campaign.updated_at = wall_clock()
        session.commit()
    worker = Worker(database, filtering.gateway, public_url=filtering.hooks_url)
    worker.every(5, "reports", lambda now: report(database, now))
    worker.every(5, "mail", lambda now: mail(office.config, database, now))
    with running(worker):
        until(lambda: filtering.state(run.campaign_id) is CampaignState.PAUSED)
        began = time.monotonic()
        simulator.settle()
        gone = len(simulator.log())
        late = after_the_sample(filtering, run.id)
        with capsys.disabled():
            where = f"\n{database.dialect}: paused {late} texts after the sample was known,"
            print(f"{where} {gone - 1} after the first that was filtered")  # noqa: T201
        assert late <= MOST
        with database.session() as session:
            campaign = session.get_one(Campaign, run.campaign_id)
            assert "30007" in campaign.why
            assert [notice.recipients for notice in session.scalars(select(Notice))] == [["office@example.org"]]
            mended = replace(simulator.behaviour, message_shares={})
            simulator._network.behaviour = mended
            campaigns.resume(session, campaign, now=wall_clock())
            session.commit()
        until(lambda: bool(office.postbox.mails), seconds=60 - (time.monotonic() - began))
        until(lambda: filtering.state(run.campaign_id) is CampaignState.COMPLETED)
        until(lambda: len(office.postbox.mails) == 2, seconds=60)
    subjects = [received["Subject"] for _, received in office.postbox.mails]
    assert subjects == ["Spring was paused", f"Spring: run 1 is finished, {PEOPLE - gone} of {PEOPLE} sent"]
    assert [recipients for recipients, _ in office.postbox.mails] == [["office@example.org"]] * 2
    with database.reading() as session:
        found = campaigns.progress(session, session.get_one(Run, run.id), now=wall_clock())
        assert found.audience == PEOPLE == found.sent + found.failed
        assert len(session.scalars(select(Notice)).all()) == 2
    assert len(simulator.log()) == PEOPLE


def test_a_guard_that_fails_loses_no_callback(filtering: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """A setting that makes no sense is logged, and what Twilio said is kept all the same."""
    with filtering.database.session() as session:
        account = session.scalars(select(Account)).one()
        session.add(Setting(account_id=account.id, name="spike_percent", value="many", updated_at=wall_clock()))
        run = sending_run(session, account, 12, now=wall_clock())
    with running(Worker(filtering.database, filtering.gateway, public_url=filtering.hooks_url)):
        until(lambda: set(filtering.statuses().values()) == {MessageStatus.FAILED})
        until(lambda: filtering.state(run.campaign_id) is CampaignState.COMPLETED)
    assert "runs not watched: ValueError" in [record.getMessage() for record in caplog.records]
