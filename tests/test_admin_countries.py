"""Do country settings say what is so, and refuse what cannot be?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time

import pytest
from sqlalchemy import select

from models.accounts import Account
from models.base import Database
from models.countries import CountrySetting
from models.users import AuditEntry, RoleName
from tests.desk import Desk, open_desk


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


def test_a_country_is_added_with_its_rules(desk: Desk) -> None:
    """Code in capitals, hours, prefix and flags as given."""
    form = {
        "region": "de",
        "name": "Germany",
        "enabled": "y",
        "sender_id": "",
        "default_prefix": "+49",
        "opens_at": "08:00",
        "closes_at": "20:00",
    }
    assert desk.visitor(RoleName.ADMIN).send("/countries/new/", form).status_code == 302
    with desk.database.reading() as session:
        made = session.scalars(select(CountrySetting).where(CountrySetting.region == "DE")).one()
        assert (made.enabled, made.mms, made.pumping_protection, made.default_prefix) == (True, False, False, "+49")
        assert (made.opens_at, made.closes_at) == (time(8), time(20))
    assert "08:00 – 20:00" in desk.visitor(RoleName.ADMIN).text("/countries/")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"region": "ZZ"}, "not a country code"),
        ({"region": "US"}, "Another country has this already"),
        ({"name": ""}, "required"),
        ({"default_prefix": "49"}, "Write it like +44"),
        ({"opens_at": "08:00"}, "Give both hours"),
        ({"opens_at": "20:00", "closes_at": "08:00"}, "after the start"),
        ({"opens_at": "08:00", "closes_at": "08:00"}, "after the start"),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_cannot_be_is_refused(desk: Desk, changes: dict[str, str], said: str) -> None:
    """One sentence under the field, and nothing is kept."""
    form = {"region": "DE", "name": "Germany", "sender_id": "", **changes}
    answer = desk.visitor(RoleName.ADMIN).send("/countries/new/", form)
    assert answer.status_code == 200
    assert said in answer.text


def test_the_code_of_a_country_never_changes(desk: Desk) -> None:
    """The edit page has no such field, and a posted one is ignored."""
    admin, key = desk.visitor(RoleName.ADMIN), desk.ids(desk.harbor)["countries"]
    assert 'name="region"' not in admin.text("/countries/edit/", id=key)
    admin.send("/countries/edit/", {"region": "FR", "name": "Still the US", "sender_id": ""}, id=key)
    with desk.database.reading() as session:
        row = session.get_one(CountrySetting, key)
        assert (row.region, row.name, row.enabled) == ("US", "Still the US", False)


def test_only_enabled_countries_can_be_shown(desk: Desk) -> None:
    """The filter's words are the badge's."""
    page = desk.visitor(RoleName.ADMIN).text("/countries/", flt0_enabled="no")
    assert "Ireland" in page
    assert "Canada" not in page


def test_the_prefix_of_another_country_is_refused(desk: Desk) -> None:
    """It would make numbers of one country into numbers of another."""
    form = {"region": "DE", "name": "Germany", "sender_id": "", "default_prefix": "+44"}
    answer = desk.visitor(RoleName.ADMIN).send("/countries/new/", form)
    assert answer.status_code == 200
    assert "The prefix of this country is +49" in answer.text


def test_a_country_shows_the_laws_hours_and_what_can_be_reached(desk: Desk) -> None:
    """Beside its own hours; the warning is about the kind of line, which the prefix does not tell."""
    page = desk.visitor(RoleName.ANALYST).text(f"/countries/details/?id={desk.ids(desk.harbor)['countries']}")
    assert "09:00–18:00: Rhode Island on weekdays (referrizer table, unconfirmed)" in page
    assert "Landlines and mobiles look the same here" in page
    assert "Those of the law" in desk.visitor(RoleName.ANALYST).text("/countries/")


def test_the_account_sets_its_own_hours(desk: Desk) -> None:
    """Once, on the record, and only by whoever may set countries; the page says where each row is from."""
    admin, analyst = desk.visitor(RoleName.ADMIN), desk.visitor(RoleName.ANALYST)
    page = analyst.text("/countries/hours/")
    for said in (
        "Rhode Island",
        "support.referrizer.com state table",
        "Unconfirmed",
        "Advice, not applied",
        "not legal advice",
    ):
        assert said in page
    assert analyst.send("/countries/hours/", {"opens_at": "09:00", "closes_at": "17:00"}).status_code == 403
    assert "after the start" in admin.send("/countries/hours/", {"opens_at": "17:00", "closes_at": "09:00"}).text
    assert "Give both hours" in admin.send("/countries/hours/", {"opens_at": "17:00", "closes_at": ""}).text
    for _ in range(2):
        assert admin.send("/countries/hours/", {"opens_at": "09:00", "closes_at": "17:00"}).status_code == 302
    with desk.database.reading() as session:
        found = session.get_one(Account, desk.harbor.id)
        assert (found.opens_at, found.closes_at) == (time(9), time(17))
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.action == "account:hours"))
        assert entry.after == {"opens_at": "09:00", "closes_at": "17:00"}
    assert "Your own hours: 09:00–17:00." in analyst.text("/countries/hours/")
