"""How the console and the worker reach the Twilio account of a tenant: its credentials unsealed, its timeouts within the lease."""

from __future__ import annotations

from collections.abc import Sequence

from admin.config import Config
from models import secrets
from models.accounts import Account
from sender.gateway import Gateway

TOKEN = "twilio_token"  # noqa: S105 (the purpose of a secret, not a secret)
"""The purpose under which auth tokens are sealed."""


class NotLinked(Exception):
    """The account has no SMS account; the message is a sentence for an admin."""


def tokens(config: Config, account: Account) -> list[str]:
    """The auth tokens that Twilio may sign with: the present one, and the previous one while a key is being rotated."""
    sealed = [account.twilio_token, account.twilio_token_previous]
    return [secrets.unseal(config.secret_keys, TOKEN, token) for token in sealed if token]


def gateway_for(config: Config, account: Account, *, lease_seconds: int = 60) -> Gateway:
    """The gateway of an account. A POST may take half of the lease, so that no claim outlives it.

    In test mode and without a simulator it has the test credentials, and the live token is not even unsealed.
    """
    sid, sealed = account.twilio_sid, account.twilio_token
    if account.test_mode and not config.twilio_url:
        sid, sealed = account.twilio_test_sid, account.twilio_test_token
        if not sid or not sealed:
            raise NotLinked(f"{account.name} is in test mode without test credentials. Keep some with `accounts test`.")
    if not sid or not sealed:
        raise NotLinked(f"{account.name} is not linked to an SMS account. Link one under Settings.")
    token = secrets.unseal(config.secret_keys, TOKEN, sealed)
    return gateway_with(config, sid, token, total=lease_seconds / 2, test_mode=account.test_mode)


def gateway_with(config: Config, sid: str, token: str, *, total: float = 30.0, test_mode: bool = False) -> Gateway:
    """A gateway with credentials that are not kept (yet); `total` is the longest that a request may take, seconds."""
    return Gateway(
        sid, token, base_url=config.twilio_url or None, timeout=(min(5.0, total), total), test_mode=test_mode
    )


def may_ask(config: Config, account: Account) -> bool:
    """Whether prices, usage and the fate of texts can be asked for: of a linked account, but not with test credentials,
    under which Twilio keeps nothing that could be asked for."""
    return bool(account.twilio_token) and not (account.test_mode and not config.twilio_url)


def seal(keys: Sequence[str], token: str) -> str:
    """An auth token as the database keeps it."""
    return secrets.seal(keys, TOKEN, token)
