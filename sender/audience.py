"""Whom may a campaign reach? Reads a list into an audience: every row becomes a contact, or the one reason why not.

What follows when a run starts (who is left out by today's settings and consent, and what the others get) is in
`sender.expansion`; the same decisions without writing are in `sender.preview`. Both are offered here under their names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Base
from models.campaigns import Audience, Reason
from models.countries import CountrySetting
from sender.bulk import SLICE, Incoming, dialect_of, literals, roomy, uncollected
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
"""Rows written together, and in one transaction if the caller commits after each chunk: about 0.3 s of the one writer."""

_CONTACTS = Base.metadata.tables["contact"]
_PREFIXED = (
    select(CountrySetting.region)
    .where(CountrySetting.account_id == bindparam("account"), CountrySetting.enabled.is_(True))
    .where(CountrySetting.default_prefix.is_not(None))
    .order_by(CountrySetting.region)
)
"""The countries whose prefix is added to a number that has none, and that is none of the account's own country."""


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
    others = session.scalars(_PREFIXED, {"account": account.id}).all()
    reader = Reader(table.columns, fields, default_region=account.default_region, others=others)
    done = usable = 0
    with roomy(session):
        while True:
            taken, good = _settle(session, audience, reader, islice(table.cells, CHUNK), done, now)
            done, usable = done + taken, usable + good
            if not taken:
                break
            if progress is not None:
                progress(done)
    audience.rows, audience.usable, audience.complete = done, usable, True
    session.flush()
    return audience


@uncollected()
def _settle(
    session: Session, audience: Audience, reader: Reader, cells: Iterator[Row], done: int, now: datetime
) -> tuple[int, int]:
    """Give every row that has a phone its contact, or mark it as a duplicate of an earlier one; how many, and how many to text."""
    listed, firsts, taken = Incoming(session, _KINDS), dict[str, int](), 0
    for rows in iter(lambda: list(islice(cells, SLICE)), []):
        listed.add(_noted(reader, rows, firsts, done + taken + 1))
        taken += len(rows)
    if not taken:
        listed.close()
        return 0, 0
    moment = literals(session, _CONTACTS, {"created_at": now})["created_at"]
    values = {"account": audience.account_id, "audience": audience.id, "done": done, "now": moment}
    values |= {"duplicate": Reason.DUPLICATE.value} | _WORDS[dialect_of(session).name]
    driver = listed.arrive()
    for statement in (_PEOPLE, _LISTED, _USABLE):
        driver.execute(statement.format_map(values))
    [usable] = driver.fetchone()
    listed.close()
    return taken, usable


def _noted(reader: Reader, rows: Sequence[Row], firsts: dict[str, int], start: int) -> list[tuple[Any, ...]]:
    """What the rows say, as values of `_KINDS`; `firsts` knows the first row of each phone so far and learns more."""
    attributes, noted = reader.attributes(rows), list[tuple[Any, ...]]()
    read = zip(rows, reader.numbers(rows), attributes, reader.fields(rows, attributes), strict=True)
    for number, (row, reading, inside, fields) in enumerate(read, start):
        if isinstance(reading, tuple):
            first = firsts.setdefault(reading[0], number)
            person = reader.contact(row, reading, inside)
            noted.append((number, *person, 0 if first == number else first, fields, "", reader.remark(row)))
        else:
            noted.append((number, *_NOBODY, 0, *reader.refused(row, fields, reading)))
    return noted


_NOBODY = ("",) * len(CONTACT)
_KINDS = {"row": "integer"} | dict.fromkeys(CONTACT, "text") | {"same_as": "integer"}
_KINDS |= dict.fromkeys(("fields", "reason", "detail"), "text")
"""The rows of a chunk: the person whom each names, the earlier row of this chunk with the same phone, what is wrong with it.
What there is none of is "" or 0 on its way: so a chunk is written in half the time."""
_WORDS = {
    "postgresql": {
        "json": "::json",
        "merged": "(contact.attributes::jsonb || excluded.attributes::jsonb)::json",
        "counted": "to_char(first, 'FM999,999,999')",
    },
    "sqlite": {
        "json": "",
        "merged": "json_patch(contact.attributes, excluded.attributes)",
        "counted": "printf('%,d', first)",
    },
}
"""What the two databases say differently."""
_GIVEN = {
    "time_zone": "nullif(time_zone, '')",
    "external_id": "nullif(external_id, '')",
    "attributes": "attributes{json}",
}
_PEOPLE = f"""INSERT INTO contact (account_id, created_at, updated_at, {", ".join(CONTACT)})
    SELECT {{account}}, {{now}}, {{now}}, {", ".join(_GIVEN.get(name, name) for name in CONTACT)}
    FROM incoming WHERE phone <> '' AND same_as = 0 ORDER BY phone
    ON CONFLICT (account_id, phone) DO UPDATE SET
        phone_raw = excluded.phone_raw, region = excluded.region, line_type = excluded.line_type,
        time_zones = excluded.time_zones, updated_at = excluded.updated_at,
        name = CASE WHEN excluded.name <> '' THEN excluded.name ELSE contact.name END,
        external_id = coalesce(excluded.external_id, contact.external_id),
        time_zone = coalesce(excluded.time_zone, contact.time_zone),
        attributes = {{merged}}
    WHERE NOT EXISTS (SELECT 1 FROM audience_row r WHERE r.audience_id = {{audience}} AND r.contact_id = contact.id)"""  # noqa: S608
"""Make the contacts, or complete them: new values replace, blanks do not, attributes are merged. An earlier row of the list has
done so already. By phone, so that two lists that are read at once wait for each other instead of locking each other out."""

_LISTED = """INSERT INTO audience_row (audience_id, row, contact_id, fields, reason, detail)
    SELECT {audience}, row, contact_id, fields{json},
        CASE WHEN first IS NULL THEN nullif(reason, '') ELSE '{duplicate}' END,
        CASE WHEN first IS NULL THEN detail ELSE 'The same number as in row ' || {counted} || '.' END
    FROM (
        SELECT i.row, c.id AS contact_id, i.fields, i.reason, i.detail, coalesce((
            SELECT min(r.row) FROM audience_row r WHERE r.audience_id = {audience} AND r.contact_id = c.id
        ), nullif(i.same_as, 0)) AS first
        FROM incoming i LEFT JOIN contact c ON c.account_id = {account} AND c.phone = i.phone
    ) AS found ORDER BY row"""

_USABLE = "SELECT count(*) FROM audience_row WHERE audience_id = {audience} AND row > {done} AND reason IS NULL"
