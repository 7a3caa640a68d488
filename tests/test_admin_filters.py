"""Does a filter take only what it knows, and say what it means?"""

from __future__ import annotations

from typing import Any

import pytest

from admin.views.filters import Chosen, Exactly, Filter, Yes
from models.messages import Message, MessageStatus
from models.users import User

STATUS = Chosen(Message.status, "Status", MessageStatus)
PLACE = Chosen(Message.region, "Country", lambda: {"US": "United States"})
ACTIVE = Yes(User.active, "Active")
CODE = Exactly(Message.error_code, "Error code")


@pytest.mark.parametrize(
    ("flt", "value", "cleaned", "said"),
    [
        (STATUS, "in_doubt", MessageStatus.IN_DOUBT, "In doubt"), (PLACE, "US", "US", "United States"),
        (ACTIVE, "yes", True, "Yes"),
        (ACTIVE, "no", False, "No"), (CODE, "30003", 30003, "30003"),
    ],
)  # fmt: skip
def test_a_known_value_is_typed_and_worded(flt: Filter, value: str, cleaned: Any, said: str) -> None:
    """The query gets the column's type, the chip gets words."""
    assert flt.validate(value)
    assert flt.clean(value) == cleaned
    assert flt.say(value) == said


@pytest.mark.parametrize(
    ("flt", "value"),
    [
        (STATUS, "IN_DOUBT"),
        (STATUS, "x"),
        (PLACE, "GB"),
        (ACTIVE, "1"),
        (CODE, "-1"),
        (CODE, "1e3"),
        (CODE, "٣"),
        (CODE, "1" * 16),
    ],
)
def test_an_unknown_value_is_not_valid(flt: Filter, value: str) -> None:
    """The list then leaves the filter out and says so."""
    assert not flt.validate(value)
