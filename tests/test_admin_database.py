"""Does a request get the session that its method asks for, and give it back; and do we know when the tables are missing?"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text

from admin.database import NEWER, NOT_MIGRATED, UNREACHABLE, db, init_database, obstacle
from models.accounts import Account
from models.base import Database, connect
from tests.conftest import seed_account


@pytest.fixture
def app(database: Database) -> Flask:
    """An app that has nothing but a database and one page for every method."""
    app = Flask(__name__)
    app.extensions["textledger"] = (None, database)
    init_database(app)

    @app.route("/", methods=["GET", "POST", "PUT", "DELETE"])
    def page() -> list[str]:
        assert db() is db.session()
        reading = bool(db.connection().get_execution_options().get("reading"))
        name = db.scalars(select(Account.name)).one()
        return ["reading" if reading else "writing", name]

    return app


@pytest.fixture
def seeded(database: Database) -> Database:
    """A database with one account."""
    with database.session() as session:
        seed_account(session)
    return database


@pytest.mark.parametrize(
    ("method", "session"), [("GET", "reading"), ("POST", "writing"), ("PUT", "writing"), ("DELETE", "writing")]
)
def test_method_decides(app: Flask, seeded: Database, method: str, session: str) -> None:
    """A request that only reads gets a session that never waits for a writer; any other may write."""
    assert app.test_client().open("/", method=method).json == [session, "Harbor Association"]


def test_a_reader_does_not_wait(app: Flask, seeded: Database) -> None:
    """GET answers while somebody else holds the write lock."""
    with seeded.session() as writer:
        writer.execute(text("UPDATE account SET name = 'Changed'"))
        assert app.test_client().get("/").json == ["reading", "Harbor Association"]


def test_sessions_are_given_back(app: Flask, seeded: Database) -> None:
    """After the request nothing of it is left: no connection is out, and the next one sees what was committed since."""
    client = app.test_client()
    for method in ("GET", "POST"):
        client.open("/", method=method)
        with seeded.transaction() as session:  # on SQLite this would wait for a session that was kept
            session.execute(text("UPDATE account SET name = :name"), {"name": method})
        answer = client.get("/").json
        assert answer is not None
        assert answer[1] == method
    assert seeded.engine.pool.status().count("Current Checked out connections: 0") == 1


def test_what_was_not_committed_is_undone(app: Flask, seeded: Database) -> None:
    """A page that writes and breaks leaves nothing behind."""

    @app.post("/break")
    def broken() -> str:
        db.execute(text("UPDATE account SET name = 'Half done'"))
        raise LookupError

    assert app.test_client().post("/break").status_code == 500
    with seeded.reading() as session:
        assert session.scalars(select(Account.name)).one() == "Harbor Association"


def test_a_command_may_write(app: Flask, seeded: Database) -> None:
    """Outside a request the session is a writing one, one for each app context."""
    with app.app_context():
        first = db()
        assert not db.connection().get_execution_options().get("reading")
        assert db() is first
    with app.app_context():
        assert db() is not first


def test_nothing_stands_in_the_way_of_a_migrated_database(database: Database) -> None:
    """An up-to-date database is fine."""
    assert obstacle(database) is None


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("DROP TABLE alembic_version", NOT_MIGRATED),
        ("DELETE FROM alembic_version", NOT_MIGRATED),
        ("UPDATE alembic_version SET version_num = 'tomorrow'", NEWER),
    ],
)
def test_other_versions_are_told_apart(database: Database, statement: str, sentence: str) -> None:
    """No tables or older ones want a migration; newer ones want newer software."""
    with database.engine.begin() as connection:
        connection.execute(text(statement))
    assert obstacle(database) == sentence


@pytest.fixture
def unusable(tmp_path: Path) -> Iterator[dict[str, Database]]:
    """Databases that cannot be opened, each in its way."""
    (tmp_path / "letter.db").write_text("Dear Sir or Madam, this is no database. " * 100)
    urls = {
        "no folder": f"sqlite:///{tmp_path}/nowhere/a.db",
        "no database": f"sqlite:///{tmp_path}/letter.db",
        "no server": "postgresql://ledger:p4ss@127.0.0.1:1/texts",
    }
    found = {name: connect(url) for name, url in urls.items()}
    yield found
    for database in found.values():
        database.engine.dispose()


def test_a_database_that_cannot_be_opened(unusable: dict[str, Database]) -> None:
    """A missing folder, a file of another kind and a server that is down are one sentence, without the password."""
    assert {name: obstacle(database) for name, database in unusable.items()} == dict.fromkeys(unusable, UNREACHABLE)
    assert "p4ss" not in UNREACHABLE


def test_the_check_waits_for_no_writer(sqlite_template: Path, tmp_path: Path) -> None:
    """It answers while another process writes."""
    shutil.copy(sqlite_template, tmp_path / "a.db")
    database = connect(f"sqlite:///{tmp_path}/a.db")
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert obstacle(database) is None
    other.close()
    database.engine.dispose()
