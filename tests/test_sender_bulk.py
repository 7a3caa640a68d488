"""Tests of sender/bulk.py: many rows at once, the same on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Base
from models.campaigns import Exclusion, Reason
from sender.bulk import Shared, literals, write
from tests.conftest import NOW
from tests.lists import campaign_to, listed, run_of

EXCLUSIONS = Base.metadata.tables["exclusion"]
CONTACTS = Base.metadata.tables["contact"]


def test_shared_values_arrive_as_they_were(session: Session, account: Account) -> None:
    """Numbers, words and times written into the statement are read back equal; times as UTC."""
    eastern = datetime(2026, 11, 20, 10, 0, 0, 123456, tzinfo=timezone(timedelta(hours=-5)))
    columns = ("phone", "phone_raw", "region", "line_type", "time_zones", "name", "attributes")
    rows = [(f"+1212555010{n}", "%s :x ' \t\\N \n", "US", "mobile", "", "O'Neil 100%", "{}") for n in range(2)]
    shared: Shared = {"account_id": account.id, "created_at": eastern, "updated_at": eastern}
    write(session, CONTACTS, columns, rows, shared=shared)
    found = session.execute(
        select(CONTACTS.c.account_id, CONTACTS.c.created_at, CONTACTS.c.name, CONTACTS.c.phone_raw)
    ).all()
    moment = datetime(2026, 11, 20, 15, 0, 0, 123456, tzinfo=UTC)
    assert [tuple(row) for row in found] == [(account.id, moment, "O'Neil 100%", "%s :x ' \t\\N \n")] * 2


def test_a_row_that_is_there_stays(session: Session, account: Account) -> None:
    """By its natural key; the others are added."""
    run = run_of(session, campaign_to(session, account, listed(session, account, "Phone\n2125550101\n")))
    for reason, rows in [(Reason.LANDLINE, range(1, 3)), (Reason.PREMIUM, range(2, 5))]:
        values = [(row, None, "") for row in rows]
        write(session, EXCLUSIONS, ("row", "contact_id", "detail"), values, shared={"run_id": run.id, "reason": reason})
    write(session, EXCLUSIONS, ("row",), [])
    assert session.scalar(select(func.count()).select_from(Exclusion)) == 4
    assert session.get_one(Exclusion, (run.id, 2)).reason is Reason.LANDLINE


def test_any_text_arrives_as_it_is(session: Session, account: Account) -> None:
    """Beside one that is missing, too, and among rows that have nothing of the kind."""
    texts = ["plain", "None", "\\N", "a\tb", "a\nb", "a\rb", "back\\slash", "%s", "é 😀", "", None, "'quoted\""]
    columns = ("phone", "phone_raw", "region", "line_type", "time_zones", "name", "attributes", "external_id")
    shared: Shared = {"account_id": account.id, "created_at": NOW, "updated_at": NOW}
    for start in range(len(texts)):
        session.execute(delete(CONTACTS))
        some = texts[start : start + 2]
        rows = [(f"+1212555{n:04}", "", "US", "mobile", "", "", "{}", text) for n, text in enumerate(some)]
        write(session, CONTACTS, columns, rows, shared=shared)
        assert list(session.scalars(select(CONTACTS.c.external_id).order_by(CONTACTS.c.phone))) == some


def test_text_is_never_part_of_a_statement(session: Session) -> None:
    """What somebody typed cannot be shared, and a time without a zone is refused as everywhere."""
    with pytest.raises(TypeError, match="name is text"):
        literals(session, CONTACTS, {"name": "x'; drop table contact"})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="without a zone"):
        literals(session, CONTACTS, {"created_at": datetime(2026, 11, 20)})
