"""The tables of data: notes are no rows, and a row counts from its first day to its last, both included."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from sender import dated

TABLE = "# A note\nname,valid_from,valid_to\none,2026-01-02,\n# between\ntwo,2026-01-02,2026-01-04\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A table."""
    path = tmp_path / "table.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


def test_notes_are_no_rows(file: Path) -> None:
    """Wherever they stand."""
    assert [row["name"] for row in dated.table(file)] == ["one", "two"]
    assert [dated.days(row) for row in dated.table(file)] == [
        (date(2026, 1, 2), None), (date(2026, 1, 2), date(2026, 1, 4)),
    ]  # fmt: skip


@pytest.mark.parametrize(("day", "found"), [(1, []), (2, ["one", "two"]), (4, ["one", "two"]), (5, ["one"])])
def test_both_days_are_included(file: Path, day: int, found: list[str]) -> None:
    """The last day is one on which it still counts."""
    on = date(2026, 1, day)
    assert [row["name"] for row in dated.table(file) if dated.there(row, on)] == found


def test_what_is_no_date_is_an_error() -> None:
    """A table that cannot be read must not count as empty."""
    with pytest.raises(ValueError, match="Invalid isoformat"):
        dated.days({"valid_from": "soon", "valid_to": ""})
