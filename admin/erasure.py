"""How is a person forgotten from here? With a reason and an entry in the audit log, which forgets them, too.

And with a note outside the database, so that a backup that is restored forgets them again (`sender/forgotten.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from admin import audit
from models.accounts import Account
from models.base import Database
from models.consent import ConsentEvent
from models.contacts import Contact
from models.flags import ContactFlag
from models.opt_ins import OptInRequest
from models.users import AuditEntry
from sender import erasure, forgotten, retention
from sender.erasure import NotSettled, Traces

__all__ = ["NotSettled", "Telling", "Traces", "erase", "retain"]


AGAIN = "erased_before"
BROUGHT_BACK = "A backup that was restored had brought it back"


BY_NUMBER: dict[str, Any] = {
    "consent_event": ConsentEvent, "contact_flag": ContactFlag, "opt_in_request": OptInRequest,
}  # fmt: skip
"""Tables whose rows are found by the number, and of which the audit log tells."""
RETAINED = {
    "contacts": "contact", "consent entries": "consent_event", "flags": "contact_flag", "requests": "opt_in_request",
}  # fmt: skip
"""What retention calls a kind of row → its table."""


class Telling(Exception):
    """The reason would itself tell who it was; the message is a sentence for whoever typed it."""


def erase(
    session: Session,
    account: Account,
    phone: str,
    *,
    file: Path,
    reason: str,
    actor: str,
    now: datetime,
    ip: str = "",
    again: str = "",
) -> Traces:
    """Forget a number (E.164) in an account: rows, ledger and audit entries, and one entry about it. Not committed.

    It is noted in `file`; `again`: the time of the erasure that a backup had undone. Raises NotSettled or Telling, and then nothing
    has changed.
    """
    key, name = account.id, account.name
    people = session.scalars(select(Contact).where(Contact.account_id == key, Contact.phone == phone)).all()
    check_reason(
        reason, [phone, *(part for one in people for part in (one.phone_raw, one.name, one.external_id or ""))]
    )
    contacts = [one.id for one in people]
    named = {"contact": contacts} | {kind: _named(session, row, key, phone) for kind, row in BY_NUMBER.items()}
    traces = erasure.erase(session, key, phone, now=now, actor=actor)
    vouched = _forget(session, key, named, now=now)
    if not traces.nothing:
        forgotten.keep(file, session, session.get_one(Account, key), phone, now=now)
        counts = {kind: count for kind, count in asdict(traces).items() if count} | ({AGAIN: again} if again else {})
        audit.record(
            session, account_id=key, actor=actor, action="contact:erase", subject_kind="contact", ip=ip, now=now,
            subject_id=contacts[0] if contacts else "", subject=name, after={"reason": reason, **counts, audit.VOUCHED: vouched},
        )  # fmt: skip
    return traces


def notes(database: Database) -> Path:
    """Where this host notes erasures: beside an SQLite file and otherwise under `var`, never inside the database."""
    file = database.engine.url.database
    beside = database.dialect == "sqlite" and file and file != ":memory:"
    return Path(f"{file}.erased") if beside else Path("var/erased")


def erase_again(session: Session, account: Account, *, file: Path, now: datetime) -> tuple[int, int]:
    """After a backup was restored: forget whoever it brought back. Not committed.

    How many, and how many have something to be settled first; those are not texted either.
    """
    key, known, done, left = account.id, _known(session, account.id), 0, 0
    for phone, at in list(forgotten.back(session, account, forgotten.notes(file, session), known=known)):
        try:
            erase(
                session,
                session.get_one(Account, key),
                phone,
                file=file,
                now=now,
                actor="system",
                again=at,
                reason=BROUGHT_BACK,
            )
            done += 1
        except NotSettled:
            erasure.cancel(session, key, phone, now=now)
            left += 1
    return done, left


def _known(session: Session, account_id: int) -> set[str]:
    """The times of the erasures that this database knows of."""
    mine = select(AuditEntry).where(AuditEntry.account_id == account_id, AuditEntry.action == "contact:erase")
    entries = session.scalars(mine).all()
    return {entry.at.isoformat() for entry in entries} | {str(entry.after.get(AGAIN)) for entry in entries}


def check_reason(reason: str, telling: Sequence[str]) -> None:
    """Raise Telling where a reason, which is kept for ever, holds a number or a part of the name."""
    digits = "".join(char for char in reason if char.isdigit())
    numbers = ["".join(char for char in one if char.isdigit()) for one in telling]
    words = {part.casefold() for one in telling for part in one.split() if len(part) > 1}
    said = {part.strip(".,;:()'\"").casefold() for part in reason.split()}
    if words & said or any(len(one) > 6 and one[-7:] in digits for one in numbers):
        raise Telling("The reason is kept for ever: leave the name and the number out of it.")


def _named(session: Session, row: Any, account_id: int, phone: str) -> Sequence[int]:
    found: Sequence[int] = session.scalars(select(row.id).where(row.account_id == account_id, row.phone == phone)).all()
    return found


def _forget(session: Session, account_id: int, named: Mapping[str, Sequence[int]], *, now: datetime) -> dict[str, str]:
    """What the audit log says about these rows, by the name of their table."""
    vouched: dict[str, str] = {}
    for kind, ids in named.items():
        vouched |= audit.erase(session, account_id, kind, ids, now=now)
    return vouched


def retain(database: Database, now: datetime) -> str:
    """Let go, in every account with a period, what is past it; what was done, in a few words. Commits part by part."""
    with database.reading() as session:
        accounts = session.scalars(select(Account.id).where(Account.retention_days.is_not(None))).all()
    total = 0
    for account_id in accounts:
        counted = retention.retain(
            database, account_id, now=now, told=partial(_told, account_id, now)
        )  # fmt: skip
        total += counted["texts"]
    return f"{total:,} texts let go" if total else ""


def _told(account_id: int, now: datetime, session: Session, kind: str, ids: Sequence[int]) -> None:
    """An entry about a part, in the part's own transaction; and what older entries said about the same people goes with it."""
    named = {RETAINED[kind]: ids} if kind in RETAINED else {}
    vouched = _forget(session, account_id, named, now=now)
    account = session.get_one(Account, account_id)
    audit.record(
        session, account_id=account_id, actor="system", action="account:retain", subject_kind="account", now=now,
        subject_id=account_id, subject=account.name,
        after={kind.replace(" ", "_"): len(ids), **({audit.VOUCHED: vouched} if vouched else {})},
    )  # fmt: skip
