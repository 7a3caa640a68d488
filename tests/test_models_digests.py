"""A number that is not kept any more is known again by its hash, and only by whoever has the account's key."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.fernet import Fernet
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import connect
from models.digests import account_key, digest, needed_key
from models.secrets import SecretUnreadable, reseal
from tests.conftest import seed_account

KEYS = (Fernet.generate_key().decode(),)


def test_the_hash_is_what_an_auditor_computes_by_hand() -> None:
    """HMAC-SHA256 over the number as it is written, in hex."""
    assert digest(b"k" * 32, "+12125550101") == hmac.new(b"k" * 32, b"+12125550101", hashlib.sha256).hexdigest()


def test_each_account_has_its_own_key_which_is_kept_sealed(session: Session, account: Account) -> None:
    """Made once, when it is needed, and bound to its account; a new secret key opens it when it was sealed anew."""
    session.info["opening"] = KEYS
    other = seed_account(session, slug="other")
    assert account_key(session, account.id) is None
    key = needed_key(session, account.id)
    assert len(key) == 32
    assert account_key(session, account.id) == needed_key(session, account.id) == key != needed_key(session, other.id)
    assert key.hex() not in (account.number_key or "")
    other.number_key = account.number_key
    session.flush()
    with pytest.raises(SecretUnreadable, match="another purpose"):
        account_key(session, other.id)
    newer = (Fernet.generate_key().decode(), *KEYS)
    account.number_key = reseal(newer, account.number_key or "")
    session.flush()
    session.info["opening"] = newer[:1]
    assert account_key(session, account.id) == key


def test_without_keys_a_session_opens_nothing(session: Session, account: Account) -> None:
    """It says which key is missing instead of making another one."""
    with pytest.raises(SecretUnreadable, match="TEXTLEDGER_SECRET_KEYS"):
        needed_key(session, account.id)
    assert account.number_key is None


def test_a_database_hands_its_keys_to_its_sessions() -> None:
    """To those that read and those that write."""
    database = connect("sqlite://", secret_keys=KEYS)
    with database.reading() as reading, database.session() as writing:
        assert reading.info["opening"] == writing.info["opening"] == KEYS
