"""Is a column among these thousand values? Asked with one parameter, whatever their number, on both databases.

A plain IN (?, ?, …) costs SQLAlchemy more time for each value than the database takes to look it up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Dialect, String, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

_SPECIAL = str.maketrans({"\\": "\\\\", '"': '\\"'})


def array(values: Iterable[int | str]) -> str:
    """Numbers or texts as PostgreSQL writes an array: the driver would choose a format for each value by itself."""
    return "{" + ",".join([str(v) if isinstance(v, int) else f'"{v.translate(_SPECIAL)}"' for v in values]) + "}"


class _Many(TypeDecorator[Iterable[int | str]]):
    """Many values as one text: an array, or JSON where there are none."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Iterable[int | str] | None, dialect: Dialect) -> str:
        return array(value or ()) if dialect.name == "postgresql" else json.dumps(list(value or ()))


class _Among(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: object = None) -> _Among:
        """Itself: compared with 1, as SQLAlchemy would have it on SQLite, no index would serve."""
        return self


@compiles(_Among, "sqlite")
def _in_json(element: _Among, compiler: Any, **words: Any) -> str:
    column, values = (compiler.process(one, **words) for one in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 (two compiled expressions)


@compiles(_Among, "postgresql")
def _in_array(element: _Among, compiler: Any, **words: Any) -> str:
    column, values = (compiler.process(one, **words) for one in element.clauses)
    kind = "bigint" if next(iter(element.clauses)).type.python_type is int else "text"
    return f"{column} = ANY (CAST({values} AS {kind}[]))"


def among(column: Any, name: str) -> ColumnElement[bool]:
    """`column IN (values)` for a statement that is made once: the values are its parameter of this name.

    The column must hold whole numbers or text.
    """
    return _Among(column, bindparam(name, type_=_Many()))
