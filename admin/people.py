"""Who may sign in: making users and giving them passwords and roles, for commands and for the console."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from email_validator import EmailNotValidError, validate_email
from flask_security import hash_password
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.users import Membership, Role, RoleName, User


class NotAnAddress(Exception):
    """Nobody could sign in with this; the message is a sentence for the person who typed it."""


def address(written: str) -> str:
    """An e-mail address as users are kept and found by: trimmed, small letters. Raises NotAnAddress."""
    try:
        found = validate_email(written.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise NotAnAddress("That is not an e-mail address; write it as name@example.com.") from error
    return found.normalized.lower()


def create_user(
    session: Session,
    *,
    email: str,
    password: str,
    now: datetime,
    roles: Sequence[tuple[Account, RoleName]],
    owner: bool = False,
    name: str = "",
) -> User:
    """A user who may sign in at once, with a role in each of the accounts. Needs an app context; never commits.

    Raises NotAnAddress.
    """
    user = User(
        email=address(email), name=name, owner=owner, active=True, fs_uniquifier=uuid.uuid4().hex,
        password=hash_password(password), confirmed_at=now, create_datetime=now, update_datetime=now,
    )  # fmt: skip
    session.add(user)
    session.flush()
    for account, wanted in roles:
        session.add(Membership(user_id=user.id, account_id=account.id, role_id=role(session, wanted).id))
    return user


def role(session: Session, name: RoleName) -> Role:
    """The role of that name, made at its first use."""
    found = session.scalars(select(Role).where(Role.name == name.value)).first()
    if found is None:
        found = Role(name=name.value)
        session.add(found)
        session.flush()
    return found


def set_password(user: User, password: str) -> None:
    """A new password, which also ends every session of the user. Needs an app context."""
    user.password = hash_password(password)
    end_sessions(user)


def end_sessions(user: User) -> None:
    """Sign the user out everywhere."""
    user.fs_uniquifier = uuid.uuid4().hex
