"""The signature check against the SDK's own: whatever was signed, changed or forged, the two give one answer."""

from __future__ import annotations

import hmac
from base64 import b64encode
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sender.gateway import signature_ok
from sender.signatures import signed
from sender.simulated_callbacks import sign

TOKEN = "0123456789abcdef0123456789abcdef"
PLACES = [
    "https://texts.example.org", "https://texts.example.org:443", "https://texts.example.org:8443", "http://texts.example.org",
    "http://texts.example.org:80", "http://127.0.0.1:5000", "https://texts.example.org/sub",
]  # fmt: skip
QUERIES = ["", "?m=7&a=1", "?m=", "?x=%C3%A9+%2B&&=?", "?a=1&a=1#"[:-1], "?bodySHA256=" + "0" * 64]
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FORMS = st.dictionaries(VALUES, st.lists(VALUES, min_size=1, max_size=3), max_size=6)
URLS = st.builds(lambda place, query: f"{place}/hooks/status{query}", st.sampled_from(PLACES), st.sampled_from(QUERIES))


def test_twilio_s_own_example() -> None:
    """The vector that the SDK is tested with."""
    params = {
        "CallSid": ["CA1234567890ABCDE"], "Caller": ["+14158675309"], "From": ["+14158675309"], "Digits": ["1234"],
        "To": ["+18005551212"],
    }  # fmt: skip
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert signed(url, params, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", tokens=["12345"])
    assert not signed(url, params, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", tokens=["12346"])


@settings(max_examples=400, deadline=None)
@given(URLS, URLS, FORMS, st.booleans(), st.lists(st.sampled_from([TOKEN, "new", ""]), max_size=3), st.data())
def test_forms(
    url: str, other: str, form: dict[str, list[str]], same: bool, tokens: list[str], data: st.DataObject
) -> None:
    """Ports, repeated names, empty and foreign characters, several tokens: our answer is the SDK's, right or wrong."""
    flat = "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))
    genuine = b64encode(hmac.digest(TOKEN.encode(), (url + flat).encode(), "sha1")).decode()
    signature = data.draw(
        st.sampled_from([genuine, genuine[:-1], genuine + "=", genuine.swapcase(), "", "\xff", "x" * 28])
    )
    asked = url if same else other
    ours = signed(asked, form, signature, tokens=tokens)
    assert ours == signature_ok(asked, form, signature, tokens=tokens)
    if same and signature == genuine:
        assert ours == (TOKEN in tokens)


@settings(max_examples=100, deadline=None)
@given(URLS, VALUES, st.booleans())
def test_bodies_that_are_no_form(url: str, body: str, honest: bool) -> None:
    """They are signed by their hash in the query, which must be the body's."""
    mark = "&" if "?" in url else "?"
    digest = sha256((body if honest else body + "x").encode()).hexdigest()
    url = url.replace("bodySHA256", "other") + f"{mark}bodySHA256={digest}"
    signature = sign(TOKEN, url, {})
    assert signed(url, body, signature, tokens=[TOKEN]) == signature_ok(url, body, signature, tokens=[TOKEN]) == honest
    assert not signed(url.replace("bodySHA256", "none"), body, signature, tokens=[TOKEN])


@pytest.mark.parametrize("place", PLACES)
def test_the_port_may_be_named_or_not(place: str) -> None:
    """Twilio signs an address with its usual port as often as without; never with another one."""
    url = f"{place}/hooks/status?m=7"
    bare = url.replace(":443", "").replace(":80/", "/").replace(":8443", "").replace(":5000", "")
    port = ":443" if place.startswith("https") else ":80"
    host = bare.split("/")[2]
    for made, asked in [
        (url, url),
        (bare, url),
        (bare.replace(host, host + port), bare),
        (bare.replace(host, host + ":9"), url),
    ]:
        signature = sign(TOKEN, made, {"A": "b"})
        expected = signature_ok(asked, {"A": ["b"]}, signature, tokens=[TOKEN])
        assert signed(asked, {"A": ["b"]}, signature, tokens=[TOKEN]) == expected
        assert expected or ":9/" in made
