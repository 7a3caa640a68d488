"""Which time zones a phone number may be in: a set, because a number alone often cannot decide.

The tables are those of the `phonenumbers` package. Taken alone they mislead: an exchange that they do not know falls
back to one zone for the whole state, so 270-744 (mostly Central Kentucky) would read as New York. The rule here: if the
place behind a number is known no better than a state, province or country, the answer is every zone found in that area
code and state; where the area code lists no town at all (an overlay), every zone of the state. A sender acts only when
all zones agree. An empty tuple means unknown, and unknown means hold.

An area code is where a number was issued, not where its owner is: a contact's own zone is always better.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache

from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

Zones = tuple[str, ...]

_NANP_PREFIX = 7
"""1, area code, exchange: no table looks further into a North American number."""
_AREA = 4
_MISSPELT = {"British Colombia": "British Columbia"}
"""Area code 257 in the package's tables, as of version 9.0.43."""


def zones(digits: str, *, calling_code: int, geographic: bool) -> Zones:
    """IANA zones that a number may be in, sorted; () if unknown.

    `digits` is E.164 without the plus. `geographic` says that the number's prefix tells its place: true in North
    America, elsewhere for landlines and for the few countries whose mobiles have area codes; otherwise every zone of
    the calling code is returned. Answers are kept by prefix, so a bulk import pays for each prefix once.
    """
    if calling_code == 1:
        return _north_american(digits[:_NANP_PREFIX])
    if not geographic:
        return tuple(sorted(TIMEZONE_DATA.get(str(calling_code), ())))
    return _elsewhere(digits[:TIMEZONE_LONGEST_PREFIX], str(calling_code))


@lru_cache(maxsize=32_768)
def _north_american(prefix: str) -> Zones:
    places = _places()
    name = places.name(prefix)
    if name is not None and name not in places.states:
        return _sorted(_longest(prefix))
    return places.around(prefix, name)


@lru_cache(maxsize=32_768)
def _elsewhere(prefix: str, calling_code: str) -> Zones:
    from phonenumbers.geodata import GEOCODE_DATA

    described = _longest_key(prefix, GEOCODE_DATA)
    zoned = _longest_key(prefix, TIMEZONE_DATA)
    if not described or not zoned:
        return _sorted(TIMEZONE_DATA.get(calling_code, ()))
    # A place known more finely than the zone table needs to be is settled; otherwise some of its exchanges may differ.
    return _sorted(TIMEZONE_DATA[zoned]) if len(described) > len(zoned) else _below(zoned)


@lru_cache(maxsize=1_024)
def _below(prefix: str) -> Zones:
    """All zones of the table's entries that begin with a prefix."""
    return _sorted(zone for key, found in TIMEZONE_DATA.items() if key.startswith(prefix) for zone in found)


class Places:
    """The North American part of the geocoder's table, and the zones of its states. Made once, on first use (0.5 s)."""

    def __init__(self) -> None:
        # Imported here because it takes 100 MB and half a second, and most processes never read a phone number.
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

    def around(self, prefix: str, state: str | None) -> Zones:
        """Zones of an area code within a state; of the whole state where the area code lists no town."""
        area = prefix[:_AREA]
        if state is None:
            return _below(area)
        code = self._codes[state]
        return _sorted({*self._of_area.get((area, code), self._of_state[code]), *_longest(area), *_longest(prefix)})


@lru_cache(maxsize=1)
def _places() -> Places:
    return Places()


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
