"""What kind of text is a template, and what follows from that? The kinds are dated data, `categories.csv`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from sender import dated

LIST = Path(__file__).with_name("categories.csv")
DEFAULT = "OTHER"


@dataclass(frozen=True)
class Category:
    """One row of the list; `valid_to` is its last day, None while it is in force."""

    name: str
    title: str
    help: str
    warning: str
    """What a person who chooses it has to know; "" where there is nothing."""
    bulk: bool
    """Whether a campaign may send it to a list."""
    exempt: bool
    """Whether hours and caps do not apply where an event of the person's own calls for the text."""
    source: str
    valid_from: date
    valid_to: date | None
    confirmed: bool


@cache
def rows() -> tuple[Category, ...]:
    """Every row of the list, also those that are no longer in force."""
    return tuple(map(_read, dated.table(LIST)))


def _read(row: dict[str, str]) -> Category:
    first, last = dated.days(row)
    return Category(
        row["name"], row["title"], row["help"], row["warning"], bulk=row["bulk"] == "yes", exempt=row["exempt"] == "yes",
        source=row["source"], valid_from=first, valid_to=last, confirmed=row["confirmed"] == "yes",
    )  # fmt: skip


def categories(on: date) -> dict[str, Category]:
    """Name → category, of those in force that day, in the order in which they are offered."""
    return {row.name: row for row in rows() if dated.counts(row, on)}
