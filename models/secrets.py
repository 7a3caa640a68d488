"""How a secret is kept in the database: Fernet, newest key first, bound to its purpose so that it cannot be moved elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

PREFIX = "f1:"


class SecretUnreadable(Exception):
    """No key in use opens this secret, or it was sealed for another purpose."""


def _box(keys: Sequence[str]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def seal(keys: Sequence[str], purpose: str, secret: str) -> str:
    """Encrypt `secret` with the first of `keys` (Fernet keys, url-safe base64)."""
    return PREFIX + _box(keys).encrypt(json.dumps([purpose, secret]).encode()).decode()


def unseal(keys: Sequence[str], purpose: str, sealed: str) -> str:
    """Decrypt what `seal` made; raises SecretUnreadable."""
    try:
        kind, secret = json.loads(_box(keys).decrypt(sealed.removeprefix(PREFIX).encode()))
    except (InvalidToken, ValueError, TypeError) as error:
        raise SecretUnreadable("No key in use opens this secret; add the old key to TEXTLEDGER_SECRET_KEYS.") from error
    if kind != purpose:
        raise SecretUnreadable("This secret was sealed for another purpose.")
    return str(secret)


def reseal(keys: Sequence[str], sealed: str) -> str:
    """The same secret under the newest key; its time of sealing is kept."""
    try:
        return PREFIX + _box(keys).rotate(sealed.removeprefix(PREFIX).encode()).decode()
    except InvalidToken as error:
        raise SecretUnreadable("No key in use opens this secret; add the old key to TEXTLEDGER_SECRET_KEYS.") from error
