"""Is every error code that we may meet explained, with a source?"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from admin.error_codes import FILE, explain, meanings

ROOT = Path(__file__).parents[1]


def test_every_code_says_what_it_means_and_what_to_do() -> None:
    """No blank cell, no code twice, no sentence that ends twice."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert len({row["code"] for row in rows}) == len(rows) == len(meanings())
    for row in rows:
        assert all(row.values()), row
        assert row["confirmed"] in ("yes", "no")
        assert not row["meaning"].endswith("."), row
        assert not row["what_to_do"].endswith("."), row


@pytest.mark.parametrize("code", [21610, 30003, 30005, 30006, 30007, 30032, 30410, 30450, 21408])
def test_the_codes_of_daily_life_are_explained(code: int) -> None:
    """Those that the simulator plays and that people ask about."""
    found = explain(code)
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize("code", [None, 0, 99999])
def test_an_unknown_code_has_no_invented_meaning(code: int | None) -> None:
    """None, and the page says that it does not know."""
    assert explain(code) is None
