"""Does the simulator answer as Twilio does: resources, errors, lists, usage, prices, test credentials, and its controls?"""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sender.simulator import Behaviour, Fault, SimulatedAccount, SimulatedNumber, SteppedClock, create_simulator, serve
from tests.rehearsal import LONG_CODE, PLAIN, SHORT_CODE, START, TOLL_FREE, UNVERIFIED, Rehearsal

IMAGE = "https://our.example/picture.jpg"


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"To": None}, 21604),
        ({"To": "12025550199"}, 21211),
        ({"To": "+1202555019"}, 21211),
        ({"To": "+10025550199"}, 21211),
        ({"To": "+12025550111"}, 21211),
        ({"To": "+12025550112"}, 21612),
        ({"To": "+12025550113"}, 21610),
        ({"To": "+12025550114"}, 21614),
        ({"To": "+12025550141"}, 21408),
        ({"To": "+4915550000199"}, 21408),
        ({"Body": None}, 21602),
        ({"Body": "x" * 1601}, 21617),
        ({"From": None}, 21603),
        ({"From": "+12015559999"}, 21606),
        ({"From": "99999"}, 21606),
        ({"From": "+1 nobody!"}, 21212),
        ({"From": "Harbor"}, 21606),
        ({"From": SHORT_CODE, "To": "+447700900199"}, 21606),
        ({"MediaUrl": "picture.jpg"}, 21620),
        ({"MediaUrl": [IMAGE] * 11}, 21623),
        ({"MediaUrl": IMAGE, "To": "+447700900199", "From": TOLL_FREE}, 21612),
        ({"ValidityPeriod": "0"}, 30045),
        ({"ValidityPeriod": "36001"}, 30045),
        ({"MediaUrl": IMAGE, "From": LONG_CODE}, 21621),
        ({"StatusCallback": "/hooks/status"}, 21609),
        ({"StatusCallback": "https://our_host.example/hooks"}, 21609),
        ({"ScheduleType": "fixed", "SendAt": "2026-11-21T00:00:00Z"}, 35118),
    ],
)
def test_a_bad_request_is_refused_and_leaves_no_trace(form: dict[str, Any], code: int) -> None:
    """Twilio's code, its JSON, and no message."""
    rehearsal = Rehearsal(Behaviour(geo_disabled=frozenset({"DE"})))
    rehearsal.account.numbers[-1].mms = False
    response = rehearsal.create(**form)
    assert response.status_code == 400
    assert response.json
    assert response.json["code"] == code
    assert response.json["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
    assert response.json["status"] == 400
    assert rehearsal.simulator.state()["accepted"] == 0


@pytest.mark.parametrize(
    "form",
    [
        {"Body": "x" * 1600},
        {"ValidityPeriod": "1"},
        {"ValidityPeriod": "36000"},
        {"MediaUrl": [IMAGE] * 10, "Body": None},
        {"From": "Harbor", "To": "+447700900199"},
        {"From": LONG_CODE, "To": "+447700900199"},
        {"StatusCallback": None},
    ],
)
def test_what_is_just_allowed_is_accepted(form: dict[str, Any]) -> None:
    """The other side of each boundary."""
    assert Rehearsal().create(**form).status_code == 201


def test_a_new_message_has_twilios_twenty_fields() -> None:
    """Numbers are strings, dates RFC 2822, and nothing is priced or dated as sent yet."""
    message = Rehearsal().create(Body="x" * 161).json
    assert message
    assert len(message) == 20
    assert message["sid"].startswith("SM")
    assert len(message["sid"]) == 34
    assert (message["status"], message["num_segments"], message["num_media"]) == ("queued", "2", "0")
    assert (message["price"], message["date_sent"], message["error_code"]) == (None, None, None)
    assert message["date_created"] == "Fri, 20 Nov 2026 15:00:00 +0000"


def test_media_make_it_an_mms() -> None:
    """An MM… SID, one segment however long the text, priced by message."""
    rehearsal = Rehearsal()
    sid = rehearsal.send(Body="x" * 500, MediaUrl=[IMAGE, IMAGE])
    rehearsal.step()
    message = rehearsal.message(sid)
    assert sid.startswith("MM")
    assert (message["num_media"], message["num_segments"]) == ("2", "1")
    assert Decimal("-0.04") < Decimal(message["price"]) < Decimal("-0.02")


@pytest.mark.parametrize(
    ("user", "secret"), [("", ""), ("AC" + "0" * 32, "x"), ("own", "wrong")], ids=["nobody", "stranger", "wrong token"]
)
def test_strangers_are_turned_away(user: str, secret: str) -> None:
    """401 with code 20003."""
    rehearsal = Rehearsal()
    rehearsal.user, rehearsal.secret = (rehearsal.account.sid if user == "own" else user), secret
    response = rehearsal.create()
    assert (response.status_code, response.json and response.json["code"]) == (401, 20003)


def test_a_request_without_credentials_is_turned_away() -> None:
    """No Authorization header, or one that is not Basic."""
    rehearsal = Rehearsal()
    path = f"/2010-04-01/Accounts/{rehearsal.account.sid}.json"
    for headers in ({}, {"Authorization": "Bearer abc"}, {"Authorization": "Basic %%%"}):
        assert rehearsal.client.get(path, headers=headers).status_code == 401


def test_keys_and_parents_may_enter() -> None:
    """An API key opens its account; a parent's token opens a subaccount, and not the other way round."""
    parent = SimulatedAccount("Parent", [SimulatedNumber(SHORT_CODE)], api_keys={"SKone": "secret"})
    child = SimulatedAccount("Child", [SimulatedNumber(LONG_CODE)], owner_sid=parent.sid)
    rehearsal = Rehearsal(accounts=(parent, child))
    rehearsal.user, rehearsal.secret = "SKone", "secret"
    assert rehearsal.create().status_code == 201
    rehearsal.user, rehearsal.secret = parent.sid, parent.token
    assert rehearsal.call("GET", f"/2010-04-01/Accounts/{child.sid}.json").status_code == 200
    rehearsal.user, rehearsal.secret = child.sid, child.token
    assert rehearsal.call("GET", f"/2010-04-01/Accounts/{parent.sid}.json").status_code == 401


def test_a_closed_account_cannot_send() -> None:
    """403 with code 90010."""
    rehearsal = Rehearsal()
    rehearsal.account.status = "suspended"
    response = rehearsal.create()
    assert (response.status_code, response.json and response.json["code"]) == (403, 90010)


@pytest.mark.parametrize(
    "path",
    [
        "Messages/SMnone.json",
        "Nothing.json",
        "IncomingPhoneNumbers/PNnone.json",
        "/v1/Services/MGnone",
        "/v1/Services/MGnone/PhoneNumbers",
        "/v1/Tollfree/Verifications/HHnone",
        "/v1/Messaging/Countries/ZZ",
    ],
)
def test_what_does_not_exist_is_404(path: str) -> None:
    """404 with code 20404."""
    response = Rehearsal().call("GET", path)
    assert (response.status_code, response.json and response.json["code"]) == (404, 20404)


def test_lists_filter_by_number_and_date() -> None:
    """To, From and DateSent (=, <, >); a message without a date of sending is in no date filter."""
    rehearsal = Rehearsal()
    early = rehearsal.send(PLAIN)
    rehearsal.step(86_400)
    late = rehearsal.send(PLAIN, sender=TOLL_FREE)
    failed = rehearsal.send("+12025550107")
    rehearsal.step(60)

    def sids(**query: str) -> set[str]:
        answer = rehearsal.call("GET", "Messages.json", None, **query).json
        return {message["sid"] for message in answer["messages"]} if answer else set()

    assert sids() == {early, late, failed}
    assert sids(To=PLAIN) == {early, late}
    assert sids(From=TOLL_FREE) == {late}
    assert sids(DateSent="2026-11-20") == {early}
    assert sids(**{"DateSent>": "2026-11-21"}) == {late}
    assert sids(**{"DateSent<": "2026-11-20"}) == {early}
    assert sids(**{"DateSent<": "2026-11-20T15:00:00Z"}) == {early}
    assert sids(**{"DateSent<": "2026-11-20T14:59:59Z"}) == set()
    assert sids(To="+12025550107", **{"DateSent>": "2026-11-01"}) == set()
    assert rehearsal.call("GET", "Messages.json", DateSent="yesterday").status_code == 400


def test_pages_follow_each_other_while_new_messages_arrive() -> None:
    """Newest first; `next_page_uri` goes on after the last message seen and ends with null."""
    rehearsal = Rehearsal()
    sids = [rehearsal.send() for _ in range(7)]
    seen: list[str] = []
    uri: str | None = "Messages.json?PageSize=3"
    while uri:
        page = rehearsal.call("GET", uri).json or {}
        seen += [message["sid"] for message in page["messages"]]
        uri = page["next_page_uri"]
        rehearsal.send()
    assert seen == sids[::-1]


@pytest.mark.parametrize(("size", "shown"), [("0", 1), ("1000", 1000), ("1001", 1000)])
def test_a_page_has_a_size(size: str, shown: int) -> None:
    """At least 1, at most 1000."""
    rehearsal = Rehearsal()
    for _ in range(1001):
        rehearsal.send(StatusCallback=None)
    page = rehearsal.call("GET", "Messages.json", PageSize=size).json or {}
    assert len(page["messages"]) == shown


@pytest.mark.parametrize("query", [{"PageSize": "many"}, {"Page": "first"}])
def test_a_page_needs_numbers(query: dict[str, str]) -> None:
    """400 with code 20001."""
    response = Rehearsal().call("GET", "Messages.json", None, **query)
    assert (response.status_code, response.json and response.json["code"]) == (400, 20001)


def test_a_country_that_nobody_priced_has_a_price() -> None:
    """Tuvalu is not in the table: the price of unknown countries."""
    rehearsal = Rehearsal()
    sid = rehearsal.send("+6887000199", sender=LONG_CODE)
    rehearsal.step()
    assert rehearsal.message(sid)["price"] == "-0.10000"


def test_a_listing_can_lag() -> None:
    """With `listing_lag` a new message is not listed yet, while it can be fetched."""
    rehearsal = Rehearsal(Behaviour(listing_lag=30))
    sid = rehearsal.send()
    assert rehearsal.message(sid)["sid"] == sid
    assert (rehearsal.call("GET", "Messages.json", To=PLAIN).json or {})["messages"] == []
    rehearsal.step(30)
    assert len((rehearsal.call("GET", "Messages.json", To=PLAIN).json or {})["messages"]) == 1


def test_a_message_is_redacted_and_deleted() -> None:
    """Body= empties the text; DELETE answers 204 and then 404, and the log keeps its line."""
    rehearsal = Rehearsal()
    sid = rehearsal.send()
    path = f"Messages/{sid}.json"
    assert (rehearsal.call("POST", path, {"Body": ""}).json or {})["body"] == ""
    assert rehearsal.call("POST", path, {"Body": "other"}).status_code == 400
    response = rehearsal.call("DELETE", path)
    assert (response.status_code, response.data) == (204, b"")
    assert rehearsal.call("GET", path).status_code == 404
    assert (rehearsal.call("GET", "Messages.json", To=PLAIN).json or {})["messages"] == []
    assert len(rehearsal.simulator.log()) == 1


def test_an_account_shows_its_belongings() -> None:
    """The account, its numbers, short codes, services and their pools."""
    rehearsal = Rehearsal()
    account = rehearsal.call("GET", f"/2010-04-01/Accounts/{rehearsal.account.sid}.json").json or {}
    assert (account["status"], account["type"], account["auth_token"]) == ("active", "Full", "")
    numbers = (rehearsal.call("GET", "IncomingPhoneNumbers.json").json or {})["incoming_phone_numbers"]
    assert [number["phone_number"] for number in numbers] == [TOLL_FREE, UNVERIFIED, LONG_CODE]
    codes = (rehearsal.call("GET", "SMS/ShortCodes.json").json or {})["short_codes"]
    assert [code["short_code"] for code in codes] == [SHORT_CODE]
    services = (rehearsal.call("GET", "/v1/Services").json or {})["services"]
    assert (rehearsal.call("GET", f"/v1/Services/{services[0]['sid']}").json or {}) == services[0]
    assert [service["friendly_name"] for service in services] == ["Members"]
    pool = (rehearsal.call("GET", f"/v1/Services/{services[0]['sid']}/PhoneNumbers").json or {})["phone_numbers"]
    assert [number["phone_number"] for number in pool] == [TOLL_FREE, LONG_CODE]


def test_a_webhook_address_can_be_set() -> None:
    """POST to a number with SmsUrl, as the Console does."""
    rehearsal = Rehearsal()
    number = rehearsal.account.number(SHORT_CODE)
    assert number
    path = f"SMS/ShortCodes/{number.sid}.json"
    assert (rehearsal.call("POST", path, {"SmsUrl": IMAGE}).json or {})["sms_url"] == IMAGE
    rehearsal.simulator.text(PLAIN, SHORT_CODE, "hi")
    rehearsal.step(1)
    assert [letter.url for letter in rehearsal.letters] == [IMAGE]


def test_lists_of_the_newer_apis_have_pages() -> None:
    """`meta` holds absolute addresses, and null at the end."""
    rehearsal = Rehearsal()
    first = rehearsal.call("GET", "/v1/Messaging/Countries", PageSize=50).json or {}
    assert first["meta"]["key"] == "countries"
    assert first["meta"]["next_page_url"].startswith("https://pricing.twilio.com/v1/Messaging/Countries?")
    assert len(first["countries"]) == 50
    second = rehearsal.call("GET", "/v1/Messaging/Countries", PageSize=50, Page=1).json or {}
    assert second["meta"]["next_page_url"] is None
    assert second["meta"]["previous_page_url"]


def test_prices_are_listed_by_carrier() -> None:
    """One row a carrier, prices as strings; Namibia (NA) is a country."""
    rehearsal = Rehearsal()
    british = rehearsal.call("GET", "/v1/Messaging/Countries/GB").json or {}
    prices = [row["prices"][0]["base_price"] for row in british["outbound_sms_prices"]]
    assert prices == ["0.05240", "0.05600"]
    assert (rehearsal.call("GET", "/v1/Messaging/Countries/NA").json or {})["country"] == "Namibia"


def test_a_verification_is_asked_for_and_decided() -> None:
    """Required fields, PENDING_REVIEW, then the simulated reviewer's word; filters by status and number."""
    rehearsal = Rehearsal(Behaviour(review_seconds=100))
    number = rehearsal.account.number(TOLL_FREE)
    assert number
    fields = {
        "BusinessName": "Harbor", "BusinessWebsite": "https://our.example", "NotificationEmail": "a@our.example",
        "UseCaseCategories": ["CHURCH"], "UseCaseSummary": "Dues", "ProductionMessageSample": "Hello",
        "OptInImageUrls": [IMAGE], "OptInType": "WEB_FORM", "MessageVolume": "1,000",
        "TollfreePhoneNumberSid": number.sid,
    }  # fmt: skip
    path = "/v1/Tollfree/Verifications"
    assert rehearsal.call("POST", path, fields | {"BusinessName": ""}).status_code == 400
    asked = rehearsal.call("POST", path, fields).json or {}
    assert (asked["status"], asked["business_name"]) == ("PENDING_REVIEW", "Harbor")

    def status() -> str:
        return str((rehearsal.call("GET", f"{path}/{asked['sid']}").json or {})["status"])

    rehearsal.step(50)
    assert status() == "IN_REVIEW"
    rehearsal.step(50)
    assert status() == "TWILIO_APPROVED"
    rehearsal.simulator.verify(TOLL_FREE, "TWILIO_REJECTED")
    assert status() == "TWILIO_REJECTED"
    rejected = rehearsal.call("GET", path, Status="TWILIO_REJECTED").json or {}
    assert {row["tollfree_phone_number"] for row in rejected["verifications"]} == {TOLL_FREE}
    for phone, word in ((TOLL_FREE, "FINE"), ("+18005550000", "TWILIO_APPROVED")):
        with pytest.raises(ValueError, match=r"number|words"):
            rehearsal.simulator.verify(phone, word)


def test_usage_adds_up() -> None:
    """Leaves by sender kind, carrier fees apart, failed fee only where it is not exempt, roll-ups are sums, and the sum
    of message prices is messages plus carrier fees."""
    account = Rehearsal().account
    account.pumping_protection = True
    rehearsal = Rehearsal(accounts=(account,))
    sids = [rehearsal.send(Body="x" * 161), rehearsal.send(sender=TOLL_FREE), rehearsal.send("+12025550103")]
    sids += [rehearsal.send("+447700900199", sender=LONG_CODE), rehearsal.send(MediaUrl=[IMAGE])]
    rehearsal.send("+447700900198", sender=LONG_CODE, RiskCheck="disable")
    for ending in ("0107", "0145", "0136"):
        rehearsal.send(f"+1202555{ending}")
    rehearsal.simulator.text(PLAIN, SHORT_CODE, "hello")
    rehearsal.step()
    records = (rehearsal.call("GET", "Usage/Records.json").json or {})["usage_records"]
    usage = {row["category"]: (row["count"], row["usage"], Decimal(row["price"])) for row in records}
    assert usage["sms-outbound-shortcode"] == ("2", "3", 3 * Decimal("0.0083"))
    assert usage["sms-outbound-tollfree"] == ("1", "1", Decimal("0.0083"))
    assert usage["mms-outbound-shortcode"] == ("1", "1", Decimal("0.022"))
    assert usage["sms-inbound-shortcode"] == ("1", "1", Decimal("0.0083"))
    assert usage["failed-message-processing-fee"] == ("1", "1", Decimal("0.001"))
    assert usage["sms-pumping-protection"] == ("1", "1", Decimal("0.025"))
    assert usage["sms-outbound"][2] == sum(usage[f"sms-outbound-{k}"][2] for k in ("longcode", "shortcode", "tollfree"))
    assert usage["sms"][2] == usage["sms-outbound"][2] + usage["sms-inbound"][2]
    messages = rehearsal.simulator.store.messages.values()
    prices = sum(-m.price for m in messages if m.price and m.direction != "inbound")
    fees = usage["sms-messages-carrierfees"][2] + usage["mms-messages-carrierfees"][2]
    assert prices == usage["sms-outbound"][2] + usage["mms-outbound"][2] + fees
    leaves = [v[2] for k, v in usage.items() if k.count("-") >= 2 and k not in ("sms-outbound", "mms-outbound")]
    assert usage["totalprice"][2] == sum(leaves)


def test_usage_is_kept_by_day_and_outlives_deletion() -> None:
    """Daily records by GMT day, filters by category and date, relative dates; deleting a message changes nothing."""
    rehearsal = Rehearsal()
    sid = rehearsal.send()
    rehearsal.step(86_400)
    rehearsal.send()
    rehearsal.send()
    rehearsal.step(60)
    rehearsal.call("DELETE", f"Messages/{sid}.json")

    def daily(**query: str) -> list[tuple[str, str]]:
        found = rehearsal.call("GET", "Usage/Records/Daily.json", None, Category="sms-outbound", **query).json or {}
        return [(row["start_date"], row["count"]) for row in found["usage_records"]]

    assert daily(StartDate="2026-11-19", EndDate="2026-11-21") == [
        ("2026-11-21", "2"), ("2026-11-20", "1"), ("2026-11-19", "0"),
    ]  # fmt: skip
    assert daily(StartDate="-1days", EndDate="2026-11-20") == [("2026-11-20", "1")]
    assert daily(StartDate="2026-11-20", EndDate="2026-11-21", PageSize="1", Page="1") == [("2026-11-20", "1")]
    assert rehearsal.call("GET", "Usage/Records/Daily.json", StartDate="soon").status_code == 400


@pytest.mark.parametrize(
    ("from_", "to", "code"),
    [
        ("+15005550001", PLAIN, 21212),
        ("+15005550007", PLAIN, 21606),
        ("+15005550008", PLAIN, 21611),
        (SHORT_CODE, PLAIN, 21606),
        ("+15005550006", "+15005550001", 21211),
        ("+15005550006", "+15005550002", 21612),
        ("+15005550006", "+15005550003", 21408),
        ("+15005550006", "+15005550004", 21610),
        ("+15005550006", "+15005550009", 21614),
        ("+15005550006", PLAIN, None),
        ("+15005550006", "+12025550103", None),
        ("", PLAIN, 21603),
        ("+15005550006", "", 21604),
    ],
)
def test_magic_numbers_answer_test_credentials(from_: str, to: str, code: int | None) -> None:
    """Twilio's table of magic numbers; nothing is stored, sent or called back."""
    rehearsal = Rehearsal()
    rehearsal.user, rehearsal.secret = rehearsal.account.test_sid, rehearsal.account.test_token
    path = f"/2010-04-01/Accounts/{rehearsal.account.test_sid}"
    response = rehearsal.call("POST", f"{path}/Messages.json", {"From": from_, "To": to, "Body": "x"})
    assert (response.json or {})["code" if code else "status"] == (code or "queued")
    rehearsal.step()
    assert (rehearsal.simulator.state()["accepted"], rehearsal.letters) == (0, [])
    assert rehearsal.call("GET", f"{path}/Messages.json").status_code == 403


@pytest.mark.parametrize(("body", "status"), [("", 400), ("x" * 1600, 201), ("x" * 1601, 400)])
def test_test_credentials_check_the_text(body: str, status: int) -> None:
    """A text of 1 to 1600 characters."""
    rehearsal = Rehearsal()
    sid = rehearsal.account.test_sid
    rehearsal.user, rehearsal.secret = sid, rehearsal.account.test_token
    form = {"From": "+15005550006", "To": PLAIN, "Body": body}
    assert rehearsal.call("POST", f"/2010-04-01/Accounts/{sid}/Messages.json", form).status_code == status


def test_faults_are_drawn_scripted_and_counted() -> None:
    """A script comes first and is used up; a counted rule ends; shares are seeded."""
    rehearsal = Rehearsal()
    rehearsal.simulator.fail(
        Fault("throttle", times=2, seconds=3), script=[Fault("ok"), Fault("error"), Fault("error", stored=True)]
    )
    responses = [rehearsal.create() for _ in range(6)]
    assert [response.status_code for response in responses] == [201, 500, 500, 429, 429, 201]
    assert responses[3].headers["Retry-After"] == "3"
    assert rehearsal.simulator.state()["accepted"] == 3

    def drawn(seed: int) -> list[int]:
        rehearsal.simulator.fail(Fault("busy", share=0.5), seed=seed)
        return [rehearsal.create().status_code for _ in range(40)]

    first = drawn(1)
    assert drawn(1) == first != drawn(2)
    assert 5 < first.count(503) < 35


def test_faults_choose_their_requests() -> None:
    """A fault on lists leaves creates alone, `any` meets all."""
    rehearsal = Rehearsal()
    rehearsal.simulator.fail(Fault("error", on="list"))
    sid = rehearsal.send()
    assert rehearsal.call("GET", "Messages.json").status_code == 500
    assert rehearsal.call("GET", f"Messages/{sid}.json").status_code == 200
    rehearsal.simulator.fail(Fault("error", on="any"))
    assert rehearsal.call("GET", "IncomingPhoneNumbers.json").status_code == 500
    rehearsal.simulator.fail()
    assert rehearsal.call("GET", "Messages.json").status_code == 200
    with pytest.raises(ValueError, match="no such fault"):
        Fault("explode")


def test_the_account_has_a_limit_of_requests_at_once() -> None:
    """Beyond it the answer is 429 with code 20429 and nothing is stored."""
    rehearsal = Rehearsal(Behaviour(concurrency=0))
    response = rehearsal.create()
    assert (response.status_code, response.json and response.json["code"]) == (429, 20429)
    assert response.headers["Twilio-Concurrent-Requests"] == "1"
    assert rehearsal.simulator.state()["accepted"] == 0


def test_the_simulator_is_controlled_over_http() -> None:
    """State, log, faults, inbound texts, verifications and reset; nonsense is a 400, the unknown a 404."""
    rehearsal = Rehearsal()

    def control(name: str, **wanted: Any) -> Any:
        return rehearsal.client.post(f"/simulator/{name}", json=wanted)

    rehearsal.send()
    lines = [json.loads(line) for line in rehearsal.client.get("/simulator/log").text.splitlines()]
    assert [(line["to"], line["callback_query"]) for line in lines] == [(PLAIN, "m=7&a=1")]
    assert control("inbound", From=PLAIN, To=SHORT_CODE, Body="STOP").status_code == 201
    assert rehearsal.create().status_code == 400
    assert control("verifications", phone=UNVERIFIED, status="TWILIO_APPROVED").status_code == 200
    assert control("faults", faults=[{"effect": "error"}], script=["throttle"]).status_code == 200
    assert [rehearsal.create("+12025550198").status_code for _ in range(2)] == [429, 500]
    assert control("reset").json["accepted"] == 0
    assert rehearsal.create().status_code == 201
    rehearsal.step()
    state = rehearsal.client.get("/simulator/state").json or {}
    assert (state["outbound"], state["callbacks"]["answered"], state["owed"]) == ({"delivered": 1}, 2, 0)
    for name, wanted in (("faults", {"faults": ["explode"]}), ("faults", {"script": ["drop:twice"]}), ("inbound", {})):
        assert control(name, **wanted).status_code == 400
    assert control("faults", faults=[{"effect": "error", "colour": "red"}]).status_code == 400
    assert rehearsal.client.post("/simulator/inbound", json=[1]).status_code == 400
    assert control("inbound", From=PLAIN, To="+12015550000", Body="x").status_code == 400
    assert control("explode").status_code == 404


def test_the_log_is_written_to_a_file(tmp_path: Path) -> None:
    """One JSON line a message that was accepted, at once, with a hash for the body."""
    path = tmp_path / "accepted.jsonl"
    rehearsal = Rehearsal(log_path=path)
    rehearsal.send()
    line = json.loads(path.read_text())
    assert line == rehearsal.simulator.log()[0]
    assert "Hello" not in path.read_text()


def test_numbers_may_be_marked_unverified() -> None:
    """`Behaviour.unverified` overrules what the account says."""
    rehearsal = Rehearsal(Behaviour(unverified=frozenset({TOLL_FREE})))
    sid = rehearsal.send(sender=TOLL_FREE)
    rehearsal.step()
    assert rehearsal.message(sid)["error_code"] == 30032


def test_a_number_nobody_asked_to_verify_has_no_verification() -> None:
    """A word that is not Twilio's leaves the list empty and the number blocked."""
    account = SimulatedAccount("Harbor", [SimulatedNumber(TOLL_FREE, verification="UNVERIFIED")])
    rehearsal = Rehearsal(accounts=(account,))
    sid = rehearsal.send(sender=TOLL_FREE)
    rehearsal.step()
    assert rehearsal.message(sid)["error_code"] == 30032
    assert (rehearsal.call("GET", "/v1/Tollfree/Verifications").json or {})["verifications"] == []


def test_a_stepped_clock_is_moved_and_a_real_one_is_not() -> None:
    """`step` is for stepped clocks; naive starts and speeds that are not positive are refused."""
    with pytest.raises(TypeError):
        create_simulator().schedule.step(1)
    with pytest.raises(ValueError, match="aware"):
        SteppedClock((START + timedelta(0)).replace(tzinfo=None))
    with pytest.raises(ValueError, match="positive"):
        create_simulator(Behaviour(speed=0))


def test_a_broken_action_does_not_stop_the_network(caplog: pytest.LogCaptureFixture) -> None:
    """The thread goes on with what is due next."""
    simulator = create_simulator()
    done: list[int] = []
    with serve(simulator):
        simulator.schedule.after(0, lambda: [].pop())
        simulator.schedule.after(0.01, lambda: done.append(1))
        simulator.settle(5)
    assert done == [1]
    assert "a simulated action failed" in caplog.text


def test_settling_gives_up() -> None:
    """What is owed for later than the time-out is a TimeoutError."""
    simulator = create_simulator()
    with serve(simulator):
        simulator.schedule.after(60, lambda: None)
        with pytest.raises(TimeoutError):
            simulator.settle(0.02)


def test_two_tokens_sign_in_until_one_is_promoted() -> None:
    """A second token works beside the first; promoted, it is the only one, and it signs what is posted from then on."""
    rehearsal = Rehearsal()
    first = rehearsal.secret
    account = rehearsal.account

    def enters(secret: str) -> bool:
        rehearsal.secret = secret
        return rehearsal.call("GET", "Messages.json").status_code == 200

    assert [enters(first), enters("second"), enters("")] == [True, False, False]
    account.secondary = "second"
    assert [enters(first), enters("second"), enters("")] == [True, True, False]
    account.promote()
    assert [enters(first), enters("second"), enters("")] == [False, True, False]
    account.promote()
    assert account.token == "second"
