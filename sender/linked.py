"""Whose webhook is this, and who may have signed it? Accounts by Twilio's SID with their tokens, remembered for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from models.accounts import Account
from models.base import Database

Tokens = Callable[[Account], Sequence[str]]


@dataclass(frozen=True, slots=True)
class _Known:
    account: Account
    tokens: Sequence[str]
    until: float


@dataclass
class Linked:
    """The linked accounts as one process knows them.

    What is known holds for `trust` seconds: as long as that, a token that was revoked is still taken. A new one is taken
    at once, because a signature that does not fit is never refused before the database was asked.
    """

    database: Database
    tokens: Tokens
    trust: float
    _known: dict[str, _Known] = field(default_factory=dict)

    def account(self, sid: str, signed: Callable[[Sequence[str]], bool]) -> Account | None:
        """The account with this SID, read-only and without a session, if `signed` says that one of its tokens fits."""
        known = self._known.get(sid)
        if known is None or known.until <= time.monotonic() or not signed(known.tokens):
            known = self._read(sid)
            if known is None or not signed(known.tokens):
                return None
        return known.account

    def _read(self, sid: str) -> _Known | None:
        """What the database says now; it never waits for a writer."""
        with self.database.reading() as session:
            account = session.scalars(select(Account).where(Account.twilio_sid == sid)).first()
        if account is None:
            self._known.pop(sid, None)
            return None
        known = self._known[sid] = _Known(account, tuple(self.tokens(account)), time.monotonic() + self.trust)
        return known
