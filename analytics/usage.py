"""How much was sent, and what did it cost? Each question is a function from an open source to a tidy frame.

Counts come from the messages and money from the posted charges; both are grouped by the same columns in the database and
meet here by key, so a message that nobody has charged yet still shows. Every frame has one row per key, sorted; counts are
int64, money is exact (Arrow `decimal128(20, 6)`, US dollars), days are UTC dates; `attrs` says source, sql, as_of and zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

from sqlalchemy import ColumnElement, Select, String, and_, case, func, null, or_, type_coerce

from analytics.deliveries import CHARGES, DIMENSIONS, MESSAGES, View
from analytics.frames import Field, tidy
from analytics.portable import xsum
from analytics.questions import Question, Scope, ask
from analytics.sources import Deliveries
from models.charges import Charge, ChargeKind, FeeRule, Unit
from models.messages import Direction, Kind, Message, MessageStatus

if TYPE_CHECKING:
    import pandas as pd

By = str | Iterable[str]
status: ColumnElement[Any] = type_coerce(Message.status, String())
charge_kind: ColumnElement[Any] = type_coerce(Charge.kind, String())
LEFT = tuple(
    M.value for M in (MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.UNDELIVERED, MessageStatus.READ)
)
PUMPING_BLOCK = 30450
"""Twilio's word that its pumping protection stopped a text."""


@dataclass(frozen=True)
class Sum:
    """One figure of a frame: its name, what it holds, how to add it up, and what it is where nothing was found."""

    name: str
    holds: str
    expression: ColumnElement[Any]
    missing: int | None = 0


def count_if(condition: ColumnElement[bool], amount: Any = 1) -> ColumnElement[Any]:
    """The sum of `amount` over the rows where a condition holds."""
    return xsum(case((condition, amount), else_=0))


COST = Sum("cost", "money", xsum(Charge.cost_u))
PRICE = Sum("price", "money", xsum(Charge.price_u))
CONFIRMED = Sum("confirmed", "flag", null(), missing=1)
UNCONFIRMED = Sum("unconfirmed", "money", count_if(Charge.confirmed.is_(False), Charge.cost_u))
USAGE = (
    Sum("messages", "count", func.count()),
    Sum("segments", "count", xsum(Message.segments)),
    Sum("delivered", "count", count_if(status.in_((MessageStatus.DELIVERED.value, MessageStatus.READ.value)))),
    Sum("undelivered", "count", count_if(status == MessageStatus.UNDELIVERED.value)),
    Sum("failed", "count", count_if(status == MessageStatus.FAILED.value)),
)
TWILIO = (
    Sum("twilio_price", "money", xsum(Message.twilio_price_u), missing=None),
    Sum(
        "unpriced",
        "count",
        count_if(
            and_(
                Message.sid.is_not(None),
                Message.twilio_price_u.is_(None),
                status.not_in((MessageStatus.FAILED.value, MessageStatus.CANCELED.value)),
            )
        ),
    ),
)


def usage(deliveries: Deliveries, *, by: By = "day", **scope: Unpack[Scope]) -> pd.DataFrame:
    """Messages and segments with what they cost: one row per key of `by` (names of `DIMENSIONS`; none at all gives one row).

    Columns after the key: `messages`; `segments` (our count); `delivered` (read included), `undelivered`, `failed` (counts of
    messages); `cost` and `price` (posted charges of every kind, zero where nothing is posted yet); `twilio_price` (what Twilio
    says, carrier fees included; null where it has said nothing) and `unpriced` (messages it has still to price).
    Filters are those of `Scope`. Raises Unanswerable with one sentence.
    """
    question = ask(deliveries, by, scope)
    keys = key_columns(question)
    statements = [
        grouped(MESSAGES, question, keys, (*USAGE, *TWILIO)),
        grouped(CHARGES, question, keys, (COST, PRICE)).where(Charge.message_id.is_not(None)),
    ]
    rows = gather(deliveries, keys, statements)
    return answer(deliveries, question, keys, rows, (*USAGE, COST, PRICE, *TWILIO), statements)


def segments(deliveries: Deliveries, *, by: By = "encoding", **scope: Unpack[Scope]) -> pd.DataFrame:
    """How texts fall into segments: one row per key of `by`.

    Columns after the key: `messages`, `segments`, `one`, `two`, `more` (messages of that many segments), `longest` (segments),
    `ucs2` (messages that need the dear encoding), `ucs2_share` (0 to 1), `extra_segments` (those after each message's first)
    and `extra_cost` (what the posted charges say these cost; zero where nothing is posted).
    """
    question = ask(deliveries, by, scope)
    keys = key_columns(question)
    counts = (
        Sum("messages", "count", func.count()),
        Sum("segments", "count", xsum(Message.segments)),
        Sum("one", "count", count_if(Message.segments == 1)),
        Sum("two", "count", count_if(Message.segments == 2)),
        Sum("more", "count", count_if(Message.segments > 2)),
        Sum("longest", "count", func.max(Message.segments)),
        Sum("ucs2", "count", count_if(Message.encoding == "UCS-2")),
        Sum("extra_segments", "count", count_if(Message.segments > 1, Message.segments - 1)),
    )
    one = case((Charge.quantity > 0, Charge.unit_cost_u), (Charge.quantity < 0, -Charge.unit_cost_u), else_=0)
    by_segment = type_coerce(Charge.unit, String()) == Unit.SEGMENT.value
    extra = Sum("extra_cost", "money", count_if(by_segment, Charge.cost_u - one))
    statements = [grouped(MESSAGES, question, keys, counts), grouped(CHARGES, question, keys, (extra,))]
    rows = gather(deliveries, keys, statements)
    for row in rows:
        row["ucs2_share"] = (row.get("ucs2") or 0) / (row.get("messages") or 1)
    shown = (*counts[:7], Sum("ucs2_share", "share", null()), counts[7], extra)
    return answer(deliveries, question, keys, rows, shown, statements)


def failed_charges(deliveries: Deliveries, *, by: By = (), **scope: Unpack[Scope]) -> pd.DataFrame:
    """What Twilio takes for messages that failed: one row per key of `by` and error code.

    Columns after the key: `error_code` (null where Twilio named none), `exempt` and `why` (the rule in force that day),
    `messages` (failed with Twilio; refusals at its door cost nothing and are not here), `charged` (of these, with a fee posted),
    `cost` and `price` (the posted fees), `confirmed` (False where only a live account could tell).
    """
    question = ask(deliveries, by, scope)
    keys = list(dict.fromkeys([*key_columns(question), "error_code"]))
    failed = Sum("messages", "count", func.count())
    doubtful = Sum("doubtful", "count", count_if(FeeRule.confirmed.is_(False)))
    charged = Sum("charged", "count", xsum(Charge.quantity))
    unsure = Sum("unsure", "count", count_if(Charge.confirmed.is_(False), Charge.quantity))
    rule: tuple[ColumnElement[Any], ...] = (FeeRule.id.is_not(None).label("exempt"), FeeRule.why.label("why"))
    statements = [
        grouped(MESSAGES, question, keys, (failed, doubtful), also=rule)
        .outerjoin(FeeRule.__table__, in_force(MESSAGES))
        .where(status == MessageStatus.FAILED.value, Message.sid.is_not(None)),
        grouped(CHARGES, question, keys, (charged, COST, PRICE, unsure), also=rule)
        .outerjoin(FeeRule.__table__, in_force(CHARGES))
        .where(charge_kind == ChargeKind.FAILED_MESSAGE.value),
    ]
    rows = gather(deliveries, [*keys, "exempt", "why"], statements)
    for row in rows:
        row["confirmed"] = not (row.get("doubtful") or row.get("unsure"))
        row["why"] = row["why"] or "not on Twilio's list of exempt codes"
    shown = (Sum("exempt", "flag", null()), Sum("why", "text", null()), failed, charged, COST, PRICE, CONFIRMED)
    return answer(deliveries, question, keys, rows, shown, statements)


def pumping_costs(deliveries: Deliveries, *, by: By = "country", **scope: Unpack[Scope]) -> pd.DataFrame:
    """What Twilio's SMS pumping protection cost: one row per key of `by`, countries without the fee (US, CA) included at zero.

    Columns after the key: `messages` (outbound texts that left), `blocked` (stopped by the protection, error 30450: we assume no
    fee for these, unconfirmed), `charged` (messages with the fee), `cost` and `price` (posted), `confirmed`.
    """
    question = ask(deliveries, by, scope)
    keys = key_columns(question)
    left = Sum("messages", "count", count_if(status.in_(LEFT)))
    blocked = Sum("blocked", "count", count_if(Message.error_code == PUMPING_BLOCK))
    charged = Sum("charged", "count", xsum(Charge.quantity))
    unsure = Sum("unsure", "count", count_if(Charge.confirmed.is_(False), Charge.quantity))
    statements = [
        grouped(MESSAGES, question, keys, (left, blocked)).where(
            type_coerce(Message.direction, String()) == Direction.OUTBOUND.value,
            type_coerce(Message.kind, String()) == Kind.SMS.value,
        ),
        grouped(CHARGES, question, keys, (charged, COST, PRICE, unsure)).where(
            charge_kind == ChargeKind.PUMPING_PROTECTION.value
        ),
    ]
    rows = gather(deliveries, keys, statements)
    for row in rows:
        row["confirmed"] = not (row.get("blocked") or row.get("unsure"))
    return answer(deliveries, question, keys, rows, (left, blocked, charged, COST, PRICE, CONFIRMED), statements)


def spend(deliveries: Deliveries, *, by: By = "charge", **scope: Unpack[Scope]) -> pd.DataFrame:
    """Every posted charge, those of no message included: one row per key of `by`, which may also name `charge` (its kind).

    Columns after the key: `charges` (rows posted, reversals counted off), `cost`, `price`, and `unconfirmed` (the part of `cost`
    that rests on figures which only a live account could confirm).
    """
    question = ask(deliveries, by, scope, allowed=[*DIMENSIONS, "charge"])
    keys = key_columns(question)
    sign = case((Charge.reverses_id.is_(None), 1), else_=-1)
    sums = (Sum("charges", "count", xsum(sign)), COST, PRICE, UNCONFIRMED)
    statements = [grouped(CHARGES, question, keys, sums)]
    return answer(deliveries, question, keys, gather(deliveries, keys, statements), sums, statements)


def in_force(view: View) -> ColumnElement[bool]:
    """The exemption that held on the day of a message or charge, by its error code."""
    day = view.columns["day"].expression
    return and_(
        FeeRule.error_code == Message.error_code,
        type_coerce(FeeRule.kind, String()) == ChargeKind.FAILED_MESSAGE.value,
        FeeRule.valid_from <= day,
        or_(FeeRule.valid_to.is_(None), day < FeeRule.valid_to),
    )


def key_columns(question: Question) -> list[str]:
    """The columns that `by=` gives, in its order; a name of a campaign brings its number with it."""
    return [name for dimension in question.by for name in DIMENSIONS.get(dimension, (dimension,))]


def grouped(
    view: View, question: Question, keys: Sequence[str], sums: Sequence[Sum], *, also: Sequence[ColumnElement[Any]] = ()
) -> Select[Any]:
    """Sums per key over a view, within the question's period and filters; `also` are more columns to group by."""
    added = [figure.expression.label(figure.name) for figure in sums]
    statement = view.select(keys, *also, *added, joining=question.reads).where(*question.where(view.columns))
    return statement.group_by(
        *[view.columns[key].expression for key in keys], *[getattr(c, "element", c) for c in also]
    )


def gather(deliveries: Deliveries, keys: Sequence[str], statements: Sequence[Select[Any]]) -> list[dict[str, Any]]:
    """Run the statements in one snapshot and join their rows by key; sorted by key, nulls last."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    with deliveries.reading() as connection:
        for statement in statements:
            for row in connection.execute(statement).mappings():
                found.setdefault(tuple(row[key] for key in keys), {}).update(row)
    return [found[key] for key in sorted(found, key=lambda key: [(value is None, value) for value in key])]


def answer(
    deliveries: Deliveries,
    question: Question,
    keys: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    sums: Sequence[Sum],
    statements: Sequence[Select[Any]],
) -> pd.DataFrame:
    """The frame: key columns, then the figures, typed; `attrs` says where it came from."""
    columns = [CHARGES.columns[key] for key in keys]
    fields = [Field(column.name, column.holds) for column in columns] + [
        Field(figure.name, figure.holds) for figure in sums
    ]
    table = [
        [
            *[row[key] for key in keys],
            *[figure.missing if row.get(figure.name) is None else row[figure.name] for figure in sums],
        ]
        for row in rows
    ]
    sql = ";\n\n".join(deliveries.written(statement) for statement in statements)
    attrs = {"source": deliveries.source, "sql": sql, "as_of": question.as_of, "zone": "UTC"}
    return tidy(fields, table, attrs=attrs)
