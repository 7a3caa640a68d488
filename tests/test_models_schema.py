"""The one history of schema changes: complete, repeatable, and the same on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Database
from models.campaigns import AudienceRow
from models.chain import FIRST, link
from models.consent import ConsentEvent, ConsentKind, ConsentSource
from models.messages import Callback, Message
from models.schema import alembic_config, altering, drift, migrate
from sender import checkpoints, consent
from tests.conftest import NOW, seed_account
from tests.seeds import sending_run


def test_migrations_equal_models(database: Database) -> None:
    """A migrated database has exactly the tables that the models describe."""
    with database.engine.connect() as connection:
        assert drift(connection) == []


def test_migrate_keeps_rows(database: Database, account: Account) -> None:
    """Migrating a filled database again changes nothing."""
    migrate(database)
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Account)) == 1
        assert session.scalar(select(Account.name)) == account.name


@contextmanager
def lowered(database: Database, revision: str) -> Iterator[Connection]:
    """The database as an earlier version had it, and up again at the end."""
    try:
        with altering(database) as connection:
            config = alembic_config()
            config.attributes["connection"] = connection
            command.downgrade(config, revision)
        with database.engine.begin() as connection:
            yield connection
    finally:
        migrate(database)


def test_the_way_there_and_back_keeps_every_row(database: Database) -> None:
    """A database with messages that others refer to goes back to the first version and up again: rows, keys and order kept."""
    with database.session() as session:
        account = seed_account(session)
        run = sending_run(session, account, 30)
        first = session.scalars(select(Message).order_by(Message.id)).first()
        assert first is not None
        session.add(Callback(account_id=account.id, message_id=first.id, sid="SM1", status="sent", received_at=NOW))
        session.commit()
        before = contents(session)
    with lowered(database, "0001") as connection:
        assert connection.scalar(text("SELECT count(*) FROM message")) == 30
    with database.session() as session:
        assert contents(session) == before
        session.add(Callback(account_id=run.account_id, message_id=10**6, sid="SM2", status="sent", received_at=NOW))
        with pytest.raises(IntegrityError):  # references are enforced as before
            session.flush()
    with database.engine.connect() as connection:
        assert drift(connection) == []


def contents(session: Session) -> list[list[tuple[Any, ...]]]:
    """What the tables that a migration copies hold."""
    return [
        [tuple(row) for row in session.execute(select(*columns).order_by(*columns))]
        for columns in (
            (Message.id, Message.run_id, Message.contact_id, Message.body, Message.status, Message.created_at),
            (AudienceRow.audience_id, AudienceRow.row, AudienceRow.contact_id, AudienceRow.detail),
            (Callback.id, Callback.message_id),
        )
    ]


def test_a_ledger_is_sealed_anew_and_a_broken_one_stays_broken(database: Database) -> None:
    """Version 0003 changes what a seal covers. Each chain has its old seals again on the way back, and tampering is not blessed."""
    with database.session() as session:
        for account in (seed_account(session), seed_account(session, slug="other")):
            for number in range(1_200 if account.slug == "harbor" else 4):
                consent.append(
                    session, account_id=account.id, phone=f"+1212555{number:04}", kind=ConsentKind.OPT_OUT, now=NOW,
                    source=ConsentSource.ADMIN, reason="Said stöp", evidence={"sid": f"SM{number}"},
                )  # fmt: skip
        session.commit()
        first = session.scalars(select(ConsentEvent).order_by(ConsentEvent.id)).first()
        assert first is not None
        old = {
            "account": first.account_id, "phone": first.phone, "kind": "opt_out", "purpose": "all", "source": "admin",
            "reason": first.reason, "evidence": first.evidence, "message": None, "actor": "", "at": NOW.isoformat(),
        }  # fmt: skip
    with lowered(database, "0002") as connection:
        hashes = connection.execute(text("SELECT previous_hash, hash FROM consent_event ORDER BY id")).all()
        assert tuple(hashes[0]) == (FIRST, link(FIRST, old))
        connection.execute(text("UPDATE consent_event SET reason = 'changed' WHERE id = :id"), {"id": first.id + 1_202})
    with database.reading() as session:
        proofs = {one.slug: checkpoints.walk(session, one) for one in session.scalars(select(Account))}
    assert (proofs["harbor"].entries, proofs["harbor"].problem) == (1_200, None)
    assert (proofs["other"].entries, proofs["other"].broken) == (2, first.id + 1_202)
    with database.engine.connect() as connection:
        assert drift(connection) == []


def test_a_migration_that_loses_references_changes_nothing(database: Database, account: Account) -> None:
    """SQLite does not enforce them while tables are changed, so all are checked at the end."""
    if database.dialect != "sqlite":
        pytest.skip("PostgreSQL enforces them all the time")
    with pytest.raises(RuntimeError, match="nothing was changed"), altering(database) as connection:
        connection.execute(text("DELETE FROM account"))
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Account)) == 1


def test_naive_time_refused(session: Session) -> None:
    """A time without a zone never reaches the database."""
    session.add(Account(slug="x", name="X", created_at=datetime(2026, 1, 1)))
    with pytest.raises(StatementError, match="without a zone"):
        session.flush()


def test_time_comes_back_aware(session: Session, account: Account) -> None:
    """Times come back aware, in UTC, to the microsecond."""
    account.blocked_until = datetime(2026, 3, 8, 6, 59, 59, 123456, tzinfo=UTC)
    session.commit()
    session.expire_all()
    assert account.blocked_until == datetime(2026, 3, 8, 6, 59, 59, 123456, tzinfo=UTC)
