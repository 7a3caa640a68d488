"""Pricing: every status, every boundary of the fees, and sums that never differ from quantity times unit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import charges, rates
from analytics.pricing import Line, MessageFacts, price, unrated
from models.charges import ChargeKind, Unit
from models.messages import Direction, Kind, Message, MessageStatus
from tests.test_analytics_rate_files import card, changed

DAY = date(2026, 11, 20)
CARD = rates.read("twilio-2026-05-25")
TEXT = MessageFacts(MessageStatus.DELIVERED, DAY, "US", 1, sender_kind="short_code")


def costs(facts: MessageFacts) -> dict[str, int]:
    """Kind → cost, micros."""
    return {line.kind.value: line.cost_u for line in price(facts, CARD)}


@pytest.mark.parametrize("status", MessageStatus)
def test_only_what_left_or_failed_costs(status: MessageStatus) -> None:
    """Outbound: sent, delivered, undelivered and read pay the price, failed pays the fee, all other words nothing."""
    expected: dict[str, int] = {}
    if status in {MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.UNDELIVERED, MessageStatus.READ}:
        expected = {"message": 8_300, "carrier_fee": 4_500}
    elif status is MessageStatus.FAILED:
        expected = {"failed_message": 1_000}
    elif status is MessageStatus.RECEIVED:
        return
    assert costs(replace(TEXT, status=status)) == expected
    assert costs(replace(TEXT, status=status, taken=False)) == {}


@pytest.mark.parametrize(
    ("day", "fee_u"), [(date(2024, 9, 29), None), (date(2024, 9, 30), 1_000), (date(2024, 10, 1), 1_000)]
)
def test_the_failed_fee_began_on_a_day(day: date, fee_u: int | None) -> None:
    """Nothing before 2024-09-30, Twilio's first day of the fee."""
    facts = replace(TEXT, status=MessageStatus.FAILED, day=day, error_code=30007)
    assert costs(facts).get("failed_message") == fee_u
    assert not unrated(facts, CARD)


@pytest.mark.parametrize("segments", [1, 2, 10])
def test_the_failed_fee_is_per_message(segments: int) -> None:
    """However many segments it has."""
    assert costs(replace(TEXT, status=MessageStatus.FAILED, segments=segments)) == {"failed_message": 1_000}


@pytest.mark.parametrize(
    ("code", "fee_u", "confirmed", "note"),
    [
        (30001, 1_000, True, ""),
        (30410, 1_000, True, ""),
        (30007, 1_000, False, "error code 30007 is in neither list, the fee is assumed"),
        (99999, 1_000, False, "error code 99999 is in neither list, the fee is assumed"),
        (None, 1_000, False, "error code missing is in neither list, the fee is assumed"),
        *[(code, None, None, None) for code in CARD.exemptions],
    ],
)
def test_a_code_is_charged_exempt_or_assumed(
    code: int | None, fee_u: int | None, confirmed: bool | None, note: str | None
) -> None:
    """Each exempt code is free, a known one is certain, an unknown one is charged and says that this is assumed."""
    lines = price(replace(TEXT, status=MessageStatus.FAILED, error_code=code), CARD)
    assert [(line.cost_u, line.confirmed, line.note) for line in lines] == (
        [] if fee_u is None else [(fee_u, confirmed, note)]
    )


@pytest.mark.parametrize(
    ("region", "pumping", "kind", "direction", "fee_u"),
    [
        ("GB", True, Kind.SMS, Direction.OUTBOUND, 25_000),
        ("GB", False, Kind.SMS, Direction.OUTBOUND, None),
        ("US", True, Kind.SMS, Direction.OUTBOUND, None),
        ("CA", True, Kind.SMS, Direction.OUTBOUND, None),
        ("PR", True, Kind.SMS, Direction.OUTBOUND, 25_000),
        ("US", True, Kind.MMS, Direction.OUTBOUND, None),
        ("GB", True, Kind.SMS, Direction.INBOUND, None),
    ],
)
@pytest.mark.parametrize("segments", [1, 3])
def test_pumping_protection_is_per_message_and_abroad(
    region: str, pumping: bool, kind: Kind, direction: Direction, fee_u: int | None, segments: int
) -> None:
    """Per outbound SMS outside the US and Canada where it is on, never per segment."""
    status = MessageStatus.RECEIVED if direction is Direction.INBOUND else MessageStatus.DELIVERED
    facts = MessageFacts(status, DAY, region, segments, pumping=pumping, kind=kind, direction=direction)
    assert costs(facts).get("pumping_protection") == fee_u


@pytest.mark.parametrize(
    ("price_u", "segments", "fee"),
    [
        (None, 2, (2, Unit.SEGMENT, 4_500, 9_000, False)),
        (16_599, 2, None),
        (16_600, 2, None),
        (16_602, 2, (2, Unit.SEGMENT, 1, 2, True)),
        (16_601, 2, (1, Unit.MESSAGE, 1, 1, True)),
        (23_600, 2, (2, Unit.SEGMENT, 3_500, 7_000, True)),
        (-23_600, 2, (2, Unit.SEGMENT, 3_500, 7_000, True)),
        (0, 1, None),
    ],
)
def test_the_carriers_fee_is_what_twilio_s_price_leaves(
    price_u: int | None, segments: int, fee: tuple[int, Unit, int, int, bool] | None
) -> None:
    """Estimated while the price is unknown, then derived; never negative; per segment where it divides evenly."""
    lines = price(replace(TEXT, segments=segments, twilio_price_u=price_u), CARD)
    found = [line for line in lines if line.kind is ChargeKind.CARRIER_FEE]
    shown = [(f.quantity, f.unit, f.unit_cost_u, f.cost_u, f.confirmed) for f in found]
    assert shown == ([] if fee is None else [fee])
    assert all(("derived" in line.note) == (price_u is not None) for line in found)


def test_a_message_without_a_rate_says_so() -> None:
    """Before the card begins, or in a country without a price: no line for it, and `unrated` is true."""
    for facts in (replace(TEXT, day=date(2026, 5, 24)), replace(TEXT, region="KP")):
        assert costs(facts).get("message") is None
        assert unrated(facts, CARD)
    assert not unrated(TEXT, CARD)
    assert not unrated(replace(TEXT, region="KP", status=MessageStatus.QUEUED), CARD)


def test_a_margin_is_the_account_s_price(tmp_path: Path) -> None:
    """Cost follows Twilio, price follows the card: a derived carrier fee is passed along only where the card does so."""
    fee = {"kind": "carrier_fee", "cost_usd": "0.0045"}
    marked = rates.read(card(tmp_path, changed(price_usd="0.02"), changed(**fee, price_usd="0.005")))
    known = replace(TEXT, segments=3, twilio_price_u=36_610)
    assert [(line.cost_u, line.price_u) for line in price(known, marked)] == [(24_900, 60_000), (11_710, 15_000)]
    along = rates.read(card(tmp_path, changed(price_usd="0.02"), changed(**fee)))
    assert [(line.cost_u, line.price_u) for line in price(known, along)] == [(24_900, 60_000), (11_710, 11_710)]


def test_facts_of_a_row() -> None:
    """Twilio's count of segments wins once known; the day is that on which Twilio took it, else that of creation."""
    made, taken = datetime(2026, 10, 31, 23, 50, tzinfo=UTC), datetime(2026, 11, 1, 0, 5, tzinfo=UTC)
    row = Message(
        status=MessageStatus.SENT, created_at=made, sent_at=taken, region="US", segments=1, twilio_segments=2, sid="SM1",
        direction=Direction.OUTBOUND, kind=Kind.SMS, error_code=None, twilio_price_u=None,
    )  # fmt: skip
    facts = MessageFacts.of(row, sender_kind="toll_free", pumping=True)
    assert (facts.day, facts.segments, facts.taken, facts.sender_kind) == (date(2026, 11, 1), 2, True, "toll_free")
    row.sent_at = row.twilio_segments = row.sid = None
    facts = MessageFacts.of(row)
    assert (facts.day, facts.segments, facts.taken) == (date(2026, 10, 31), 1, False)


FACTS = st.builds(
    MessageFacts,
    status=st.sampled_from(MessageStatus),
    day=st.dates(date(2024, 1, 1), date(2027, 12, 31)),
    region=st.sampled_from(["US", "CA", "GB", "NA", "KP"]),
    segments=st.integers(0, 20),
    taken=st.booleans(),
    direction=st.sampled_from(Direction),
    kind=st.sampled_from(Kind),
    sender_kind=st.sampled_from(["*", "short_code", "toll_free"]),
    error_code=st.sampled_from([None, 30001, 30007, 30450]),
    twilio_price_u=st.one_of(st.none(), st.integers(-1_000_000, 1_000_000)),
    pumping=st.booleans(),
)


@settings(deadline=None, max_examples=300)
@given(FACTS)
def test_a_line_is_always_quantity_times_unit(facts: MessageFacts) -> None:
    """For any message at all: whole numbers, one line a kind, nothing negative, nothing for nothing, the same every time."""
    lines = price(facts, CARD)
    assert lines == price(facts, CARD)
    assert len({line.kind for line in lines}) == len(lines)
    for line in lines:
        assert isinstance(line, Line)
        assert line.quantity * line.unit_cost_u == line.cost_u >= 0
        assert line.quantity * line.unit_price_u == line.price_u
        assert line.cost_u or line.price_u
    assert not (facts.status is MessageStatus.FAILED and {line.kind for line in lines} - {ChargeKind.FAILED_MESSAGE})


def test_charges_offers_the_same_function() -> None:
    """`analytics.charges.price` is this function."""
    assert charges.price is price
