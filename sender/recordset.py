"""How do many rows of plain values become a table inside one statement, on both databases? As one JSON text.

An `executemany` converts and sends each value of each row by itself; one text costs a tenth of that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from sender.bulk import dialect_of

Types = Mapping[str, str]
"""Column → its type in PostgreSQL's words, in the order in which the rows have them; SQLite needs none."""


def table(dialect: str, name: str, types: Types, *, parameter: str = "rows") -> str:
    """What stands after FROM or JOIN: the packed rows of `parameter` as a table called `name`."""
    if dialect == "postgresql":
        values = ", ".join(
            f"CAST(value ->> {place} AS {kind}) AS {each}" for place, (each, kind) in enumerate(types.items())
        )
        return f"(SELECT {values} FROM json_array_elements(CAST(:{parameter} AS json))) AS {name}"  # noqa: S608
    values = ", ".join(f"json_extract(value, '$[{place}]') AS {each}" for place, each in enumerate(types))
    return f"(SELECT {values} FROM json_each(:{parameter}) WHERE true) AS {name}"  # noqa: S608


def packed(session: Session, rows: Iterable[Sequence[object]]) -> str:
    """The rows as the statement takes them. Times must be aware; a text may hold no NUL, which PostgreSQL does not keep."""
    zone = "+00:00" if dialect_of(session).name == "postgresql" else ""

    def written(value: object) -> str:
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise TypeError(f"a {type(value).__name__} cannot be packed")
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds") + zone

    return json.dumps(list(rows), default=written, ensure_ascii=False, separators=(",", ":"))
