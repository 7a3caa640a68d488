"""What the simulated Twilio charges: a price table from data, and the price of one message.

The table is `simulated_prices.csv`: approximate list prices and carrier fees, for rehearsals. It is the provider's
side and shares nothing with our rate cards, so that reconciling them means something.
"""

import csv
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Tariff:
    """One row: `kind` (for example `sms-outbound`), `country` (ISO or `*`), a carrier's `name`, its `share`, USD."""

    kind: str
    country: str
    name: str
    share: float
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Cost:
    """What one message costs: `base` and `carrier_fee` in USD, for all its segments."""

    base: Decimal
    carrier_fee: Decimal = ZERO


class PriceTable:
    """Rows of the price file, looked up by kind and country."""

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        self.prefixes: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.exempt_codes: set[int] = set()
        self._tariffs: dict[tuple[str, str], list[Tariff]] = {}
        for row in rows:
            kind, place, name = row["kind"], row["country"], row["name"]
            if kind == "prefix":
                self.prefixes[name] = place
            elif kind == "name":
                self.names[place] = name
            elif kind == "failed-fee-exempt":
                self.exempt_codes.add(int(name))
            else:
                tariff = Tariff(kind, place, name, float(row["share"]), Decimal(row["usd"]))
                self._tariffs.setdefault((kind, place), []).append(tariff)

    def tariffs(self, kind: str, place: str) -> list[Tariff]:
        """The rows of a kind in a country, else those of `*`, else none."""
        return self._tariffs.get((kind, place)) or self._tariffs.get((kind, "*"), [])

    def amount(self, kind: str, phone: str) -> Decimal:
        """USD of one unit of `kind` to or from `phone`; the carrier is drawn once and for all from the number."""
        choices = self.tariffs(kind, self.country(phone))
        position = random.Random(f"carrier|{phone}").random() * sum(choice.share for choice in choices)
        for choice in choices:
            if position < choice.share:
                return choice.usd
            position -= choice.share
        return choices[-1].usd if choices else ZERO

    def country(self, phone: str) -> str:
        """The ISO code of the longest known prefix of a number, or `*`."""
        digits = phone.removeprefix("+")
        for length in range(4, 0, -1):
            if digits[:length] in self.prefixes:
                return self.prefixes[digits[:length]]
        return "*"

    def outbound(self, to: str, *, segments: int, media: bool) -> Cost:
        """The cost of a message to `to`: an SMS by segment, an MMS as one."""
        kind, units = ("mms", 1) if media else ("sms", segments)
        return Cost(self.amount(f"{kind}-outbound", to) * units, self.amount(f"{kind}-carrier-fee", to) * units)

    def inbound(self, from_: str, *, segments: int, media: bool) -> Cost:
        """The cost of a message received from `from_`."""
        kind, units = ("mms", 1) if media else ("sms", segments)
        return Cost(self.amount(f"{kind}-inbound", from_) * units)


@cache
def price_table() -> PriceTable:
    """The table that comes with the simulator."""
    path = Path(__file__).with_name("simulated_prices.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return PriceTable(csv.DictReader(line for line in file if not line.startswith("#")))


def country(phone: str) -> str:
    """The ISO code of a number's country by the table that comes with the simulator."""
    return price_table().country(phone)
