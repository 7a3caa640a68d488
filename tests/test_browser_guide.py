"""Do the guide and the editor's findings work with a mouse, a keyboard and on paper?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, StorageState, expect

from admin import people
from models.base import connect
from models.users import RoleName
from tests.browser import NARROW, WIDE, Sheet, launched, served, sheet
from tests.conftest import NOW
from tests.desk import open_desk

pytestmark = pytest.mark.browser
EMAIL, PASSWORD = "amara@example.com", "correct horse battery"


@pytest.fixture(scope="module")
def base(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a console with one person who may do everything."""
    file = tmp_path_factory.mktemp("guide") / "console.db"
    shutil.copy(sqlite_template, file)
    database = connect(f"sqlite:///{file}")
    with open_desk(database, f"sqlite:///{file}", twilio_url="http://127.0.0.1:1") as desk:
        with desk.app.app_context(), database.transaction() as session:
            people.create_user(
                session, email=EMAIL, password=PASSWORD, now=NOW, owner=True, name="Amara Reyes",
                roles=[(desk.harbor, RoleName.ADMIN)],
            )  # fmt: skip
        with served(desk.app) as address:
            yield address
    database.engine.dispose()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser."""
    with launched() as found:
        yield found


@pytest.fixture(scope="module")
def signed_in(browser: Browser, base: str) -> StorageState:
    """The cookies of a person who signed in."""
    context = browser.new_context(viewport=WIDE)
    with sheet(context, base) as visit:
        page = visit.open("/guide/")
        page.get_by_label("Email").fill(EMAIL)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Compliance guide")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def visit(browser: Browser, base: str, signed_in: StorageState) -> Iterator[Sheet]:
    """A signed-in page that must not complain."""
    context = browser.new_context(storage_state=signed_in, viewport=WIDE, reduced_motion="reduce")
    with sheet(context, base) as found:
        yield found
    context.close()


def test_the_editor_says_what_the_rules_say(visit: Sheet) -> None:
    """While one types: shown at its place, mended by one click, gone when it is right; with the keyboard, in both themes."""
    page = visit.open("/templates/new/")
    panel = page.get_by_role("region", name="What the rules say")
    page.get_by_label("Text", exact=True).fill("🎉 Harbor: pay at bit.ly/3x\u200b now")
    expect(panel.get_by_text("bit.ly is a shortener that anybody uses.")).to_be_visible()
    expect(panel.get_by_role("status")).to_contain_text("1 of which stops a campaign")
    panel.locator("li", has_text="shortener").get_by_role("button", name="Show").press("Enter")
    assert page.evaluate("getSelection().toString() || document.activeElement.value.slice(document.activeElement.selectionStart, "
                         "document.activeElement.selectionEnd)") == "bit.ly"  # fmt: skip
    for theme in ("light", "dark"):
        visit.theme(theme)
        visit.settle()
        assert visit.barriers() == [], theme
        visit.shot(f"lint-{theme}")
    panel.get_by_role("button", name="Fix it").click()
    expect(page.get_by_label("Text", exact=True)).to_have_value("🎉 Harbor: pay at bit.ly/3x now")
    expect(panel.get_by_role("button", name="Fix it")).to_have_count(0)
    page.get_by_label("Text", exact=True).fill("Harbor: come on Friday")
    expect(panel.get_by_role("status")).to_contain_text("Nothing was found.")
    page.get_by_label("Kind").select_option("marketing")
    expect(
        page.get_by_label("Say how to stop")
    ).to_be_checked()  # expected of marketing, and then there is nothing to find
    page.get_by_label("Say how to stop").uncheck()
    expect(panel.get_by_text("does not say how to opt out")).to_be_visible()
    page.set_viewport_size(NARROW)
    visit.settle()
    assert (visit.overflow(), visit.barriers()) == (0, [])
    visit.shot("lint-narrow")


def test_a_rule_is_waived_and_the_waiver_withdrawn(visit: Sheet) -> None:
    """By its button, a form and a dialog; the page comes back to the rule."""
    page = visit.open("/guide/")
    page.locator("#X05").get_by_role("link", name="Waive…").click()
    page.get_by_label("Weighs instead").select_option("INFO")
    page.get_by_label("Reason").fill("The sender is saved in every phone.")
    page.get_by_role("button", name="Waive it").click()
    rule = page.locator("#X05")
    expect(rule.get_by_text("Waived to information")).to_be_visible()
    assert page.url.endswith("#X05")
    rule.get_by_role("button", name="Withdraw").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Withdraw this decision about X05?")
    dialog.get_by_role("button", name="Withdraw").click()
    expect(page.locator("#X05").get_by_text("Waived to information")).to_have_count(0)
    expect(page.locator("#decisions")).to_be_visible()


def test_paper_has_the_rules_and_not_the_buttons(visit: Sheet) -> None:
    """Printed, it is a handbook: sources with their addresses, no menu, no buttons."""
    page = visit.open("/guide/")
    page.emulate_media(media="print")
    expect(page.locator(".side")).to_be_hidden()
    expect(page.get_by_role("link", name="Waive…").first).to_be_hidden()
    expect(page.locator("#X05")).to_be_visible()
    visit.shot("guide-print")
