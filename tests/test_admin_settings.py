"""The settings page: an account's own values, who may change them, and what an empty field means."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from models.base import Database
from models.settings import SETTINGS, Setting, value
from models.users import AuditEntry, RoleName
from tests.desk import Desk, Visitor, open_desk


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


def held(desk: Desk, name: str) -> tuple[object, object]:
    """What Harbor has, and what Pier has."""
    with desk.database.reading() as session:
        ours, theirs = desk.harbor.id, desk.pier.id
        return value(session, name, account_id=ours), value(session, name, account_id=theirs)


def own(desk: Desk) -> dict[str, object]:
    """What Harbor has set."""
    with desk.database.reading() as session:
        rows = session.scalars(select(Setting).where(Setting.account_id == desk.harbor.id))
        return {row.name: row.value for row in rows}


def save(visitor: Visitor, **fields: str) -> int:
    """Post the form as the page has it but for these fields; the status of the answer."""
    boxes = re.findall(r"<input[^>]*type=\"checkbox\"[^>]*>", visitor.text("/settings/"))
    on = {found[1]: "y" for box in boxes if " checked" in box and (found := re.search(r'name="(\w+)"', box))}
    return visitor.send("/settings/save/", on | fields).status_code


def test_what_is_entered_holds_for_this_account_alone(desk: Desk) -> None:
    """And what it was and is stands in the audit log."""
    assert save(desk.visitor(RoleName.ADMIN), large_send="50", approval="y") == 302
    assert held(desk, "large_send") == (50, 1000)
    assert held(desk, "approval") == (1, 0)
    with desk.database.reading() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
        assert (entry.action, entry.before, entry.after) == (
            "account:settings", {"large_send": None, "approval": None}, {"large_send": 50, "approval": 1}
        )  # fmt: skip


def test_an_emptied_field_is_what_holds_for_everyone(desk: Desk) -> None:
    """The row goes, so that a default that changes later changes here, too."""
    admin, before = desk.visitor(RoleName.ADMIN), own(desk)
    save(admin, large_send="50")
    assert own(desk) == before | {"large_send": 50}
    save(admin, large_send="")
    assert held(desk, "large_send") == (1000, 1000)
    assert own(desk) == before


def test_nothing_changed_writes_nothing(desk: Desk) -> None:
    """Neither a row nor an entry."""
    rows = own(desk)
    with desk.database.reading() as session:
        before = len(session.scalars(select(AuditEntry)).all())
    save(desk.visitor(RoleName.ADMIN))
    assert own(desk) == rows
    with desk.database.reading() as session:
        entries = session.scalars(select(AuditEntry)).all()
        assert [entry.action for entry in entries[before:] if entry.action == "account:settings"] == []


@pytest.mark.parametrize("typed", ["-1", "many", "10000001", "1.5"])
def test_what_cannot_be_is_said_beside_its_field(desk: Desk, typed: str) -> None:
    """Nothing is saved, and what was typed is still there."""
    answer = desk.visitor(RoleName.ADMIN).send("/settings/save/", {"large_send": typed, "spike_percent": "30"})
    assert answer.status_code == 200
    assert 'id="large_send-error"' in answer.text
    assert f'value="{typed}"' in answer.text
    assert held(desk, "spike_percent") == (20, 20)


def test_what_is_about_the_machines_is_the_owners(desk: Desk) -> None:
    """An admin neither sees nor sets it."""
    operators = [option.name for option in SETTINGS if option.operator]
    assert "lease_seconds" in operators
    admin, owner = desk.visitor(RoleName.ADMIN), desk.visitor(owner=True)
    page = admin.text("/settings/")
    assert not [name for name in operators if f'name="{name}"' in page]
    save(admin, lease_seconds="5")
    assert held(desk, "lease_seconds") == (60, 60)
    save(owner, lease_seconds="90")
    assert held(desk, "lease_seconds") == (90, 60)


def test_who_may_only_look_cannot_save(desk: Desk) -> None:
    """The fields are shown, switched off; a POST is refused."""
    auditor = desk.visitor(RoleName.AUDITOR)
    page = auditor.text("/settings/")
    assert "disabled" in page
    assert "Save</button>" not in page
    assert save(auditor, large_send="50") == 403
    assert held(desk, "large_send") == (1000, 1000)
