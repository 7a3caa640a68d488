"""What will a run cost? The card's prices over the segments that were counted, with an interval for what nobody can know.

Thin for now: what is certain is exact (base price, carriers' estimate, pumping protection), and the interval comes from a
plain assumption about how many messages fail; a failed message pays the fee instead of the price. The assumption is an
argument, so that an account's own history can replace it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from analytics.pricing import Line, MessageFacts, price, unrated
from analytics.rates import Card
from models.charges import ChargeKind
from models.messages import Kind, MessageStatus

FAILED_PER_THOUSAND = (0, 20, 100)
"""Fewest, expected and most messages of a thousand that end as `failed`: our guess, unconfirmed, no source."""


@dataclass(frozen=True)
class Forecast:
    """Micros: `low_u` if many fail, `expected_u`, `high_u` if none does; `lines` are those of `high_u`, by country and kind."""

    low_u: int
    expected_u: int
    high_u: int
    lines: tuple[tuple[str, Line], ...]
    """(country, line over all of its messages)."""
    unrated: tuple[str, ...]
    """Countries that the card has no price for: their messages are not in the figures."""
    confirmed: bool


def forecast(
    by_region: Mapping[str, tuple[int, int]],
    sender_kind: str,
    card: Card,
    *,
    day: date,
    pumping_on: bool,
    kind: Kind = Kind.SMS,
    failed_per_thousand: tuple[int, int, int] = FAILED_PER_THOUSAND,
) -> Forecast:
    """What (messages, segments) per country would cost if they left on a day from a kind of sender.

    The bounds are those of `price` over the rows that a run would create: the same card, the same rules.
    """
    facts = MessageFacts(MessageStatus.DELIVERED, day, "", 0, kind=kind, sender_kind=sender_kind, pumping=pumping_on)
    lines: list[tuple[str, Line]] = []
    sums_u = [0, 0, 0]
    missing: list[str] = []
    for region, (messages, segments) in sorted(by_region.items()):
        there = replace(facts, region=region, segments=1)
        if unrated(there, card):
            missing.append(region)
        sent = [_times(line, messages, segments) for line in price(there, card)]
        lines += [(region, line) for line in sent]
        fee_u = sum(line.cost_u for line in price(replace(there, status=MessageStatus.FAILED), card))
        sent_u = sum(line.cost_u for line in sent)
        for place, share in enumerate(sorted(failed_per_thousand)):
            failed = messages * share // 1_000
            sums_u[place] += failed * fee_u + (sent_u * (messages - failed) // messages if messages else 0)
    high_u, expected_u, low_u = sums_u
    return Forecast(low_u, expected_u, high_u, tuple(lines), tuple(missing), all(line.confirmed for _, line in lines))


def _times(line: Line, messages: int, segments: int) -> Line:
    """The line of one message of one segment, over all of them."""
    count = messages if line.unit == "message" or line.kind is ChargeKind.PUMPING_PROTECTION else segments
    return replace(line, quantity=count, cost_u=line.unit_cost_u * count, price_u=line.unit_price_u * count)
