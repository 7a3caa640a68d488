"""Where somebody may be: from the number, the address, and what somebody wrote down."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from models.accounts import Account
from sender.whereabouts import WHEREABOUTS, Whereabouts, bound, read, whereabouts
from tests import seeds

EAST, WEST = "America/New_York", "America/Los_Angeles"


@pytest.mark.parametrize(
    ("start", "zones", "known", "expected"),
    [
        ("+1212", EAST, (None, "", None), (EAST, "US", "", "")),
        ("+1401", EAST, (None, "", None), (EAST, "US", "US-RI", "")),
        ("+1401", EAST, ("US-FL", "", None), (f"America/Chicago,{EAST}", "US", "US-FL,US-RI", "")),
        ("+1401", EAST, ("US-CA", "sun", None), (f"{WEST},{EAST}", "US", "US-RI", "sun")),
        ("+1401", WEST, (None, "", WEST), (WEST, "US", "US-RI", "")),
        ("+1401", WEST, ("US-FL", "", WEST), (WEST, "US", "US-FL,US-RI", "")),
        ("+1800", "", (None, "", None), ("", "US", "", "")),
        ("+1800", "", ("US-CA", "", None), (WEST, "US", "", "")),
    ],
)
def test_a_contact_as_the_database_tells_it(
    session: Session, account: Account, start: str, zones: str, known: tuple[str | None, str, str | None],
    expected: tuple[str, str, str, str],
) -> None:  # fmt: skip
    """The expression of SQL and what it is read as, on both databases."""
    [person] = seeds.contacts(session, account, 1)
    person.phone = f"{start}5550123"
    person.address_region, person.quiet_hours, person.time_zone = known
    session.flush()
    found = session.scalar(text(f"SELECT {WHEREABOUTS} FROM contact c"))
    assert read(str(found), zones, "US") == Whereabouts(*expected)


def test_the_country_of_an_address_binds_too() -> None:
    """A British number whose owner lives in Connecticut: both countries' law, and the state's."""
    found = whereabouts("+447400123456", "GB", ["Europe/London"], address="US-CT")
    assert found == Whereabouts("America/New_York,Europe/London", "GB", "US,US-CT")
    assert bound(found) == ["GB", "US", "US-CT"]
    abroad = whereabouts("+12125551234", "US", [EAST], address="CA-ON")
    assert bound(abroad) == ["US", "CA"]
    assert bound(whereabouts("+17875551234", "PR", ["America/Puerto_Rico"])) == ["PR"]
