"""Does trouble stay between us and the log, with a reference that joins the two?"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest
from flask import abort
from sqlalchemy import text

from admin.database import db
from models.base import Database
from tests.desk import ANNA, Desk, open_desk


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console with pages that go wrong."""
    with open_desk(database, database_url) as found:

        @found.app.get("/boom")
        def boom() -> str:
            db().execute(text("SELECT :phone FROM nowhere"), {"phone": ANNA})
            return ""

        @found.app.get("/refuse/<int:code>")
        def refuse(code: int) -> str:
            abort(code)

        yield found


def test_a_bug_is_a_sentence_and_a_reference(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """The page and the log share the reference; neither has the SQL, the number or a stack of values."""
    with caplog.at_level(logging.ERROR):
        answer = desk.visitor(owner=True).read("/boom")
    assert answer.status_code == 500
    found = re.search(r'mono">([0-9a-f]{8})<', answer.text)
    assert found
    written = "\n".join(record.getMessage() for record in caplog.records)
    assert found.group(1) in written
    assert "in boom" in written
    for leak in ("5550111", "SELECT :phone", "nowhere"):
        assert leak not in answer.text
    assert "5550111" not in written
    assert all(record.exc_info is None for record in caplog.records)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (400, "not understood"),
        (403, "may not do that"),
        (404, "nothing here"),
        (413, "too large"),
        (429, "Too many"),
        (503, "too long"),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_refusal_looks_like_the_console(desk: Desk, code: int, said: str) -> None:
    """Each code has its sentence, in our frame, under the strict policy."""
    answer = desk.stranger().read(f"/refuse/{code}")
    assert answer.status_code == code
    assert said in answer.text
    assert "console.css" in answer.text
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_machine_gets_plain_text(desk: Desk) -> None:
    """A webhook's error is a line, not a page."""
    answer = desk.stranger().read("/hooks/nothing")
    assert (answer.status_code, answer.mimetype) == (404, "text/plain")
