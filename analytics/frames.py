"""How do rows become a tidy frame? Counts stay int64, money becomes exact Arrow decimals, days become Arrow dates.

An amount of micros becomes `decimal128(20, 6)` by laying out Arrow's own sixteen bytes per value (the low word is the
int64, the high word its sign), so no arithmetic happens and nothing can round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True)
class Field:
    """One column of a frame: its name and what it holds, `text`, `count`, `id`, `money`, `date`, `time`, `flag` or `share`."""

    name: str
    holds: str


def decimals(values: Sequence[int | None]) -> pa.Array:
    """Micros as an Arrow array of `decimal128(20, 6)` US dollars; None stays null. Integers only, up to 64 bits."""
    import numpy as np
    import pyarrow as pa

    if any(isinstance(value, float) for value in values):
        raise TypeError("Micros are whole numbers; a float reached a column of money.")
    words = np.zeros((len(values), 2), dtype="<i8")
    words[:, 0] = [0 if value is None else value for value in values]
    words[:, 1] = words[:, 0] >> 63
    nulls = pa.array([None if value is None else True for value in values], type=pa.bool_())
    validity = nulls.buffers()[0]
    return pa.Array.from_buffers(
        pa.decimal128(20, 6), len(values), [validity, pa.py_buffer(words.tobytes())], null_count=nulls.null_count
    )


def tidy(fields: Sequence[Field], rows: Iterable[Sequence[Any]], *, attrs: Mapping[str, Any]) -> pd.DataFrame:
    """Rows as a frame with one typed column per field, in the order given; `attrs` says where it came from."""
    import pandas as pd

    table = list(zip(*rows, strict=True)) or [()] * len(fields)
    frame = pd.DataFrame({field.name: _column(field, values) for field, values in zip(fields, table, strict=True)})
    frame.attrs.update(attrs)
    return frame


def _column(field: Field, values: Sequence[Any]) -> pd.Series[Any]:
    import pandas as pd
    import pyarrow as pa

    if field.holds == "money":
        return pd.Series(pd.arrays.ArrowExtensionArray(decimals(values)))
    if field.holds == "id":
        return pd.Series(pd.arrays.ArrowExtensionArray(pa.array(values, type=pa.int64())))
    if field.holds == "date":
        return pd.Series(pd.arrays.ArrowExtensionArray(pa.array(values, type=pa.date32())))
    if field.holds == "time":
        return pd.Series(pd.arrays.ArrowExtensionArray(pa.array(values, type=pa.timestamp("us", tz="UTC"))))
    return pd.Series(
        list(values), dtype={"count": "int64", "flag": "bool", "share": "float64", "text": "str"}[field.holds]
    )
