"""A parked message in the console: three ways out, for those who may, once, and on the record."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from models.base import Database
from models.messages import Message, MessageStatus
from models.users import AuditEntry, RoleName
from tests.desk import ANNA, Desk, message, open_desk


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
