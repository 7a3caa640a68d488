"""Does every page keep to the role and to the account, and does every change leave its mark?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from wtforms import ValidationError

from admin.views.guarded import Command, GuardedModelView, changes
from models.accounts import SendingNumber
from models.base import Database
from models.contacts import Contact
from models.countries import CountrySetting
from models.users import AuditEntry, RoleName
from tests.desk import ANNA, Desk, Visitor, open_desk

ADMIN, FINANCE, ANALYST, AGENT, SUPERVISOR, AUDITOR = RoleName
MAY = {
    "/": set(RoleName),
    "/contacts/": {ADMIN, AGENT, SUPERVISOR, AUDITOR},
    "/contacts/details/?id={contacts}": {ADMIN, AGENT, SUPERVISOR, AUDITOR},
    "/contacts/new/": {ADMIN, SUPERVISOR},
    "/contacts/edit/?id={contacts}": {ADMIN, SUPERVISOR},
    "/contacts/erase/?id={contacts}": {ADMIN},
    "/retention/": {ADMIN, AUDITOR},
    "/messages/": set(RoleName),
    "/messages/details/?id={messages}": set(RoleName),
    "/unsubscribes/": set(RoleName) - {ANALYST},
    "/unsubscribes/details/?id={unsubscribes}": set(RoleName) - {ANALYST},
    "/unsubscribes/check/": set(RoleName) - {ANALYST},
    "/unsubscribes/checkpoint/": set(RoleName) - {ANALYST},
    "/unsubscribes/new/": {ADMIN, AGENT, SUPERVISOR},
    "/unsubscribes/allow/?id={unsubscribes}": {ADMIN, AGENT, SUPERVISOR},
    "/unsubscribes/import/": {ADMIN, AGENT, SUPERVISOR},
    "/unsubscribes/answer/": {ADMIN},
    "/reviews/": set(RoleName) - {ANALYST},
    "/flags/": set(RoleName) - {ANALYST},
    "/flags/details/?id={flags}": set(RoleName) - {ANALYST},
    "/flags/new/": {ADMIN, AGENT, SUPERVISOR},
    "/flags/clear/?id={flags}": {ADMIN, SUPERVISOR},
    "/flags/import/": {ADMIN, SUPERVISOR},
    "/opt-ins/": {ADMIN, AGENT, SUPERVISOR, AUDITOR},
    "/opt-ins/details/?id={opt_ins}": {ADMIN, AGENT, SUPERVISOR, AUDITOR},
    "/opt-ins/wording/": {ADMIN, AGENT, SUPERVISOR, AUDITOR},
    "/opt-ins/wording/new/": {ADMIN},
    "/opt-ins/ask/": {ADMIN, AGENT, SUPERVISOR},
    "/opt-ins/unknown/": {ADMIN, SUPERVISOR},
    "/opt-ins/load/": {ADMIN, SUPERVISOR},
    "/countries/": set(RoleName),
    "/countries/details/?id={countries}": set(RoleName),
    "/countries/new/": {ADMIN},
    "/countries/edit/?id={countries}": {ADMIN},
    "/countries/hours/?": set(RoleName),
    "/links/": set(RoleName),
    "/links/new/": {ADMIN},
    "/settings/": {ADMIN, AUDITOR},
    "/frequency/": set(RoleName),
    "/frequency/edit/": {ADMIN},
    "/guide/": set(RoleName),
    "/guide/waive/?rule=X05": {ADMIN},
    "/guide/confirm/?rule=X05": {ADMIN},
    "/users/": {ADMIN, AUDITOR},
    "/users/details/?id={users}": {ADMIN, AUDITOR},
    "/users/new/": {ADMIN},
    "/users/edit/?id={users}": {ADMIN},
    "/audit/": {ADMIN, AUDITOR, FINANCE},
    "/audit/details/?id={audit}": {ADMIN, AUDITOR, FINANCE},
    "/audit/check/": {ADMIN, AUDITOR, FINANCE},
}
"""Which roles may open which page, written out; `admin/auth.py` has to agree."""
EXPORTS = {
    "contacts": {ADMIN, AUDITOR}, "messages": {ADMIN, FINANCE, ANALYST, AUDITOR}, "unsubscribes": {ADMIN, FINANCE, AUDITOR},
    "flags": {ADMIN, FINANCE, AUDITOR},
    "countries": {ADMIN, FINANCE, ANALYST, AUDITOR}, "audit": {ADMIN, FINANCE, AUDITOR}, "users": set(),
}  # fmt: skip


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


@pytest.mark.parametrize("role", RoleName)
def test_each_role_opens_its_pages_and_no_others(desk: Desk, role: RoleName) -> None:
    """Every page × role is 200 or 403 as the table above says; the menu offers only what opens."""
    visitor, ids = desk.visitor(role), desk.ids(desk.harbor)
    menu = visitor.text("/")
    for path, roles in MAY.items():
        answer = visitor.read(path.format(**ids))
        assert answer.status_code == (200 if role in roles else 403), f"{role} {path}: {answer.status}"
        if path.count("/") == 2:
            assert (f'href="{path}"' in menu) == (role in roles), f"{role} menu {path}"


@pytest.mark.parametrize("role", RoleName)
def test_each_role_exports_what_it_may(desk: Desk, role: RoleName) -> None:
    """A download needs the right to export and the right to see the page."""
    visitor = desk.visitor(role)
    for page, roles in EXPORTS.items():
        answer = visitor.send(f"/{page}/export/csv/")
        assert answer.status_code == (200 if role in roles else 403), f"{role} {page}: {answer.status}"
        assert len(answer.text) > 0


@pytest.mark.parametrize("role", RoleName)
def test_each_role_changes_what_it_may(desk: Desk, role: RoleName) -> None:
    """A POST of a form that the role does not have is 403 and changes nothing."""
    visitor, ids = desk.visitor(role), desk.ids(desk.harbor)
    for path in ("/contacts/edit/", "/countries/edit/", "/users/edit/", "/users/deactivate/", "/unsubscribes/allow/"):
        page = path.split("/")[1]
        right = MAY[f"/{page}/edit/?id={{{page}}}"] if page != "unsubscribes" else {ADMIN, AGENT, SUPERVISOR}
        answer = visitor.send(path, {"name": "Changed"}, id=ids[page])
        assert (answer.status_code == 403) == (role not in right), f"{role} {path}: {answer.status}"


@pytest.mark.parametrize("page", ["contacts", "messages", "unsubscribes", "countries", "users", "audit"])
def test_another_account_is_not_there(desk: Desk, page: str) -> None:
    """Rows of another account answer 404 by address and by POST, and are in no list and no download, even for an owner."""
    foreign = desk.ids(desk.pier)[page]
    for visitor in (desk.visitor(*RoleName), desk.visitor(owner=True)):
        for verb in ("details", "edit"):
            assert visitor.read(f"/{page}/{verb}/", id=foreign).status_code in (403, 404), f"{page} {verb}"
        for verb in ("edit", "delete", "allow", "reset", "deactivate", "remove"):
            answer = visitor.send(f"/{page}/{verb}/", {"id": foreign, "name": "Taken"}, id=foreign)
            assert answer.status_code in (403, 404, 405), f"{page} {verb}: {answer.status}"
        assert f"id={foreign}&" not in visitor.text(f"/{page}/")
        export = visitor.send(f"/{page}/export/csv/")
        assert "pier" not in export.text


def test_a_malformed_id_is_simply_not_found(desk: Desk) -> None:
    """Whatever stands in the address, the answer is 404 (or the list, without an id), never an error."""
    owner = desk.visitor(owner=True)
    for key in ("", "0", "-1", "x", "1,2", "1 ", "٣", "9" * 18, "9" * 30, "1.0", "0x1", "null", "1;2", "%00"):
        not_found(owner, key)


def not_found(owner: Visitor, key: str) -> None:
    """Ask for a row by a key that no row has, in every way."""
    for page in ("contacts", "countries", "users", "messages"):
        for verb in ("details", "edit"):
            assert owner.read(f"/{page}/{verb}/", id=key).status_code in (302, 403, 404), f"{page} {verb} {key!r}"
    for path in ("/unsubscribes/allow/", "/users/reset/", "/users/remove/"):
        answer = owner.read(path, id=key) if "allow" in path else owner.send(path, id=key)
        assert answer.status_code == 404, f"{path} {key!r}: {answer.status}"


def test_a_posted_row_of_another_account_is_refused(desk: Desk) -> None:
    """A foreign sender in a form is an error under its field, not a silent nothing."""
    with desk.database.reading() as session:
        foreign = session.scalars(select(SendingNumber.id).where(SendingNumber.account_id == desk.pier.id)).first()
    admin, key = desk.visitor(RoleName.ADMIN), desk.ids(desk.harbor)["countries"]
    answer = admin.send(
        "/countries/edit/", {"name": "United States", "enabled": "y", "sender_id": str(foreign)}, id=key
    )
    assert answer.status_code == 200
    assert "Choose one from the list." in answer.text
    with desk.database.reading() as session:
        assert session.get_one(CountrySetting, key).sender_id is None


def test_posted_columns_that_no_form_has_are_ignored(desk: Desk) -> None:
    """The account, the id and the time of a row cannot be posted."""
    admin = desk.visitor(RoleName.ADMIN)
    form = {"name": "Cara Diaz", "phone": "+12125550133", "account_id": str(desk.pier.id), "id": "777", "region": "XX"}
    assert admin.send("/contacts/new/", form).status_code == 302
    with desk.database.reading() as session:
        made = session.scalars(select(Contact).where(Contact.name == "Cara Diaz")).one()
        assert (made.account_id, made.region) == (desk.harbor.id, "US")
        assert made.id != 777


def test_a_change_is_written_down_with_it(desk: Desk) -> None:
    """One edit, one entry: who, what, before and after, in the account's chain."""
    admin, key = desk.visitor(RoleName.ADMIN), desk.ids(desk.harbor)["contacts"]
    form = {"name": "Anna B. Berg", "phone": ANNA, "external_id": "harbor-A", "attributes": "amount = 12.5"}
    assert admin.send("/contacts/edit/", form, id=key).status_code == 302
    with desk.database.reading() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry is not None
        assert (entry.account_id, entry.action, entry.subject_id) == (desk.harbor.id, "contact:edit", str(key))
        assert (entry.before, entry.after) == ({"name": "Anna Berg"}, {"name": "Anna B. Berg"})
        assert entry.actor.endswith("@example.com")
        assert session.get_one(Contact, key).updated_at > session.get_one(Contact, key).created_at


def test_a_clash_says_so_without_the_database_s_words(desk: Desk) -> None:
    """Two contacts with one number: one sentence, no SQL, no number of somebody else."""
    answer = desk.visitor(RoleName.ADMIN).send("/contacts/new/", {"name": "Twin", "phone": ANNA}, url="/contacts/")
    assert answer.status_code == 200
    assert "Another contact has this already" in answer.text
    for leak in ("INSERT", "UNIQUE", "psycopg", "sqlite", "DETAIL"):
        assert leak not in answer.text


class Incomplete(GuardedModelView):
    """A view that forgot its form."""

    view_right, edit_right, editable = "contact:view", "contact:edit", True


class Public(GuardedModelView):
    """A view that forgot its right."""


@pytest.mark.parametrize("view", [Incomplete, Public])
def test_a_view_without_right_or_form_cannot_be_made(view: Any) -> None:
    """Forgetting is an error at start-up, not a hole."""
    with pytest.raises(TypeError, match="needs a view_right"):
        view(Contact)


def test_every_view_that_edits_has_a_form_and_no_scaffold(desk: Desk) -> None:
    """No page offers a column because it happens to exist; bulk delete is off everywhere."""
    views = [view for view in desk.app.extensions["admin"][0]._views if isinstance(view, GuardedModelView)]
    assert len(views) >= 6
    for view in views:
        assert view.form is not None or not (view.creatable or view.editable), view.name
        assert "delete" in view.action_disallowed_list
        assert not view.column_editable_list
        assert view.purpose
        assert view.view_right


def test_only_what_changed_is_a_change(desk: Desk) -> None:
    """A value set to what it was is no change, so an untouched form leaves no audit entry."""
    with desk.database.session() as session:
        row = session.get_one(Contact, desk.ids(desk.harbor)["contacts"])
        row.name = "Anna Berg"
        assert changes(row, ("name", "external_id")) == ({}, {})
        row.name = "Ann"
        assert changes(row, ("name",)) == ({"name": "Anna Berg"}, {"name": "Ann"})


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValidationError("Not so."), "Not so."),
        (IntegrityError("INSERT", {"phone": "+15550100"}, Exception("secret")), "Another contact has this already"),
        (RuntimeError("+15550100"), "That could not be saved. Reference"),
    ],
)
def test_trouble_while_saving_is_one_sentence(desk: Desk, error: Exception, said: str) -> None:
    """The page never repeats an exception that it does not know."""
    from flask import get_flashed_messages

    view = next(view for view in desk.app.extensions["admin"][0]._views if view.endpoint == "contacts")
    with desk.app.test_request_context():
        assert view.handle_view_exception(error)
        (text,) = get_flashed_messages()
        assert said in text
        assert "5550100" not in text


def test_a_command_is_a_link_until_it_asks() -> None:
    """Without a question it only leads somewhere."""
    assert Command("View", "/x").confirm == ""
