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


SLICE = 2_000
"""Rows to have in hand at once: what is made of more no longer fits into a processor's cache, which takes a fifth longer."""
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


def plainly(session: Session, query: str) -> Iterator[Sequence[tuple[Any, ...]]]:
    """The rows of a query, slice by slice, as the driver has them: a type for each column would take longer than most uses."""
    session.flush()
    with closing(_cursor(session)) as driver:
        driver.execute(query)
        while rows := driver.fetchmany(SLICE):
            yield rows


def _cursor(session: Session) -> Any:
    return session.connection().connection.cursor()


class Incoming:
    """Rows of plain values on their way into the database, in a temporary table `incoming` whose columns are of these kinds.

    What is made of them is then one statement, on both databases: a foreign key or an index costs half as much there as in a
    statement for each row. They are best added by the slice.
    """

    def __init__(self, session: Session, kinds: Mapping[str, str]) -> None:
        self._lite, self._driver = dialect_of(session).name == "sqlite", _cursor(session)
        self._named, self._texts = ", ".join(kinds), list[str]()
        self._places = ", ".join("?" * len(kinds))
        self._driver.execute(
            f"CREATE TEMP TABLE incoming ({', '.join(f'{name} {kind}' for name, kind in kinds.items())})"
        )

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Rows of as many values as there are columns: texts and whole numbers, quickest without None."""
        if self._lite:
            self._driver.executemany(f"INSERT INTO incoming ({self._named}) VALUES ({self._places})", rows)  # noqa: S608 (names of ours)
        elif rows:
            self._texts.append(_copied(rows))

    def arrive(self) -> Any:
        """The driver's cursor, once all of them are there."""
        if self._texts:
            with self._driver.copy(f"COPY incoming ({self._named}) FROM STDIN") as copy:
                for text in self._texts:
                    copy.write(text)
            self._texts.clear()
        return self._driver

    def close(self) -> None:
        """Drop the table. After a failure it goes with the transaction."""
        self._driver.execute("DROP TABLE incoming")
        self._driver.close()


def _copied(rows: Sequence[tuple[Any, ...]]) -> str:
    """The rows as COPY reads them, in one go if none of their values is one that it writes otherwise."""
    line, parts = "\t".join(["%s"] * len(rows[0])) + "\n", len(rows[0]) - 1
    text = "".join([line % row for row in rows])
    tidy = (
        (text.count("\n"), text.count("\t")) == (len(rows), len(rows) * parts) and "\\" not in text and "\r" not in text
    )
    if tidy and not ("None" in text and any(None in row for row in rows)):
        return text
    return "".join([line % tuple([_NULL if value is None else _escaped(value) for value in row]) for row in rows])


_NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def _escaped(value: str | int) -> str | int:
    return value.translate(_ESCAPES) if isinstance(value, str) else value


def write(
    session: Session,
    table: Table,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    *,
    shared: Shared | None = None,
) -> None:
    """Insert rows, given as plain values of these columns in this order; one that is there already stays as it is."""
    if rows:
        with incoming(session, table, columns, shared=shared) as batch:
            batch.add(rows)


@contextmanager
def incoming(
    session: Session, table: Table, columns: Sequence[str], *, shared: Shared | None = None
) -> Iterator[Incoming]:
    """Rows to insert into a table, added batch by batch; one that is there already stays as it is."""
    session.flush()
    same = literals(session, table, shared or {})
    batch = Incoming(session, {name: table.c[name].type.compile(dialect_of(session)) for name in columns})
    yield batch
    named, values = ", ".join([*columns, *same]), ", ".join([*columns, *same.values()])
    chosen = f"SELECT {values} FROM incoming WHERE true"  # noqa: S608
    batch.arrive().execute(f"INSERT INTO {table.name} ({named}) {chosen} ON CONFLICT DO NOTHING")
    batch.close()
