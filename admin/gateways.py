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
    """The gateway of an account. A POST may take half of the lease, so that no claim outlives it."""
    if not account.twilio_sid or not account.twilio_token:
        raise NotLinked(f"{account.name} is not linked to an SMS account. Link one under Settings.")
    token = secrets.unseal(config.secret_keys, TOKEN, account.twilio_token)
    return gateway_with(config, account.twilio_sid, token, total=lease_seconds / 2)


def gateway_with(config: Config, sid: str, token: str, *, total: float = 30.0) -> Gateway:
    """A gateway with credentials that are not kept (yet); `total` is the longest that a request may take, seconds."""
    return Gateway(sid, token, base_url=config.twilio_url or None, timeout=(min(5.0, total), total))


def seal(keys: Sequence[str], token: str) -> str:
    """An auth token as the database keeps it."""
    return secrets.seal(keys, TOKEN, token)
