"""The page about the answer to a STOP: an account's own words, without a link and with its name, from the next STOP on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from models.accounts import Account
from models.base import Database
from models.messages import Message
from models.settings import value
from models.users import AuditEntry, RoleName
from sender import inbox
from tests import seeds
from tests.conftest import NOW
from tests.desk import ANNA, Desk, open_desk

OWN = "Harbor Association: noted, no more texts from us."


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


def test_own_words_hold_from_the_next_stop_on(desk: Desk) -> None:
    """Saved, audited, shown with its length, and sent."""
    admin = desk.visitor(RoleName.ADMIN)
    assert "You are unsubscribed and will get no more texts from us." in admin.text("/unsubscribes/answer/")
    assert admin.send("/unsubscribes/answer/", {"mode": "always", "wording": OWN}).status_code == 302
    page = admin.text("/unsubscribes/answer/")
    assert OWN in page
    assert "49 units, 1 segment" in page
    with desk.database.transaction() as session:
        account = session.get_one(Account, desk.harbor.id)
        assert value(session, "stop_confirmation", account_id=account.id) == "always"
        assert value(session, "stop_confirmation", account_id=desk.pier.id) == "auto"
        params = {"MessageSid": "SM1", "From": ANNA, "Body": "STOP"}
        inbox.receive(session, account=account, sender=seeds.sender_of(session, account), params=params, now=NOW)
        assert session.scalars(select(Message.body).where(Message.confirms_id.is_not(None))).one() == OWN
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry is not None
        assert (entry.action, (entry.after or {})["stop_confirmation_text"]) == ("setting:edit", OWN)


@pytest.mark.parametrize(
    ("wording", "said"),
    [
        ("Harbor Association: see https://x.example", "Take the link out"),
        ("Harbor Association: see x.example for more", "Take the link out"),
        ("You are out.", "Say who you are"),
        ("Harbor Association " * 20, "320 characters at most"),
    ],
)
def test_what_it_may_not_say(desk: Desk, wording: str, said: str) -> None:
    """A sentence beside the field, and nothing typed is lost."""
    answer = desk.visitor(RoleName.ADMIN).send("/unsubscribes/answer/", {"mode": "auto", "wording": wording})
    assert answer.status_code == 200
    assert said in answer.text
    assert wording.strip() in answer.text


def test_it_is_an_admins(desk: Desk) -> None:
    """Others get no page, and an unknown way to answer is refused."""
    assert desk.visitor(RoleName.SUPERVISOR).send("/unsubscribes/answer/", {"mode": "never"}).status_code == 403
    answer = desk.visitor(RoleName.ADMIN).send("/unsubscribes/answer/", {"mode": "sometimes", "wording": ""})
    assert answer.status_code == 200
    with desk.database.reading() as session:
        assert value(session, "stop_confirmation", account_id=desk.harbor.id) == "auto"
