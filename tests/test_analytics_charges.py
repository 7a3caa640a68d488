"""Charges: posted once, corrected by reversal, summed exactly; history does not move."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from analytics import charges, rates
from models.accounts import Account
from models.charges import Charge, ChargeKind, Statement, StatementState
from models.messages import Message, MessageStatus
from tests.conftest import NOW, seed_account
from tests.seeds import sending_run
from tests.test_analytics_rate_files import card, changed
from tests.texts import text

LATER = NOW + timedelta(hours=1)
MUCH_LATER = NOW + timedelta(days=2)


@pytest.fixture
def ledger(session: Session, account: Account) -> Account:
    """The account, with our card loaded."""
    rates.load(session, now=NOW, entered_by="test")
    return account


def lines(session: Session, message: Message) -> list[tuple[str, int, int, int]]:
    """(kind, revision, quantity, cost) of a message's charges, in the order of posting."""
    found = session.scalars(select(Charge).where(Charge.message_id == message.id).order_by(Charge.id))
    return [(c.kind.value, c.revision, c.quantity, c.cost_u) for c in found]


def change(message: Message, **values: Any) -> None:
    """What a callback or Twilio's price does to a row."""
    for name, value in values.items():
        setattr(message, name, value)
    message.updated_at = LATER


def test_an_estimate_is_reversed_when_twilio_s_price_comes(session: Session, ledger: Account) -> None:
    """The carrier's fee: posted, reversed with the same figures, posted anew; the base price is not touched."""
    message = text(session, ledger)
    assert charges.post(session, account_id=ledger.id, now=NOW).count == 2
    change(message, twilio_price_u=11_800)
    posted = charges.post(session, account_id=ledger.id, now=MUCH_LATER)
    assert (posted.count, posted.reversals) == (2, 1)
    assert lines(session, message) == [
        ("carrier_fee", 1, 1, 4_500), ("message", 1, 1, 8_300), ("carrier_fee", 2, -1, -4_500), ("carrier_fee", 3, 1, 3_500),
    ]  # fmt: skip
    reversal, anew = session.scalars(select(Charge).order_by(Charge.id.desc()).limit(2)).all()[::-1]
    first = session.scalars(select(Charge).where(Charge.revision == 1, Charge.kind == ChargeKind.CARRIER_FEE)).one()
    assert (reversal.reverses_id, anew.reverses_id) == (first.id, None)
    assert (reversal.unit_cost_u, reversal.price_u, reversal.rate_id) == (4_500, -4_500, first.rate_id)
    assert (reversal.day, reversal.confirmed, anew.confirmed) == (first.day, False, True)
    assert charges.totals(session, account_id=ledger.id) == {ChargeKind.CARRIER_FEE: 3_500, ChargeKind.MESSAGE: 8_300}
    assert charges.post(session, account_id=ledger.id, now=MUCH_LATER).count == 0


def test_a_late_failure_takes_the_price_back(session: Session, ledger: Account) -> None:
    """Sent and charged, then failed: everything is reversed and the fee posted; then delivered after all: the way back."""
    message = text(session, ledger, status="sent")
    charges.post(session, account_id=ledger.id, now=NOW)
    change(message, status=MessageStatus.FAILED, error_code=30001)
    charges.post(session, account_id=ledger.id, now=MUCH_LATER)
    assert charges.totals(session, account_id=ledger.id) == {
        ChargeKind.CARRIER_FEE: 0, ChargeKind.FAILED_MESSAGE: 1_000, ChargeKind.MESSAGE: 0,
    }  # fmt: skip
    change(message, status=MessageStatus.DELIVERED, error_code=None)
    charges.post(session, account_id=ledger.id, now=MUCH_LATER, recheck=True)
    assert charges.totals(session, account_id=ledger.id) == {
        ChargeKind.CARRIER_FEE: 4_500, ChargeKind.FAILED_MESSAGE: 0, ChargeKind.MESSAGE: 8_300,
    }  # fmt: skip
    assert ("message", 3, 1, 8_300) in lines(session, message)
    assert charges.post(session, account_id=ledger.id, now=MUCH_LATER, recheck=True).count == 0


@pytest.mark.parametrize("status", ["queued", "pending", "skipped", "canceled"])
def test_nothing_is_posted_while_the_outcome_is_open(session: Session, ledger: Account, status: str) -> None:
    """Waiting here, waiting there, left out, called back."""
    text(session, ledger, status=status)
    assert charges.post(session, account_id=ledger.id, now=NOW, recheck=True).count == 0


def test_a_new_card_does_not_move_history(session: Session, ledger: Account, tmp_path: Path) -> None:
    """A text charged by the old card is corrected by the old card; a new text is charged by the new one."""
    old = text(session, ledger)
    charges.post(session, account_id=ledger.id, now=NOW)
    rates.load(session, card(tmp_path, changed(cost_usd="0.01")), now=NOW, entered_by="test", account_id=ledger.id)
    new = text(session, ledger)
    change(old, twilio_segments=2)
    charges.post(session, account_id=ledger.id, now=MUCH_LATER)
    assert sum(cost_u for kind, _, _, cost_u in lines(session, old) if kind == "message") == 16_600
    assert lines(session, new) == [("message", 1, 1, 10_000)]


def test_switching_protection_on_does_not_move_history(session: Session, ledger: Account) -> None:
    """A text sent without the fee stays without it when it is corrected; the next one pays it."""
    old = text(session, ledger, "GB")
    charges.post(session, account_id=ledger.id, now=NOW)
    ledger.pumping_protection = True
    session.flush()
    change(old, twilio_segments=2)
    new = text(session, ledger, "GB")
    charges.post(session, account_id=ledger.id, now=MUCH_LATER)
    assert {kind for kind, *_ in lines(session, old)} == {"message"}
    assert {kind for kind, *_ in lines(session, new)} == {"message", "pumping_protection"}


def test_a_message_without_a_rate_is_counted_not_charged(session: Session, ledger: Account) -> None:
    """The posting says how many of what could not be priced; other accounts' texts are not its business."""
    text(session, ledger, "KP")
    text(session, ledger, at=NOW.replace(year=2025))
    text(session, seed_account(session, slug="pier"))
    posted = charges.post(session, account_id=ledger.id, now=NOW)
    assert posted.count == 0
    assert posted.unrated == {("outbound", "sms", "KP"): 1, ("outbound", "sms", "US"): 1}


def test_a_charge_of_a_closed_month_is_posted_today(session: Session, ledger: Account) -> None:
    """The statement that someone paid does not change: the late correction falls into the open month and says why."""
    message = text(session, ledger, at=NOW.replace(month=10))
    charges.post(session, account_id=ledger.id, now=NOW)
    before = charges.totals(session, account_id=ledger.id, month="2026-10")
    session.add(
        Statement(
            account_id=ledger.id,
            month=date(2026, 10, 1),
            state=StatementState.CLOSED,
            total_u=0,
            rounding_u=0,
            created_at=NOW,
        )
    )
    session.flush()
    change(message, twilio_price_u=11_800)
    charges.post(session, account_id=ledger.id, now=MUCH_LATER)
    assert charges.totals(session, account_id=ledger.id, month="2026-10") == before
    assert charges.totals(session, account_id=ledger.id, month="2026-11") == {ChargeKind.CARRIER_FEE: -1_000}
    notes = session.scalars(select(Charge.note).where(Charge.day == MUCH_LATER.date())).all()
    assert len(notes) == 2
    assert all("its month is closed" in note for note in notes)


def test_time_bounds_are_half_open(session: Session, ledger: Account) -> None:
    """`since` is included and `until` is not, by time of creation."""
    for hours in (-1, 0, 1):
        text(session, ledger, at=NOW + timedelta(hours=hours), twilio_price_u=8_300)
    assert charges.post(session, account_id=ledger.id, now=LATER, since=NOW, until=LATER).count == 1
    assert charges.post(session, account_id=ledger.id, now=LATER).count == 2


def test_more_than_one_batch_is_posted(session: Session, ledger: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches meet without a gap or a repeat."""
    monkeypatch.setattr(charges, "BATCH", 3)
    for _ in range(7):
        text(session, ledger, twilio_price_u=8_300)
    assert charges.post(session, account_id=ledger.id, now=NOW).by_kind == {"message": 7}
    assert session.scalar(select(func.count(Charge.message_id.distinct()))) == 7


def test_totals_of_a_run(session: Session, ledger: Account) -> None:
    """Only the run's own texts, with cost, price and what is unconfirmed; asking for nobody's charges is refused."""
    run = sending_run(session, ledger, 1)
    text(session, ledger, run_id=run.id, segments=2)
    text(session, ledger)
    charges.post(session, account_id=ledger.id, now=NOW)
    assert charges.totals(session, run_id=run.id) == {ChargeKind.CARRIER_FEE: 9_000, ChargeKind.MESSAGE: 16_600}
    amounts = charges.amounts(session, run_id=run.id)
    assert amounts[ChargeKind.CARRIER_FEE] == charges.Amount(2, 9_000, 9_000, 9_000)
    assert amounts[ChargeKind.MESSAGE] == charges.Amount(2, 16_600, 16_600, 0)
    with pytest.raises(ValueError, match="a run or an account"):
        charges.totals(session)
