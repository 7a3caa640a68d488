"""SQL that means the same on every engine: the UTC day and month of a time, and a sum that stays a 64-bit integer.

SQLite keeps times as text, so a day is the first ten characters; PostgreSQL (and DuckDB, later) cast. PostgreSQL adds big
integers up to `numeric`, which readers then turn into floats or strings, hence the cast around every sum.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Date
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction


class xday(GenericFunction[Any]):  # noqa: N801  (spelled as it is called in SQL)
    """The UTC day of a timestamp."""

    type = Date()
    inherit_cache = True


class xmonth(GenericFunction[Any]):  # noqa: N801
    """The first day of the UTC month of a timestamp or day."""

    type = Date()
    inherit_cache = True


class xsum(GenericFunction[Any]):  # noqa: N801
    """The sum of integers, as a 64-bit integer; null over no rows."""

    type = BigInteger()
    inherit_cache = True


@compiles(xday, "sqlite")
def _day_of_text(element: Any, compiler: Any, **options: Any) -> str:
    return f"substr({compiler.process(element.clauses, **options)}, 1, 10)"


@compiles(xday)
def _day(element: Any, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS DATE)"


@compiles(xmonth, "sqlite")
def _month_of_text(element: Any, compiler: Any, **options: Any) -> str:
    return f"(substr({compiler.process(element.clauses, **options)}, 1, 7) || '-01')"


@compiles(xmonth)
def _month(element: Any, compiler: Any, **options: Any) -> str:
    return f"CAST(date_trunc('month', {compiler.process(element.clauses, **options)}) AS DATE)"


@compiles(xsum, "sqlite")
def _sum_of_integers(element: Any, compiler: Any, **options: Any) -> str:
    return f"sum({compiler.process(element.clauses, **options)})"


@compiles(xsum)
def _sum(element: Any, compiler: Any, **options: Any) -> str:
    return f"CAST(sum({compiler.process(element.clauses, **options)}) AS BIGINT)"
