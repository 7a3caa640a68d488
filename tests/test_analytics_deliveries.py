"""Deliveries: every column is described, can be selected on both databases, and is what it says."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Float, Integer, Numeric
from sqlalchemy.orm import Session

import analytics as an
from analytics.deliveries import CHARGES, COLUMNS, COUNTED, DIMENSIONS, MESSAGES, View
from models.accounts import Account
from models.messages import MessageStatus
from models.rollups import fact
from tests.texts import text


def test_every_column_is_described() -> None:
    """Name, type, unit and a sentence; a notebook can show it."""
    table = an.describe()
    assert list(table.columns) == ["name", "type", "unit", "meaning"]
    assert table.name.tolist() == list(COLUMNS)
    assert all(meaning.endswith(".") or "…" in meaning for meaning in table.meaning)
    assert {name for names in DIMENSIONS.values() for name in names} <= set(COLUMNS)


@pytest.mark.parametrize(("view", "rows"), [(MESSAGES, 1), (CHARGES, 0)], ids=["messages", "charges"])
def test_every_column_can_be_selected(session: Session, account: Account, view: View, rows: int) -> None:
    """All at once, each alone, and the values are plain: no enum, no float."""
    text(session, account, twilio_price_u=12_800)
    found = session.execute(view.select(view.columns)).all()
    assert len(found) == rows
    for row in found:
        assert {type(value).__name__ for value in row} <= {"int", "str", "date", "datetime", "NoneType"}
    for name in view.columns:
        assert len(session.execute(view.select([name])).all()) == rows


@pytest.mark.parametrize("view", [MESSAGES, CHARGES], ids=["messages", "charges"])
def test_only_the_needed_tables_are_joined(view: View) -> None:
    """A day needs no join, a template needs three or four tables, a campaign two."""
    assert " JOIN " not in str(view.select(["day", "account_id", "region"]))
    assert str(view.select(["template"])).count(" JOIN ") == 3 + (view is CHARGES)
    assert str(view.select(["campaign"])).count(" JOIN ") == 2
    assert str(view.select(["day"], joining=["campaign_id"])).count(" JOIN ") == 1


def test_no_column_of_money_is_a_float() -> None:
    """Every column whose name ends in _u is an integer in the statement itself."""
    for view in (MESSAGES, CHARGES):
        for column in view.select(view.columns).selected_columns:
            assert not isinstance(column.type, Float | Numeric), column
            if column.name.endswith("_u"):
                assert isinstance(column.type, Integer)


@pytest.mark.parametrize("status", MessageStatus)
def test_what_counts_here_counts_in_the_daily_facts(
    session: Session, account: Account, status: MessageStatus, now: datetime
) -> None:
    """A message is a delivery exactly when it has a fact."""
    message = text(session, account, status=status.value)
    found: Any = session.execute(MESSAGES.select(["message_id"])).all()
    assert bool(found) is (fact(message) is not None) is (status.value in COUNTED)
