"""What the simulated Twilio has metered: usage by day and category, and prices that reach a message late.

Usage is booked when a message leaves, fails or arrives, and stays when the message is deleted. Carrier fees are inside
a message's price and a category of their own in usage; the failed-message fee and the pumping fee exist in usage only.
Whether a live account does the same with the last two is unconfirmed.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sender.simulated_accounts import SimulatedAccount, kind_of
from sender.simulated_prices import PriceTable
from sender.simulated_schedule import Clock
from sender.simulated_store import SimulatedMessage

FAILED = "failed-message-processing-fee"
PUMPING = "sms-pumping-protection"
SENDER_KINDS = ("longcode", "shortcode", "tollfree")
LEAVES = (
    *(f"sms-{way}-{kind}" for way in ("outbound", "inbound") for kind in SENDER_KINDS),
    *(f"mms-{way}-{kind}" for way in ("outbound", "inbound") for kind in SENDER_KINDS),
    "sms-messages-carrierfees",
    "mms-messages-carrierfees",
    FAILED,
    PUMPING,
)
ROLL_UPS = {
    "sms": ("sms-outbound-", "sms-inbound-"),
    "sms-outbound": ("sms-outbound-",),
    "sms-inbound": ("sms-inbound-",),
    "mms": ("mms-outbound-", "mms-inbound-"),
    "mms-outbound": ("mms-outbound-",),
    "mms-inbound": ("mms-inbound-",),
    "totalprice": ("",),
}


@dataclass(slots=True)
class Meter:
    """One day and category: events, billed units and USD."""

    count: int = 0
    usage: int = 0
    price: Decimal = Decimal(0)

    def add(self, count: int, usage: int, price: Decimal) -> None:
        """Book more onto this day."""
        self.count += count
        self.usage += usage
        self.price += price


class Ledger:
    """Books usage and sets the price of messages; the network calls it while it holds the store's lock."""

    def __init__(self, prices: PriceTable, clock: Clock) -> None:
        self._prices = prices
        self._clock = clock
        self._meters: dict[tuple[str, date, str], Meter] = {}

    def sent(self, account: SimulatedAccount, message: SimulatedMessage) -> None:
        """Book a message that left: the base price, the carrier's fee and, where it is on, pumping protection."""
        media = bool(message.media)
        cost = self._prices.outbound(message.to, segments=message.segments, media=media)
        channel, units = ("mms", 1) if media else ("sms", message.segments)
        self._book(account, f"{channel}-outbound-{_kind(message.from_)}", units, cost.base)
        if cost.carrier_fee:
            self._book(account, f"{channel}-messages-carrierfees", units, cost.carrier_fee)
        fee = self._prices.amount("pumping-fee", message.to)
        if fee and account.pumping_protection and message.risk_check and not media:
            self._book(account, PUMPING, 1, fee)

    def failed(self, account: SimulatedAccount, message: SimulatedMessage) -> None:
        """Book the failed-message fee, once a message, unless the code is exempt."""
        if message.error_code not in self._prices.exempt_codes:
            self._book(account, FAILED, 1, self._prices.amount("failed-fee", message.to))

    def received(self, account: SimulatedAccount, message: SimulatedMessage) -> None:
        """Book an inbound message and price it at once."""
        media = bool(message.media)
        cost = self._prices.inbound(message.from_ or "", segments=message.segments, media=media)
        channel, units = ("mms", 1) if media else ("sms", message.segments)
        self._book(account, f"{channel}-inbound-{_kind(message.to)}", units, cost.base)
        message.price = -cost.base

    def price(self, message: SimulatedMessage) -> None:
        """Give an outbound message its price: base and carrier fee as one negative number."""
        cost = self._prices.outbound(message.to, segments=message.segments, media=bool(message.media))
        message.price = -(cost.base + cost.carrier_fee)
        message.updated = self._clock()

    def total(self, account_sid: str, category: str, first: date, last: date) -> Meter:
        """Everything booked on a category, or on the leaves of a roll-up, from `first` to `last` inclusive (GMT)."""
        prefixes = ROLL_UPS.get(category)
        total = Meter()
        for (sid, day, leaf), meter in list(self._meters.items()):
            inside = leaf == category if prefixes is None else leaf.startswith(prefixes)
            if sid == account_sid and first <= day <= last and inside:
                total.add(meter.count, meter.usage, meter.price)
        return total

    def clear(self) -> None:
        """Forget everything booked."""
        self._meters.clear()

    def _book(self, account: SimulatedAccount, category: str, units: int, price: Decimal) -> None:
        key = (account.sid, self._clock().date(), category)
        self._meters.setdefault(key, Meter()).add(1, units, price)


def _kind(sender: str | None) -> str:
    kind = kind_of(sender or "")
    return kind if kind in SENDER_KINDS else "longcode"
