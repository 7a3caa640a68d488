"""What has been charged for the messages? Posts what `price` computes, reverses what changed, adds it up.

Charges are append-only. A line that no longer fits is reversed (the same figures, negative) and posted anew under the next
revisions, so the sum of all rows is always what holds now, and every earlier figure can still be read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import Select, String, Table, and_, case, exists, func, insert, select, type_coerce
from sqlalchemy.orm import Session

from analytics import rates
from analytics.portable import xsum
from analytics.pricing import LEFT, Line, MessageFacts, price, unrated
from analytics.questions import month_days
from analytics.rates import Card
from models.accounts import Account, SendingNumber
from models.charges import ANY, Charge, ChargeKind, Rate, Statement, StatementState
from models.countries import CountrySetting
from models.messages import Message, MessageStatus

__all__ = ["Amount", "Line", "MessageFacts", "Posted", "amounts", "post", "price", "totals", "unrated"]

SETTLED_ENOUGH = LEFT | {MessageStatus.FAILED, MessageStatus.RECEIVED, MessageStatus.CANCELED}
"""Words after which a message has a price, or certainly none. `sent` is one: many carriers never say more."""
BATCH = 5_000


@dataclass
class Posted:
    """What a posting wrote: rows by kind, how many of them are reversals, and messages that the card has no rate for."""

    by_kind: Counter[str] = field(default_factory=Counter)
    reversals: int = 0
    unrated: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """(direction, kind, region) → messages that should pay and could not be priced."""

    @property
    def count(self) -> int:
        """Rows written."""
        return self.by_kind.total()


def post(
    session: Session,
    *,
    account_id: int,
    now: datetime,
    until: datetime | None = None,
    since: datetime | None = None,
    recheck: bool = False,
) -> Posted:
    """Post what the account's messages cost, as they stand now; part of the caller's transaction.

    Run again, it writes nothing. Where a message changed since (a later word, Twilio's price), the lines that differ are
    reversed and posted anew under the next revisions, by the card that priced them first: history does not move when a card
    does. `since` and `until` bound the time of creation. Only messages touched since their last charge are looked at, unless
    `recheck`. Lines of a closed month are posted on the day of `now`.
    """
    session.execute(select(Account.id).where(Account.id == account_id).with_for_update())
    closed = _closed_months(session, account_id)
    cards: dict[int, Card] = {}
    posted, after = Posted(), 0
    statement = _candidates(account_id, since=since, until=until, recheck=recheck).order_by(Message.id).limit(BATCH)
    while batch := session.execute(statement.where(Message.id > after)).all():
        after = batch[-1].id
        past = _posted_before(session, [row.id for row in batch])
        rows: list[dict[str, Any]] = []
        for message in batch:
            history = past[message.id]
            facts = MessageFacts.of(message, sender_kind=message.sender_kind, pumping=_pumping(message, history))
            card = _card(session, account_id, history[0].card_id if history else None, cards)
            if unrated(facts, card):
                posted.unrated[facts.direction.value, facts.kind.value, facts.region] += 1
            fresh = {"day": facts.day, "region": facts.region, "run_id": message.run_id, "message_id": message.id}
            rows += [fresh | row for row in _differences(price(facts, card), history)]
        for row in rows:
            row |= {"account_id": account_id, "posted_at": now}
            if row["day"].replace(day=1) in closed:
                row |= {"day": now.date(), "note": f"{row['note']} (its month is closed)".strip()}
        if rows:
            session.execute(insert(cast(Table, Charge.__table__)), rows)
        posted.by_kind.update(row["kind"].value for row in rows)
        posted.reversals += sum(row["reverses_id"] is not None for row in rows)
    return posted


FIGURES = ("quantity", "unit", "unit_cost_u", "unit_price_u", "cost_u", "price_u", "rate_id", "confirmed")


def _differences(lines: Sequence[Line], history: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """What has to be posted so that the history of a message adds up to these lines: reversals first, then the new lines."""
    wanted = {line.kind: line for line in lines}
    newest = {charge.kind: charge for charge in history}
    for kind in sorted(set(wanted) | set(newest)):
        line, last = wanted.get(kind), newest.get(kind)
        revision = 1 if last is None else last.revision + 1
        live = last if last is not None and last.reverses_id is None else None
        if (
            live is not None
            and line is not None
            and all(getattr(live, name) == getattr(line, name) for name in FIGURES)
        ):
            continue
        if live is not None:
            undone = {name: getattr(live, name) for name in (*FIGURES, "day", "region", "run_id")}
            undone |= {name: -undone[name] for name in ("quantity", "cost_u", "price_u")}
            yield {"kind": kind, "revision": revision, "reverses_id": live.id, "note": "reversed", **undone}
            revision += 1
        if line is not None:
            figures = {name: getattr(line, name) for name in FIGURES}
            yield {"kind": kind, "revision": revision, "reverses_id": None, "note": line.note, **figures}


def _candidates(account_id: int, *, since: datetime | None, until: datetime | None, recheck: bool) -> Select[Any]:
    """Messages that may have to be charged: with Twilio, and touched since their last charge."""
    pumping = and_(Account.pumping_protection, func.coalesce(CountrySetting.pumping_protection, True))
    country = and_(CountrySetting.account_id == Message.account_id, CountrySetting.region == Message.region)
    facts: tuple[Any, ...] = (
        Message.id, Message.status, Message.created_at, Message.sent_at, Message.region, Message.segments,
        Message.twilio_segments, Message.sid, Message.direction, Message.kind, Message.error_code, Message.twilio_price_u,
        Message.run_id, func.coalesce(type_coerce(SendingNumber.kind, String()), ANY).label("sender_kind"),
        pumping.label("pumping"),
    )  # fmt: skip
    statement = (
        select(*facts)
        .join(Account, Account.id == Message.account_id)
        .outerjoin(SendingNumber, SendingNumber.id == Message.sender_id)
        .outerjoin(CountrySetting, country)
        .where(Message.account_id == account_id, Message.sid.is_not(None))
    )
    if not recheck:
        settled = exists().where(Charge.message_id == Message.id, Charge.posted_at > Message.updated_at)
        statement = statement.where(Message.status.in_(SETTLED_ENOUGH), ~settled)
    if since is not None:
        statement = statement.where(Message.created_at >= since)
    if until is not None:
        statement = statement.where(Message.created_at < until)
    return statement


def _posted_before(session: Session, message_ids: Sequence[int]) -> dict[int, list[Any]]:
    """The charges of messages, oldest first, each with the card that priced it."""
    found: dict[int, list[Any]] = defaultdict(list)
    figures = [getattr(Charge, name) for name in FIGURES]
    others = (Charge.id, Charge.message_id, Charge.kind, Charge.revision, Charge.reverses_id)
    statement = (
        select(*others, Charge.day, Charge.region, Charge.run_id, Rate.card_id, *figures)
        .join(Rate, Rate.id == Charge.rate_id)
        .where(Charge.message_id.in_(message_ids))
        .order_by(Charge.message_id, Charge.revision)
    )
    for charge in session.execute(statement):
        found[charge.message_id].append(charge)
    return found


def _pumping(message: Any, history: Sequence[Any]) -> bool:
    """Whether pumping protection was on: once a message was charged, as it was then, because the switch keeps no history."""
    kinds = {charge.kind for charge in history}
    if ChargeKind.MESSAGE in kinds:
        return ChargeKind.PUMPING_PROTECTION in kinds
    return bool(message.pumping)


def _card(session: Session, account_id: int, card_id: int | None, cards: dict[int, Card]) -> Card:
    """The card that priced a message before, else the account's present one (kept under 0)."""
    if (card_id or 0) not in cards:
        cards[card_id or 0] = rates.card(session, card_id) if card_id else rates.card_for(session, account_id)
    return cards[card_id or 0]


def _closed_months(session: Session, account_id: int) -> frozenset[date]:
    closed = select(Statement.month).where(Statement.account_id == account_id, Statement.state == StatementState.CLOSED)
    return frozenset(session.scalars(closed))


@dataclass(frozen=True)
class Amount:
    """A sum of posted charges, micros; `unconfirmed_u` is the part of the cost that rests on unconfirmed figures."""

    quantity: int = 0
    cost_u: int = 0
    price_u: int = 0
    unconfirmed_u: int = 0


def totals(
    session: Session, *, run_id: int | None = None, account_id: int | None = None, month: str | date | None = None
) -> dict[ChargeKind, int]:
    """What Twilio takes by kind of charge, micros, reversals counted off; the arguments are those of `amounts`."""
    found = amounts(session, run_id=run_id, account_id=account_id, month=month)
    return {kind: amount.cost_u for kind, amount in found.items()}


def amounts(
    session: Session, *, run_id: int | None = None, account_id: int | None = None, month: str | date | None = None
) -> dict[ChargeKind, Amount]:
    """The posted charges of a run, or of an account (in a UTC month, "2026-10"), by kind; kinds without any are absent."""
    if run_id is None and account_id is None:
        raise ValueError("Say whose charges: a run or an account.")
    unconfirmed = xsum(case((Charge.confirmed.is_(False), Charge.cost_u), else_=0))
    statement = select(Charge.kind, xsum(Charge.quantity), xsum(Charge.cost_u), xsum(Charge.price_u), unconfirmed)
    if run_id is not None:
        statement = statement.where(Charge.run_id == run_id)
    if account_id is not None:
        statement = statement.where(Charge.account_id == account_id)
    if month is not None:
        first, after = month_days(month)
        statement = statement.where(Charge.day >= first, Charge.day < after)
    rows = session.execute(statement.group_by(Charge.kind).order_by(Charge.kind))
    return {kind: Amount(*figures) for kind, *figures in rows}


def costs(session: Session, run_ids: Iterable[int]) -> dict[int, int]:
    """What Twilio takes for each of these runs as posted so far, micros, reversals counted off; runs without charges are absent."""
    statement = select(Charge.run_id, xsum(Charge.cost_u)).where(Charge.run_id.in_(list(run_ids)))
    return {run_id: int(cost_u) for run_id, cost_u in session.execute(statement.group_by(Charge.run_id))}
