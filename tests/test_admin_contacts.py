"""Are people found, made and changed by what is really their number, and is it hidden from whom it should be?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from models.base import Database
from models.contacts import Contact
from models.users import AuditEntry, RoleName
from tests.desk import ANNA, BEN, Desk, open_desk


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


def test_a_search_finds_people_by_anything_typed(desk: Desk) -> None:
    """Number in any notation, its beginning, name in any case, member number; signs of pattern languages are letters."""
    admin = desk.visitor(RoleName.ADMIN)
    for typed, found in (
        (ANNA, True), ("(212) 555-0111", True), ("212 555 01", True), ("+1212555", True), ("1 212 555 0111", True), ("anna", True),
        ("ANNA", True), ("Anna B", True), ("harbor-A", True), ("nna", False), ("%", False), ("_nna", False), ("+44", False),
    ):  # fmt: skip
        page = admin.text("/contacts/", search=typed)
        assert ("Anna Berg" in page) == found, typed


@pytest.mark.parametrize(
    ("written", "kept"),
    [("212-555-0144", "+12125550144"), ("+44 7400 000123", "+447400000123"), ("011 44 7400 000123", "+447400000123")],
)
def test_a_number_is_normalised_at_the_door(desk: Desk, written: str, kept: str) -> None:
    """What was written stays beside what was understood, with region, line and zones."""
    admin = desk.visitor(RoleName.ADMIN)
    assert admin.send("/contacts/new/", {"name": "Dana Eze", "phone": written}).status_code == 302
    with desk.database.reading() as session:
        made = session.scalars(select(Contact).where(Contact.name == "Dana Eze")).one()
        assert (made.phone, made.phone_raw) == (kept, written)
        assert made.region in ("US", "GB")
        assert made.account_id == desk.harbor.id


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"phone": "12"}, "Phone"),
        ({"phone": ""}, "Phone"),
        ({"phone": "212-555-0144", "time_zone": "Mars/Olympus"}, "This zone is not known"),
        ({"phone": "212-555-0144", "attributes": "oops"}, "needs the form"),
        ({"phone": "212-555-0144", "name": "x" * 121}, "longer than 120"),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_form_with_a_mistake_comes_back_with_a_sentence(desk: Desk, form: dict[str, str], said: str) -> None:
    """Nothing is made; the error stands at the top and under its field."""
    answer = desk.visitor(RoleName.ADMIN).send("/contacts/new/", form)
    assert answer.status_code == 200
    assert "Please look at" in answer.text
    assert said in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_a_role_without_personal_data_sees_masked_numbers(desk: Desk) -> None:
    """An auditor sees the ends of a number in list, details and history."""
    auditor, key = desk.visitor(RoleName.AUDITOR), desk.ids(desk.harbor)["contacts"]
    for page in (auditor.text("/contacts/"), auditor.text("/contacts/details/", id=key)):
        assert ANNA not in page
        assert "+1 •••••••• 11" in page


def test_the_audit_log_keeps_no_whole_number(desk: Desk) -> None:
    """A changed number is written down with its ends only, because an entry can never be erased."""
    admin, key = desk.visitor(RoleName.ADMIN), desk.ids(desk.harbor)["contacts"]
    admin.send(
        "/contacts/edit/",
        {"name": "Anna Berg", "phone": "212-555-0155", "external_id": "harbor-A", "attributes": "amount = 12.5"},
        id=key,
    )
    with desk.database.reading() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry is not None
        assert entry.before == {"phone": "+1 •••••••• 11"}
        assert entry.after == {"phone": "+1 •••••••• 55"}


def test_a_contact_s_page_tells_their_story(desk: Desk) -> None:
    """Whether they may be texted, and the latest texts with a link to each."""
    admin = desk.visitor(RoleName.ADMIN)
    with desk.database.reading() as session:
        ben = session.scalars(select(Contact).where(Contact.phone == BEN, Contact.account_id == desk.harbor.id)).one()
    page = admin.text("/contacts/details/", id=ben.id)
    assert "Opted out" in page
    assert "Failed" in page
    assert "Inbound" in page
    assert f"/messages/?contact={ben.id}" in page
    assert f'value="{BEN}"' in admin.text("/unsubscribes/new/", contact=ben.id)
    assert BEN not in admin.text("/unsubscribes/new/", contact="x")
    listed = admin.text("/messages/", contact=ben.id)
    assert "2 messages" in listed


def test_address_and_request_are_kept_in_one_form(desk: Desk) -> None:
    """A state by its code, hours and days in order, and both in the history; what cannot be read comes back with a sentence."""
    admin = desk.visitor(RoleName.ADMIN)
    form = {
        "name": "Dana Eze", "phone": "212-555-0144", "address_region": "ri", "quiet_hours": "Sunday, 18:00–9:30",
        "quiet_source": "on the phone",
    }  # fmt: skip
    assert "two letters" in admin.send("/contacts/new/", {**form, "address_region": "Rhode"}).text
    assert "Write hours like" in admin.send("/contacts/new/", {**form, "quiet_hours": "evenings"}).text
    assert admin.send("/contacts/new/", form).status_code == 302
    with desk.database.reading() as session:
        made = session.scalars(select(Contact).where(Contact.name == "Dana Eze")).one()
        assert (made.address_region, made.quiet_hours) == ("US-RI", "18:00-09:30, sun")
    page = admin.text(f"/contacts/details/?id={made.id}")
    assert "18:00-09:30, sun (on the phone)" in page
    assert admin.send(f"/contacts/edit/?id={made.id}", {**form, "quiet_hours": ""}).status_code == 302
    with desk.database.reading() as session:
        assert session.get_one(Contact, made.id).quiet_hours == ""
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "contact:edit")).all()
        assert entries[-1].after == {"quiet_hours": ""}
