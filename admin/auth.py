"""Who is signed in, in which account, and what may they do there?

Flask-Security keeps passwords (argon2id), the second factor and passkeys. Rights are a table of role × right; an owner has every
right in every account. The account that a person works in is kept in their session and checked at every request.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from typing import Any

from flask import Flask, abort, current_app, g, has_request_context, request, session
from flask_login import current_user
from flask_security import RoleMixin, Security, SQLAlchemySessionUserDatastore, UserMixin, WebAuthnMixin
from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, relationship

from admin.config import Config
from models.accounts import Account
from models.users import Membership, Passkey, Role, RoleName, User
from sender.worker import wall_clock

R = RoleName
EVERYONE = frozenset(RoleName)
RIGHTS: dict[str, frozenset[RoleName]] = {
    "home:view": EVERYONE,
    "campaign:view": EVERYONE - {R.AGENT},
    "campaign:edit": frozenset({R.ADMIN}),
    "campaign:send": frozenset({R.ADMIN}),
    "template:view": EVERYONE,
    "template:edit": frozenset({R.ADMIN}),
    "contact:view": frozenset({R.ADMIN, R.AGENT, R.SUPERVISOR, R.AUDITOR}),
    "contact:edit": frozenset({R.ADMIN, R.SUPERVISOR}),
    "contact:erase": frozenset({R.ADMIN}),
    "message:view": EVERYONE,
    "message:decide": frozenset({R.ADMIN, R.SUPERVISOR}),
    "consent:view": EVERYONE - {R.ANALYST},
    "consent:edit": frozenset({R.ADMIN, R.SUPERVISOR, R.AGENT}),
    "flag:view": EVERYONE - {R.ANALYST},
    "flag:edit": frozenset({R.ADMIN, R.SUPERVISOR, R.AGENT}),
    "flag:clear": frozenset({R.ADMIN, R.SUPERVISOR}),
    "opt_in:view": frozenset({R.ADMIN, R.AGENT, R.SUPERVISOR, R.AUDITOR}),
    "opt_in:ask": frozenset({R.ADMIN, R.AGENT, R.SUPERVISOR}),
    "opt_in:link": frozenset({R.ADMIN, R.SUPERVISOR}),
    "opt_in:load": frozenset({R.ADMIN, R.SUPERVISOR}),
    "opt_in:wording": frozenset({R.ADMIN}),
    "country:view": EVERYONE,
    "country:edit": frozenset({R.ADMIN}),
    "rule:view": EVERYONE,
    "rule:decide": frozenset({R.ADMIN}),
    "account:view": frozenset({R.ADMIN, R.AUDITOR}),
    "account:edit": frozenset({R.ADMIN}),
    "user:view": frozenset({R.ADMIN, R.AUDITOR}),
    "user:edit": frozenset({R.ADMIN}),
    "job:view": EVERYONE - {R.AGENT},
    "job:run": frozenset({R.ADMIN}),
    "audit:view": frozenset({R.ADMIN, R.AUDITOR, R.FINANCE}),
    "cost:view": frozenset({R.ADMIN, R.FINANCE, R.ANALYST, R.AUDITOR}),
    "pii:view": frozenset({R.ADMIN, R.AGENT, R.SUPERVISOR}),
    "export": frozenset({R.ADMIN, R.FINANCE, R.ANALYST, R.AUDITOR}),
}
"""Which roles have which right in their account."""

ATTEMPTS, WINDOW = 10, 300.0
"""Sign-in attempts from one address for one user within so many seconds; more are answered 429. Kept in this process's memory:
with several processes the limit is that many times as high, which argon2 makes affordable."""
REMEMBERED = 10_000
"""Pairs of address and person after which stale ones are forgotten, so that guessing cannot fill the memory."""


class ConsoleRole(RoleMixin, Role):  # type: ignore[misc]
    """A role as Flask-Security wants it."""


class ConsoleUser(UserMixin, User):  # type: ignore[misc]
    """A user as Flask-Security wants it; the columns are those of models.users.User."""

    roles: Mapped[list[ConsoleRole]] = relationship(secondary="membership", viewonly=True)  # type: ignore[assignment]


class ConsolePasskey(WebAuthnMixin, Passkey):
    """A passkey as Flask-Security wants it."""


def memberships() -> dict[int, set[RoleName]]:
    """The signed-in user's roles by account; looked up once a request."""
    if "memberships" not in g:
        found: dict[int, set[RoleName]] = {}
        for account_id, name in database_session().execute(
            select(Membership.account_id, Role.name).join(Role).where(Membership.user_id == current_user.id)
        ):
            found.setdefault(account_id, set()).add(RoleName(name))
        g.memberships = found
    roles: dict[int, set[RoleName]] = g.memberships
    return roles


def database_session() -> Session:
    """The request's database session."""
    from admin.database import db

    return db()


def accounts() -> list[Account]:
    """The accounts that the signed-in user may work in, by name; looked up once a request."""
    if "accounts" not in g:
        query = select(Account).order_by(Account.name)
        if not current_user.owner:
            query = query.where(Account.id.in_(memberships()))
        g.accounts = list(database_session().scalars(query))
    found: list[Account] = g.accounts
    return found


def current_account() -> Account:
    """The account that the user works in: the one they chose, else their first. 403 for a user without any."""
    mine = accounts()
    if not mine:
        abort(403, description="You are not a member of any account. Ask an admin to add you.")
    chosen = session.get("account_id")
    return next((account for account in mine if account.id == chosen), mine[0])


def choose_account(account_id: int) -> bool:
    """Work in another account from now on; False when it is not the user's."""
    if account_id not in {account.id for account in accounts()}:
        return False
    session["account_id"] = account_id
    return True


def allowed(right: str, account_id: int | None = None) -> bool:
    """Whether the signed-in user has a right in an account (the current one). Unknown rights raise KeyError."""
    roles = RIGHTS[right]
    if not has_request_context() or not current_user.is_authenticated:
        return False
    if current_user.owner:
        return True
    if account_id is None:
        mine = accounts()
        account_id = current_account().id if mine else None
    return account_id is not None and bool(memberships().get(account_id, set()) & roles)


def require(right: str) -> None:
    """Stop the request with 403 unless the user has the right."""
    if not allowed(right):
        abort(403, description="Your role does not include this. Ask an admin of the account.")


def signed_in() -> bool:
    """Whether someone is signed in."""
    return bool(current_user.is_authenticated)


def owner() -> bool:
    """Whether the signed-in user has every right in every account."""
    return bool(signed_in() and current_user.owner)


def roles_in_words() -> str:
    """The signed-in user's roles in the current account, for people."""
    if current_user.owner:
        return "Owner"
    found = memberships().get(current_account().id, set())
    return ", ".join(sorted(role.value.capitalize() for role in found))


def actor() -> str:
    """The signed-in user as the audit log names them."""
    return str(current_user.email) if has_request_context() and current_user.is_authenticated else "system"


def too_many_attempts(address: str, what: str, *, now: float) -> bool:
    """Count an attempt; True when there have been too many. Each app of a process counts for itself."""
    attempts: dict[tuple[str, str], deque[float]] = current_app.extensions.setdefault("attempts", defaultdict(deque))
    if len(attempts) > REMEMBERED:
        for key in [key for key, tries in attempts.items() if not tries or tries[-1] < now - WINDOW]:
            del attempts[key]
    tries = attempts[address, what]
    while tries and tries[0] < now - WINDOW:
        tries.popleft()
    tries.append(now)
    return len(tries) > ATTEMPTS


GUESSED = frozenset(
    {"security.login", "security.two_factor_token_validation", "security.mf_recovery", "security.verify"}
)
"""Pages where someone could try one password or code after the other."""


def _limit_guesses() -> None:
    """Stop with 429 who guesses too often: at a password by address typed, at a code by the person half signed in."""
    if request.endpoint == "security.two_factor_rescue":
        abort(403, description="Codes are never sent by mail. Use a recovery code, or ask an admin.")
    if request.method == "POST" and request.endpoint in GUESSED:
        person = request.form.get("email", "").strip().lower() or session.get("tf_user_id") or actor()
        if too_many_attempts(request.remote_addr or "", f"{request.endpoint} {person}", now=time.monotonic()):
            abort(429)


def security_settings(config: Config) -> dict[str, Any]:
    """Flask-Security's settings: no self-registration, sign-out by POST, a second factor by authenticator app."""
    return {
        "SECURITY_PASSWORD_SALT": config.password_salt,
        "SECURITY_PASSWORD_HASH": "argon2",
        "SECURITY_URL_PREFIX": "/auth",
        "SECURITY_LOGOUT_METHODS": ["POST"],
        "SECURITY_RETURN_GENERIC_RESPONSES": True,
        "SECURITY_MSG_GENERIC_AUTHN_FAILED": ("This address and password do not fit together.", "error"),
        "SECURITY_TRACKABLE": True,
        "SECURITY_DATETIME_FACTORY": wall_clock,
        "SECURITY_CHANGEABLE": True,
        "SECURITY_SEND_PASSWORD_CHANGE_EMAIL": False,
        "SECURITY_TWO_FACTOR": True,
        "SECURITY_TWO_FACTOR_REQUIRED": config.environment == "production",
        "SECURITY_TWO_FACTOR_ENABLED_METHODS": ["authenticator"],
        "SECURITY_TOTP_SECRETS": {"1": config.secret_key},
        "SECURITY_TOTP_ISSUER": "Textledger",
        "SECURITY_MULTI_FACTOR_RECOVERY_CODES": True,
        "SECURITY_POST_LOGIN_VIEW": "/",
        "SECURITY_POST_LOGOUT_VIEW": "/auth/login",
        "SECURITY_FLASH_MESSAGES": True,
        "SECURITY_CSRF_IGNORE_UNAUTH_ENDPOINTS": False,
        "SECURITY_CLI_USERS_NAME": False,
        "SECURITY_CLI_ROLES_NAME": False,
        "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False, "test_environment": True},
    }


def init_auth(app: Flask, config: Config, db: Any) -> None:
    """Sign-in for the app."""
    app.config.update(security_settings(config))
    Security(app, SQLAlchemySessionUserDatastore(db, ConsoleUser, ConsoleRole, ConsolePasskey))
    app.before_request(_limit_guesses)
