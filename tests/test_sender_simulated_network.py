"""Does a simulated message live as documented: pace, expiry, endings, callbacks, answers, opt-outs?"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import pytest

from sender.simulated_callbacks import sign
from sender.simulator import Behaviour, SimulatedAccount, SimulatedNumber, create_simulator, serve
from tests.rehearsal import HOOK, LONG_CODE, PLAIN, SHORT_CODE, START, TOLL_FREE, UNVERIFIED, Rehearsal


@pytest.mark.parametrize(
    ("ending", "status", "code", "called_back"),
    [
        ("0199", "delivered", None, ["sent", "delivered"]),
        ("0102", "sent", None, ["sent"]),
        ("0103", "undelivered", 30003, ["sent", "undelivered"]),
        ("0104", "undelivered", 30004, ["sent", "undelivered"]),
        ("0105", "undelivered", 30005, ["sent", "undelivered"]),
        ("0106", "undelivered", 30006, ["sent", "undelivered"]),
        ("0107", "failed", 30007, ["failed"]),
        ("0108", "undelivered", 30008, ["sent", "undelivered"]),
        ("0117", "undelivered", 30017, ["sent", "undelivered"]),
        ("0122", "undelivered", 30022, ["sent", "undelivered"]),
        ("0136", "failed", 30036, ["failed"]),
        ("0145", "failed", 30450, ["failed"]),
        ("0171", "delivered", None, []),
    ],
)
def test_the_ending_of_a_number_chooses_the_outcome(
    ending: str, status: str, code: int | None, called_back: list[str]
) -> None:
    """Each documented ending meets its status, its code and its callbacks."""
    rehearsal = Rehearsal()
    sid = rehearsal.send(f"+1202555{ending}")
    rehearsal.step()
    message = rehearsal.message(sid)
    assert (message["status"], message["error_code"]) == (status, code)
    assert rehearsal.called_back(sid) == called_back


def test_a_messy_number_calls_back_twice_and_possibly_out_of_order() -> None:
    """Ending 0172 repeats every callback, with the idempotency token of the first copy."""
    rehearsal = Rehearsal()
    sid = rehearsal.send("+12025550172")
    rehearsal.step()
    assert sorted(rehearsal.called_back(sid)) == ["delivered", "delivered", "sent", "sent"]
    tokens = {letter.headers["I-Twilio-Idempotency-Token"] for letter in rehearsal.letters}
    assert len(tokens) == 2


def test_a_callback_carries_what_twilio_documents_and_is_signed() -> None:
    """The query of our address survives, price and segments are absent, and the signature covers the whole form."""
    rehearsal = Rehearsal()
    sid = rehearsal.send("+12025550103", StatusCallback=f"{HOOK}#rc=2")
    rehearsal.step()
    letter = rehearsal.letters[-1]
    assert letter.url == HOOK
    assert letter.form == {
        "AccountSid": rehearsal.account.sid,
        "ApiVersion": "2010-04-01",
        "From": SHORT_CODE,
        "To": "+12025550103",
        "MessageSid": sid,
        "SmsSid": sid,
        "MessageStatus": "undelivered",
        "SmsStatus": "undelivered",
        "ErrorCode": "30003",
        "RawDlrDoneDate": "2611201500",
    }
    assert letter.headers["X-Twilio-Signature"] == sign(rehearsal.account.token, HOOK, letter.form)


def test_the_signature_matches_twilios_published_example() -> None:
    """The vector of Twilio's documentation."""
    params = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    assert sign("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", params) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.parametrize(
    ("sender", "rate"),
    [(SHORT_CODE, 100), (TOLL_FREE, 3), (LONG_CODE, 1)],
    ids=["short code", "toll-free", "long code"],
)
def test_a_sender_keeps_its_rate_in_segments(sender: str, rate: int) -> None:
    """Twelve messages of two segments leave one after the other, two segments apart at the sender's rate."""
    rehearsal = Rehearsal(Behaviour(send_seconds=(0.0, 0.0)))
    sids = [rehearsal.send(sender=sender, Body="x" * 161) for _ in range(12)]
    rehearsal.step()
    messages = rehearsal.simulator.store.messages
    left = [messages[sid].sent for sid in sids]
    gaps = {round((b - a).total_seconds(), 3) for a, b in pairwise(left) if a and b}
    assert gaps == {round(2 / rate, 3)}


def test_senders_do_not_hold_each_other_up() -> None:
    """A full long code leaves the short code free."""
    rehearsal = Rehearsal(Behaviour(send_seconds=(0.0, 0.0)))
    for _ in range(50):
        rehearsal.send(sender=LONG_CODE)
    sid = rehearsal.send(sender=SHORT_CODE)
    rehearsal.step(1.0)
    assert rehearsal.message(sid)["status"] in ("sent", "delivered")


@pytest.mark.parametrize(("validity", "status"), [(9, "failed"), (10, "delivered"), (11, "delivered")])
def test_a_message_expires_in_the_queue(validity: int, status: str) -> None:
    """Behind ten segments on a long code, nine seconds are too few: 30036, and it leaves no gap behind it."""
    rehearsal = Rehearsal()
    for _ in range(10):
        rehearsal.send(sender=LONG_CODE)
    sid = rehearsal.send(sender=LONG_CODE, ValidityPeriod=validity)
    rehearsal.step()
    message = rehearsal.message(sid)
    assert message["status"] == status
    assert message["error_code"] == (30036 if status == "failed" else None)


@pytest.mark.parametrize(("waiting", "taken"), [(9, True), (10, True), (11, False)])
def test_a_full_queue_refuses_at_once(waiting: int, *, taken: bool) -> None:
    """A bare sender takes what its queue holds and answers 21611 beyond."""
    rehearsal = Rehearsal(Behaviour(queue_seconds=10))
    for _ in range(waiting):
        rehearsal.send(sender=LONG_CODE)
    response = rehearsal.create(sender=LONG_CODE)
    assert response.status_code == (201 if taken else 400)
    assert taken or (response.json and response.json["code"] == 21611)


def test_a_service_overflows_later_instead() -> None:
    """Through a service the same overflow is accepted and then fails with 30001."""
    account = Rehearsal().account
    account.services[0].phones = [LONG_CODE]
    rehearsal = Rehearsal(Behaviour(queue_seconds=2), accounts=(account,))
    sids = [rehearsal.send(sender=account.services[0].sid) for _ in range(6)]
    rehearsal.step()
    assert [rehearsal.message(sid)["error_code"] for sid in sids] == [None, None, None, 30001, 30001, 30001]


def test_a_service_chooses_the_sender() -> None:
    """Accepted without sender and with 0 segments; then queued with both, with a callback, and always the same sender."""
    rehearsal = Rehearsal()
    service = rehearsal.account.services[0].sid
    first = rehearsal.create(sender=service).json or {}
    assert (first["status"], first["from"], first["num_segments"]) == ("accepted", None, "0")
    again = rehearsal.send(sender=service)
    rehearsal.step()
    after = rehearsal.message(first["sid"])
    assert (after["from"], after["num_segments"]) == (TOLL_FREE, "1")
    assert rehearsal.message(again)["from"] == TOLL_FREE
    assert rehearsal.called_back(first["sid"]) == ["queued", "sent", "delivered"]
    assert rehearsal.letters[-1].form["MessagingServiceSid"] == service


def test_a_toll_free_number_must_be_verified() -> None:
    """Accepted, then failed with 30032; approved, the next one is delivered."""
    rehearsal = Rehearsal()
    blocked = rehearsal.send(sender=UNVERIFIED)
    rehearsal.step()
    rehearsal.simulator.verify(UNVERIFIED, "TWILIO_APPROVED")
    passed = rehearsal.send(sender=UNVERIFIED)
    rehearsal.step()
    assert rehearsal.message(blocked)["error_code"] == 30032
    assert rehearsal.message(passed)["status"] == "delivered"


def test_the_price_comes_late_and_negative() -> None:
    """Null until its delay is over, then base and carrier fee as one negative string of five decimals."""
    rehearsal = Rehearsal(Behaviour(price_seconds=(60, 60)))
    sid, never = rehearsal.send(Body="x" * 161), rehearsal.send("+12025550175")
    rehearsal.step(59)
    assert rehearsal.message(sid)["price"] is None
    rehearsal.step(5)
    price = rehearsal.message(sid)["price"]
    assert Decimal(price) in {-2 * (Decimal("0.0083") + fee) for fee in (Decimal("0.0035"), Decimal("0.0045"))}
    assert price == f"{Decimal(price):.5f}"
    rehearsal.step()
    assert rehearsal.message(never)["price"] is None


def test_failed_messages_have_no_price_and_no_date_sent() -> None:
    """A message that never left shows neither."""
    rehearsal = Rehearsal()
    sid = rehearsal.send("+12025550107")
    rehearsal.step()
    message = rehearsal.message(sid)
    assert (message["price"], message["date_sent"]) == (None, None)


@pytest.mark.parametrize(
    ("sender", "word", "closed"),
    [
        (SHORT_CODE, "STOP", True),
        (SHORT_CODE, " stopall ", True),
        (SHORT_CODE, "REVOKE", True),
        (SHORT_CODE, "please stop", False),
        (SHORT_CODE, "HELP", False),
        (TOLL_FREE, "STOP", True),
    ],
)
def test_a_stop_word_closes_a_sender(sender: str, word: str, *, closed: bool) -> None:
    """Only a message that is the single word counts; later sends are refused with 21610."""
    rehearsal = Rehearsal()
    rehearsal.simulator.text(PLAIN, sender, word)
    response = rehearsal.create(sender=sender)
    assert (response.status_code == 400) is closed
    assert not closed or (response.json and response.json["code"] == 21610)


@pytest.mark.parametrize(
    ("sender", "word", "opened"),
    [(SHORT_CODE, "START", True), (SHORT_CODE, "YES", True), (TOLL_FREE, "START", True), (TOLL_FREE, "YES", False)],
)
def test_a_start_word_opens_it_again(sender: str, word: str, *, opened: bool) -> None:
    """On a toll-free number YES is not enough."""
    rehearsal = Rehearsal()
    rehearsal.simulator.text(PLAIN, sender, "STOP")
    rehearsal.simulator.text(PLAIN, sender, word)
    assert (rehearsal.create(sender=sender).status_code == 201) is opened


@pytest.mark.parametrize(("manner", "status"), [("failed", 201), ("rejected", 400)])
def test_an_opt_out_covers_the_whole_service(manner: str, status: int) -> None:
    """STOP to one number of a pool closes the other and the service; through the service it may surface later."""
    rehearsal = Rehearsal(Behaviour(service_opt_out=manner))
    rehearsal.simulator.text(PLAIN, TOLL_FREE, "STOP")
    assert rehearsal.create(sender=LONG_CODE).status_code == 400
    assert rehearsal.create(sender=SHORT_CODE).status_code == 201
    response = rehearsal.create(sender=rehearsal.account.services[0].sid)
    assert response.status_code == status
    rehearsal.step()
    if response.json and status == 201:
        assert rehearsal.message(response.json["sid"])["error_code"] == 21610


@pytest.mark.parametrize(
    ("ending", "text"), [("0160", "STOP"), ("0161", "YES"), ("0163", "HELP"), ("0165", "please stop sending me these")]
)
def test_a_recipient_answers_once(ending: str, text: str) -> None:
    """The answer to the first message reaches the number's webhook, signed, with the inbound parameters."""
    rehearsal = Rehearsal()
    number = rehearsal.account.number(SHORT_CODE)
    assert number
    number.sms_url = "https://our.example/hooks/inbound"
    rehearsal.send(f"+1202555{ending}")
    rehearsal.step()
    rehearsal.create(f"+1202555{ending}")
    rehearsal.step()
    answers = [letter for letter in rehearsal.letters if letter.url == number.sms_url]
    assert [letter.form["Body"] for letter in answers] == [text]
    form = answers[0].form
    assert (form["From"], form["To"], form["NumMedia"], form["NumSegments"]) == (
        f"+1202555{ending}",
        SHORT_CODE,
        "0",
        "1",
    )
    assert (form["FromCountry"], form["SmsStatus"]) == ("US", "received")
    assert answers[0].headers["X-Twilio-Signature"] == sign(rehearsal.account.token, number.sms_url, form)


def test_an_inbound_picture_is_described() -> None:
    """Media with address and type, the service and, with Advanced Opt-Out, what the word meant."""
    account = Rehearsal().account
    service = account.services[0]
    service.inbound_url, service.advanced_opt_out = "https://our.example/pool", True
    rehearsal = Rehearsal(accounts=(account,))
    rehearsal.simulator.text(PLAIN, TOLL_FREE, "STOP", media=("https://media.example/1",))
    rehearsal.step(1)
    form = rehearsal.letters[0].form
    assert (form["NumMedia"], form["MediaUrl0"], form["MediaContentType0"]) == (
        "1",
        "https://media.example/1",
        "image/jpeg",
    )
    assert (form["MessagingServiceSid"], form["OptOutType"]) == (service.sid, "STOP")


def test_nobody_can_answer_a_name() -> None:
    """An alphanumeric sender gets no reply, not even STOP."""
    rehearsal = Rehearsal()
    rehearsal.send("+447700900160", sender="Harbor")
    rehearsal.step()
    assert rehearsal.simulator.state()["inbound"] == 0


def test_an_empty_service_cannot_send() -> None:
    """Accepted, then failed with 21703."""
    account = Rehearsal().account
    account.services[0].phones = []
    rehearsal = Rehearsal(accounts=(account,))
    sid = rehearsal.send(sender=account.services[0].sid)
    rehearsal.step()
    assert rehearsal.message(sid)["error_code"] == 21703


@pytest.mark.parametrize("manner", ["keeps", "closes", "forgets"])
def test_callbacks_survive_how_a_server_treats_connections(manner: str) -> None:
    """A server that keeps connections, one that says it closes them, and one that drops them without a word."""
    got: list[str] = []

    class Hooks(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            if manner == "closes":
                self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = manner != "keeps"

        def log_message(self, format: str, *args: object) -> None: ...

    simulator = create_simulator(Behaviour(callback_workers=1))
    with ThreadingHTTPServer(("127.0.0.1", 0), Hooks) as hooks, serve(simulator):
        thread = threading.Thread(target=hooks.serve_forever, args=(0.02,))
        thread.start()
        simulator.account.numbers[0].sms_url = f"http://127.0.0.1:{hooks.server_port}/hooks"
        for n in range(6):
            simulator.text(PLAIN, SHORT_CODE, f"text{n}")
            simulator.settle(10)
        hooks.shutdown()
        thread.join()
    assert [f"Body=text{n}&" in request for n, request in enumerate(got)] == [True] * 6
    counts = {"posted": 6, "answered": 6, "refused": 0, "unanswered": 0, "lost": 0, "repeated": 0, "pending": 0}
    assert simulator.state()["callbacks"] == counts


def test_some_numbers_stop_after_the_first_message() -> None:
    """`stop_after` names recipients who answer STOP."""
    rehearsal = Rehearsal(Behaviour(stop_after=frozenset({PLAIN})))
    rehearsal.send()
    rehearsal.step()
    assert rehearsal.create().status_code == 400


def test_the_same_seed_gives_the_same_day() -> None:
    """Outcomes depend on seed, number and how often it was written to: not on time, SID or order."""
    behaviour = Behaviour.lifelike(seed=5)
    numbers = [f"+1202555{4000 + n}" for n in range(400)]

    def outcomes(order: list[str], seed: int) -> dict[str, tuple[str, int | None]]:
        rehearsal = Rehearsal(Behaviour.lifelike(seed=seed))
        for number in order:
            rehearsal.send(number)
        rehearsal.step(7200)
        return {m.to: (m.status, m.error_code) for m in rehearsal.simulator.store.messages.values() if m.to in numbers}

    first = outcomes(numbers, behaviour.seed)
    assert outcomes(numbers[::-1], behaviour.seed) == first
    assert outcomes(numbers, 6) != first
    assert 3 <= sum(status == "undelivered" for status, _ in first.values()) <= 40


def test_a_lost_webhook_is_tried_once_more() -> None:
    """A connection failure is repeated, an error answer is not, unless the behaviour says so."""
    silent, failing = Rehearsal(answers=0), Rehearsal(answers=500)
    stubborn = Rehearsal(Behaviour(callback_retry_errors=True, callback_retries=2), answers=500)
    for rehearsal in (silent, failing, stubborn):
        rehearsal.send("+12025550102")
        rehearsal.step()
    assert [len(rehearsal.letters) for rehearsal in (silent, failing, stubborn)] == [2, 1, 3]


def test_a_scheduled_message_waits_and_can_be_canceled() -> None:
    """Scheduled needs a service and 300 seconds; canceled it never leaves, and says so in a callback."""
    rehearsal = Rehearsal()
    service = rehearsal.account.services[0].sid
    when = (START + timedelta(seconds=600)).isoformat()
    kept = rehearsal.send(sender=service, ScheduleType="fixed", SendAt=when)
    dropped = rehearsal.send(sender=service, ScheduleType="fixed", SendAt=when)
    assert rehearsal.message(kept)["status"] == "scheduled"
    assert rehearsal.call("POST", f"Messages/{dropped}.json", {"Status": "canceled"}).status_code == 200
    rehearsal.step(599)
    assert rehearsal.message(kept)["status"] == "scheduled"
    rehearsal.step()
    assert rehearsal.called_back(kept) == ["queued", "sent", "delivered"]
    assert rehearsal.called_back(dropped) == ["canceled"]
    assert rehearsal.call("POST", f"Messages/{kept}.json", {"Status": "canceled"}).status_code == 400


@pytest.mark.parametrize(
    ("seconds", "taken"), [(299, False), (300, False), (301, True), (35 * 86400, True), (35 * 86400 + 1, False)]
)
def test_a_schedule_has_limits(seconds: int, *, taken: bool) -> None:
    """More than 300 seconds and at most 35 days ahead."""
    rehearsal = Rehearsal()
    when = (START + timedelta(seconds=seconds)).isoformat()
    response = rehearsal.create(sender=rehearsal.account.services[0].sid, ScheduleType="fixed", SendAt=when)
    assert (response.status_code == 201) is taken


def test_speed_shortens_delays_and_leaves_dates_true() -> None:
    """At speed 60 a minute of pricing takes a second, and dates are those of the clock."""
    rehearsal = Rehearsal(Behaviour(speed=60, price_seconds=(60, 60)))
    sid = rehearsal.send()
    rehearsal.step(0.9)
    assert rehearsal.message(sid)["price"] is None
    rehearsal.step(0.2)
    message = rehearsal.message(sid)
    assert message["price"] is not None
    created: datetime = parsedate_to_datetime(message["date_created"])
    assert created == START


def test_numbers_of_one_account_are_not_anothers() -> None:
    """An account cannot send from a number it does not own, and a text finds its owner."""
    other = SimulatedAccount("Other", [SimulatedNumber("+12015550177")])
    rehearsal = Rehearsal(accounts=(Rehearsal().account, other))
    response = rehearsal.create(sender="+12015550177")
    assert response.json
    assert response.json["code"] == 21606
    assert rehearsal.simulator.text(PLAIN, "+12015550177", "hi").account_sid == other.sid


@pytest.mark.parametrize(
    ("ending", "answers", "heard", "lost"),
    [("0199", 204, {"sent", "delivered"}, 0), ("0199", 503, set(), 0), ("0171", 204, set(), 2)],
)
def test_it_remembers_what_our_webhook_took(ending: str, answers: int, heard: set[str], lost: int) -> None:
    """Only a callback answered with 2xx was taken; one that the network lost is counted as lost."""
    rehearsal = Rehearsal(answers=answers)
    sid = rehearsal.send(f"+1202555{ending}")
    rehearsal.step()
    simulator = rehearsal.simulator
    callbacks = simulator.state()["callbacks"]
    assert (simulator.heard(sid), simulator.status_of(sid)) == (heard, "delivered")
    assert isinstance(callbacks, dict)
    assert callbacks["lost"] == lost
    simulator.reset()
    assert simulator.heard(sid) == frozenset()
