"""Does the editor count what is billed, keep what is typed, and never change a wording that is saved?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from admin.views.template_counts import count, left, place
from admin.views.template_trials import known_fields
from models.accounts import Account
from models.base import Database
from models.messages import Message
from models.segments import measure
from models.templates import Template, TemplateVersion
from models.users import AuditEntry, RoleName
from tests.desk import Desk, Visitor, open_desk
from tests.flow import renewal
from tests.lists import campaign_to, expanded, listed, run_of

ADMIN = RoleName.ADMIN
LIST = (
    "name,mobile,ends_on\nAnna Berg,(212) 555-0100,Jan 3\nŁukasz Oak,(213) 555-0101,Jan 5\nMax Lund,(214) 555-0166,\n"
)


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


@pytest.fixture
def admin(desk: Desk) -> Visitor:
    """Somebody who may write texts in Harbor."""
    return desk.visitor(ADMIN)


def form(name: str = "Renewal", source: str = "Hello {{ name }}", **more: str) -> dict[str, str]:
    """A filled editor."""
    return {"name": name, "purpose": "account", "source": source, "note": "", "base": "0", **more}


def load_list(desk: Desk, content: str = LIST) -> None:
    """Give Harbor a list."""
    with desk.database.transaction() as session:
        listed(session, session.get_one(Account, desk.harbor.id), content)


def counted(desk: Desk, visitor: Visitor, source: object) -> TestResponse:
    """What the editor asks while one types."""
    return visitor.client.post("/templates/count/", json={"source": source}, headers={"X-CSRFToken": visitor.token})


# saving


def test_a_template_is_made_with_its_first_version(desk: Desk, admin: Visitor) -> None:
    """Name, kind and wording; who wrote it; one audit entry with the text."""
    answer = admin.send("/templates/new/", form(source="Hi {{ name }},\r\nbye"))
    assert answer.status_code == 302
    assert "Hi {{ name }}" in admin.text(answer.location)
    with desk.database.reading() as session:
        template = session.scalars(select(Template)).one()
        assert (template.name, template.account_id, len(template.versions)) == ("Renewal", desk.harbor.id, 1)
        assert template.versions[0].source == "Hi {{ name }},\nbye", "line breaks are those that are sent"
        assert template.versions[0].created_by.endswith("@example.com")
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
        assert (entry.action, entry.after["text"]) == ("template:create", "Hi {{ name }},\nbye")


def test_saving_makes_a_version_and_changes_none(desk: Desk, admin: Visitor) -> None:
    """Another wording is the next version; the first stands as it was, for whoever got it."""
    key = renewal(desk, source="One")
    for number, source in enumerate(("Two", "Three"), start=1):
        answer = admin.send("/templates/edit/", form(source=source, note=f"note {number}", base=str(number)), id=key)
        assert answer.status_code == 302
    with desk.database.reading() as session:
        versions = session.scalars(select(TemplateVersion).order_by(TemplateVersion.number)).all()
        assert [(v.number, v.source, v.note) for v in versions] == [
            (1, "One", ""),
            (2, "Two", "note 1"),
            (3, "Three", "note 2"),
        ]
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
        assert (entry.before, entry.after) == ({"text": "Two"}, {"text": "Three"})
    page = admin.text("/templates/details/", id=key)
    assert page.index("Version 3") < page.index("Version 2") < page.index("Version 1")


@pytest.mark.parametrize(
    ("change", "said", "entries"),
    [
        ({}, "Nothing was changed.", 0),
        ({"name": "Renewal II"}, "Saved.", 1),
        ({"purpose": "marketing"}, "Saved.", 1),
        ({"source": "Two"}, "Saved version 2.", 1),
    ],
)
def test_only_another_text_is_a_version(
    desk: Desk, admin: Visitor, change: dict[str, str], said: str, entries: int
) -> None:
    """The name and the kind change in place; an untouched form changes nothing at all."""
    key = renewal(desk, source="One")
    with desk.database.reading() as session:
        before = session.scalar(select(func.count(AuditEntry.id))) or 0
    answer = admin.send("/templates/edit/", form(source="One", base="1") | change, id=key)
    assert said in admin.text(answer.location)
    with desk.database.reading() as session:
        assert session.scalar(select(func.count(TemplateVersion.id))) == (2 if "source" in change else 1)
        assert session.scalar(select(func.count(AuditEntry.id))) == before + entries


def test_two_people_at_once_lose_nothing(desk: Desk, admin: Visitor) -> None:
    """Who began with an older version is told, keeps their text, and can then save it as the next one."""
    key = renewal(desk, source="One")
    assert admin.send("/templates/edit/", form(source="Hers", base="1"), id=key).status_code == 302
    answer = admin.send("/templates/edit/", form(source="His", base="1"), id=key)
    assert answer.status_code == 200
    assert "Version 2 was saved meanwhile" in answer.text
    assert ">His</textarea>" in answer.text.replace("\r\n", "")
    assert 'name="base" type="hidden" value="2"' in answer.text
    assert admin.send("/templates/edit/", form(source="His", base="2"), id=key).status_code == 302
    with desk.database.reading() as session:
        assert session.scalars(select(TemplateVersion.source).order_by(TemplateVersion.number)).all() == [
            "One",
            "Hers",
            "His",
        ]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "Write the text."),
        ("Hi {{ name", "Character 4: This {{ is never closed with }}."),
        ("Hi\nyou {{ name | shout }}", "Line 2, character 15: The filter &#34;shout&#34; does not exist"),
        ("{% if name %}x", "Character 1: This if is never closed"),
        ("{% for x in y %}", "Character 4: The tag &#34;for&#34; does not exist"),
        ("a" * 5_001, "Field cannot be longer than 5000 characters."),
    ],
)
def test_a_mistake_is_placed_and_the_text_kept(desk: Desk, admin: Visitor, source: str, said: str) -> None:
    """A text that is no template comes back with its place; nothing is saved."""
    answer = admin.send("/templates/new/", form(source=source, name="Kept name"))
    assert answer.status_code == 200
    assert said in answer.text
    assert 'value="Kept name"' in answer.text
    assert source.replace("\n", "\r\n") in answer.text or source in answer.text.replace("\r\n", "\n")
    with desk.database.reading() as session:
        assert session.scalar(select(func.count(Template.id))) == 0


def test_a_name_is_taken_once(desk: Desk, admin: Visitor) -> None:
    """The same name again is said beside the field; in another account it is free."""
    renewal(desk, name="Renewal")
    assert "There is a template with this name already" in admin.send("/templates/new/", form()).text
    assert desk.visitor(ADMIN, account=desk.pier).send("/templates/new/", form()).status_code == 302


# archive, system, accounts, roles


def test_archive_and_restore(desk: Desk, admin: Visitor) -> None:
    """Off the list and out of new campaigns, back again; an archived text is not edited; twice is once."""
    key = renewal(desk, name="Old news")
    for _ in range(2):
        assert admin.send("/templates/archive/", id=key).status_code == 302
    assert "Old news" not in admin.text("/templates/")
    assert "Old news" in admin.text("/templates/", flt0_archived="yes")
    assert "Old news" not in admin.text("/campaigns/new/")
    assert admin.read("/templates/edit/", id=key).status_code == 403
    assert admin.send("/templates/edit/", form(base="1"), id=key).status_code == 403
    admin.send("/templates/restore/", id=key)
    assert "Old news" in admin.text("/templates/")
    with desk.database.reading() as session:
        actions = session.scalars(
            select(AuditEntry.action).where(AuditEntry.action.like("template:%")).order_by(AuditEntry.id)
        ).all()
        assert actions == ["template:archive", "template:restore"]


def test_system_texts_are_protected(desk: Desk, admin: Visitor) -> None:
    """They cannot be edited, archived or chosen for a campaign, and only who may edit sees them."""
    key = renewal(desk, name="Opt-out reply")
    with desk.database.transaction() as session:
        session.get_one(Template, key).system = True
    assert "Opt-out reply" in admin.text("/templates/details/", id=key)
    for path in ("edit", "archive", "restore"):
        assert admin.send(f"/templates/{path}/", form(base="1"), id=key).status_code == 403
    assert "Opt-out reply" not in admin.text("/campaigns/new/")
    agent = desk.visitor(RoleName.AGENT)
    assert agent.read("/templates/details/", id=key).status_code == 404
    for query in ({}, {"flt0_system": "yes"}, {"flt0_archived": "no"}):
        assert "Opt-out reply" not in agent.text("/templates/", **query)
    with desk.database.reading() as session:
        assert not session.get_one(Template, key).archived


@pytest.mark.parametrize("role", RoleName)
def test_each_role_does_what_it_may(desk: Desk, role: RoleName) -> None:
    """Everybody reads; only an admin writes, counts, archives."""
    key, visitor, may = renewal(desk), desk.visitor(role), role is ADMIN
    for path in ("/templates/", "/templates/details/"):
        assert visitor.read(path, id=key).status_code == 200
    for path in ("/templates/new/", "/templates/edit/"):
        assert (visitor.read(path, id=key).status_code == 200) == may
        assert (visitor.send(path, form(name=f"Mine {path}", base="1"), id=key).status_code == 302) == may
    for path in ("/templates/archive/", "/templates/restore/"):
        assert (visitor.send(path, id=key).status_code == 302) == may
    assert (counted(desk, visitor, "x").status_code == 200) == may
    assert ("New template" in visitor.text("/templates/")) == may


def test_another_account_s_template_is_not_there(desk: Desk, admin: Visitor) -> None:
    """404 on every page and POST; in no list."""
    key = renewal(desk, account=desk.pier, name="Theirs")
    for path in ("details", "edit"):
        assert admin.read(f"/templates/{path}/", id=key).status_code == 404
    for path in ("edit", "archive", "restore"):
        assert admin.send(f"/templates/{path}/", form(base="1"), id=key).status_code == 404
    assert "Theirs" not in admin.text("/templates/")


def test_nothing_is_saved_without_the_token(desk: Desk, admin: Visitor) -> None:
    """Every POST without the CSRF token is 400, the count too."""
    key = renewal(desk)
    for path in ("new", "edit", "archive", "restore"):
        assert admin.client.post(f"/templates/{path}/?id={key}", data=form(base="1")).status_code == 400
    assert admin.client.post("/templates/count/", json={"source": "x"}).status_code == 400


def test_tabs_count_what_they_list(desk: Desk, admin: Visitor) -> None:
    """In use, archived and system, each with its number."""
    for name in ("a", "b", "c"):
        renewal(desk, name=name)
    with desk.database.transaction() as session:
        found = {template.name: template for template in session.scalars(select(Template))}
        found["b"].archived, found["c"].system = True, True
    page = admin.text("/templates/")
    for label in ("In use", "Archived", "System"):
        assert f'{label} <span class="n">1</span>' in page


# counting


def test_the_count_is_what_is_billed(desk: Desk, admin: Visitor) -> None:
    """The sizes that the editor shows are those of the messages that a run makes of the same rows."""
    load_list(desk)
    source = 'Hi {{ first_name }}, your membership ends on {{ ends_on | default: "soon" }}. ' + "Renew now. " * 6
    found: Any = counted(desk, admin, source).json
    with desk.database.session() as session:
        account = session.get_one(Account, desk.harbor.id)
        loaded = listed(session, account, LIST, name="Again")
        run = expanded(session, run_of(session, campaign_to(session, account, loaded, source)))
        bodies = {
            m.body: (m.encoding, m.units, m.segments)
            for m in session.scalars(select(Message).where(Message.run_id == run.id))
        }
    for text in (found["sample"], found["longest"]):
        assert bodies[text["body"]] == (text["encoding"], text["units"], text["segments"])
    assert (found["longest"]["encoding"], found["longest"]["segments"]) == ("UCS-2", 2)


def test_dear_characters_are_named_and_replaced(desk: Desk, admin: Visitor) -> None:
    """Each one with name, place, how often, and what to write instead; one that a value brings has no button."""
    load_list(desk)
    found: Any = counted(desk, admin, "Hi {{ first_name }}: it’s “now”, it’s – final" + "." * 60).json
    dear = {one["char"]: one for one in found["dear"]}
    assert (dear["’"]["replacement"], dear["’"]["times"], dear["’"]["where"]) == ("'", 2, "character 24")
    assert dear["–"]["name"] == "EN DASH"
    assert (dear["Ł"]["replacement"], dear["Ł"]["index"]) == (None, None)
    assert (found["sample"]["segments"], found["segments_if_replaced"]) == (2, 1)


def test_the_count_speaks_of_fields(desk: Desk, admin: Visitor) -> None:
    """A field that some lack, one that no list has (with a guess), and one that a default saves."""
    load_list(desk)
    found: Any = counted(desk, admin, '{{ name }} {{ ends_on }}\n{{ end_on }} {{ zebra | default: "x" }}').json
    said = {one["name"]: (one["where"], one["sentence"]) for one in found["remarks"]}
    assert said["ends_on"] == (
        "line 1, character 15",
        "1 of the 3 people tried lack it and would get no text. Add a default?",
    )
    assert said["end_on"] == ("line 2, character 4", 'is in none of the recent lists; did you mean "ends_on"?')
    assert said["zebra"][1] == "is in none of the recent lists."
    assert found["sample"]["of"] == "With invented values", "nobody could get it, and it is counted all the same"


def test_without_a_list_values_are_invented(desk: Desk, admin: Visitor) -> None:
    """A new account counts, too, and says on what."""
    found: Any = counted(desk, admin, "Hi {{ first_name }}, {{ anything_else }}").json
    assert (found["sample"]["body"], found["tried"]) == ("Hi Maya, anything else", "Tried on invented values.")
    page = admin.text("/templates/new/")
    assert 'data-insert="first_name"' in page


def test_known_fields_come_from_the_newest_lists(desk: Desk) -> None:
    """Names of the last three lists, first name included where there is a name, the phone never."""
    for header in ("a1", "a2", "a3", "a4"):
        load_list(desk, f"name,mobile,{header}\nAnn,(212) 555-0100,x\n")
    with desk.database.reading() as session:
        known = known_fields(session, desk.harbor.id)
        assert set(known.names) == {"name", "first_name", "a2", "a3", "a4"}
        assert known_fields(session, desk.pier.id).newest is None


@pytest.mark.parametrize("source", [None, 5, ["x"], "a" * 5_002])
def test_a_count_of_nonsense_is_400(desk: Desk, admin: Visitor, source: object) -> None:
    """Only a text of a template's length is counted."""
    assert counted(desk, admin, source).status_code == 400
    assert admin.client.post("/templates/count/", data="x", headers={"X-CSRFToken": admin.token}).status_code == 400


@pytest.mark.parametrize(
    ("length", "expected"), [(0, 160), (1, 159), (159, 1), (160, 0), (161, 145), (305, 1), (306, 0), (307, 152)]
)
def test_what_is_left_in_a_segment(length: int, expected: int) -> None:
    """At every boundary of GSM-7, and one more character costs another segment."""
    body = "a" * length
    found = left(body, measure(body))
    assert found == expected
    assert measure(body + "a" * found).segments == max(1, measure(body).segments)
    assert measure(body + "a" * (found + 1)).segments > measure(body + "a" * found).segments


@pytest.mark.parametrize("body", ["a" * 152 + "€" + "a" * 10, "é" * 70, "ł" * 66 + "😀" + "a", "😀" * 40, "[" * 77])
def test_what_is_left_with_pairs(body: str) -> None:
    """Where a pair moved to the next segment, exactly what fits is promised."""
    found = left(body, measure(body))
    assert measure(body + "a" * found).segments == measure(body).segments < measure(body + "a" * (found + 1)).segments


def test_a_place_is_written_for_people() -> None:
    """Line and character from 1; one line needs no line number."""
    assert [place("ab\ncd", n) for n in (0, 2, 3, 4)] == [
        "line 1, character 1", "line 1, character 3", "line 2, character 1", "line 2, character 2",
    ]  # fmt: skip
    assert place("abc", 2) == "character 3"


def test_counting_is_quick_enough_for_typing(desk: Desk) -> None:
    """A text over a list of two hundred rows takes well under a tenth of a second, so that letters do not pile up."""
    load_list(
        desk,
        "name,mobile,ends_on\n" + "".join(f"Person {i},(212) 555-{100 + i % 100:04d},Jan {i}\n" for i in range(200)),
    )
    with desk.database.reading() as session:
        count(session, desk.harbor.id, "warm")
        began = time.perf_counter()
        for _ in range(5):
            count(session, desk.harbor.id, "Hi {{ first_name }}, it’s {{ ends_on }}. " * 8)
        assert (time.perf_counter() - began) / 5 < 0.5
