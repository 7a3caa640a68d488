"""May an address carry anything at all without breaking the list?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from models.base import Database
from models.users import RoleName
from tests.desk import Desk, open_desk

WEIRD = (
    {"page": "-5"}, {"page": "9" * 20}, {"page": "x"}, {"page_size": "100000"}, {"sort": "99"}, {"sort": "-1"},
    {"sort": "0", "desc": "7"},
    {"search": "%"}, {"search": "'; drop table contact; --"}, {"search": "x" * 5000}, {"search": "\x00"}, {"search": "+"},
    {"flt0_status": "nope"}, {"flt0_": "x"}, {"flt": "x"}, {"flt9_state": "draft"}, {"flt0_since": "0000-00-00"},
    {"flt0_since": "9999-12-31"}, {"flt0_until": "9999-12-31"}, {"flt2_error_code": "1" * 40}, {"flt2_error_code": "-1"},
    {"after": "zzz"}, {"before": "W10"}, {"after": "W251bGwsMV0"}, {"endpoint": "x"}, {"_external": "1"}, {"_anchor": "x"},
    {"_method": "DELETE"}, {"_scheme": "javascript"}, {"view_args": "1"}, {"contact": "abc"}, {"contact": "9" * 30},
    {"show": "<b>"},
)  # fmt: skip


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


def test_a_list_answers_whatever_its_address_says(desk: Desk) -> None:
    """Odd pages, sorts, searches, filters, tokens and foreign names are clamped, ignored or said to be unknown."""
    owner = desk.visitor(owner=True)
    for page in ("contacts", "messages", "unsubscribes", "countries", "users", "audit"):
        for query in WEIRD:
            answer = owner.read(f"/{page}/", **query)
            assert answer.status_code == 200, f"/{page}/ {query}: {answer.status}"
            assert "javascript:" not in answer.text


def test_an_unknown_value_of_a_filter_is_said_and_left_out(desk: Desk) -> None:
    """A bogus status shows every row and a sentence, never a wrong result."""
    page = desk.visitor(owner=True).text("/messages/", flt0_status="nope")
    assert "has no such value" in page
    assert "3 messages" in page


def test_a_filter_is_a_chip_that_can_be_taken_off(desk: Desk) -> None:
    """The chip says the word that the badge says, and its cross leads to the list without it."""
    page = desk.visitor(owner=True).text("/messages/", flt0_status="failed", flt1_direction="outbound")
    assert "Status: Failed" in page
    assert "1 message<" in page
    assert 'aria-label="Remove the filter Status"' in page
    assert "flt0_direction=outbound" in page


def test_a_search_is_kept_beside_a_filter(desk: Desk) -> None:
    """Both narrow the list, and no match says what to do next."""
    page = desk.visitor(owner=True).text("/contacts/", search="Zora", flt0_region="US")
    assert "No match" in page
    assert "Clear all" in page


def test_numbered_pages_have_no_page_beyond_the_last(desk: Desk) -> None:
    """A page number past the end is an empty page with a way back."""
    page = desk.visitor(owner=True).text("/countries/", page="4")
    assert "No match" in page


def test_a_hidden_column_cannot_be_sorted_by(desk: Desk) -> None:
    """A role without costs sees no price column, in list, details or download, whatever it asks for."""
    agent = desk.visitor(RoleName.AGENT)
    assert "Twilio&#39;s price" not in agent.text("/messages/", sort="6")
    assert "Twilio&#39;s price" not in agent.text("/messages/details/", id=desk.ids(desk.harbor)["messages"])
    assert "Twilio&#39;s price" in desk.visitor(RoleName.ADMIN).text("/messages/")
