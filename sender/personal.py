"""Where may a number, a name or somebody's words stand, and what becomes of them? The answers are data: `personal.csv`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sender import dated

LIST = Path(__file__).with_name("personal.csv")
ERASED = frozenset({"emptied", "hashed", "replaced", "deleted", "kept"})


@dataclass(frozen=True)
class Place:
    """Some columns of one table: what they say of a person, what becomes of that, and why it may be so."""

    table: str
    columns: tuple[str, ...]
    holds: str
    erased: str
    why: str

    @property
    def personal(self) -> bool:
        """Whether an erasure has to do with it."""
        return self.holds != "nothing"


@cache
def places() -> tuple[Place, ...]:
    """Every column that can hold text, in the order of the file."""
    return tuple(
        Place(row["table"], tuple(row["columns"].split()), row["holds"], row["erased"], row["why"])
        for row in dated.table(LIST)
    )
