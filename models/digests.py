"""How is a number known again that is not kept any more? By a keyed hash, under a key that each account has of its own.

Without the key such a hash tells nothing: numbers are few enough to be tried out, keys are not. The key is sealed like every
secret (`models.secrets`) and bound to its account; a session brings the keys that open it (`models.base.connect`). Where none of
them does, whoever asks is stopped: nobody can tell then whether a number belongs to a person who said no.
"""

from __future__ import annotations

import hmac
import secrets
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import OPENING
from models.secrets import SecretUnreadable, seal, unseal


def digest(key: bytes, phone: str) -> str:
    """HMAC-SHA256 of a number (E.164), 64 hex digits."""
    return hmac.digest(key, phone.encode(), "sha256").hex()


def account_key(session: Session, account_id: int) -> bytes | None:
    """The account's key, or None while it never needed one. Raises SecretUnreadable."""
    sealed = session.scalar(select(Account.number_key).where(Account.id == account_id))
    return None if sealed is None else _opened(_keys(session), account_id, sealed)


def needed_key(session: Session, account_id: int) -> bytes:
    """The same, made now if there was none; flushed, not committed. Raises SecretUnreadable."""
    there = account_key(session, account_id)
    if there is not None:
        return there
    account = session.scalars(
        select(Account).where(Account.id == account_id).with_for_update(key_share=True),
        execution_options={"populate_existing": True},
    ).one()
    if account.number_key is None:
        if not _keys(session):
            raise SecretUnreadable("Nothing can be sealed without a key: set TEXTLEDGER_SECRET_KEYS.")
        account.number_key = seal(_keys(session), _purpose(account_id), secrets.token_hex(32))
        session.flush()
    return _opened(_keys(session), account_id, account.number_key)


def opened(session: Session, account_id: int, sealed: str) -> bytes:
    """A sealed key that the caller has read with something else. Raises SecretUnreadable."""
    return _opened(_keys(session), account_id, sealed)


def _keys(session: Session) -> tuple[str, ...]:
    keys: tuple[str, ...] = session.info.get(OPENING, ())
    return keys


def _purpose(account_id: int) -> str:
    return f"numbers of account {account_id}"


@lru_cache(maxsize=64)
def _opened(keys: tuple[str, ...], account_id: int, sealed: str) -> bytes:
    """Kept, because opening costs more than all the hashes of a claim."""
    return bytes.fromhex(unseal(keys, _purpose(account_id), sealed))
