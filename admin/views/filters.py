"""Which rows does a list show? Filters that live in the address, refuse words they do not know, and read as chips."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, cast

from flask_admin.contrib.sqla.filters import BaseSQLAFilter

from admin.formatters import words, zone


class Filter(BaseSQLAFilter):
    """One filter of a list. `arg` names it in the address; `control` is how it is drawn: select, date or text."""

    control = "text"

    def __init__(self, column: Any, label: str, *, arg: str = "", right: str = "") -> None:
        super().__init__(column, label)
        self.arg = arg or column.key
        self.right = right

    def operation(self) -> str:
        return ""

    def choices(self) -> Mapping[str, str]:
        """Value → word, for a select."""
        return {}

    def say(self, value: str) -> str:
        """The value as its chip says it."""
        return value


class Chosen(Filter):
    """The column equals one of some values: an enum, or `options()` asked at each request."""

    control = "select"

    def __init__(
        self,
        column: Any,
        label: str,
        options: type[StrEnum] | Iterable[StrEnum] | Callable[[], Mapping[str, str]],
        *,
        arg: str = "",
        right: str = "",
    ) -> None:
        super().__init__(column, label, arg=arg, right=right)
        self.asked: Callable[[], Mapping[str, str]] | None = None
        self.fixed: dict[str, str] = {}
        self.kind: Callable[[str], Any] = str
        if callable(options) and not isinstance(options, type):
            self.asked = options
        else:
            members = list(cast("Iterable[StrEnum]", options))
            self.fixed = {member.value: words(member) for member in members}
            self.kind = type(members[0])

    def choices(self) -> Mapping[str, str]:
        return self.asked() if self.asked else self.fixed

    def clean(self, value: str) -> Any:
        if value not in self.choices():
            raise ValueError(value)
        return self.kind(value)

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        return query.filter(self.column == value)

    def say(self, value: str) -> str:
        return self.choices().get(value, value)


class Yes(Filter):
    """A column that is true or false."""

    control = "select"

    def choices(self) -> Mapping[str, str]:
        return {"yes": "Yes", "no": "No"}

    def clean(self, value: str) -> bool:
        if value not in ("yes", "no"):
            raise ValueError(value)
        return value == "yes"

    def apply(self, query: Any, value: bool, alias: Any = None) -> Any:
        return query.filter(self.column.is_(value))

    def say(self, value: str) -> str:
        return value.capitalize()


class Since(Filter):
    """On or after a day of the account's zone."""

    control = "date"

    def clean(self, value: str) -> datetime:
        day = date.fromisoformat(value)
        if not 1970 <= day.year <= 2200:
            raise ValueError(value)
        return datetime.combine(day, time(), tzinfo=zone())

    def apply(self, query: Any, value: datetime, alias: Any = None) -> Any:
        return query.filter(self.column >= value)


class Until(Since):
    """On or before a day of the account's zone."""

    def apply(self, query: Any, value: datetime, alias: Any = None) -> Any:
        return query.filter(self.column < value + timedelta(days=1))


class Exactly(Filter):
    """The column equals a whole number, such as an error code or the id of a run.

    `implied` is a clause that is true of every such row and that an index serves, for a column without one of its own.
    """

    def __init__(self, column: Any, label: str, *, arg: str = "", right: str = "", implied: Any = None) -> None:
        super().__init__(column, label, arg=arg, right=right)
        self.implied = implied

    def clean(self, value: str) -> int:
        if not (value.isascii() and value.isdigit() and len(value) < 16):
            raise ValueError(value)
        return int(value)

    def apply(self, query: Any, value: int, alias: Any = None) -> Any:
        query = query.filter(self.column == value)
        return query if self.implied is None else query.filter(self.implied)
