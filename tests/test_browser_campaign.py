"""Can a person sign in, write a text, upload a list, send the campaign and watch it complete, all in a real browser?

Behind the page everything is real but Twilio: a worker in a thread, the SDK, a simulated Twilio over HTTP, and our webhooks.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import func, select

from admin.demo_data import AREAS, PLAIN
from models.accounts import Account
from models.campaigns import Campaign, CampaignState, Run
from models.messages import Message, MessageStatus
from models.templates import Template, TemplateVersion
from tests.browser import WIDE, Sheet, launched, sheet
from tests.lists import listed
from tests.live import Stage, checked, press, sign_in, staged
from tests.seeds import template_version

pytestmark = [pytest.mark.browser, pytest.mark.slow]
GOOD = 180
"""People on the list who can be texted."""
PER_SECOND = 20
SOURCE = "Harbor: Hi {{ first_name }}, it’s time: your membership ends on {{ ends_on }}. Reply STOP to opt out."
ALL_DELIVERED = """async (wanted) => {
  const answer = await fetch(document.querySelector("[data-progress]").dataset.progress);
  return (await answer.json()).statuses.delivered === wanted;
}"""


def members() -> str:
    """A list of good numbers, with an invalid one, a duplicate and one in a disabled country between them."""
    lines = ["member_id,name,mobile,ends_on"]
    for index in range(GOOD):
        lines.append(
            f"M{index},Member {index},+1{AREAS[index // len(PLAIN)]}555{PLAIN[index % len(PLAIN)]},Jan {index % 28 + 1}"
        )
    lines += [
        "X1,Wrong Number,12345,Jan 1",
        f"X2,Twice Member,+1{AREAS[0]}555{PLAIN[0]},Jan 1",
        "X3,Sean Doyle,+353 85 000 0001,Jan 1",
    ]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def stage(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Everything that a campaign needs, running; sends from a hundred people on have to be typed."""
    folder = tmp_path_factory.mktemp("campaign")
    (folder / "members.csv").write_text(members(), encoding="utf-8")
    with staged(sqlite_template, folder, per_second=PER_SECOND, settings={"large_send": 100}) as found:
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


def count_of(page: Page, name: str) -> int:
    """A number that the page keeps up to date."""
    return int(page.locator(f'[data-count="{name}"]').first.inner_text().replace(",", ""))


def test_a_campaign_from_sign_in_to_the_last_receipt(visit: Sheet, stage: Stage, sqlite_template: Path) -> None:
    """The whole way, as a person goes it; at its end the page, the database and Twilio agree on every text."""
    page = sign_in(visit)
    write_text(visit, page)
    with stage.desk.database.reading() as session:
        versions = select(TemplateVersion).join(Template).where(Template.name == "Renewal reminder")
        assert len(session.scalars(versions).all()) == 1
    upload(visit, page, Path(stage.desk.app.config["UPLOADS"]).parent / "members.csv")
    confirm(visit, page)
    watch(visit, page)
    with stage.desk.database.reading() as session:
        run = session.scalars(select(Run)).one()
        assert session.get_one(Campaign, run.campaign_id).state is CampaignState.COMPLETED
        delivered = session.scalar(
            select(func.count()).where(Message.run_id == run.id, Message.status == MessageStatus.DELIVERED)
        )
    assert (run.audience_size, run.messages, run.excluded, delivered) == (GOOD + 3, GOOD, 3, GOOD)
    assert len(stage.simulator.log()) == GOOD, "Twilio was asked for each text once"
    assert count_of(page, "sent") + count_of(page, "excluded") + count_of(page, "failed") == count_of(page, "audience")
    look_around(visit, page)


def write_text(visit: Sheet, page: Page) -> None:
    """The editor counts while one types, names the dear character, replaces it with a click, and saves a version."""
    page.get_by_role("link", name="Templates").click()
    page.get_by_role("link", name="New template").first.click()
    page.get_by_label("Name").fill("Renewal reminder")
    page.get_by_label("Text", exact=True).fill(SOURCE)
    tally = page.locator("[data-part=encoding]")
    expect(tally).to_have_text("UCS-2")
    expect(page.get_by_text("right single quotation mark")).to_be_visible()
    checked(visit, "editor")
    page.get_by_role("button", name="Replace with '").click()
    expect(tally).to_have_text("GSM-7")
    expect(page.locator("[data-part=segments]")).to_have_text("1")
    page.get_by_label("Text", exact=True).press("End")
    page.get_by_role("button", name="ends_on").or_(page.get_by_role("button", name="first_name")).first.click()
    page.get_by_label("Text", exact=True).fill(SOURCE.replace("’", "'") + " {{ oops")
    expect(page.locator("[data-part=trouble]")).to_contain_text("is never closed with }}")
    page.get_by_label("Text", exact=True).fill(SOURCE.replace("’", "'"))
    expect(page.locator("[data-part=trouble]")).to_be_hidden()
    page.get_by_role("button", name="Save template").click()
    expect(page.get_by_text("Version 1 is what new campaigns say.")).to_be_visible()
    checked(visit, "template")


def upload(visit: Sheet, page: Page, file: Path) -> None:
    """Name and text, then the file, its columns, and what became of its rows."""
    page.get_by_role("link", name="Campaigns").click()
    page.get_by_role("link", name="New campaign").first.click()
    page.get_by_label("Name").fill("Winter renewal")
    page.get_by_label("Text", exact=True).select_option(label="Renewal reminder")
    expect(page.get_by_text("it's time: your membership ends on")).to_be_visible()
    checked(visit, "start")
    page.get_by_role("button", name="Continue to the audience").click()
    expect(page.get_by_label("A new list")).to_be_visible()
    checked(visit, "audience")
    page.get_by_label("A new list").set_input_files(file)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_label("mobile")).to_have_value("phone")
    checked(visit, "columns")
    page.get_by_role("button", name="Load the list").click()
    expect(page.get_by_text("The same number as in row 1.")).to_be_visible()
    checked(visit, "loaded")
    page.get_by_role("link", name="Continue to the review").click()


def confirm(visit: Sheet, page: Page) -> None:
    """The review with its numbers, then the confirmation, where the number of people has to be typed."""
    expect(page.get_by_text(f"of {GOOD + 3} on members")).to_be_visible()
    expect(page.get_by_text("3 left out")).to_be_visible()
    expect(page.locator(".samples .bubble")).to_have_count(3)
    page.get_by_text("The longest texts").click()
    expect(page.get_by_text("Among the longest")).to_have_count(3)
    checked(visit, "review")
    page.get_by_role("button", name="Continue to confirm").click()
    expect(page.get_by_label(f"Type {GOOD}")).to_be_visible()
    checked(visit, "confirm")
    page.get_by_label(f"Type {GOOD}").fill("17")
    page.get_by_role("button", name=f"Send to {GOOD} people").click()
    expect(page.get_by_text(f"Type {GOOD} to confirm that so many people are texted.")).to_be_visible()
    page.get_by_label(f"Type {GOOD}").fill(str(GOOD))
    page.get_by_role("button", name=f"Send to {GOOD} people").dblclick()


def watch(visit: Sheet, page: Page) -> None:
    """The numbers move by themselves; it pauses, goes on, and ends with every row accounted for."""
    expect(page.get_by_role("heading", name="Progress")).to_be_visible()
    bar = page.get_by_role("progressbar", name="Rows accounted for")
    page.wait_for_function(
        "() => { const bar = document.querySelector('progress.big'); return bar.value > 3 && bar.value < bar.max; }"
    )
    expect(page.locator("[data-word=pace]")).to_contain_text("texts a second")
    expect(page.locator("[data-word=pace]")).to_contain_text(" left")
    expect(page.locator("[data-word=brake]")).not_to_be_empty()
    visit.shot("flow-sending-light")
    press(page, "Pause")
    expect(page.locator(".head .badge")).to_have_text("Paused")
    page.wait_for_timeout(2500)
    stopped = count_of(page, "done")
    assert 3 < stopped < GOOD + 3
    checked(visit, "paused")
    press(page, "Resume")
    expect(page.locator(".head .badge")).to_have_text("Completed", timeout=60_000)
    expect(bar).to_have_js_property("value", GOOD + 3)
    last = time.monotonic() + 60
    while not page.evaluate(ALL_DELIVERED, GOOD):  # `wait_for_function` takes the promise itself for a yes
        assert time.monotonic() < last, "the last receipt has not been counted"
        page.wait_for_timeout(100)
    page.reload()


def look_around(visit: Sheet, page: Page) -> None:
    """The finished campaign, who was left out, one person's story, the list, and the first page."""
    expect(page.get_by_text("Every row of the list is accounted for.")).to_be_visible()
    page.get_by_label("Phone number, member number").fill("M7")
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_text("and delivered.")).to_be_visible()
    checked(visit, "completed")
    page.get_by_role("link", name="3", exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Left out of Winter renewal")
    checked(visit, "left-out")
    page.get_by_role("link", name="Campaigns", exact=True).first.click()
    expect(page.get_by_role("row", name=re.compile("Winter renewal"))).to_contain_text("Completed")
    checked(visit, "campaigns")
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_text(re.compile(rf"{GOOD // 10}\d texts in 30 days"))).to_be_visible()
    checked(visit, "overview")


def test_a_refused_sender_and_a_scheduled_start(visit: Sheet, stage: Stage) -> None:
    """The unverified toll-free number is named and stops the way; another sender and a time let it be scheduled and taken back."""
    with stage.desk.database.transaction() as session:
        account = session.get_one(Account, stage.desk.harbor.id)
        template_version(session, account, SOURCE, name="Spring reminder")
        loaded = listed(session, account, members(), name="Members in spring").id
    page = sign_in(visit)
    visit.open("/campaigns/new/")
    page.get_by_label("Name").fill("Spring renewal")
    page.get_by_label("Text", exact=True).select_option(label="Spring reminder")
    page.get_by_label("Send from").select_option(label="Toll-free (+18335550100), not verified")
    page.get_by_role("button", name="Continue to the audience").click()
    page.get_by_label("A list that you uploaded before").select_option(value=str(loaded))
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_contain_text("is not verified by Twilio")
    expect(page.get_by_role("button", name="Continue to confirm")).to_have_count(0)
    checked(visit, "refused")
    page.get_by_role("link", name="Choose another sender").click()
    page.get_by_label("Send from").select_option(label="Short code (27242)")
    page.get_by_role("button", name="Continue to the audience").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Day and time").fill("2037-03-05T09:30")
    expect(page.get_by_label("At a time")).to_be_checked()
    page.get_by_role("button", name="Continue to confirm").click()
    page.get_by_label(f"Type {GOOD}").fill(str(GOOD))
    page.get_by_role("button", name="Schedule for").click()
    expect(page.locator(".head .badge")).to_have_text("Scheduled")
    checked(visit, "scheduled")
    visit.open("/")
    expect(page.get_by_text("5 Mar 2037, 09:30 EST (14:30 UTC)")).to_be_visible()
    page.get_by_role("link", name="Spring renewal").click()
    press(page, "Back to draft")
    expect(page.locator(".head .badge")).to_have_text("Draft")
