"""Does paging by row reach every row exactly once, in order, forwards and backwards, whatever token it is given?"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from models.base import Database
from models.messages import MessageStatus
from tests.conftest import NOW
from tests.desk import ANNA, Desk, Visitor, message, open_desk

ROW = re.compile(r"/messages/details/\?id=(\d+)")
LINK = re.compile(r'class="btn small" href="([^"]+)" rel="(prev|next)"')


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console with 123 texts, most of them created in the same instant."""
    with open_desk(database, database_url) as found:
        with database.transaction() as session:
            for place in range(120):
                created = NOW + timedelta(seconds=place // 50)
                message(session, found.harbor, ANNA, MessageStatus.DELIVERED, created_at=created, sid=f"SMx{place:03}")
        yield found


def shown(page: str) -> list[int]:
    """The ids of a page's rows, in order."""
    return list(dict.fromkeys(int(key) for key in ROW.findall(page)))


def links(page: str) -> dict[str, str]:
    """The addresses of the neighbouring pages."""
    return {rel: address.replace("&amp;", "&") for address, rel in LINK.findall(page)}


def walk(visitor: Visitor, path: str, rel: str) -> tuple[list[list[int]], str]:
    """Every page from `path` on in one direction, and the address of the last."""
    found = []
    while True:
        page = visitor.text(path)
        found.append(shown(page))
        if rel not in links(page):
            return found, path
        path = links(page)[rel]


def test_every_row_is_reached_once_in_both_directions(desk: Desk) -> None:
    """Three pages of 50, 50 and 23; ties are broken by id; the way back shows the same pages."""
    owner = desk.visitor(owner=True)
    forwards, last = walk(owner, "/messages/", "next")
    everything = [key for page in forwards for key in page]
    assert [len(page) for page in forwards] == [50, 50, 23]
    assert len(set(everything)) == 123
    backwards, first = walk(owner, last, "prev")
    assert backwards[-1][:23] == everything[:23]
    assert "before=" in first
    assert [key for page in reversed(backwards) for key in page][-123:] == everything


def test_the_first_page_has_no_newer_and_the_last_no_older(desk: Desk) -> None:
    """No link leads to an empty page."""
    owner = desk.visitor(owner=True)
    assert set(links(owner.text("/messages/"))) == {"next"}
    _, last = walk(owner, "/messages/", "next")
    assert set(links(owner.text(last))) == {"prev"}


def token(*parts: object) -> str:
    """A token with any content."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_malformed_token_means_the_first_page(desk: Desk) -> None:
    """Rubbish, wrong types, times without a zone or outside the calendar: page one, never an error."""
    owner = desk.visitor(owner=True)
    first = shown(owner.text("/messages/"))
    for bad in (
        "", "%%%", "AAAA", "é", token(), token(1), token(1, 2, 3), token("x", 1), token("2026-01-01T00:00:00", 1),
        token(None, None),
        token("0001-01-01T00:00:00+23:59", 1), token("2026-01-01T00:00:00+00:00", "1"), token("2026-01-01T00:00:00+00:00", 2**70),
        token("2026-01-01T00:00:00+00:00", -1), token("2026-01-01T00:00:00+00:00", 1.5), token({"a": 1}, []),
    ):  # fmt: skip
        for side in ("after", "before"):
            assert shown(owner.text("/messages/", **{side: bad})) == first, f"{side}={bad!r}"


def test_a_filter_and_a_search_keep_to_the_pages(desk: Desk) -> None:
    """Pages of a filtered list stay filtered, and the count counts what is shown."""
    owner = desk.visitor(owner=True)
    page = owner.text("/messages/", search=ANNA, flt0_status="delivered")
    assert "121 messages" in page
    assert "flt0_status=delivered" in links(page)["next"]
    assert "search=" in links(page)["next"]


def test_a_list_by_name_pages_forwards_by_name(desk: Desk) -> None:
    """Contacts go up by name; the words on the buttons fit."""
    page = desk.visitor(owner=True).text("/contacts/")
    assert page.index("Anna Berg") < page.index("Ben Cole")
