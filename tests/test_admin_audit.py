"""Does the audit log hold: one chain per account on both databases, no secret in it, and no change that goes unnoticed?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from admin import audit
from models.accounts import Account
from models.base import Database
from models.chain import FIRST, link
from models.users import AuditEntry, RoleName
from tests.conftest import NOW, seed_account


def add(session: Session, account_id: int, *, at: datetime = NOW, **values: Any) -> AuditEntry:
    """One entry about nothing in particular."""
    asked: dict[str, Any] = {
        "actor": "ada@example.com",
        "action": "template:edit",
        "subject_kind": "template",
        "subject_id": 7,
    }
    return audit.record(session, account_id=account_id, now=at, **(asked | values))


def entries(session: Session, account_id: int) -> list[AuditEntry]:
    chain = select(AuditEntry).where(AuditEntry.account_id == account_id).order_by(AuditEntry.number)
    return list(session.scalars(chain))


def test_each_entry_follows_from_the_one_before(session: Session, account: Account) -> None:
    """Numbers count from 1, each entry carries the hash before it, and the chain is whole when it is read back."""
    for step in range(3):
        add(session, account.id, after={"step": step})
    session.commit()
    session.expunge_all()
    chain = entries(session, account.id)
    assert [entry.number for entry in chain] == [1, 2, 3]
    assert [entry.previous_hash for entry in chain] == [FIRST, chain[0].hash, chain[1].hash]
    assert audit.broken_link(session, account.id) is None


def test_accounts_have_chains_of_their_own(session: Session, account: Account) -> None:
    """What one account does is no link of another's chain, nor of the chain of no account."""
    other = seed_account(session, slug="lake")
    for account_id in (account.id, other.id, 0, account.id, 0):
        add(session, account_id)
    session.commit()
    assert [len(entries(session, account_id)) for account_id in (account.id, other.id, 0)] == [2, 1, 2]
    assert all(audit.broken_link(session, account_id) is None for account_id in (account.id, other.id, 0))


def test_chain_holds_whatever_is_written(session: Session, account: Account) -> None:
    """Times of any zone, enums, decimals, emoji and nested values hash the same before and after the database."""
    at = datetime(2026, 11, 20, 10, 0, 0, 123456, timezone(timedelta(hours=-5)))
    odd = {
        "when": at,
        "role": RoleName.ADMIN,
        "half": 0.5,
        "name": "Łukasz 😀",
        "more": [1, None, {"a": (True,)}],
        3: 4,
    }
    entry = add(session, account.id, at=at, before={}, after=odd)
    session.commit()
    session.expunge_all()
    assert audit.broken_link(session, account.id) is None
    again = session.get_one(AuditEntry, entry.id)
    assert again.at == at
    assert again.after["more"] == [1, None, {"a": [True]}]


def test_a_time_without_a_zone_is_refused(session: Session, account: Account) -> None:
    """An entry must say when, everywhere."""
    with pytest.raises(ValueError, match="zone"):
        add(session, account.id, at=NOW.replace(tzinfo=None))


@pytest.mark.parametrize("name", sorted(audit.SECRET))
@pytest.mark.parametrize(("value", "kept"), [("hunter2", "set"), (["hunter2"], "set"), ("", "empty"), (None, "empty")])
def test_secrets_are_not_kept(name: str, value: object, kept: str) -> None:
    """Of a secret only the fact that there is one is written, however deep it lies."""
    assert audit.plain({name: value, "deep": [{name: value}]}) == {name: kept, "deep": [{name: kept}]}


@pytest.mark.parametrize("name", sorted(audit.MASKED))
def test_numbers_lose_their_middle(name: str) -> None:
    """An entry outlives the number that it is about, so it does not hold it."""
    kept = audit.plain({name: "+12125550123"})[name]
    assert kept.endswith("23")
    assert "5550" not in kept


CHANGES: dict[str, Any] = {
    "actor": "somebody.else", "action": "template:create", "subject_id": "8", "subject": "Another", "after": {"step": 9},
    "ip": "10.0.0.9", "hash": "f" * 64, "previous_hash": "e" * 64, "number": 9, "at": NOW + timedelta(seconds=1),
}  # fmt: skip


def test_a_changed_entry_is_found(session: Session, account: Account) -> None:
    """Whatever is changed in an entry, the check names it (a changed number: the first place where one is missing)."""
    ids = [add(session, account.id, after={"step": step}).id for step in range(4)]
    session.commit()
    for field, value in CHANGES.items():
        session.execute(update(AuditEntry).where(AuditEntry.id == ids[1]).values({field: value}))
        session.expire_all()
        broken = audit.broken_link(session, account.id)
        assert broken is not None, field
        assert broken.id == (ids[2] if field == "number" else ids[1]), field
        session.rollback()
    assert audit.broken_link(session, account.id) is None


def test_a_removed_entry_is_found(session: Session, account: Account) -> None:
    """The entry after the gap no longer follows, also when the log was cut off at its beginning."""
    ids = [add(session, account.id).id for _ in range(4)]
    session.commit()
    for first, last in ((0, 0), (1, 1), (1, 2), (0, 2)):
        session.execute(delete(AuditEntry).where(AuditEntry.id.between(ids[first], ids[last])))
        session.expire_all()
        broken = audit.broken_link(session, account.id)
        assert broken is not None
        assert broken.id == ids[last + 1]
        session.rollback()


def test_a_slipped_in_entry_is_found(session: Session, account: Account) -> None:
    """An entry with a hash of its own making, put at the end or in between, does not follow."""
    add(session, account.id)
    forged = add(session, account.id, action="campaign:send")
    session.execute(update(AuditEntry).where(AuditEntry.id == forged.id).values(hash=link("a guess", forged.facts())))
    session.expire_all()
    broken = audit.broken_link(session, account.id)
    assert broken is not None
    assert broken.id == forged.id


@pytest.mark.parametrize("of_account", [True, False], ids=["account", "no account"])
def test_writers_at_once_do_not_fork(database: Database, session: Session, account: Account, of_account: bool) -> None:
    """Writers of one chain queue: every entry is kept, and the chain has one line."""
    account_id = account.id if of_account else 0
    session.rollback()

    def write(writer: int) -> None:
        for step in range(5):
            with database.transaction() as mine:
                add(mine, account_id, actor=f"writer {writer}", after={"step": step})

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    assert [entry.number for entry in entries(session, account_id)] == list(range(1, 31))
    assert audit.broken_link(session, account_id) is None


def test_an_entry_leaves_with_its_change(database: Database, account: Account, session: Session) -> None:
    """A change that is rolled back leaves no entry, and the next one takes its place in the chain."""
    add(session, account.id)
    session.rollback()
    add(session, account.id, action="template:create")
    session.commit()
    assert [(entry.number, entry.action) for entry in entries(session, account.id)] == [(1, "template:create")]
