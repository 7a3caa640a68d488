"""A parked message in the console: three ways out, for those who may, once, and on the record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from models.base import Database
from models.messages import Message, MessageStatus
from models.users import AuditEntry, RoleName
from tests.conftest import NOW
from tests.desk import ANNA, Desk, message, open_desk

M = MessageStatus


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console over two accounts."""
    with open_desk(database, database_url) as found:
        yield found


def parked(desk: Desk) -> int:
    """A message of Harbor of which nobody knows whether it was sent."""
    with desk.database.transaction() as session:
        return message(
            session, desk.harbor, ANNA, MessageStatus.UNKNOWN, attempt=1, intent_at=desk.harbor.created_at
        ).id


def status(desk: Desk, message_id: int) -> MessageStatus:
    with desk.database.reading() as session:
        return session.get_one(Message, message_id).status


@pytest.mark.parametrize(
    ("verdict", "after"),
    [("look_up", MessageStatus.IN_DOUBT), ("was_sent", MessageStatus.SENT), ("send_again", MessageStatus.PENDING)],
)
def test_a_decision_is_applied_once_and_recorded(desk: Desk, verdict: str, after: MessageStatus) -> None:
    """It changes the message, leaves an audit entry, and a second click changes nothing."""
    key, supervisor = parked(desk), desk.visitor(RoleName.SUPERVISOR)
    page = supervisor.text("/messages/details/", id=key)
    assert all(label in page for label in ("Look up now", "Mark as sent", "Send again"))
    for _ in range(2):
        assert supervisor.send("/messages/decide/", {"verdict": verdict}, id=key).status_code == 302
    assert status(desk, key) is after
    with desk.database.reading() as session:
        actions = session.scalars(select(AuditEntry.action).where(AuditEntry.subject_id == str(key))).all()
    assert actions == [f"message:{verdict}"]
    assert "Send again" not in supervisor.text("/messages/details/", id=key)


@pytest.mark.parametrize("role", [RoleName.AGENT, RoleName.ANALYST, RoleName.FINANCE, RoleName.AUDITOR])
def test_not_for_every_role(desk: Desk, role: RoleName) -> None:
    """Others see the message without the buttons, and their POST is refused."""
    key, visitor = parked(desk), desk.visitor(role)
    assert "Send again" not in visitor.text("/messages/details/", id=key)
    assert visitor.send("/messages/decide/", {"verdict": "send_again"}, id=key).status_code == 403
    assert status(desk, key) is MessageStatus.UNKNOWN


def test_nobody_elses_and_no_junk(desk: Desk) -> None:
    """Another account's message is not found, an unknown verdict is a clear no, and a GET changes nothing."""
    key = parked(desk)
    stranger, admin = desk.visitor(RoleName.ADMIN, account=desk.pier), desk.visitor(RoleName.ADMIN)
    assert stranger.send("/messages/decide/", {"verdict": "send_again"}, id=key).status_code == 404
    assert admin.send("/messages/decide/", {"verdict": "perhaps"}, id=key).status_code == 400
    assert admin.send("/messages/decide/", {}, id="junk").status_code in {400, 404}
    assert admin.read("/messages/decide/", id=key).status_code == 405
    assert status(desk, key) is MessageStatus.UNKNOWN


def reason(desk: Desk, **fields: object) -> str:
    """What the page of a parked message says about why."""
    key = parked(desk)
    with desk.database.transaction() as session:
        row = session.get_one(Message, key)
        row.intent_at = row.updated_at = NOW
        for name, value in fields.items():
            setattr(row, name, value)
    return desk.visitor(RoleName.SUPERVISOR).text("/messages/details/", id=key)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"absences": 2, "attempt": 5}, "does not have it. It is not sent again by itself, because it was tried 5 times already."),
        ({"absences": 2, "expires_at": NOW}, "because the time in which it was worth sending is over."),
        ({"absences": 1}, "none that is certainly this one"),
        ({"absences": 0, "updated_at": NOW + timedelta(hours=6)}, "none that is certainly this one"),
        ({"absences": 0, "updated_at": NOW + timedelta(hours=6, seconds=1)}, "could not be asked for 6 hours."),
    ],
)  # fmt: skip
def test_the_page_says_why_nobody_could_tell(desk: Desk, fields: dict[str, object], said: str) -> None:
    """Told by what the look-ups left behind, with the attempt and its time, and the risk of each way out."""
    page = reason(desk, **fields)
    assert said in page.replace("&#39;", "'")
    assert "Attempt</dt><dd>" in page
    assert "did reach Twilio, this person gets the text twice, and it is billed twice." in page


def test_the_menu_and_a_tab_count_what_waits(desk: Desk) -> None:
    """For those who may decide: the number in the menu, the tab with its rows; afterwards nothing, and it says so."""
    key = parked(desk)
    supervisor, agent = desk.visitor(RoleName.SUPERVISOR), desk.visitor(RoleName.AGENT)
    page = supervisor.text("/messages/")
    assert re.search(r'1<span class="visually-hidden"> to decide</span>', page)
    assert re.search(r'To decide <span class="n">1</span>', page)
    assert 'name="rowid"' not in page, "boxes only where there is something to do with them"
    assert "to decide</span>" not in agent.text("/messages/")
    assert 'name="rowid"' not in agent.text("/messages/", flt0_status="unknown")
    listed = supervisor.text("/messages/", flt0_status="unknown")
    assert listed.count('name="rowid"') == 1
    supervisor.send("/messages/decide/", {"verdict": "was_sent"}, id=key)
    assert "Nothing to decide" in supervisor.text("/messages/", flt0_status="unknown")
    assert "to decide</span>" not in supervisor.text("/messages/")


def test_several_are_only_ever_looked_up(desk: Desk) -> None:
    """Each is asked about once and on the record; one that was decided meanwhile and another account's are left alone."""
    first, second, third = parked(desk), parked(desk), parked(desk)
    with desk.database.transaction() as session:
        theirs = message(session, desk.pier, ANNA, MessageStatus.UNKNOWN, attempt=1).id
    supervisor = desk.visitor(RoleName.SUPERVISOR)
    supervisor.send("/messages/decide/", {"verdict": "was_sent"}, id=third)
    form = {"action": "look_up", "rowid": [first, second, third, theirs], "url": "/messages/"}
    answer = supervisor.send("/messages/action/", form)
    assert "asked about 2 texts. 2 had been decided already." in supervisor.text(answer.location).replace("&#39;", "'")

    assert [status(desk, key) for key in (first, second, third, theirs)] == [M.IN_DOUBT, M.IN_DOUBT, M.SENT, M.UNKNOWN]
    with desk.database.reading() as session:
        actions = session.scalars(select(AuditEntry.action).where(AuditEntry.action == "message:look_up")).all()
    assert len(actions) == 2
    for verb in ("send_again", "was_sent", "delete"):
        supervisor.send("/messages/action/", {"action": verb, "rowid": [theirs]})
    agent = desk.visitor(RoleName.AGENT)
    agent.send("/messages/action/", {"action": "look_up", "rowid": [first]})
    assert status(desk, theirs) is M.UNKNOWN


def test_the_answer_of_a_look_up_is_waited_for(desk: Desk) -> None:
    """While Twilio is asked the page asks, too; the fragment is live only until it is settled, and only for the account."""
    key, supervisor = parked(desk), desk.visitor(RoleName.SUPERVISOR)
    assert "data-live" not in supervisor.text("/messages/fate/", id=key)
    supervisor.send("/messages/decide/", {"verdict": "look_up"}, id=key)
    assert "data-refresh-url" in supervisor.text("/messages/details/", id=key)
    assert "data-live" in supervisor.text("/messages/fate/", id=key)
    assert desk.visitor(RoleName.ADMIN, account=desk.pier).read("/messages/fate/", id=key).status_code == 404
