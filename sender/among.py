"""Is a column among these thousand values? Asked with one parameter, whatever their number, on both databases.

A plain IN (?, ?, …) costs SQLAlchemy more time for each value than the database takes to look it up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session


def among(session: Session, column: Any, values: Iterable[int] | Iterable[str]) -> ColumnElement[bool]:
    """`column IN (values)`; the column must hold whole numbers or text."""
    wanted = list(values)
    if session.get_bind().dialect.name == "postgresql":
        found: ColumnElement[bool] = column == func.any(bindparam(None, wanted, type_=ARRAY(column.type)))
        return found
    each: Select[Any] = select(literal_column("value")).select_from(func.json_each(json.dumps(wanted)))
    inside: ColumnElement[bool] = column.in_(each)
    return inside
