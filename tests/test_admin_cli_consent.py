"""`flask consent …`, run as people run it: what is printed, what is refused, and in which words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from models.accounts import Account
from models.consent import ConsentEvent, ConsentKind, ConsentSource
from sender import consent
from tests.conftest import NOW
from tests.ledger import tamper
from tests.test_admin_cli import Shell, configured, open_shell

PHONE = "+12125550101"


@pytest.fixture
def ledger(sqlite_template: Path, tmp_path: Path) -> Iterator[Shell]:
    """An account with three entries."""
    shutil.copy(sqlite_template, tmp_path / "a.db")
    for shell in open_shell(configured(tmp_path / "a.db")):
        shell.does("accounts", "create", "harbor", "Harbor")
        with shell.database.transaction() as session:
            account = session.scalars(select(Account)).one()
            for kind in (ConsentKind.OPT_IN, ConsentKind.OPT_OUT, ConsentKind.RE_SUBSCRIBE):
                consent.append(
                    session, account_id=account.id, phone=PHONE, kind=kind, source=ConsentSource.ADMIN, now=NOW,
                    reason="By phone",
                )  # fmt: skip
        yield shell


def test_a_whole_ledger_is_told(ledger: Shell) -> None:
    """How many entries, and the last hash."""
    said = ledger.does("consent", "verify")
    with ledger.database.reading() as session:
        last = session.scalars(select(ConsentEvent.hash).order_by(ConsentEvent.id.desc())).first()
    assert said == f"harbor: 3 entries, last hash {last}\nThe consent ledger is unbroken.\n"
    assert ledger.does("consent", "verify", "--account", "harbor") == said


def test_a_cut_shows_against_a_checkpoint(ledger: Shell, tmp_path: Path) -> None:
    """The file says where it ended; after a cut the chain alone looks whole. A file that is none is refused."""
    file = tmp_path / "kept.json"
    assert "Check against it with" in ledger.does("consent", "checkpoint", "--out", str(file))
    assert json.loads(ledger.does("consent", "checkpoint"))["checkpoints"][0]["entries"] == 3
    assert PHONE not in file.read_text(encoding="utf-8")
    assert "unbroken" in ledger.does("consent", "verify", "--checkpoint", str(file))
    with ledger.database.transaction() as session:
        tamper(session, "DELETE FROM consent_event WHERE id = 3")
    assert "unbroken" in ledger.does("consent", "verify")
    said = ledger.refuses("consent", "verify", "--checkpoint", str(file))
    assert "The consent ledger of harbor was cut off" in said
    file.write_text(file.read_text(encoding="utf-8").replace("harbor", "lake"), encoding="utf-8")
    assert "no account of that name" in ledger.refuses("consent", "verify", "--checkpoint", str(file))
    for junk in (b"", b"nothing", b"\xff\xfe\x00"):
        file.write_bytes(junk)
        assert "export one with" in ledger.refuses("consent", "verify", "--checkpoint", str(file))
    nowhere = tmp_path / "nowhere" / "kept.json"
    assert "choose another file" in ledger.refuses("consent", "checkpoint", "--out", str(nowhere))


def test_a_changed_row_is_named(ledger: Shell) -> None:
    """By its number, never by a phone number."""
    with ledger.database.transaction() as session:
        tamper(session, "UPDATE consent_event SET reason = 'changed' WHERE id = 2")
    said = ledger.refuses("consent", "verify")
    assert "row 2 does not follow" in said
    assert "+1212" not in said


def test_what_was_allowed_then(ledger: Shell) -> None:
    """The decision, and the entries that say so; before the first of them there is nothing."""
    said = ledger.does("consent", "as-of", "(212) 555-0101", "--purpose", "marketing")
    assert said.startswith("Yes: the person subscribed again on 2026-11-20 at 15:00 UTC")
    assert said.count("By phone") == 3
    before = ledger.does("consent", "as-of", PHONE, "--at", "2026-11-20T09:59:59-05:00")
    assert before == "Nothing forbade it, but no consent is on record, either.\n"
