"""On whose values is a wording tried while it is written? On rows of the account's newest list, rendered as real messages are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.campaigns import Audience
from models.consent import Purpose
from models.segments import Measure, measure
from sender.expansion import fields_of
from sender.recipients import Recipient, Terms, recipients
from sender.templates import RenderProblem, Template, missing, render

ROWS = 200
"""Rows of the newest list that a text is tried on."""
LISTS = 3
"""How many of the newest lists say which fields there are."""
INVENTED = {
    "name": "Maya Jensen", "first_name": "Maya", "last_name": "Jensen", "external_id": "M01234", "amount": "120",
    "ends_on": "Jan 31", "due": "2027-01-31", "link": "example.com/pay",
}  # fmt: skip
"""Values for an account that has no list yet."""


@dataclass(frozen=True)
class Known:
    """The fields that recent lists have, and the newest of the lists."""

    names: tuple[str, ...]
    newest: Audience | None


class Person(NamedTuple):
    """Someone on whom a text is tried: the country, "" if invented, and the values of the template's fields."""

    region: str
    fields: Mapping[str, object]


@dataclass
class Trial:
    """What became of the rows that the text was tried on."""

    bodies: list[tuple[Measure, int, str]] = field(default_factory=list)
    rows: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """Field → rows that get no text for want of it."""
    blank: Counter[str] = field(default_factory=Counter)
    """Field → rows that have no value for it, a default or not."""
    sentences: Counter[str] = field(default_factory=Counter)


def known_fields(session: Session, account_id: int) -> Known:
    """The fields of the account's newest lists, those of ours first."""
    lists = session.scalars(
        select(Audience)
        .where(Audience.account_id == account_id, Audience.complete.is_(True), Audience.usable > 0)
        .order_by(Audience.id.desc())
        .limit(LISTS)
    ).all()
    found = dict.fromkeys(name for one in lists for name in one.columns.values() if name != "phone")
    if "name" in found:
        found = {"name": None, "first_name": None} | found
    return Known(tuple(found) or ("name", "first_name"), lists[0] if lists else None)


def tried(session: Session, account_id: int, template: Template, newest: Audience | None) -> Trial:
    """The template rendered for rows of the newest list, as `sender.expansion` would; for invented values without a list."""
    trial = Trial()
    for number, person in enumerate(people(session, account_id, template, newest), start=1):
        values = person.fields
        trial.rows += 1
        trial.blank.update(name for name, value in values.items() if value in (None, ""))
        try:
            body = render(template, values)
        except RenderProblem as problem:
            trial.left_out.update(missing(template, values))
            if not missing(template, values):
                trial.sentences[problem.sentence] += 1
            continue
        trial.bodies.append((measure(body), number, body))
    return trial


def people(session: Session, account_id: int, template: Template, newest: Audience | None) -> list[Person]:
    """Those on whom a text is tried: the first usable rows of the newest list; one invented person without a list."""
    if newest is None:
        invented = {name: INVENTED.get(name, name.replace("_", " ")) for name in template.fields}
        return [Person("", invented)]
    columns = frozenset(newest.columns.values())
    terms = Terms(account_id, Purpose.ACCOUNT, template, None, columns, {})
    rows = map(Recipient.of, chain.from_iterable(recipients(session, newest.id, terms, until=ROWS)))
    usable = [row for row in rows if row.reason is None and row.contact_id is not None]
    return [Person(row.region, fields_of(row, terms)) for row in usable]
