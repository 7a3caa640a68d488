"""The request's database session, reading or writing as its method says; and whether the tables are there at all."""

from __future__ import annotations

from functools import cache

from flask import Flask, current_app, g, has_app_context, has_request_context, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, scoped_session

from admin.config import Config
from models.base import Database
from models.schema import alembic_config

UNREACHABLE = "The database cannot be opened: check TEXTLEDGER_DATABASE_URL, and that its server is running."
NOT_MIGRATED = "The database is not up to date: run `flask --app wsgi migrate` first."
NEWER = "The database belongs to a newer version of Textledger: install that version."
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def configuration() -> Config:
    """The configuration of the current app."""
    found: Config = current_app.extensions["textledger"][0]
    return found


class Db(scoped_session[Session]):
    """A scoped session that is its own `.session`, the form that Flask-Admin asks for."""

    @property
    def session(self) -> Db:
        return self


def database() -> Database:
    """The database of the current app."""
    found: Database = current_app.extensions["textledger"][1]
    return found


def _open() -> Session:
    """A session of the app's database; a request that only reads gets one that never waits for a writer."""
    reading = has_request_context() and request.method in SAFE
    return database().reading() if reading else database().session()


def _scope() -> int:
    return id(g._get_current_object()) if has_app_context() else 0


db = Db(_open, scopefunc=_scope)  # type: ignore[arg-type]  # any factory will do


def init_database(app: Flask) -> None:
    """Give each session back at the end of its request."""

    @app.teardown_appcontext
    def give_back(_error: BaseException | None) -> None:
        db.remove()


def obstacle(database: Database) -> str | None:
    """What keeps us from the tables, as one sentence that says what to do; None when they are those of this version."""
    from alembic.migration import MigrationContext

    try:
        with database.reading() as session:
            found = set(MigrationContext.configure(session.connection()).get_current_heads())
    except DBAPIError:
        return UNREACHABLE
    heads, known = _revisions()
    if found == heads:
        return None
    return NOT_MIGRATED if found <= known else NEWER


@cache
def _revisions() -> tuple[frozenset[str], frozenset[str]]:
    """The newest revision of the tables, and all there are, as this version knows them."""
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(alembic_config())
    return frozenset(script.get_heads()), frozenset(revision.revision for revision in script.walk_revisions())
