"""Frames: money arrives as exact decimals, counts as int64, days as dates, and a float is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.frames import Field, decimals, tidy
from models.money import dollars

INT64 = st.integers(-(2**63), 2**63 - 1)


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), INT64.filter(lambda n: abs(n) < 2**63))))
def test_micros_become_the_same_dollars(values: list[int | None]) -> None:
    """Any 64-bit micros, negative ones and nulls included, arrive as the Decimal that the money module says."""
    assert decimals(values).to_pylist() == [None if value is None else dollars(value) for value in values]


@pytest.mark.parametrize("values", [[0.1], [1, 2.0], [None, float("nan")]])
def test_a_float_never_becomes_money(values: list[int | None]) -> None:
    """One float among the micros stops the frame."""
    with pytest.raises(TypeError, match="float"):
        decimals(values)


def test_sums_of_a_frame_are_exact() -> None:
    """A thousand times 98765432.12345, which floats get wrong in the sixth digit."""
    frame = tidy([Field("cost", "money")], [[98_765_432_123_450]] * 1000, attrs={})
    assert frame.cost.sum() == Decimal("98765432123.450000")


def test_every_kind_of_column_has_its_type_with_rows_and_without() -> None:
    """An empty frame has the same types as a full one, so nothing downstream has to look."""
    fields = [Field(kind, kind) for kind in ("text", "count", "id", "money", "date", "time", "flag", "share")]
    row = ["a", 1, None, 5, date(2026, 11, 1), datetime(2026, 11, 1, tzinfo=UTC), 1, 0.5]
    types = {
        "text": "str", "count": "int64", "id": "int64[pyarrow]", "money": "decimal128(20, 6)[pyarrow]",
        "date": "date32[day][pyarrow]", "time": "timestamp[us, tz=UTC][pyarrow]", "flag": "bool", "share": "float64",
    }  # fmt: skip
    for rows in ([row], []):
        frame = tidy(fields, rows, attrs={"zone": "UTC"})
        assert {name: str(kind) for name, kind in frame.dtypes.items()} == types
        assert frame.attrs == {"zone": "UTC"}
        assert len(frame) == len(rows)
