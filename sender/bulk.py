"""How are thousands of rows written at once, on both databases?

Through the tables and not the classes (the ORM's bulk insert takes two and a half times as long), and with what all rows have
in common written into the statement once (three times as fast again, because no value of it is converted per row).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Dialect, Table, literal_column
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


def literals(session: Session, table: Table, shared: Shared) -> dict[str, Any]:
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
        found[name] = literal_column(written(value), kind)
    return found


def insert_new(
    session: Session,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Sequence[str],
    shared: Shared | None = None,
) -> None:
    """Insert rows that have the same columns; one that is there already by its natural key stays as it is."""
    if rows:
        statement = upsert(session, table).values(literals(session, table, shared or {}))
        session.execute(statement.on_conflict_do_nothing(index_elements=key), list(rows))
