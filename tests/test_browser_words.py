"""Does a word that somebody texts hold, is a sentence read by a person, and does a list join the ledger, all in a real browser?

Behind the page everything is real but Twilio: a worker in a thread, the SDK, a simulated Twilio over HTTP, and our webhooks.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Reason
from models.consent import ConsentEvent, ConsentKind, ConsentSource, Purpose
from models.contacts import Contact
from models.messages import Direction, Message, MessageStatus
from sender import campaigns, consent
from sender.worker import wall_clock
from tests.browser import WIDE, Sheet, launched, sheet
from tests.live import Stage, checked, sign_in, staged
from tests.seeds import campaign as seed_campaign

pytestmark = [pytest.mark.browser, pytest.mark.slow]
BEFORE, OTHERS, WRITER, SECOND = "+12125550150", "+13125550150", "+14155550150", "+12065550150"
SENTENCE = "I do not want your texts any more, who gave you my number"
K = ConsentKind


@pytest.fixture(scope="module")
def stage(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Everything that a campaign needs, running."""
    with staged(sqlite_template, tmp_path_factory.mktemp("words"), per_second=30, settings={}) as found:
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


def until(true: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Wait for something to be true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


def says(stage: Stage, phone: str, text: str) -> None:
    """A phone texts our short code, and Twilio posts it to our webhook."""
    stage.simulator.text(phone, "27242", text)
    until(lambda: text in said(stage, phone, Direction.INBOUND))


def said(stage: Stage, phone: str, direction: Direction) -> list[str | None]:
    """The texts with a phone, in one direction."""
    with stage.desk.database.reading() as session:
        mine = Message.phone == phone, Message.direction == direction
        return list(session.scalars(select(Message.body).where(*mine).order_by(Message.id)))


def blocked(stage: Stage, phone: str) -> ConsentKind | None:
    """What keeps a phone from being texted."""
    with stage.desk.database.reading() as session:
        found = consent.blocked(session, stage.desk.harbor.id, [phone], Purpose.ACCOUNT).get(phone)
        return found.kind if found else None


def sending(stage: Stage, name: str, phones: list[str]) -> int:
    """A campaign to these phones that starts now."""
    with stage.desk.database.transaction() as session:
        account = session.get_one(Account, stage.desk.harbor.id)
        row = seed_campaign(session, account, name=name, people=people(session, account, phones))
        session.flush()
        campaigns.send(session, row, now=wall_clock())
        return row.id


def people(session: Session, account: Account, phones: list[str]) -> list[Contact]:
    """The contact of each phone, made where there is none."""
    now = wall_clock()
    known = {one.phone: one for one in session.scalars(select(Contact).where(Contact.account_id == account.id))}
    for phone in phones:
        if phone not in known:
            known[phone] = Contact(
                account_id=account.id, phone=phone, phone_raw=phone, region="US", line_type="fixed_line_or_mobile",
                time_zones="America/New_York", name=f"Member {phone[-8:]}", created_at=now, updated_at=now,
            )  # fmt: skip
            session.add(known[phone])
    session.flush()
    return [known[phone] for phone in phones]


def outcomes(stage: Stage) -> dict[str, tuple[MessageStatus, Reason | None]]:
    """What became of the last campaign text of each phone."""
    with stage.desk.database.reading() as session:
        rows = session.scalars(select(Message).where(Message.run_id.is_not(None)).order_by(Message.id))
        return {row.phone: (row.status, row.reason) for row in rows}


def test_a_stop_holds_at_the_next_claim_and_is_answered_once(visit: Sheet, stage: Stage) -> None:
    """STOP is Twilio's to answer; other words are ours, once; neither gets the next campaign, and the list shows both."""
    for text in ("STOP", "STOP"):
        says(stage, BEFORE, text)
    for text in ("no more texts", "quit texting me"):
        says(stage, WRITER, text)
    until(lambda: len(said(stage, WRITER, Direction.OUTBOUND)) == 1)
    sending(stage, "Spring dues", [BEFORE, OTHERS, WRITER])
    until(lambda: outcomes(stage).get(OTHERS, (None,))[0] is MessageStatus.DELIVERED)
    assert {phone for phone, (status, _) in outcomes(stage).items() if status is MessageStatus.DELIVERED} == {OTHERS}
    assert said(stage, BEFORE, Direction.OUTBOUND) == []
    (answer,) = said(stage, WRITER, Direction.OUTBOUND)
    assert answer is not None
    assert "You are unsubscribed" in answer
    taken = [entry for entry in stage.simulator.log() if entry["to"] in (BEFORE, WRITER)]
    assert len(taken) == 1
    page = sign_in(visit)
    visit.open("/unsubscribes/")
    for phone in (BEFORE, WRITER):
        expect(page.get_by_role("link", name=phone)).to_have_count(1)
    checked(visit, "unsubscribes")


def test_a_sentence_is_read_by_a_person(visit: Sheet, stage: Stage) -> None:
    """Held at once and counted in the menu; read with the keyboard, decided with a reason; one is blocked, the other released."""
    for phone in (OTHERS, SECOND):
        says(stage, phone, SENTENCE)
        assert blocked(stage, phone) is K.HOLD
    page = sign_in(visit)
    visit.open("/reviews/")
    expect(page.get_by_role("link", name=re.compile("Replies to review.*2 to decide"))).to_be_visible()
    checked(visit, "reviews")
    decided(page, OTHERS, "It is a revocation", "Wants no texts", "The number is unsubscribed.")
    visit.open("/reviews/")
    page.get_by_role("link", name=SECOND).click()
    expect(page.get_by_text(SENTENCE)).to_be_visible()
    page.get_by_role("button", name="It is not").click()
    assert page.get_by_label("Why").evaluate("field => field.validity.valueMissing")
    checked(visit, "review")
    decided(page, SECOND, "It is not", "Asked about the bill", "The number is released")
    expect(page.get_by_text("No replies to review yet")).to_be_visible()
    checked(visit, "reviews-empty")
    assert (blocked(stage, OTHERS), blocked(stage, SECOND)) == (K.OPT_OUT, None)


def decided(page: Page, phone: str, verb: str, reason: str, toast: str) -> None:
    """Open a reply in the list, if it is not open, and decide it."""
    if page.get_by_role("button", name=verb).count() == 0:
        page.get_by_role("link", name=phone).click()
    page.get_by_label("Why").fill(reason)
    page.get_by_role("button", name=verb).press("Enter")
    expect(page.get_by_text(toast)).to_be_visible()


def test_a_list_is_looked_at_and_joins_the_ledger(visit: Sheet, stage: Stage, tmp_path: Path) -> None:
    """Uploaded with its origin, previewed row by row, confirmed; then it blocks."""
    file = tmp_path / "unsubscribed elsewhere.csv"
    file.write_text(f"Phone,Reason\n(206) 555-0151,Letter of 3 May\n{BEFORE},Called\n12,Called\n2065550151,Again\n")
    page = sign_in(visit)
    visit.open("/unsubscribes/")
    page.get_by_role("link", name="Import a list").click()
    checked(visit, "import")
    page.get_by_label("The list, as CSV or Excel").set_input_files(str(file))
    page.get_by_label("Where it comes from").fill("Unsubscribes of our last provider")
    page.get_by_label("As of").fill("2026-11-01")
    page.get_by_role("button", name="See what it does").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Unsubscribe 1 number?")
    expect(page.get_by_text("The same number as in row 1.")).to_be_visible()
    checked(visit, "import-preview")
    assert blocked(stage, "+12065550151") is None
    page.get_by_role("button", name="Unsubscribe 1 number").click()
    expect(page.get_by_text("1 number is unsubscribed. 1 had been before.")).to_be_visible()
    assert blocked(stage, "+12065550151") is K.OPT_OUT
    with stage.desk.database.reading() as session:
        event = session.scalars(select(ConsentEvent).where(ConsentEvent.source == ConsentSource.IMPORT)).one()
        visit.open(f"/unsubscribes/details/?id={event.id}")
    expect(page.get_by_text("Unsubscribes of our last provider")).to_be_visible()
    checked(visit, "import-entry")


def test_the_answer_in_own_words(visit: Sheet, stage: Stage) -> None:
    """A link is refused beside the field; own words are what the next person reads."""
    page = sign_in(visit)
    visit.open("/unsubscribes/")
    page.get_by_role("link", name="Answer to STOP").click()
    page.get_by_label("What we say").fill("Harbor Association: bye, see https://x.example")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Take the link out")
    checked(visit, "answer")
    page.get_by_label("What we say").fill("{organisation}: noted, you get no more texts from us.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("It holds from the next STOP on.")).to_be_visible()
    says(stage, SECOND, "take me off your list")
    until(
        lambda: said(stage, SECOND, Direction.OUTBOUND) == ["Harbor Association: noted, you get no more texts from us."]
    )
