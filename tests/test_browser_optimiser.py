"""Can a person see in the editor what a wording could save, apply it with a click or a key, and take it back?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import analytics.rates
from admin import people
from models.accounts import Account
from models.base import connect
from models.users import RoleName
from tests.browser import WIDE, Sheet, launched, served, sheet
from tests.conftest import NOW
from tests.desk import open_desk
from tests.lists import listed
from tests.live import EMAIL, PASSWORD, checked, sign_in

pytestmark = pytest.mark.browser
TEXT = (
    "Harbor: Hi {{ first_name }}, it’s time… your “gold” membership ends on {{ ends_on }}. "
    "Please renew it at the office. Reply STOP to opt out."
)
PLAIN = TEXT.replace("’", "'").replace("…", "...").replace("“", '"').replace("”", '"')
LIST = "name,mobile,ends_on\n" + "".join(
    f"{name} Berg,(212) 555-01{number:02},Jan {number + 1}\n"
    for number, name in enumerate(["Anna", "Ben", "Maximiliana", "Łukasz", *["Cy"] * 20])
)


@pytest.fixture(scope="module")
def base(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A console with a list and prices, on a port."""
    file = tmp_path_factory.mktemp("optimiser") / "console.db"
    shutil.copy(sqlite_template, file)
    database = connect(f"sqlite:///{file}")
    with open_desk(database, f"sqlite:///{file}", twilio_url="http://127.0.0.1:1") as desk:
        with desk.app.app_context(), database.transaction() as session:
            account = session.get_one(Account, desk.harbor.id)
            people.create_user(
                session, email=EMAIL, password=PASSWORD, now=NOW, name="Amara Reyes", roles=[(account, RoleName.ADMIN)]
            )
            analytics.rates.load(session, None, now=NOW, entered_by="test")
            listed(session, account, LIST)
        with served(desk.app) as address:
            yield address
    database.engine.dispose()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser."""
    with launched() as found:
        yield found


@pytest.fixture
def editor(browser: Browser, base: str) -> Iterator[Sheet]:
    """The editor of a new template, with a person signed in; the page must not complain."""
    context = browser.new_context(viewport=WIDE, reduced_motion="reduce")
    with sheet(context, base) as visit:
        sign_in(visit)
        visit.open("/templates/new/")
        yield visit
    context.close()


def looked_at(visit: Sheet, name: str) -> None:
    """Clean in every form, from the top of the page, where the bar with the buttons covers nothing that can be pressed."""
    visit.page.evaluate("scrollTo(0, 0)")
    checked(visit, name)


def written(page: Page, text: str) -> None:
    """Type a text and wait until both panels have answered."""
    page.get_by_label("Text", exact=True).fill(text)
    expect(page.locator("[data-savings]")).not_to_have_class("pending")


def test_one_click_takes_a_text_out_of_ucs_2(editor: Sheet) -> None:
    """The plan names each change with what goes and what comes, and the money; applied, the count drops at once."""
    page = editor.page
    expect(page.get_by_text("Write a text, and what it could save shows here.")).to_be_visible()
    looked_at(editor, "savings-empty")
    written(page, TEXT)
    plan = page.locator(".plan").first
    expect(plan.get_by_role("heading")).to_have_text("4 changes of the look only")
    expect(plan).to_contain_text("segments become 1 for 23 of the 24 texts tried.")
    expect(plan.locator(".plan-worth")).to_contain_text("Saves 23 segments = $")
    assert plan.locator("del").all_text_contents() == ["removed: ’", "removed: …", "removed: “", "removed: ”"]
    expect(page.locator("[data-part=segments]")).to_have_text("2")
    looked_at(editor, "savings-plans")
    plan.get_by_role("button", name="Apply all").click()
    box = page.get_by_label("Text", exact=True)
    expect(box).to_have_value(PLAIN)
    expect(box).to_be_focused()
    expect(page.locator("[data-part=segments]")).to_have_text("1")
    expect(page.locator("[data-part=encoding]")).to_have_text("GSM-7")
    expect(page.get_by_role("status").filter(has_text="4 changes made. You can undo them.")).to_be_visible()
    expect(page.get_by_text("There is nothing to save")).to_be_visible()
    looked_at(editor, "savings-done")


def test_one_change_by_the_keyboard_and_back(editor: Sheet) -> None:
    """Tab reaches a change, Enter applies it and only it; Undo takes it back, and so does the browser's own undo."""
    page = editor.page
    written(page, TEXT)
    box = page.get_by_label("Text", exact=True)
    one = page.get_by_role("button", name="An ellipsis that is one character becomes full stop")
    one.first.focus()
    page.keyboard.press("Enter")
    expect(box).to_have_value(TEXT.replace("…", "..."))
    expect(box).to_be_focused()
    expect(page.locator(".plan").first.get_by_role("heading")).to_have_text("3 changes of the look only")
    page.keyboard.press("Control+z")
    expect(box).to_have_value(TEXT)
    expect(page.get_by_role("button", name="Undo")).to_be_hidden()
    expect(page.locator(".plan").first.get_by_role("heading")).to_have_text("4 changes of the look only")
    page.locator(".plan").first.get_by_role("button", name="Apply all").click()
    expect(box).to_have_value(PLAIN)
    page.get_by_role("button", name="Undo").click()
    expect(box).to_have_value(TEXT)
    expect(page.get_by_text("Undone: the text is as it was.")).to_be_visible()


def test_what_is_typed_since_is_never_undone(editor: Sheet) -> None:
    """Once somebody types on, our undo is gone, and what they typed stays."""
    page = editor.page
    written(page, TEXT)
    page.locator(".plan").first.get_by_role("button", name="Apply all").click()
    box = page.get_by_label("Text", exact=True)
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    box.press("Control+End")
    box.press_sequentially(" Thanks!")
    expect(page.get_by_role("button", name="Undo")).to_be_hidden()
    expect(box).to_have_value(f"{PLAIN} Thanks!")


def test_other_words_and_emoji_are_told_apart(editor: Sheet) -> None:
    """A plan with other words says so; an emoji is named with its place; places are right behind it."""
    page = editor.page
    written(page, "😀 Please do not wait: it’s time to renew and pay at our office now soon.")
    expect(page.get_by_text("Grinning face (character 1) cannot be replaced.")).to_be_visible()
    plan = page.locator(".plan", has_text="with other words").first
    expect(plan).to_be_visible()
    looked_at(editor, "savings-words")
    before = page.get_by_label("Text", exact=True).input_value()
    plan.get_by_role("button", name="Apply all").click()
    expect(page.get_by_label("Text", exact=True)).to_have_value(
        before.replace("do not", "don't").replace(" and ", " & ")
    )
    page.get_by_label("Text", exact=True).fill("a" * 165)
    expect(page.get_by_text("Remove 5 characters to save one segment of the typical text.")).to_be_visible()
