"""Usage, segments, failed charges, pumping costs and spend: shapes, null rules, exact types, and nothing counted twice."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pandas as pd
import pytest
from sqlalchemy import Float, Numeric, Select
from sqlalchemy.orm import Session

import analytics as an
from analytics import charges, rates
from analytics.deliveries import DIMENSIONS
from models.accounts import Account
from models.base import Database
from models.charges import FeeRule
from models.messages import Direction
from tests.conftest import NOW, seed_account
from tests.seeds import sending_run
from tests.texts import text

METRICS = [an.usage, an.segments, an.failed_charges, an.pumping_costs, an.spend]
MONEY = "decimal128(20, 6)[pyarrow]"
KEYS = [
    "day",
    "month",
    "account",
    "campaign",
    "run",
    "template",
    "sender",
    "sender_kind",
    "direction",
    "kind",
    "region",
]
KEYS += ["country", "encoding", "status", "error_code"]


@pytest.fixture
def filled(session: Session, account: Account, database: Database) -> an.Deliveries:
    """Two accounts, two months, every outcome; charges posted."""
    account.pumping_protection = True
    other = seed_account(session, slug="pier")
    for tenant in (account, other):
        for days in (0, 25):
            at = NOW - timedelta(days=days)
            text(session, tenant, at=at, twilio_price_u=12_800)
            text(session, tenant, "GB", 2, at=at, status="undelivered", error_code=30003)
            text(session, tenant, at=at, encoding="UCS-2", segments=3, status="sent")
            text(session, tenant, at=at, status="failed", error_code=30007)
            text(session, tenant, "GB", at=at, status="failed", error_code=30450)
            text(session, tenant, at=at, direction=Direction.INBOUND, status="received")
            text(session, tenant, at=at, status="queued")
            text(session, tenant, at=at, status="pending")
    rates.load(session, now=NOW, entered_by="test")
    for tenant in (account, other):
        charges.post(session, account_id=tenant.id, now=NOW)
    session.commit()
    return an.open(database)


def dollars(frame: pd.DataFrame, column: str) -> list[str]:
    """A column of money as text."""
    return [str(value) for value in frame[column]]


def test_usage_counts_every_outcome_and_its_cost(filled: an.Deliveries) -> None:
    """One row: what was delivered, what was not, what is still unpriced; by hand for four times the same seven texts."""
    (row,) = an.usage(filled, by=()).to_dict("records")
    # two accounts by two months; delivered 0.0128, GB 2 x 0.0560 (+ 0.0250 in one account), 3 x 0.0128, failed 0.001, in 0.0083
    cost = 4 * (Decimal("0.0128") + Decimal("0.112") + Decimal("0.0384") + Decimal("0.001") + Decimal("0.0083"))
    assert row == {
        "messages": 28, "segments": 40, "delivered": 4, "undelivered": 4, "failed": 8,
        "cost": cost + 2 * Decimal("0.025"), "price": cost + 2 * Decimal("0.025"),
        "twilio_price": Decimal("0.0512"), "unpriced": 16,
    }  # fmt: skip


def test_a_price_that_nobody_knows_is_null_and_a_cost_not_posted_is_zero(filled: an.Deliveries) -> None:
    """Unknown is not nothing: Twilio's price of a group without any is null, beside the count of what is missing."""
    by_status = an.usage(filled, by="status").set_index("status")
    assert by_status.twilio_price.isna().to_dict() == {
        "delivered": False, "failed": True, "queued": True, "received": True, "sent": True, "undelivered": True,
    }  # fmt: skip
    assert by_status.cost["queued"] == 0
    assert by_status.unpriced.to_dict() == {
        "delivered": 0, "failed": 0, "queued": 4, "received": 4, "sent": 4, "undelivered": 4,
    }  # fmt: skip


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
def test_every_cut_adds_up_to_the_whole(filled: an.Deliveries, metric: Any) -> None:
    """By any one key, and by three at once, the sums are those of the whole: a join never doubles a row."""
    whole = metric(filled, by=())
    for by in [*KEYS, ["month", "account", "country"]]:
        cut = metric(filled, by=by)
        names = {column for name in ([by] if isinstance(by, str) else by) for column in DIMENSIONS[name]}
        keys = [column for column in cut.columns if column in names or column in ("error_code", "exempt", "why")]
        assert not cut.duplicated(keys).any()
        for column in ("messages", "segments", "cost", "price", "charged", "charges", "blocked", "extra_cost"):
            if column in whole:
                assert cut[column].sum() == whole[column].sum(), (by, column)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
def test_money_is_exact_and_counts_are_whole(filled: an.Deliveries, metric: Any) -> None:
    """Columns of money are Arrow decimals, all other figures int64 (one share is a float, as it says)."""
    frame = metric(filled, by="country")
    for column in ("cost", "price", "twilio_price", "extra_cost", "unconfirmed"):
        if column in frame:
            assert str(frame[column].dtype) == MONEY
    floats = [column for column in frame if str(frame[column].dtype).startswith("float")]
    assert floats == (["ucs2_share"] if metric is an.segments else [])
    assert {
        str(frame[column].dtype) for column in ("messages", "segments", "charged", "charges") if column in frame
    } == {"int64"}


class Listening(an.Deliveries):
    """Remembers the statements that a metric ran."""

    seen: ClassVar[list[Select[Any]]] = []

    def written(self, statement: Any) -> str:
        self.seen.append(statement)
        return super().written(statement)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
def test_no_statement_computes_a_float(filled: an.Deliveries, metric: Any) -> None:
    """No result type of any statement is a FLOAT or NUMERIC, and every value that comes back is a whole number or a word."""
    listening = Listening(filled.engine, filled.source)
    Listening.seen.clear()
    metric(listening, by=["day", "campaign", "template", "sender"])
    assert Listening.seen
    for statement in Listening.seen:
        assert not [c for c in statement.selected_columns if isinstance(c.type, Float | Numeric)]
        assert "/" not in str(statement)
        with filled.reading() as connection:
            for row in connection.execute(statement):
                assert {type(value).__name__ for value in row} <= {"int", "str", "date", "bool", "NoneType"}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
def test_an_empty_database_gives_an_empty_frame_of_the_same_shape(
    database: Database, filled: an.Deliveries, metric: Any
) -> None:
    """A month without a text has the columns and types of a full one."""
    full, empty = metric(filled, by="country"), metric(filled, by="country", month="2020-01")
    assert empty.empty
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
def test_a_frame_says_where_it_came_from(filled: an.Deliveries, metric: Any) -> None:
    """Source, statements, moment and zone; no password, no phone number."""
    attrs = metric(filled, by="day").attrs
    assert attrs["source"] == filled.source
    assert "SELECT" in attrs["sql"]
    assert (attrs["as_of"], attrs["zone"]) == (NOW, "UTC")


def test_rows_are_sorted_and_what_has_no_campaign_comes_last(
    session: Session, account: Account, database: Database
) -> None:
    """By number of the campaign, its name beside it; null where a text came from none."""
    run = sending_run(session, account, 2, name="B")
    again = sending_run(session, account, 2, name="A")
    for owner in (run, again, None):
        text(session, account, run_id=owner.id if owner else None)
    session.commit()
    frame = an.usage(an.open(database), by="campaign")
    assert frame.campaign.tolist()[:2] == ["B", "A"]
    assert frame.campaign.isna().tolist() == frame.campaign_id.isna().tolist() == [False, False, True]
    assert an.usage(an.open(database), by="day", campaign=run.campaign_id).messages.tolist() == [1]
    assert an.usage(an.open(database), by="day", run=again.id).messages.tolist() == [1]


def test_segments_show_the_spread_and_what_more_than_one_costs(filled: an.Deliveries) -> None:
    """Three texts of three segments in UCS-2 cost twice 0.0128 more each; Twilio's split is not needed for that."""
    frame = an.segments(filled, by="encoding", direction="outbound").set_index("encoding")
    ucs2 = frame.loc["UCS-2"]
    assert [ucs2[c] for c in ("messages", "segments", "one", "two", "more", "longest", "ucs2", "extra_segments")] == [
        4, 12, 0, 0, 4, 3, 4, 8,
    ]  # fmt: skip
    assert ucs2.ucs2_share == 1.0
    assert ucs2.extra_cost == Decimal("0.1024")
    assert frame.loc["GSM-7"].extra_cost == 4 * Decimal("0.056")


def test_failed_messages_say_exempt_or_not_and_why(filled: an.Deliveries) -> None:
    """One row per code: the charged one with its fee, the exempt one with its reason and no fee."""
    frame = an.failed_charges(filled, month="2026-11").set_index("error_code")
    charged, exempt = frame.loc[30007], frame.loc[30450]
    assert [charged[c] for c in ("exempt", "messages", "charged", "confirmed")] == [False, 2, 2, False]
    assert charged.why == "not on Twilio's list of exempt codes"
    assert charged.cost == Decimal("0.002")
    assert [exempt[c] for c in ("exempt", "messages", "charged", "confirmed")] == [True, 2, 0, True]
    assert exempt.why == "blocked by SMS Pumping Protection"
    assert exempt.cost == 0


def test_an_exemption_counts_from_its_day(session: Session, account: Account, database: Database) -> None:
    """The same code is charged on the day before a rule begins and free from its first day until before its last."""
    start, end = date(2026, 11, 10), date(2026, 11, 12)
    rates.load(session, now=NOW, entered_by="test")
    session.add(
        FeeRule(error_code=30001, why="a favour", valid_from=start, valid_to=end, source="test", confirmed=True)
    )
    for day in (9, 10, 11, 12):
        text(session, account, status="failed", error_code=30001, at=NOW.replace(day=day))
    session.flush()
    charges.post(session, account_id=account.id, now=NOW)
    session.commit()
    frame = an.failed_charges(an.open(database), by="day").set_index("day")
    assert frame.exempt.tolist() == [False, True, True, False]
    assert dollars(frame, "cost") == ["0.001000", "0.000000", "0.000000", "0.001000"]


def test_fees_posted_are_the_fees_that_the_rules_give(filled: an.Deliveries) -> None:
    """Failed messages that are not exempt, times the rate; protected countries' texts, times the rate."""
    failed = an.failed_charges(filled)
    card = rates.read("twilio-2026-05-25")
    fee = card.rate("failed_message", day=date(2026, 11, 20), region="US")
    assert fee is not None
    assert failed.cost.sum() == Decimal(int(failed.messages[~failed.exempt].sum()) * fee.cost_u).scaleb(-6)
    assert (failed.charged == failed.messages.where(~failed.exempt, 0)).all()
    pumping = an.pumping_costs(filled, account="harbor").set_index("country")
    protection = card.rate("pumping_protection", day=date(2026, 11, 20), region="GB")
    assert protection is not None
    assert pumping.cost["GB"] == Decimal(int(pumping.messages["GB"]) * protection.cost_u).scaleb(-6)
    assert pumping.cost["US"] == 0
    assert an.pumping_costs(filled, account="pier").cost.sum() == 0


def test_spend_shows_what_is_unconfirmed(filled: an.Deliveries) -> None:
    """The share of the cost that only a live account could confirm stands beside it, by kind of charge."""
    frame = an.spend(filled, by="charge").set_index("charge")
    assert frame.unconfirmed["pumping_protection"] == frame.cost["pumping_protection"] == Decimal("0.05")
    assert frame.unconfirmed["message"] < frame.cost["message"]
    assert frame.cost.sum() == an.usage(filled, by=()).cost.sum()
