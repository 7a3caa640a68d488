"""In which state or territory was a North American number issued, and which time zones does a state have? Two tables of data.

`python -m sender.area_codes` writes `area_codes.csv` and `state_zones.csv` from the tables of the `phonenumbers` package; a test
makes them again and compares. Which zones one number may be in is in `models/zones.py`; the tables here serve those who know
a person's address, and those who ask for the law of the place that a number's area code names.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import phonenumbers

from models.zone_tables import Places, made_from
from models.zones import zones

AREAS, STATES = (Path(__file__).with_name(f"{name}.csv") for name in ("area_codes", "state_zones"))
PROVINCES = frozenset(["AB", "BC", "MB", "NB", "NL", "NS", "NT", "NU", "ON", "PE", "QC", "SK", "YT"])
_SHARED = {"NT": ("NT", "NU", "YT"), "NS": ("NS", "PE")}
"""Area codes over several provinces, which the package names by all of them."""
_CODES = {"Washington D.C.": "DC"}
Table = Mapping[str, tuple[str, ...]]


def of_phone(phone: str) -> tuple[str, ...]:
    """Where a North American number was issued: ("US-KY",), ("CA-NS", "CA-PE"), ("PR",); () for any other, and for toll-free."""
    return area_codes().get(phone[2:5], ()) if phone.startswith("+1") else ()


def zones_of(place: str) -> tuple[str, ...]:
    """Every zone of a state, province or territory ("US-KY"); () where the place is not known."""
    return state_zones().get(place, ())


def place(written: str) -> str | None:
    """What somebody wrote as a state or province, "fl" or "US-FL", as we keep it; None where it is none."""
    code = written.strip().upper()
    return next((known for known in state_zones() if code in (known, known.partition("-")[2])), None) if code else None


@cache
def area_codes() -> Table:
    """Area code → places."""
    return _read(AREAS)


@cache
def state_zones() -> Table:
    """Place → zones."""
    return _read(STATES)


def _read(file: Path) -> Table:
    lines = (line for line in file.read_text(encoding="ascii").splitlines() if not line.startswith("#"))
    parts = [line.partition(",") for line in lines]
    return {key: tuple(values.split()) for key, _, values in parts}


def build() -> tuple[Table, Table]:
    """Both tables, from the package's own: area codes and states."""
    places = Places()
    areas = {code: issued for code in map(str, range(200, 1000)) if (issued := tuple(sorted(_issued(code, places))))}
    found: defaultdict[str, set[str]] = defaultdict(set)
    for code, issued in areas.items():
        for one in issued:
            country, _, state = one.partition("-")
            if state:
                found[one].update(places.of_state(_package_name(state)))
            elif country not in {"US", "CA"}:
                found[one].update(zones(f"1{code}", calling_code=1, geographic=True))
    return areas, {one: tuple(sorted(names)) for one, names in sorted(found.items()) if names}


def _issued(code: str, places: Places) -> Iterator[str]:
    """Places of an area code; the country alone where the package names no state, nothing where it is in use nowhere."""
    country = _islands().get(code) or _mainland(code)
    if country is None:
        return
    states = places.states_of(f"1{code}") if country in {"US", "CA"} else ()
    if not states:
        yield country
    for state in states:
        for one in _SHARED.get(state, (_CODES.get(state, state),)):
            yield f"{'CA' if one in PROVINCES else 'US'}-{one}"


@cache
def _islands() -> Mapping[str, str]:
    """Area code → region, of the countries and territories that have area codes of their own."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[1]
    plans = {region: phonenumbers.PhoneMetadata.metadata_for_region(region) for region in regions}
    leading = {region: plan.leading_digits for region, plan in plans.items() if plan is not None}
    return {
        code: region
        for code in map(str, range(200, 1000))
        for region, digits in leading.items()
        if digits and re.fullmatch(digits, code)
    }


def _mainland(code: str) -> str | None:
    """US or CA where numbers of the area code are in use there, and belong to a place."""
    sample = phonenumbers.PhoneNumber(country_code=1, national_number=int(f"{code}2345678"))
    placed = phonenumbers.number_type(sample) == phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE
    return phonenumbers.region_code_for_number(sample) if placed else None


def _package_name(state: str) -> str:
    return next((name for name, code in _CODES.items() if code == state), state)


def write(table: Table, title: str) -> str:
    """A file's text."""
    head = f"# {title} Made by python -m sender.area_codes from phonenumbers {made_from()}; do not edit."
    return "\n".join([head, *(f"{key},{' '.join(values)}" for key, values in table.items()), ""])


def files() -> dict[Path, str]:
    """Both files as they are to be."""
    areas, states = build()
    return {
        AREAS: write(areas, "North American area code, the states, provinces or territories where its numbers are issued."),
        STATES: write(states, "State, province or territory, its time zones."),
    }  # fmt: skip


if __name__ == "__main__":
    for file, text in files().items():
        file.write_text(text, encoding="ascii")
