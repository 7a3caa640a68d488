"""What the gateway answers: frozen records with typed values, made from what the SDK read.

The makers raise ValueError, TypeError, KeyError or AttributeError for an answer that lacks what it must have.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Sent:
    """Twilio took a message. `segments` is None while a messaging service has not chosen the sender."""

    sid: str
    status: str
    segments: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Remote:
    """A message as Twilio holds it. `price` is positive, in `price_unit`, carrier fees included; None: not known yet."""

    sid: str
    status: str
    direction: str
    to: str
    from_: str | None
    messaging_service_sid: str | None
    body: str
    segments: int | None
    media: int
    price: Decimal | None
    price_unit: str
    error_code: int | None
    date_created: datetime
    date_sent: datetime | None


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """An account: `type` is Trial or Full, `status` active, suspended or closed."""

    name: str
    sid: str
    type: str
    status: str


@dataclass(frozen=True, slots=True)
class Sender:
    """A phone number or short code that the account owns."""

    phone: str
    sid: str
    name: str
    sms: bool
    mms: bool
    sms_url: str


@dataclass(frozen=True, slots=True)
class Service:
    """A messaging service and the phones of its pool."""

    sid: str
    name: str
    phones: tuple[str, ...]
    inbound_url: str
    status_callback: str


@dataclass(frozen=True, slots=True)
class Verification:
    """A toll-free verification; `status` is one of Twilio's four words, only TWILIO_APPROVED may send."""

    sid: str
    phone_sid: str
    phone: str
    status: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class UsageDay:
    """Twilio's total of one category on one day (GMT): `count` events, `usage` whole billed units, `price` after discounts.

    `as_of` is how fresh the total is. `totalprice` counts dollars, so only its `price` means anything.
    """

    day: date
    category: str
    count: int
    usage: int
    usage_unit: str
    price: Decimal
    price_unit: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Price:
    """One price of a segment: `base` is the list's, `current` the account's own. `carrier` is empty for inbound."""

    carrier: str
    number_type: str
    base: Decimal
    current: Decimal


@dataclass(frozen=True, slots=True)
class CountryPrices:
    """Twilio's SMS prices of a country; carrier fees, MMS and other fees are not part of it."""

    country: str
    unit: str
    outbound: tuple[Price, ...]
    inbound: tuple[Price, ...]


def sent(answer: Mapping[str, Any]) -> Sent:
    """From the JSON that answers a create request."""
    sid = str(answer["sid"] or "")
    if not sid.startswith(("SM", "MM")):
        raise ValueError("an answer without a SID")
    segments, created = answer.get("num_segments"), _created(answer["date_created"])
    return Sent(sid, str(answer.get("status")), _segments(segments), created)


@lru_cache(maxsize=16)
def _created(written: str) -> datetime:
    """Twilio writes whole seconds, so many messages in a row say the same."""
    return _aware(parsedate_to_datetime(written))


def remote(record: Any) -> Remote:
    """From a message resource."""
    return Remote(
        sid=str(record.sid),
        status=str(record.status),
        direction=str(record.direction),
        to=str(record.to or ""),
        from_=record.from_ or None,
        messaging_service_sid=record.messaging_service_sid or None,
        body=record.body or "",
        segments=_segments(record.num_segments),
        media=int(record.num_media or 0),
        price=None if record.price is None else abs(Decimal(record.price)),
        price_unit=(record.price_unit or "USD").upper(),
        error_code=record.error_code,
        date_created=_aware(record.date_created),
        date_sent=None if record.date_sent is None else _aware(record.date_sent),
    )


def account_status(record: Any) -> AccountStatus:
    """From an account resource."""
    return AccountStatus(str(record.friendly_name), str(record.sid), str(record.type), str(record.status))


def number(record: Any) -> Sender:
    """From an incoming phone number."""
    able: Mapping[str, bool] = record.capabilities or {}
    return Sender(
        str(record.phone_number),
        str(record.sid),
        record.friendly_name or "",
        bool(able.get("sms")),
        bool(able.get("mms")),
        record.sms_url or "",
    )


def short_code(record: Any) -> Sender:
    """From a short code, which has no list of capabilities."""
    return Sender(
        str(record.short_code),
        str(record.sid),
        record.friendly_name or "",
        sms=True,
        mms=False,
        sms_url=record.sms_url or "",
    )


def verification(record: Any) -> Verification:
    """From a toll-free verification."""
    return Verification(
        str(record.sid),
        str(record.tollfree_phone_number_sid),
        record.tollfree_phone_number or "",
        str(record.status),
        record.rejection_reason,
    )


def usage_day(record: Any) -> UsageDay:
    """From a daily usage record."""
    return UsageDay(
        day=record.start_date,
        category=str(record.category),
        count=int(Decimal(record.count or 0)),
        usage=int(Decimal(record.usage or 0)),
        usage_unit=record.usage_unit or "",
        price=Decimal(record.price or 0),
        price_unit=(record.price_unit or "usd").upper(),
        as_of=_aware(datetime.fromisoformat(record.as_of)),
    )


def country_prices(record: Any) -> CountryPrices:
    """From the messaging prices of a country."""
    outbound = [
        Price(str(row["carrier"]), str(p["number_type"]), _usd(p["base_price"]), _usd(p["current_price"]))
        for row in record.outbound_sms_prices
        for p in row["prices"]
    ]
    inbound = [
        Price("", str(p["number_type"]), _usd(p["base_price"]), _usd(p["current_price"]))
        for p in record.inbound_sms_prices
    ]
    return CountryPrices(str(record.iso_country), str(record.price_unit).upper(), tuple(outbound), tuple(inbound))


def _usd(written: object) -> Decimal:
    return Decimal(str(written))


def _segments(written: str | None) -> int | None:
    """Twilio says "0" while it does not know yet."""
    return int(written or 0) or None


def _aware(when: object) -> datetime:
    if not isinstance(when, datetime) or when.tzinfo is None:
        raise ValueError("an answer without a date")
    return when
