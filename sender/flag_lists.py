"""A list of flags from somewhere else: what does each row say, what is wrong with it, and which flags are new?

Nothing is written before `load`; `read` says of every row what would become of it. A flag that stands already stays as it is,
and one that a person has cleared stays cleared: to raise it again is a decision, made by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from models.base import Base
from models.contacts import Contact
from models.flags import ContactFlag, FlagKind
from models.numbering import Normaliser
from models.phones import PhoneProblem
from sender.among import among
from sender.bulk import upsert
from sender.columns import slug, suggest_columns
from sender.flags import PHONES, NotAllowed, meanings
from sender.tables import AudienceProblem, Table

T = TypeVar("T")
MOST_ROWS = 100_000
COLUMNS: tuple[str, ...] = ("kind", "since", "source", "note")
LONGEST = 300
"""Characters of a source or a note."""
_FLAGS = Base.metadata.tables["contact_flag"]
_KNOWN = (
    select(ContactFlag.phone, ContactFlag.kind, ContactFlag.since, ContactFlag.cleared_at)
    .where(ContactFlag.account_id == bindparam("account"), among(ContactFlag.phone, "phones"))
    .order_by(ContactFlag.id)
)
_PEOPLE = select(func.count()).where(Contact.account_id == bindparam("account"), among(Contact.phone, "phones"))


class Fate(StrEnum):
    """What would become of a row."""

    NEW = "new"
    STANDING = "standing"
    CLEARED = "cleared"
    REPEATED = "repeated"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Line:
    """One row: `row` counts from 1 under the header; `said` is a sentence where it adds nothing."""

    row: int
    fate: Fate
    said: str = ""
    phone: str = ""
    kind: FlagKind | None = None
    since: date | None = None
    source: str = ""
    note: str = ""


def read(
    session: Session, table: Table, *, account_id: int, default_region: str, today: date, source: str = ""
) -> list[Line]:
    """What each row of the table says; `source` is that of rows without one. Raises AudienceProblem where no row can be read."""
    at = _columns(table.columns)
    rows = [(row, cells) for row, cells in enumerate(table.cells, 1) if any(cells)]
    phones = Normaliser(default_region).many([cells[at["phone"]] for _, cells in rows])
    lines, seen = list[Line](), dict[tuple[str, FlagKind | None, date | None], int]()
    for (row, cells), phone in zip(rows, phones, strict=True):
        found = _line(row, {name: cells[place].strip() for name, place in at.items()}, phone, today, source.strip())
        key = found.phone, found.kind, found.since
        if found.fate is Fate.NEW and seen.setdefault(key, row) != row:
            found = replace(found, fate=Fate.REPEATED, said=f"The same as row {seen[key]:,}.")
        lines.append(found)
    return _compared(session, account_id, lines)


def _parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many at a time as one statement takes."""
    return (values[start : start + PHONES] for start in range(0, len(values), PHONES))


def _columns(names: Sequence[str]) -> dict[str, int]:
    """Where which column is."""
    fields = suggest_columns(names)
    phone = next((name for name, field in fields.items() if field == "phone"), None)
    at = {slug(name): place for place, name in enumerate(names)}
    if phone is None or "kind" not in at:
        raise AudienceProblem("The file needs a column “phone” and a column “kind”; since, source and note may follow.")
    return {"phone": names.index(phone)} | {name: at[name] for name in COLUMNS if name in at}


def _line(row: int, cells: Mapping[str, str], phone: Any, today: date, source: str) -> Line:
    """One row by itself."""
    if isinstance(phone, PhoneProblem):
        return Line(row, Fate.PROBLEM, phone.sentence)
    kind = _kinds().get(slug(cells["kind"]))
    if kind is None:
        offered = ", ".join(one.value for one in FlagKind)
        return Line(row, Fate.PROBLEM, f"“{cells['kind'][:40]}” is no kind of flag; write one of: {offered}.")
    since = _day(cells.get("since", ""), today)
    if isinstance(since, str):
        return Line(row, Fate.PROBLEM, since)
    said_by = (cells.get("source", "") or source)[:LONGEST]
    if not said_by:
        return Line(row, Fate.PROBLEM, "The row has no source; fill its column, or name one for the whole file.")
    return Line(row, Fate.NEW, "", phone[0], kind, since, said_by, cells.get("note", "")[:LONGEST])


def _kinds() -> dict[str, FlagKind]:
    """A kind by its own word and by its label."""
    return {kind.value: kind for kind in FlagKind} | {slug(one.label): one.kind for one in meanings().values()}


def _day(text: str, today: date) -> date | str:
    """A day as ISO 8601 writes it; today where there is none; else a sentence."""
    if not text:
        return today
    if not re.fullmatch(r"\d{4}-\d\d-\d\d([ T].*)?", text):
        return f"“{text[:20]}” is no day that is read one way only; write it as 2026-11-03."
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return f"“{text[:20]}” is no day of the calendar."
    return day if day <= today else f"{day:%Y-%m-%d} has not come yet."


def _compared(session: Session, account_id: int, lines: Sequence[Line]) -> list[Line]:
    """The lines, those marked of which the flag stands already or was cleared."""
    standing, cleared = set[object](), dict[object, datetime]()
    for some in _parts([line.phone for line in lines if line.fate is Fate.NEW]):
        for phone, kind, since, ended in session.execute(_KNOWN, {"account": account_id, "phones": some}):
            if ended is None:
                standing.add((phone, kind, since))
            else:
                cleared[phone, kind, since] = ended
    return [_marked(line, standing, cleared) for line in lines]


def _marked(line: Line, standing: set[object], cleared: Mapping[object, datetime]) -> Line:
    key = (line.phone, line.kind, line.since)
    if line.fate is Fate.NEW and key in standing:
        return replace(line, fate=Fate.STANDING, said="This flag stands already.")
    if line.fate is Fate.NEW and key in cleared:
        said = (
            f"This flag was cleared on {cleared[key]:%Y-%m-%d}, and stays so; raise it by hand if it is true after all."
        )
        return replace(line, fate=Fate.CLEARED, said=said)
    return line


def people(session: Session, account_id: int, lines: Iterable[Line]) -> int:
    """How many contacts of the account the new flags are about."""
    phones = sorted({line.phone for line in lines if line.fate is Fate.NEW})
    return sum(session.scalar(_PEOPLE, {"account": account_id, "phones": some}) or 0 for some in _parts(phones))


def load(
    session: Session, lines: Iterable[Line], *, account_id: int, evidence: Mapping[str, str], actor: str, now: datetime
) -> int:
    """Raise the new flags; how many. `evidence` names the file and its hash. Flushed. One that is raised meanwhile stays one."""
    if now.tzinfo is None or not evidence.get("sha256"):
        raise NotAllowed("A list of flags needs a time with a zone and the hash of its file.")
    made = [
        {
            "account_id": account_id, "phone": line.phone, "kind": line.kind, "since": line.since, "source": line.source,
            "note": line.note, "evidence": {**evidence, "row": line.row}, "actor": actor, "created_at": now.astimezone(UTC),
            "cleared_by": "", "cleared_reason": "",
        }
        for line in lines if line.fate is Fate.NEW
    ]  # fmt: skip
    for some in _parts(made):
        session.execute(upsert(session, _FLAGS).on_conflict_do_nothing(), some)
    session.flush()
    return len(made)
