"""Can a person let a campaign repeat, release one that is held, and settle texts that nobody can prove, all in a real browser?

Behind the page everything is real but Twilio: a worker in a thread, the SDK, a simulated Twilio over HTTP, and our webhooks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, LocatorAssertions, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import AudienceRow, Campaign, CampaignState, Run
from models.contacts import Contact
from models.messages import Message, MessageStatus
from models.users import AuditEntry
from sender import campaigns
from sender.simulated_faults import Fault
from sender.worker import wall_clock
from tests.browser import WIDE, Sheet, launched, sheet
from tests.live import Stage, checked, press, sign_in, staged
from tests.seeds import campaign as seed_campaign

pytestmark = [pytest.mark.browser, pytest.mark.slow]
S, M = CampaignState, MessageStatus
SILENT = ["+12125550171", "+13125550171", "+14155550171"]
"""Numbers whose callbacks are lost: nothing but Twilio's list can settle their texts."""
SETTINGS = {"settle_seconds": 1, "give_up_hours": 0.0005, "large_send": 100, "late_start_minutes": 60}
"""A text in doubt is looked up after a second, and left to a person after about two."""


@pytest.fixture(scope="module")
def stage(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Everything that a campaign needs, running."""
    folder = tmp_path_factory.mktemp("engine")
    with staged(sqlite_template, folder, per_second=30, settings=SETTINGS) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser."""
    with launched() as found:
        yield found


@pytest.fixture
def visit(browser: Browser, stage: Stage) -> Iterator[Sheet]:
    """A page that must not complain."""
    context = browser.new_context(viewport=WIDE, reduced_motion="reduce")
    with sheet(context, stage.base) as found:
        yield found
    context.close()


def people(session: Session, account: Account, phones: list[str]) -> list[Contact]:
    """A contact for each number, at any hour."""
    now = wall_clock()
    found = [
        Contact(
            account_id=account.id, phone=phone, phone_raw=phone, region="US", line_type="fixed_line_or_mobile",
            time_zones="America/New_York", name=f"Member {phone[-8:]}", created_at=now, updated_at=now,
        )
        for phone in phones
    ]  # fmt: skip
    session.add_all(found)
    session.flush()
    return found


def made(stage: Stage, name: str, phones: list[str], **fields: object) -> int:
    """A campaign to new contacts with these numbers; its id."""
    with stage.desk.database.transaction() as session:
        account = session.get_one(Account, stage.desk.harbor.id)
        row = seed_campaign(session, account, name=name, people=people(session, account, phones))
        for field, value in fields.items():
            setattr(row, field, value)
        return row.id


def actions(stage: Stage, kind: str) -> list[str]:
    """What the audit log says was done to rows of a kind, in order."""
    with stage.desk.database.reading() as session:
        return list(
            session.scalars(select(AuditEntry.action).where(AuditEntry.subject_kind == kind).order_by(AuditEntry.id))
        )


def badge(page: Page) -> LocatorAssertions:
    """The state beside the title."""
    return expect(page.locator(".head .badge"))


def test_a_campaign_repeats_and_its_runs_are_compared(visit: Sheet, stage: Stage) -> None:
    """Planned in plain choices with its next times, confirmed, run twice by the worker, looked at, ended."""
    key = made(stage, "Weekly dues", [f"+1206555015{n}" for n in range(6)])
    page = sign_in(visit)
    visit.open(f"/campaigns/review/?id={key}")
    page.get_by_label("Again and again").check()
    page.get_by_role("button", name="Continue to confirm").click()
    times = page.locator("#times")
    page.get_by_label("First possible day").fill("2037-03-07")
    page.get_by_label("At", exact=True).fill("02:30")
    page.get_by_role("combobox", name="How often").select_option(label="Every day")
    expect(times).to_contain_text("02:30 does not exist, so it runs at 03:30.")
    expect(page.get_by_label("Monday")).to_be_hidden()
    page.get_by_role("combobox", name="How often").select_option(label="Every week, on weekdays")
    for day in ("Monday", "Thursday"):
        page.get_by_label(day).check()
    expect(times).to_contain_text("Monday")
    page.get_by_label("After a number of runs").check()
    page.get_by_label("Runs", exact=True).fill("4")
    expect(times).to_contain_text("Then it ends.")
    checked(visit, "repeat")
    page.get_by_role("button", name="Continue to confirm").click()
    expect(page.get_by_text("4 times").first).to_be_visible()
    checked(visit, "confirm-repeat")
    page.get_by_role("button", name="Repeat for 6 people").click()
    badge(page).to_have_text("Scheduled")
    twice_due(stage, key)
    visit.open(f"/campaigns/runs/?id={key}")
    expect(page.get_by_role("link", name="Run 1")).to_be_visible()
    settled(stage, key, 2)
    page.reload()
    expect(page.get_by_text("+1", exact=True).first).to_be_visible()
    checked(visit, "runs")
    press(page, "End repetition")
    badge(page).to_have_text("Completed")
    assert actions(stage, "campaign")[-2:] == ["campaign:schedule", "campaign:end"]


def twice_due(stage: Stage, key: int) -> None:
    """Its first time comes now, and when that run is over its second, with one person more on the list."""
    due(stage, key, 9)
    settled(stage, key, 1)
    with stage.desk.database.transaction() as session:
        account, row = session.get_one(Account, stage.desk.harbor.id), session.get_one(Campaign, key)
        grown = people(session, account, ["+12065550119"])
        before = row.audience_id
        other = seed_campaign(session, account, name="Longer list", people=[*listed(session, before), *grown])
        row.audience_id = other.audience_id
    due(stage, key, 1)


def listed(session: Session, audience_id: int) -> list[Contact]:
    """The people of a list."""
    return list(
        session.scalars(
            select(Contact)
            .join(AudienceRow, AudienceRow.contact_id == Contact.id)
            .where(AudienceRow.audience_id == audience_id)
        )
    )


def due(stage: Stage, key: int, minutes: int) -> None:
    """The campaign's next time was so many minutes ago."""
    with stage.desk.database.transaction() as session:
        row = session.get_one(Campaign, key)
        row.next_at = row.starts_at = wall_clock().replace(second=0, microsecond=0) - timedelta(minutes=minutes)
        row.recurrence = "FREQ=DAILY"


def settled(stage: Stage, key: int, runs: int) -> None:
    """Wait until so many runs of a campaign are over."""
    until = wall_clock() + timedelta(seconds=25)
    while wall_clock() < until:
        with stage.desk.database.reading() as session:
            over = session.scalars(select(Run).where(Run.campaign_id == key, Run.finished_at.is_not(None))).all()
            if len(over) >= runs:
                return
    pytest.fail(f"run {runs} did not end")


def test_a_held_campaign_is_released(visit: Sheet, stage: Stage) -> None:
    """Too late by two hours: the worker holds it, the menu counts it, its page says why; a person sends it."""
    then = wall_clock() - timedelta(hours=2, seconds=10)  # a job's turn may have begun a moment ago
    key = made(
        stage, "Late notice", [f"+1206555013{n}" for n in range(3)], state=S.SCHEDULED, starts_at=then, next_at=then
    )
    page = sign_in(visit)
    visit.open(f"/campaigns/details/?id={key}")
    for _ in range(40):
        if page.locator(".head .badge").inner_text() == "Held":
            break
        page.wait_for_timeout(250)
        page.reload()
    expect(page.get_by_role("alert")).to_contain_text("2 hours late")
    expect(page.get_by_role("alert")).to_contain_text("Send it now, choose another time, or cancel it.")
    expect(page.get_by_role("link", name=re.compile("Campaigns.*1 to decide"))).to_be_visible()
    checked(visit, "held")
    page.get_by_role("link", name="Change limits and report").click()
    page.get_by_label("Segments a run may use").fill("none")
    page.get_by_role("button", name="Save limits").click()
    expect(page.get_by_role("alert")).to_contain_text("Give a whole number.")
    checked(visit, "limits")
    page.get_by_label("Segments a run may use").fill("2,000")
    page.get_by_label("Report to").fill("ann@example.com")
    page.get_by_role("button", name="Save limits").click()
    expect(page.get_by_text("limit 2,000, the campaign's")).to_be_visible()
    visit.open(f"/campaigns/details/?id={key}")
    page.get_by_role("link", name="Send or reschedule").click()
    page.get_by_role("button", name="Continue to confirm").click()
    page.get_by_role("button", name="Send to 3 people").click()
    badge(page).to_have_text("Completed", timeout=20_000)
    expect(page.get_by_text("Held, and sent by hand 2 hours late.")).to_be_visible()
    assert actions(stage, "campaign")[-1] == "campaign:send"


def test_parked_texts_are_settled_by_each_of_the_three_buttons(visit: Sheet, stage: Stage) -> None:
    """Twilio takes three texts and says nothing, its list is down: each is parked, explained, and settled in another way."""
    key = made(stage, "In doubt", SILENT)
    stage.simulator.fail(Fault("drop", stored=True, on="create", times=3), Fault("busy", on="list"))
    with stage.desk.database.transaction() as session:
        campaigns.send(session, session.get_one(Campaign, key), now=wall_clock())
    page = sign_in(visit)
    visit.open("/messages/?flt0_status=unknown")
    for _ in range(60):
        if page.get_by_role("row").count() == 4:
            break
        page.wait_for_timeout(250)
        page.reload()
    expect(page.get_by_role("link", name=re.compile("Messages.*3 to decide"))).to_be_visible()
    checked(visit, "parked")
    stage.simulator.fail()
    sent_again = by_hand(visit, stage)
    by_look_up(visit, stage)
    expect(page.locator(".head .badge")).not_to_have_text("Unknown")
    visit.open("/messages/?flt0_status=unknown")
    expect(page.get_by_text("Nothing to decide")).to_be_visible()
    checked(visit, "nothing-parked")
    assert sorted(actions(stage, "message")) == ["message:look_up", "message:send_again", "message:was_sent"]
    asked = [line["to"] for line in stage.simulator.log()]
    assert [asked.count(phone) for phone in SILENT] == [1 + (phone == sent_again) for phone in SILENT]
    with stage.desk.database.reading() as session:
        rows = session.scalars(select(Message).join(Run).where(Run.campaign_id == key)).all()
        assert len(rows) == 3
        assert {row.status for row in rows} <= {M.QUEUED, M.SENDING, M.SENT, M.DELIVERED, M.ACCEPTED}


def by_hand(visit: Sheet, stage: Stage) -> str:
    """One is marked as sent, one is sent again, with the risk in its dialog; the number that was texted again."""
    page = visit.page
    opened(page)
    expect(page.get_by_text("could not be asked")).to_be_visible()
    checked(visit, "parked-one")
    press(page, "Mark as sent")
    expect(page.locator(".head .badge")).to_have_text("Sent")
    visit.open("/messages/?flt0_status=unknown")
    phone = opened(page)
    page.get_by_role("button", name="Send again").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("did reach Twilio, this person gets the text twice")
    dialog.get_by_role("button", name="Send again").click()
    expect(page.locator(".head .badge")).not_to_have_text("Unknown")
    for _ in range(40):
        if [line["to"] for line in stage.simulator.log()].count(phone) == 2:
            break
        page.wait_for_timeout(100)
    return phone


def opened(page: Page) -> str:
    """The first parked text of the list; its number."""
    link = page.locator("td.primary a").first
    phone = link.inner_text()
    link.click()
    badge(page).to_have_text("Unknown")
    return phone


def by_look_up(visit: Sheet, stage: Stage) -> None:
    """The last one is looked up, and its page follows until Twilio's list has settled it."""
    page = visit.page
    visit.open("/messages/?flt0_status=unknown")
    opened(page)
    press(page, "Look up now")
    expect(page.get_by_text("Twilio is being asked about this text.")).to_be_visible()
    expect(page.locator(".head .badge")).not_to_have_text("In doubt", timeout=15_000)
    assert stage.simulator.log()
