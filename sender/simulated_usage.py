"""What the simulated Twilio has metered: prices that reach a message late, and usage records by day and category.

Usage is booked when a message leaves, fails or arrives, and stays when the message is deleted. Carrier fees are inside
a message's price and a category of their own in usage; the failed-message fee and the pumping fee exist in usage only.
Whether a live account does the same with the last two is unconfirmed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from werkzeug.wrappers import Request

from sender.simulated_accounts import SimulatedAccount, kind_of
from sender.simulated_errors import Refusal
from sender.simulated_messages import PREFIX, page_size
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
_OFFSET = re.compile(r"([+-]\d+)days?")


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


def page(
    ledger: Ledger, account: SimulatedAccount, request: Request, *, daily: bool, now: datetime
) -> dict[str, object]:
    """A page of usage records, one a category, or one a day and category if `daily`."""
    first = _day(request.args.get("StartDate"), now.date(), default=now.date() - timedelta(days=30))
    last = _day(request.args.get("EndDate"), now.date(), default=now.date())
    size, number = page_size(request), int(request.args.get("Page", "0"))
    spans = [(first, last)]
    if daily:
        spans = [(first + timedelta(days=n),) * 2 for n in range((last - first).days + 1)]
    records = list(_records(ledger, account, request.args.get("Category"), spans, now))
    shown = records[number * size : (number + 1) * size]
    uri = f"{PREFIX}/{account.sid}/Usage/Records{'/Daily' if daily else ''}.json"
    query = "&".join(f"{name}={value}" for name, value in request.args.items() if name != "Page")
    more = len(records) > (number + 1) * size
    return {
        "usage_records": shown, "page": number, "page_size": size, "start": number * size,
        "end": number * size + max(0, len(shown) - 1), "uri": uri, "first_page_uri": f"{uri}?{query}&Page=0",
        "next_page_uri": f"{uri}?{query}&Page={number + 1}" if more else None, "previous_page_uri": None,
    }  # fmt: skip


def _records(
    ledger: Ledger, account: SimulatedAccount, category: str | None, spans: list[tuple[date, date]], now: datetime
) -> Iterator[dict[str, object]]:
    wanted = (category,) if category else (*ROLL_UPS, *LEAVES)
    for first, last in reversed(spans):
        for name in wanted:
            meter = ledger.total(account.sid, name, first, last)
            if meter.count or category or len(spans) == 1:
                yield _shape(account, name, meter, first, last, now)


def _shape(
    account: SimulatedAccount, category: str, meter: Meter, first: date, last: date, now: datetime
) -> dict[str, object]:
    segments = category.startswith("sms")
    return {
        "account_sid": account.sid,
        "api_version": "2010-04-01",
        "as_of": now.strftime("%Y-%m-%dT%H:%M:%S+00:00"),
        "category": category,
        "description": category.replace("-", " "),
        "count": str(meter.count),
        "count_unit": "messages",
        "usage": str(meter.price if category == "totalprice" else meter.usage),
        "usage_unit": "usd" if category == "totalprice" else "segments" if segments else "messages",
        "price": str(meter.price),
        "price_unit": "usd",
        "start_date": first.isoformat(),
        "end_date": last.isoformat(),
        "subresource_uris": {},
        "uri": f"{PREFIX}/{account.sid}/Usage/Records.json?Category={category}&StartDate={first}&EndDate={last}",
    }


def _day(written: str | None, today: date, *, default: date) -> date:
    if not written:
        return default
    if offset := _OFFSET.fullmatch(written):
        return today + timedelta(days=int(offset[1]))
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise Refusal(20001) from None


def _kind(sender: str | None) -> str:
    kind = kind_of(sender or "")
    return kind if kind in SENDER_KINDS else "longcode"
