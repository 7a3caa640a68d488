"""The decision record and the flags in a real browser: no barrier, by keyboard, on a phone and on paper."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from admin import people
from models.accounts import Account
from models.base import connect
from models.campaigns import CampaignState
from models.consent import ConsentKind, ConsentSource
from models.flags import FlagKind
from models.messages import Callback, Message, MessageStatus
from models.users import RoleName
from sender import consent, dispatch, flags
from tests.browser import WIDE, Sheet, launched, served, sheet
from tests.conftest import NOW
from tests.desk import ANNA, Desk, open_desk
from tests.lists import campaign_to, expanded, listed, run_of
from tests.live import EMAIL, PASSWORD, checked, sign_in

pytestmark = pytest.mark.browser
ROWS = "Phone,Name\n2125550111,Anna Berg\n2125550122,Ben Cole\n2125550133,Dora Quill\n2125550133,Dora Quill\n12,Max\n"
FLAGS = (
    "phone,kind,since,source\n2125550111,litigator,2026-11-03,\n2125550133,attorney,2026-11-03,Letter\n12,cease,,x\n"
)


def furnish(desk: Desk) -> None:
    """A campaign that ran: one text that could not be delivered, and somebody left out for each of four reasons; and a draft."""
    with desk.app.app_context(), desk.database.session() as session:
        account = session.get_one(Account, desk.harbor.id)
        people.create_user(
            session, email=EMAIL, password=PASSWORD, now=NOW, name="Amara Reyes", owner=True, roles=[(account, RoleName.ADMIN)]
        )  # fmt: skip
        loaded = listed(session, account, ROWS)
        loaded.sha256 = "0123456789abcdef" * 4
        consent.append(
            session, account_id=account.id, phone=ANNA, kind=ConsentKind.OPT_IN, source=ConsentSource.FORM,
            now=NOW - timedelta(days=40),
        )  # fmt: skip
        flags.add(
            session, account_id=account.id, phone="+12125550133", kind=FlagKind.ATTORNEY, since=date(2026, 11, 3),
            source="Letter of the attorney", now=NOW - timedelta(days=2), actor="anna@example.com",
        )  # fmt: skip
        made = campaign_to(session, account, loaded, "Hi {{ name }}, your dues are due.", state=CampaignState.SENDING)
        made.name = "Winter renewal"
        run = run_of(session, made)
        run.started_at = NOW
        expanded(session, run)
        dispatch.claim(session, worker="w", now=NOW, limit=10)
        message = session.scalars(select(Message).where(Message.run_id == run.id)).one()
        message.status, message.sid, message.sent_at = MessageStatus.UNDELIVERED, "SM" + "1" * 32, NOW
        message.error_code, message.twilio_price_u = 30003, 8_300
        for second, status in enumerate(("sent", "undelivered"), 1):
            session.add(
                Callback(
                    account_id=account.id, message_id=message.id, sid=message.sid, status=status, applied=True,
                    error_code=30003 if second == 2 else None, received_at=NOW + timedelta(seconds=second),
                )
            )  # fmt: skip
        campaign_to(session, account, loaded, "Draft {{ name }}").name = "Spring renewal"
        session.commit()


@pytest.fixture(scope="module")
def visit(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sheet]:
    """One signed-in page for the whole way."""
    folder = tmp_path_factory.mktemp("why")
    shutil.copy(sqlite_template, folder / "console.db")
    url = f"sqlite:///{folder / 'console.db'}"
    database = connect(url)
    with open_desk(database, url) as desk, launched() as browser:
        desk.app.config["UPLOADS"] = str(folder / "uploads")
        furnish(desk)
        context = browser.new_context(viewport=WIDE, reduced_motion="reduce", accept_downloads=True)
        with served(desk.app) as base, sheet(context, base) as found:
            sign_in(found)
            yield found
        context.close()
    database.engine.dispose()


def left_out(visit: Sheet) -> Page:
    """The left-out list of the campaign that ran."""
    page = visit.open("/campaigns/")
    page.get_by_role("link", name="Winter renewal").first.click()
    page.get_by_role("link", name="Left out").or_(page.locator("a[href*='left-out']")).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Left out of Winter renewal")
    return page


def test_from_the_left_out_list_to_what_would_change_it(visit: Sheet) -> None:
    """The sum is shown; "Why?" says who may end it; the flag is cleared there, and the record keeps what was decided."""
    page = left_out(visit)
    expect(page.get_by_text("5 = 4 left out + 1 message.")).to_be_visible()
    checked(visit, "left-out")
    page.get_by_role("link", name="Why row 3 was left out").click()
    expect(page.locator("#s-verdict")).to_have_text(
        "A flag on the number says not to text it: attorney, since 2026-11-03."
    )
    checked(visit, "why-flagged")
    page.get_by_role("link", name="Clear the flag").press("Enter")
    page.get_by_role("link", name="Clear…").press("Enter")
    page.get_by_label("Why it may go").fill("The attorney wrote on 20 November that she may be texted.")
    checked(visit, "flag-clear")
    page.get_by_role("button", name="Clear").press("Enter")
    expect(page.get_by_text("The flag is cleared.")).to_be_visible()
    page = left_out(visit)
    page.get_by_role("link", name="Why row 3 was left out").click()
    expect(page.get_by_text("since 3 Nov 2026; cleared")).to_be_visible()
    page.get_by_role("link", name="If it were sent now").click()
    expect(page.locator("#s-verdict")).to_have_text("They would get the text now.")
    checked(visit, "why-ahead")


def test_a_text_s_record_is_found_taken_and_printed(visit: Sheet) -> None:
    """By a typed number; as a file; on paper without menus and buttons."""
    page = left_out(visit)
    page.get_by_role("link", name="Why row 2 was left out").click()
    page.get_by_label("Phone number, member number").fill("(212) 555-0111")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Anna Berg").click()
    expect(page.get_by_text("The phone could not be reached").first).to_be_visible()
    assert "212" not in page.url
    checked(visit, "why-sent")
    with page.expect_download() as download:
        page.get_by_role("button", name="Record as JSON").click()
    record = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert (record["code"], record["row"], record["text"]) == ("undelivered", 1, "Hi Anna Berg, your dues are due.")
    page.emulate_media(media="print")
    expect(page.locator("#s-verdict")).to_be_visible()
    expect(page.get_by_role("button", name="Record as JSON")).to_be_hidden()
    expect(page.get_by_label("Phone number, member number")).to_be_hidden()
    visit.shot("flow-why-print")
    page.emulate_media(media="screen")


def test_before_a_campaign_runs(visit: Sheet) -> None:
    """A draft has an answer, too."""
    page = visit.open("/campaigns/")
    page.get_by_role("link", name="Spring renewal").first.click()
    page.get_by_role("link", name="Why somebody would be texted or not").click()
    page.get_by_label("Phone number, member number").fill("row 2")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Row 2").click()
    expect(page.locator("#s-verdict")).to_contain_text("The person opted out")
    checked(visit, "why-draft")


def test_a_list_of_flags_comes_in(visit: Sheet, tmp_path: Path) -> None:
    """Seen before it is taken; the number then has its flag on the list and on the contact's page."""
    page = visit.open("/flags/")
    page.get_by_role("link", name="Import a list").click()
    checked(visit, "flag-import")
    file = tmp_path / "litigants.csv"
    file.write_text(FLAGS, encoding="utf-8")
    page.get_by_label("The list").set_input_files(file)
    page.get_by_label("Source").fill("List of November")
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_role("heading", name="1 new flag of 3 rows")).to_be_visible()
    checked(visit, "flag-preview")
    page.get_by_role("button", name="Raise 1 flag").click()
    expect(page.get_by_text("1 flag raised.")).to_be_visible()
    checked(visit, "flags")
    page.get_by_role("link", name=ANNA).click()
    expect(page.get_by_text("List of November").first).to_be_visible()
    checked(visit, "flag")
