"""Is what has the form of personal data or of a secret taken out of a log line, and everything else left as it is?"""

from __future__ import annotations

import re

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from admin.redaction import harmless, redact


@pytest.mark.parametrize(
    "text",
    [
        "+12125550100",
        "12125550100",
        "2125550100",
        "2125550100.",
        "(212) 555-0100",
        "212-555-0100",
        "212.555.0100",
        "1 212 555 0100",
        "+1 (212) 555-0100",
        "+44 20 7946 0958",
        "00442079460958",
        "%2B12125550100",
        "To=%2B12125550100",
        "['+12125550100']",
        "ada@example.com",
        "ada.b+c@mail.example.co.uk",
        "ada%40example.com",
        "Bearer abcdefghijkl",
        "Authorization: Basic QUM6dG9rZW4=",
        "0123456789abcdef0123456789abcdef",
        "postgresql://ledger:pass@db/x",
        "/contacts?search=Anna",
        "/hooks/status?m=7&a=1 HTTP/1.1",
    ],
)
def test_what_has_the_form_of_personal_data_goes(text: str) -> None:
    """Numbers however they are written, addresses, queries, credentials and tokens; the rest of the line stays."""
    said = redact(f"before {text} after")
    assert said.startswith("before ")
    assert said.endswith(" after")
    assert not re.search(r"\d{4}|example|Anna|pass@|abcdef|QUM6|m=7", said), said


@pytest.mark.parametrize(
    "text",
    [
        "message 1234567 attempt 3: TimeoutError",
        "2026-11-22T04:09:12.123456+00:00 INFO textledger.request: GET /contacts/details/<id>/ 200 in 12.5 ms",
        "Listening at: http://127.0.0.1:8000 (4711)",
        "SM0123456789abcdef0123456789abcdef",
        "account 3 has no gateway: NotLinked",
        "worker host-1:12345 has 1,234,567 texts; run 12 of campaign 34",
        "127.0.0.1 10.0.0.255",
        "release 1.2.3 of 2026-11-22",
    ],
)
def test_everything_else_stays(text: str) -> None:
    """Times, ids, SIDs, addresses of machines and figures are what a log is for."""
    assert redact(text) == text


@given(
    st.text("0123456789", min_size=10, max_size=15), st.sampled_from(["", "+", "+1 ", "tel:", "'"]), st.text("., ;)")
)
def test_no_number_survives(digits: str, before: str, after: str) -> None:
    """Whatever ten to fifteen digits stand among."""
    assert digits not in redact(f"{before}{digits}{after}")


def test_a_sealed_token_goes() -> None:
    """What is encrypted in the database is not for logs either."""
    sealed = "f1:" + Fernet(Fernet.generate_key()).encrypt(b"secret").decode()
    assert redact(f"opened {sealed}.") == "opened [secret]."


def test_values_are_reached_wherever_they_are() -> None:
    """In lists, mappings and numbers; what is no text keeps its type as long as it says nothing."""
    found = harmless(
        {"a": ["+12125550100", {"b": ("ada@example.com",)}], "c": 12125550100, "d": None, "e": 7, "f": 1.5}
    )
    assert found == {"a": ["[number]", {"b": ["[address]"]}], "c": "[number]", "d": None, "e": 7, "f": 1.5}
    assert harmless(ValueError("+12125550100")) == "[number]"
