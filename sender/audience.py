"""Whom may a campaign reach? Reads a list into an audience: every row becomes a contact, or the one reason why not.

What follows when a run starts (who is left out by today's settings and consent, and what the others get) is in
`sender.expansion`; the same decisions without writing are in `sender.preview`. Both are offered here under their names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Any, TypeVar
from zoneinfo import available_timezones

from sqlalchemy import JSON, ColumnElement, case, cast, func, insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Base
from models.campaigns import Audience, AudienceRow, Reason
from models.contacts import Contact
from models.phones import Phone, ProblemCode, normalise
from sender.bulk import dialect_of, literals, upsert
from sender.columns import OURS, checked, suggest_columns
from sender.exclusions import explain
from sender.expansion import expand
from sender.preview import Preview, Sample, preview
from sender.tables import AudienceProblem, Table, open_table

__all__ = [
    "AudienceProblem", "Preview", "Sample", "Table", "expand", "explain", "load", "open_table", "preview", "suggest_columns",
]  # fmt: skip

CHUNK = 5_000
"""Rows in memory at a time."""
LONGEST = 200
"""Characters kept of a name or an outside id (an index of PostgreSQL takes 2,700 bytes), and of a number that is none."""
UNKNOWN_ZONE = "The time zone is not known and was ignored."

_CONTACTS = Base.metadata.tables["contact"]
_ROWS = Base.metadata.tables["audience_row"]
T = TypeVar("T")


@dataclass
class _Entry:
    """One row on its way: its fields by name, and its phone once read."""

    row: int
    fields: dict[str, str]
    phone: Phone | None = None
    zone: str | None = None
    contact_id: int | None = None
    reason: Reason | None = None
    detail: str = ""


def load(
    session: Session,
    *,
    account: Account,
    name: str,
    filename: str,
    table: Table,
    columns: Mapping[str, str],
    now: datetime,
    created_by: str = "",
    sha256: str = "",
    progress: Callable[[int], None] | None = None,
) -> Audience:
    """Read a list into a new audience of the account. Flushed in chunks, never committed.

    `progress` is told the rows done after each chunk; the caller may commit there, so that a long list does not keep the
    database's one writer waiting: an audience is not `complete` before its last row.

    Contacts are found or made by phone. A row's values are put on its contact, but a blank never replaces one. Of two rows
    with one phone the first counts and the second is a duplicate. Raises AudienceProblem, also half-way: roll back then.
    """
    fields = checked(columns, table.columns)
    audience = Audience(
        account_id=account.id, name=name, filename=filename, sha256=sha256, columns=fields, created_by=created_by,
        created_at=now,
    )  # fmt: skip
    session.add(audience)
    session.flush()
    done = usable = 0
    for chunk in _chunks(table.rows, CHUNK):
        entries = [_entry(number, row, fields, account) for number, row in enumerate(chunk, start=done + 1)]
        _settle(session, audience, entries, now)
        session.execute(insert(_ROWS), [_row(audience, entry) for entry in entries])
        done += len(entries)
        usable += sum(entry.reason is None for entry in entries)
        if progress is not None:
            progress(done)
    audience.rows, audience.usable, audience.complete = done, usable, True
    session.flush()
    return audience


def _chunks(rows: Iterator[T], size: int) -> Iterator[list[T]]:
    while chunk := list(islice(rows, size)):
        yield chunk


def _entry(number: int, row: Mapping[str, str], columns: Mapping[str, str], account: Account) -> _Entry:
    """One row, its phone read by the account's default region."""
    fields = {field: row[column] for column, field in columns.items() if row[column]}
    entry = _Entry(number, fields)
    raw = fields.get("phone", "")
    found = normalise(raw, account.default_region)
    if isinstance(found, Phone):
        entry.phone = found
        entry.zone = _zones().get(fields.get("time_zone", "").casefold())
        if entry.zone is None and "time_zone" in fields:
            entry.detail = UNKNOWN_ZONE
    else:
        entry.reason = Reason.EMPTY_PHONE if found.code is ProblemCode.EMPTY else Reason.INVALID_NUMBER
        entry.detail = found.sentence
    return entry


@cache
def _zones() -> dict[str, str]:
    """Every zone's name, found whatever its capitals."""
    return {name.casefold(): name for name in available_timezones()}


def _settle(session: Session, audience: Audience, entries: Sequence[_Entry], now: datetime) -> None:
    """Give every entry that has a phone its contact, or mark it as a duplicate of an earlier row."""
    firsts: dict[str, _Entry] = {}
    for entry in entries:
        if entry.phone is not None:
            firsts.setdefault(entry.phone.e164, entry)
    seen = _seen(session, audience, list(firsts))
    fresh = [entry for e164, entry in firsts.items() if e164 not in seen]
    ids = _upsert(session, audience.account_id, fresh, now)
    seen |= {e164: (id_, firsts[e164].row) for e164, id_ in ids.items()}
    for entry in entries:
        if entry.phone is not None:
            entry.contact_id, first = seen[entry.phone.e164]
            if first != entry.row:
                entry.reason, entry.detail = Reason.DUPLICATE, f"The same number as in row {first:,}."


def _seen(session: Session, audience: Audience, phones: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Of these numbers, those that an earlier chunk had: contact id and first row. By index, so memory stays bounded."""
    rows = session.execute(
        select(Contact.phone, Contact.id, func.min(AudienceRow.row))
        .join(AudienceRow, AudienceRow.contact_id == Contact.id)
        .where(
            Contact.account_id == audience.account_id,
            Contact.phone.in_(phones),
            AudienceRow.audience_id == audience.id,
        )
        .group_by(Contact.phone, Contact.id)
    )
    return {phone: (id_, row) for phone, id_, row in rows}


def _upsert(session: Session, account_id: int, entries: Sequence[_Entry], now: datetime) -> dict[str, int]:
    """Make or complete the contacts of these entries, each phone once; phone → contact id."""
    if not entries:
        return {}
    rows = [_contact(entry) for entry in entries]
    rows.sort(key=lambda row: row["phone"])  # two uploads at once lock the same contacts in the same order
    shared = literals(session, _CONTACTS, {"account_id": account_id, "created_at": now, "updated_at": now})
    found = session.execute(_completing(session, upsert(session, _CONTACTS).values(shared)), rows)
    return {row.phone: row.id for row in found}


def _contact(entry: _Entry) -> dict[str, Any]:
    phone, fields = entry.phone, entry.fields
    if phone is None:
        raise ValueError("only a row with a phone has a contact")
    parts = (fields.get("first_name", ""), fields.get("last_name", ""))
    return {
        "phone": phone.e164, "phone_raw": fields["phone"], "region": phone.region,
        "line_type": phone.line_type.value, "time_zones": ",".join(phone.time_zones), "time_zone": entry.zone,
        "name": (fields.get("name") or " ".join(filter(None, parts)))[:LONGEST],
        "external_id": fields.get("external_id", "")[:LONGEST] or None,
        "attributes": {field: value for field, value in fields.items() if field not in OURS},
    }  # fmt: skip


def _completing(session: Session, statement: Any) -> Any:
    """… ON CONFLICT (account, phone) DO UPDATE … RETURNING: new values replace, blanks do not, attributes are merged."""
    old, new = _CONTACTS.c, statement.excluded
    merged: ColumnElement[Any] = func.json_patch(old.attributes, new.attributes, type_=JSON)
    if dialect_of(session).name == "postgresql":
        merged = cast(cast(old.attributes, postgresql.JSONB).op("||")(cast(new.attributes, postgresql.JSONB)), JSON)
    kept = {
        "name": case((new.name != "", new.name), else_=old.name),
        "external_id": func.coalesce(new.external_id, old.external_id),
        "time_zone": func.coalesce(new.time_zone, old.time_zone),
        "attributes": merged,
    }
    plain = ("phone_raw", "region", "line_type", "time_zones", "updated_at")
    return statement.on_conflict_do_update(
        index_elements=["account_id", "phone"], set_=kept | {column: new[column] for column in plain}
    ).returning(old.phone, old.id)


def _row(audience: Audience, entry: _Entry) -> dict[str, Any]:
    """The phone as written stays with the contact; a row without one keeps it, so that somebody can correct it."""
    fields = {field: value for field, value in entry.fields.items() if field != "phone"}
    if entry.phone is None and "phone" in entry.fields:
        fields["phone"] = entry.fields["phone"][:LONGEST]
    return {
        "audience_id": audience.id, "row": entry.row, "contact_id": entry.contact_id, "fields": fields,
        "reason": entry.reason, "detail": entry.detail,
    }  # fmt: skip
