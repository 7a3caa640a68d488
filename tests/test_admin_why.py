"""Does the page of a decision say the same as the sender, to each role what it may see, and to another account nothing?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from admin import auth
from admin.views.why_words import NEEDS, TITLES, TONES, who_may
from models.accounts import Account
from models.base import Database
from models.campaigns import Campaign, CampaignState, Exclusion
from models.consent import ConsentKind, ConsentSource, Purpose
from models.flags import FlagKind
from models.messages import Callback, Message, MessageStatus
from models.users import AuditEntry, RoleName
from sender import consent, dispatch, flags
from sender.evidence import Topic
from sender.explanation import Standing
from sender.remedies import Remedy
from tests.conftest import NOW
from tests.desk import ANNA, BEN, Desk, open_desk
from tests.lists import campaign_to, expanded, listed, run_of

R = RoleName
DORA = "+12125550133"
ROWS = "Phone,Name\n2125550111,Anna Berg\n2125550122,Ben Cole\n2125550133,Dora Quill\n12,Bad\n"


@dataclass
class Sent:
    """A console, a campaign that ran once, and its one message; and a draft to the same list."""

    desk: Desk
    campaign: int
    draft: int
    message: int


@pytest.fixture
def sent(database: Database, database_url: str) -> Iterator[Sent]:
    """Anna's text could not be delivered; Ben refused, Dora has a flag, and one row has no number."""
    with open_desk(database, database_url) as desk, database.session() as session:
        account = session.get_one(Account, desk.harbor.id)
        loaded = listed(session, account, ROWS)
        consent.append(
            session, account_id=account.id, phone=ANNA, kind=ConsentKind.OPT_IN, source=ConsentSource.FORM,
            now=NOW - timedelta(days=40),
        )  # fmt: skip
        flags.add(
            session, account_id=account.id, phone=DORA, kind=FlagKind.ATTORNEY, since=date(2026, 11, 3), source="Letter", now=NOW
        )  # fmt: skip
        made = campaign_to(session, account, loaded, "Hi {{ name }}", state=CampaignState.SENDING)
        run = run_of(session, made)
        run.started_at = NOW
        expanded(session, run)
        dispatch.claim(session, worker="w", now=NOW, limit=10)
        message = session.scalars(select(Message).where(Message.run_id == run.id)).one()
        message.status, message.sid, message.sent_at = MessageStatus.UNDELIVERED, "SM" + "1" * 32, NOW
        message.error_code, message.twilio_price_u = 30003, 8_300
        session.add(
            Callback(
                account_id=account.id, message_id=message.id, sid=message.sid, status="undelivered", error_code=30003,
                applied=True, received_at=NOW + timedelta(seconds=4),
            )
        )  # fmt: skip
        draft = campaign_to(session, account, loaded, "Draft {{ name }}")
        session.commit()
        found = Sent(desk, made.id, draft.id, message.id)
        session.close()
        yield found


def test_every_code_topic_and_act_has_its_words() -> None:
    """What the sender may say, the console can show; and each act needs a right that there is."""
    assert set(TITLES) == set(Topic)
    assert set(NEEDS) == set(Remedy)
    assert set(NEEDS.values()) <= set(auth.RIGHTS)
    assert set(TONES) <= set(Standing)
    assert who_may("consent:edit") == "An admin, an agent or a supervisor"
    assert who_may("country:edit") == "An admin"


def test_a_text_s_record(sent: Sent) -> None:
    """The sentence, the consent with its seal, the list, the text, the error in words, the callbacks, the price, and the proof."""
    page = sent.desk.visitor(R.ADMIN).text("/campaigns/why/", id=sent.campaign, row=1)
    for said in (
        "Their text was sent, and the carrier could not deliver it.", "Anna Berg", ANNA, "Yes: the person opted in on",
        "members.csv", "Hi Anna Berg", "30003: The phone could not be reached", "Twilio: undelivered", "$0.0083", "Short code",
        "10:00 EST in America/New_York", "Claimed, attempt 1", "4 = 3 left out + 1 message.",
        "Every row of the list has exactly one outcome.",
    ):  # fmt: skip
        assert said in page, said


@pytest.mark.parametrize(
    ("row", "sentence", "act", "path"),
    [
        (2, "The person opted out", "Re-subscribe the number", "/unsubscribes/allow/?id="),
        (
            3,
            "A flag on the number says not to text it: attorney, since 2026-11-03.",
            "Clear the flag",
            "/flags/details/?id=",
        ),
        (4, "The phone number is not valid", "Mend the row", ""),
    ],
)
def test_who_was_left_out_is_told_what_would_change_it(
    sent: Sent, row: int, sentence: str, act: str, path: str
) -> None:
    """And who may do that; a link only for who may."""
    admin = sent.desk.visitor(R.ADMIN).text("/campaigns/why/", id=sent.campaign, row=row)
    finance = sent.desk.visitor(R.FINANCE).text("/campaigns/why/", id=sent.campaign, row=row)
    for page in (admin, finance):
        assert sentence in page
        assert act in page
        assert "An admin" in page
    if path:
        assert path in admin
        assert f'href="{path}' not in finance.partition("What would change it")[2].partition("</section>")[0]


def test_the_pages_lead_to_it(sent: Sent) -> None:
    """From the left-out list, the message, the contact and the campaign."""
    admin = sent.desk.visitor(R.ADMIN)
    here = f"/campaigns/why/?id={sent.campaign}&amp;run=1"
    left_out = admin.text("/campaigns/left-out/", id=sent.campaign)
    assert f"{here}&amp;row=2" in left_out
    assert "4 = 3 left out + 1 message." in left_out
    contact = sent.desk.ids(sent.desk.harbor)["contacts"]
    assert f"{here}&amp;contact={contact}" in admin.text("/messages/details/", id=sent.message)
    assert f"{here}&amp;contact={contact}" in admin.text("/contacts/details/", id=contact)
    assert f"/campaigns/why/?id={sent.campaign}" in admin.text("/campaigns/details/", id=sent.campaign)
    found = admin.send("/campaigns/find/", {"who": "(212) 555-0111"}, id=sent.campaign).text
    assert f"{here}&amp;contact={contact}" in found
    agent = sent.desk.visitor(R.AGENT)  # who may not open campaigns
    assert "/campaigns/why/" not in agent.text("/contacts/details/", id=contact)
    assert "/campaigns/why/" not in agent.text("/messages/details/", id=sent.message)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("+1 212 555 0122", "The person opted out"),
        ("row 3", "A flag on the number"),
        ("Dora", "A flag on the number"),
        ("harbor-A", "Their text was sent"),
        ("(212) 555-0199", "Nobody we know fits that."),
        ("row 99", "They are not on the list of this campaign."),
    ],
)
def test_a_person_is_found_by_number_row_or_name(sent: Sent, asked: str, said: str) -> None:
    """By a POST: a number has no place in an address. What was asked stays."""
    answer = sent.desk.visitor(R.ADMIN).send("/campaigns/why/", {"who": asked}, id=sent.campaign)
    assert said in answer.text
    assert asked in answer.text
    assert "212" not in " ".join(part for part in answer.text.split('"') if part.startswith("/campaigns/why"))


def test_before_a_run_it_says_what_would_happen(sent: Sent) -> None:
    """For a draft, and for a campaign that ran already, if it were sent now."""
    admin = sent.desk.visitor(R.ADMIN)
    draft = admin.text("/campaigns/why/", id=sent.draft, row=1)
    assert "They would get the text now." in draft
    assert "left out +" not in draft
    assert "A flag on the number" in admin.text("/campaigns/why/", id=sent.draft, row=3)
    again = admin.text("/campaigns/why/", id=sent.campaign, run="ahead", row=1)
    assert "They would get the text now." in again
    assert "Their text was sent" in admin.text("/campaigns/why/", id=sent.campaign, run="1", row=1)


@pytest.mark.parametrize("junk", ["", "0", "-1", "x", "9" * 30, "١"])
def test_junk_in_the_address_is_no_error(sent: Sent, junk: str) -> None:
    """The question is asked again, or nobody is found."""
    admin = sent.desk.visitor(R.ADMIN)
    for name in ("row", "contact", "run"):
        assert admin.read("/campaigns/why/", id=sent.campaign, **{name: junk}).status_code == 200


@pytest.mark.parametrize("role", RoleName)
def test_each_role_sees_its_part(sent: Sent, role: RoleName) -> None:
    """Campaigns are not for agents; numbers and texts are for who may see people; prices for who may see costs."""
    visitor = sent.desk.visitor(role)
    answer = visitor.read("/campaigns/why/", id=sent.campaign, row=1)
    assert answer.status_code == (200 if role in auth.RIGHTS["campaign:view"] else 403)
    if answer.status_code == 200:
        for text, right in ((ANNA, "pii:view"), ("Hi Anna Berg", "pii:view"), ("$0.0083", "cost:view")):
            assert (text in answer.text) == (role in auth.RIGHTS[right]), (role, text)
    taken = visitor.send("/campaigns/why/file/", id=sent.campaign, row=1)
    may = role in auth.RIGHTS["campaign:view"] & auth.RIGHTS["export"]
    assert taken.status_code == (200 if may else 403)
    assert ("Record as JSON" in answer.text) == may
    if may:
        record = json.loads(taken.text)
        assert (record["person"]["phone"] == ANNA) == (role in auth.RIGHTS["pii:view"])
        assert (record["text"] == "Hi Anna Berg") == (role in auth.RIGHTS["pii:view"])
        assert ("Twilio's price" in taken.text) == (role in auth.RIGHTS["cost:view"])
        assert role in auth.RIGHTS["pii:view"] or not any(known in taken.text for known in ("5550111", "Anna Berg"))


def test_the_file_says_all_of_it_and_is_audited(sent: Sent) -> None:
    """Codes, the entries of the ledger with their seals, facts with their rows, steps, and who may change it."""
    admin = sent.desk.visitor(R.ADMIN)
    answer = admin.send("/campaigns/why/file/", id=sent.campaign, row=1)
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=why-to_members") or (
        'filename="why-to_members' in answer.headers["Content-Disposition"]
    )
    record = json.loads(answer.text)
    assert (record["code"], record["texted"], record["run"], record["row"]) == ("undelivered", True, 1, 1)
    [entry] = record["consent"]["entries"]
    assert (entry["kind"], len(entry["hash"]), len(entry["content_hash"])) == ("opt_in", 64, 64)
    assert record["error"]["code"] == 30003
    assert record["steps"][-1]["title"] == "Twilio: undelivered"
    assert {"topic": "list", "name": "Row", "value": 1, "of": None} in record["facts"]
    left = json.loads(admin.send("/campaigns/why/file/", id=sent.campaign, row=3).text)
    assert (left["code"], left["flags"][0]["kind"]) == ("flagged", "attorney")
    assert left["would_change"] == [
        {"act": "clear_flag", "sentence": "Clear the flag, with the reason why it may go.", "who": "An admin or a supervisor"}
    ]  # fmt: skip
    with sent.desk.database.reading() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry is not None
        assert (entry.action, entry.after) == ("campaign:explain", {"row": 3, "code": "flagged"})
        assert DORA not in str(entry.facts())
    assert admin.send("/campaigns/why/file/", id=sent.campaign).status_code == 404


def test_another_account_finds_nothing(sent: Sent) -> None:
    """Neither the page, nor the file, nor a person of it by their id."""
    other = sent.desk.visitor(R.ADMIN, account=sent.desk.pier)
    assert other.read("/campaigns/why/", id=sent.campaign, row=1).status_code == 404
    assert other.send("/campaigns/why/", {"who": "row 1"}, id=sent.campaign).status_code == 404
    assert other.send("/campaigns/why/file/", id=sent.campaign, row=1).status_code == 404
    theirs = sent.desk.ids(sent.desk.pier)["contacts"]
    page = sent.desk.visitor(R.ADMIN).text("/campaigns/why/", id=sent.campaign, contact=theirs)
    assert "They are not on the list of this campaign." in page
    assert "pier" not in page.lower().partition("<main")[2]


def test_a_run_that_is_not_whole_is_an_alarm(sent: Sent) -> None:
    """A lost outcome is said on both pages, not hidden in a sum."""
    with sent.desk.database.transaction() as session:
        lost = session.scalars(select(Exclusion).where(Exclusion.row == 2)).one()
        session.delete(lost)
    admin = sent.desk.visitor(R.ADMIN)
    for path in ("/campaigns/why/", "/campaigns/left-out/"):
        page = admin.text(path, id=sent.campaign)
        assert "4 ≠ 2 left out + 1 message." in page
        assert "This is not whole: 1 row has none." in page
        assert 'role="alert"' in page


def test_a_long_list_is_counted_when_it_is_asked_for(sent: Sent) -> None:
    """To join a million rows takes seconds, which the page of one person need not."""
    with sent.desk.database.transaction() as session:
        session.get_one(Campaign, sent.campaign).runs[0].audience_size = 1_000_000
    admin = sent.desk.visitor(R.ADMIN)
    page = admin.text("/campaigns/why/", id=sent.campaign, row=2)
    assert "Count them" in page
    assert "left out +" not in page
    assert "4 = 3 left out + 1 message." in admin.text("/campaigns/why/", id=sent.campaign, row=2, count=1)


def test_ben_s_refusal_leads_to_its_proof(sent: Sent) -> None:
    """The entry of the ledger, whose page says whether a text was allowed then."""
    with sent.desk.database.reading() as session:
        entry = consent.blocked(session, sent.desk.harbor.id, [BEN], Purpose.ALL)[BEN]
    page = sent.desk.visitor(R.AUDITOR).text("/campaigns/why/", id=sent.campaign, row=2)
    assert f'href="/unsubscribes/details/?id={entry.id}"' in page
