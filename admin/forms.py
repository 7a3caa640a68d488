"""What do forms hold? Our fields, each of which leaves a value alone that nobody touched, and the sections they stand in.

Every form of the console is written out: Flask-Admin's guess from the columns would offer each of them, drop those of our own
types, and set an enum to its first word when an untouched form is saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from flask_admin.form import BaseForm
from wtforms import (
    DateTimeLocalField,
    Field,
    IntegerField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
    TimeField,
)
from wtforms.validators import StopValidation
from wtforms.widgets import TextInput

from admin.formatters import words
from models.money import NotMoney, micros, show

CHOOSE = "Choose one from the list."


@dataclass(frozen=True)
class Section:
    """Some fields under a title, with one sentence of help; `columns` 2 puts them side by side."""

    title: str
    help: str
    fields: tuple[str, ...]
    columns: int = 1


class ConsoleForm(BaseForm):
    """A form of the console. Without sections its fields stand in one card."""

    sections: ClassVar[tuple[Section, ...]] = ()


def strip(value: str | None) -> str | None:
    """A filter for text fields: no spaces around."""
    return value.strip() if isinstance(value, str) else value


def blank_to_none(value: str | None) -> str | None:
    """A filter for optional text fields: an empty one is NULL."""
    return (value.strip() or None) if isinstance(value, str) else value


class WordField(SelectField):
    """One word of an enum, by its value. A posted word that the enum lacks is an error, never the first choice."""

    def __init__(
        self, label: str, kind: type[StrEnum], *, options: Iterable[StrEnum] | None = None, **kwargs: Any
    ) -> None:
        offered = [SelectChoice(word.value, words(word)) for word in (options or kind)]
        kwargs.setdefault("invalid_choice_message", CHOOSE)
        kwargs.setdefault("invalid_value_message", CHOOSE)
        super().__init__(label, choices=offered, coerce=lambda value: None if value is None else kind(value), **kwargs)


class RowField(SelectField):
    """The id of a row that `rows()` offers. What it does not offer cannot be posted: another account's row is an error."""

    def __init__(
        self, label: str, rows: Callable[[], Sequence[tuple[int, str]]], *, blank: str | None = None, **kwargs: Any
    ) -> None:
        def offered() -> list[SelectChoice]:
            first = [] if blank is None else [SelectChoice("", blank)]
            return first + [SelectChoice(str(key), name) for key, name in rows()]

        kwargs.setdefault("invalid_choice_message", CHOOSE)
        kwargs.setdefault("invalid_value_message", CHOOSE)
        super().__init__(label, choices=offered, coerce=_row_id, **kwargs)


def _row_id(value: Any) -> int | None:
    if value in (None, ""):
        return None
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValueError(CHOOSE)
    return int(text)


class AwareDateTimeField(DateTimeLocalField):
    """A time in a named zone, kept as UTC to the minute. One that nobody touched keeps its seconds."""

    def __init__(self, label: str, *, zone: Callable[[], ZoneInfo], **kwargs: Any) -> None:
        self.zone = zone
        super().__init__(label, format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"], **kwargs)

    def _value(self) -> str:
        if self.raw_data:
            return " ".join(self.raw_data)
        return self.data.astimezone(self.zone()).strftime("%Y-%m-%dT%H:%M") if self.data else ""

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist or not valuelist[0].strip():
            self.data = None
            return
        before = self.object_data
        super().process_formdata(valuelist)
        if self.data is not None:
            self.data = self.data.replace(tzinfo=self.zone()).astimezone(UTC)
            if isinstance(before, datetime) and before.replace(second=0, microsecond=0) == self.data:
                self.data = before


class ClockField(TimeField):
    """A local hour and minute, or nothing."""

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist or not valuelist[0].strip():
            self.data = None
            return
        super().process_formdata([valuelist[0][:5]])


class MoneyField(Field):
    """Dollars on the page, integer micros in the row; empty is NULL."""

    widget = TextInput()

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else show(self.data).replace("$", "").replace(",", "")

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0].strip().lstrip("$").replace(",", "") if valuelist else ""
        if not text:
            self.data = None
            return
        try:
            self.data = micros(text)
        except NotMoney as problem:
            raise ValueError(str(problem)) from problem


class WholeField(IntegerField):
    """A whole number, with or without commas; empty is NULL."""

    widget = TextInput()

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0].strip().replace(",", "") if valuelist else ""
        self.data = None
        if text and not (text.isascii() and text.isdigit() and len(text) < 16):
            raise ValueError("Give a whole number.")
        if text:
            self.data = int(text)

    def pre_validate(self, form: Any) -> None:
        """What is no number is not measured against limits as well."""
        if self.process_errors:
            raise StopValidation


class AttributesField(TextAreaField):
    """A mapping, one "name = value" a line. Values that are not text stay as they were while their line does."""

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "\n".join(f"{key} = {value}" for key, value in (self.data or {}).items())

    def process_formdata(self, valuelist: list[str]) -> None:
        before = self.object_data or {}
        unchanged = {(str(key), str(value)): value for key, value in before.items()}
        found: dict[str, Any] = {}
        for number, line in enumerate((valuelist[0] if valuelist else "").splitlines(), 1):
            if not line.strip():
                continue
            name, sign, value = (part.strip() for part in line.partition("="))
            if not sign or not name:
                raise ValueError(f"Line {number} needs the form: name = value.")
            found[name] = unchanged.get((name, value), value)
        self.data = found


class EmailsField(StringField):
    """A list of addresses, comma-separated."""

    def _value(self) -> str:
        return str(self.raw_data[0]) if self.raw_data else ", ".join(self.data or [])

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = [part.strip() for part in (valuelist[0] if valuelist else "").split(",") if part.strip()]
        if any("@" not in part or " " in part for part in self.data):
            raise ValueError("Separate addresses by commas, for example anna@example.com, ben@example.com.")
