"""Whom may a campaign reach? Reads a list into an audience: every row becomes a contact, or the one reason why not.

What follows when a run starts (who is left out by today's settings and consent, and what the others get) is in
`sender.expansion`; the same decisions without writing are in `sender.preview`. Both are offered here under their names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Base
from models.campaigns import Audience, Reason
from models.contacts import Contact
from sender.bulk import Shared, dialect_of, plainly, roomy, uncollected, write
from sender.columns import checked, suggest_columns
from sender.exclusions import explain
from sender.expansion import expand
from sender.preview import Preview, Sample, preview
from sender.rows import CONTACT, Reader, Row
from sender.tables import AudienceProblem, Table, open_table

__all__ = [
    "AudienceProblem", "Preview", "Sample", "Table", "expand", "explain", "load", "open_table", "preview", "suggest_columns",
]  # fmt: skip

CHUNK = 20_000
"""Rows in memory, and in one transaction if the caller commits after each chunk: about 0.3 s of the database's one writer."""

_CONTACTS, _ROWS = Base.metadata.tables["contact"], Base.metadata.tables["audience_row"]


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
    reader = Reader(table.columns, fields, default_region=account.default_region)
    done = usable = 0
    with roomy(session):
        while chunk := list(islice(table.cells, CHUNK)):
            usable += _settle(session, audience, reader, chunk, done, now)
            done += len(chunk)
            if progress is not None:
                progress(done)
    audience.rows, audience.usable, audience.complete = done, usable, True
    session.flush()
    return audience


@uncollected()
def _settle(session: Session, audience: Audience, reader: Reader, rows: Sequence[Row], done: int, now: datetime) -> int:
    """Give every row that has a phone its contact, or mark it as a duplicate of an earlier row; how many can be texted."""
    readings, attributes = reader.numbers(rows), reader.attributes(rows)
    firsts: dict[str, int] = {}
    for at, reading in enumerate(readings):
        if isinstance(reading, tuple):
            firsts.setdefault(reading[0], at)
    people = {
        phone: reader.contact(rows[at], (phone, reading[1]), attributes[at])
        for phone, at in firsts.items()
        if isinstance(reading := readings[at], tuple)
    }
    ids = _add(session, audience.account_id, people, now)
    known = _known(session, audience.account_id, [phone for phone in people if phone not in ids])
    before = _before(session, audience, known) if done and known else {}
    others = [person for phone, person in people.items() if phone not in ids and phone not in before]
    ids |= known | _complete(session, audience.account_id, others, now)
    written: list[tuple[Any, ...]] = []
    for at, (row, reading, fields) in enumerate(zip(rows, readings, reader.fields(rows, attributes), strict=True)):
        number = done + at + 1
        if not isinstance(reading, tuple):
            written.append((number, None, *reader.refused(row, fields, reading)))
        elif firsts[reading[0]] == at and reading[0] not in before:
            written.append((number, ids[reading[0]], fields, None, reader.remark(row)))
        else:
            first = before.get(reading[0]) or done + firsts[reading[0]] + 1
            said = f"The same number as in row {first:,}."
            written.append((number, ids[reading[0]], fields, Reason.DUPLICATE.value, said))
    columns = ("row", "contact_id", "fields", "reason", "detail")
    write(session, _ROWS, columns, written, shared={"audience_id": audience.id}, then="")
    return len(people) - len(before)


def _known(session: Session, account_id: int, phones: list[str]) -> dict[str, int]:
    """Of these numbers, those that the account has: number → contact id."""
    given, listed = _listed(session, phones, "text")
    query = text(f"SELECT phone, id FROM contact WHERE account_id = :account AND phone IN {listed}")  # noqa: S608 (words of ours)
    return {row.phone: row.id for row in session.execute(query, {"account": account_id, "listed": given})}


def _before(session: Session, audience: Audience, ids: Mapping[str, int]) -> dict[str, int]:
    """Of these contacts, those that an earlier chunk had: number → its first row. By index, so memory stays bounded."""
    given, listed = _listed(session, list(ids.values()), "bigint")
    mine = "audience_id = :audience AND contact_id"
    query = text(f"SELECT contact_id, min(row) FROM audience_row WHERE {mine} IN {listed} GROUP BY 1")  # noqa: S608
    found = session.execute(query, {"audience": audience.id, "listed": given})
    rows: dict[int, int] = {id_: row for id_, row in found}  # noqa: C416 (a Row is no pair to mypy)
    return {phone: rows[id_] for phone, id_ in ids.items() if id_ in rows}


def _listed(session: Session, values: list[Any], kind: str) -> tuple[Any, str]:
    """Many values as one parameter, and the query of them."""
    if dialect_of(session).name == "sqlite":
        return json.dumps(values), "(SELECT value FROM json_each(:listed))"
    return values, f"(SELECT unnest(CAST(:listed AS {kind}[])))"


def _add(session: Session, account_id: int, people: Mapping[str, tuple[Any, ...]], now: datetime) -> dict[str, int]:
    """On SQLite, where nobody else can write meanwhile: make the contacts that are not there, in the order of the list.

    Number → id of those. To look for all of them first would take as long as to insert them.
    """
    if dialect_of(session).name != "sqlite":
        return {}
    last = session.scalar(select(func.max(Contact.id))) or 0
    ids = {phone: last + place for place, phone in enumerate(people, start=1)}
    numbered = [(*person, ids[phone]) for phone, person in people.items()]
    shared: Shared = {"account_id": account_id, "created_at": now, "updated_at": now}
    write(session, _CONTACTS, (*CONTACT, "id"), numbered, shared=shared)
    made = {row[0] for row in plainly(session, f"SELECT id FROM contact WHERE id > {last:d}")}  # noqa: S608 (a number)
    return {phone: id_ for phone, id_ in ids.items() if id_ in made}


def _complete(session: Session, account_id: int, people: list[tuple[Any, ...]], now: datetime) -> dict[str, int]:
    """Make or complete these contacts: new values replace, blanks do not, attributes are merged. Number → id on PostgreSQL."""
    lite = dialect_of(session).name == "sqlite"
    merged = "json_patch({0}, {1})" if lite else "({0}::jsonb || {1}::jsonb)::json"
    then = _COMPLETE.format(merged=merged.format("contact.attributes", "excluded.attributes"))
    words = {"then": then, "order": "ORDER BY phone", "returning": "RETURNING phone, id"}
    shared: Shared = {"account_id": account_id, "created_at": now, "updated_at": now}
    return dict(write(session, _CONTACTS, CONTACT, people, shared=shared, **words))


_COMPLETE = """ON CONFLICT (account_id, phone) DO UPDATE SET
    phone_raw = excluded.phone_raw, region = excluded.region, line_type = excluded.line_type,
    time_zones = excluded.time_zones, updated_at = excluded.updated_at,
    name = CASE WHEN excluded.name <> '' THEN excluded.name ELSE contact.name END,
    external_id = coalesce(excluded.external_id, contact.external_id),
    time_zone = coalesce(excluded.time_zone, contact.time_zone),
    attributes = {merged}"""
