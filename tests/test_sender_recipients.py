"""Tests of sender/recipients.py: who is on a list, slice by slice, without reading more of it than a slice."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Audience
from models.consent import Purpose
from sender import bulk
from sender import recipients as module
from sender.recipients import Recipient, Terms, recipients
from sender.templates import parse
from tests.lists import listed

PEOPLE = "Phone,Name,Amount\n" + "".join(f"212555{1000 + n},Ann {n},{n}.50\n" for n in range(10))


@pytest.fixture
def people(session: Session, account: Account, monkeypatch: pytest.MonkeyPatch) -> Audience:
    """A list of ten, of which three make a slice and six are asked for at once."""
    monkeypatch.setattr(bulk, "SLICE", 3)
    monkeypatch.setattr(module, "STRETCH", 6)
    return listed(session, account, PEOPLE)


def given(account: Account, source: str, people: Audience) -> Terms:
    """The terms of a template."""
    return Terms(account.id, Purpose.ACCOUNT, parse(source), None, frozenset(people.columns.values()), {})


def rows_of(session: Session, account: Account, people: Audience, source: str, **which: int) -> list[list[Recipient]]:
    """The slices of the list."""
    return [
        list(map(Recipient.of, rows))
        for rows in recipients(session, people.id, given(account, source, people), **which)
    ]


def test_a_list_comes_in_slices(session: Session, account: Account, people: Audience) -> None:
    """In the order of the file, from where it was left to where it shall stop."""
    slices = rows_of(session, account, people, "Hi {{ amount }}")
    assert [[row.row for row in rows] for rows in slices] == [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10]]
    [[eighth]] = rows_of(session, account, people, "Hi {{ amount }}", after=7, until=8)
    assert (eighth.phone, eighth.name, eighth.fields) == ("+12125551007", "Ann 7", ("7.50", "Ann 7"))
    assert (
        rows_of(session, account, people, "Hi", after=10)
        == rows_of(session, account, people, "Hi", after=4, until=4)
        == []
    )


def test_only_some_rows_bring_values(session: Session, account: Account, people: Audience) -> None:
    """The others are not to be rendered."""
    rows = [row for rows in rows_of(session, account, people, "Hi {{ amount }}", every=4) for row in rows]
    assert [row.row for row in rows if row.fields is not None] == [4, 8]


def test_a_stretch_reads_a_stretch(
    session: Session, account: Account, people: Audience, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both its ends are in the query, whatever the database knows of the list: else each would join all the rest."""
    asked: list[str] = []
    plainly = module.plainly

    def watched(one: Session, query: str) -> Any:
        asked.append(query)
        return plainly(one, query)

    monkeypatch.setattr(module, "plainly", watched)
    rows_of(session, account, people, "Hi", after=1)
    assert len(asked) == 2
    if session.get_bind().dialect.name == "sqlite":
        plan = " ".join(row[3] for row in session.execute(text(f"EXPLAIN QUERY PLAN {asked[0]}")))
        assert "SEARCH r USING PRIMARY KEY (audience_id=? AND row>? AND row<?)" in plan
        assert "TEMP B-TREE" not in plan
    else:
        plan = " ".join(row[0] for row in session.execute(text(f"EXPLAIN (ANALYZE, COSTS off) {asked[0]}")))
        assert "rows=6 loops=1" in plan
        assert "rows=9" not in plan
    assert session.scalar(select(Audience.rows)) == 10
