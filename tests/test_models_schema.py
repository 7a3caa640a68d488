"""The one history of schema changes: complete, repeatable, and the same on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Database
from models.schema import drift, migrate


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
