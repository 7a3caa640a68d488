"""Which of these numbers said something before they were erased? Asked by keyed hash, and only where there was an erasure at all.

An account without erased events pays one look at an index for that; with them, a hash for each number asked about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, bindparam, select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.consent import ConsentEvent
from models.digests import digest, opened
from sender.among import among

_ACCOUNT = bindparam("account", type_=BigInteger())
_KEY = select(Account.number_key).where(
    Account.id == _ACCOUNT,
    select(ConsentEvent.id).where(ConsentEvent.account_id == _ACCOUNT, ConsentEvent.number_hash.is_not(None)).exists(),
)
_EVENTS = (
    select(ConsentEvent.number_hash, ConsentEvent.purpose, ConsentEvent.kind, ConsentEvent.id)
    .where(ConsentEvent.account_id == _ACCOUNT, among(ConsentEvent.number_hash, "hashes"))
    .where(ConsentEvent.number_hash.is_not(None), ConsentEvent.purpose.in_(bindparam("purposes", expanding=True)))
    .order_by(ConsentEvent.id)
)
_HASHES = select(ConsentEvent.number_hash).where(
    ConsentEvent.account_id == _ACCOUNT, ConsentEvent.number_hash.is_not(None)
)
"""Statements are made once: claims ask them all the time."""


@dataclass(frozen=True)
class Erased:
    """What is known of an account's erased numbers: enough to recognise one that comes back, and not to name any."""

    key: bytes
    hashes: frozenset[str]

    def marked(self, rows: Sequence[tuple[Any, ...]], phone: int, flag: int) -> Sequence[tuple[Any, ...]]:
        """The rows, with the value at the place `flag` true where the number at the place `phone` is one of them."""
        return [
            row
            if row[flag] or row[phone] is None or digest(self.key, row[phone]) not in self.hashes
            else (*row[:flag], True, *row[flag + 1 :])
            for row in rows
        ]


def erased(session: Session, account_id: int) -> Erased | None:
    """The account's erased numbers, or None where there are none. Raises SecretUnreadable."""
    sealed = session.scalar(_KEY, {"account": account_id})
    if sealed is None:
        return None
    found = session.scalars(_HASHES, {"account": account_id})
    return Erased(opened(session, account_id, sealed), frozenset(one for one in found if one))


def digests(session: Session, account_id: int, phones: Iterable[str]) -> dict[str, str]:
    """The keyed hash of each number; of none where the account has no erased events. Raises SecretUnreadable."""
    sealed = session.scalar(_KEY, {"account": account_id})
    if sealed is None:
        return {}
    key = opened(session, account_id, sealed)
    return {phone: digest(key, phone) for phone in phones}


def events(
    session: Session, account_id: int, hashes: Iterable[str], purposes: Sequence[object]
) -> list[tuple[str, Any, Any, int]]:
    """(hash, purpose, kind, id) of every event under one of these hashes, oldest first."""
    given = {"account": account_id, "hashes": hashes, "purposes": purposes}
    return [(one, about, kind, id_) for one, about, kind, id_ in session.execute(_EVENTS, given) if one]
