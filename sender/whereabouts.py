"""Where may a person be, as far as the clock and the law are concerned? Zones, country, states, and what they asked for.

A person's own zone, where somebody wrote it down, wins over the number's. Otherwise the number's zones count and those of the
address, too: where area code and address disagree, a time has to be right in all of them. The law of either place binds.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple, Protocol

from sender.area_codes import of_phone, zones_of
from sender.windows import listed


class Whereabouts(NamedTuple):
    """What all texts of one lane have in common, each as a lane keeps it: names with commas between them, "" for none."""

    zones: str
    region: str
    places: str = ""
    """States, and the country of the address where it is another, whose law has rows in `windows.csv`; all others change
    nothing, and would only make more lanes."""
    quiet: str = ""
    """The person's own request, as `sender/quiet.py` writes it."""


class Placed(Protocol):
    """A lane, or anything else that keeps whereabouts."""

    zones: str
    region: str
    places: str
    quiet: str


WHEREABOUTS = """substr(c.phone, 1, 5) || CASE WHEN c.address_region IS NULL AND c.quiet_hours = '' THEN ''
    ELSE '|' || coalesce(c.address_region, '') || '|' || c.quiet_hours || '|' || coalesce(c.time_zone, '') END"""
"""An expression of SQL on a contact `c`: what its number's zones do not say. It is told from the others in `read`, once for each
of its values: most people of one area code have the same, so nothing is worked out row by row."""


@lru_cache(maxsize=65_536)
def read(expression: str, zones: str, region: str) -> Whereabouts:
    """The whereabouts of a contact with this value of `WHEREABOUTS` and these zones (its own, else its number's)."""
    start, _, rest = expression.partition("|")
    address, quiet, own = (*rest.split("|"), "", "", "")[:3]
    return whereabouts(start, region, [own] if own else _names(zones), address=address, quiet=quiet, own_zone=bool(own))


def whereabouts(
    phone: str, region: str, zones: Iterable[str], *, address: str = "", quiet: str = "", own_zone: bool = False
) -> Whereabouts:
    """The whereabouts of a number, of which the first five characters matter, and of its owner.

    `own_zone` says that `zones` are what somebody wrote down about the person; else the zones of the address come to them.
    """
    found = set(zones) if own_zone or not address else {*zones, *zones_of(address)}
    places = {*of_phone(phone), address, address.partition("-")[0]} - {region}
    return Whereabouts(",".join(sorted(found)), region, ",".join(sorted(places & listed().keys())), quiet)


def bound(where: Placed | Whereabouts) -> list[str]:
    """Every place whose law binds: the number's country, the address's where it is another, and the states."""
    return [where.region, *_names(where.places)]


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]
