"""Can people be let in, changed and shut out without anyone gaining more than they have?"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask_security import verify_password
from sqlalchemy import select

from admin import people
from models.accounts import Account
from models.base import Database
from models.users import AuditEntry, Membership, Role, RoleName, User
from tests.desk import Desk, open_desk, person

PASSWORD = re.compile(r"<dt>Password</dt><dd>([^<]+)</dd>")


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


def member(desk: Desk, *where: tuple[Account, RoleName], owner: bool = False) -> int:
    """Someone with roles in accounts; returns their id."""
    with desk.database.transaction() as session:
        user = person(session, owner=owner)
        for account, name in where:
            session.add(Membership(user_id=user.id, account_id=account.id, role_id=people.role(session, name).id))
        return user.id


def roles(desk: Desk, user_id: int, account: Account) -> set[str]:
    """Someone's roles in an account."""
    with desk.database.reading() as session:
        mine = (Membership.user_id == user_id, Membership.account_id == account.id)
        return set(session.scalars(select(Role.name).join(Membership).where(*mine)))


def test_someone_new_gets_a_password_that_is_shown_once(desk: Desk) -> None:
    """The answer itself carries it, under no-store; the database has only its argon2id hash, the audit log neither."""
    admin = desk.visitor(RoleName.ADMIN)
    answer = admin.send(
        "/users/new/", {"email": " New.Person@Example.com ", "name": "New Person", "roles": ["agent", "finance"]}
    )
    shown = PASSWORD.search(answer.text)
    assert shown
    assert answer.headers["Cache-Control"] == "no-store"
    assert shown.group(1) not in admin.text("/users/")
    with desk.app.app_context(), desk.database.reading() as session:
        user = session.scalars(select(User).where(User.email == "new.person@example.com")).one()
        assert verify_password(shown.group(1), user.password)
        assert user.active
        assert roles(desk, user.id, desk.harbor) == {"agent", "finance"}
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry is not None
        assert entry.action == "user:invite"
        assert shown.group(1) not in str(entry.facts())


def test_someone_known_keeps_their_sign_in_and_gains_the_account(desk: Desk) -> None:
    """No new password, no change to their name; a second invitation says that they are here already."""
    other = member(desk, (desk.pier, RoleName.ANALYST))
    with desk.database.reading() as session:
        email = session.get_one(User, other).email
    admin = desk.visitor(RoleName.ADMIN)
    answer = admin.send("/users/new/", {"email": email, "name": "Imposter", "roles": ["auditor"]})
    assert answer.status_code == 302
    assert roles(desk, other, desk.harbor) == {"auditor"}
    assert roles(desk, other, desk.pier) == {"analyst"}
    with desk.database.reading() as session:
        assert session.get_one(User, other).name == "Robin Vale"
    admin.send("/users/new/", {"email": email, "roles": ["admin"]})
    assert roles(desk, other, desk.harbor) == {"auditor"}


@pytest.mark.parametrize(
    "form",
    [
        {"email": "not an address", "roles": ["agent"]}, {"email": "", "roles": ["agent"]}, {"email": "x@example.com"},
        {"email": "x@example.com", "roles": ["owner"]}, {"email": "x@example.com", "roles": ["root", "agent"]},
    ],
)  # fmt: skip
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_person_without_address_or_real_role_is_refused(desk: Desk, form: dict[str, object]) -> None:
    """Nobody is made, least of all an owner."""
    answer = desk.visitor(RoleName.ADMIN).send("/users/new/", form)
    assert answer.status_code == 200
    assert "Please look at" in answer.text
    with desk.database.reading() as session:
        assert not session.scalars(select(User).where(User.email == "x@example.com")).all()


def test_roles_change_in_this_account_only(desk: Desk) -> None:
    """The edit page shows what is so, and sending it back changes nothing."""
    other = member(desk, (desk.harbor, RoleName.AGENT), (desk.pier, RoleName.FINANCE))
    admin = desk.visitor(RoleName.ADMIN)
    page = admin.text("/users/edit/", id=other)
    assert re.search(r'<input checked[^>]*value="agent"', page)
    admin.send("/users/edit/", {"name": "Robin Vale", "roles": ["agent"]}, id=other)
    with desk.database.reading() as session:
        assert not session.scalars(select(AuditEntry).where(AuditEntry.action == "user:edit")).all()
    admin.send("/users/edit/", {"name": "Robin Vale", "roles": ["agent", "supervisor"]}, id=other)
    assert roles(desk, other, desk.harbor) == {"agent", "supervisor"}
    assert roles(desk, other, desk.pier) == {"finance"}
    with desk.database.reading() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "user:edit")).one()
        assert entry.before == {"roles": ["agent"]}
        assert entry.after == {"roles": ["agent", "supervisor"]}


def test_nobody_changes_themselves(desk: Desk) -> None:
    """No one can raise or lose their own rights by accident or on purpose."""
    admin = desk.visitor(RoleName.ADMIN)
    with desk.database.reading() as session:
        me = session.scalars(select(User.id).order_by(User.id.desc())).first()
    assert admin.read("/users/edit/", id=me).status_code == 403
    for verb in ("edit", "deactivate", "remove", "reset"):
        assert admin.send(f"/users/{verb}/", {"roles": ["admin"]}, id=me).status_code == 403


@pytest.mark.parametrize("case", ["owner", "elsewhere"])
def test_an_admin_cannot_open_other_accounts_through_a_password(desk: Desk, case: str) -> None:
    """A new password for an owner, or for someone who also works elsewhere, would be a key to more than one has."""
    elsewhere = [(desk.harbor, RoleName.AGENT)] + ([(desk.pier, RoleName.AGENT)] if case == "elsewhere" else [])
    other = member(desk, *elsewhere, owner=case == "owner")
    admin = desk.visitor(RoleName.ADMIN)
    for verb in ("reset", "deactivate", "activate"):
        assert admin.send(f"/users/{verb}/", id=other).status_code == 403, verb
    assert "Reset password" not in admin.text("/users/details/", id=other)
    assert desk.visitor(owner=True).send("/users/reset/", id=other).status_code == 200


def test_a_deactivated_person_is_out_and_comes_back(desk: Desk) -> None:
    """Open sessions end at once; activating lets them in again with the same password."""
    other = member(desk, (desk.harbor, RoleName.AGENT))
    with desk.database.reading() as session:
        guest = desk.signed_in(session.get_one(User, other).fs_uniquifier)
    assert guest.read("/contacts/").status_code == 200
    admin = desk.visitor(RoleName.ADMIN)
    admin.send("/users/deactivate/", id=other)
    assert guest.read("/contacts/").status_code == 302
    assert "Deactivated" in admin.text("/users/details/", id=other)
    admin.send("/users/activate/", id=other)
    with desk.database.reading() as session:
        assert session.get_one(User, other).active


def test_a_reset_ends_every_session(desk: Desk) -> None:
    """The old password and the old sessions are worth nothing."""
    other = member(desk, (desk.harbor, RoleName.AGENT))
    with desk.database.reading() as session:
        guest = desk.signed_in(session.get_one(User, other).fs_uniquifier)
    answer = desk.visitor(RoleName.ADMIN).send("/users/reset/", id=other)
    assert PASSWORD.search(answer.text)
    assert guest.read("/contacts/").status_code == 302


def test_removing_takes_every_role_here_and_nothing_else(desk: Desk) -> None:
    """They vanish from the list; their sign-in and other accounts stay."""
    other = member(desk, (desk.harbor, RoleName.AGENT), (desk.harbor, RoleName.FINANCE), (desk.pier, RoleName.AGENT))
    admin = desk.visitor(RoleName.ADMIN)
    assert admin.send("/users/remove/", id=other).status_code == 302
    assert roles(desk, other, desk.harbor) == set()
    assert roles(desk, other, desk.pier) == {"agent"}
    assert admin.read("/users/details/", id=other).status_code == 404
