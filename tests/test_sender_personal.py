"""Does the list of places say of every column what an erasure does to it?"""

from __future__ import annotations

from collections import Counter

from sqlalchemy import JSON, Enum, String

import models.schema
from sender.personal import ERASED, places


def test_every_column_that_can_hold_text_is_listed_once() -> None:
    """So that whoever adds one has to say whether a number, a name or words may stand in it, and what becomes of them."""
    there = Counter(
        (table.name, column.name)
        for table in models.schema.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, String | JSON) and not isinstance(column.type, Enum)
    )
    listed = Counter((place.table, column) for place in places() for column in place.columns)
    assert listed == there, "say in sender/personal.csv what an erasure does to these columns"


def test_what_is_personal_goes() -> None:
    """Whatever says something of a person is erased in a way that we know, or says why it may stay."""
    assert {place.erased for place in places()} <= ERASED
    assert all(place.why for place in places() if place.personal and place.erased == "kept")
    assert {place.table for place in places() if place.personal} == {
        "contact", "message", "callback", "conversation", "note", "audience_row", "event", "consent_event", "audit_entry",
        "contact_flag", "opt_in_request",
    }  # fmt: skip
