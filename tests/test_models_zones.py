"""Zones of a number: one where the number decides, a set where it cannot, nothing where it says nothing."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from phonenumbers.tzdata import TIMEZONE_DATA

from models import zone_tables
from models.zone_tables import FILE, build, read, write
from models.zones import zones

CENTRAL, EASTERN, MOUNTAIN, PACIFIC = "America/Chicago", "America/New_York", "America/Denver", "America/Los_Angeles"


@pytest.mark.parametrize(
    ("digits", "expected", "place"),
    [
        ("12702745678", {CENTRAL}, "Beaver Dam, KY"),
        ("12707811234", {CENTRAL}, "Bowling Green, KY"),
        ("12707441234", {CENTRAL, EASTERN}, "Kentucky"),
        ("12198821234", {CENTRAL}, "Gary, IN"),
        ("12195551234", {CENTRAL, EASTERN}, "Indiana"),
        ("13175551234", {EASTERN}, "Indiana, in an area code whose towns are all Eastern"),
        ("14232651234", {EASTERN}, "Chattanooga, TN"),
        ("14235551234", {CENTRAL, EASTERN}, "Tennessee"),
        ("18504341234", {CENTRAL}, "Pensacola, FL"),
        ("18505551234", {CENTRAL, EASTERN}, "Florida"),
        ("19155551234", {MOUNTAIN}, "Texas, El Paso's area code"),
        ("12125551234", {EASTERN}, "New York, NY: a city with an area code of its own"),
        ("12025551234", {EASTERN}, "Washington D.C."),
        ("12085551234", {"America/Boise", MOUNTAIN, PACIFIC}, "Idaho"),
        ("18075551234", {"America/Toronto", "America/Winnipeg"}, "Ontario"),
    ],
)
def test_north_america_is_as_sure_as_the_place_is(digits: str, expected: set[str], place: str) -> None:
    """A town decides; a state alone gives every zone found in that area code and state."""
    assert set(zones(digits, calling_code=1, geographic=True)) == expected


@pytest.mark.parametrize(
    ("digits", "least"),
    [
        ("13645551234", {CENTRAL, EASTERN}),
        ("16892345678", {CENTRAL, EASTERN}),
        ("12572345678", {"America/Vancouver", "America/Edmonton"}),
    ],
)
def test_an_overlay_without_towns_takes_the_zones_of_its_state(digits: str, least: set[str]) -> None:
    """364 lies over 270 in Kentucky, 689 over 407 in Florida, 257 over British Columbia: one fallback zone is not proof."""
    assert set(zones(digits, calling_code=1, geographic=True)) >= least


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("17872345678", "America/Puerto_Rico"),
        ("12423591234", "America/Nassau"),
        ("18092345678", "America/Santo_Domingo"),
    ],
)
def test_islands_that_the_geocoder_names_only_by_country(digits: str, expected: str) -> None:
    """A country of one zone is decided by its area code."""
    assert zones(digits, calling_code=1, geographic=True) == (expected,)


def test_an_area_code_in_no_table_is_unknown() -> None:
    """Never the 42 zones of all North America: unknown is empty, and empty means hold."""
    assert zones("13339991234", calling_code=1, geographic=True) == ()


@pytest.mark.parametrize(
    ("digits", "code", "geographic", "expected"),
    [
        ("442072343456", 44, True, {"Europe/London"}),
        ("33123456789", 33, True, {"Europe/Paris"}),
        ("61212345678", 61, True, {"Australia/Sydney"}),
        ("34922123456", 34, True, {"Atlantic/Canary"}),
        ("34612345678", 34, False, {"Atlantic/Canary", "Europe/Madrid"}),
        ("97653123456", 976, True, {"Asia/Choibalsan", "Asia/Hovd", "Asia/Ulaanbaatar"}),
        ("88312345678", 883, True, set()),
        ("99912345678", 999, False, set()),
    ],
)
def test_elsewhere(digits: str, code: int, geographic: bool, expected: set[str]) -> None:
    """Landlines by their place, mobiles by all zones of the country, and a country name alone by all of them too."""
    assert set(zones(digits, calling_code=code, geographic=geographic)) == expected


def test_an_area_with_differing_exchanges_gives_them_all() -> None:
    """Mato Grosso do Sul's 55 67 holds an exchange of another zone, so a number known only as that state has both."""
    assert set(zones("556730001234", calling_code=55, geographic=True)) >= {"America/Manaus", "America/Sao_Paulo"}


def test_the_set_never_loses_the_packages_own_answer() -> None:
    """Widening only: for every North American exchange in the table, its zone is among ours."""
    for key, found in TIMEZONE_DATA.items():
        if key[0] == "1" and len(key) == 7:
            assert set(found) <= set(zones(f"{key}0000", calling_code=1, geographic=True)), key


def test_every_zone_can_be_loaded_and_answers_are_sorted() -> None:
    """A zone is used with zoneinfo later, so each name must exist there."""
    for name in {name for found in TIMEZONE_DATA.values() for name in found}:
        assert ZoneInfo(name).key == name
    answer = zones("61412345678", calling_code=61, geographic=False)
    assert list(answer) == sorted(answer)


def test_the_table_is_that_of_the_installed_package() -> None:
    """Made again it is the same; after an upgrade of phonenumbers: `python -m models.zone_tables`."""
    made = build()
    assert FILE.read_text(encoding="ascii") == write(made)
    assert read() == made


def test_a_table_of_another_version_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made anew instead, so an upgrade is right at once, and quick again when the file is."""
    other = tmp_path / "other.csv"
    other.write_text("8.0.0\nEurope/Paris,1:\n", encoding="ascii")
    monkeypatch.setattr(zone_tables, "FILE", other)
    assert read()["1"] == ()


@pytest.mark.parametrize("digits", ["390612345678", "39061234567", "618912345678", "6189", "64819123456", "7", ""])
def test_a_number_of_any_length_has_an_answer(digits: str) -> None:
    """Too short to decide is every zone that is left, and nothing is nothing."""
    assert isinstance(zones(digits, calling_code=int(digits[:2] or 0), geographic=True), tuple)
