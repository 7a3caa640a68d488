"""Short links in the console and for the people who follow them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from models.base import Database
from models.links import LinkDay, ShortLink
from models.users import AuditEntry, RoleName
from tests.desk import Desk, Visitor, open_desk

URL = "https://www.example.org/membership/renew?year=2027&by=text"


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


def made(desk: Desk) -> list[ShortLink]:
    """All links."""
    with desk.database.reading() as session:
        return list(session.scalars(select(ShortLink).order_by(ShortLink.id)))


def shortened(desk: Desk, visitor: Visitor, source: object) -> object:
    """What the editor gets for a text."""
    answer = visitor.client.post("/templates/shorten/", json={"source": source}, headers={"X-CSRFToken": visitor.token})
    return answer.get_json() if answer.status_code == 200 else answer.status_code


def test_whoever_follows_a_link_gets_there_and_is_counted(desk: Desk) -> None:
    """Without an account here; nothing but the day is kept."""
    desk.visitor(RoleName.ADMIN).send("/links/new/", {"url": URL})
    link = made(desk)[0]
    answer = desk.app.test_client().get(f"/l/{link.code}")
    assert (answer.status_code, answer.location) == (302, URL)
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    with desk.database.reading() as session:
        assert [row.clicks for row in session.scalars(select(LinkDay))] == [1]
    assert desk.app.test_client().get("/l/nothing").status_code == 404
    assert desk.app.test_client().post(f"/l/{link.code}").status_code in (400, 405)


def test_a_closed_link_says_so(desk: Desk) -> None:
    """It cannot be opened again; closing it is audited."""
    admin = desk.visitor(RoleName.ADMIN)
    admin.send("/links/new/", {"url": URL})
    link = made(desk)[0]
    assert admin.send("/links/close/", id=link.id).status_code == 302
    answer = desk.app.test_client().get(f"/l/{link.code}")
    assert answer.status_code == 410
    assert "This link is closed" in answer.text
    with desk.database.reading() as session:
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
        assert actions[-2:] == ["link:create", "link:close"]


def test_the_editor_shortens_the_links_of_a_text(desk: Desk) -> None:
    """The same address twice is one link; what is shorter already stays."""
    admin = desk.visitor(RoleName.ADMIN)
    found = shortened(desk, admin, f"Renew: {URL}. Again: {URL}, http://a.io")
    link = made(desk)[0]
    short = f"http://localhost/l/{link.code}"
    assert found == {"source": f"Renew: {short}. Again: {short}, http://a.io", "links": 1}
    assert shortened(desk, admin, found["source"]) == {"source": found["source"], "links": 0}
    assert shortened(desk, admin, 7) == 400
    assert shortened(desk, desk.visitor(RoleName.ANALYST), URL) == 403
    assert len(made(desk)) == 1


def test_a_wrong_address_is_said_beside_the_field(desk: Desk) -> None:
    """Nothing is made, and what was typed is still there."""
    answer = desk.visitor(RoleName.ADMIN).send("/links/new/", {"url": "javascript:alert(1)"})
    assert answer.status_code == 200
    assert 'id="url-error"' in answer.text
    assert 'value="javascript:alert(1)"' in answer.text
    assert made(desk) == []


def test_another_accounts_links_are_not_there(desk: Desk) -> None:
    """Neither in the list nor to be closed."""
    desk.visitor(RoleName.ADMIN).send("/links/new/", {"url": URL})
    link = made(desk)[0]
    stranger = desk.visitor(RoleName.ADMIN, account=desk.pier)
    assert link.code not in stranger.text("/links/")
    assert stranger.send("/links/close/", id=link.id).status_code == 404
    assert made(desk)[0].closed_at is None
