"""Who is on a list, as the database has them, and what do we go by in deciding about them?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Audience
from models.consent import Purpose
from models.countries import CountrySetting
from models.phones import LineType
from models.templates import TemplateVersion
from sender import flags
from sender.bulk import plainly
from sender.columns import OURS
from sender.erased import erased
from sender.recipient_rules import RecipientRules, binding
from sender.schedule import Scope, Window, window_of
from sender.scopes import scope
from sender.templates import Template, parse
from sender.whereabouts import WHEREABOUTS, Whereabouts, read
from sender.wording import Wording

Row = tuple[Any, ...]
"""A recipient's values, by their places: to name them takes longer than to read them, and most need no name."""
STRETCH = 10_000
"""Rows to ask for at once."""
PREMIUM = frozenset({LineType.PREMIUM.value, LineType.SHARED_COST.value})
FIXED = LineType.FIXED_LINE.value


class _Person(NamedTuple):
    """What is known of a recipient without any text."""

    row: int
    contact_id: int
    reason: str | None
    detail: str
    phone: str
    region: str
    line_type: str
    zones: str
    """Of the contact, else of the number; comma-separated."""
    name: str
    external_id: str | None
    refusable: bool
    """The number has said yes or no at some time, or has a flag."""
    attributes: str | None
    """The contact's as JSON, where the template asks for one that the list does not have."""
    skipped: int | None
    """1 where it does not bring the values that a text takes."""
    whereabouts: str
    """What else its hours depend on: see `sender.whereabouts.WHEREABOUTS`."""


class Recipient(_Person):
    """One row of an audience with its contact, as the database has them: what is named, and after it the row's values."""

    __slots__ = ()

    @classmethod
    def of(cls, row: Row) -> Recipient:
        """The recipient whom a row of `recipients` tells of."""
        return tuple.__new__(cls, row)

    @property
    def fields(self) -> Sequence[str | None] | None:
        """The row's values of `Terms.asked`; None where the row is not to be rendered."""
        values: Sequence[Any] = self[VALUES:]
        return None if self.skipped else values


PHONE, REFUSABLE = _Person._fields.index("phone"), _Person._fields.index("refusable")
VALUES = len(_Person._fields)
"""Where a recipient's values begin."""


@dataclass(frozen=True)
class Terms:
    """What the decisions of one chunk rest on: the settings of today, not those of the import."""

    account_id: int
    purpose: Purpose
    template: Template
    media_url: str | None
    columns: frozenset[str]
    """The fields that the list itself has: a blank cell of theirs is missing, whatever an older list said."""
    countries: dict[str, CountrySetting]
    flagged: bool = False
    """Whether the account has any flag that stands; where it has none, no number is looked up."""
    scope: Scope = field(default_factory=Scope)
    """What windows depend on beside the recipient."""
    binding: RecipientRules | None = None
    """The rules about consent that bind the account; None where none does, and then nothing is asked."""

    @cached_property
    def wording(self) -> Wording:
        """The template, for many."""
        return Wording(self.template)

    @cached_property
    def rules(self) -> dict[str, tuple[bool, bool]]:
        """Enabled regions → whether landlines get texts there, and whether pictures do; read once, not once for each row."""
        return {one.region: (one.landlines, one.mms) for one in self.countries.values() if one.enabled}

    @cached_property
    def plain(self) -> frozenset[tuple[str, str]]:
        """Regions and line types of which a number is texted without further questions; none for an MMS, which is not cut."""
        open_to = {} if self.media_url else self.rules
        return frozenset(
            (region, kind.value)
            for region, (landlines, _) in open_to.items()
            for kind in LineType
            if kind.value not in PREMIUM and (landlines or kind.value != FIXED)
        )

    def where(self, row: Recipient) -> Whereabouts:
        """Where somebody may be, as far as windows are concerned: one answer for many."""
        return read(row.whereabouts, row.zones, row.region)

    def window(self, where: Whereabouts, now: datetime) -> Window:
        """The window of all who are there."""
        return window_of(where, self.scope, now, setting=self.countries[where.region])

    @cached_property
    def asked(self) -> tuple[str, ...]:
        """The template's fields, and the name, from which a first name may be taken."""
        return *self.template.fields, *({"name"} - set(self.template.fields))

    @property
    def asks_contact(self) -> bool:
        """Whether the template has a field that only the contact's attributes can fill."""
        return not self.columns.union(OURS).issuperset(self.template.fields)


def terms(
    session: Session, *, account_id: int, purpose: Purpose, version: TemplateVersion, audience: Audience, now: datetime
) -> Terms:
    """The terms in force now (aware)."""
    account = session.get_one(Account, account_id)
    settings = session.scalars(select(CountrySetting).where(CountrySetting.account_id == account_id))
    return Terms(
        account_id=account_id,
        purpose=purpose,
        template=parse(version.source),
        media_url=version.media_url,
        columns=frozenset(audience.columns.values()),
        countries={setting.region: setting for setting in settings},
        flagged=flags.any_standing(session, account_id),
        scope=scope(session, account, purpose),
        binding=binding(session, account, purpose, now=now),
    )


def recipients(
    session: Session, audience_id: int, given: Terms, *, after: int = 0, until: int | None = None, every: int = 1
) -> Iterator[Sequence[Row]]:
    """The rows of an audience after one and until another, as values of a `Recipient`, in the order of the file, slice by slice.

    Of the row's values only those come that the template asks for, and the contact's only where it asks for one of them. Only
    every n-th row brings any, which makes a long list quick to read.
    """
    skipped, wanted = "NULL", [f"r.fields ->> '{name}'" for name in given.asked]  # one word: the grammar sees to that
    if every > 1:
        skipped = f"CASE WHEN r.row % {every:d} <> 0 THEN 1 END"
        wanted = [f"CASE WHEN r.row % {every:d} = 0 THEN {value} END" for value in wanted]
    refusable = (
        f"EXISTS (SELECT 1 FROM consent_event e WHERE e.account_id = {given.account_id:d} AND e.phone = c.phone)"  # noqa: S608
    )
    if given.flagged:
        refusable += f""" OR EXISTS (SELECT 1 FROM contact_flag f
            WHERE f.account_id = {given.account_id:d} AND f.phone = c.phone AND f.cleared_at IS NULL)"""  # noqa: S608
    attributes = "CAST(c.attributes AS text)" if given.asks_contact else "NULL"
    known = erased(session, given.account_id)
    query = f"""SELECT r.row, r.contact_id, CASE WHEN c.erased_at IS NULL THEN r.reason ELSE 'erased' END, r.detail,
            c.phone, c.region, c.line_type,
            coalesce(nullif(c.time_zone, ''), c.time_zones), c.name, c.external_id,
            ({refusable}), {attributes}, {skipped}, {WHEREABOUTS}, {", ".join(wanted)}
        FROM audience_row r LEFT JOIN contact c ON c.id = r.contact_id WHERE r.audience_id = {audience_id:d}"""  # noqa: S608
    while until is None or after < until:
        # Both ends are named, as rows have numbers without gaps: a database that does not know yet how long the list is would
        # join all the rest of it to find where a stretch of it ends.
        top = after + STRETCH if until is None else min(after + STRETCH, until)
        for rows in plainly(session, f"{query} AND r.row > {after:d} AND r.row <= {top:d} ORDER BY r.row"):
            yield rows if known is None else known.marked(rows, PHONE, REFUSABLE)
            after = rows[-1][0]
        if after < top:
            return
