"""The usage records of the simulated Twilio: what its ledger booked, by category, in all or day by day (GMT)."""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from werkzeug.wrappers import Request

from sender.simulated_accounts import SimulatedAccount
from sender.simulated_errors import Refusal
from sender.simulated_ledger import LEAVES, ROLL_UPS, Ledger, Meter
from sender.simulated_messages import PREFIX, page_size

_OFFSET = re.compile(r"([+-]\d+)days?")


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
