"""Does a flag raised in the console bar its number, does a list come in as it was shown, and is every act written down?"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from models.base import Database
from models.consent import Purpose
from models.flags import ContactFlag, FlagKind
from models.users import AuditEntry, RoleName
from sender import flags
from tests.desk import ANNA, BEN, CARA, Desk, Visitor, open_desk

R = RoleName
FORM = {
    "phone": "(212) 555-0111", "kind": "attorney", "since": "2026-11-03", "source": "Letter of 3 November", "note": "",
}  # fmt: skip
LIST = f"""phone,kind,since,source
212 555 0111,litigator,2026-11-03,
{CARA},litigator,2026-11-20,Known
12,cease,,x
212 555 0111,litigator,2026-11-03,again
"""


@pytest.fixture
def desk(database: Database, database_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        found.app.config["UPLOADS"] = str(tmp_path / "uploads")
        yield found


def raised(desk: Desk) -> list[ContactFlag]:
    """The flags of Harbor, newest first."""
    with desk.database.reading() as session:
        mine = select(ContactFlag).where(ContactFlag.account_id == desk.harbor.id).order_by(ContactFlag.id.desc())
        return list(session.scalars(mine))


def last_entry(desk: Desk) -> AuditEntry:
    """The newest audit entry of Harbor."""
    with desk.database.reading() as session:
        mine = select(AuditEntry).where(AuditEntry.account_id == desk.harbor.id).order_by(AuditEntry.number.desc())
        found = session.scalars(mine).first()
        assert found is not None
        return found


def barred(desk: Desk, phone: str) -> bool:
    """Whether a flag keeps the number from being texted."""
    with desk.database.reading() as session:
        return phone in flags.standing(session, desk.harbor.id, [phone], Purpose.ACCOUNT)


def test_a_flag_by_hand_bars_at_once_and_is_audited(desk: Desk) -> None:
    """By an agent, to whom the person said so; the entry has no whole number."""
    agent = desk.visitor(R.AGENT)
    assert agent.send("/flags/new/", FORM).status_code == 302
    flag = raised(desk)[0]
    assert (flag.phone, flag.kind, str(flag.since), flag.source) == (
        ANNA,
        FlagKind.ATTORNEY,
        "2026-11-03",
        FORM["source"],
    )
    assert flag.actor.endswith("@example.com")
    assert barred(desk, ANNA)
    entry = last_entry(desk)
    assert entry.action == "flag:raise"
    assert ANNA not in str(entry.facts())
    assert "Attorney" in agent.text("/flags/")
    assert "Flag: attorney" in agent.text("/contacts/details/", id=desk.ids(desk.harbor)["contacts"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"phone": "12"}, "too few digits"),
        ({"kind": "friend"}, "Choose one from the list."),
        ({"since": ""}, "Choose a day."),
        ({"since": "2999-01-01"}, "This day has not come yet."),
        ({"source": " "}, "This field is required."),
    ],
)
def test_what_cannot_be_is_said_and_nothing_typed_is_lost(desk: Desk, change: dict[str, str], said: str) -> None:
    """Beside the field."""
    answer = desk.visitor(R.ADMIN).send("/flags/new/", {**FORM, **change, "note": "Ask for Mr Quill"})
    assert answer.status_code == 200
    assert said in answer.text
    assert "Ask for Mr Quill" in answer.text
    assert len(raised(desk)) == 1


def test_clearing_needs_a_reason_and_leaves_the_history(desk: Desk) -> None:
    """A supervisor may, an agent may not; a second time there is nothing to clear."""
    key = raised(desk)[0].id
    assert desk.visitor(R.AGENT).send("/flags/clear/", {"reason": "x"}, id=key).status_code == 403
    supervisor = desk.visitor(R.SUPERVISOR)
    assert "It ends: when the list was wrong" in supervisor.text("/flags/clear/", id=key)
    assert supervisor.send("/flags/clear/", {"reason": " "}, id=key).status_code == 200
    assert barred(desk, CARA)
    assert supervisor.send("/flags/clear/", {"reason": "Another person"}, id=key).status_code == 302
    assert not barred(desk, CARA)
    assert last_entry(desk).action == "flag:clear"
    page = supervisor.text("/flags/details/", id=key)
    assert "Another person" in page
    assert "A list" in page
    assert supervisor.read("/flags/clear/", id=key).status_code == 404
    assert CARA not in supervisor.text("/flags/")
    assert CARA in supervisor.text("/flags/", show="cleared")


def look(visitor: Visitor, content: str = LIST, source: str = "House list") -> Any:
    """The preview of a list."""
    return visitor.send("/flags/import/", {"file": (io.BytesIO(content.encode()), "flags.csv"), "source": source})


def hidden(page: str) -> dict[str, str]:
    """What the preview's form would post."""
    return dict(re.findall(r'<input type="hidden" name="(file|source)" value="([^"]*)">', page))


def test_a_list_is_shown_before_it_is_taken(desk: Desk) -> None:
    """Nothing is written by looking; then exactly what was shown; then the file is gone."""
    admin = desk.visitor(R.ADMIN)
    page = look(admin).text
    assert "1 new flag of 4 rows" in page
    assert "1 of your contacts gets no text" in page
    for said in ("This flag stands already.", "too few digits", "The same as row 1."):
        assert said in page
    assert len(raised(desk)) == 1
    assert admin.send("/flags/import/load/", hidden(page)).status_code == 302
    flag = raised(desk)[0]
    assert (flag.phone, flag.source, flag.evidence["file"], flag.evidence["row"]) == (
        ANNA,
        "House list",
        "flags.csv",
        1,
    )
    assert len(flag.evidence["sha256"]) == 64
    entry = last_entry(desk)
    assert (entry.action, entry.after["raised"], entry.after["rows"]) == ("flag:import", 1, 4)
    assert admin.send("/flags/import/load/", hidden(page)).status_code == 302  # a second click
    assert len(raised(desk)) == 2
    assert "no longer here" in admin.text("/flags/import/")


@pytest.mark.parametrize(
    ("content", "said"), [("a,b\n1,2\n", "a column “kind”"), ("", "file"), ("PK\x03\x04", "flags.csv")]
)
def test_a_file_that_is_no_list_says_so(desk: Desk, content: str, said: str) -> None:
    """In a sentence, at the field."""
    answer = look(desk.visitor(R.ADMIN), content)
    assert answer.status_code == 200
    assert said in answer.text
    assert 'id="file-error"' in answer.text


def test_no_file_says_so(desk: Desk) -> None:
    """What was typed stays."""
    answer = desk.visitor(R.ADMIN).send("/flags/import/", {"source": "House list"})
    assert "Choose a file." in answer.text
    assert "House list" in answer.text


def test_another_account_s_upload_is_nobody_s(desk: Desk) -> None:
    """A token of Harbor does nothing in Pier; a flag of Pier is not found in Harbor."""
    page = look(desk.visitor(R.ADMIN)).text
    other = desk.visitor(R.ADMIN, account=desk.pier)
    other.send("/flags/import/load/", hidden(page))
    with desk.database.reading() as session:
        assert ANNA not in flags.standing(session, desk.pier.id, [ANNA], Purpose.ALL)
    for path in ("/flags/details/", "/flags/clear/"):
        assert other.read(path, id=raised(desk)[0].id).status_code == 404


@pytest.mark.parametrize("role", [R.AGENT, R.FINANCE, R.AUDITOR, R.ANALYST])
def test_a_list_needs_the_right(desk: Desk, role: RoleName) -> None:
    """Neither looking nor taking."""
    visitor = desk.visitor(role)
    assert look(visitor).status_code == 403
    assert visitor.send("/flags/import/load/", {"file": "x"}).status_code == 403
    assert len(raised(desk)) == 1


def test_numbers_are_masked_and_found(desk: Desk) -> None:
    """For a role that may not see them, in the list, on the page and in the file; search takes any notation."""
    finance, admin = desk.visitor(R.FINANCE), desk.visitor(R.ADMIN)
    key = raised(desk)[0].id
    for text in (
        finance.text("/flags/"), finance.text("/flags/details/", id=key), finance.send("/flags/export/csv/").text,
    ):  # fmt: skip
        assert CARA not in text
        assert "88" in text
    assert CARA in admin.text("/flags/", search="917.555.0188")
    assert BEN not in admin.text("/flags/", search="212.555.0122")
    assert "No match" in admin.text("/flags/", search="212.555.0122")
    assert CARA in admin.send("/flags/export/csv/").text


def test_the_form_knows_the_contact_it_was_opened_from(desk: Desk) -> None:
    """With their number, where the role may see it."""
    key = desk.ids(desk.harbor)["contacts"]
    assert f'value="{ANNA}"' in desk.visitor(R.ADMIN).text("/flags/new/", contact=key)
    assert f'value="{ANNA}"' not in desk.visitor(R.ADMIN).text("/flags/new/", contact=desk.ids(desk.pier)["contacts"])


def test_an_entry_of_the_ledger_names_the_flag(desk: Desk) -> None:
    """A number that agreed and has a flag is not said to be free."""
    admin = desk.visitor(R.ADMIN)
    key = desk.ids(desk.harbor)["unsubscribes"]
    admin.send("/unsubscribes/allow/", {"how": "Signed"}, id=key)
    assert "May be texted" in admin.text("/unsubscribes/details/", id=key)
    admin.send("/flags/new/", {**FORM, "phone": BEN})
    page = admin.text("/unsubscribes/details/", id=key)
    assert "Flag: attorney" in page
    assert "May be texted" not in page
