"""A list of refusals in the console: where it comes from, one look at what it would do, then once, and on the record."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from models.base import Database
from models.consent import ConsentEvent, ConsentSource, Purpose
from models.users import AuditEntry, RoleName
from sender import consent
from tests.desk import ANNA, BEN, Desk, Visitor, open_desk

LIST = f"Phone,Reason\n{ANNA},Wrote a letter\n{BEN},Called\n12,Called\n{ANNA},Again\n"


@pytest.fixture
def desk(database: Database, database_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        found.app.config["UPLOADS"] = str(tmp_path / "uploads")
        yield found


def upload(visitor: Visitor, text: str = LIST, **changes: str) -> TestResponse:
    """Post a list with its origin."""
    form = {
        "origin": "Our last provider",
        "taken_on": "2026-11-01",
        "file": (io.BytesIO(text.encode()), "old list.csv"),
    }
    return visitor.send("/unsubscribes/import/", {**form, **changes})


def imported(desk: Desk) -> list[ConsentEvent]:
    """What the ledger got from lists."""
    with desk.database.reading() as session:
        found = select(ConsentEvent).where(ConsentEvent.source == ConsentSource.IMPORT).order_by(ConsentEvent.id)
        return list(session.scalars(found))


def test_a_list_is_looked_at_and_then_written_once(desk: Desk) -> None:
    """The preview writes nothing and says what each row would do; the POST writes; a second one has nothing to do it with."""
    supervisor = desk.visitor(RoleName.SUPERVISOR)
    answer = upload(supervisor)
    assert answer.status_code == 302
    preview = supervisor.text(answer.location)
    for said in (
        "Unsubscribe 1 number?",
        "old list.csv",
        "Our last provider",
        "The same number as in row 1.",
        ANNA,
        "Wrote a letter",
    ):
        assert said in preview
    assert imported(desk) == []
    where = urlsplit(answer.location)
    query = {name: values[0] for name, values in parse_qs(where.query).items()}
    done = supervisor.send(where.path, **query)
    assert "1 number is unsubscribed. 1 had been before." in supervisor.text(done.location)
    (event,) = imported(desk)
    assert (event.phone, event.reason, event.purpose) == (ANNA, "Wrote a letter", Purpose.ALL)
    assert {**event.evidence, "sha256": "", "row": ""} == {
        "file": "old list.csv", "sha256": "", "row": "", "origin": "Our last provider", "taken_on": "2026-11-01",
    }  # fmt: skip
    assert len(event.evidence["sha256"]) == 64
    again = supervisor.send(where.path, **query)
    assert "no longer here" in supervisor.text(again.location)
    assert len(imported(desk)) == 1
    with desk.database.reading() as session:
        assert ANNA in consent.blocked(session, desk.harbor.id, [ANNA], Purpose.ACCOUNT)
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "consent:import")).one()
        assert (entry.after or {})["added"] == 1
        assert ANNA not in str(entry.facts())


def test_what_is_missing_is_told_beside_it_and_nothing_typed_is_lost(desk: Desk) -> None:
    """A list without an origin, without a column, from tomorrow, or none at all."""
    admin = desk.visitor(RoleName.ADMIN)
    for changes, said in (
        ({"origin": "  "}, "Say where the list comes from."),
        ({"taken_on": ""}, "Give the day on which the list was made."),
        ({"taken_on": "2999-01-01"}, "This day has not come yet"),
        ({"file": ""}, "Choose a file."),
    ):
        answer = upload(admin, **changes)
        assert answer.status_code == 200
        assert said in answer.text
        assert "Our last provider" in answer.text or "origin" in changes
    assert "no column named Reason" in upload(admin, "Phone\n2125550101\n").text
    assert "is empty" in upload(admin, "").text
    assert imported(desk) == []


def test_only_who_may_and_only_ones_own(desk: Desk) -> None:
    """An auditor has neither page; another account's file is not there; a preview without an origin leads back."""
    admin, stranger = desk.visitor(RoleName.ADMIN), desk.visitor(RoleName.ADMIN, account=desk.pier)
    location = upload(admin).location
    assert "no longer here" in stranger.text(stranger.read(location).location)
    where = urlsplit(location)
    token = parse_qs(where.query)["file"][0]
    for query in (
        {"file": token},
        {"file": token, "origin": "x"},
        {"file": "../x", "origin": "x", "taken_on": "2026-11-01"},
    ):
        assert admin.send(where.path, **query).status_code == 302
    auditor = desk.visitor(RoleName.AUDITOR)
    assert auditor.read(location).status_code == 403
    assert upload(auditor).status_code == 403
    assert imported(desk) == []


def test_the_tabs_stand_beside_each_other(desk: Desk) -> None:
    """Who must not be texted, who came back, and everything: each with its count, and each as a file."""
    admin, key = desk.visitor(RoleName.ADMIN), desk.ids(desk.harbor)["unsubscribes"]
    assert 'Not to be texted <span class="n">1</span>' in admin.text("/unsubscribes/")
    admin.send("/unsubscribes/allow/", {"how": "Signed the form on 3 Nov."}, id=key)
    page = admin.text("/unsubscribes/", show="back")
    for label, count in (("Not to be texted", 0), ("Came back", 1), ("Every entry", 2)):
        assert f'{label} <span class="n">{count}</span>' in page
    assert BEN in page
    for show, rows in (("", 0), ("back", 1), ("events", 2), ("nonsense", 0)):
        file = admin.send("/unsubscribes/export/csv/", show=show)
        assert len(file.text.strip().splitlines()) == 1 + rows, show
    assert "show=back" in page.partition("export/csv")[2][:40]
    admin.send("/unsubscribes/new/", {"phone": BEN, "purpose": "all", "reason": "Called again"})
    assert BEN not in admin.text("/unsubscribes/", show="back").partition("<main")[2]
