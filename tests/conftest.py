"""What every test may ask for: a migrated database (SQLite, and PostgreSQL where marked), a fixed time, a seeded account."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from models.accounts import Account, SenderKind, SendingNumber, Verification
from models.base import Database, connect
from models.countries import CountrySetting
from models.schema import alembic_config, migrate
from models.settings import Setting
from tests.postgres import PostgresServer

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
"""A Friday, 10:00 in New York."""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real PostgreSQL server that lives as long as this test process, or TEXTLEDGER_TEST_POSTGRES."""
    given = os.environ.get("TEXTLEDGER_TEST_POSTGRES")
    if given:
        yield given
        return
    try:
        server = PostgresServer()
    except FileNotFoundError:
        pytest.fail("PostgreSQL is not installed: run `make test`, which installs it, or set TEXTLEDGER_TEST_POSTGRES.")
    with server:
        yield server.url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file; tests copy it."""
    path = tmp_path_factory.mktemp("template") / "empty.db"
    database = connect(f"sqlite:///{path}")
    migrate(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    database.engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_url(postgres_server: str) -> str:
    """A migrated database of this process's own on the server; `database_url` empties it for each test."""
    name = f"textledger_{uuid.uuid4().hex}"
    _admin(postgres_server, f"CREATE DATABASE {name}")
    url: str = make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    database = connect(url)
    migrate(database)
    database.engine.dispose()
    return url


def _admin(server: str, statement: str) -> None:
    engine = connect(server).engine
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated, empty database: every test that asks for it runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        shutil.copy(template, tmp_path / "test.db")
        yield f"sqlite:///{tmp_path / 'test.db'}"
        return
    url = request.getfixturevalue("postgres_url")
    _empty(url)
    yield url


HEAD = ScriptDirectory.from_config(alembic_config()).get_current_head()
EMPTY = text(
    """DO $$ DECLARE one record; BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
    SET LOCAL session_replication_role = replica;
    FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
      EXECUTE format('DELETE FROM %I', one.tablename); END LOOP;
    PERFORM setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'; END $$"""
)
"""As good as new in a hundredth of the time that a new database takes; whoever is still connected is shown out."""


def _empty(url: str) -> None:
    engine = connect(url).engine
    with engine.begin() as connection:
        connection.execute(EMPTY)
        connection.execute(text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
        connection.execute(text("DELETE FROM alembic_version"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
    engine.dispose()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A connected, migrated, empty database (SQLite and PostgreSQL)."""
    database = connect(database_url)
    yield database
    database.engine.dispose()


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """A writing session on that database; the test decides when to commit."""
    with database.session() as session:
        yield session


@pytest.fixture
def now() -> datetime:
    """The time in tests."""
    return NOW


@pytest.fixture
def account(session: Session) -> Account:
    """An association in New York with a short code (default), an unverified toll-free number, and four countries; committed."""
    return seed_account(session)


def seed_account(session: Session, *, slug: str = "harbor", now: datetime = NOW) -> Account:
    """An account as the `account` fixture describes it; IE is disabled, Germany has no row."""
    account = Account(slug=slug, name=f"{slug.title()} Association", twilio_sid=f"AC{slug:0<32}"[:34], created_at=now)
    session.add(account)
    session.flush()
    session.add_all(
        [
            SendingNumber(
                account_id=account.id, label="Short code", address="27242", kind=SenderKind.SHORT_CODE,
                segments_per_second=100, is_default=True, created_at=now,
            ),
            SendingNumber(
                account_id=account.id, label="Toll-free", address="+18335550100", kind=SenderKind.TOLL_FREE,
                segments_per_second=3, verification=Verification.UNVERIFIED, created_at=now,
            ),
        ]
    )  # fmt: skip
    for region, name, enabled in [
        ("US", "United States", True),
        ("CA", "Canada", True),
        ("GB", "United Kingdom", True),
        ("IE", "Ireland", False),
    ]:
        session.add(
            CountrySetting(account_id=account.id, region=region, name=name, enabled=enabled, mms=True, updated_at=now)
        )
    any_hour = Setting(account_id=account.id, name="hours_for_account_texts", value=False, updated_at=now)
    session.add(any_hour)  # tests run at any hour; those about the law's hours send marketing, or set it again
    session.commit()
    return account
