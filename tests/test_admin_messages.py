"""Does a text's page say what became of it, to whom it may?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from models.base import Database
from models.messages import MessageStatus
from models.users import RoleName
from tests.desk import ANNA, BEN, Desk, message, open_desk


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


def test_a_text_is_found_by_number_and_by_sid(desk: Desk) -> None:
    """Whole or begun numbers, and the SID; free text is not searched, because no index could serve it."""
    admin = desk.visitor(RoleName.ADMIN)
    for typed, count in (
        (ANNA, "1 message<"),
        ("212 555 01", "3 messages"),
        ("SMharbor2", "1 message<"),
        ("SMpier2", "0 messages"),
        ("Hello", "0 messages"),
    ):
        assert count in admin.text("/messages/", search=typed), typed


def test_an_error_code_is_explained(desk: Desk) -> None:
    """Code, meaning and what to do; a code without explanation says so."""
    with desk.database.transaction() as session:
        known = message(session, desk.harbor, BEN, MessageStatus.FAILED, error_code=30003)
        unknown = message(session, desk.harbor, BEN, MessageStatus.FAILED, error_code=39999)
    admin = desk.visitor(RoleName.ADMIN)
    page = admin.text("/messages/details/", id=known.id)
    assert "Error 30003: The phone could not be reached." in page
    assert "later it may work" in page
    assert "No explanation" in admin.text("/messages/details/", id=unknown.id)
    assert "The phone could not be reached" in admin.text("/messages/")
    assert "2 messages" in admin.text("/messages/", flt0_error_code="30003")


def test_the_story_of_a_text_is_a_timeline(desk: Desk) -> None:
    """Every callback is shown, the late ones as such."""
    page = desk.visitor(RoleName.ADMIN).text("/messages/details/", id=desk.ids(desk.harbor)["messages"])
    assert "Created" in page
    assert "Twilio: delivered" in page


@pytest.mark.parametrize(
    ("role", "sees"),
    [(RoleName.ADMIN, True), (RoleName.AGENT, True), (RoleName.FINANCE, False), (RoleName.AUDITOR, False)],
)
def test_what_a_text_says_is_personal(desk: Desk, role: RoleName, sees: bool) -> None:
    """Number and wording are for those who may see personal data."""
    key = desk.ids(desk.harbor)["messages"]
    page = desk.visitor(role).text("/messages/details/", id=key)
    assert (ANNA in page) == sees
    assert (">Hello<" in page) == sees


def test_a_text_whose_wording_was_removed_says_so(desk: Desk) -> None:
    """After the retention period the row stays, the words do not."""
    with desk.database.transaction() as session:
        old = message(session, desk.harbor, ANNA, MessageStatus.DELIVERED, body=None)
    assert "Removed after the retention period" in desk.visitor(RoleName.ADMIN).text("/messages/details/", id=old.id)


def test_texts_cannot_be_made_changed_or_deleted_here(desk: Desk) -> None:
    """The page is read-only for everyone."""
    owner, key = desk.visitor(owner=True), desk.ids(desk.harbor)["messages"]
    for verb in ("new", "edit", "delete"):
        assert owner.send(f"/messages/{verb}/", {"id": key}, id=key).status_code == 403


def test_a_contact_of_another_account_narrows_to_nothing(desk: Desk) -> None:
    """The address takes only one's own contacts."""
    foreign = desk.ids(desk.pier)["contacts"]
    assert "0 messages" in desk.visitor(RoleName.ADMIN).text("/messages/", contact=foreign)
