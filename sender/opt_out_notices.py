"""Does a wording say how to stop, and if it does not, is that added? The notices and the policies are dated data.

What is added becomes part of the wording before it is counted, so that the count is what is billed, and it is never added twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path

from models.accounts import Profile
from models.consent import Purpose
from sender import dated
from sender.rule_table import book

LIST = Path(__file__).with_name("opt_out_notices.csv")


@dataclass(frozen=True)
class NoticeRow:
    """A notice's wording in a language, or the policy for a profile and a purpose. `valid_to` is its last day."""

    kind: str
    language: str
    profile: str
    purpose: str
    value: str
    source: str
    valid_from: date
    valid_to: date | None
    confirmed: bool


@cache
def rows() -> tuple[NoticeRow, ...]:
    """Every row of the list, in its order."""
    return tuple(
        NoticeRow(
            row["kind"], row["language"], row["profile"], row["purpose"], row["value"], row["source"], *dated.days(row),
            row["confirmed"] == "yes",
        )
        for row in dated.table(LIST)
    )  # fmt: skip


def _of(kind: str, on: date) -> list[NoticeRow]:
    return [row for row in rows() if row.kind == kind and dated.counts(row, on)]


def wording(language: str, on: date) -> str:
    """How to stop, in a language; in English where we have no wording in it. "" before there was any."""
    found = {row.language: row.value for row in reversed(_of("wording", on))}
    return found.get(language, found.get("en", ""))


class Policy(StrEnum):
    """Who decides whether the editor adds the notice."""

    REQUIRED = "required"
    EXPECTED = "expected"
    OFFERED = "offered"


def policy(profile: Profile, purpose: Purpose, on: date) -> Policy:
    """`required`: it is added wherever a text lacks it; `expected`: unless a person says no; `offered`: where one asks for it."""
    fits = (
        row for row in _of("policy", on) if row.profile in {"", profile.value} and row.purpose in {"", purpose.value}
    )
    return next((Policy(row.value) for row in fits), Policy.OFFERED)


def present(source: str, on: date) -> bool:
    """Whether a wording says how to stop, in any language that we know."""
    return book(on).has("opt_out_notice", source)


def complete(source: str, language: str, on: date) -> str:
    """The wording with the notice at its end, unless it has one."""
    notice = wording(language, on)
    if not notice or present(source, on):
        return source
    body = source.rstrip()
    return f"{body}{' ' if body else ''}{notice}"
