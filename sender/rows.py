"""What does each row of a list become: a person and their values, or the one reason why not? Read by the thousand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from json.encoder import encode_basestring_ascii as quoted
from operator import itemgetter
from typing import Any
from zoneinfo import available_timezones

from models.campaigns import Reason
from models.numbering import Line, Normaliser
from models.phones import PhoneProblem, ProblemCode
from sender.columns import OURS

LONGEST = 200
"""Characters kept of a name or an outside id (an index of PostgreSQL takes 2,700 bytes), and of a number that is none."""
UNKNOWN_ZONE = "The time zone is not known and was ignored."
CONTACT = ("phone", "phone_raw", "region", "line_type", "time_zones", "time_zone", "name", "external_id", "attributes")
"""The columns of what `Reader.contact` gives."""

Row = Sequence[str]
Reading = tuple[str, Line] | PhoneProblem


class Reader:
    """Reads the rows of one list: `fields` maps its columns to fields, `columns` are all that it has, in their order."""

    def __init__(self, columns: Sequence[str], fields: Mapping[str, str], *, default_region: str) -> None:
        self._numbers = Normaliser(default_region)
        self._at = {fields[column]: place for place, column in enumerate(columns) if column in fields}
        self.attributes = _members({field: at for field, at in self._at.items() if field not in OURS})
        """Rows → their values that only templates use, each as the inside of a JSON object."""
        self._more = _members({field: at for field, at in self._at.items() if field in OURS and field != "phone"})

    def numbers(self, rows: Sequence[Row]) -> list[Reading]:
        """The phone of each row, or why it has none."""
        at = self._at["phone"]
        return self._numbers.many([row[at] for row in rows])

    def fields(self, rows: Sequence[Row], attributes: Sequence[str]) -> list[str]:
        """All values of each row but the phone, as JSON: the number as written stays with the contact."""
        if not {"name", "external_id", "time_zone"} & self._at.keys():
            return [f"{{{inside}}}" for inside in attributes]
        more = self._more(rows)
        return [f"{{{a}, {b}}}" if a and b else f"{{{a}{b}}}" for a, b in zip(attributes, more, strict=True)]

    def contact(self, row: Row, reading: tuple[str, Line], attributes: str) -> tuple[Any, ...]:
        """The person of a row, as values of `CONTACT`."""
        phone, (region, line_type, zones, _) = reading
        at = self._at
        name = row[at["name"]] if "name" in at else ""
        if not name:
            name = " ".join([row[at[part]] for part in ("first_name", "last_name") if part in at and row[at[part]]])
        return (
            phone, row[at["phone"]], region, line_type.value, ",".join(zones), self.zone(row) if "time_zone" in at else None,
            name[:LONGEST], row[at["external_id"]][:LONGEST] or None if "external_id" in at else None, f"{{{attributes}}}",
        )  # fmt: skip

    def zone(self, row: Row) -> str | None:
        """The zone that the row names, if it is one."""
        return _zones().get(row[self._at["time_zone"]].casefold())

    def remark(self, row: Row) -> str:
        """What to say of a row that has a phone."""
        if "time_zone" not in self._at or not row[self._at["time_zone"]]:
            return ""
        return UNKNOWN_ZONE if self.zone(row) is None else ""

    def refused(self, row: Row, fields: str, problem: PhoneProblem) -> tuple[str, str, str]:
        """Fields, reason and detail of a row without a phone: it keeps what was written, so that somebody can correct it."""
        reason = Reason.EMPTY_PHONE if problem.code is ProblemCode.EMPTY else Reason.INVALID_NUMBER
        written = row[self._at["phone"]][:LONGEST]
        if written:
            fields = f'{fields[:-1]}{", " if fields != "{}" else ""}"phone": {quoted(written)}}}'
        return fields, reason.value, problem.sentence


def _members(places: Mapping[str, int]) -> Callable[[Sequence[Row]], list[str]]:
    """Of each row the values at these places that are not blank, as the inside of a JSON object."""
    keys = [f"{quoted(field)}: " for field in places]
    if not keys:
        return lambda rows: [""] * len(rows)
    if len(keys) == 1:
        [key], [at] = keys, places.values()
        return lambda rows: [key + quoted(row[at]) if row[at] else "" for row in rows]
    pick = itemgetter(*places.values())
    return lambda rows: [
        ", ".join([key + quoted(value) for key, value in zip(keys, pick(row), strict=True) if value]) for row in rows
    ]


@cache
def _zones() -> dict[str, str]:
    """Every zone's name, found whatever its capitals."""
    return {name.casefold(): name for name in available_timezones()}
