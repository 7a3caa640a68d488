"""How is the table of zones by prefix made? From the tables of the `phonenumbers` package, once for each of its versions.

`python -m models.zone_tables` writes `models/zone_tables.csv`. A test makes the table again and compares: after an upgrade of
the package, run the command. The rules are those that `models.zones` explains.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

Zones = tuple[str, ...]
FILE = Path(__file__).with_suffix(".csv")
HEAD = 5
"""Digits that the prefixes written under one head have in common."""
_NANP_PREFIX = 7
"""1, area code, exchange: no table looks further into a North American number."""
_AREA = 4
_MISSPELT = {"British Colombia": "British Columbia"}
"""Area code 257 in the package's tables, as of version 9.0.43."""


def made_from() -> str:
    """The version of the package that is installed."""
    return version("phonenumbers")


def read() -> dict[str, Zones]:
    """Prefix → zones, from the file; made anew (10 s, 100 MB) where the file is of another version of the package."""
    title, *lines = FILE.read_text(encoding="ascii").splitlines()
    if title != made_from():
        return build()
    found: dict[str, Zones] = {}
    for line in lines:
        names, _, heads = line.partition(",")
        zones = tuple(names.split())
        for head, _, tails in (group.partition(":") for group in heads.split()):
            found.update((head + tail, zones) for tail in tails.split("."))
    return found


def write(table: Mapping[str, Zones]) -> str:
    """The file's text: the version, then a line for each set of zones with its prefixes."""
    groups: dict[Zones, dict[str, list[str]]] = {}
    for prefix, zones in sorted(table.items()):
        groups.setdefault(zones, {}).setdefault(prefix[:HEAD], []).append(prefix[HEAD:])
    lines = []
    for zones, heads in sorted(groups.items()):
        written = " ".join(f"{head}:{'.'.join(tails)}" for head, tails in heads.items())
        lines.append(f"{' '.join(zones)},{written}")
    return "\n".join([made_from(), *lines, ""])


def build() -> dict[str, Zones]:
    """Prefix → zones; the longest prefix of a number decides, and one that says what a shorter one says is left out.

    Whatever the two tables of the package say of a number follows from the longest of their keys that it begins with.
    """
    found: dict[str, Zones] = {"1": ()}
    for key, zones in _answers():
        shorter = (found[key[:length]] for length in range(len(key) - 1, 0, -1) if key[:length] in found)
        if next(shorter, None) != zones:
            found[key] = zones
    return found


def _answers() -> Iterator[tuple[str, Zones]]:
    """Every key that decides, the shorter ones first, with its zones."""
    from phonenumbers.geodata import GEOCODE_DATA

    places = Places()
    keys = {key[: _NANP_PREFIX if key[0] == "1" else None] for table in (GEOCODE_DATA, TIMEZONE_DATA) for key in table}
    for key in sorted(keys, key=lambda key: (len(key), key)):
        if key[0] != "1":
            yield key, _elsewhere(key, GEOCODE_DATA)
        elif len(key) >= _AREA:
            yield key, _north_american(key, places)


def _north_american(prefix: str, places: "Places") -> Zones:
    name = places.name(prefix)
    if name is not None and name not in places.states:
        return _sorted(_longest(prefix))
    return places.around(prefix, name)


def _elsewhere(prefix: str, described_by: Mapping[str, object]) -> Zones:
    described, zoned = _longest_key(prefix, described_by), _longest_key(prefix, TIMEZONE_DATA)
    if not described:
        return _sorted(TIMEZONE_DATA.get(_calling_code(prefix), ()))
    # A place known more finely than the zone table needs to be is settled; otherwise some of its exchanges may differ.
    return _sorted(TIMEZONE_DATA.get(zoned, ())) if len(described) > len(zoned) else _below(zoned)


def _calling_code(digits: str) -> str:
    return next((digits[:end] for end in (1, 2, 3) if int(digits[:end]) in COUNTRY_CODE_TO_REGION_CODE), "")


@cache
def _below(prefix: str) -> Zones:
    """All zones of the table's entries that begin with a prefix."""
    return _sorted(zone for key, found in TIMEZONE_DATA.items() if key.startswith(prefix) for zone in found)


class Places:
    """The North American part of the geocoder's table, and the zones of its states."""

    def __init__(self) -> None:
        # Imported here because it takes 100 MB and half a second, and only making the table needs it.
        from phonenumbers.geodata import GEOCODE_DATA

        self._names = {
            key: _MISSPELT.get(names["en"], names["en"])
            for key, names in GEOCODE_DATA.items()
            if key[0] == "1" and "en" in names
        }
        self.states = {name for key, name in self._names.items() if len(key) == _AREA and ", " not in name}
        """Names given to a whole area code: "Kentucky", "Ontario". A town reads "Beaver Dam, KY"."""
        self._of_area: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._of_state: defaultdict[str, set[str]] = defaultdict(set)
        self._codes = self._postal_codes()
        for key, name in self._names.items():
            if name in self.states:
                self._of_state[self._codes[name]].update(_longest(key))
            elif ", " in name:
                code = name.rpartition(", ")[2]
                self._of_area[key[:_AREA], code].update(_longest(key))
                self._of_state[code].update(_longest(key))

    def _postal_codes(self) -> dict[str, str]:
        """State to postal code ("KY"): what most towns of its area codes carry, or the name itself where there are none."""
        votes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for key, name in self._names.items():
            state = self._names.get(key[:_AREA])
            if state in self.states and ", " in name:
                votes[state][name.rpartition(", ")[2]] += 1
        return {state: votes[state].most_common(1)[0][0] if votes[state] else state for state in self.states}

    def name(self, prefix: str) -> str | None:
        """The place that the longest known part of a prefix stands for."""
        return self._names.get(_longest_key(prefix, self._names))

    def states_of(self, area: str) -> tuple[str, ...]:
        """Postal codes of the states in which an area code ("1270") has its towns, or that its own name says; () if neither."""
        name = self._names.get(area, "")
        if name in self.states:
            return (self._codes[name],)
        towns = {
            named.rpartition(", ")[2] for key, named in self._names.items() if key[:_AREA] == area and ", " in named
        }
        return tuple(sorted(towns))

    def of_state(self, code: str) -> Zones:
        """Every zone of a state, by its postal code."""
        return _sorted(self._of_state[code])

    def around(self, prefix: str, state: str | None) -> Zones:
        """Zones of an area code within a state; of the whole state where the area code lists no town."""
        area = prefix[:_AREA]
        if state is None:
            return _below(area)
        code = self._codes[state]
        return _sorted({*self._of_area.get((area, code), self._of_state[code]), *_longest(area), *_longest(prefix)})


def _longest_key(digits: str, table: Mapping[str, object]) -> str:
    for length in range(min(len(digits), TIMEZONE_LONGEST_PREFIX), 0, -1):
        if digits[:length] in table:
            return digits[:length]
    return ""


def _longest(digits: str) -> Zones:
    """The zone table's own answer; nothing where only the whole calling code 1 would match."""
    key = _longest_key(digits, TIMEZONE_DATA)
    return TIMEZONE_DATA[key] if len(key) > 1 else ()


def _sorted(found: Iterable[str]) -> Zones:
    return tuple(sorted(set(found)))


if __name__ == "__main__":
    FILE.write_text(write(build()), encoding="ascii")
