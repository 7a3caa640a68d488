"""Does a form keep what nobody touched, and refuse what nobody offered?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import inspect, select
from werkzeug.datastructures import MultiDict

from admin.forms import (
    AttributesField,
    AwareDateTimeField,
    ClockField,
    ConsoleForm,
    EmailsField,
    MoneyField,
    RowField,
    WordField,
    blank_to_none,
    strip,
)
from models.base import Database
from models.consent import Purpose
from models.contacts import Contact
from models.countries import CountrySetting
from models.users import AuditEntry, RoleName
from tests.desk import Desk, open_desk

NEW_YORK = ZoneInfo("America/New_York")


class Everything(ConsoleForm):
    """One field of each kind."""

    purpose = WordField("Purpose", Purpose)
    sender = RowField("Sender", lambda: [(7, "Seven"), (8, "Eight")], blank="None")
    starts = AwareDateTimeField("Starts", zone=lambda: NEW_YORK)
    opens = ClockField("Opens")
    budget = MoneyField("Budget")
    fields = AttributesField("Fields")
    emails = EmailsField("Addresses")


class Row:
    """What a form fills."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


def posted(row: Row, **changes: str) -> Everything:
    """The form as a browser sends it back: its own values, with some changed."""
    shown = Everything(obj=row)
    texts = {
        "purpose": str(shown.purpose.data or ""), "sender": str(shown.sender.data or ""), "starts": shown.starts._value(),
        "opens": shown.opens._value(), "budget": shown.budget._value(), "fields": shown.fields._value(),
        "emails": shown.emails._value(),
    }  # fmt: skip
    return Everything(MultiDict({**texts, **changes}), obj=row)


FULL: dict[str, Any] = {
    "purpose": Purpose.MARKETING, "sender": 8, "starts": datetime(2026, 11, 20, 15, 4, 33, 123456, tzinfo=UTC),
    "opens": time(8, 30), "budget": 1_234_567_891, "fields": {"amount": 12.5, "paid": True, "note": "x = y"},
    "emails": ["a@example.com", "b@example.com"],
}  # fmt: skip
EMPTY: dict[str, Any] = {
    "purpose": Purpose.ALL, "sender": None, "starts": None, "opens": None, "budget": None, "fields": {}, "emails": [],
}  # fmt: skip


@pytest.mark.parametrize("values", [FULL, EMPTY], ids=["full", "empty"])
def test_an_untouched_form_changes_nothing(values: dict[str, Any]) -> None:
    """Every kind of field gives back exactly what it showed: seconds, types and nothings included."""
    row = Row(**values)
    form = posted(row)
    assert form.validate(), form.errors
    form.populate_obj(row)
    assert vars(row) == values
    assert [type(value) for value in vars(row).values()] == [type(value) for value in values.values()]


@pytest.mark.parametrize(
    ("field", "typed", "kept"),
    [
        ("purpose", "account", Purpose.ACCOUNT),
        ("sender", "7", 7),
        ("sender", "", None),
        ("starts", "2026-11-21T09:00", datetime(2026, 11, 21, 14, 0, tzinfo=UTC)),
        ("starts", "2026-07-01T09:00", datetime(2026, 7, 1, 13, 0, tzinfo=UTC)),
        ("starts", "", None),
        ("opens", "21:05", time(21, 5)),
        ("opens", "", None),
        ("budget", "10", 10_000_000),
        ("budget", "$1,000.50", 1_000_500_000),
        ("budget", "", None),
        ("fields", "amount = 12.5\nnew = 1\n\n", {"amount": 12.5, "new": "1"}),
        ("emails", "c@example.com", ["c@example.com"]),
        ("emails", "", []),
    ],
)
def test_a_changed_field_is_kept_as_its_column_wants_it(field: str, typed: str, kept: Any) -> None:
    """Words become enums, local times UTC, dollars micros, lines a mapping."""
    row = Row(**FULL)
    form = posted(row, **{field: typed})
    assert form.validate(), form.errors
    form.populate_obj(row)
    assert getattr(row, field) == kept


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("purpose", "everything"), ("purpose", ""), ("purpose", "ALL"), ("sender", "9"), ("sender", "x"), ("sender", "7 or 1=1"),
        ("sender", "٧"), ("starts", "tomorrow"), ("starts", "2026-13-01T00:00"), ("opens", "25:00"), ("budget", "ten"),
        ("budget", "1e400"),
        ("budget", "0.0000001"), ("budget", "NaN"), ("fields", "no sign"), ("fields", "= nothing"), ("emails", "not an address"),
    ],
)  # fmt: skip
def test_what_no_field_offers_is_an_error(field: str, typed: str) -> None:
    """A bogus value never becomes the first choice, and never an exception."""
    form = posted(Row(**FULL), **{field: typed})
    assert not form.validate()
    assert list(form.errors) == [field]


def test_money_is_never_a_float() -> None:
    """A budget of 0.1 + 0.2 dollars is exactly 0.30."""
    assert posted(Row(**FULL), budget="0.3").budget.data == int(Decimal("0.3") * 10**6)


@pytest.mark.parametrize(("text", "kept"), [(" a ", "a"), ("", None), ("  ", None), (None, None)])
def test_blank_text_is_nothing(text: str | None, kept: str | None) -> None:
    """Optional texts are NULL when empty; required ones only lose their spaces."""
    assert blank_to_none(text) == kept
    assert strip(" a ") == "a"
    assert strip(None) is None


@pytest.mark.parametrize(("page", "model"), [("contacts", Contact), ("countries", CountrySetting)])
def test_saving_an_untouched_page_changes_nothing(desk: Desk, page: str, model: Any) -> None:
    """Open the edit page, send its own fields back: not one column differs, and the audit log stays as it was."""
    admin, key = desk.visitor(RoleName.ADMIN), desk.ids(desk.harbor)[page]
    fields = form_values(admin.text(f"/{page}/edit/", id=key))
    before, entries = columns(desk, model, key)
    assert admin.send(f"/{page}/edit/", fields, id=key).status_code == 302
    assert columns(desk, model, key) == (before, entries)


def columns(desk: Desk, model: Any, key: int) -> tuple[dict[str, Any], int]:
    """Every column of a row, and how many audit entries there are."""
    with desk.database.reading() as session:
        row = session.get_one(model, key)
        values = {column.key: getattr(row, column.key) for column in inspect(model).column_attrs}
        return values, len(session.scalars(select(AuditEntry)).all())


def form_values(page: str) -> dict[str, str]:
    """What a browser would send for the first form with a save bar, read from its HTML."""
    from html.parser import HTMLParser

    class Reader(HTMLParser):
        """Collects the values of inputs, selects and text areas."""

        def __init__(self) -> None:
            super().__init__()
            self.values: dict[str, str] = {}
            self.inside, self.select, self.area = False, "", ""

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found = dict(attrs)
            name = found.get("name") or ""
            self.inside = self.inside or (tag == "form" and "data-guard" in found)
            if not self.inside or tag not in ("input", "select", "option", "textarea"):
                return
            if tag == "input" and (found.get("type") != "checkbox" or "checked" in found):
                self.values[name] = found.get("value") or ""
            elif tag == "select":
                self.select = name
            elif tag == "option" and ("selected" in found or self.select not in self.values):
                self.values[self.select] = found.get("value") or ""
            elif tag == "textarea":
                self.area = name
                self.values[name] = ""

        def handle_data(self, data: str) -> None:
            if self.area:
                self.values[self.area] += data

        def handle_endtag(self, tag: str) -> None:
            self.area = "" if tag == "textarea" else self.area
            self.inside = self.inside and tag != "form"

    reader = Reader()
    reader.feed(page)
    return {name: value.removeprefix("\r\n") for name, value in reader.values.items() if name and name != "csrf_token"}
