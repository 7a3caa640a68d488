"""Which rate holds for a message on its day? Loads rate cards into the database and finds the most specific rate in memory.

A card is immutable once it is loaded: loading the same file again changes nothing, another file under the same name is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import product
from pathlib import Path
from typing import Any

from sqlalchemy import insert, or_, select
from sqlalchemy.orm import Session

from analytics.rate_files import Fault, RateProblem, card_sheet, charged_sheet, exempt_sheet, house_cards
from models.charges import ANY, ChargeKind, FeeRule, Rate, RateCard, Unit

__all__ = [
    "Card",
    "Exemption",
    "Fault",
    "RateProblem",
    "Tariff",
    "card",
    "card_for",
    "check",
    "load",
    "load_exempt_codes",
    "read",
]


@dataclass(frozen=True)
class Tariff:
    """One rate as a value: cost and price of one unit, micros, from a day until before another."""

    id: int
    unit: Unit
    cost_u: int
    price_u: int
    valid_from: date
    valid_to: date | None
    source: str
    confirmed: bool


@dataclass(frozen=True)
class Exemption:
    """Why an error code is free of the failed-message fee, and since when."""

    error_code: int
    why: str
    valid_from: date
    valid_to: date | None
    confirmed: bool


Key = tuple[str, str, str, str, str, str]


@dataclass(frozen=True)
class Card:
    """A rate card in memory, with the exempt codes beside it; frozen, so a price can be computed again at any time."""

    id: int
    name: str
    tariffs: Mapping[Key, tuple[Tariff, ...]]
    exemptions: Mapping[int, tuple[Exemption, ...]]
    charged_codes: Mapping[int, bool]
    """Codes known to cost the failed-message fee, and whether that is confirmed."""
    _found: dict[tuple[Any, ...], Tariff | None] = field(default_factory=dict, compare=False, repr=False)

    def rate(
        self,
        kind: ChargeKind | str,
        *,
        day: date,
        region: str,
        sender_kind: str = ANY,
        carrier: str = ANY,
        direction: str = "outbound",
        message_kind: str = "sms",
    ) -> Tariff | None:
        """The rate in force on a day: the most specific one (region first, then kind of message, sender, carrier), or None."""
        asked = (str(kind), str(direction), str(message_kind), region, str(sender_kind), carrier, day)
        if asked not in self._found:
            self._found[asked] = self._search(*asked)
        return self._found[asked]

    def _search(
        self, kind: str, direction: str, message_kind: str, region: str, sender_kind: str, carrier: str, day: date
    ) -> Tariff | None:
        for where, what, sender, network in product(
            (region, ANY), (message_kind, ANY), (sender_kind, ANY), (carrier, ANY)
        ):
            for tariff in self.tariffs.get((kind, direction, what, where, sender, network), ()):
                if _holds(tariff, day):
                    return tariff
        return None

    def exemption(self, error_code: int | None, *, day: date) -> Exemption | None:
        """The rule that freed a code of the failed-message fee on a day, or None."""
        rules = self.exemptions.get(error_code, ()) if error_code is not None else ()
        return next((rule for rule in rules if _holds(rule, day)), None)


def _holds(period: Tariff | Exemption, day: date) -> bool:
    return period.valid_from <= day and (period.valid_to is None or day < period.valid_to)


def check(source: str | Path) -> list[Fault]:
    """Every faulty line of a card, with its number; empty when it can be loaded."""
    return list(card_sheet(source).faults)


def load(
    session: Session, source: str | Path | None = None, *, now: datetime, entered_by: str, account_id: int | None = None
) -> RateCard:
    """Put a card (a path, one of our names, or None for our newest) and our exempt codes into the database; never commits.

    Loading the same file again returns the card that is there. Raises RateProblem: a faulty line (with its number), or another
    file under a name that is taken, because a card is never edited after use.
    """
    sheet = card_sheet(source or house_cards()[-1]).checked()
    load_exempt_codes(session)
    found = session.scalar(select(RateCard).where(RateCard.name == sheet.name))
    if found is not None:
        if found.sha256 != sheet.sha256:
            raise RateProblem(
                f"A card named {sheet.name} is in use and never edited: give the changed file a new name."
            )
        return found
    card = RateCard(
        name=sheet.name,
        account_id=account_id,
        sha256=sheet.sha256,
        entered_by=entered_by,
        approved_by=None,
        created_at=now,
    )
    session.add(card)
    session.flush()
    session.execute(insert(Rate), [{"card_id": card.id, **_rate_values(row)} for row in sheet.rows])
    return card


def _rate_values(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of `Rate` from a row of the file; an empty price passes the cost along."""
    values = {name: value for name, value in row.items() if name not in ("cost_usd", "price_usd")}
    cost_u = row["cost_usd"]
    return values | {"cost_u": cost_u, "price_u": cost_u if row["price_usd"] is None else row["price_usd"]}


def load_exempt_codes(session: Session) -> int:
    """Bring the exempt codes of our file into the database: new rows are added, the end of a row may be set; returns how many."""
    known = {(rule.error_code, rule.valid_from): rule for rule in session.scalars(select(FeeRule))}
    changed = 0
    for row in exempt_sheet().checked().rows:
        rule = known.get((row["error_code"], row["valid_from"]))
        if rule is None:
            session.add(FeeRule(kind=ChargeKind.FAILED_MESSAGE, **row))
            changed += 1
        elif rule.valid_to is None and row["valid_to"] is not None:
            rule.valid_to = row["valid_to"]
            changed += 1
    session.flush()
    return changed


def read(source: str | Path | None = None) -> Card:
    """A card straight from its file (None for our newest) and our exempt codes; its rate ids are row numbers from 1."""
    sheet = card_sheet(source or house_cards()[-1]).checked()
    rows = [Rate(id=number, **_rate_values(row)) for number, row in enumerate(sheet.rows, start=1)]
    return _card(0, sheet.name, rows, [FeeRule(**row) for row in exempt_sheet().checked().rows])


def card(session: Session, card_id: int) -> Card:
    """A loaded card by number."""
    row = session.get_one(RateCard, card_id)
    rates = session.scalars(select(Rate).where(Rate.card_id == card_id))
    rules = session.scalars(select(FeeRule).where(FeeRule.kind == ChargeKind.FAILED_MESSAGE))
    return _card(row.id, row.name, rates, rules)


def card_for(session: Session, account_id: int) -> Card:
    """The card that prices an account now: its own newest, else the house's newest. Raises RateProblem if there is none."""
    newest = session.scalar(
        select(RateCard.id)
        .where(or_(RateCard.account_id == account_id, RateCard.account_id.is_(None)))
        .order_by(RateCard.account_id.is_(None), RateCard.id.desc())
        .limit(1)
    )
    if newest is None:
        raise RateProblem("No rate card is loaded: load one before pricing.")
    return card(session, newest)


def _card(card_id: int, name: str, rates: Iterable[Rate], rules: Iterable[FeeRule]) -> Card:
    tariffs: dict[Key, tuple[Tariff, ...]] = {}
    for rate in rates:
        key = (str(rate.kind), rate.direction, rate.message_kind, rate.region, rate.sender_kind, rate.carrier)
        tariff = Tariff(
            rate.id,
            Unit(rate.unit),
            rate.cost_u,
            rate.price_u,
            rate.valid_from,
            rate.valid_to,
            rate.source,
            rate.confirmed,
        )
        tariffs[key] = (*tariffs.get(key, ()), tariff)
    exemptions: dict[int, tuple[Exemption, ...]] = {}
    for rule in rules:
        exemption = Exemption(rule.error_code, rule.why, rule.valid_from, rule.valid_to, rule.confirmed)
        exemptions[rule.error_code] = (*exemptions.get(rule.error_code, ()), exemption)
    charged = {row["error_code"]: row["confirmed"] for row in charged_sheet().checked().rows}
    return Card(card_id, name, tariffs, exemptions, charged)
