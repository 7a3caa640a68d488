"""Secrets at rest: sealed with the newest key, opened with any key in use, bound to their purpose, never in an error."""

from __future__ import annotations

import json
import traceback

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from models.secrets import PREFIX, SecretUnreadable, reseal, seal, unseal

OLD, NEW, STRANGE = (Fernet.generate_key().decode() for _ in range(3))
TOKEN = "twilio_token"


@given(st.text(max_size=200), st.text(min_size=1, max_size=20))
def test_what_is_sealed_is_unsealed(secret: str, purpose: str) -> None:
    """Any text comes back, and none of it can be read in the sealed form."""
    sealed = seal([NEW], purpose, secret)
    assert unseal([NEW], purpose, sealed) == secret
    assert sealed.startswith(PREFIX)
    assert len(secret) < 8 or secret not in sealed


def test_two_seals_of_one_secret_differ() -> None:
    """Nobody can tell from the table that two accounts share a token."""
    assert seal([NEW], TOKEN, "abc") != seal([NEW], TOKEN, "abc")


def test_a_key_is_rotated_without_a_pause() -> None:
    """New secrets take the first key; old ones open while the old key is listed, and after resealing without it."""
    before = seal([OLD], TOKEN, "abc")
    assert unseal([NEW, OLD], TOKEN, before) == "abc"
    assert unseal([NEW], TOKEN, seal([NEW, OLD], TOKEN, "abc")) == "abc"
    after = reseal([NEW, OLD], before)
    assert unseal([NEW], TOKEN, after) == "abc"
    with pytest.raises(SecretUnreadable):
        unseal([OLD], TOKEN, after)


def test_a_secret_is_bound_to_its_purpose() -> None:
    """A sealed password that was copied into the token's column is refused."""
    with pytest.raises(SecretUnreadable, match="another purpose"):
        unseal([NEW], TOKEN, seal([NEW], "smtp_password", "abc"))


def _foreign(plain: object) -> str:
    """Something else that was encrypted with our key."""
    return PREFIX + Fernet(NEW).encrypt(json.dumps(plain).encode()).decode()


def _flipped(sealed: str) -> str:
    middle = len(sealed) // 2
    return sealed[:middle] + ("A" if sealed[middle] != "A" else "B") + sealed[middle + 1 :]


@pytest.mark.parametrize(
    "sealed",
    [
        *("", PREFIX, "abc", "plain token", "é", "f2:abc", "\0", "x" * 100_000),
        seal([STRANGE], TOKEN, "abc"),
        _flipped(seal([NEW], TOKEN, "abc")),
        seal([NEW], TOKEN, "abc")[:-4],
        *(_foreign(plain) for plain in (5, None, "ab", [TOKEN], [TOKEN, "a", "b"], {"a": 1}, [])),
        PREFIX + Fernet(NEW).encrypt(b"not JSON").decode(),
    ],
)
def test_what_cannot_be_read_is_one_exception(sealed: str) -> None:
    """Junk, another key, a changed byte and other uses of the key are all the same to the caller."""
    with pytest.raises(SecretUnreadable):
        unseal([NEW], TOKEN, sealed)


@pytest.mark.parametrize("sealed", ["", "abc", "é", seal([STRANGE], TOKEN, "abc")])
def test_resealing_junk_is_the_same_exception(sealed: str) -> None:
    """A rotation that meets a secret it cannot open says so."""
    with pytest.raises(SecretUnreadable):
        reseal([NEW], sealed)


@pytest.mark.parametrize("keys", [[], ["short"], [NEW, "short"]])
def test_keys_that_are_none_are_refused(keys: list[str]) -> None:
    """Nothing is sealed without a proper key, and nothing is opened."""
    with pytest.raises(ValueError):
        seal(keys, TOKEN, "abc")
    with pytest.raises(SecretUnreadable):
        unseal(keys, TOKEN, seal([NEW], TOKEN, "abc"))


def test_no_error_holds_the_secret_or_a_key() -> None:
    """Whatever is printed of a failure, causes included, neither the secret nor the key is in it."""
    sealed = seal([NEW], "smtp_password", "correct horse")
    for keys, purpose in (([NEW], TOKEN), ([STRANGE], TOKEN)):
        with pytest.raises(SecretUnreadable) as error:
            unseal(keys, purpose, sealed)
        told = "".join(traceback.format_exception(error.value))
        assert "correct horse" not in told
        assert NEW not in told
        assert STRANGE not in told
