"""Area codes and the zones of states: the tables, against the package that they were made from."""

from __future__ import annotations

import pytest

from models.zones import zones
from sender.area_codes import area_codes, files, of_phone, place, state_zones, zones_of


def test_the_tables_are_those_of_the_installed_package() -> None:
    """Made again they are the same; after an upgrade of phonenumbers: `python -m sender.area_codes`."""
    for file, text in files().items():
        assert file.read_text(encoding="ascii") == text


@pytest.mark.parametrize(
    ("phone", "places"),
    [
        ("+12705551234", ("US-KY",)),
        ("+13645551234", ("US-KY",)),  # an overlay of 270
        ("+12125551234", ("US-NY",)),  # a city with an area code of its own
        ("+12025551234", ("US-DC",)),
        ("+15092345678", ("US-WA",)),
        ("+14165551234", ("CA-ON",)),
        ("+19025551234", ("CA-NS", "CA-PE")),
        ("+18675551234", ("CA-NT", "CA-NU", "CA-YT")),
        ("+17875551234", ("PR",)),
        ("+13405551234", ("VI",)),
        ("+18005550199", ()),
        ("+18335550100", ()),
        ("+442072343456", ()),
        ("", ()),
    ],
)
def test_where_a_number_was_issued(phone: str, places: tuple[str, ...]) -> None:
    """A state, a province, a territory; toll-free and foreign numbers say nothing."""
    assert of_phone(phone) == places


def test_no_zone_of_a_number_is_missing_in_its_state() -> None:
    """For every area code of a state: whatever zones its numbers may have, the state has them."""
    for code, [first, *more] in area_codes().items():
        if not more and "-" in first:
            assert set(zones(f"1{code}", calling_code=1, geographic=True)) <= set(zones_of(first)), code


def test_states_over_several_zones() -> None:
    """Split states have all of theirs, and Arizona that of its Navajo Nation, which changes its clocks."""
    assert zones_of("US-AZ") == ("America/Denver", "America/Phoenix")
    for state in ("US-FL", "US-IN", "US-KY", "US-TN", "US-MI"):
        assert zones_of(state) == ("America/Chicago", "America/New_York")
    assert zones_of("US-XX") == ()
    assert len([known for known in state_zones() if known.startswith("US-")]) == 51


@pytest.mark.parametrize(
    ("text", "expected"),
    [("fl", "US-FL"), ("US-FL", "US-FL"), (" on ", "CA-ON"), ("pr", "PR"), ("", None), ("Florida", None)],
)
def test_a_state_is_written_by_its_code(text: str, expected: str | None) -> None:
    """With or without its country; a name is none."""
    assert place(text) == expected
