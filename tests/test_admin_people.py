"""Can somebody whom we made sign in, in the right role, and not any more after a reset?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask_security import verify_password
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from admin import people
from admin.app import create_app
from admin.config import Config
from models.accounts import Account
from models.users import Membership, Role, RoleName, User
from tests.conftest import NOW, seed_account
from tests.desk import put_away
from tests.test_admin_gateways import NEW

PASSWORD = "a password nobody guesses"


@pytest.fixture
def app(database_url: str) -> Iterator[Flask]:
    """The console on the test's database; its context is open, for the hashing of passwords."""
    hosts = ("127.0.0.1", "localhost")
    config = Config(database_url, "key of a test", "salt", (NEW,), "http://127.0.0.1:8000", "", hosts, "staging")
    app = create_app(config)
    with app.app_context():
        yield app
    put_away(app)


def make(session: Session, email: str = "ada@example.com", *, roles: list[tuple[Account, RoleName]]) -> User:
    return people.create_user(session, email=email, password=PASSWORD, now=NOW, roles=roles)


def test_a_new_user_may_sign_in(app: Flask, session: Session, account: Account) -> None:
    """The user is active, the password fits and is not kept, and the role is theirs in that account only."""
    other = seed_account(session, slug="lake")
    user = make(session, roles=[(account, RoleName.FINANCE)])
    session.commit()
    assert user.active
    assert not user.owner
    assert user.password
    assert PASSWORD not in user.password
    assert user.password.startswith("$argon2id$")
    assert verify_password(PASSWORD, user.password)
    found = session.execute(select(Membership.account_id, Role.name).join(Role).where(Membership.user_id == user.id))
    assert [tuple(row) for row in found] == [(account.id, "finance")]
    assert other.id != account.id


def test_roles_are_made_once(app: Flask, session: Session, account: Account) -> None:
    """Two users of one role share its row; one user may have several."""
    make(session, roles=[(account, RoleName.ADMIN), (account, RoleName.FINANCE)])
    make(session, "bo@example.com", roles=[(account, RoleName.ADMIN)])
    session.commit()
    assert sorted(session.scalars(select(Role.name))) == ["admin", "finance"]
    assert people.role(session, RoleName.ADMIN).id == people.role(session, RoleName.ADMIN).id


@pytest.mark.parametrize("written", ["ada@example.com", "  Ada@Example.COM ", "ADA@example.com"])
def test_one_form_of_an_address(written: str) -> None:
    """However it is written, an address is kept and looked up in one form."""
    assert people.address(written) == "ada@example.com"


def test_one_address_is_one_user(app: Flask, session: Session, account: Account) -> None:
    """There are no two users of one address, in whatever letters."""
    assert make(session, " Ada@Example.COM", roles=[]).email == "ada@example.com"
    session.commit()
    with pytest.raises(IntegrityError):
        make(session, "ada@example.com", roles=[])


@pytest.mark.parametrize(
    "written", ["", "ada", "ada@", "@example.com", "ada example.com", "ada@exa mple.com", "a@b@c.com"]
)
def test_what_is_no_address_is_refused(written: str) -> None:
    """Nobody could sign in with it; the sentence does not repeat it."""
    with pytest.raises(people.NotAnAddress, match=r"name@example\.com"):
        people.address(written)


def test_a_reset_ends_the_old_password_and_every_session(app: Flask, session: Session, account: Account) -> None:
    """The new password fits, the old one does not, and sessions are bound to an identifier that has changed."""
    user = make(session, roles=[(account, RoleName.ADMIN)])
    before = user.fs_uniquifier
    people.set_password(user, "another one altogether")
    session.commit()
    assert user.password
    assert verify_password("another one altogether", user.password)
    assert not verify_password(PASSWORD, user.password)
    assert user.fs_uniquifier != before


def test_sessions_may_end_without_a_new_password(app: Flask, session: Session, account: Account) -> None:
    """Signing someone out everywhere leaves their password alone."""
    user = make(session, roles=[])
    before = (user.fs_uniquifier, user.password)
    people.end_sessions(user)
    assert user.fs_uniquifier != before[0]
    assert user.password == before[1]
