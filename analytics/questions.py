"""What was asked? Checks `by=`, the period and the filters of a metric, and answers a wrong one with a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypedDict

from sqlalchemy import ColumnElement, String, select, type_coerce

from analytics.deliveries import DIMENSIONS, Column
from analytics.sources import Deliveries
from models.accounts import Account

Day = str | date


class Unanswerable(ValueError):
    """The question cannot be asked like this; the text is one sentence that says how."""


class Scope(TypedDict, total=False):
    """Which deliveries a metric looks at. Days are UTC, `since` is included and `until` is not."""

    month: Day
    """A month, "2026-10"; instead of since, until and last."""
    since: Day
    until: Day
    last: str
    """The last days up to now, today included: "30d"."""
    now: datetime
    """What `last` counts back from; without it the source's own `now`, else its newest message."""
    account: int | str
    """Number or slug."""
    campaign: int
    run: int
    direction: str


@dataclass(frozen=True)
class Question:
    """A checked question: the columns to group by and the rows to look at."""

    by: tuple[str, ...]
    since: date | None
    until: date | None
    equal: tuple[tuple[str, int | str], ...]
    as_of: datetime | None

    def where(self, columns: Mapping[str, Column]) -> list[ColumnElement[bool]]:
        """The conditions over these columns."""
        day = columns["day"].expression
        conditions: list[ColumnElement[bool]] = [
            columns["campaign_id"].expression == value for value in self._equal("campaign_id")
        ]
        for name in ("account_id", "run_id"):
            conditions += [columns[name].expression == value for value in self._equal(name)]
        conditions += [type_coerce(columns["direction"].expression, String()) == v for v in self._equal("direction")]
        if self.since is not None:
            conditions.append(day >= self.since)
        if self.until is not None:
            conditions.append(day < self.until)
        return conditions

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that the filters read: their joins are needed."""
        return tuple(name for name, _ in self.equal)

    def _equal(self, name: str) -> list[int | str]:
        return [value for key, value in self.equal if key == name]


def ask(
    deliveries: Deliveries, by: str | Iterable[str], scope: Scope, *, allowed: Iterable[str] = DIMENSIONS
) -> Question:
    """Check a question against the source. Raises Unanswerable with one sentence for anything that cannot be answered."""
    names = (by,) if isinstance(by, str) else tuple(by)
    choices = list(allowed)
    for name in names:
        if name not in choices:
            raise Unanswerable(f"by={name!r} is not a column to group by; choose from {', '.join(choices)}.")
    if len(set(names)) != len(names):
        raise Unanswerable("by= names a column twice.")
    unknown = set(scope) - set(Scope.__annotations__)
    if unknown:
        raise Unanswerable(f"There is no filter {min(unknown)}=; choose from {', '.join(Scope.__annotations__)}.")
    as_of = scope.get("now") or deliveries.as_of()
    since, until = period(scope, as_of)
    equal: list[tuple[str, int | str]] = []
    if (account := scope.get("account")) is not None:
        equal.append(("account_id", _account_id(deliveries, account)))
    equal += [(f"{name}_id", int(str(scope[name]))) for name in ("campaign", "run") if name in scope]
    if (direction := scope.get("direction")) is not None:
        if direction not in ("outbound", "inbound"):
            raise Unanswerable("direction= is outbound or inbound.")
        equal.append(("direction", direction))
    return Question(names, since, until, tuple(equal), as_of)


def period(scope: Scope, as_of: datetime | None) -> tuple[date | None, date | None]:
    """The first day and the day after the last; None where it is open. One way of saying it at a time."""
    said = [name for name in ("month", "last") if scope.get(name) is not None]
    if len(said) + int(scope.get("since") is not None or scope.get("until") is not None) > 1:
        raise Unanswerable("Give either month=, or last=, or since= and until=, not two of them.")
    if (month := scope.get("month")) is not None:
        return month_days(month)
    if (last := scope.get("last")) is not None:
        return _last(last, as_of)
    since, until = (None if value is None else _day(value) for value in (scope.get("since"), scope.get("until")))
    if since is not None and until is not None and until <= since:
        raise Unanswerable("until= is the day after the last one, so it must be later than since=.")
    return since, until


def month_days(month: Day) -> tuple[date, date]:
    """The first day of a month ("2026-10" or any of its days) and the first day of the next."""
    if isinstance(month, str) and not re.fullmatch(r"\d{4}-\d{2}", month):
        raise Unanswerable('month= is written "2026-10".')
    first = _day(f"{month}-01" if isinstance(month, str) else month).replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


def _last(last: str, as_of: datetime | None) -> tuple[date | None, date | None]:
    if not re.fullmatch(r"[1-9]\d{0,3}d", last):
        raise Unanswerable('last= is a number of days, written "30d".')
    if as_of is None:
        return None, None
    end = as_of.date() + timedelta(days=1)
    return end - timedelta(days=int(last[:-1])), end


def _day(value: Day) -> date:
    if isinstance(value, datetime):
        raise Unanswerable("A day is meant here: pass a date or text such as 2026-10-31, not a time.")
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Unanswerable("A day is written 2026-10-31.") from None


def _account_id(deliveries: Deliveries, account: int | str) -> int:
    if isinstance(account, int):
        return account
    with deliveries.reading() as connection:
        found = connection.scalar(select(Account.id).where(Account.slug == account))
    if found is None:
        raise Unanswerable(f"There is no account {account!r}.")
    return int(found)
