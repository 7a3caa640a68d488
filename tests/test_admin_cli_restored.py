"""The command after a backup was restored: it stops everything, compares, says what it found, and lets sending go on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from models.accounts import Account, SendingNumber
from models.messages import Message, MessageStatus
from models.users import AuditEntry
from sender.gateway import Gateway
from sender.simulator import Behaviour, SimulatedAccount, SimulatedNumber, create_simulator, serve
from tests import seeds
from tests.conftest import NOW
from tests.forgotten import left
from tests.test_admin_cli import SID, TOKEN, Shell, configured, open_shell


@pytest.fixture
def harbor(sqlite_template: Path, tmp_path: Path) -> Iterator[Shell]:
    """An organisation linked to a simulated Twilio, with a campaign of three texts."""
    shutil.copy(sqlite_template, tmp_path / "a.db")
    known = SimulatedAccount("Harbor texts", [SimulatedNumber("27242")], sid=SID, token=TOKEN)
    with serve(create_simulator(Behaviour.instant(), accounts=[known])) as running:
        for shell in open_shell(configured(tmp_path / "a.db", twilio_url=running.url)):
            shell.does("accounts", "create", "harbor", "Harbor")
            shell.does("accounts", "link", SID, "--token", TOKEN)
            shell.does("accounts", "sender", "27242", "--kind", "short_code", "--default")
            with shell.database.session() as session:
                account = session.scalars(select(Account)).one()
                seeds.sending_run(session, account, 3, now=NOW, sender=session.scalars(select(SendingNumber)).one())
            yield shell


def test_what_had_been_sent(harbor: Shell) -> None:
    """One of three had left since the backup: it is bound, the others may leave, and the audit log says so."""
    with harbor.database.reading() as session:
        first = session.scalars(select(Message).order_by(Message.id).limit(1)).one()
        gateway = Gateway(SID, TOKEN, base_url=harbor.config.twilio_url)
        gateway.send(to=first.phone, body=first.body or "", from_="27242")
    said = harbor.does("restored", "--since", "2026-11-19T00:00Z")
    assert "Sending goes on." in said
    with harbor.database.reading() as session:
        account = session.scalars(select(Account)).one()
        assert (account.held_why, account.launch_epoch) == ("", 2)
        statuses = session.scalars(select(Message.status).order_by(Message.id)).all()
        assert statuses[0] is not MessageStatus.PENDING
        assert statuses[1:] == [MessageStatus.PENDING] * 2
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "account:restored")).one()
        assert entry.after == {"sent": 1, "unsent": 2, "parked": 0, "replies": 0, "held": 0, "strangers": 0}


def test_whoever_was_erased_is_erased_again_before_anything_leaves(harbor: Shell, tmp_path: Path) -> None:
    """The backup brings the person back with a text that waits; the command forgets them and cancels it."""
    file, kept = tmp_path / "a.db", tmp_path / "backup.db"
    with harbor.database.reading() as session:
        phone = session.scalars(select(Message.phone).order_by(Message.id).limit(1)).one()
    harbor.database.engine.dispose()
    shutil.copy(file, kept)
    harbor.does("erase", phone, "--confirm", "--reason", "Asked by letter")
    harbor.database.engine.dispose()
    for name in ("a.db-wal", "a.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    shutil.copy(kept, file)
    with harbor.database.reading() as session:
        assert left(session, phone)
    said = harbor.does("restored", "--since", "2026-11-19T00:00Z")
    assert "Erased again, because the backup had brought them back: 1." in said
    with harbor.database.reading() as session:
        assert left(session, phone) == []
        found = session.execute(select(Message.status, Message.reason).order_by(Message.id)).all()
        assert [row.status.value for row in found] == ["skipped", "pending", "pending"]
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
        assert actions[-2:] == ["contact:erase", "account:restored"]


@pytest.mark.parametrize("since", ["yesterday", "2026-11-22T04:00", "2026-13-01T00:00Z"])
def test_a_time_without_a_zone(harbor: Shell, since: str) -> None:
    """Nobody knows which moment is meant."""
    assert "give a time with its zone" in harbor.refuses("restored", "--since", since)


def test_twilio_is_away(harbor: Shell, tmp_path: Path) -> None:
    """Nothing is let go, and the sentence says what to do."""
    for shell in open_shell(configured(tmp_path / "a.db")):
        assert shell.refuses("restored") == (
            "Twilio could not be asked about harbor (Throttled): it stays held. Run this again."
        )
        with shell.database.reading() as session:
            assert session.scalars(select(Account)).one().held_why.startswith("A backup was restored.")
