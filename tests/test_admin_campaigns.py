"""Is a campaign made page by page without losing anything, and does its page say what is true?"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import func, select

import analytics.rates
import analytics.rollups
from admin.views import uploads
from admin.views.campaign_numbers import figures
from admin.views.campaign_recipients import left_out, stories
from admin.views.campaign_words import MEANINGS, NEXT, SAMPLES, duration
from admin.views.sending_review import review
from models.accounts import Account, SenderKind
from models.base import Database
from models.campaigns import Audience, AudienceRow, Campaign, CampaignState, Exclusion, Reason, Run
from models.countries import CountrySetting
from models.messages import Message, MessageStatus
from models.users import AuditEntry, RoleName
from sender import audience, campaigns, messages
from tests.conftest import NOW
from tests.desk import Desk, Visitor, open_desk
from tests.flow import MEMBERS, SOURCE, draft, mapping, picked, renewal, send, upload
from tests.seeds import campaign as seed_campaign
from tests.seeds import contacts, sender_of

ADMIN, FINANCE, ANALYST, AGENT, SUPERVISOR, AUDITOR = RoleName


@pytest.fixture
def desk(database: Database, database_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A console whose uploads wait in a folder of the test."""
    with open_desk(database, database_url) as found:
        found.app.config["UPLOADS"] = str(tmp_path / "uploads")
        yield found


@pytest.fixture
def admin(desk: Desk) -> Visitor:
    """Somebody who may do everything in Harbor."""
    return desk.visitor(ADMIN)


# the steps


def test_a_campaign_is_made_page_by_page(desk: Desk, admin: Visitor) -> None:
    """Name, text and sender; a file; its columns; the result: a draft of exactly that, with two audit entries."""
    template = renewal(desk)
    answer = admin.send("/campaigns/new/", picked(desk, template))
    assert answer.status_code == 302
    page = admin.text(answer.location)
    assert "ends_on" in page, "the page says which fields the text needs"
    answer = admin.send(answer.location, {"file": (io.BytesIO(MEMBERS.encode()), "members.csv")})
    page = admin.text(answer.location)
    assert "Anna Berg" in page
    assert mapping(page)["column-2"] == "phone", "the mobile number is suggested"
    answer = admin.send(answer.location, mapping(page))
    page = admin.text(answer.location)
    assert "There is no number; add one or remove the row." in page
    with desk.database.reading() as session:
        campaign = session.scalars(select(Campaign)).one()
        assert (campaign.name, campaign.state, campaign.audience.rows) == ("Winter", CampaignState.DRAFT, 10)
        assert campaign.template_version.template_id == template
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id.desc()).limit(2)).all()
        assert set(actions) == {"audience:load", "campaign:create"}


def test_an_error_keeps_what_was_typed(desk: Desk, admin: Visitor) -> None:
    """A missing text or a taken name is said beside the field; the rest is still there."""
    template = renewal(desk)
    answer = admin.send("/campaigns/new/", {"name": "Winter news", "template": "", "sender": ""})
    assert answer.status_code == 200
    assert 'value="Winter news"' in answer.text
    assert "Choose one from the list." in answer.text
    draft(desk, admin, name="Winter news")
    answer = admin.send("/campaigns/new/", picked(desk, template, name="Winter news"))
    assert "There is a campaign with this name already" in answer.text
    assert f'<option selected value="{template}"' in answer.text


def test_going_back_shows_what_was_chosen(desk: Desk, admin: Visitor) -> None:
    """The address carries the choices, so a reload or a step back loses none of them."""
    chosen = picked(desk, renewal(desk), kind=SenderKind.TOLL_FREE)
    page = admin.text("/campaigns/new/", **chosen)
    assert 'value="Winter"' in page
    for name in ("template", "sender"):
        assert f'<option selected value="{chosen[name]}"' in page


@pytest.mark.parametrize("spoilt", [{}, {"template": "999999"}, {"sender": "x"}, {"name": ""}, {"template": "9" * 30}])
def test_a_step_without_the_one_before_goes_back(desk: Desk, admin: Visitor, spoilt: dict[str, str]) -> None:
    """An address that lacks a choice, or names one that does not exist, leads to the first step, never to an error."""
    chosen = picked(desk, renewal(desk)) | spoilt if spoilt else {}
    for path in ("/campaigns/audience/", "/campaigns/columns/"):
        answer = admin.read(path, **chosen)
        assert answer.status_code == 302
        assert answer.location.startswith(("/campaigns/new/", "/campaigns/audience/"))


def test_another_account_s_text_and_sender_cannot_be_used(desk: Desk, admin: Visitor) -> None:
    """A foreign template, sender or list in a form or an address is refused."""
    foreign = renewal(desk, account=desk.pier)
    answer = admin.send("/campaigns/new/", picked(desk, renewal(desk)) | {"template": foreign})
    assert "Choose one from the list." in answer.text
    assert admin.read("/campaigns/audience/", **picked(desk, foreign)).location.startswith("/campaigns/new/")
    with desk.database.transaction() as session:
        listed = Audience(account_id=desk.pier.id, name="Theirs", rows=1, usable=1, complete=True, created_at=NOW)
        session.add(listed)
        session.flush()
        key = listed.id
    answer = admin.send("/campaigns/audience/", {"audience": key}, **picked(desk, renewal(desk, name="Other")))
    assert "Choose one from the list." in answer.text


def test_a_list_is_used_again(desk: Desk, admin: Visitor) -> None:
    """Choosing a list that is there makes the draft at once and goes to the review."""
    draft(desk, admin)
    with desk.database.reading() as session:
        listed = session.scalars(select(Audience)).one().id
    answer = admin.send("/campaigns/audience/", {"audience": listed}, **picked(desk, renewal(desk), name="Spring"))
    assert answer.location.startswith("/campaigns/review/")
    with desk.database.reading() as session:
        assert session.scalar(select(func.count(Campaign.id)).where(Campaign.audience_id == listed)) == 2


def test_neither_list_nor_file_is_said(desk: Desk, admin: Visitor) -> None:
    """An empty second step asks for one of the two."""
    answer = admin.send("/campaigns/audience/", {}, **picked(desk, renewal(desk)))
    assert answer.status_code == 200
    assert "Choose a list, or upload a file." in answer.text


JUNK = {
    "empty": (b"", "is empty"),
    "binary": (bytes(range(256)) * 20, "is not a table of text"),
    "broken workbook": (b"PK\x03\x04" + b"\0" * 500, "cannot be read as a workbook"),
    "old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500, "is an old or locked Excel workbook"),
    "no header": (b"(212) 555-0100,Anna\n(212) 555-0101,Ben\n", "must name the columns"),
    "unclosed quotation": (b'name,mobile\n"Anna,1\n' + b"x,y\n" * 200, "a quotation mark is missing"),
}


@pytest.mark.parametrize("kind", JUNK)
def test_junk_is_refused_beside_the_field(desk: Desk, admin: Visitor, kind: str) -> None:
    """Whatever is uploaded, the page says what is wrong with it and keeps the way; nothing of the file is left."""
    content, said = JUNK[kind]
    answer = upload(admin, picked(desk, renewal(desk)), content, "list.csv")
    assert answer.status_code == 200
    assert said in answer.text
    assert not list(Path(desk.app.config["UPLOADS"]).iterdir())
    with desk.database.reading() as session:
        assert session.scalar(select(func.count(Audience.id))) == 0


def test_a_workbook_is_known_by_its_content(desk: Desk, admin: Visitor) -> None:
    """An .xlsx is read as one whatever it is called."""
    book = openpyxl.Workbook()
    for line in csv.reader(MEMBERS.splitlines()):
        book.active.append(line)
    content = io.BytesIO()
    book.save(content)
    answer = upload(admin, picked(desk, renewal(desk)), content.getvalue(), "members.csv")
    answer = admin.send(answer.location, mapping(admin.text(answer.location)))
    with desk.database.reading() as session:
        listed = session.scalars(select(Audience)).one()
        assert (listed.rows, listed.usable) == (10, 7)


def test_a_file_that_is_too_large_is_refused_at_the_door(desk: Desk, admin: Visitor) -> None:
    """Past the limit nothing is read: 413 with a sentence."""
    desk.app.config["MAX_CONTENT_LENGTH"] = 5_000
    answer = upload(admin, picked(desk, renewal(desk)), MEMBERS * 50)
    assert answer.status_code == 413
    assert "too large" in answer.text


def test_a_file_that_turns_faulty_half_way_leaves_nothing(desk: Desk, admin: Visitor) -> None:
    """A fault behind the first committed portion is said on the columns page, and the half-read list is gone."""
    content = "name,mobile\n" + "\n".join(f"P{i},(212) 555-{i:04d}" for i in range(5_100)) + '\n"x,' + "\n" * 200
    answer = upload(admin, picked(desk, renewal(desk, source="Hello {{ name }}")), content)
    page = admin.text(answer.location)
    again = admin.send(answer.location, mapping(page))
    assert again.status_code == 200
    assert "a quotation mark is missing" in again.text
    with desk.database.reading() as session:
        assert session.scalar(select(func.count(Audience.id))) == 0
        assert session.scalar(select(func.count()).select_from(AudienceRow)) == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"column-2": ""}, "No column is chosen as the phone"),
        ({"column-1": "phone"}, "Two columns are chosen as “phone”"),
        ({"column-1": "Not a name!"}, "cannot be written in a template"),
    ],
)
def test_a_wrong_mapping_is_said_and_kept(desk: Desk, admin: Visitor, change: dict[str, str], said: str) -> None:
    """The columns page comes back with the fault and with every choice as it was posted."""
    answer = upload(admin, picked(desk, renewal(desk)), MEMBERS)
    posted = mapping(admin.text(answer.location)) | change | {"name": "My list"}
    again = admin.send(answer.location, posted)
    assert again.status_code == 200
    assert said in again.text
    assert 'value="My list"' in again.text
    kept = mapping(again.text)
    for name, value in posted.items():
        if name.startswith("column-") and value != "Not a name!":
            assert kept[name] == value


def test_loading_twice_makes_one_campaign(desk: Desk, admin: Visitor) -> None:
    """The second POST of the same columns page finds the campaign that the first made."""
    answer = upload(admin, picked(desk, renewal(desk)), MEMBERS)
    posted = mapping(admin.text(answer.location))
    first, second = admin.send(answer.location, posted), admin.send(answer.location, posted)
    assert first.location == second.location
    with desk.database.reading() as session:
        assert session.scalar(select(func.count(Campaign.id))) == 1
        assert session.scalar(select(func.count(Audience.id))) == 1


def test_somebody_else_s_upload_is_not_there(desk: Desk, admin: Visitor) -> None:
    """A token works in the account that uploaded it, and a made-up one nowhere."""
    answer = upload(admin, picked(desk, renewal(desk)), MEMBERS)
    theirs = desk.visitor(ADMIN, account=desk.pier)
    assert theirs.read(answer.location).status_code == 302
    for token in ("", "x", "../../../etc/passwd", "A" * 22):
        assert (
            admin.read("/campaigns/columns/", file=token, **picked(desk, renewal(desk, name=token or "no"))).status_code
            == 302
        )


def test_a_draft_is_changed_and_nothing_else(desk: Desk, admin: Visitor) -> None:
    """Another text, sender and list for a draft, with an audit entry; a sent campaign answers 403."""
    key = draft(desk, admin)
    chosen = picked(desk, renewal(desk, name="Other"), name="Winter II", kind=SenderKind.TOLL_FREE) | {"campaign": key}
    with desk.database.reading() as session:
        listed = session.get_one(Campaign, key).audience_id
    assert "Winter" in admin.text("/campaigns/new/", campaign=key)
    assert admin.send("/campaigns/audience/", {"audience": listed}, **chosen).location == f"/campaigns/review/?id={key}"
    with desk.database.transaction() as session:
        campaign = session.get_one(Campaign, key)
        assert (campaign.name, campaign.sender.kind, campaign.template_version.template.name) == (
            "Winter II",
            SenderKind.TOLL_FREE,
            "Other",
        )
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
        assert entry.action == "campaign:edit"
        assert entry.before["sender"] != entry.after["sender"]
        campaign.state = CampaignState.SENDING
    for answer in (
        admin.read("/campaigns/new/", campaign=key),
        admin.send("/campaigns/audience/", {"audience": listed}, **chosen),
    ):
        assert answer.status_code == 403


# the list that was read


def test_the_result_page_adds_up(desk: Desk, admin: Visitor) -> None:
    """Rows = usable + left out; every bad row stands there with its number and a sentence."""
    key = draft(desk, admin)
    page = admin.text("/campaigns/loaded/", id=key)
    with desk.database.reading() as session:
        bad = session.scalars(
            select(AudienceRow).where(AudienceRow.reason.is_not(None)).order_by(AudienceRow.row)
        ).all()
        listed = session.scalars(select(Audience)).one()
    assert [row.row for row in bad] == [3, 4, 8]
    assert listed.rows == listed.usable + len(bad)
    for said in ("Cara Diaz", "12345", "The same number as in row 1.", ">10<", ">7<"):
        assert said in page


def test_the_rows_left_out_are_a_file(desk: Desk, admin: Visitor) -> None:
    """Number, what the row said and why, as CSV, by POST, audited; masked for a role without personal data."""
    key = draft(desk, admin)
    assert admin.read("/campaigns/rows/", id=key).status_code == 405
    text = admin.send("/campaigns/rows/", id=key).text
    assert text.splitlines()[1].startswith("3,Cara Diaz,12345,invalid_number,")
    masked = desk.visitor(FINANCE).send("/campaigns/rows/", id=key).text
    assert "12345" not in masked
    assert desk.visitor(SUPERVISOR).send("/campaigns/rows/", id=key).status_code == 403
    with desk.database.reading() as session:
        assert (
            session.scalars(select(AuditEntry.action).order_by(AuditEntry.id.desc()).limit(1)).one()
            == "audience:export"
        )


def test_bad_rows_are_paged(desk: Desk, admin: Visitor) -> None:
    """Fifty to a page, and every row on exactly one."""
    key = draft(
        desk,
        admin,
        content="name,mobile\n" + "".join(f"P{i},{i}\n" for i in range(120)) + "Ann,(212) 555-0166\n",
        source="Hi",
    )
    seen: list[int] = []
    after = 0
    while True:
        page = admin.text("/campaigns/loaded/", id=key, after=after)
        rows = [int(row) for row in re.findall(r'data-label="Row">(\d+)<', page)]
        seen += rows
        if "Further rows" not in page:
            break
        after = rows[-1]
    assert seen == list(range(1, 121))


# the review


def test_the_review_shows_who_gets_it_and_who_not(desk: Desk, admin: Visitor) -> None:
    """Recipients, each reason in plain words, three real texts, the end, the cost by the card."""
    key = draft(desk, admin)
    assert "No rate card is loaded" in admin.text("/campaigns/review/", id=key)
    with desk.database.transaction() as session:
        analytics.rates.load(session, None, now=NOW, entered_by="test")
    page = admin.text("/campaigns/review/", id=key)
    for said in (
        "7 left out",
        "The person opted out",
        "The number is a landline",
        "Łukasz, your membership ends on Jan 5",
        "Continue to confirm",
    ):
        assert said in page
    assert page.count('class="bubble"') == 3
    assert re.search(r"Expected cost</div><div class=\"value\">\$0\.\d+", page)
    assert "America/New_York" in page


def test_the_review_counts_as_a_run_would(desk: Desk, admin: Visitor) -> None:
    """Recipients, segments and reasons of the review are those of the run that follows."""
    key = draft(desk, admin)
    with desk.database.transaction() as session:
        campaign = session.get_one(Campaign, key)
        found = review(session, campaign, now=NOW).preview
        run = campaigns.send(session, campaign, now=NOW)
        while audience.expand(session, run, now=NOW):
            pass
        assert (found.recipients, found.segments) == (run.messages, run.segments)
        reasons = session.execute(select(Exclusion.reason, func.count()).group_by(Exclusion.reason))
        assert found.by_reason == {row[0]: row[1] for row in reasons}


def test_the_cost_follows_each_country_s_sender(desk: Desk, admin: Visitor) -> None:
    """A country with a sender of its own is forecast and timed by that sender, and named when it cannot send."""
    key = draft(desk, admin, content="name,mobile\nAnn,(212) 555-0166\nUna,+44 7400 000166\n", source="Hi {{ name }}")
    with desk.database.transaction() as session:
        analytics.rates.load(session, None, now=NOW, entered_by="test")
        setting = session.scalars(
            select(CountrySetting).where(CountrySetting.account_id == desk.harbor.id, CountrySetting.region == "GB")
        ).one()
        setting.sender_id = sender_of(session, session.get_one(Account, desk.harbor.id), SenderKind.TOLL_FREE).id
        session.flush()
        found = review(session, session.get_one(Campaign, key), now=NOW)
        assert {sender.label: texts for sender, texts, _ in found.senders} == {"Short code": 1, "Toll-free": 1}
        assert found.blocked
        assert "country_sender" in {problem.code for problem in found.problems}
        assert found.cost is not None
        assert found.cost.low_u <= found.cost.expected_u <= found.cost.high_u == sum(found.cost.by_kind.values())


def test_what_stands_in_the_way_is_named(desk: Desk, admin: Visitor) -> None:
    """The unverified toll-free number is refused on the review, which then offers no way on."""
    page = admin.text("/campaigns/review/", id=draft(desk, admin, kind=SenderKind.TOLL_FREE))
    assert "is not verified by Twilio" in page
    assert "Choose another sender" in page
    assert "Continue to confirm" not in page


def test_nobody_left_is_a_reason_not_to_send(desk: Desk, admin: Visitor) -> None:
    """A list of which nobody remains cannot be sent."""
    page = admin.text(
        "/campaigns/review/", id=draft(desk, admin, content="name,mobile\nBen,+1 212 555 0122\n", source="Hi")
    )
    assert "Nobody is left to text" in page
    assert "Continue to confirm" not in page


@pytest.mark.parametrize("role", RoleName)
def test_cost_and_personal_data_follow_the_role(desk: Desk, admin: Visitor, role: RoleName) -> None:
    """On every page of a sent campaign money is shown with `cost:view` alone, whole numbers with `pii:view` alone."""
    key = draft(desk, admin)
    send(admin, key)
    with desk.database.transaction() as session:
        run = session.scalars(select(Run)).one()
        while audience.expand(session, run, now=NOW):
            pass
    visitor = desk.visitor(role)
    for path in ("/campaigns/details/", "/campaigns/left-out/", "/campaigns/loaded/"):
        answer = visitor.read(path, id=key)
        if role is AGENT:
            assert answer.status_code == 403
            continue
        assert ("Charges" in answer.text) == (
            path == "/campaigns/details/" and role in (ADMIN, FINANCE, ANALYST, AUDITOR)
        )
        shown = "+353850000001" in answer.text or "12345<" in answer.text
        assert shown == (path != "/campaigns/details/" and role in (ADMIN, SUPERVISOR))


# the list of campaigns


def test_tabs_count_what_they_list(desk: Desk, admin: Visitor) -> None:
    """Each tab's number is the number of its rows; archived campaigns are only under their own."""
    with desk.database.transaction() as session:
        account = session.get_one(Account, desk.harbor.id)
        for number, state in enumerate(CampaignState):
            for copy in range(number % 3 + 1):
                seed_campaign(session, account, name=f"{state.value} {copy}", state=state)
        seed_campaign(session, session.get_one(Account, desk.pier.id), name="theirs", state=CampaignState.DRAFT)
    page = admin.text("/campaigns/")
    tabs = re.findall(r'<a href="(/campaigns/[^"]*)"[^>]*>([A-Z][a-z]+) <span class="n">(\d+)</span>', page)
    assert len(tabs) == 9
    for url, label, count in tabs:
        rows = admin.text(url.replace("&amp;", "&")).count('class="primary"')
        assert rows == int(count), label
    assert "archived 0" not in page
    assert "theirs" not in page


def test_the_list_counts_from_the_daily_facts(desk: Desk, admin: Visitor) -> None:
    """Sent and not sent of a row are those of the run's own progress, deltas folded or not."""
    key = draft(desk, admin)
    send(admin, key)
    with desk.database.transaction() as session:
        run = session.scalars(select(Run)).one()
        while audience.expand(session, run, now=NOW):
            pass
        for number, message in enumerate(
            session.scalars(select(Message).where(Message.run_id == run.id).order_by(Message.id))
        ):
            status = (MessageStatus.DELIVERED, MessageStatus.FAILED, MessageStatus.SENT)[number]
            messages.advance(session, message, status, now=NOW, sid=f"SMx{number}")
        for fold in (False, True):
            if fold:
                analytics.rollups.fold(session)
            found = figures(session, [session.get_one(Campaign, key)])[key]
            progress = campaigns.progress(session, run, now=NOW)
            assert (
                (found.sent, found.failed, found.done) == (progress.sent, progress.failed, progress.done) == (2, 1, 10)
            )
    page = admin.text("/campaigns/")
    assert re.search(r'data-label="Sent">2<', page)
    assert re.search(r'data-label="Not sent">1<', page)


# one campaign


def test_progress_is_json_that_adds_up(desk: Desk, admin: Visitor) -> None:
    """Done, waiting and the whole list at every moment; not live before it starts and after it ends."""
    key = draft(desk, admin)
    assert admin.read("/campaigns/progress/", id=key).json == {"state": "draft", "live": False}
    send(admin, key)
    found: Any = admin.read("/campaigns/progress/", id=key).json
    assert (found["preparing"], found["live"], found["audience"]) == (True, True, 10)
    with desk.database.transaction() as session:
        run = session.scalars(select(Run)).one()
        while audience.expand(session, run, now=NOW):
            pass
    found = admin.read("/campaigns/progress/", id=key).json
    assert (found["preparing"], found["done"], found["waiting"], found["excluded"]) == (False, 7, 3, 7)
    assert found["done"] + found["waiting"] == found["audience"] == sum(found["statuses"].values()) + found["excluded"]


def test_left_out_people_are_listed_by_reason(desk: Desk, admin: Visitor) -> None:
    """Everybody without a text is on the page once, those set aside later too; one reason shows only its own."""
    key = draft(desk, admin)
    send(admin, key)
    with desk.database.transaction() as session:
        run = session.scalars(select(Run)).one()
        while audience.expand(session, run, now=NOW):
            pass
        campaigns.cancel(session, run.campaign, now=NOW)
        campaigns.set_aside(session, now=NOW)
        progress = campaigns.progress(session, run, now=NOW)
        rows = left_out(session, run)
        assert [row.row for row in rows] == list(range(1, 11))
        assert {
            reason: sum(row.reason is reason for row in rows) for reason in progress.by_reason
        } == progress.by_reason
        assert [row.row for row in left_out(session, run, reason=Reason.CANCELLED)] == [1, 2, 9]
        assert [row.row for row in left_out(session, run, after=4, limit=2)] == [5, 6]
    assert "Left out of Winter" in admin.text("/campaigns/left-out/", id=key)
    assert "Nobody" in admin.text("/campaigns/left-out/", id=key, reason="expired")
    assert "Noor Patel" in admin.text("/campaigns/left-out/", id=key, reason="nonsense", after="٣")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("(213) 555-0101", "Łukasz Oak: Their text is made and waits."),
        ("M9", "Grace Silva: "),
        ("Grace", "Grace Silva: "),
        ("row 3", "Row 3: The phone number is not valid"),
        ("#8", "Row 8: The row has no phone number"),
        ("+12125550122", "Ben Cole: "),
        ("Nobody", ""),
        ("", ""),
        ("%", ""),
    ],
)
def test_one_person_s_story(desk: Desk, admin: Visitor, asked: str, said: str) -> None:
    """By number, member number, name or row: what became of them, or that nobody fits."""
    key = draft(desk, admin)
    send(admin, key)
    with desk.database.transaction() as session:
        run = session.scalars(select(Run)).one()
        while audience.expand(session, run, now=NOW):
            pass
        found = stories(session, session.get_one(Account, desk.harbor.id), run, asked, now=NOW)
        if not said:
            assert not found
        else:
            assert f"{found[0].name}: {found[0].sentence}".startswith(said)
    answer = admin.send("/campaigns/find/", {"who": asked}, id=key)
    assert answer.status_code == 200
    assert ("Nobody we know fits that." in answer.text) == (not said)


def test_asking_about_a_person_needs_the_right_and_a_post(desk: Desk, admin: Visitor) -> None:
    """A number never stands in an address, and finance does not ask."""
    key = draft(desk, admin)
    assert admin.read("/campaigns/find/", id=key).status_code == 405
    assert desk.visitor(FINANCE).send("/campaigns/find/", {"who": "Anna"}, id=key).status_code == 403


def test_a_campaign_that_ran_twice_shows_each_run(desk: Desk, admin: Visitor) -> None:
    """The newest run by default, an earlier one by its number, both in the list of runs."""
    key = draft(desk, admin)
    send(admin, key)
    with desk.database.transaction() as session:
        first = session.scalars(select(Run)).one()
        session.add(
            Run(
                account_id=first.account_id, campaign_id=key, number=2, audience_id=first.audience_id, due_at=NOW, started_at=NOW,
                template_version_id=first.template_version_id, sender_id=first.sender_id,
            )
        )  # fmt: skip
    page = admin.text("/campaigns/details/", id=key)
    assert "of run 2" in page
    assert "of run 1" in admin.text("/campaigns/details/", id=key, run=1)
    assert "of run 2" in admin.text("/campaigns/details/", id=key, run="x")


# the parts


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "under a minute"), (59, "under a minute"), (60, "1 minute"), (61, "2 minutes"), (3_599, "1 hour"), (3_600, "1 hour"),
        (3_661, "1 hour 2 minutes"), (7_200, "2 hours"), (86_400, "24 hours"), (90_061, "25 hours"),
    ],
)  # fmt: skip
def test_a_duration_in_words(seconds: int, said: str) -> None:
    """Rounded up to the minute, so that it never promises too much."""
    assert duration(seconds) == said


def test_every_word_is_explained() -> None:
    """No status, state or sample is without its sentence."""
    assert set(MEANINGS) == set(MessageStatus)
    assert set(NEXT) == set(CampaignState)
    assert set(SAMPLES) == {"longest", "median", "odd", "shortest"}


def test_uploads_wait_in_a_private_folder(tmp_path: Path) -> None:
    """Only this user reads it; a folder that others can read, or a link, is refused."""
    place = uploads.folder(str(tmp_path / "uploads"))
    assert place.stat().st_mode & 0o777 == 0o700
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "link").symlink_to(place)
    for wrong in ("open", "link"):
        with pytest.raises(uploads.NoFolder):
            uploads.folder(str(tmp_path / wrong))


def test_an_upload_is_kept_for_a_day(tmp_path: Path, now: datetime) -> None:
    """Found by its token in its account, gone after a day or when it is dropped."""
    place = uploads.folder(str(tmp_path / "uploads"))
    kept = uploads.keep(place, io.BytesIO(b"a,b"), filename="../x/members.csv", account_id=1, actor="a", now=now)
    assert (kept.filename, kept.path.read_bytes()) == ("members.csv", b"a,b")
    assert uploads.find(place, kept.token, account_id=1) == kept
    assert uploads.find(place, kept.token, account_id=2) is None
    written = datetime.fromtimestamp(kept.path.stat().st_mtime, tz=now.tzinfo)
    uploads.sweep(place, now=written + timedelta(hours=23, minutes=59))
    assert uploads.find(place, kept.token, account_id=1) == kept
    uploads.sweep(place, now=written + timedelta(hours=24, seconds=2))
    assert not list(place.iterdir())
    again = uploads.keep(place, io.BytesIO(b"a,b"), filename="x.csv", account_id=1, actor="a", now=now)
    (place / f"{again.token}.json").write_text(json.dumps([]))
    assert uploads.find(place, "B" * 22, account_id=1) is None
    uploads.drop(again)
    assert not list(place.iterdir())


def test_a_large_list_is_reviewed_quickly(desk: Desk) -> None:
    """Two thousand recipients are decided, rendered and priced well within a page's patience."""
    with desk.database.transaction() as session:
        account = session.get_one(Account, desk.harbor.id)
        analytics.rates.load(session, None, now=NOW, entered_by="test")
        made = seed_campaign(
            session, account, people=contacts(session, account, 2_000), source=SOURCE.replace("{{ ends_on }}", "soon")
        )
        found = review(session, made, now=NOW)
    assert (found.preview.recipients, found.seconds, found.large) == (2_000, 20, True)
    assert timedelta(seconds=20) <= found.finish(NOW) - NOW < timedelta(seconds=21)  # slots use 98 % of the rate
