"""Who changed what, from what, to what, when: audit entries in the same transaction as the change, hash-chained per account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from admin.formatters import mask
from models.accounts import Account
from models.chain import FIRST, link
from models.users import AuditEntry

SECRET = frozenset(
    {
        "password", "twilio_token", "twilio_token_previous", "twilio_test_token", "tf_totp_secret", "mf_recovery_codes",
        "fs_uniquifier", "number_key",
    }
)  # fmt: skip
"""Fields of which only the fact that they changed is kept."""
MASKED = frozenset({"phone", "phone_raw"})
"""Kept without their middle: an entry is never removed, and a number has to be, after the account's retention period."""

ERASURES, VOUCHED = ("contact:erase", "account:retain"), "entries_erased"
"""The actions that take words about people out of other entries, and where they say of which."""

NO_ACCOUNT_LOCK = 0x7E87_1ED6
"""What writers of the chain of no account wait for on PostgreSQL, as it has no row that could be locked; any number will do."""


def record(
    session: Session,
    *,
    account_id: int,
    actor: str,
    action: str,
    subject_kind: str,
    subject_id: object,
    now: datetime,
    subject: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    ip: str = "",
) -> AuditEntry:
    """Append one entry to the account's chain (0: no account); part of the caller's transaction.

    Two writers of one chain wait for each other until the transaction ends, so that no two entries follow the same one.
    """
    if now.tzinfo is None:
        raise ValueError("An audit entry needs a time with a zone.")
    if account_id:
        session.scalars(select(Account.id).where(Account.id == account_id).with_for_update(key_share=True)).first()
    elif session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(NO_ACCOUNT_LOCK)))
    last = session.scalars(
        select(AuditEntry).where(AuditEntry.account_id == account_id).order_by(AuditEntry.number.desc()).limit(1)
    ).first()
    entry = AuditEntry(
        account_id=account_id, number=last.number + 1 if last else 1, at=now.astimezone(UTC), actor=actor, action=action,
        subject_kind=subject_kind, subject_id=str(subject_id), subject=subject, before=plain(before or {}),
        after=plain(after or {}), ip=ip, previous_hash=last.hash if last else FIRST, hash="",
    )  # fmt: skip
    entry.hash = link(entry.previous_hash, entry.facts())
    session.add(entry)
    session.flush()
    return entry


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as JSON keeps them; secrets only as the fact that they are set."""
    return {str(name): _plain(name, value) for name, value in values.items()}


def _plain(name: str, value: Any) -> Any:
    if name in MASKED:
        return mask(str(value)) if value else value
    if name in SECRET:
        return "set" if value else "empty"
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain("", item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(str(key), item) for key, item in value.items()}
    return str(value)


def erase(
    session: Session, account_id: int, subject_kind: str, ids: Sequence[object], *, now: datetime
) -> dict[str, str]:
    """Take out what entries say about these subjects, which are people; part of the caller's transaction.

    Returns what is left of each, hashed, by its number in the chain. The caller records that under `VOUCHED` in an entry of its
    own: an erased entry cannot be hashed again, so the later one stands for it.
    """
    found: dict[str, str] = {}
    for start in range(0, len(ids), 1_000):
        about = [str(one) for one in ids[start : start + 1_000]]
        query = select(AuditEntry).where(
            AuditEntry.account_id == account_id, AuditEntry.subject_kind == subject_kind, AuditEntry.subject_id.in_(about),
            AuditEntry.erased_at.is_(None), AuditEntry.action.not_in(ERASURES),
        )  # fmt: skip
        for entry in session.scalars(query.order_by(AuditEntry.number)):
            entry.subject, entry.before, entry.after, entry.erased_at = "", {}, {}, now
            found[str(entry.number)] = _rest(entry)
    session.flush()
    return found


def _rest(entry: AuditEntry) -> str:
    """The hash over what an erasure leaves of an entry."""
    erased_at = entry.erased_at.astimezone(UTC).isoformat() if entry.erased_at else ""
    return link(entry.hash, {**entry.facts(), "erased": erased_at})


def broken_link(session: Session, account_id: int) -> AuditEntry | None:
    """The first entry of an account's chain that does not follow from the one before it, or None.

    Of an erased one what is left must be what the entry about its erasure vouches for.
    """
    previous, vouched = FIRST, dict[str, str]()
    erased: list[tuple[AuditEntry, str]] = []
    chain = select(AuditEntry).where(AuditEntry.account_id == account_id).order_by(AuditEntry.number)
    with closing(session.scalars(chain.execution_options(yield_per=1000))) as entries:
        for number, entry in enumerate(entries, 1):
            if (entry.previous_hash, entry.number) != (previous, number):
                return entry
            if entry.erased_at is not None:
                erased.append((entry, _rest(entry)))
            elif entry.hash != link(previous, entry.facts()):
                return entry
            elif entry.action in ERASURES:
                vouched |= entry.after.get(VOUCHED, {})
            previous = entry.hash
    return next((entry for entry, rest in erased if vouched.get(str(entry.number)) != rest), None)
