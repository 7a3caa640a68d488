"""May another worker run beside this one? On PostgreSQL any number may; on an SQLite file one, kept by an OS lock beside it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.base import Database
from sender import turns


class NotAlone(Exception):
    """A worker is running already; the message is a sentence for the person who started another."""


@contextmanager
def only_worker(database: Database) -> Iterator[None]:
    """Be the one worker of an SQLite file, else raise NotAlone. The lock goes with the process, also when it is killed.

    Whatever turns a dead predecessor held are free at once, since nobody else can be there.
    """
    file = database.engine.url.database
    if database.dialect != "sqlite" or not file or file == ":memory:":
        yield
        return
    with Path(f"{file}.worker.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise NotAlone(
                "A worker is running on this SQLite file already, and only one may; for more workers use PostgreSQL."
            ) from error
        with database.transaction() as session:
            turns.free(session)
        yield
