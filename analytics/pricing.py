"""What does a message cost? Pure: the facts of a message and a rate card in, lines out.

The rules, and where they come from (Twilio's support articles and price pages; the figures are in the rate card):
a text that left pays the normal price, delivered or not, an SMS by segment, an MMS by message; a text that ended as `failed`
pays a fee per message since 2024-09-30 unless its error code is exempt; a text that Twilio refused at its door (no SID) pays
nothing; carriers add a fee that is inside Twilio's price of the message, so it is estimated until that price is known and
derived from it afterwards; pumping protection takes a fee per outbound SMS outside the US and Canada where it is switched on.
Unconfirmed, and therefore assumed: no pumping fee for a text that did not leave (error 30450 included), a failed-message fee
for an error code in neither of our lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row

from analytics.rates import Card, Tariff
from models.charges import ANY, ChargeKind, Unit
from models.messages import Direction, Kind, Message, MessageStatus

LEFT = frozenset({MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.UNDELIVERED, MessageStatus.READ})
"""Outbound words that pay the normal price; before them the outcome is open, `failed` and `canceled` never left Twilio."""


@dataclass(frozen=True)
class MessageFacts:
    """What pricing has to know about a message."""

    status: MessageStatus
    day: date
    """UTC day on which Twilio took it."""
    region: str
    segments: int
    taken: bool = True
    """Whether Twilio gave it a SID."""
    direction: Direction = Direction.OUTBOUND
    kind: Kind = Kind.SMS
    sender_kind: str = ANY
    error_code: int | None = None
    twilio_price_u: int | None = None
    """Micros, absolute; None until known."""
    pumping: bool = False
    """Whether the account and the country have pumping protection on."""

    @classmethod
    def of(cls, message: Message | Row[Any], *, sender_kind: str = ANY, pumping: bool = False) -> MessageFacts:
        """The facts of a row; Twilio's count of segments wins over ours once it is known."""
        return cls(
            message.status,
            (message.sent_at or message.created_at).date(),
            message.region,
            message.twilio_segments or message.segments,
            message.sid is not None,
            message.direction,
            message.kind,
            sender_kind,
            message.error_code,
            message.twilio_price_u,
            pumping,
        )


@dataclass(frozen=True)
class Line:
    """One charge, computed and not posted: micros, `cost_u` what Twilio takes, `price_u` what the account pays."""

    kind: ChargeKind
    quantity: int
    unit: Unit
    unit_cost_u: int
    unit_price_u: int
    cost_u: int
    price_u: int
    rate_id: int
    confirmed: bool
    note: str = ""


def price(message: MessageFacts, card: Card) -> list[Line]:
    """The lines of a message as it stands now, by the card in force on its day; none while its outcome is open.

    A line of nothing is left out. A message that should pay and has no rate gives no `message` line: ask `unrated`.
    """
    if not message.taken:
        return []
    if message.status in LEFT or message.status is MessageStatus.RECEIVED:
        lines = [*_normal_price(message, card), *_pumping_fee(message, card)]
    elif message.status is MessageStatus.FAILED and message.direction is Direction.OUTBOUND:
        lines = _failed_fee(message, card)
    else:
        lines = []
    return [line for line in lines if line.cost_u or line.price_u]


def unrated(message: MessageFacts, card: Card) -> bool:
    """Whether a message pays the normal price and the card knows none for it."""
    pays = message.taken and (message.status in LEFT or message.status is MessageStatus.RECEIVED)
    return pays and _tariff(ChargeKind.MESSAGE, message, card) is None


def _tariff(kind: ChargeKind, message: MessageFacts, card: Card) -> Tariff | None:
    return card.rate(
        kind,
        day=message.day,
        region=message.region,
        sender_kind=message.sender_kind,
        direction=message.direction,
        message_kind=message.kind,
    )


def _line(kind: ChargeKind, tariff: Tariff, message: MessageFacts, *, confirmed: bool, note: str = "") -> Line:
    count = message.segments if tariff.unit is Unit.SEGMENT else 1
    return Line(
        kind, count, tariff.unit, tariff.cost_u, tariff.price_u, count * tariff.cost_u, count * tariff.price_u, tariff.id,
        confirmed, note,
    )  # fmt: skip


def _normal_price(message: MessageFacts, card: Card) -> Iterator[Line]:
    base = _tariff(ChargeKind.MESSAGE, message, card)
    fee = _tariff(ChargeKind.CARRIER_FEE, message, card)
    whole = None
    if base is not None:
        whole = _line(ChargeKind.MESSAGE, base, message, confirmed=base.confirmed)
        yield whole
    if fee is None:
        return
    estimate = _line(
        ChargeKind.CARRIER_FEE, fee, message, confirmed=fee.confirmed, note="estimate, the carrier is not known"
    )
    if whole is None or message.twilio_price_u is None:
        yield estimate
    else:
        yield _derived(estimate, fee, max(0, abs(message.twilio_price_u) - whole.cost_u), confirmed=whole.confirmed)


def _derived(estimate: Line, fee: Tariff, rest_u: int, *, confirmed: bool) -> Line:
    """The carrier's fee as what Twilio's price leaves after the base price; per unit where it divides evenly."""
    count, unit = (estimate.quantity, estimate.unit) if rest_u % max(1, estimate.quantity) == 0 else (1, Unit.MESSAGE)
    price_u = rest_u if fee.price_u == fee.cost_u else estimate.price_u
    note = "derived: Twilio's price of the message less the base price"
    count = max(1, count)
    return Line(
        ChargeKind.CARRIER_FEE, count, unit, rest_u // count, price_u // count, rest_u, price_u, fee.id, confirmed, note
    )


def _pumping_fee(message: MessageFacts, card: Card) -> Iterator[Line]:
    if message.pumping and message.direction is Direction.OUTBOUND and message.kind is Kind.SMS:
        fee = _tariff(ChargeKind.PUMPING_PROTECTION, message, card)
        if fee is not None:
            yield _line(ChargeKind.PUMPING_PROTECTION, fee, message, confirmed=fee.confirmed)


def _failed_fee(message: MessageFacts, card: Card) -> list[Line]:
    fee = _tariff(ChargeKind.FAILED_MESSAGE, message, card)
    if fee is None or card.exemption(message.error_code, day=message.day) is not None:
        return []
    known = message.error_code is not None and message.error_code in card.charged_codes
    sure = known and card.charged_codes[message.error_code or 0]
    note = "" if known else f"error code {message.error_code or 'missing'} is in neither list, the fee is assumed"
    return [_line(ChargeKind.FAILED_MESSAGE, fee, message, confirmed=fee.confirmed and sure, note=note)]
