"""Tests of sender/rows.py: what one row of a list becomes, the same as one at a time would make of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.numbering import Line
from models.phones import LineType, PhoneProblem, ProblemCode, problem
from sender.rows import CONTACT, LONGEST, UNKNOWN_ZONE, Reader

LINE = Line("US", LineType.FIXED_LINE_OR_MOBILE, ("America/Chicago", "America/New_York"), ())
COLUMNS = ["Phone", "Skipped", "Name", "City", "Member", "Zone", "Dues"]
FIELDS = {
    "Phone": "phone",
    "Name": "name",
    "City": "city",
    "Member": "external_id",
    "Zone": "time_zone",
    "Dues": "dues",
}


def test_a_person_of_a_row() -> None:
    """Each value in its column; blanks are no values, and what only templates use is kept as JSON."""
    reader = Reader(COLUMNS, FIELDS, default_region="US")
    row = ["212 555 0101", "no", "Ann Lee", 'Köln "am" Rhein\n', "M1", "us/eastern", ""]
    [attributes] = reader.attributes([row])
    person = dict(zip(CONTACT, reader.contact(row, ("+12125550101", LINE), attributes), strict=True))
    assert json.loads(person.pop("attributes")) == {"city": 'Köln "am" Rhein\n'}
    assert person == {
        "phone": "+12125550101", "phone_raw": "212 555 0101", "region": "US", "line_type": "fixed_line_or_mobile",
        "time_zones": "America/Chicago,America/New_York", "time_zone": "US/Eastern", "name": "Ann Lee", "external_id": "M1",
    }  # fmt: skip
    assert reader.remark(row) == ""
    assert reader.remark([*row[:5], "Mars", ""]) == UNKNOWN_ZONE


@pytest.mark.parametrize(
    ("columns", "row", "name"),
    [
        (["Phone", "first_name", "last_name"], ["1", "Ann", "Lee"], "Ann Lee"),
        (["Phone", "first_name", "last_name"], ["1", "", "Lee"], "Lee"),
        (["Phone", "first_name"], ["1", "Ann"], "Ann"),
        (["Phone", "name", "first_name"], ["1", "", "Ann"], "Ann"),
        (["Phone", "name", "first_name"], ["1", "A. Lee", "Ann"], "A. Lee"),
        (["Phone", "name"], ["1", "x" * 300], "x" * LONGEST),
        (["Phone"], ["1"], ""),
    ],
)
def test_a_name_is_the_column_or_its_parts(columns: list[str], row: list[str], name: str) -> None:
    """Without a name of its own a row is called by what its parts make."""
    fields = {column: column.lower() for column in columns}
    reader = Reader(columns, fields, default_region="US")
    person = reader.contact(row, ("+12125550101", LINE), reader.attributes([row])[0])
    assert person[CONTACT.index("name")] == name


@given(st.lists(st.lists(st.text(max_size=6), min_size=7, max_size=7), min_size=1, max_size=5))
def test_fields_are_every_value_but_the_phone(rows: list[list[str]]) -> None:
    """As JSON: exactly the mapped columns that are not blank; a row that is refused keeps its number as well."""
    reader = Reader(COLUMNS, FIELDS, default_region="US")
    for row, fields in zip(rows, reader.fields(rows, reader.attributes(rows)), strict=True):
        values = {
            FIELDS[column]: value for column, value in zip(COLUMNS, row, strict=True) if column in FIELDS and value
        }
        phone = values.pop("phone", None)
        assert json.loads(fields) == values
        kept, reason, detail = reader.refused(row, fields, problem(ProblemCode.LETTERS))
        assert json.loads(kept) == values | ({"phone": phone} if phone else {})
        assert (reason, detail) == ("invalid_number", problem(ProblemCode.LETTERS).sentence)


def test_numbers_are_read_by_the_default_region() -> None:
    """A number and its line, or the problem."""
    one, none = Reader(["Phone"], {"Phone": "phone"}, default_region="GB").numbers([["020 7234 3456"], ["x"]])
    assert isinstance(one, tuple)
    assert (one[0], one[1].region) == ("+442072343456", "GB")
    assert isinstance(none, PhoneProblem)
