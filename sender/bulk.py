"""How are thousands of rows written at once, on both databases?

Through the driver and not the ORM, whose bulk insert takes six times as long, and with what all rows have in common written into
the statement once, because no value of it is then converted per row.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Dialect, Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

Shared = Mapping[str, int | StrEnum | datetime]
"""Column → what it is in every row. No free text, which would be read as part of the statement."""


def upsert(session: Session, table: Table) -> Any:
    """An INSERT that can say ON CONFLICT, in the words of the session's database."""
    return postgresql.insert(table) if dialect_of(session).name == "postgresql" else sqlite.insert(table)


def dialect_of(session: Session) -> Dialect:
    """The session's database."""
    return session.get_bind().dialect


ROOM = {"cache_size": (-64_000, -2_000), "wal_autocheckpoint": (50_000, 1_000)}
"""SQLite's settings for a long write, and its usual ones: KiB of pages in memory, and pages in the log before they are moved to
the file. An index in no order touches most of its pages in each transaction: they are then read once, and moved once."""


@contextmanager
def roomy(session: Session) -> Iterator[None]:
    """Give a long write on SQLite more room; on PostgreSQL the server has its own."""
    lite = dialect_of(session).name == "sqlite"
    for name, (more, _) in ROOM.items() if lite else ():
        session.execute(text(f"PRAGMA {name} = {more}"))
    try:
        yield
    finally:
        if lite and session.is_active:
            for name, (_, usual) in ROOM.items():
                session.execute(text(f"PRAGMA {name} = {usual}"))


@contextmanager
def uncollected() -> Iterator[None]:
    """No search for garbage meanwhile: a chunk makes a million objects in no circles, and to go through them takes as long."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def literals(session: Session, table: Table, shared: Shared) -> dict[str, str]:
    """The shared values as text of the statement."""
    dialect = dialect_of(session)
    found = {}
    for name, value in shared.items():
        if not isinstance(value, int | StrEnum | datetime):
            raise TypeError(f"{name} is text, which must be passed with each row")
        kind = table.c[name].type
        written = kind.dialect_impl(dialect).literal_processor(dialect)
        if written is None:
            raise TypeError(f"{name} cannot be written into a statement")
        found[name] = written(value)
    return found


def plainly(session: Session, query: str) -> Sequence[tuple[Any, ...]]:
    """The rows of a query as the driver has them: a type for each column would take longer than most uses of a row."""
    session.flush()
    with closing(_cursor(session)) as driver:
        driver.execute(query)
        rows: Sequence[tuple[Any, ...]] = driver.fetchall()
        return rows


def _cursor(session: Session) -> Any:
    return session.connection().connection.cursor()


def write(
    session: Session,
    table: Table,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    *,
    shared: Shared | None = None,
    then: str = "ON CONFLICT DO NOTHING",
    order: str = "",
    returning: str = "",
) -> list[Any]:
    """Insert rows, given as plain values of these columns in this order; one that is there already stays as it is.

    `then` says what else to do with such a row. On SQLite the rows go to the driver as they are; on PostgreSQL they are copied
    into a temporary table and inserted from there, in an `order` if two writers could lock each other out, and what
    `returning` names is given back.
    """
    if not rows:
        return []
    session.flush()
    same = literals(session, table, shared or {})
    named = ", ".join(f'"{name}"' for name in (*columns, *same))
    with closing(_cursor(session)) as driver:
        if dialect_of(session).name == "sqlite":
            places = ", ".join([*"?" * len(columns), *same.values()])
            driver.executemany(f"INSERT INTO {table.name} ({named}) VALUES ({places}) {then}", rows)  # noqa: S608 (names of ours)
            return []
        copied = ", ".join(f'"{name}"' for name in columns)
        empty = f"SELECT {copied} FROM {table.name} WITH NO DATA"  # noqa: S608
        driver.execute(f"CREATE TEMP TABLE incoming ON COMMIT DROP AS {empty}")
        with driver.copy(f"COPY incoming ({copied}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        values = ", ".join([copied, *same.values()])
        chosen = f"SELECT {values} FROM incoming {order}"  # noqa: S608
        driver.execute(f"INSERT INTO {table.name} ({named}) {chosen} {then} {returning}")
        found = driver.fetchall() if returning else []
        driver.execute("DROP TABLE incoming")
        return list(found)
