"""Can somebody who may say how often a person is texted, see it kept, and read why a text waits or was left out?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from models.accounts import Account, Profile
from models.base import Database
from models.campaigns import Campaign, Reason, Run
from models.contacts import Contact
from models.messages import Message, MessageStatus
from models.users import AuditEntry, RoleName
from sender import dispatch
from sender.clocks import wall_clock
from tests.desk import Desk, Visitor, open_desk
from tests.seeds import sending_run

M = MessageStatus
FORM = {"texts_per_day": "2", "texts_per_week": "5", "cap_wait_hours": "12", "max_invitations": ""}


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


@pytest.fixture
def admin(desk: Desk) -> Visitor:
    """Somebody who may do everything in Harbor."""
    return desk.visitor(RoleName.ADMIN)


def harbor(desk: Desk) -> Account:
    """The account as it is in the database."""
    with desk.database.reading() as session:
        return session.get_one(Account, desk.harbor.id)


def test_caps_are_set_once_and_on_the_record(desk: Desk, admin: Visitor) -> None:
    """Two saves of the same are one entry; the page shows what holds, its source and what is unconfirmed."""
    assert "sets no cap of its own" in admin.text("/frequency/")
    for _ in range(2):
        assert admin.send("/frequency/edit/", FORM).location == "/frequency/"
    row = harbor(desk)
    assert (row.texts_per_day, row.texts_per_week, row.cap_wait_hours, row.max_invitations) == (2, 5, 12, None)
    page = admin.text("/frequency/")
    for said in (
        "At most 2 campaign texts in 24 hours",
        "waits up to 12 hours",
        "US-FL",
        "unconfirmed",
        "said before the launch",
    ):
        assert said in page
    assert "sets no cap of its own" not in page
    assert "invitation" not in page
    with desk.database.reading() as session:
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.action == "account:caps")).all()
        assert entry.before == {
            "texts_per_day": None,
            "texts_per_week": None,
            "cap_wait_hours": 24,
            "max_invitations": 3,
        }
        assert entry.after == {"texts_per_day": 2, "texts_per_week": 5, "cap_wait_hours": 12, "max_invitations": None}
    with desk.database.reading() as session:
        assert session.get_one(Account, desk.pier.id).texts_per_day is None, "another account is left alone"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"texts_per_day": "0"}, "Give a number from 1 to 1,000, or leave it empty for no cap."),
        ({"texts_per_day": "many"}, "Give a whole number."),
        ({"texts_per_week": "1001"}, "Give a number from 1 to 1,000, or leave it empty for no cap."),
        ({"texts_per_week": "1"}, "A week cannot allow fewer than a day: give at least 2, or less for a day."),
        ({"cap_wait_hours": ""}, "Give a number of hours; 0 if nobody should wait."),
        ({"cap_wait_hours": "337"}, "Give a number from 0 to 336 hours."),
        ({"max_invitations": "-1"}, "Give a whole number."),
    ],
)
def test_what_makes_no_sense_is_said_beside_the_field(
    desk: Desk, admin: Visitor, change: dict[str, str], sentence: str
) -> None:
    """In one sentence; nothing typed is lost, and nothing is saved."""
    answer = admin.send("/frequency/edit/", FORM | change)
    assert answer.status_code == 200
    assert sentence in answer.text
    for value in (FORM | change).values():
        assert f'value="{value}"' in answer.text
    assert harbor(desk).texts_per_day is None


def test_only_a_collector_has_a_policy_for_attempts(desk: Desk, admin: Visitor) -> None:
    """For others the field is not there, and posting it changes nothing."""
    assert "attempts_per_week" not in admin.text("/frequency/edit/")
    admin.send("/frequency/edit/", FORM | {"attempts_per_week": "3"})
    assert harbor(desk).attempts_per_week == 7
    with desk.database.transaction() as session:
        session.execute(update(Account).values(profile=Profile.THIRD_PARTY_COLLECTOR))
    assert "It is not Regulation F" in admin.text("/frequency/edit/")
    admin.send("/frequency/edit/", FORM | {"attempts_per_week": "3"})
    assert harbor(desk).attempts_per_week == 3


@pytest.mark.parametrize("role", [role for role in RoleName if role is not RoleName.ADMIN])
def test_others_may_look_and_not_touch(desk: Desk, role: RoleName) -> None:
    """No button, no form, no POST."""
    visitor = desk.visitor(role)
    assert "/frequency/edit/" not in visitor.text("/frequency/")
    assert visitor.send("/frequency/edit/", FORM).status_code == 403
    assert harbor(desk).texts_per_day is None


def over(desk: Desk, *, wait: int) -> tuple[int, int]:
    """Two campaigns to one person under a cap of one a day: the first text left, the second may not. (campaign, message)"""
    now = wall_clock()
    with desk.database.session() as session:
        account = session.get_one(Account, desk.harbor.id)
        account.texts_per_day, account.cap_wait_hours = 1, wait
        session.execute(update(Campaign).values(state="paused"))
        earlier = sending_run(session, account, 1, name="Earlier", now=now - timedelta(hours=2))
        left = {"status": M.DELIVERED, "intent_at": now - timedelta(hours=2)}
        session.execute(update(Message).where(Message.run_id == earlier.id).values(left))
        run = sending_run(session, account, 1, name="Second", now=now)
        assert dispatch.claim(session, worker="w", now=now + timedelta(seconds=1), limit=9) == []
        message = session.scalars(select(Message).where(Message.run_id == run.id)).one()
        return run.campaign_id, message.id


def test_a_text_that_waits_says_so_everywhere(desk: Desk, admin: Visitor) -> None:
    """On the campaign's page, the message's and the contact's; it is not left out."""
    campaign, message = over(desk, wait=24)
    page = admin.text("/campaigns/details/", id=campaign)
    assert "Everybody who is left has had as many texts as a cap allows. It goes on by itself at" in page
    assert "1 text from " in page
    page = admin.text("/messages/details/", id=message).replace("&#39;", "'")
    assert "It waits for room until" in page
    assert "at most 1 campaign text in 24 hours (this account's own cap)" in page
    with desk.database.reading() as session:
        person = session.get_one(Message, message).contact_id
    page = admin.text("/contacts/details/", id=person).replace("&#39;", "'")
    assert "1 of 1" in page
    assert "room from" in page


def test_a_text_that_was_left_out_says_so_everywhere(desk: Desk, admin: Visitor) -> None:
    """With the reason, and by which cap."""
    campaign, message = over(desk, wait=0)
    with desk.database.reading() as session:
        assert session.get_one(Message, message).reason is Reason.FREQUENCY
    assert "They have had as many texts as a cap allows" in admin.text("/campaigns/details/", id=campaign)
    sentence = (
        "They have had as many texts as a cap allows: at most 1 campaign text in 24 hours (this account's own cap)."
    )
    assert sentence in admin.text("/campaigns/left-out/", id=campaign, reason="frequency").replace("&#39;", "'")
    page = admin.text("/messages/details/", id=message).replace("&#39;", "'")
    assert "Not sent: frequency: at most 1 campaign text in 24 hours (this account's own cap)." in page


def test_the_review_tells_whom_a_cap_will_meet(desk: Desk, admin: Visitor) -> None:
    """Before anybody is asked to confirm."""
    campaign, _ = over(desk, wait=24)
    with desk.database.transaction() as session:
        session.execute(update(Run).where(Run.campaign_id == campaign).values(skipped=True))
        session.execute(update(Campaign).where(Campaign.id == campaign).values(state="draft"))
    page = admin.text("/campaigns/review/", id=campaign).replace("&#39;", "'")
    assert "1 person of this list has reached a cap now: at most 1 campaign text in 24 hours" in page


def test_a_campaign_has_a_subject_and_its_copy_the_same(desk: Desk, admin: Visitor) -> None:
    """It is set with the limits, also while texts are leaving."""
    campaign, _ = over(desk, wait=24)
    form = {"segment_limit": "", "budget_u": "", "report_emails": "", "subject": "  Dues 2027 "}
    assert admin.send("/campaigns/limits/", form, id=campaign).status_code == 302
    assert 'value="Dues 2027"' in admin.text("/campaigns/limits/", id=campaign)
    answer = admin.send("/campaigns/limits/", form | {"subject": "x" * 81}, id=campaign)
    assert "80 characters at most." in answer.text
    admin.send("/campaigns/clone/", id=campaign)
    with desk.database.reading() as session:
        assert session.get_one(Campaign, campaign).subject == "Dues 2027"
        assert len(session.scalars(select(Campaign).where(Campaign.subject == "Dues 2027")).all()) == 2
        assert session.scalars(select(Contact).limit(1)).first()
