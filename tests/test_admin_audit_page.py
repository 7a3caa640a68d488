"""Does the audit log read in words, and does it tell when someone has been at it?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import update

from admin import audit
from admin.views.audit_words import differences, said
from models.base import Database
from models.users import AuditEntry, RoleName
from tests.conftest import NOW
from tests.desk import Desk, open_desk


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


@pytest.mark.parametrize(
    ("action", "kind", "words"),
    [
        ("contact:edit", "contact", "Changed contact"),
        ("country_setting:create", "country_setting", "Created country"),
        ("consent:opt_out", "consent_event", "Unsubscribed a number"),
        ("campaign:send", "campaign", "Sent campaign"),
        ("something:new_verb", "thing", "New verb thing"),
    ],
)
def test_an_action_is_said_in_words(action: str, kind: str, words: str) -> None:
    """A verb and what it was done to."""
    assert said(AuditEntry(action=action, subject_kind=kind)) == words


def test_differences_are_words_too() -> None:
    """Booleans, lists, mappings and nothings read as people write them, in the order of the change."""
    before = {"active": True, "roles": ["agent"], "note": None}
    after = {"active": False, "roles": ["agent", "admin"], "note": "", "rates": {"us": 1}}
    assert differences(before, after) == [
        ("Active", "yes", "no"), ("Roles", "agent", "agent, admin"), ("Note", "", ""), ("Rates", "", "us: 1"),
    ]  # fmt: skip


def test_the_log_shows_who_what_and_the_change(desk: Desk) -> None:
    """One line says it, the entry's page says all of it, markup in values stays text."""
    with desk.database.transaction() as session:
        audit.record(
            session, account_id=desk.harbor.id, actor="amara@example.com", action="contact:edit", subject_kind="contact",
            subject_id=9, subject="<b>Anna</b>", before={"name": "<i>old</i>"}, after={"name": "new"}, now=NOW, ip="10.0.0.1",
        )  # fmt: skip
    finance = desk.visitor(RoleName.FINANCE)
    page = finance.text("/audit/", search="amara")
    assert "Changed contact" in page
    assert "&lt;b&gt;Anna" in page
    assert "&lt;i&gt;old&lt;/i&gt;" in page
    assert "1 entry<" in page
    assert "Sealed" in page


def test_the_chain_is_checked_and_a_change_shows(desk: Desk) -> None:
    """Whole at first; after someone edits an entry in the database, the list, the check and the entry say so."""
    finance, key = desk.visitor(RoleName.FINANCE), desk.ids(desk.harbor)["audit"]
    assert "fit together" in finance.text("/audit/check/")
    with desk.database.transaction() as session:
        session.execute(update(AuditEntry).where(AuditEntry.id == key).values(actor="someone-else@example.com"))
    assert "The chain breaks at entry 1." in finance.text("/audit/check/")
    assert "Altered" in finance.text("/audit/")
    assert "Altered" in finance.text("/audit/details/", id=key)


def test_the_log_is_read_only_for_everyone(desk: Desk) -> None:
    """No page makes, changes or removes an entry."""
    owner, key = desk.visitor(owner=True), desk.ids(desk.harbor)["audit"]
    for verb in ("new", "edit", "delete"):
        assert owner.send(f"/audit/{verb}/", {"id": key}, id=key).status_code == 403
