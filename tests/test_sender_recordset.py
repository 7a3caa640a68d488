"""Rows that travel as one text come out as they went in, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import JSON, Boolean, column, text
from sqlalchemy.orm import Session

from models.base import UTCDateTime
from sender import recordset
from sender.bulk import dialect_of

TYPES = {"number": "bigint", "word": "text", "flag": "boolean", "at": "timestamptz", "more": "json"}
AT = datetime(2026, 11, 20, 15, 0, 0, 5, tzinfo=UTC)


def through(session: Session, rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """The rows after a journey through the database."""
    statement = text(f"SELECT * FROM {recordset.table(dialect_of(session).name, 'new', TYPES)}").columns(
        column("number"), column("word"), column("flag", Boolean), column("at", UTCDateTime), column("more", JSON)
    )
    return [tuple(row) for row in session.execute(statement, {"rows": recordset.packed(session, rows)})]


def test_what_goes_in_comes_out(session: Session) -> None:
    """Large numbers, nothing at all, quotes, brackets, other alphabets, times of any zone and nested values."""
    rows: list[tuple[object, ...]] = [
        (2**62, 'O\'Brien "x" \\ {}[],:%s ', True, AT, {"a": "b", "é": "\U0001f4a5"}),
        (0, "", False, AT.replace(microsecond=0), {}),
        (-1, "Łódź\n\t\x1b\u202e", None, None, None),
        (None, None, None, None, {"\\": '"'}),
    ]
    assert through(session, rows) == rows
    assert through(session, []) == []
    elsewhere = AT.astimezone(timezone(timedelta(hours=-5)))
    assert through(session, [(1, "x", True, elsewhere, None)]) == [(1, "x", True, AT, None)]


@pytest.mark.parametrize("value", [datetime(2026, 11, 20), 1 + 2j, object()])
def test_what_has_no_form_is_refused(session: Session, value: object) -> None:
    """A time without a zone, as everywhere, and whatever JSON does not know."""
    with pytest.raises(TypeError, match="cannot be packed"):
        recordset.packed(session, [(1, value)])
