"""`flask erase`: counts first, erases only when told to, and says in one sentence why it does not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from models.users import AuditEntry
from tests.conftest import seed_account
from tests.forgotten import PHONE, furnished, left
from tests.test_admin_cli import Shell, configured, open_shell

WRITTEN = "(212) 555-0141"


@pytest.fixture
def shell(sqlite_template: Path, tmp_path: Path) -> Iterator[Shell]:
    """A furnished account."""
    shutil.copy(sqlite_template, tmp_path / "a.db")
    for shell in open_shell(configured(tmp_path / "a.db")):
        with shell.database.session() as session:
            furnished(session, seed_account(session))
            session.commit()
        yield shell


def test_counts_then_erases(shell: Shell) -> None:
    """Without --confirm nothing changes; with it everything goes, once; the ledger says how many entries are erased."""
    said = shell.does("erase", WRITTEN, "--account", "harbor")
    for line in ("1 contacts", "3 texts, both directions", "2 rows of lists", "2 entries of the consent ledger"):
        assert line in said
    assert "Nothing was changed. Add --confirm" in said
    assert PHONE not in said
    with shell.database.reading() as session:
        assert left(session)
    assert "Say with --reason" in shell.refuses("erase", WRITTEN, "--confirm")
    assert "leave the name and the number out" in shell.refuses(
        "erase", WRITTEN, "--confirm", "--reason", "Ms Quill wrote"
    )
    assert "It is erased." in shell.does("erase", WRITTEN, "--confirm", "--reason", "Asked by letter")
    assert "holds nothing about this number" in shell.does("erase", WRITTEN, "--confirm", "--reason", "Asked by letter")
    with shell.database.reading() as session:
        assert left(session) == []
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "contact:erase")).all()
        assert [(entry.actor, entry.after["reason"]) for entry in entries] == [("command line", "Asked by letter")]
    assert "5 entries (2 erased)" in shell.does("consent", "verify")
    assert "unbroken" in shell.does("audit", "verify")


def test_what_is_no_number_is_said(shell: Shell) -> None:
    """And changes nothing."""
    assert shell.refuses("erase", "call the office", "--confirm", "--reason", "x")
