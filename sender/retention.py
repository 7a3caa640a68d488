"""What is older than an account keeps it, and how does that go, a part at a time?

An account may say after how many days the words and the number of a text go; without a period everything stays. What can still be
sent or settled stays until it is. Evidence of a yes or a no is kept longer, by the dated periods of `retention.csv`: the longest of
them counts for everybody, from the last thing that the number's owner said.

Each part is one transaction. Whatever line a process dies at, the next one goes on: what is done is not found again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Database
from sender import blanks, dated, stale

LIST = Path(__file__).with_name("retention.csv")
PART = 2_000
"""Rows of one transaction."""


@dataclass(frozen=True)
class Period:
    """How long evidence is kept, by one source; `valid_to` is its last day, None while it is in force."""

    what: str
    years: int
    counted_from: str
    source: str
    valid_from: date
    valid_to: date | None
    confirmed: bool


@cache
def periods() -> tuple[Period, ...]:
    """Every row of the list."""
    return tuple(
        Period(
            row["what"],
            int(row["years"]),
            row["counted_from"],
            row["source"],
            *dated.days(row),
            row["confirmed"] == "yes",
        )
        for row in dated.table(LIST)
    )


def evidence_until(now: datetime) -> datetime:
    """Evidence of which nothing was said since this time may go: the longest period in force, before now."""
    on = now.date()
    years = [one.years for one in periods() if dated.counts(one, on)]
    if not years:
        raise ValueError("No period for evidence of consent is in force: add one to retention.csv.")
    return now - timedelta(days=366 * max(years))


def cutoff(account: Account, now: datetime) -> datetime | None:
    """What is older than this goes; None where everything is kept."""
    return None if account.retention_days is None else now - timedelta(days=account.retention_days)


def due(session: Session, account_id: int, *, days: int | None, now: datetime) -> int:
    """How many texts would lose their words and number now, if the period were so many days."""
    if days is None:
        return 0
    old = stale.old_texts(account_id, now - timedelta(days=days))
    return session.scalar(select(func.count()).where(*old)) or 0


Told = Callable[[Session, str, Sequence[int]], None]
"""Hears of each part, inside its transaction: the kind of row and their ids."""


def retain(database: Database, account_id: int, *, now: datetime, told: Told, limit: int = PART) -> Counter[str]:
    """Let go what is past the account's period; how many of each kind. Commits part by part."""
    counted: Counter[str] = Counter()
    for kind, step in stale.KINDS.items():
        after, going = None, True
        while going:
            with database.transaction() as session:
                before = cutoff(session.get_one(Account, account_id), now)
                if before is None:  # somebody changed their mind meanwhile
                    return counted
                blanks.overwriting(session)
                ids, after = step(session, stale.Scope(account_id, before, evidence_until(now), now, limit), after)  # type: ignore[operator]
                if ids:
                    told(session, kind, ids)
            counted[kind] += len(ids)
            going = after is not None
    return counted
