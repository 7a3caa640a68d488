"""Does the page of the SMS account show no secret, change nothing without the right, and say what each change would do?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select, update

from admin import gateways
from models.accounts import Account
from models.base import Database
from models.messages import Message
from models.users import AuditEntry, RoleName
from sender.simulator import Behaviour, SimulatedAccount, create_simulator, serve
from tests.desk import Desk, open_desk

SID, FIRST, SECOND = "AC" + "a1" * 16, "the first token", "the second token"
PATHS = ("mode", "rotate", "forget")


@pytest.fixture
def twilio() -> Iterator[tuple[SimulatedAccount, str]]:
    """A simulated Twilio that knows both tokens of the account."""
    known = SimulatedAccount("Harbor", sid=SID, token=FIRST, secondary=SECOND)
    with serve(create_simulator(Behaviour.instant(), accounts=[known])) as running:
        yield known, running.url


@pytest.fixture
def desk(database: Database, database_url: str, twilio: tuple[SimulatedAccount, str]) -> Iterator[Desk]:
    """A console whose Harbor is linked, and whose Pier has no texts yet."""
    with open_desk(database, database_url, twilio_url=twilio[1]) as found:
        keys = found.app.extensions["textledger"][0].secret_keys
        with database.transaction() as session:
            mine = update(Account).where(Account.id == found.harbor.id)
            session.execute(mine.values(twilio_sid=SID, twilio_token=gateways.seal(keys, FIRST)))
            session.execute(
                update(Message).where(Message.account_id == found.pier.id).values(account_id=found.harbor.id)
            )
        yield found


def kept(desk: Desk, account: Account) -> Account:
    """The account as it is in the database."""
    with desk.database.reading() as session:
        return session.get_one(Account, account.id)


def tokens(desk: Desk) -> list[str]:
    """The tokens of Harbor."""
    return gateways.tokens(desk.app.extensions["textledger"][0], kept(desk, desk.harbor))


def actions(desk: Desk) -> list[str]:
    """What the audit log says was done to accounts."""
    with desk.database.reading() as session:
        done = select(AuditEntry.action).where(AuditEntry.subject_kind == "account").order_by(AuditEntry.id)
        return list(session.scalars(done))


def test_a_token_is_rotated_on_the_page(desk: Desk) -> None:
    """Tried first, kept sealed, never shown; the one before it until it is forgotten; a wrong one changes nothing."""
    admin = desk.visitor(RoleName.ADMIN)
    assert admin.send("/connection/rotate/", {"token": "wrong"}).status_code == 302
    assert "did not accept" in admin.text("/connection/")
    assert tokens(desk) == [FIRST]
    admin.send("/connection/rotate/", {"token": f" {SECOND} "})
    page = admin.text("/connection/")
    assert "The new token is in use" in page
    assert "still accepted from webhooks" in page
    assert tokens(desk) == [SECOND, FIRST]
    assert not [secret for secret in (FIRST, SECOND, "f1:") if secret in page]
    admin.send("/connection/forget/")
    assert tokens(desk) == [SECOND]
    assert actions(desk) == ["account:link", "account:forget_token"]


def test_the_mode_is_changed_on_the_page(desk: Desk) -> None:
    """The button says what it does; an account with texts has none, and a post by hand is refused with the same sentence."""
    admin = desk.visitor(RoleName.ADMIN, account=desk.pier)
    assert "simulator only" in admin.text("/connection/")
    admin.send("/connection/mode/", {"mode": "test"})
    page = admin.text("/connection/")
    assert kept(desk, desk.pier).test_mode
    assert "Test mode: nothing reaches a phone" in page
    assert 'data-confirm-typed="Pier Association"' in page
    admin.send("/connection/mode/", {"mode": "live"})
    assert not kept(desk, desk.pier).test_mode
    assert admin.send("/connection/mode/", {"mode": "both"}).status_code == 400
    assert actions(desk) == ["account:mode", "account:mode"]
    other = desk.visitor(RoleName.ADMIN)
    assert "Switch to" not in other.text("/connection/")
    other.send("/connection/mode/", {"mode": "test"})
    assert "real texts, among which" in other.text("/connection/")
    assert not kept(desk, desk.harbor).test_mode


@pytest.mark.parametrize("role", [role for role in RoleName if role is not RoleName.ADMIN])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_only_an_admin_changes_it(desk: Desk, role: RoleName) -> None:
    """An auditor may look; everybody else may not even do that; nobody but an admin may post."""
    visitor = desk.visitor(role)
    looked = visitor.read("/connection/")
    assert looked.status_code == (200 if role is RoleName.AUDITOR else 403)
    assert "Use this token" not in looked.text
    for path in PATHS:
        assert visitor.send(f"/connection/{path}/", {"token": SECOND, "mode": "test"}).status_code == 403
        assert visitor.read(f"/connection/{path}/").status_code == 405
    assert tokens(desk) == [FIRST]
    assert actions(desk) == []
