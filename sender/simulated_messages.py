"""The Messages resource of the simulated Twilio: create, fetch, list, update and delete, with its checks and shape."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from itertools import islice
from urllib.parse import urlencode, urlsplit

from werkzeug.wrappers import Request

from sender.simulated_accounts import SimulatedAccount, kind_of
from sender.simulated_behaviour import ENDINGS
from sender.simulated_errors import Refusal, sentence
from sender.simulated_network import Network, new_sid
from sender.simulated_prices import country
from sender.simulated_segments import count
from sender.simulated_store import SimulatedMessage

PREFIX = "/2010-04-01/Accounts"
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_NANP = re.compile(r"\+1[2-9]\d\d[2-9]\d{6}")
_ALPHANUMERIC = re.compile(r"[A-Za-z0-9 ]{1,11}")
_LONGEST_BODY = 1600
_MMS_COUNTRIES = ("US", "CA", "AU")


def create(network: Network, account: SimulatedAccount, request: Request) -> SimulatedMessage:
    """Accept a message or raise the Refusal that Twilio would answer; a refused message leaves no trace."""
    form = request.form
    media = tuple(form.getlist("MediaUrl"))
    body = form.get("Body", "")
    to = _destination(network, form.get("To", ""))
    _content(body, media, to)
    if account.status != "active":
        raise Refusal(90010, status=HTTPStatus.FORBIDDEN)
    service_sid = form.get("MessagingServiceSid") or None
    from_ = form.get("From") or None
    if from_ is None:
        _service(network, account, service_sid, to)
    else:
        _sender(network, account, from_, to, mms=bool(media))
    now = network.schedule.clock()
    send_at = _send_at(form.get("ScheduleType"), form.get("SendAt"), service_sid, now)
    segments = 1 if media else count(body)
    chosen = from_ is not None
    message = SimulatedMessage(
        sid=new_sid("MM" if media else "SM"), account_sid=account.sid, to=to, from_=from_, body=body,
        direction="outbound-api", status="scheduled" if send_at else "queued" if chosen else "accepted",
        created=now, updated=now, segments=segments, shown_segments=segments if chosen else 0, media=media,
        service_sid=service_sid, callback_url=_callback(account, form.get("StatusCallback"), service_sid),
        validity=_validity(form.get("ValidityPeriod")), risk_check=form.get("RiskCheck") != "disable", send_at=send_at,
    )  # fmt: skip
    return network.submit(message)


def update(network: Network, message: SimulatedMessage, request: Request) -> None:
    """`Body=` with nothing redacts the text; `Status=canceled` cancels a scheduled message."""
    if request.form.get("Status") == "canceled":
        if not network.cancel(message):
            raise Refusal(30409)
    elif request.form.get("Body") == "":
        message.body = ""
    else:
        raise Refusal(20001)


def page(network: Network, account: SimulatedAccount, request: Request) -> dict[str, object]:
    """A page of the list: filters To, From and DateSent (=, <, >), newest first, `next_page_uri` until the end."""
    size = page_size(request)
    found = _filtered(network, account, request)
    token = request.args.get("PageToken", "").removeprefix("PA")
    if token:
        for message in found:
            if message.sid == token:
                break
    shown = list(islice(found, size))
    number = int(request.args.get("Page", "0"))
    more = next(found, None) is not None
    uri = f"{PREFIX}/{account.sid}/Messages.json"
    return {
        "messages": [shape(message) for message in shown],
        "page": number, "page_size": size, "start": number * size, "end": number * size + max(0, len(shown) - 1),
        "uri": request.full_path.rstrip("?"), "first_page_uri": _link(uri, request, page="0", token=""),
        "next_page_uri": _link(uri, request, page=str(number + 1), token=f"PA{shown[-1].sid}") if more else None,
        "previous_page_uri": None,
    }  # fmt: skip


def shape(message: SimulatedMessage) -> dict[str, object]:
    """The twenty fields of the resource, all numbers but `error_code` as strings."""
    uri = f"{PREFIX}/{message.account_sid}/Messages/{message.sid}"
    return {
        "sid": message.sid,
        "account_sid": message.account_sid,
        "messaging_service_sid": message.service_sid,
        "body": message.body,
        "from": message.from_,
        "to": message.to,
        "direction": message.direction,
        "status": message.status,
        "num_segments": str(message.shown_segments),
        "num_media": str(len(message.media)),
        "price": None if message.price is None else f"{message.price:.5f}",
        "price_unit": "USD",
        "error_code": message.error_code,
        "error_message": sentence(message.error_code),
        "date_created": rfc2822(message.created),
        "date_sent": rfc2822(message.sent),
        "date_updated": rfc2822(message.updated),
        "api_version": "2010-04-01",
        "uri": f"{uri}.json",
        "subresource_uris": {"media": f"{uri}/Media.json", "feedback": f"{uri}/Feedback.json"},
    }


def rfc2822(when: datetime | None) -> str | None:
    """A date as the 2010 API writes it, in whole seconds; None stays null."""
    return None if when is None else format_datetime(when.astimezone(UTC))


def page_size(request: Request) -> int:
    """The page size asked for: 50 unless given, at most 1000."""
    return max(1, min(1000, int(request.args.get("PageSize", "50"))))


def _link(uri: str, request: Request, *, page: str, token: str) -> str:
    args = [(name, value) for name, value in request.args.items(multi=True) if name not in ("Page", "PageToken")]
    return f"{uri}?{urlencode([*args, ('Page', page), ('PageToken', token)])}"


def _filtered(network: Network, account: SimulatedAccount, request: Request) -> Iterator[SimulatedMessage]:
    args = request.args
    found: Iterable[SimulatedMessage] = network.store.newest(account.sid, args.get("To"))
    if lag := network.behaviour.listing_lag:
        seen = network.schedule.clock() - timedelta(seconds=lag / network.schedule.speed)
        found = (message for message in found if message.created <= seen)
    if from_ := args.get("From"):
        found = (message for message in found if message.from_ == from_)
    for name, upper, lower in (("DateSent", True, True), ("DateSent<", True, False), ("DateSent>", False, True)):
        if given := args.get(name):
            first, last = _span(given)
            found = _sent_between(found, first if lower else None, last if upper else None)
    return iter(found)


def _sent_between(
    found: Iterable[SimulatedMessage], first: datetime | None, last: datetime | None
) -> Iterator[SimulatedMessage]:
    for message in found:
        sent = message.sent
        if sent and (first is None or sent >= first) and (last is None or sent < last):
            yield message


def _span(written: str) -> tuple[datetime, datetime]:
    """The day or the second that a DateSent filter names, as [first, last)."""
    try:
        first = datetime.fromisoformat(written)
    except ValueError:
        raise Refusal(20001) from None
    first = first if first.tzinfo else first.replace(tzinfo=UTC)
    return first, first + (timedelta(days=1) if len(written) == 10 else timedelta(seconds=1))


def _destination(network: Network, to: str) -> str:
    if not to:
        raise Refusal(21604)
    if not _E164.fullmatch(to) or (to.startswith("+1") and not _NANP.fullmatch(to)):
        raise Refusal(21211)
    if country(to) in network.behaviour.geo_disabled:
        raise Refusal(21408)
    return to


def _content(body: str, media: tuple[str, ...], to: str) -> None:
    if not body and not media:
        raise Refusal(21602)
    if len(body) > _LONGEST_BODY:
        raise Refusal(21617)
    if len(media) > 10:
        raise Refusal(21623)
    if any(not url.startswith(("http://", "https://")) for url in media):
        raise Refusal(21620)
    if media and country(to) not in _MMS_COUNTRIES:
        raise Refusal(21612)


def _service(network: Network, account: SimulatedAccount, service_sid: str | None, to: str) -> None:
    if service_sid is None:
        raise Refusal(21603)
    service = account.service(service_sid)
    if service is None:
        raise Refusal(20404, status=HTTPStatus.NOT_FOUND)
    if network.behaviour.service_opt_out == "rejected" and (service_sid, to) in network.store.opt_outs:
        raise Refusal(21610)
    _refused_by_fate(to)


def _sender(network: Network, account: SimulatedAccount, from_: str, to: str, *, mms: bool) -> None:
    if kind_of(from_) == "alphanumeric":
        if not _ALPHANUMERIC.fullmatch(from_):
            raise Refusal(21212)
        if mms or country(to) in ("US", "CA"):
            raise Refusal(21606)
    else:
        number = account.number(from_)
        if number is None:
            raise Refusal(21606 if _E164.fullmatch(from_) or from_.isdigit() else 21212)
        if number.kind == "shortcode" and country(to) not in ("US", "CA"):
            raise Refusal(21606)
        if mms and not number.mms:
            raise Refusal(21621)
    service = account.service_of(from_)
    if (service.sid if service else from_, to) in network.store.opt_outs:
        raise Refusal(21610)
    if network.queue_left(account, from_) > network.behaviour.queue_seconds:
        raise Refusal(21611)
    _refused_by_fate(to)


def _refused_by_fate(to: str) -> None:
    planned = ENDINGS.get(to[-4:])
    if planned is not None and planned.refuse is not None:
        raise Refusal(planned.refuse)


def _send_at(kind: str | None, written: str | None, service_sid: str | None, now: datetime) -> datetime | None:
    if kind != "fixed" or not written:
        return None
    if service_sid is None:
        raise Refusal(35118)
    try:
        when = datetime.fromisoformat(written)
    except ValueError:
        raise Refusal(35114) from None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    if not timedelta(seconds=300) < when - now <= timedelta(days=35):
        raise Refusal(35114)
    return when


def _validity(written: str | None) -> int:
    if written is None:
        return 36_000
    if not written.isdigit() or not 1 <= int(written) <= 36_000:
        raise Refusal(30045)
    return int(written)


def _callback(account: SimulatedAccount, given: str | None, service_sid: str | None) -> str:
    service = account.service(service_sid or "")
    url = given or (service.status_callback if service else "")
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or "_" in parts.hostname):
        raise Refusal(21609)
    return url
