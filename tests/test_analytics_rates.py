"""Rates: loaded once, never edited, and the most specific one of the day wins."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from analytics import rates
from analytics.rate_files import house_cards
from models.accounts import Account
from models.charges import ChargeKind, FeeRule, Rate
from tests.conftest import NOW
from tests.test_analytics_rate_files import card, changed

DAY = date(2026, 11, 20)


def test_a_card_is_loaded_once(session: Session) -> None:
    """The second time gives the same card and adds nothing, not even to the exempt codes."""
    first = rates.load(session, now=NOW, entered_by="test")
    counts = [session.scalar(select(func.count()).select_from(table)) for table in (Rate, FeeRule)]
    assert rates.load(session, house_cards()[-1], now=NOW, entered_by="test").id == first.id
    assert [session.scalar(select(func.count()).select_from(table)) for table in (Rate, FeeRule)] == counts
    assert counts[1] == 20
    assert rates.load_exempt_codes(session) == 0


def test_a_card_in_use_is_never_edited(session: Session, tmp_path: Path) -> None:
    """Another file under the same name is refused, and nothing of it is kept."""
    rates.load(session, card(tmp_path, changed()), now=NOW, entered_by="test")
    with pytest.raises(rates.RateProblem, match="A card named mine is in use and never edited"):
        rates.load(session, card(tmp_path, changed(cost_usd="0.01")), now=NOW, entered_by="test")
    assert session.scalars(select(Rate.cost_u)).all() == [8_300]


def test_a_faulty_card_leaves_nothing_behind(session: Session, tmp_path: Path) -> None:
    """Neither the card nor one of its good lines; checking tells the same faults without a database."""
    path = card(tmp_path, changed(), changed(region="UK"))
    with pytest.raises(rates.RateProblem, match="line 5"):
        rates.load(session, path, now=NOW, entered_by="test")
    assert [fault.line for fault in rates.check(path)] == [5]
    assert session.scalar(select(func.count()).select_from(Rate)) == 0


def test_an_empty_price_passes_the_cost_along(session: Session, tmp_path: Path) -> None:
    """And a written one, even zero, is what the account pays."""
    path = card(tmp_path, changed(), changed(region="CA", price_usd="0.02"), changed(region="GB", price_usd="0"))
    rates.load(session, path, now=NOW, entered_by="test")
    assert session.execute(select(Rate.region, Rate.cost_u, Rate.price_u).order_by(Rate.region)).all() == [
        ("CA", 8_300, 20_000), ("GB", 8_300, 0), ("US", 8_300, 8_300),
    ]  # fmt: skip


def test_the_most_specific_rate_wins(tmp_path: Path) -> None:
    """Country before kind of message, before kind of sender, before carrier; nothing fitting is None, not zero."""
    ladder = [
        {"region": "*", "message_kind": "*", "cost_usd": "0.01"},
        {"region": "*", "cost_usd": "0.02"},
        {"region": "*", "sender_kind": "short_code", "carrier": "A", "cost_usd": "0.03"},
        {"message_kind": "*", "cost_usd": "0.04"},
        {"cost_usd": "0.05"},
        {"carrier": "A", "cost_usd": "0.06"},
        {"sender_kind": "short_code", "cost_usd": "0.07"},
    ]
    found = rates.read(card(tmp_path, *[changed(**cells) for cells in ladder]))

    def cost(region: str, **other: str) -> int | None:
        tariff = found.rate(ChargeKind.MESSAGE, day=DAY, region=region, **other)
        return None if tariff is None else tariff.cost_u

    assert cost("GB", message_kind="mms") == 10_000
    assert cost("GB") == 20_000
    assert cost("GB", sender_kind="short_code", carrier="A") == 30_000
    assert cost("US", message_kind="mms") == 40_000
    assert cost("US") == 50_000
    assert cost("US", carrier="A") == 60_000
    assert cost("US", sender_kind="short_code", carrier="A") == 70_000
    assert cost("US", direction="inbound") is None
    assert found.rate("carrier_fee", day=DAY, region="US") is None


@pytest.mark.parametrize(
    ("day", "cost_u"),
    [
        (date(2026, 5, 24), None),
        (date(2026, 5, 25), 8_300),
        (date(2026, 6, 30), 8_300),
        (date(2026, 7, 1), 9_000),
        (date(2036, 7, 1), 9_000),
    ],
)
def test_a_rate_holds_from_a_day_until_before_another(tmp_path: Path, day: date, cost_u: int | None) -> None:
    """The day before the first, the first, the last, the first of the next, ten years on."""
    found = rates.read(
        card(tmp_path, changed(valid_to="2026-07-01"), changed(valid_from="2026-07-01", cost_usd="0.009"))
    )
    tariff = found.rate("message", day=day, region="US")
    assert (None if tariff is None else tariff.cost_u) == cost_u


@pytest.mark.parametrize(("day", "exempt"), [(date(2024, 9, 29), False), (date(2024, 9, 30), True)])
def test_an_exemption_holds_from_its_day(day: date, exempt: bool) -> None:
    """A code is exempt from the day on its row; an unknown code and no code never are."""
    found = rates.read()
    assert (found.exemption(30450, day=day) is not None) is exempt
    assert found.exemption(30007, day=day) is None
    assert found.exemption(None, day=day) is None


def test_an_account_may_have_its_own_card(session: Session, account: Account, tmp_path: Path) -> None:
    """Its own newest wins over a newer one of the house; without any card there is a sentence."""
    with pytest.raises(rates.RateProblem, match="No rate card is loaded"):
        rates.card_for(session, account.id)
    own = rates.load(
        session, card(tmp_path, changed(price_usd="0.03")), now=NOW, entered_by="test", account_id=account.id
    )
    house = rates.load(session, now=NOW, entered_by="test")
    assert rates.card_for(session, account.id).name == own.name == "mine"
    assert rates.card_for(session, account.id + 1).name == house.name
    loaded, filed = rates.card(session, house.id), rates.read()
    assert loaded.exemptions == filed.exemptions
    assert loaded.tariffs.keys() == filed.tariffs.keys()
