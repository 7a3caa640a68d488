"""The retention page: looking changes nothing, choosing asks for the account's name, and every wrong number is said beside it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from models.accounts import Account
from models.base import Database
from models.messages import Message
from models.users import AuditEntry, RoleName
from sender.worker import wall_clock
from tests.desk import Desk, open_desk

CHOOSE, NAME = "/retention/choose/", "Harbor Association"


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console; the texts of its accounts are 100 days old."""
    with open_desk(database, database_url) as found:
        with database.transaction() as session:
            session.execute(update(Message).values(created_at=wall_clock() - timedelta(days=100)))
        yield found


def days(desk: Desk) -> int | None:
    """Harbor's period."""
    with desk.database.reading() as session:
        return session.get_one(Account, desk.harbor.id).retention_days


def test_look_then_choose(desk: Desk) -> None:
    """How many texts would go; then the name, and an entry in the audit log. Back to for ever without it."""
    admin = desk.visitor(RoleName.ADMIN)
    assert "Everything is kept for ever." in admin.text("/retention/")
    looked = admin.text("/retention/", days="90")
    assert '<span class="strong">3 texts</span> would lose words and number' in looked
    assert "No text is that old today." in admin.text("/retention/", days="365")
    refused = admin.send(CHOOSE, {"days": "90", "typed": "harbor"})
    assert "Type the account’s name, Harbor Association, to go on." in refused.text
    assert days(desk) is None
    assert admin.send(CHOOSE, {"days": "90", "typed": NAME}).status_code == 302
    assert days(desk) == 90
    assert "3 texts are past that and go in the next daily turn" in admin.text("/retention/")
    assert admin.send(CHOOSE, {"days": "365"}).status_code == 302
    assert admin.send(CHOOSE, {"days": ""}).status_code == 302
    assert days(desk) is None
    with desk.database.reading() as session:
        found = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "account:retention").order_by(AuditEntry.id)
        )
        assert [(one.before["retention_days"], one.after["retention_days"]) for one in found] == [
            (None, 90), (90, 365), (365, None),
        ]  # fmt: skip


@pytest.mark.parametrize("typed", ["29", "0", "-5", "x", "36501", "1.5"])
def test_a_wrong_number_is_said_beside_it(desk: Desk, typed: str) -> None:
    """By looking and by choosing; what was typed is still there."""
    admin = desk.visitor(RoleName.ADMIN)
    for answer in (admin.read("/retention/", days=typed), admin.send(CHOOSE, {"days": typed, "typed": NAME})):
        assert answer.status_code == 200
        assert "Give from 30 to 36,500 days" in answer.text or "Give a whole number." in answer.text
        assert f'value="{typed}"' in answer.text
        assert "would lose" not in answer.text
    assert days(desk) is None


def test_who_may(desk: Desk) -> None:
    """An auditor looks and has no button; others get 403; a sign-in of yesterday is asked for the password."""
    auditor = desk.visitor(RoleName.AUDITOR)
    assert "Show what would go" not in auditor.text("/retention/")
    assert auditor.send(CHOOSE, {"days": "90", "typed": NAME}).status_code == 403
    admin = desk.visitor(RoleName.ADMIN)
    with admin.client.session_transaction() as cookie:
        cookie["fs_paa"] = 1.0
    assert admin.send(CHOOSE, {"days": "90", "typed": NAME}).location.startswith("/auth/verify?next=")
    assert days(desk) is None
