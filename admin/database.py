"""The request's database session: one for each request, reading or writing as its method says."""

from __future__ import annotations

from flask import Flask, current_app, g, has_app_context, has_request_context, request
from sqlalchemy.orm import Session, scoped_session

from models.base import Database

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


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
