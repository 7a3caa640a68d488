"""Does an account's gateway have its own credentials, and no more time than a claim lasts?"""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from admin import gateways
from admin.config import Config
from models import secrets
from models.accounts import Account
from models.secrets import SecretUnreadable
from sender.gateway import Rejected
from sender.simulator import Behaviour, SimulatedAccount, create_simulator, serve
from tests.conftest import NOW

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SID = "AC" + "1" * 32


def config(*keys: str, twilio_url: str = "") -> Config:
    """A configuration with these keys, newest first."""
    return Config("sqlite://", "key", "salt", keys, "http://127.0.0.1:8000", twilio_url, ("127.0.0.1",), "staging")


def account(*, key: str = OLD, token: str = "the token", sid: str | None = SID, previous: str = "") -> Account:
    """An account whose tokens are sealed with a key."""
    return Account(
        slug="harbor", name="Harbor Association", twilio_sid=sid, created_at=NOW,
        twilio_token=gateways.seal([key], token) if token else None,
        twilio_token_previous=gateways.seal([key], previous) if previous else None,
    )  # fmt: skip


def test_a_sealed_token_says_nothing() -> None:
    """The database never holds the token itself."""
    kept = account().twilio_token
    assert kept
    assert "the token" not in kept


@pytest.mark.parametrize("unlinked", [account(token=""), account(sid=None), account(sid="")])
def test_an_unlinked_account_has_no_gateway(unlinked: Account) -> None:
    """The refusal says which account, and what to do."""
    with pytest.raises(gateways.NotLinked, match="Harbor Association is not linked"):
        gateways.gateway_for(config(OLD), unlinked)


def test_both_tokens_hold_while_they_are_rotated() -> None:
    """Twilio may sign with the new token or with the one before; the present one is first."""
    assert gateways.tokens(config(OLD), account(previous="the one before")) == ["the token", "the one before"]
    assert gateways.tokens(config(OLD), account()) == ["the token"]
    assert gateways.tokens(config(OLD), account(token="")) == []


def test_an_older_key_still_opens() -> None:
    """Keys rotate: what the old one sealed is readable as long as it is kept behind the new one."""
    assert gateways.tokens(config(NEW, OLD), account()) == ["the token"]


def test_a_lost_key_is_told() -> None:
    """Without its key a token is unreadable, and the sentence names the variable and not the token."""
    with pytest.raises(SecretUnreadable, match="TEXTLEDGER_SECRET_KEYS"):
        gateways.gateway_for(config(NEW), account())


def test_a_secret_of_another_purpose_is_no_token() -> None:
    """What was sealed as something else cannot be moved into the token's column."""
    moved = account()
    moved.twilio_token = secrets.seal([OLD], "totp", "the token")
    with pytest.raises(SecretUnreadable, match="another purpose"):
        gateways.gateway_for(config(OLD), moved)


@pytest.mark.parametrize(
    ("lease", "timeout"), [(8, (4.0, 4.0)), (10, (5.0, 5.0)), (60, (5.0, 30.0)), (120, (5.0, 60.0))]
)
def test_no_request_outlives_its_claim(lease: int, timeout: tuple[float, float]) -> None:
    """A request takes at most half of the lease, and never more than five seconds to connect."""
    gateway = gateways.gateway_for(config(OLD), account(), lease_seconds=lease)
    assert gateway._timeout == timeout


def test_the_token_opens_the_account_at_the_configured_address() -> None:
    """Sealed, unsealed and sent: the simulated Twilio knows the account; another token is rejected."""
    simulator = create_simulator(Behaviour.instant(), accounts=[SimulatedAccount("Harbor", sid=SID, token="the token")])
    with serve(simulator) as running:
        here = config(OLD, twilio_url=running.url)
        assert gateways.gateway_for(here, account()).account().name == "Harbor"
        with pytest.raises(Rejected) as caught:
            gateways.gateway_for(here, account(token="another")).account()
    assert caught.value.http_status == 401
    assert "another" not in str(caught.value)
