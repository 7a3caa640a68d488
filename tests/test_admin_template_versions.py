"""A wording waits for somebody else's approval where the account asks for it; an earlier one can be used again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from models.accounts import Account, Profile
from models.base import Database
from models.campaigns import Campaign
from models.settings import Setting
from models.templates import Template, TemplateVersion
from models.users import AuditEntry, RoleName
from sender.problems import blocking
from tests.desk import Desk, Visitor, open_desk
from tests.flow import draft, renewal
from tests.seeds import NOW


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


def ask_for_approval(desk: Desk) -> None:
    """The account's setting."""
    with desk.database.transaction() as session:
        session.merge(Setting(account_id=desk.harbor.id, name="approval", value=1, updated_by="test", updated_at=NOW))


def save(visitor: Visitor, key: int, source: str, base: int, **more: str) -> int:
    """Save another wording; the status."""
    fields = {"name": "Renewal", "purpose": "account", "source": source, "note": "", "base": str(base)}
    return visitor.send("/templates/edit/", fields | more, id=key).status_code


def versions(desk: Desk, key: int) -> list[TemplateVersion]:
    """All wordings of a template."""
    with desk.database.reading() as session:
        found = select(TemplateVersion).where(TemplateVersion.template_id == key).order_by(TemplateVersion.number)
        return list(session.scalars(found))


def in_the_way(desk: Desk, campaign: int) -> str:
    """What stands in the way of a campaign."""
    with desk.database.reading() as session:
        return blocking(session, session.get_one(Campaign, campaign))


def test_an_unapproved_wording_is_not_sent(desk: Desk) -> None:
    """The author cannot approve it, a colleague can, and only then the campaign may go."""
    author, colleague = desk.visitor(RoleName.ADMIN), desk.visitor(RoleName.ADMIN)
    campaign = draft(desk, author)
    assert in_the_way(desk, campaign) == ""
    ask_for_approval(desk)
    assert "waits for approval" in in_the_way(desk, campaign)
    with desk.database.reading() as session:
        key = session.get_one(Campaign, campaign).template_version.template_id
    save(author, key, "Hello again", 1)
    assert author.send("/templates/approve/", id=key, version=2).status_code == 302
    assert versions(desk, key)[1].approved_by is None
    assert "ask a colleague" in author.text(f"/templates/details/?id={key}")
    colleague.send("/templates/approve/", id=key, version=1)
    assert versions(desk, key)[0].approved_by is not None
    assert in_the_way(desk, campaign) == ""


def test_an_approval_is_audited_and_given_once(desk: Desk) -> None:
    """Who approved what stands in the log; a second time changes nothing."""
    ask_for_approval(desk)
    key = renewal(desk)
    first, second = desk.visitor(RoleName.ADMIN), desk.visitor(RoleName.ADMIN)
    first.send("/templates/approve/", id=key, version=1)
    approved_by = versions(desk, key)[0].approved_by
    second.send("/templates/approve/", id=key, version=1)
    assert versions(desk, key)[0].approved_by == approved_by is not None
    with desk.database.reading() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "template:approve")).all()
        assert [entry.after for entry in entries] == [{"version": 1, "approved_by": approved_by}]


def test_an_earlier_wording_is_used_again_as_a_new_version(desk: Desk) -> None:
    """The others stay as they were; its language and approval come with it."""
    key, admin = renewal(desk, source="One"), desk.visitor(RoleName.ADMIN)
    save(admin, key, "Dos", 1, language="es")
    assert admin.send("/templates/again/", id=key, version=1).status_code == 302
    assert [(one.number, one.source, one.language) for one in versions(desk, key)] == [
        (1, "One", "en"), (2, "Dos", "es"), (3, "One", "en")
    ]  # fmt: skip
    assert versions(desk, key)[2].note == "Version 1 again"


def test_the_newest_is_not_used_again(desk: Desk) -> None:
    """It is what the template says; nor is one that is not there, nor another account's."""
    key, admin = renewal(desk), desk.visitor(RoleName.ADMIN)
    admin.send("/templates/again/", id=key, version=1)
    assert len(versions(desk, key)) == 1
    assert admin.send("/templates/again/", id=key, version=9).status_code == 404
    foreign = renewal(desk, account=desk.pier)
    for verb in ("again", "approve"):
        assert admin.send(f"/templates/{verb}/", id=foreign, version=1).status_code == 404
        assert desk.visitor(RoleName.ANALYST).send(f"/templates/{verb}/", id=key, version=1).status_code == 403


def test_another_language_is_another_version(desk: Desk) -> None:
    """A category is the template's, a language is the wording's."""
    key, admin = renewal(desk, source="Hola"), desk.visitor(RoleName.ADMIN)
    save(admin, key, "Hola", 1, language="es", category="INVITATION")
    assert [one.language for one in versions(desk, key)] == ["en", "es"]
    save(admin, key, "Hola", 2, language="es", category="OTHER")
    assert len(versions(desk, key)) == 2
    with desk.database.reading() as session:
        assert session.get_one(Template, key).category == "OTHER"


def test_a_category_that_is_none_is_refused(desk: Desk) -> None:
    """With a sentence beside the field; what the category means is said where it is chosen."""
    key, admin = renewal(desk), desk.visitor(RoleName.ADMIN)
    assert save(admin, key, "Hello", 1, category="NONSENSE") == 200
    assert len(versions(desk, key)) == 1
    page = admin.text(f"/templates/edit/?id={key}")
    assert "voicemail" in page
    save(admin, key, "Hello", 1, category="LIMITED_CONTENT")
    assert "voicemail" in admin.text(f"/templates/details/?id={key}")


def collector(desk: Desk) -> None:
    """Make Harbor a debt collector."""
    with desk.database.transaction() as session:
        session.get_one(Account, desk.harbor.id).profile = Profile.THIRD_PARTY_COLLECTOR


def test_how_to_stop_is_added_where_it_is_asked_for(desk: Desk) -> None:
    """In the language of the text, before it is counted, and once."""
    key, admin = renewal(desk, source="Hola"), desk.visitor(RoleName.ADMIN)
    save(admin, key, "Hola", 1, language="es", notice="y")
    text = versions(desk, key)[1].source
    assert text == "Hola Responda STOP para dejar de recibir mensajes."
    save(admin, key, text, 2, language="es", notice="y")
    assert len(versions(desk, key)) == 2, "it was there already"
    save(admin, key, "Adiós", 2, language="es")
    assert versions(desk, key)[2].source == "Adiós", "nobody asked for it"


def test_a_debt_collector_always_says_how_to_stop(desk: Desk) -> None:
    """Whatever was ticked."""
    collector(desk)
    key, admin = renewal(desk, source="Hello"), desk.visitor(RoleName.ADMIN)
    save(admin, key, "Hello again", 1)
    assert versions(desk, key)[1].source == "Hello again Reply STOP to opt out."


def test_the_count_is_of_the_text_that_will_be_sent(desk: Desk) -> None:
    """With what is added to it."""
    admin = desk.visitor(RoleName.ADMIN)
    sizes = []
    for notice in (False, True):
        asked = {"source": "a" * 150, "notice": notice, "language": "en"}
        answer = admin.client.post("/templates/count/", json=asked, headers={"X-CSRFToken": admin.token})
        sizes.append((answer.get_json()["sample"]["units"], answer.get_json()["sample"]["segments"]))
    assert sizes == [(150, 1), (173, 2)]
