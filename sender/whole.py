"""How are a thousand rows read beside a busy event loop? In one step: SQLite's driver gives the interpreter up for each row.

Every row would wait for its turn, up to 5 ms, behind the loop that posts. As one JSON text they come at once. PostgreSQL's
driver has a whole answer before it makes the first row of it.
"""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session


class Whole:
    """A query of numbers, words, texts and times: made once, asked often. On SQLite its rows come in no order."""

    def __init__(self, query: Select[Any]) -> None:
        columns = query.subquery().c
        self._query = query
        self._packed = select(func.json_group_array(func.json_array(*columns)))
        self._kinds = [column.type for column in columns]
        self._row = _row_of(columns.keys())

    def rows(self, session: Session, given: Mapping[str, object]) -> Sequence[Any]:
        """All rows, each with the columns as attributes."""
        dialect = session.get_bind().dialect
        if dialect.name != "sqlite":
            return session.execute(self._query, given).all()
        packed = json.loads(session.scalar(self._packed, given) or "[]")
        for place, kind in enumerate(self._kinds):
            read = kind.dialect_impl(dialect).result_processor(dialect, None)
            if read is not None:
                for row in packed:
                    row[place] = read(row[place])
        return [self._row._make(row) for row in packed]


def _row_of(names: Iterable[str]) -> Any:
    return namedtuple("Row", list(names))
