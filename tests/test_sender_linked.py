"""Which account a webhook belongs to: read once in a while, believed for a moment, and never refused on old knowledge."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sqlalchemy import event
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Database
from sender.linked import Linked


def linked(database: Database, *, trust: float) -> Linked:
    """Accounts whose token is their plan, which a test can change."""
    return Linked(database, lambda account: [account.plan], trust)


def fits(token: str) -> Callable[[Sequence[str]], bool]:
    """Says whether a signature made with `token` fits."""

    def signed(tokens: Sequence[str]) -> bool:
        return token in tokens

    return signed


def change(session: Session, account: Account, **columns: object) -> None:
    """Committed at once."""
    for name, value in columns.items():
        setattr(account, name, value)
    session.commit()


def test_rotation(database: Database, session: Session, account: Account) -> None:
    """A new token is taken at once; the old one no longer than the trust lasts."""
    change(session, account, plan="old")
    sid = account.twilio_sid or ""
    known = linked(database, trust=0.3)
    assert known.account(sid, fits("old")) is not None
    change(session, account, plan="new")
    assert known.account(sid, fits("old")) is not None
    assert known.account(sid, fits("new")) is not None
    assert known.account(sid, fits("old")) is None
    change(session, account, plan="newer")
    assert known.account(sid, fits("new")) is not None
    time.sleep(0.35)
    assert known.account(sid, fits("new")) is None


def test_an_account_that_is_unlinked(database: Database, session: Session, account: Account) -> None:
    """It is strange again after the trust, or at the first signature that does not fit."""
    change(session, account, plan="old")
    sid = account.twilio_sid or ""
    known = linked(database, trust=60)
    assert known.account(sid, fits("old")) is not None
    change(session, account, twilio_sid="ACother")
    assert known.account(sid, fits("forged")) is None
    assert known.account(sid, fits("old")) is None
    assert linked(database, trust=60).account("", fits("old")) is None


def test_the_database_is_asked_once(database: Database, session: Session, account: Account) -> None:
    """A thousand callbacks of one account within the trust are one query; without trust each asks."""
    change(session, account, plan="old")
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    for trust, expected in ((60.0, 1), (0.0, 3)):
        known = linked(database, trust=trust)
        asked.clear()
        found = [known.account(account.twilio_sid or "", fits("old")) for _ in range(3)]
        assert [each.id if each else None for each in found] == [account.id] * 3
        assert len([each for each in asked if "FROM account" in each]) == expected
