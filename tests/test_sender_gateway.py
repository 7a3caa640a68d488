"""Does the gateway speak with Twilio as it should, and does every failure become the one right decision?"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.wrappers import Request, Response

from sender.gateway import Gateway, GatewayError, InDoubt, Rejected, Remote, Throttled, signature_ok
from sender.gateway_errors import refusal, rulings
from sender.gateway_line import Line, encoded, event_loop
from sender.gateway_wire import Wire
from sender.simulated_callbacks import sign
from sender.simulated_server import Server
from sender.simulator import Behaviour, Fault, SimulatedAccount, Simulator, create_simulator, serve
from tests.rehearsal import LONG_CODE, PLAIN, SHORT_CODE, TOLL_FREE, UNVERIFIED

BODY = "Dues — naïve “quotes” 😀"


@pytest.fixture
def simulator() -> Simulator:
    """A simulator in a hurry."""
    return create_simulator(Behaviour.instant(speed=50))


@pytest.fixture
def server(simulator: Simulator) -> Iterator[Server]:
    """It, served on localhost."""
    with serve(simulator) as running:
        yield running


@pytest.fixture
def gateway(simulator: Simulator, server: Server) -> Gateway:
    """The real SDK, pointed at it."""
    return Gateway(simulator.account.sid, simulator.account.token, base_url=server.url, timeout=(5.0, 10.0))


@pytest.fixture
def hasty(simulator: Simulator, server: Server) -> Gateway:
    """The same, but it waits for an answer for a second only: for what is slow on purpose."""
    return Gateway(simulator.account.sid, simulator.account.token, base_url=server.url, timeout=(5.0, 1.0))


@pytest.fixture
def serve_app() -> Iterator[Callable[..., Gateway]]:
    """Serves any WSGI response and answers a gateway that talks to it."""
    running: list[Server] = []

    def start(response: Response) -> Gateway:
        running.append(Server(response, host="127.0.0.1", port=0, on_stop=lambda: None))
        return Gateway("AC1", "token", base_url=running[-1].url, timeout=(5.0, 10.0))

    yield start
    for server in running:
        server.stop()


def send(gateway: Gateway, to: str = PLAIN, body: str = BODY) -> str:
    """The SID of a message from the short code."""
    return gateway.send(to=to, body=body, from_=SHORT_CODE).sid


def test_a_message_goes_out_and_comes_back_typed(gateway: Gateway, simulator: Simulator) -> None:
    """Create, then the same message fetched: typed values, the price positive, the text to the letter."""
    sent = gateway.send(to=PLAIN, body=BODY, from_=SHORT_CODE, validity_seconds=60)
    assert (sent.status, sent.segments) == ("queued", 1)
    assert abs(datetime.now(UTC) - sent.created_at) < timedelta(seconds=3)
    simulator.settle()
    remote = gateway.fetch(sent.sid)
    assert (remote.sid, remote.status, remote.direction, remote.to) == (sent.sid, "delivered", "outbound-api", PLAIN)
    assert (remote.from_, remote.body, remote.segments, remote.media) == (SHORT_CODE, BODY, 1, 0)
    assert remote.price in (Decimal("0.0118"), Decimal("0.0128"))
    assert (remote.price_unit, remote.error_code, remote.messaging_service_sid) == ("USD", None, None)
    assert remote.date_created.tzinfo
    assert remote.date_sent
    assert remote.date_sent >= remote.date_created
    assert simulator.store.messages[sent.sid].validity == 60


def test_a_service_hides_the_segments_at_first(gateway: Gateway, simulator: Simulator) -> None:
    """Accepted, segments None; later the sender and the count are known."""
    service = simulator.account.services[0].sid
    sent = gateway.send(to=PLAIN, body=BODY, messaging_service_sid=service, media_urls=["https://our.example/a.jpg"])
    assert (sent.status, sent.segments) == ("accepted", None)
    simulator.settle()
    remote = gateway.fetch(sent.sid)
    assert (remote.segments, remote.media, remote.messaging_service_sid) == (1, 1, service)
    assert remote.from_ in (TOLL_FREE, LONG_CODE)


@pytest.mark.parametrize("senders", [{}, {"from_": SHORT_CODE, "messaging_service_sid": "MG1"}])
def test_a_message_has_one_sender(gateway: Gateway, senders: dict[str, Any]) -> None:
    """Neither none nor two; nothing is asked of Twilio."""
    with pytest.raises(ValueError, match="either"):
        gateway.send(to=PLAIN, body="x", **senders)


def test_the_callback_address_keeps_its_query(gateway: Gateway, simulator: Simulator, server: Server) -> None:
    """Our id travels in the query of StatusCallback, which the log of the simulator shows."""
    gateway.send(to=PLAIN, body="x", from_=SHORT_CODE, status_callback=f"{server.url}/none?m=12&a=3")
    assert simulator.log()[0]["callback_query"] == "m=12&a=3"


def test_a_send_in_doubt_is_found(gateway: Gateway, simulator: Simulator) -> None:
    """Stored and never answered: it is found by number and window, text intact; others and other times are not."""
    before = datetime.now(UTC)
    simulator.fail(Fault("drop", stored=True, times=1))
    with pytest.raises(InDoubt):
        send(gateway)
    send(gateway, "+12025550198")
    simulator.text(PLAIN, SHORT_CODE, "inbound")
    after = datetime.now(UTC)
    found = gateway.find(to=PLAIN, since=before, until=after)
    assert [(remote.to, remote.body) for remote in found] == [(PLAIN, BODY)]
    assert gateway.find(to=PLAIN, since=before - timedelta(hours=1), until=before - timedelta(seconds=2)) == []
    assert gateway.find(to=PLAIN, since=after + timedelta(seconds=2), until=after + timedelta(hours=1)) == []
    with pytest.raises(ValueError, match="aware"):
        gateway.find(to=PLAIN, since=before.replace(tzinfo=None), until=after)


@pytest.mark.parametrize(("limit", "enough"), [(119, False), (120, False), (121, True)])
def test_a_search_that_cannot_reach_back_proves_nothing(
    gateway: Gateway, simulator: Simulator, limit: int, *, enough: bool
) -> None:
    """120 messages to one number over three pages: a smaller limit is InDoubt and not an absence."""
    since = datetime.now(UTC)
    for _ in range(120):
        simulator.text(LONG_CODE, SHORT_CODE, "hello")
    until = datetime.now(UTC)
    if enough:
        assert gateway.find(to=SHORT_CODE, since=since, until=until, limit=limit) == []
    else:
        with pytest.raises(InDoubt):
            gateway.find(to=SHORT_CODE, since=since, until=until, limit=limit)


def test_a_search_stops_at_older_messages(gateway: Gateway, simulator: Simulator) -> None:
    """Newest first: what is older than the window ends the search, whatever the limit."""
    sid = send(gateway)
    simulator.store.messages[sid].created -= timedelta(hours=1)
    now = datetime.now(UTC)
    assert gateway.find(to=PLAIN, since=now - timedelta(minutes=1), until=now, limit=1) == []


def test_late_prices_are_pulled_by_window(gateway: Gateway, simulator: Simulator) -> None:
    """Everything sent in the window, over several pages; failed messages have no date of sending."""
    since = datetime.now(UTC)
    sids = {send(gateway) for _ in range(3)}
    send(gateway, "+12025550107")
    simulator.settle()
    found = gateway.sent_between(since - timedelta(seconds=1), datetime.now(UTC) + timedelta(seconds=1))
    assert {remote.sid for remote in found} == sids
    assert all(remote.price for remote in found)
    assert len(gateway.sent_between(since - timedelta(seconds=1), datetime.now(UTC), limit=2)) == 2
    with pytest.raises(ValueError, match="aware"):
        gateway.sent_between(datetime(2026, 1, 1), since)


def test_a_message_is_redacted_canceled_and_deleted(gateway: Gateway, simulator: Simulator) -> None:
    """Redaction empties the text, only a scheduled message can be canceled, deletion ends in 404."""
    sid = send(gateway)
    assert gateway.redact(sid).body == ""
    with pytest.raises(Rejected) as refused:
        gateway.cancel(sid)
    assert refused.value.code == 30409
    simulator.store.messages[sid].status = "scheduled"
    assert gateway.cancel(sid).status == "canceled"
    gateway.delete(sid)
    with pytest.raises(Rejected) as gone:
        gateway.fetch(sid)
    assert (gone.value.code, gone.value.http_status, gone.value.stops_run) == (20404, 404, False)


def test_an_account_and_its_belongings_are_read(gateway: Gateway, simulator: Simulator) -> None:
    """Account, senders of both kinds, services with pools, toll-free verifications, prices."""
    account = gateway.account()
    assert (account.name, account.sid) == ("Simulated organisation", simulator.account.sid)
    assert (account.type, account.status) == ("Full", "active")
    senders = {sender.phone: sender for sender in gateway.senders()}
    assert set(senders) == {TOLL_FREE, UNVERIFIED, LONG_CODE, SHORT_CODE}
    assert senders[TOLL_FREE].mms
    assert senders[SHORT_CODE].sms
    assert [(service.name, service.phones) for service in gateway.messaging_services()] == [
        ("Members", (TOLL_FREE, LONG_CODE))
    ]
    states = {verification.phone: verification.status for verification in gateway.verifications()}
    assert states == {TOLL_FREE: "TWILIO_APPROVED", UNVERIFIED: "PENDING_REVIEW"}
    british = gateway.prices("GB")
    assert {price.base for price in british.outbound} == {Decimal("0.0524"), Decimal("0.0560")}
    assert (british.country, british.unit, british.inbound[0].carrier) == ("GB", "USD", "")


def test_usage_is_read_by_day(gateway: Gateway, simulator: Simulator) -> None:
    """Typed days of one category, or of all."""
    send(gateway)
    simulator.settle()
    today = datetime.now(UTC).date()
    days = gateway.usage(today - timedelta(days=1), today, "sms-outbound")
    newest = days[0]
    assert (newest.day, newest.count, newest.usage, newest.price) == (today, 1, 1, Decimal("0.0083"))
    assert newest.as_of.tzinfo
    assert newest.price_unit == "USD"
    assert {"totalprice", "sms-outbound-shortcode"} <= {day.category for day in gateway.usage(today, today)}


def test_each_thread_has_a_client_of_its_own(gateway: Gateway, simulator: Simulator) -> None:
    """Eight threads send through one gateway, each over its own connection, and none sees another's answer."""
    results: list[tuple[str, str]] = []
    clients: set[int] = set()

    def work(thread: int) -> None:
        clients.add(id(gateway._client))
        for n in range(10):
            to = f"+1202555{2000 + 10 * thread + n}"
            results.append((send(gateway, to), to))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(clients) == 8
    assert all(simulator.store.messages[sid].to == to for sid, to in results)
    assert len({sid for sid, _ in results}) == 80


def test_an_api_key_replaces_the_token(simulator: Simulator, server: Server) -> None:
    """Requests carry the key; the account stays in the address."""
    simulator.account.api_keys["SK1"] = "secret"
    gateway = Gateway(simulator.account.sid, "", api_key=("SK1", "secret"), base_url=server.url)
    assert gateway.account().sid == simulator.account.sid


def test_the_environment_is_not_read(gateway: Gateway, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Regions, proxies and credentials in the environment change nothing for a simulator on localhost."""
    for name in ("TWILIO_REGION", "TWILIO_EDGE", "TWILIO_ACCOUNT_SID", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert gateway.account().sid == simulator.account.sid


FAULTS: list[tuple[Fault, type[GatewayError], bool]] = [
    (Fault("drop"), InDoubt, False),
    (Fault("drop", stored=True), InDoubt, True),
    (Fault("reset"), InDoubt, False),
    (Fault("reset", stored=True), InDoubt, True),
    (Fault("hang", seconds=2.0), InDoubt, False),
    (Fault("hang", stored=True, seconds=2.0), InDoubt, True),
    (Fault("delay", stored=True, seconds=2.0), InDoubt, True),
    (Fault("error"), InDoubt, False),
    (Fault("error", stored=True), InDoubt, True),
    (Fault("busy"), InDoubt, False),
    (Fault("busy", stored=True), InDoubt, True),
    (Fault("garbage"), InDoubt, False),
    (Fault("garbage", stored=True), InDoubt, True),
    (Fault("throttle"), Throttled, False),
]


@pytest.mark.parametrize(
    ("fault", "decision", "stored"), FAULTS, ids=[f"{f.effect}{':stored' * f.stored}" for f, _, _ in FAULTS]
)
def test_every_fault_becomes_its_decision(
    gateway: Gateway, hasty: Gateway, simulator: Simulator, fault: Fault, decision: type[GatewayError], *, stored: bool
) -> None:
    """One request, one exception, never a retry; no number and no text in what it says."""
    simulator.fail(fault)
    with pytest.raises(GatewayError) as raised:
        send(hasty if fault.seconds else gateway)
    assert type(raised.value) is decision
    assert len(simulator.log()) == stored
    assert PLAIN not in repr(raised.value)
    assert "Dues" not in repr(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize(
    ("ending", "decision", "stored"),
    [("0180", InDoubt, 1), ("0181", InDoubt, 1), ("0182", Throttled, 0), ("0183", InDoubt, 0)],
)
def test_some_numbers_meet_a_fault_once(
    gateway: Gateway, simulator: Simulator, ending: str, decision: type[GatewayError], stored: int
) -> None:
    """The first request to the number fails as documented, the second is accepted."""
    with pytest.raises(decision):
        send(gateway, f"+1202555{ending}")
    assert len(simulator.log()) == stored
    assert send(gateway, f"+1202555{ending}").startswith("SM")


@pytest.mark.parametrize("effect", ["drop", "reset", "hang", "error", "busy", "garbage"])
@pytest.mark.parametrize("on", ["fetch", "list", "update", "delete", "other"])
def test_requests_that_read_fail_the_same_way(
    gateway: Gateway, hasty: Gateway, simulator: Simulator, on: str, effect: str
) -> None:
    """Every other call is InDoubt where a send would be, lists in mid-page included."""
    sid = send(gateway)
    now = datetime.now(UTC)
    asker = hasty if effect == "hang" else gateway
    calls: dict[str, Callable[[], object]] = {
        "fetch": lambda: asker.fetch(sid),
        "list": lambda: asker.find(to=PLAIN, since=now, until=now),
        "update": lambda: asker.redact(sid),
        "delete": lambda: asker.delete(sid),
        "other": asker.senders,
    }
    simulator.fail(Fault(effect, on=on, seconds=2.0))
    if on == "delete" and effect == "garbage":
        return  # a deletion has no answer to read
    with pytest.raises(InDoubt) as raised:
        calls[on]()
    assert PLAIN not in repr(raised.value)


@pytest.mark.parametrize(
    ("status", "text", "decision"),
    [
        (200, '{"code": 1}', None),
        (201, "", None),
        (301, "", InDoubt),
        (307, "", InDoubt),
        (400, '{"code": 21211, "message": "m", "status": 400}', Rejected),
        (400, "<html>", Rejected),
        (401, '{"code": 20003}', Rejected),
        (403, "Forbidden by a proxy", Rejected),
        (404, '{"code": 20404}', Rejected),
        (408, "", InDoubt),
        (429, '{"code": 20429}', Throttled),
        (429, "slow down", Throttled),
        (400, '{"code": 21611}', Throttled),
        (400, '{"code": 99999}', Rejected),
        (400, '{"code": "21211"}', Rejected),
        (400, "[1]", Rejected),
        (500, '{"code": 20500}', InDoubt),
        (502, "<html>", InDoubt),
        (503, "", InDoubt),
        (504, "", InDoubt),
        (599, "", InDoubt),
        (100, "", InDoubt),
    ],
)
def test_every_status_has_its_decision(status: int, text: str, decision: type[GatewayError] | None) -> None:
    """From 1xx to 5xx, in Twilio's shape or anybody's."""
    problem = refusal(status, text, {})
    assert (None if problem is None else type(problem)) is decision


@pytest.mark.parametrize(
    ("status", "text", "stops"),
    [
        (400, '{"code": 21211}', False),
        (400, '{"code": 21610}', False),
        (400, '{"code": 99999}', False),
        (400, '{"code": 21703}', True),
        (401, '{"code": 20003}', True),
        (403, '{"code": 99999}', True),
        (403, "Forbidden by a proxy", True),
        (404, '{"code": 20404}', False),
    ],
)
def test_a_fault_of_the_account_stops_the_run(status: int, text: str, *, stops: bool) -> None:
    """What no message can be blamed for ends the run instead of failing its messages one by one."""
    problem = refusal(status, text, {})
    assert isinstance(problem, Rejected)
    assert problem.stops_run is stops


@pytest.mark.parametrize(
    ("header", "seconds"), [(None, None), ("3", 3.0), ("0.5", 0.5), ("-1", 0.0), ("Fri, 20 Nov", None)]
)
def test_the_wait_is_read_if_twilio_says_it(header: str | None, seconds: float | None) -> None:
    """Retry-After in seconds, or None."""
    problem = refusal(429, "", {} if header is None else {"Retry-After": header})
    assert isinstance(problem, Throttled)
    assert problem.retry_after == seconds


def test_every_ruling_is_one_of_three() -> None:
    """The dated table of codes is readable, and each sentence is one."""
    assert {ruling.decision for ruling in rulings().values()} == {"reject", "wait", "stop"}
    assert all(ruling.sentence.endswith(".") for ruling in rulings().values())


def test_wrong_credentials_and_a_wrong_service_stop_the_run(simulator: Simulator, server: Server) -> None:
    """401 and, on a send, 404."""
    with pytest.raises(Rejected) as stranger:
        send(Gateway(simulator.account.sid, "wrong", base_url=server.url))
    assert (stranger.value.code, stranger.value.http_status, stranger.value.stops_run) == (20003, 401, True)
    gateway = Gateway(simulator.account.sid, simulator.account.token, base_url=server.url)
    with pytest.raises(Rejected) as nowhere:
        gateway.send(to=PLAIN, body="x", messaging_service_sid="MG" + "0" * 32)
    assert nowhere.value.stops_run


def test_a_refusal_repeats_none_of_twilios_words(serve_app: Callable[..., Gateway]) -> None:
    """Twilio's messages hold the number, so they are replaced by our own sentence."""
    text = f'{{"code": 21211, "message": "The number {PLAIN} is not valid: {BODY}", "status": 400}}'
    gateway = serve_app(Response(text, status=400))
    with pytest.raises(Rejected) as refused:
        send(gateway)
    assert refused.value.sentence == "The recipient's number is not a valid phone number."
    assert PLAIN not in f"{refused.value!r} {refused.value} {vars(refused.value)}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"sid": null}',
        '{"sid": "SM1"}',
        '{"sid": "XX1", "date_created": "Fri, 20 Nov 2026 15:00:00 +0000"}',
    ],
)
def test_a_yes_without_substance_is_in_doubt(serve_app: Callable[..., Gateway], text: str) -> None:
    """201 with a body that is not a message."""
    with pytest.raises(InDoubt):
        send(serve_app(Response(text, status=201)))


def test_a_body_is_never_guessed_at(serve_app: Callable[..., Gateway]) -> None:
    """Without a charset the answer is read as UTF-8: a text read wrongly would look like a message never sent."""
    text = '{"sid": "SM1", "status": "sent", "direction": "outbound-api", "body": "¡Año! ñ", ' \
           '"date_created": "Fri, 20 Nov 2026 15:00:00 +0000"}'  # fmt: skip
    gateway = serve_app(Response(text.encode(), status=200, content_type="text/plain"))
    remote: Remote = gateway.fetch("SM1")
    assert (remote.body, remote.price, remote.date_sent) == ("¡Año! ñ", None, None)


def test_our_own_mistakes_are_not_dressed_as_doubt(serve_app: Callable[..., Gateway]) -> None:
    """A call that fails before anything was asked shows its own error."""
    gateway = serve_app(Response("{}"))
    with pytest.raises(TypeError):
        gateway.send(to=PLAIN, body="x", from_=SHORT_CODE, media_urls=5)  # type: ignore[arg-type]
    gateway._client.http_client = None
    with pytest.raises(AttributeError):
        gateway.fetch("SM1")


def test_a_refused_connection_is_certainly_not_sent() -> None:
    """Nobody listens on the port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gateway = Gateway("AC1", "t", base_url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(Throttled) as raised:
            send(gateway)
    assert raised.value.code is None


def test_an_unknown_host_is_certainly_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name does not resolve."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Throttled):
        send(Gateway("AC1", "t", base_url="http://twilio.invalid"))


def test_a_connection_that_does_not_open_is_certainly_not_sent() -> None:
    """A full backlog: the time to connect passes."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = []
        for _ in range(3):
            filler = socket.socket()
            filler.settimeout(0)
            filler.connect_ex(deaf.getsockname())
            fillers.append(filler)
        with pytest.raises(Throttled):
            send(Gateway("AC1", "t", base_url=f"http://127.0.0.1:{deaf.getsockname()[1]}", timeout=(0.2, 0.4)))
        for filler in fillers:
            filler.close()


def test_tls_that_fails_is_certainly_not_sent(server: Server) -> None:
    """https to a port that speaks plain http."""
    with pytest.raises(Throttled):
        send(Gateway("AC1", "t", base_url=server.url.replace("http:", "https:")))


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "localhost.crt"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def shake_hands_and_leave(listener: socket.socket, certificate: Path, *, read: bool) -> threading.Thread:
    """A TLS server that closes the connection without TLS's goodbye, after the request if `read`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def run() -> None:
        raw, _ = listener.accept()
        secure = context.wrap_socket(raw, server_side=True)
        if read:
            secure.recv(65536)
        socket.socket(fileno=secure.detach()).close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def exchange(wire: Wire) -> Any:
    """A POST over a wire, without the SDK."""
    return wire.exchange("POST", "https://api.twilio.com/x", params=None, data={"Body": "x"}, headers=None, auth=None)


FORM_VALUES = st.one_of(
    st.integers(0, 36_000), st.text(max_size=20), st.lists(st.text(max_size=9), min_size=1, max_size=3)
)


@given(
    st.dictionaries(
        st.sampled_from(["To", "Body", "MediaUrl", "StatusCallback", "ValidityPeriod"]), FORM_VALUES, min_size=1
    )
)
def test_a_form_is_written_as_everybody_writes_it(form: dict[str, Any]) -> None:
    """The same bytes as the standard library's encoding."""
    assert encoded(form) == urlencode(form, doseq=True).encode()


def posted(line: Line, url: str = "https://api.twilio.com/x", **options: Any) -> Any:
    """A POST over a line, without the SDK."""
    posting = line.exchange("POST", url, data={"Body": "x"}, headers={}, **options)
    return asyncio.run_coroutine_threadsafe(posting, event_loop()).result()


def test_a_text_whose_tls_breaks_after_the_request_is_in_doubt(certificate: Path) -> None:
    """On the event loop, too: the handshake was good, so the request may have been read."""
    trust = ssl.create_default_context(cafile=certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = shake_hands_and_leave(listener, certificate, read=True)
        line = Line(proxied=False, connect=2, total=2, trust=trust)
        with pytest.raises(InDoubt):
            posted(line, f"https://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()


def test_a_text_to_a_stranger_is_certainly_not_sent(certificate: Path) -> None:
    """A certificate that nobody trusts ends the handshake before any byte of the text."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)

        def refuse() -> None:
            raw, _ = listener.accept()
            with raw, suppress(OSError):
                seen.append(context.wrap_socket(raw, server_side=True).recv(1))

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        with pytest.raises(Throttled):
            posted(Line(proxied=False, connect=2, total=2), f"https://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()
    assert b"".join(seen) == b""


@pytest.mark.parametrize("answer", [b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", b""])
def test_a_text_that_no_proxy_lets_through_is_not_posted(answer: bytes) -> None:
    """A proxy that refuses is certain; one that hangs up while the way is opened is not worth telling apart."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(65536))
                connection.sendall(answer)

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        line = Line(proxied=True, connect=2, total=2)
        with pytest.raises(Throttled if answer else (Throttled, InDoubt)):
            posted(line, proxy=f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()
    assert b"Body" not in b"".join(heard)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_text_follows_no_redirect(serve_app: Callable[..., Gateway], status: int) -> None:
    """A POST that is sent on could be sent twice: it is in doubt, and the second address hears nothing."""
    second: list[str] = []

    def listen(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        second.append(environ["PATH_INFO"])
        return Response(status=201)(environ, start_response)

    with Server(listen, host="127.0.0.1", port=0, on_stop=lambda: None) as other:
        gateway = serve_app(Response(status=status, headers={"Location": f"{other.url}/again"}))
        with pytest.raises(InDoubt):
            send(gateway)
    assert second == []


def test_tls_that_breaks_after_the_request_is_in_doubt(certificate: Path) -> None:
    """The same class of error as a failed handshake, told apart by what was written."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = shake_hands_and_leave(listener, certificate, read=True)
        wire = Wire(base_url=f"https://127.0.0.1:{listener.getsockname()[1]}", connect=2, total=2)
        wire._session.verify = str(certificate)
        with pytest.raises(InDoubt):
            exchange(wire)
        thread.join()


def test_a_certificate_nobody_trusts_is_certainly_not_sent(certificate: Path) -> None:
    """The handshake ends before any byte of the request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)

        def refuse() -> None:
            raw, _ = listener.accept()
            with raw, pytest.raises(OSError, match="alert"):
                context.wrap_socket(raw, server_side=True)

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        with pytest.raises(Throttled):
            exchange(Wire(base_url=f"https://127.0.0.1:{listener.getsockname()[1]}", connect=2, total=2))
        thread.join()


def test_a_proxy_that_refuses_is_certainly_not_sent() -> None:
    """On the way to the real address: what is written to a proxy to open the way is not yet the request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        wire = Wire(base_url=None, connect=2, total=2)
        wire._session.proxies = {"https": f"http://127.0.0.1:{listener.getsockname()[1]}"}
        wire._session.trust_env = False
        with pytest.raises(Throttled):
            exchange(wire)
        thread.join()


def test_a_kept_connection_that_died_is_in_doubt(gateway: Gateway, server: Server) -> None:
    """The request went into a connection that the other side may have read: never sent a second time by itself."""
    send(gateway)
    server.stop()
    with pytest.raises((InDoubt, Throttled)):
        send(gateway)


VECTOR = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}
ADDRESS = "https://mycompany.com/myapp.php?foo=1&bar=2"
SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.parametrize(
    ("url", "change", "signature", "tokens", "valid"),
    [
        (ADDRESS, {}, SIGNATURE, ["12345"], True),
        (ADDRESS, {}, SIGNATURE, ["new", "12345"], True),
        (ADDRESS, {}, SIGNATURE, ["12345", "new"], True),
        (ADDRESS, {}, SIGNATURE, ["new"], False),
        (ADDRESS, {}, SIGNATURE, [""], False),
        (ADDRESS, {}, SIGNATURE, [], False),
        (ADDRESS, {}, "", ["12345"], False),
        (ADDRESS, {"Digits": "1235"}, SIGNATURE, ["12345"], False),
        (ADDRESS, {"Unknown": ""}, SIGNATURE, ["12345"], False),
        (ADDRESS.replace("https", "http"), {}, SIGNATURE, ["12345"], False),
        (ADDRESS.replace("foo=1&bar=2", "bar=2&foo=1"), {}, SIGNATURE, ["12345"], False),
        (ADDRESS.replace("mycompany.com", "MyCompany.com"), {}, SIGNATURE, ["12345"], False),
        (ADDRESS + "#rc=2", {}, SIGNATURE, ["12345"], False),
    ],
)
def test_a_signature_covers_the_exact_request(
    url: str, change: dict[str, str], signature: str, tokens: list[str], *, valid: bool
) -> None:
    """Twilio's published example, and everything that must break it; two tokens while one is rotated."""
    assert signature_ok(url, VECTOR | change, signature, tokens=tokens) is valid


def test_a_signature_covers_unknown_empty_and_repeated_parameters() -> None:
    """Made by the simulator's own hand, checked by the SDK; several values of a name count once each, sorted."""
    params = {"From": "+1", "Empty": "", "Zuletzt": "ä 😀"}
    assert signature_ok(ADDRESS, params, sign("t", ADDRESS, params), tokens=["t"])
    several: dict[str, str | list[str]] = {"From": "+1", "MediaUrl": ["b", "a", "b"]}
    by_hand = sign("t", ADDRESS, {"From": "+1", "MediaUrl": "aMediaUrlb"})
    assert signature_ok(ADDRESS, several, by_hand, tokens=["t"])


def test_a_json_webhook_is_signed_over_its_hash() -> None:
    """bodySHA256 in the query, the raw body as text."""
    body = '{"a": 1}'
    url = f"https://our.example/hook?bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
    signature = sign("t", url, {})
    assert signature_ok(url, body, signature, tokens=["t"])
    assert not signature_ok(url, '{"a": 2}', signature, tokens=["t"])


def test_the_simulators_callbacks_pass_our_check(simulator: Simulator, server: Server, gateway: Gateway) -> None:
    """A real callback over HTTP: the address as we gave it, port and query included, and the account's token."""
    seen: list[tuple[str, dict[str, str], str]] = []

    def hook(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        url = f"http://{request.host}{request.full_path}"
        seen.append((url, request.form.to_dict(), request.headers["X-Twilio-Signature"]))
        return Response(status=204)(environ, start_response)

    ours = Server(hook, host="127.0.0.1", port=0, on_stop=lambda: None)
    with ours:
        gateway.send(to=PLAIN, body="x", from_=SHORT_CODE, status_callback=f"{ours.url}/hooks/status?m=1&a=2")
        simulator.settle()
    assert [form["MessageStatus"] for _, form, _ in seen] == ["sent", "delivered"]
    assert all(signature_ok(url, form, made, tokens=[simulator.account.token]) for url, form, made in seen)
    assert not signature_ok(seen[0][0], seen[0][1], seen[1][2], tokens=[simulator.account.token])


def test_a_campaign_of_a_thousand_leaves_in_order(simulator: Simulator, server: Server) -> None:
    """A thousand messages from a short code at fifty times its rate: all delivered, each called back twice."""
    account: SimulatedAccount = simulator.account
    gateway = Gateway(account.sid, account.token, base_url=server.url)
    for n in range(1000):
        gateway.send(to=f"+1202555{2000 + n}", body="x", from_=SHORT_CODE, status_callback=f"{server.url}/none?m={n}")
    simulator.settle(60)
    state = simulator.state()
    assert state["outbound"] == {"delivered": 1000}
    callbacks = state["callbacks"]
    assert isinstance(callbacks, dict)
    assert callbacks["posted"] == 2000
