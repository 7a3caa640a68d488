"""What does Twilio's error code mean, in plain words? The answers are data: `error_codes.csv`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sender import dated

FILE = Path(__file__).with_name("error_codes.csv")


@dataclass(frozen=True, slots=True)
class Meaning:
    """One code: what it says, what a person can do, and whether that is certain."""

    code: int
    meaning: str
    what_to_do: str
    source: str
    confirmed: bool


@cache
def meanings() -> dict[int, Meaning]:
    """Every code that we can explain."""
    return {
        int(row["code"]): Meaning(
            int(row["code"]), row["meaning"], row["what_to_do"], row["source"], row["confirmed"] == "yes"
        )
        for row in dated.table(FILE)
    }


def explain(code: int | None) -> Meaning | None:
    """The meaning of a code; None when there is no error or we do not know it."""
    return meanings().get(code) if code else None
