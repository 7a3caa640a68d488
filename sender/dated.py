"""How are the tables of data beside our modules read, and which of their rows count on a day?

A table is CSV with notes: lines that start with #. Laws, words, limits and fees have a first day and, once they are over, a
last one.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Protocol


class Dated(Protocol):
    """A row with its days; `valid_to` is the last one, None while it is in force."""

    @property
    def valid_from(self) -> date: ...
    @property
    def valid_to(self) -> date | None: ...


def table(path: Path) -> Iterator[dict[str, str]]:
    """Every row of a table, those included that are not in force any more."""
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(line for line in file if not line.startswith("#"))


def days(row: Mapping[str, str]) -> tuple[date, date | None]:
    """The first and the last day of a row, from its columns valid_from and valid_to. Raises ValueError for what is no date."""
    return date.fromisoformat(row["valid_from"]), date.fromisoformat(row["valid_to"]) if row["valid_to"] else None


def counts(row: Dated, on: date) -> bool:
    """Whether a row is in force on a day."""
    return row.valid_from <= on and (row.valid_to is None or on <= row.valid_to)


def there(row: Mapping[str, str], on: date) -> bool:
    """The same of a row as it was read."""
    first, last = days(row)
    return first <= on and (last is None or on <= last)
