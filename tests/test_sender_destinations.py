"""May a request leave, and if so, where to: every kind of account against every kind of address."""

from __future__ import annotations

import pytest

from sender.destinations import Destination, permitted
from sender.gateway_errors import Rejected

LIVE, TEST = "AC" + "1" * 32, "AC" + "2" * 32
API = "https://api.twilio.com/2010-04-01/Accounts"
HERE = "http://127.0.0.1:4010"
TEXT = f"{API}/{TEST}/Messages.json"


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", TEXT),
        ("DELETE", TEXT),
        ("POST", f"{API}/{LIVE}/Messages.json"),
        ("POST", f"{API}/{TEST}/Messages/SM1.json"),
        ("POST", f"{API}/{TEST}/Messages.json?To=1"),
        ("POST", f"{API}/{TEST}/../{LIVE}/Messages.json"),
        ("POST", f"{API}/{TEST}/Calls.json"),
        ("GET", f"{API}/{TEST}.json"),
        ("GET", f"{API}/{TEST}/Usage/Records/Daily.json"),
        ("GET", "https://pricing.twilio.com/v1/Messaging/Countries/US"),
        ("GET", "https://messaging.twilio.com/v1/Services"),
        ("POST", TEXT.replace("https", "http")),
        ("POST", TEXT.replace("api.", "messaging.")),
        ("POST", TEXT.replace("twilio.com", "twilio.com:8443")),
        ("POST", TEXT.replace("api.twilio.com", "api.twilio.com.example.com")),
        ("POST", TEXT.replace("//", "//someone@")),
    ],
)
def test_a_test_account_may_only_post_texts_under_its_test_sid(method: str, url: str) -> None:
    """Without a simulator one request is left, and nothing that resembles it."""
    assert permitted("POST", TEXT, base_url=None, account_sid=TEST, test_mode=True)
    assert permitted("post", TEXT, base_url=None, account_sid=TEST, test_mode=True)
    assert not permitted(method, url, base_url=None, account_sid=TEST, test_mode=True)


@pytest.mark.parametrize(
    "url",
    [
        f"{API}/{LIVE}.json",
        f"{API}/{LIVE}/Messages.json?To=1",
        "https://pricing.twilio.com/v1/Messaging/Countries/US",
        "https://api.dublin.ie1.twilio.com:443/2010-04-01/x",
    ],
)
def test_a_live_account_reaches_twilio_and_nothing_else(url: str) -> None:
    """Over TLS only, and no host that merely ends alike."""
    assert permitted("GET", url, base_url=None, account_sid=LIVE, test_mode=False)
    for wrong in (
        url.replace("https", "http"),
        url.replace("twilio.com", "eviltwilio.com"),
        url.replace(".com", ".co"),
        url.replace("twilio.com", "twilio.com.example.com"),
    ):
        assert not permitted("GET", wrong, base_url=None, account_sid=LIVE, test_mode=False)


@pytest.mark.parametrize("test_mode", [False, True])
def test_a_simulator_takes_everything_and_nobody_else_anything(test_mode: bool) -> None:
    """Any path at its address; the same path at Twilio, at another port or over another scheme is refused."""
    where = Destination(HERE, LIVE, test_mode)
    for method in ("GET", "POST", "DELETE"):
        assert where.address(method, f"{API}/{LIVE}/Messages.json?To=1") == (
            f"{HERE}/2010-04-01/Accounts/{LIVE}/Messages.json?To=1"
        )
    for url in (f"{API}/{LIVE}.json", "http://127.0.0.1:4011/x", "https://127.0.0.1:4010/x", "http://localhost:4010/x"):
        assert not permitted("GET", url, base_url=HERE, account_sid=LIVE, test_mode=test_mode)


def test_twilio_is_no_simulator() -> None:
    """A test account is refused even when Twilio's own address is given as the simulator's."""
    for there in ("https://api.twilio.com", "https://API.twilio.com", "http://api.twilio.com:80"):
        with pytest.raises(Rejected, match="test mode"):
            Destination(there, TEST, test_mode=True).address("POST", TEXT)
        assert Destination(there, LIVE).address("POST", TEXT).startswith(there)


def test_a_refusal_says_why_and_how_far_it_goes() -> None:
    """A text that may not leave stops its run; a question that may not be asked stops nothing. Neither repeats the address."""
    where = Destination(None, TEST, test_mode=True)
    assert where.address("POST", TEXT) == TEXT
    for method, stops in (("POST", True), ("GET", False)):
        with pytest.raises(Rejected) as caught:
            where.address(method, f"{API}/{LIVE}/Messages.json?To=%2B12125550100")
        assert (caught.value.code, caught.value.http_status, caught.value.stops_run) == (20008, 403, stops)
        assert "2125550100" not in str(caught.value)
    with pytest.raises(Rejected) as caught:
        Destination(None, LIVE).address("GET", "https://example.com/")
    assert caught.value.code is None
