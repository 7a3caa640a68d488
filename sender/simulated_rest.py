"""The simulated Twilio's front door: who asks, for what, which fault meets the request, and the answer as JSON."""

import base64
import binascii
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from sender import simulated_catalogue, simulated_messages, simulated_usage, simulated_verifications
from sender.simulated_accounts import SimulatedAccount
from sender.simulated_errors import Refusal, shape
from sender.simulated_faults import Fault, FaultSwitch, read
from sender.simulated_ledger import Ledger
from sender.simulated_magic import magic
from sender.simulated_network import Network
from sender.simulated_prices import PriceTable
from sender.simulated_server import Dropped
from sender.simulated_store import SimulatedMessage, Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Answer = tuple[object, int]
_ACCOUNT = "/2010-04-01/Accounts/<account_sid>"
_MESSAGES = f"{_ACCOUNT}/Messages"
_MESSAGE_ACTIONS = {"GET": "fetch", "POST": "update", "DELETE": "delete"}
_MESSAGES_ACTIONS = {"GET": "list", "POST": "create"}

ROUTES = Map(
    [
        Rule(f"{_ACCOUNT}.json", endpoint="account"),
        Rule(f"{_MESSAGES}.json", endpoint="messages"),
        Rule(f"{_MESSAGES}/<sid>.json", endpoint="message"),
        Rule(f"{_ACCOUNT}/IncomingPhoneNumbers.json", endpoint="numbers"),
        Rule(f"{_ACCOUNT}/IncomingPhoneNumbers/<sid>.json", endpoint="number"),
        Rule(f"{_ACCOUNT}/SMS/ShortCodes.json", endpoint="short_codes"),
        Rule(f"{_ACCOUNT}/SMS/ShortCodes/<sid>.json", endpoint="number"),
        Rule(f"{_ACCOUNT}/Usage/Records.json", endpoint="usage"),
        Rule(f"{_ACCOUNT}/Usage/Records/Daily.json", endpoint="usage_daily"),
        Rule("/v1/Services", endpoint="services"),
        Rule("/v1/Services/<sid>", endpoint="service"),
        Rule("/v1/Services/<sid>/PhoneNumbers", endpoint="pool"),
        Rule("/v1/Tollfree/Verifications", endpoint="verifications"),
        Rule("/v1/Tollfree/Verifications/<sid>", endpoint="verification"),
        Rule("/v1/Messaging/Countries", endpoint="countries"),
        Rule("/v1/Messaging/Countries/<iso_country>", endpoint="country"),
    ],
    strict_slashes=False,
)


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request: what was asked, by whom."""

    request: Request
    account: SimulatedAccount
    test: bool


class Rest:
    """The WSGI application of Twilio's own addresses."""

    def __init__(
        self, network: Network, ledger: Ledger, prices: PriceTable, faults: FaultSwitch, review: Callable[[str], None]
    ) -> None:
        self._network = network
        self._ledger = ledger
        self._prices = prices
        self._faults = faults
        self._review = review
        self._store: Store = network.store
        self._clock = network.schedule.clock
        self._born = self._clock()
        self._lock = threading.Lock()
        self._inside = 0
        self.closing = threading.Event()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        with self._lock:
            self._inside += 1
            inside = self._inside
        try:
            response = self._respond(Request(environ), inside)
        finally:
            with self._lock:
                self._inside -= 1
        response.headers["Twilio-Concurrent-Requests"] = str(inside)
        return response(environ, start_response)

    def _respond(self, request: Request, inside: int) -> Response:
        try:
            endpoint, values = ROUTES.bind_to_environ(request.environ).match()
            fault = self._fault(endpoint, request)
            if inside > self._network.behaviour.concurrency or (fault and fault.effect == "throttle"):
                return throttled(fault)
            if fault and not fault.stored:
                self._meet(fault)
                if fault.effect in ("error", "busy", "garbage"):
                    return broken(fault, request.method)
            response = self._answer(request, endpoint, values)
        except Refusal as refusal:
            return answer(shape(refusal), int(refusal.status))
        except HTTPException as error:
            return answer(shape(Refusal(20404, status=HTTPStatus(error.code or 404))), error.code or 404)
        except ValueError:
            return answer(shape(Refusal(20001)), HTTPStatus.BAD_REQUEST)
        if fault and fault.stored:
            self._meet(fault)
            if fault.effect in ("error", "busy", "garbage"):
                return broken(fault, request.method)
        return response

    def _fault(self, endpoint: str, request: Request) -> Fault | None:
        action = {"messages": _MESSAGES_ACTIONS, "message": _MESSAGE_ACTIONS}.get(endpoint, {}).get(request.method)
        fault = self._faults.next(action or "other")
        if fault is None and action == "create":
            written = self._network.first_fault(request.form.get("To", ""))
            fault = read(written) if written else None
        return fault if fault is None or fault.effect != "ok" else None

    def _meet(self, fault: Fault) -> None:
        """Do to the connection what the fault says; the effects with an answer of their own return."""
        if fault.effect == "delay":
            self.closing.wait(fault.seconds)
        elif fault.effect == "hang":
            self.closing.wait(fault.seconds or 60.0)
            raise Dropped(reset=False)
        elif fault.effect in ("drop", "reset"):
            raise Dropped(reset=fault.effect == "reset")

    def _answer(self, request: Request, endpoint: str, values: Mapping[str, str]) -> Response:
        call = self._identify(request, values.get("account_sid"))
        if call.test:
            if endpoint != "messages" or request.method != "POST":
                raise Refusal(20008, status=HTTPStatus.FORBIDDEN)
            return answer(magic(call.account, request, self._clock()), HTTPStatus.CREATED)
        found: Callable[..., Answer] = getattr(self, f"_{endpoint}")
        return answer(*found(call, **{k: v for k, v in values.items() if k != "account_sid"}))

    def _identify(self, request: Request, account_sid: str | None) -> Call:
        """The account whose resources are asked for: its own credentials, an API key's, or its parent's."""
        user, secret = _basic(request)
        for account in self._store.accounts.values():
            if (user, secret) == (account.test_sid, account.test_token) and account_sid in (None, account.test_sid):
                return Call(request, account, test=True)
            if account.knows(user, secret):
                asked = self._store.accounts.get(account_sid or account.sid)
                if asked is not None and account.sid in (asked.sid, asked.owner_sid):
                    return Call(request, asked, test=False)
        raise Refusal(20003, status=HTTPStatus.UNAUTHORIZED)

    def _message_of(self, call: Call, sid: str) -> SimulatedMessage:
        message = self._store.messages.get(sid)
        if message is None or message.account_sid != call.account.sid:
            raise Refusal(20404, status=HTTPStatus.NOT_FOUND)
        return message

    def _account(self, call: Call) -> Answer:
        return simulated_catalogue.account_shape(call.account, self._born), 200

    def _messages(self, call: Call) -> Answer:
        if call.request.method == "POST":
            message = simulated_messages.create(self._network, call.account, call.request)
            return simulated_messages.shape(message), 201
        return simulated_messages.page(self._network, call.account, call.request), 200

    def _message(self, call: Call, sid: str) -> Answer:
        message = self._message_of(call, sid)
        if call.request.method == "DELETE":
            self._store.remove(message)
            return None, 204
        if call.request.method == "POST":
            simulated_messages.update(self._network, message, call.request)
        return simulated_messages.shape(message), 200

    def _numbers(self, call: Call) -> Answer:
        return simulated_catalogue.numbers_page(call.account, call.request, self._born, short=False), 200

    def _short_codes(self, call: Call) -> Answer:
        return simulated_catalogue.numbers_page(call.account, call.request, self._born, short=True), 200

    def _number(self, call: Call, sid: str) -> Answer:
        number = simulated_catalogue.number_of(call.account, sid)
        if call.request.method == "POST":
            number.sms_url = call.request.form.get("SmsUrl", number.sms_url)
        return simulated_catalogue.number_shape(call.account, number, self._born), 200

    def _usage(self, call: Call) -> Answer:
        return simulated_usage.page(self._ledger, call.account, call.request, daily=False, now=self._clock()), 200

    def _usage_daily(self, call: Call) -> Answer:
        return simulated_usage.page(self._ledger, call.account, call.request, daily=True, now=self._clock()), 200

    def _services(self, call: Call) -> Answer:
        found = [simulated_catalogue.service_shape(call.account, s, self._born) for s in call.account.services]
        url = f"{simulated_catalogue.MESSAGING}/Services"
        return simulated_catalogue.v1_page("services", found, call.request, url), 200

    def _service(self, call: Call, sid: str) -> Answer:
        service = call.account.service(sid)
        if service is None:
            raise Refusal(20404, status=HTTPStatus.NOT_FOUND)
        return simulated_catalogue.service_shape(call.account, service, self._born), 200

    def _pool(self, call: Call, sid: str) -> Answer:
        service = call.account.service(sid)
        if service is None:
            raise Refusal(20404, status=HTTPStatus.NOT_FOUND)
        found = [simulated_catalogue.pool_shape(call.account, service, p, self._born) for p in service.phones]
        url = f"{simulated_catalogue.MESSAGING}/Services/{sid}/PhoneNumbers"
        return simulated_catalogue.v1_page("phone_numbers", found, call.request, url), 200

    def _verifications(self, call: Call) -> Answer:
        account, args = call.account, call.request.args
        if call.request.method == "POST":
            asked = simulated_verifications.ask(account, call.request, self._clock())
            self._review(asked.phone)
            return simulated_verifications.shape(account, asked), 201
        found = [
            simulated_verifications.shape(account, asked)
            for asked in account.verifications
            if args.get("TollfreePhoneNumberSid", asked.phone_sid) == asked.phone_sid
            and args.get("Status", asked.status) == asked.status
        ]
        url = f"{simulated_catalogue.MESSAGING}/Tollfree/Verifications"
        return simulated_catalogue.v1_page("verifications", found, call.request, url), 200

    def _verification(self, call: Call, sid: str) -> Answer:
        found = next((asked for asked in call.account.verifications if asked.sid == sid), None)
        if found is None:
            raise Refusal(20404, status=HTTPStatus.NOT_FOUND)
        return simulated_verifications.shape(call.account, found), 200

    def _countries(self, call: Call) -> Answer:
        url = f"{simulated_catalogue.PRICING}/Messaging/Countries"
        found = simulated_catalogue.countries(self._prices)
        return simulated_catalogue.v1_page("countries", found, call.request, url), 200

    def _country(self, call: Call, iso_country: str) -> Answer:
        assert call.account
        return simulated_catalogue.country_shape(self._prices, iso_country.upper()), 200


def answer(body: object, status: int) -> Response:
    """A JSON response, or an empty one for 204."""
    text = "" if status == HTTPStatus.NO_CONTENT else json.dumps(body)
    return Response(text, status=status, content_type="application/json")


def throttled(fault: Fault | None) -> Response:
    """429 with code 20429: this request was not processed."""
    response = answer(shape(Refusal(20429, status=HTTPStatus.TOO_MANY_REQUESTS)), HTTPStatus.TOO_MANY_REQUESTS)
    if fault and fault.seconds:
        response.headers["Retry-After"] = f"{fault.seconds:g}"
    return response


def broken(fault: Fault, method: str) -> Response:
    """The answer of a server in trouble."""
    if fault.effect == "error":
        return answer(shape(Refusal(20500, status=HTTPStatus.INTERNAL_SERVER_ERROR)), 500)
    if fault.effect == "busy":
        return Response("<html><h1>503 Service Unavailable</h1></html>", status=503, content_type="text/html")
    return Response('{"sid": "SM', status=201 if method == "POST" else 200, content_type="application/json")


def _basic(request: Request) -> tuple[str, str]:
    kind, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        raise Refusal(20003, status=HTTPStatus.UNAUTHORIZED)
    try:
        user, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Refusal(20003, status=HTTPStatus.UNAUTHORIZED) from None
    return user, secret
