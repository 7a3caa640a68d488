"""Every charge of a table of texts, computed by hand; then the same total from every door that shows money.

The card is the one that comes with us, so these figures are those of the demo: US 0.0083 a segment, GB 0.0560, Canada 0.0083,
carriers' estimate 0.0045 (US) and 0.0160 (Canada) a segment, MMS 0.0220 + 0.0100, failed 0.0010 a message, pumping 0.0250.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import analytics as an
from analytics import charges, rates
from models.accounts import Account, SenderKind, SendingNumber
from models.base import Database
from models.charges import Charge
from models.messages import Direction, Kind
from tests.conftest import NOW
from tests.texts import text

CARD = "twilio-2026-05-25"
INBOUND = {"direction": Direction.INBOUND, "status": "received"}
MMS = {"kind": Kind.MMS}

# what happened → its charges by hand: (kind, quantity, unit cost, cost, confirmed), micros
TEXTS: dict[str, tuple[dict[str, Any], list[tuple[str, int, int, int, bool]]]] = {
    "US, one segment, Twilio's price not known yet": (
        {},
        [("message", 1, 8_300, 8_300, True), ("carrier_fee", 1, 4_500, 4_500, False)],
    ),
    "US, two segments, Twilio took 0.0236": (
        {"segments": 2, "twilio_segments": 2, "twilio_price_u": 23_600},
        [("message", 2, 8_300, 16_600, True), ("carrier_fee", 2, 3_500, 7_000, True)],
    ),
    "US, three segments, what carriers took does not divide by three": (
        {"segments": 3, "twilio_price_u": 36_610},
        [("message", 3, 8_300, 24_900, True), ("carrier_fee", 1, 11_710, 11_710, True)],
    ),
    "US, Twilio took exactly the base price": (
        {"twilio_price_u": 8_300},
        [("message", 1, 8_300, 8_300, True)],
    ),
    "US, one segment by our count, two by Twilio's": (
        {"segments": 1, "twilio_segments": 2},
        [("message", 2, 8_300, 16_600, True), ("carrier_fee", 2, 4_500, 9_000, False)],
    ),
    "US, sent and never heard of again": (
        {"status": "sent"},
        [("message", 1, 8_300, 8_300, True), ("carrier_fee", 1, 4_500, 4_500, False)],
    ),
    "US, two segments, undelivered: the normal price": (
        {"segments": 2, "status": "undelivered", "error_code": 30003},
        [("message", 2, 8_300, 16_600, True), ("carrier_fee", 2, 4_500, 9_000, False)],
    ),
    "US, two segments, failed 30007: one fee a message, assumed": (
        {"segments": 2, "status": "failed", "error_code": 30007},
        [("failed_message", 1, 1_000, 1_000, False)],
    ),
    "US, failed 30001: the fee, certain": (
        {"status": "failed", "error_code": 30001},
        [("failed_message", 1, 1_000, 1_000, True)],
    ),
    "US, failed and Twilio named no code: the fee, assumed": (
        {"status": "failed"},
        [("failed_message", 1, 1_000, 1_000, False)],
    ),
    "US, failed 30450 (pumping protection): exempt": ({"status": "failed", "error_code": 30450}, []),
    "US, failed 21408 (country switched off): exempt": ({"status": "failed", "error_code": 21408}, []),
    "US, refused by Twilio at the door: no SID, no charge": (
        {"status": "failed", "error_code": 21211, "sid": None},
        [],
    ),
    "opted out before it was sent": ({"status": "skipped"}, []),
    "still waiting here": ({"status": "pending"}, []),
    "still in Twilio's queue": ({"status": "queued"}, []),
    "canceled": ({"status": "canceled"}, []),
    "Canada, one segment: carriers' fee, no pumping fee": (
        {"region": "CA"},
        [("message", 1, 8_300, 8_300, True), ("carrier_fee", 1, 16_000, 16_000, False)],
    ),
    "Britain, one segment: the dearest carrier, and the pumping fee": (
        {"region": "GB"},
        [("message", 1, 56_000, 56_000, False), ("pumping_protection", 1, 25_000, 25_000, False)],
    ),
    "Britain, two segments: the pumping fee is per message": (
        {"region": "GB", "segments": 2},
        [("message", 2, 56_000, 112_000, False), ("pumping_protection", 1, 25_000, 25_000, False)],
    ),
    "Britain, blocked as pumping: nothing at all": (
        {"region": "GB", "status": "failed", "error_code": 30450},
        [],
    ),
    "Ireland, whose setting switches pumping protection off": (
        {"region": "IE"},
        [("message", 1, 77_900, 77_900, True)],
    ),
    "Namibia, whose code is NA": (
        {"region": "NA"},
        [("message", 1, 116_700, 116_700, True), ("pumping_protection", 1, 25_000, 25_000, False)],
    ),
    "US, an MMS of three segments' text: by message": (
        {**MMS, "segments": 3},
        [("message", 1, 22_000, 22_000, False), ("carrier_fee", 1, 10_000, 10_000, False)],
    ),
    "US, received on the short code": (
        {**INBOUND},
        [("message", 1, 8_300, 8_300, False)],
    ),
    "US, received on a long code, two segments": (
        {**INBOUND, "segments": 2, "sender": "long_code"},
        [("message", 2, 8_300, 16_600, False), ("carrier_fee", 2, 3_000, 6_000, False)],
    ),
}
BY_KIND = {"message": 517_400, "carrier_fee": 77_710, "failed_message": 3_000, "pumping_protection": 75_000}
TOTAL_U = 673_110
"""Added up on paper from the table above."""


@pytest.fixture
def ledger(session: Session, account: Account) -> dict[str, int]:
    """The texts of the table, posted and committed; what happened → message number."""
    account.pumping_protection = True
    for setting in account_settings(session, account):
        setting.pumping_protection = setting.region != "IE"
    long_code = SendingNumber(
        account_id=account.id, label="Long code", address="+12015550100", kind=SenderKind.LONG_CODE,
        segments_per_second=1, created_at=NOW,
    )  # fmt: skip
    session.add(long_code)
    session.flush()
    numbers = {what: text(session, account, **facts).id for what, (facts, _) in TEXTS.items()}
    rates.load(session, CARD, now=NOW, entered_by="test")
    charges.post(session, account_id=account.id, now=NOW)
    session.commit()
    return numbers


def account_settings(session: Session, account: Account) -> list[Any]:
    """The account's countries."""
    from models.countries import CountrySetting

    return list(session.scalars(select(CountrySetting).where(CountrySetting.account_id == account.id)))


def test_each_text_costs_what_a_hand_computation_says(session: Session, ledger: dict[str, int]) -> None:
    """Kind, quantity, unit cost, cost and certainty of every line of every text."""
    found: dict[str, list[Any]] = {what: [] for what in TEXTS}
    names = {number: what for what, number in ledger.items()}
    for charge in session.scalars(select(Charge).order_by(Charge.id)):
        line = (charge.kind.value, charge.quantity, charge.unit_cost_u, charge.cost_u, charge.confirmed)
        found[names[charge.message_id or 0]].append(line)
    assert found == {what: sorted(lines, key=lambda line: line[0]) for what, (_, lines) in TEXTS.items()}


def test_the_sums_on_paper_are_the_sums_of_the_table() -> None:
    """The totals written down above were not computed by the program under test."""
    sums = dict.fromkeys(BY_KIND, 0)
    for _, lines in TEXTS.values():
        for kind, quantity, unit_cost_u, cost_u, _ in lines:
            assert quantity * unit_cost_u == cost_u
            sums[kind] += cost_u
    assert sums == BY_KIND
    assert sum(BY_KIND.values()) == TOTAL_U


def test_every_door_shows_the_same_dollar(
    session: Session, database: Database, database_url: str, account: Account, ledger: dict[str, int]
) -> None:
    """Totals, usage by any key, spend, fees and pumping costs agree to the micro-dollar, from a URL and from a database."""
    dollar = Decimal(TOTAL_U).scaleb(-6)
    totals = charges.totals(session, account_id=account.id, month="2026-11")
    assert {kind.value: cost_u for kind, cost_u in totals.items()} == BY_KIND
    amounts = charges.amounts(session, account_id=account.id).values()
    assert sum(amount.price_u for amount in amounts) == TOTAL_U
    for source in (database, database_url):
        d = an.open(source)
        for by in (
            "day",
            "month",
            "account",
            "campaign",
            "country",
            "sender",
            "status",
            "error_code",
            "direction",
            "kind",
            (),
        ):
            assert an.usage(d, by=by).cost.sum() == dollar, by
        assert an.usage(d, last="1d").price.sum() == dollar
        assert an.usage(d, month="2026-10").empty
        spend = an.spend(d)
        assert dict(zip(spend.charge, spend.cost, strict=True)) == {
            kind: Decimal(amount).scaleb(-6) for kind, amount in BY_KIND.items()
        }
        assert an.failed_charges(d, month="2026-11").cost.sum() == Decimal("0.003")
        pumping = an.pumping_costs(d, month="2026-11", by="country").set_index("country")
        assert pumping.cost.to_dict() == {
            "CA": Decimal(0), "GB": Decimal("0.05"), "IE": Decimal(0), "NA": Decimal("0.025"), "US": Decimal(0),
        }  # fmt: skip
        assert pumping.blocked.to_dict() == {"CA": 0, "GB": 1, "IE": 0, "NA": 0, "US": 1}


def test_posting_twice_posts_nothing(session: Session, account: Account, ledger: dict[str, int]) -> None:
    """The second run finds every line already there, with or without a full look."""
    assert charges.post(session, account_id=account.id, now=NOW).count == 0
    assert charges.post(session, account_id=account.id, now=NOW, recheck=True).count == 0
