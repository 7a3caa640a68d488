"""Does the console work, look and read as it should in a real browser: light, dark and on a phone?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, StorageState, expect

from admin import people
from models.base import connect
from models.contacts import Contact
from models.messages import MessageStatus
from models.users import RoleName
from sender import presence, turns
from sender.worker import wall_clock
from tests.browser import NARROW, WIDE, Sheet, launched, served, sheet
from tests.conftest import NOW
from tests.desk import ANNA, BEN, Desk, message, open_desk
from tests.seeds import campaign, contacts

pytestmark = pytest.mark.browser
MISSING = "/nothing/here"
EMAIL, PASSWORD = "amara@example.com", "correct horse battery"
PAGES = (
    "/", "/campaigns/", "/campaigns/details/?id={campaigns}", "/templates/", "/templates/details/?id={templates}",
    "/templates/edit/?id={templates}",
    "/contacts/", "/contacts/details/?id={contacts}", "/contacts/new/", "/contacts/edit/?id={contacts}",
    "/contacts/?search=zzz", "/contacts/erase/?id={contacts}", "/retention/", "/retention/?days=90",
    "/messages/", "/messages/details/?id={messages}", "/messages/?flt0_status=failed",
    "/unsubscribes/", "/unsubscribes/?show=events", "/unsubscribes/details/?id={unsubscribes}", "/unsubscribes/new/",
    "/unsubscribes/check/", "/unsubscribes/import/", "/unsubscribes/answer/", "/unsubscribes/?show=back", "/reviews/",
    "/unsubscribes/allow/?id={unsubscribes}", "/flags/", "/flags/?show=cleared", "/flags/details/?id={flags}", "/flags/new/",
    "/flags/clear/?id={flags}", "/flags/import/", "/campaigns/why/?id={campaigns}",
    "/countries/", "/countries/details/?id={countries}", "/countries/new/",
    "/countries/edit/?id={countries}", "/countries/hours/", "/jobs/", "/connection/", "/settings/", "/links/", "/links/new/",
    "/frequency/", "/frequency/edit/",
    "/guide/", "/guide/waive/?rule=X05", "/guide/confirm/?rule=X05",
    "/opt-ins/", "/opt-ins/details/?id={opt_ins}", "/opt-ins/ask/", "/opt-ins/wording/", "/opt-ins/wording/new/",
    "/opt-ins/unknown/", "/opt-ins/load/", "/join/harbor", "/join/harbor/thanks",
    "/users/", "/users/details/?id={users}", "/users/new/", "/users/edit/?id={users}",
    "/audit/", "/audit/details/?id={audit}", "/audit/check/", "/auth/change", "/auth/tf-setup", "/auth/mf-recovery-codes",
    MISSING,
)  # fmt: skip


@dataclass
class Place:
    """A console on a port, with one person who may do everything."""

    desk: Desk
    base: str
    ids: dict[str, int]


@pytest.fixture(scope="module")
def place(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One console for every test of this file."""
    file = tmp_path_factory.mktemp("browser") / "console.db"
    shutil.copy(sqlite_template, file)
    database = connect(f"sqlite:///{file}")
    with open_desk(database, f"sqlite:///{file}", twilio_url="http://127.0.0.1:1") as desk:
        with desk.app.app_context(), database.transaction() as session:
            people.create_user(
                session,
                email=EMAIL,
                password=PASSWORD,
                now=NOW,
                owner=True,
                name="Amara Reyes",
                roles=[(desk.harbor, RoleName.ADMIN)],
            )
            for place in range(60):
                status = [
                    MessageStatus.DELIVERED,
                    MessageStatus.SENT,
                    MessageStatus.UNDELIVERED,
                    MessageStatus.PENDING,
                ][place % 4]
                message(
                    session,
                    desk.harbor,
                    ANNA if place % 3 else BEN,
                    status,
                    error_code=30007 if place % 4 == 2 else None,
                )
            made = campaign(session, desk.harbor, name="Spring renewal")
            session.flush()
            ids = {"campaigns": made.id, "templates": made.template_version.template_id}
        with served(desk.app) as base:
            yield Place(desk, base, {**desk.ids(desk.harbor), **ids})
    database.engine.dispose()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser."""
    with launched() as found:
        yield found


@pytest.fixture(scope="module")
def signed_in(browser: Browser, place: Place) -> StorageState:
    """The cookies of a person who signed in by the form, once for all tests."""
    context = browser.new_context(viewport=WIDE)
    with sheet(context, place.base) as visit:
        page = visit.open("/contacts/")
        page.get_by_label("Email").fill(EMAIL)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Contacts")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def visit(browser: Browser, place: Place, signed_in: StorageState) -> Iterator[Sheet]:
    """A signed-in page that must not complain."""
    context: BrowserContext = browser.new_context(storage_state=signed_in, viewport=WIDE, reduced_motion="reduce")
    with sheet(context, place.base) as found:
        yield found
    context.close()


def name_of(path: str) -> str:
    """A page's name for its pictures."""
    return path.partition("=")[0].replace("/", "-").strip("-?").replace("?", "-") or "home"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_a_page_is_clean_light_dark_and_narrow(visit: Sheet, place: Place, path: str) -> None:
    """No barrier in either theme or on a phone, no sideways scroll, no complaint of the browser; pictures for people."""
    visit.open(path.format(**place.ids))
    visit.settle()
    for theme in ("light", "dark"):
        visit.theme(theme)
        visit.settle()
        assert visit.barriers() == [], theme
        assert visit.overflow() == 0
        visit.shot(f"{name_of(path)}-{theme}")
    visit.page.set_viewport_size(NARROW)
    visit.settle()
    assert visit.overflow() == 0
    assert visit.barriers() == [], "narrow"
    visit.shot(f"{name_of(path)}-narrow")
    if path == MISSING:
        visit.complaints[:] = [said for said in visit.complaints if "404 (NOT FOUND)" not in said]


def test_the_sign_in_is_clean_in_both_themes(browser: Browser, place: Place) -> None:
    """Also with an error on it."""
    for scheme in ("light", "dark"):
        context = browser.new_context(viewport=WIDE, color_scheme=scheme)
        with sheet(context, place.base) as visit:
            page = visit.open("/auth/login")
            assert visit.barriers() == []
            page.get_by_label("Email").fill("nobody@example.com")
            page.get_by_label("Password").fill("wrong")
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_role("alert")).to_be_visible()
            assert visit.barriers() == []
            visit.shot(f"sign-in-{scheme}")
        context.close()


def test_slash_searches_and_escape_closes(visit: Sheet) -> None:
    """The keyboard reaches the search and leaves a menu; a filter set by hand becomes a chip."""
    page = visit.open("/contacts/")
    page.keyboard.press("/")
    page.keyboard.type("anna")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Search: anna")).to_be_visible()
    page.get_by_text("Clear all").click()
    page.locator("summary", has_text="Filter").press("Enter")
    expect(page.get_by_label("Country")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Country")).to_be_hidden()
    page.locator("summary", has_text="Filter").click()
    page.get_by_label("Country").select_option("US")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("Country: United States")).to_be_visible()


def test_what_cannot_be_undone_asks_first(visit: Sheet, place: Place) -> None:
    """The dialog names the person; Escape and Keep change nothing, the verb does it and says so."""
    page = visit.open("/users/")
    row = page.locator("tr", has_text="Analyst")
    row.get_by_label("Actions for").click()
    row.get_by_role("button", name="Deactivate").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Deactivate Robin Vale?")
    assert visit.barriers() == []
    visit.shot("confirm-light")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    row.get_by_role("button", name="Deactivate").click()
    dialog.get_by_role("button", name="Keep as it is").click()
    expect(row.get_by_text("Active", exact=True)).to_be_visible()
    row.get_by_role("button", name="Deactivate").click()
    dialog.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_text("Robin Vale can no longer sign in.")).to_be_visible()
    expect(page.locator("tr", has_text="Analyst").get_by_text("Deactivated")).to_be_visible()


def test_unsaved_changes_are_not_lost_by_a_click(visit: Sheet, place: Place) -> None:
    """Leaving a changed form asks; leaving an untouched or a saved one does not."""
    asked: list[str] = []
    visit.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page = visit.open(f"/contacts/edit/?id={place.ids['contacts']}")
    page.get_by_role("link", name="Countries").or_(page.get_by_role("link", name="Country settings")).click()
    assert asked == []
    page = visit.open(f"/contacts/edit/?id={place.ids['contacts']}")
    page.get_by_label("Name").fill("Anna Bergström")
    page.get_by_role("link", name="Country settings").click()
    page.wait_for_url("**/countries/")
    assert asked == ["beforeunload"]
    page = visit.open(f"/contacts/edit/?id={place.ids['contacts']}")
    page.get_by_label("Name").fill("Anna Bergström")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_role("status").get_by_text("saved")).to_be_visible()
    assert asked == ["beforeunload"]


def test_a_mistake_is_shown_where_it_is(visit: Sheet) -> None:
    """The summary links to the field, which is marked and explained."""
    page = visit.open("/contacts/new/")
    page.get_by_label("Phone").fill("12")
    page.get_by_role("button", name="Create contact").click()
    expect(page.get_by_role("alert")).to_contain_text("Phone")
    page.get_by_role("alert").get_by_role("link", name="Phone").click()
    expect(page.get_by_label("Phone")).to_have_attribute("aria-invalid", "true")
    assert visit.barriers() == []
    visit.shot("mistake-light")


def test_the_drawer_opens_and_closes_on_a_phone(visit: Sheet) -> None:
    """The menu is a button; the keyboard is led into it and back."""
    visit.page.set_viewport_size(NARROW)
    page = visit.open("/messages/")
    link = page.get_by_role("link", name="Unsubscribes")
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(link).to_be_visible()
    visit.shot("drawer-narrow")
    assert visit.barriers() == []
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Unsubscribes")


def test_the_theme_is_remembered(visit: Sheet) -> None:
    """A choice by hand outlives the page and wins over the system."""
    page = visit.open("/countries/")
    page.get_by_role("button", name="Light or dark").click()
    chosen: Any = page.evaluate("document.documentElement.dataset.theme")
    visit.open("/users/")
    assert page.evaluate("document.documentElement.dataset.theme") == chosen


def test_the_account_is_switched_in_the_sidebar(visit: Sheet) -> None:
    """One click shows the other organisation's people."""
    page = visit.open("/contacts/")
    expect(page.get_by_text("harbor-A")).to_be_visible()
    page.locator("summary", has_text="Harbor Association").click()
    page.get_by_role("button", name="Pier Association").click()
    visit.open("/contacts/")
    expect(page.get_by_text("pier-A")).to_be_visible()
    page.locator("summary", has_text="Pier Association").click()
    visit.shot("accounts-light")
    page.get_by_role("button", name="Harbor Association").click()


def test_paper_has_the_list_and_not_the_frame(visit: Sheet) -> None:
    """Printed, there is no sidebar and no button."""
    page = visit.open("/messages/")
    page.emulate_media(media="print")
    expect(page.locator(".side")).to_be_hidden()
    expect(page.get_by_role("button", name="Export CSV")).to_be_hidden()
    expect(page.locator("table.list")).to_be_visible()
    visit.shot("messages-print")


def test_jobs_keep_themselves_up_to_date(visit: Sheet, place: Place) -> None:
    """What a worker does shows without a reload; a job that is asked for says so at once; clean while full, in every form."""
    now = wall_clock()
    with place.desk.database.transaction() as session:
        presence.arrive(session, "mail-room:4711", now=now, version="0.1.0", all_senders=True)
        turns.register(session, {kind.name: kind.every for kind in turns.KINDS}, now=now)
        for name, error in (("prices", ""), ("mail", "ConnectionRefusedError")):
            turn = turns.take(session, name, worker="mail-room:4711", now=now) or 0
            if error:
                turns.failed(session, name, turn=turn, now=now, every=timedelta(seconds=5), error=error)
            else:
                turns.done(
                    session, name, turn=turn, now=now, every=timedelta(hours=1), result="31 texts brought up to date"
                )
    page = visit.open("/jobs/")
    row = page.locator("tr", has_text="Twilio for prices")
    expect(row).to_contain_text("31 texts brought up to date")
    expect(page.locator("tr", has_text="Mails what people")).to_contain_text("ConnectionRefusedError")
    for theme in ("light", "dark"):
        visit.theme(theme)
        visit.settle()
        assert visit.barriers() == [], theme
        visit.shot(f"jobs-full-{theme}")
    with place.desk.database.transaction() as session:
        presence.seen(session, "mail-room:4711", now=wall_clock(), all_senders=False)
        assert turns.take(session, "usage", worker="mail-room:4711", now=wall_clock(), lease=2 * turns.LEASE)
    expect(page.locator("tr", has_text="daily totals")).to_contain_text("Running at mail-room:4711", timeout=9_000)
    expect(page.get_by_text("the senders it is given")).to_be_visible()
    row.get_by_role("button", name="Run now").click()
    page.get_by_role("dialog").get_by_role("button", name="Run now").click()
    expect(page.get_by_role("status").get_by_text("Prices starts")).to_be_visible()
    expect(page.locator("tr", has_text="Twilio for prices")).to_contain_text("Asked for")
    page.set_viewport_size(NARROW)
    visit.settle()
    assert (visit.overflow(), visit.barriers()) == (0, [])
    visit.shot("jobs-full-narrow")


def test_a_person_is_looked_at_and_erased(visit: Sheet, place: Place) -> None:
    """From the contact's page: what goes and what stays, a reason that tells too much is refused, then the person is gone."""
    with place.desk.database.transaction() as session:
        [person] = contacts(session, place.desk.harbor, 1)
        person.name = "Xanthippe Quill"
        message(session, place.desk.harbor, person.phone, MessageStatus.DELIVERED)
        key = person.id
    page = visit.open(f"/contacts/details/?id={key}")
    page.get_by_role("link", name="Erase this person").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Erase this person")
    expect(page.get_by_text("Everything that says who Xanthippe Quill is.")).to_be_visible()
    page.get_by_label("Reason").fill("Ms Quill asked")
    page.get_by_label("Type ERASE to go on").fill("ERASE")
    page.get_by_role("button", name="Erase", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("leave the name and the number out of it")
    expect(page.get_by_label("Reason")).to_have_value("Ms Quill asked")
    for theme in ("light", "dark"):
        visit.theme(theme)
        visit.settle()
        assert visit.barriers() == []
        visit.shot(f"erase-refused-{theme}")
    page.get_by_label("Reason").fill("Asked by letter on 3 November")
    page.get_by_role("button", name="Erase", exact=True).click()
    expect(page.get_by_text("The person is erased.")).to_be_visible()
    assert visit.barriers() == []
    page.goto(f"{place.base}/contacts/?search=Quill")
    expect(page.get_by_role("link", name="Xanthippe Quill")).to_have_count(0)
    with place.desk.database.reading() as session:
        gone = session.get_one(Contact, key)
        assert (gone.name, gone.erased_at is not None) == ("", True)
