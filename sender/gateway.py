"""Our side of Twilio: send, fetch, find, cancel, redact, and what an account owns; the only import of the SDK.

Every failure is one of three exceptions, one for each decision of the caller (drawn in `gateway_errors`):

    Rejected    give up on this message; `.stops_run`: give up on the run
    Throttled   wait, it was certainly not sent
    InDoubt     it may have been sent: settle that first

The SDK's own retries, logging and environment variables are off: a retried POST is a second text message, and its log
holds phone numbers.
"""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any, TypeVar

import aiohttp
from twilio.base import values
from twilio.base.exceptions import TwilioException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from sender import gateway_records as records
from sender.destinations import Destination
from sender.gateway_errors import GatewayError, InDoubt, Rejected, Throttled, Unsent
from sender.gateway_line import Line, event_loop
from sender.gateway_records import (
    AccountStatus,
    CountryPrices,
    Price,
    Remote,
    Sender,
    Sent,
    Service,
    UsageDay,
    Verification,
)
from sender.gateway_wire import Wire

__all__ = [
    "AccountStatus",
    "CountryPrices",
    "Gateway",
    "GatewayError",
    "InDoubt",
    "Price",
    "Rejected",
    "Remote",
    "Sender",
    "Sent",
    "Service",
    "Throttled",
    "Unsent",
    "UsageDay",
    "Verification",
    "signature_ok",
]

T = TypeVar("T")
_PAGE = 1000
_UNREADABLE = (TwilioException, ValueError, TypeError, KeyError, AttributeError, ArithmeticError)
_AT_TWILIO = "https://api.twilio.com/2010-04-01/Accounts"


class Gateway:
    """One Twilio account. Safe to share between threads: each gets a client and connections of its own for what it reads, and
    all texts leave by the process's one event loop.

    `api_key` is (SID, secret) and replaces the token for requests. `base_url` sends every request to another host,
    such as the simulator. `timeout` is (seconds to connect, seconds in all). In `test_mode` nothing reaches the live Twilio.
    """

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        *,
        api_key: tuple[str, str] | None = None,
        base_url: str | None = None,
        timeout: tuple[float, float] = (5.0, 30.0),
        test_mode: bool = False,
    ) -> None:
        self.account_sid = account_sid
        self._to = Destination(base_url, account_sid, test_mode)
        self._user, self._secret = api_key or (account_sid, auth_token)
        self._base_url = base_url
        self._timeout = timeout
        self._clients = threading.local()

    def send(
        self,
        *,
        to: str,
        body: str,
        from_: str | None = None,
        messaging_service_sid: str | None = None,
        status_callback: str | None = None,
        validity_seconds: int | None = None,
        media_urls: Sequence[str] = (),
    ) -> Sent:
        """`send_async`, waited for: for one text, never on the event loop itself."""
        form = _form(to, body, from_, messaging_service_sid, status_callback, validity_seconds, media_urls)
        return asyncio.run_coroutine_threadsafe(self._create(form), event_loop()).result()

    async def send_async(
        self,
        *,
        to: str,
        body: str,
        from_: str | None = None,
        messaging_service_sid: str | None = None,
        status_callback: str | None = None,
        validity_seconds: int | None = None,
        media_urls: Sequence[str] = (),
    ) -> Sent:
        """Hand one message to Twilio; exactly one of `from_` and `messaging_service_sid` must be given.

        `validity_seconds` (1 to 36000) is how long Twilio may keep it queued. Commit the intent before calling this. To be
        awaited on `sender.gateway_line.event_loop()`.
        """
        return await self._create(
            _form(to, body, from_, messaging_service_sid, status_callback, validity_seconds, media_urls)
        )

    async def _create(self, form: Mapping[str, object]) -> Sent:
        """What the SDK's `messages.create_async` does, without the layers that would take as long as the rest."""
        try:
            line, address, headers = self._outbox
            answer = await line.exchange("POST", address, data=form, headers=headers)
            return records.sent(json.loads(answer.text))
        except Rejected as rejected:
            rejected.stops_run |= rejected.http_status == 404  # no such account or service: nothing will go
            raise
        except _UNREADABLE as error:
            raise InDoubt(f"Twilio's answer could not be read ({type(error).__name__}).") from None

    def fetch(self, sid: str) -> Remote:
        """A message by its SID; Rejected with code 20404 when Twilio does not have it."""
        return self._read(lambda: records.remote(self._client.messages(sid).fetch()))

    def find(self, *, to: str, since: datetime, until: datetime, limit: int = 1000) -> list[Remote]:
        """Outbound messages to `to` created from `since` to `until`, newest first: how a send in doubt is settled.

        Twilio lists by recipient and cannot filter by creation, so at most `limit` messages are read; InDoubt when
        that was not enough to reach back to `since`. Twilio's dates are whole seconds, and so is the window.
        """
        _window(since, until)
        first = since.replace(microsecond=0)
        found: list[Remote] = []
        read = 0
        for record in self._records(lambda c: c.messages.stream(to=to, limit=limit, page_size=min(50, limit))):
            remote = self._read(lambda record=record: records.remote(record))  # type: ignore[misc]
            read += 1
            if remote.date_created < first:
                return found
            if remote.date_created <= until and remote.direction != "inbound":
                found.append(remote)
        if read >= limit:
            raise InDoubt("Twilio lists more messages to this recipient than may be read.")
        return found

    def sent_between(self, since: datetime, until: datetime, *, limit: int = 100_000) -> list[Remote]:
        """Messages that left (or arrived) from `since` to `until`, newest first, at most `limit`: to pull late prices.

        A message that failed before it left has no such date and is never among them: fetch it by its SID.
        """
        _window(since, until)
        return self._all(
            lambda c: c.messages.stream(date_sent_after=since, date_sent_before=until, limit=limit, page_size=_PAGE),
            records.remote,
        )

    def cancel(self, sid: str) -> Remote:
        """Cancel a message that is still scheduled."""
        return self._read(lambda: records.remote(self._client.messages(sid).update(status="canceled")))

    def redact(self, sid: str) -> Remote:
        """Remove the text of a message at Twilio and keep the rest."""
        return self._read(lambda: records.remote(self._client.messages(sid).update(body="")))

    def delete(self, sid: str) -> None:
        """Delete a message at Twilio, for good; usage keeps counting it."""
        self._read(lambda: self._client.messages(sid).delete())

    def account(self) -> AccountStatus:
        """The account itself: also the cheapest proof that the credentials work."""
        return self._read(lambda: records.account_status(self._client.api.accounts(self.account_sid).fetch()))

    def senders(self) -> list[Sender]:
        """Every phone number and short code the account owns."""
        numbers = self._all(lambda c: c.incoming_phone_numbers.stream(page_size=_PAGE), records.number)
        return numbers + self._all(lambda c: c.short_codes.stream(page_size=_PAGE), records.short_code)

    def messaging_services(self) -> list[Service]:
        """Every messaging service with its pool."""

        def pool(service: Any) -> Service:
            phones = self._all(
                lambda c: c.messaging.v1.services(service.sid).phone_numbers.stream(page_size=_PAGE),
                lambda number: str(number.phone_number),
            )
            return Service(
                str(service.sid),
                str(service.friendly_name),
                tuple(phones),
                service.inbound_request_url or "",
                service.status_callback or "",
            )

        return self._all(lambda c: c.messaging.v1.services.stream(page_size=_PAGE), pool)

    def verifications(self) -> list[Verification]:
        """Every toll-free verification of the account."""
        return self._all(lambda c: c.messaging.v1.tollfree_verifications.stream(page_size=_PAGE), records.verification)

    def usage(
        self, start: date, end: date, category: str | None = None, *, subaccounts: bool = False
    ) -> list[UsageDay]:
        """Daily usage from `start` to `end` inclusive (GMT); parents are roll-ups, so never add one to its children."""
        return self._all(
            lambda c: c.usage.records.daily.stream(
                category=category or values.unset,
                start_date=start,
                end_date=end,
                include_subaccounts=subaccounts,
                page_size=_PAGE,
            ),
            records.usage_day,
        )

    def prices(self, country: str) -> CountryPrices:
        """Twilio's SMS prices for a country (two letters)."""
        return self._read(lambda: records.country_prices(self._client.pricing.v1.messaging.countries(country).fetch()))

    @cached_property
    def _outbox(self) -> tuple[Line, str, dict[str, str]]:
        """Where texts are posted: connections of the event loop, the address, judged once, and the SDK's own headers."""
        address = self._to.address("POST", f"{_AT_TWILIO}/{self.account_sid}/Messages.json")
        connect, total = self._timeout
        line = Line(proxied=self._base_url is None, connect=connect, total=total)  # a simulator needs no proxy
        headers = self._client.get_headers("POST", None)
        return line, address, {**headers, "Authorization": aiohttp.encode_basic_auth(self._user, self._secret)}

    def _new_client(self, wire: HttpClient) -> Client:
        return Client(
            self._user,
            self._secret,
            self.account_sid,
            http_client=wire,
            environment={"textledger": "reads no environment"},
        )

    @property
    def _client(self) -> Client:
        client: Client | None = getattr(self._clients, "client", None)
        if client is None:
            connect, total = self._timeout
            wire = Wire(base_url=self._base_url, connect=connect, total=total)
            self._clients.wire = wire
            client = self._clients.client = self._new_client(_WireClient(self._to, wire))
        return client

    def _read(self, make: Callable[[], T]) -> T:
        """Ask and read the answer; one that cannot be read leaves the request in doubt."""
        try:
            return make()
        except _UNREADABLE as error:
            if not self._clients.wire.written:
                raise  # nothing was asked: a mistake of ours
            raise InDoubt(f"Twilio's answer could not be read ({type(error).__name__}).") from None

    def _records(self, stream: Callable[[Client], Iterable[Any]]) -> Iterator[Any]:
        """The records of a list; whatever the SDK cannot read of it is InDoubt."""
        iterator = self._read(lambda: iter(stream(self._client)))
        while (record := self._read(lambda: next(iterator, None))) is not None:
            yield record

    def _all(self, stream: Callable[[Client], Iterable[Any]], make: Callable[[Any], T]) -> list[T]:
        return [self._read(lambda record=record: make(record)) for record in self._records(stream)]  # type: ignore[misc]


def signature_ok(
    url: str, params: Mapping[str, str | Sequence[str]] | str, signature: str, *, tokens: Iterable[str]
) -> bool:
    """Whether Twilio signed this webhook with one of `tokens` (two while a token is rotated).

    `url` is the exact external address, query included. `params` are all form parameters, a name with several values
    as a sequence, or the raw body of a JSON request.
    """
    form = params if isinstance(params, str) else _Form(params)
    found = [bool(token) and RequestValidator(token).validate(url, form, signature) for token in tokens]
    return any(found)


class _Form(dict[str, "str | Sequence[str]"]):
    """Form parameters in the shape the SDK's validator reads several values from."""

    def getlist(self, name: str) -> list[str]:
        value = self[name]
        return [value] if isinstance(value, str) else list(value)


class _WireClient(HttpClient):  # type: ignore[misc]  # the SDK has no types
    """The SDK's transport: our wire, without the SDK's logging."""

    def __init__(self, to: Destination, wire: Wire) -> None:
        super().__init__(logging.getLogger(__name__), False)  # noqa: FBT003  # the SDK's own signature
        self._to, self._wire = to, wire

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # ours is the wire's
        allow_redirects: bool = False,  # a redirected POST could be sent twice
    ) -> Response:
        address = self._to.address(method, uri)
        answer = self._wire.exchange(method, address, params=params, data=data, headers=headers, auth=auth)
        return Response(answer.status_code, answer.text, answer.headers)


def _form(
    to: str,
    body: str,
    from_: str | None,
    service: str | None,
    status_callback: str | None,
    validity_seconds: int | None,
    media_urls: Sequence[str],
) -> dict[str, object]:
    """A message as Twilio's form has it."""
    if (from_ is None) == (service is None):
        raise ValueError("a message needs either a sender or a messaging service")
    options: dict[str, object] = {
        "To": to, "From": from_, "MessagingServiceSid": service, "StatusCallback": status_callback,
        "ValidityPeriod": validity_seconds, "MediaUrl": list(media_urls) or None, "Body": body or None,
    }  # fmt: skip
    return {name: value for name, value in options.items() if value is not None}


def _window(since: datetime, until: datetime) -> None:
    if since.tzinfo is None or until.tzinfo is None:
        raise ValueError("a window needs aware times")
