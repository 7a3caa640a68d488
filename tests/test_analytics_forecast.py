"""Forecast: its upper bound is exactly what pricing every message would give; the interval is ordered and names its gaps."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import rates
from analytics.forecast import forecast
from analytics.pricing import MessageFacts, price
from models.messages import Kind, MessageStatus
from tests.test_analytics_rate_files import card, changed

DAY = date(2026, 11, 20)
CARD = rates.read("twilio-2026-05-25")


def test_a_forecast_by_hand() -> None:
    """4,000 US texts of 6,000 segments and 1,000 British ones of 1,000: base, carriers' estimate, pumping protection."""
    made = forecast({"US": (4_000, 6_000), "GB": (1_000, 1_000)}, "short_code", CARD, day=DAY, pumping_on=True)
    us_u, gb_u = 6_000 * (8_300 + 4_500), 1_000 * (56_000 + 25_000)
    assert made.high_u == us_u + gb_u == 157_800_000
    assert made.expected_u == us_u * 3_920 // 4_000 + 80 * 1_000 + gb_u * 980 // 1_000 + 20 * 1_000
    assert made.low_u == us_u * 3_600 // 4_000 + 400 * 1_000 + gb_u * 900 // 1_000 + 100 * 1_000
    assert [(region, line.kind.value, line.quantity, line.cost_u) for region, line in made.lines] == [
        ("GB", "message", 1_000, 56_000_000),
        ("GB", "pumping_protection", 1_000, 25_000_000),
        ("US", "message", 6_000, 49_800_000),
        ("US", "carrier_fee", 6_000, 27_000_000),
    ]
    assert not made.confirmed
    assert made.unrated == ()


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(
        st.sampled_from(["US", "CA", "GB", "NA", "KP"]),
        st.lists(st.integers(1, 6), min_size=1, max_size=40),
        max_size=5,
    ),
    st.booleans(),
    st.sampled_from(["short_code", "toll_free"]),
)
def test_the_upper_bound_is_the_price_of_every_message(
    by_region: dict[str, list[int]], pumping: bool, sender_kind: str
) -> None:
    """The same to the micro-dollar as pricing message by message, for any spread of segments."""
    each_u = sum(
        line.cost_u
        for region, sizes in by_region.items()
        for segments in sizes
        for line in price(
            MessageFacts(MessageStatus.DELIVERED, DAY, region, segments, sender_kind=sender_kind, pumping=pumping), CARD
        )
    )
    counts = {region: (len(sizes), sum(sizes)) for region, sizes in by_region.items()}
    made = forecast(counts, sender_kind, CARD, day=DAY, pumping_on=pumping)
    assert made.high_u == each_u
    assert made.unrated == (("KP",) if "KP" in by_region else ())
    nobody = forecast(counts, sender_kind, CARD, day=DAY, pumping_on=pumping, failed_per_thousand=(0, 0, 0))
    assert nobody.low_u == nobody.expected_u == nobody.high_u == each_u


def test_more_failures_cost_less_and_the_interval_is_ordered() -> None:
    """Failing is cheaper than arriving, so the interval runs from many failures to none."""
    made = forecast({"US": (1_000, 1_000)}, "short_code", CARD, day=DAY, pumping_on=False)
    assert made.low_u < made.expected_u < made.high_u
    worse = forecast(
        {"US": (1_000, 1_000)}, "short_code", CARD, day=DAY, pumping_on=False, failed_per_thousand=(0, 0, 1_000)
    )
    assert worse.low_u == 1_000 * 1_000


def test_nothing_to_send_costs_nothing() -> None:
    """No countries, or a country without messages."""
    for nothing in ({}, {"US": (0, 0)}):
        made = forecast(nothing, "short_code", CARD, day=DAY, pumping_on=True)
        assert (made.low_u, made.expected_u, made.high_u) == (0, 0, 0)


def test_an_mms_is_forecast_by_message(tmp_path: Path) -> None:
    """Its segments do not matter; a certain card makes a certain forecast."""
    sure = rates.read(card(tmp_path, changed(message_kind="mms", unit="message", cost_usd="0.022")))
    made = forecast({"US": (10, 30)}, "short_code", sure, day=DAY, pumping_on=True, kind=Kind.MMS)
    assert made.high_u == 220_000
    assert made.confirmed
