"""Does somebody come to a yes in a real browser: on the telephone with a code, and by themselves on the public page?

Behind the page everything is real but Twilio: a worker in a thread, the SDK, a simulated Twilio over HTTP, and our webhooks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from models.consent import ConsentEvent, ConsentKind, ConsentSource
from models.messages import Message
from tests.browser import WIDE, Sheet, launched, sheet
from tests.live import Stage, checked, press, sign_in, staged

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CALLER, VISITOR, STRANGER = "+12125550133", "+12125550134", "+12125550136"
SHORT_CODE = "27242"
T = TypeVar("T")


@pytest.fixture(scope="module")
def stage(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A console, a worker and a Twilio."""
    with staged(sqlite_template, tmp_path_factory.mktemp("opt-ins"), per_second=20, settings={}) as found:
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


def until(ask: Callable[[], T | None]) -> T:
    """The answer as soon as there is one."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = ask()
        if found is not None:
            return found
        time.sleep(0.1)
    pytest.fail("it did not come in time")


def on_the_phone(stage: Stage, phone: str, words: str) -> str:
    """A text that reached this phone and holds these words."""

    def look() -> str | None:
        with stage.simulator.store.lock:
            bodies = [one.body for one in stage.simulator.store.messages.values() if one.to == phone]
        return next((body for body in bodies if words in body), None)

    return until(look)


def agreed(stage: Stage, phone: str) -> ConsentEvent:
    """The yes of this number in the ledger."""

    def look() -> ConsentEvent | None:
        with stage.desk.database.reading() as session:
            mine = (ConsentEvent.phone == phone, ConsentEvent.kind == ConsentKind.OPT_IN)
            return session.scalars(select(ConsentEvent).where(*mine)).first()

    return until(look)


def test_a_code_is_read_out_on_the_telephone(visit: Sheet, stage: Stage) -> None:
    """Ask, YES, the box for the code appears by itself, a wrong one, the right one, the entry in the ledger."""
    page = sign_in(visit)
    page.get_by_role("link", name="Opt-ins").click()
    page.get_by_role("link", name="Ask somebody").click()
    expect(page.get_by_text("Harbor: Reply YES to get texts about events near you")).to_be_visible()
    checked(visit, "opt-in-ask")
    page.get_by_label("Phone").fill("(212) 555-0133")
    page.get_by_role("button", name="Send the question").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(CALLER)
    expect(page.get_by_text("Waits for YES")).to_be_visible(timeout=20_000)
    checked(visit, "opt-in-waiting")
    on_the_phone(stage, CALLER, "Reply YES")
    stage.simulator.text(CALLER, SHORT_CODE, "Yes")
    expect(page.get_by_label("Code", exact=True)).to_be_visible(timeout=20_000)
    said = on_the_phone(stage, CALLER, "your code is")
    code = next(word.strip(".") for word in said.split() if word.strip(".").isdigit())
    page.get_by_label("Code", exact=True).fill(f"{(int(code) + 1) % 10**6:06}")
    page.get_by_role("button", name="Check the code").click()
    expect(page.get_by_role("alert")).to_contain_text("That is not the code. 4 more tries are left.")
    checked(visit, "opt-in-code")
    page.get_by_label("Code", exact=True).fill(f"{code[:3]} {code[3:]}")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Agreed", exact=True).first).to_be_visible()
    checked(visit, "opt-in-agreed")
    event = agreed(stage, CALLER)
    assert (event.source, event.actor) == (ConsentSource.AGENT_PIN, "amara@example.com")
    assert event.evidence["code_typed_by"] == "amara@example.com"
    on_the_phone(stage, CALLER, "You now get texts about")
    page.get_by_role("link", name=f"entry {event.id}").click()
    expect(page.get_by_text("With an agent and a code").first).to_be_visible()
    visit.settle()
    assert visit.overflow() == 0
    visit.shot("flow-opt-in-ledger")


def test_a_visitor_signs_up_without_scripts(browser: Browser, visit: Sheet, stage: Stage) -> None:
    """The public page by keyboard and without JavaScript; the same page with its mistakes; the yes by text."""
    page = visit.open("/join/harbor")
    checked(visit, "join")
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("alert")).to_contain_text("Give a mobile number")
    visit.complaints[:] = [said for said in visit.complaints if "400 (BAD REQUEST)" not in said]
    checked_again(visit, "join-mistake")
    context = browser.new_context(viewport=WIDE, java_script_enabled=False)
    plain = context.new_page()
    plain.goto(f"{stage.base}/join/harbor")
    plain.get_by_label("Mobile number").fill("212 555 0134")
    assert not plain.get_by_role("checkbox").is_checked()
    plain.keyboard.press("Tab")
    plain.keyboard.press("Space")
    plain.keyboard.press("Enter")
    expect(plain.get_by_role("heading", level=1)).to_have_text("Look at your phone")
    context.close()
    visit.open("/join/harbor/thanks")
    checked(visit, "join-thanks")
    on_the_phone(stage, VISITOR, "Reply YES")
    stage.simulator.text(VISITOR, SHORT_CODE, "YES")
    event = agreed(stage, VISITOR)
    assert (event.source, event.evidence["ip"]) == (ConsentSource.FORM, "127.0.0.1")
    assert "events near you" in event.evidence["wording"]


def checked_again(visit: Sheet, name: str) -> None:
    """As `checked`, of a page that a POST answered with 400, which is not asked for again."""
    visit.settle()
    assert visit.barriers() == []
    assert visit.overflow() == 0
    visit.shot(f"flow-{name}")


def test_what_people_agree_to_and_the_evidence(visit: Sheet, stage: Stage, tmp_path: Path) -> None:
    """A version is written, looked at and published; a screenshot of the page is kept; the pack can be had."""
    shot = tmp_path / "page.png"
    page = sign_in(visit)
    page.get_by_role("link", name="Opt-ins").click()
    page.get_by_role("link", name="Wording and public page").click()
    page.get_by_role("link", name="Write a new version").click()
    page.get_by_label("Texts about").fill("your dues and our concerts")
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_role("heading", name="How it will look")).to_be_visible()
    visit.settle()
    assert visit.barriers() == []
    visit.shot("flow-wording-preview")
    page.get_by_role("button", name="Publish version 2").click()
    expect(page.get_by_text("Version 2 is on the public page")).to_be_visible()
    visit.open("/join/harbor").screenshot(path=shot, full_page=True)
    page = visit.open("/opt-ins/wording/")
    page.get_by_label("Screenshot of version 2").set_input_files(shot)
    page.get_by_role("button", name="Keep this picture").click()
    expect(page.get_by_role("img", name="Screenshot of the public page, version 2")).to_be_visible()
    checked(visit, "wording")
    with page.expect_download() as download:
        page.get_by_role("link", name="PDF").click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF-")


def test_an_unknown_number_is_linked_and_a_list_is_read(visit: Sheet, stage: Stage, tmp_path: Path) -> None:
    """Whose number is it, and what does a list prove: each on its page."""
    stage.simulator.text(STRANGER, SHORT_CODE, "Hello, it is Anna on my new phone")

    def kept() -> bool | None:
        with stage.desk.database.reading() as session:
            return session.scalar(select(Message.id).where(Message.phone == STRANGER)) is not None or None

    until(kept)
    page: Page = sign_in(visit)
    visit.open("/opt-ins/unknown/")
    checked(visit, "opt-in-unknown")
    page.locator("tr", has_text=STRANGER).get_by_role("link", name="Link").click()
    page.get_by_label("Contact").fill("Nobody Known")
    page.get_by_role("button", name="Link and ask").click()
    expect(page.get_by_role("alert")).to_contain_text("No contact fits")
    page.get_by_label("Contact").fill("harbor-A")
    page.get_by_role("button", name="Link and ask").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(STRANGER)
    on_the_phone(stage, STRANGER, "Reply YES")
    press(page, "Withdraw")
    expect(page.get_by_text("Withdrawn by amara@example.com.").first).to_be_visible()
    file = tmp_path / "agreed.csv"
    file.write_text(
        "phone,at,how,wording,evidence\n2125550171,2026-03-01,Paper form,I agree to texts about dues,Form 17\n2125550172,,x,y,z\n"
    )
    visit.open("/opt-ins/load/")
    page.get_by_label("The list, as CSV").set_input_files(file)
    page.get_by_role("button", name="Look at the list").click()
    expect(page.get_by_text("It does not say when they agreed.")).to_be_visible()
    checked(visit, "opt-in-list")
    page.get_by_role("button", name="Write 1 into the ledger").click()
    expect(page.get_by_text("1 person is in the consent ledger")).to_be_visible()
    visit.open("/opt-ins/")
    checked(visit, "opt-ins")
