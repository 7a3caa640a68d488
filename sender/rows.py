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
KEPT = 10_000
"""Lines kept of which it is known how they are written."""
UNKNOWN_ZONE = "The time zone is not known and was ignored."
CONTACT = ("phone", "phone_raw", "region", "line_type", "time_zones", "time_zone", "name", "external_id", "attributes")
"""The columns of what `Reader.contact` gives."""

Row = Sequence[str]
Reading = tuple[str, Line] | PhoneProblem


class Reader:
    """Reads the rows of one list: `fields` maps its columns to fields, `columns` are all that it has, in their order."""

    def __init__(
        self, columns: Sequence[str], fields: Mapping[str, str], *, default_region: str, others: Sequence[str] = ()
    ) -> None:
        self._numbers = Normaliser(default_region)
        self._others = [Normaliser(region) for region in others if region != default_region]
        at = self._at = {fields[column]: place for place, column in enumerate(columns) if column in fields}
        self.attributes = _members({field: place for field, place in at.items() if field not in OURS})
        """Rows → their values that only templates use, each as the inside of a JSON object."""
        self._more = _members({field: place for field, place in at.items() if field in OURS and field != "phone"})
        self._name, self._id, self._zone = (at.get(own) for own in ("name", "external_id", "time_zone"))
        self._names = [at[part] for part in ("first_name", "last_name") if part in at]
        self._lines: dict[int, tuple[Line, tuple[str, str, str]]] = {}

    def numbers(self, rows: Sequence[Row]) -> list[Reading]:
        """The phone of each row, or why it has none."""
        at = self._at["phone"]
        found = self._numbers.many([row[at] for row in rows])
        if not self._others:
            return found
        return [
            self._elsewhere(row[at], reading) if isinstance(reading, PhoneProblem) else reading
            for row, reading in zip(rows, found, strict=True)
        ]

    def _elsewhere(self, written: str, reading: PhoneProblem) -> Reading:
        """The number as one of the other countries, if it is a number of exactly one of them."""
        found = {one[0]: one for other in self._others if isinstance(one := other.many([written])[0], tuple)}
        return next(iter(found.values())) if len(found) == 1 else reading

    def fields(self, rows: Sequence[Row], attributes: Sequence[str]) -> list[str]:
        """All values of each row but the phone, as JSON: the number as written stays with the contact."""
        if not {"name", "external_id", "time_zone"} & self._at.keys():
            return [f"{{{inside}}}" for inside in attributes]
        more = self._more(rows)
        return [f"{{{a}, {b}}}" if a and b else f"{{{a}{b}}}" for a, b in zip(attributes, more, strict=True)]

    def contact(self, row: Row, reading: tuple[str, Line], attributes: str) -> tuple[Any, ...]:
        """The person of a row, as values of `CONTACT`, "" for what is not known."""
        phone, line = reading
        kept = self._lines.get(id(line)) or self._keep(line)
        name = row[self._name] if self._name is not None else ""
        if not name:
            name = " ".join([row[part] for part in self._names if row[part]])
        zone = "" if self._zone is None else self.zone(row) or ""
        own = "" if self._id is None else row[self._id][:LONGEST]
        return phone, row[self._at["phone"]], *kept[1], zone, name[:LONGEST], own, f"{{{attributes}}}"

    def _keep(self, line: Line) -> tuple[Line, tuple[str, str, str]]:
        """What is written of a line, worked out once for all its numbers; the line is kept too, so that its id stays its own."""
        if len(self._lines) >= KEPT:
            self._lines.clear()
        region, line_type, zones, _ = line
        kept = self._lines[id(line)] = line, (region, line_type.value, ",".join(zones))
        return kept

    def zone(self, row: Row) -> str | None:
        """The zone that the row names, if it is one."""
        return _zones().get(row[self._at["time_zone"]].casefold())

    def remark(self, row: Row) -> str:
        """What to say of a row that has a phone."""
        if self._zone is None or not row[self._zone]:
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
    form = ", ".join(key.replace("%", "%%") + "%s" for key in keys)

    def inside(values: Sequence[str]) -> str:
        if all(values):
            return form % tuple(map(quoted, values))
        return ", ".join([key + quoted(value) for key, value in zip(keys, values, strict=True) if value])

    return lambda rows: [inside(pick(row)) for row in rows]


@cache
def _zones() -> dict[str, str]:
    """Every zone's name, found whatever its capitals."""
    return {name.casefold(): name for name in available_timezones()}
