"""What does a list of refusals from elsewhere hold, what of it is new, and what does it add to the ledger?

Such a list comes from a letter box, another provider or the system before this one. It only ever adds opt-outs: nobody is
subscribed by a list. Each row needs a number and a reason, the list its origin and its date; the file's hash is kept with each
entry. It is looked at before anything is written, and writing it once more adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.consent import ConsentEvent, ConsentKind, ConsentSource, Purpose
from models.phones import PhoneProblem, normalise
from sender import consent
from sender.columns import slug, suggest_columns
from sender.tables import AudienceProblem, Table

REASONS = ("reason", "why", "how_we_know", "note", "notes", "comment", "motivo", "motif", "raison", "grund")
"""What a column of reasons is usually called, slugged; the first that a list has is taken."""
LONGEST = 300
"""Characters of a reason."""
SHOWN = 100
"""Rows of each kind that are told one by one; all are counted."""


@dataclass(frozen=True)
class Refusal:
    """One row that can be written."""

    row: int
    """Its place under the header, from 1."""
    phone: str
    reason: str


@dataclass(frozen=True)
class Fault:
    """One row that cannot, and what to do about it."""

    row: int
    sentence: str


@dataclass
class Reading:
    """What a list holds: each row is counted once, under the first of these that fits it."""

    rows: int = 0
    faults: list[Fault] = field(default_factory=list)
    twice: list[Fault] = field(default_factory=list)
    """Rows of a number that an earlier row has already."""
    already: int = 0
    """Numbers that are unsubscribed from everything as it is."""
    new: list[Refusal] = field(default_factory=list)


def read(session: Session, account: Account, table: Table) -> Reading:
    """Go through a whole list; nothing is written. Raises AudienceProblem where a column is missing or the file is damaged."""
    phone, reason = _columns(table.columns)
    found = Reading()
    first: dict[str, int] = {}
    whole: list[Refusal] = []
    for found.rows, row in enumerate(table.rows, start=1):
        read_row = _row(found.rows, row[phone], row[reason], account.default_region)
        if isinstance(read_row, Fault):
            found.faults.append(read_row)
        elif read_row.phone in first:
            found.twice.append(Fault(found.rows, f"The same number as in row {first[read_row.phone]:,}."))
        else:
            first[read_row.phone] = found.rows
            whole.append(read_row)
    out = _opted_out(session, account.id, first)
    found.already = len(out)
    found.new = [one for one in whole if one.phone not in out]
    return found


def _columns(columns: Sequence[str]) -> tuple[str, str]:
    """The columns of numbers and of reasons, by their names."""
    phone = next((column for column, usual in suggest_columns(columns).items() if usual == "phone"), None)
    by_slug = {slug(column): column for column in reversed(columns)}
    reason = next((by_slug[usual] for usual in REASONS if usual in by_slug), None)
    if phone is None or reason is None:
        missing = "Phone" if phone is None else "Reason"
        raise AudienceProblem(
            f"The list has no column named {missing}; add one, or name the column so in its first row."
        )
    return phone, reason


def _row(number: int, phone: str, reason: str, region: str) -> Refusal | Fault:
    found = normalise(phone, region)
    if isinstance(found, PhoneProblem):
        return Fault(number, found.sentence)
    if not reason.strip():
        return Fault(number, "The reason is missing; say how we know.")
    if len(reason.strip()) > LONGEST:
        return Fault(number, f"The reason has more than {LONGEST} characters; shorten it.")
    return Refusal(number, found.e164, reason.strip())


def _opted_out(session: Session, account_id: int, phones: Iterable[str]) -> set[str]:
    """The numbers that are opted out, not only held, of every purpose."""
    wanted, out = list(phones), ConsentKind.OPT_OUT
    each = [consent.blocked(session, account_id, wanted, one) for one in Purpose if one is not Purpose.ALL]
    return {phone for phone in wanted if all(phone in found and found[phone].kind is out for found in each)}


def write(
    session: Session, account: Account, table: Table, *, evidence: Mapping[str, str], actor: str, now: datetime
) -> Reading:
    """Add the new refusals of a list to the ledger, under a lock, so that two clicks add them once. Flushed, not committed.

    `evidence` says where the list comes from: its name, hash, origin and date. Raises AudienceProblem, and then writes nothing.
    """
    session.execute(select(Account.id).where(Account.id == account.id).with_for_update(key_share=True)).one()
    found = read(session, account, table)
    consent.join(session, account.id, list(_events(account.id, found.new, evidence, actor, now)))
    return found


def _events(
    account_id: int, refusals: Sequence[Refusal], evidence: Mapping[str, str], actor: str, now: datetime
) -> Iterator[ConsentEvent]:
    for one in refusals:
        yield ConsentEvent(
            account_id=account_id, phone=one.phone, kind=ConsentKind.OPT_OUT, purpose=Purpose.ALL, source=ConsentSource.IMPORT,
            reason=one.reason, evidence={**evidence, "row": str(one.row)}, message_id=None, actor=actor, at=now,
        )  # fmt: skip
