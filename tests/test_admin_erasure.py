"""Forgetting a person in the console: who may, what is asked, what the audit log keeps, and what a restored backup cannot undo."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from admin import audit, erasure
from models.accounts import Account
from models.base import Database, connect
from models.consent import ConsentEvent, ConsentKind, Purpose
from models.contacts import Contact
from models.messages import Message, MessageStatus
from models.users import AuditEntry, RoleName
from sender import consent, forgotten
from tests.conftest import NOW
from tests.desk import ANNA, BEN, Desk, open_desk
from tests.forgotten import KEYS, PHONE, furnished, left, priced
from tests.lists import listed

LATER = NOW + timedelta(days=400)
PAGE = "/contacts/erase/"
GOOD = {"reason": "Asked by letter on 3 November", "typed": "ERASE"}


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database whose sessions can open what is sealed."""
    database = connect(database_url, secret_keys=KEYS)
    yield database
    database.engine.dispose()


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console over it."""
    with open_desk(database, database_url, secret_keys=KEYS) as found:
        yield found


def contact_id(desk: Desk, phone: str) -> int:
    """The contact of Harbor with a number."""
    with desk.database.reading() as session:
        mine = select(Contact.id).where(Contact.account_id == desk.harbor.id, Contact.phone == phone)
        return session.scalars(mine).one()


def test_the_page_erases(desk: Desk) -> None:
    """Shown first, then gone: from the lists, the texts, the ledger and the audit log, whose chains are whole."""
    admin, key = desk.visitor(RoleName.ADMIN), contact_id(desk, BEN)
    with desk.database.transaction() as session:
        audit.record(
            session, account_id=desk.harbor.id, actor="x", action="contact:edit", subject_kind="contact", subject_id=key,
            subject="Ben Cole", before={"name": "Benn Cole"}, after={"name": "Ben Cole"}, now=NOW,
        )  # fmt: skip
    assert "Erase this person…" in admin.text("/contacts/details/", id=key)
    shown = admin.text(PAGE, id=key)
    for words in (
        "What goes",
        "Ben Cole",
        "What stays, and why",
        "keyed hash",
        "Reasons and evidence in the consent ledger",
    ):
        assert words in shown
    answer = admin.send(PAGE, GOOD, id=key)
    assert (answer.status_code, answer.location) == (302, "/contacts/")
    assert admin.read("/contacts/details/", id=key).status_code == 404
    assert admin.read(PAGE, id=key).status_code == 404
    assert "Ben Cole" not in admin.text("/contacts/")
    with desk.database.session() as session:
        assert left(session, "Benn Cole", "harbor-B") == []
        assert consent.blocked(session, desk.harbor.id, [BEN], Purpose.ALL)
        assert audit.broken_link(session, desk.harbor.id) is None
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "contact:erase")).one()
        assert (entry.after["reason"], entry.after["texts"], entry.subject_id) == (GOOD["reason"], 2, str(key))
        assert len(entry.after["entries_erased"]) == 1
        session.rollback()
    for path in ("/unsubscribes/", "/unsubscribes/?show=events", "/messages/", "/audit/", "/audit/check/"):
        assert BEN[-7:] not in admin.text(path)
    assert "Said before the number was erased" in admin.text("/unsubscribes/")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({**GOOD, "typed": "erase"}, "Type the word ERASE, in capitals."),
        ({**GOOD, "reason": ""}, "This field is required."),
        ({**GOOD, "reason": "Mr Cole wrote to us"}, "leave the name and the number out of it"),
        ({**GOOD, "reason": "Called from 212-555-0122"}, "leave the name and the number out of it"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_typed_is_lost(desk: Desk, form: dict[str, str], said: str) -> None:
    """Beside the field; and nobody is erased."""
    admin, key = desk.visitor(RoleName.ADMIN), contact_id(desk, BEN)
    answer = admin.send(PAGE, form, id=key)
    assert answer.status_code == 200
    assert said in answer.text
    assert form["reason"] in answer.text
    assert contact_id(desk, BEN) == key


def test_a_text_on_its_way_is_waited_for(desk: Desk) -> None:
    """The page says so before and after the button."""
    admin, key = desk.visitor(RoleName.ADMIN), contact_id(desk, ANNA)
    with desk.database.transaction() as session:
        session.execute(update(Message).where(Message.phone == ANNA).values(status=MessageStatus.UNKNOWN))
    said = "Decide that on the page of the message, then ask again."
    assert said in admin.text(PAGE, id=key)
    assert said in admin.send(PAGE, GOOD, id=key).text
    assert contact_id(desk, ANNA) == key


def test_only_an_admin_who_signed_in_just_now(desk: Desk) -> None:
    """Others get 403 by address and by POST; an admin whose sign-in is old is asked for the password."""
    key = contact_id(desk, ANNA)
    for role in set(RoleName) - {RoleName.ADMIN}:
        other = desk.visitor(role)
        assert (other.read(PAGE, id=key).status_code, other.send(PAGE, GOOD, id=key).status_code) == (403, 403)
    foreign = desk.visitor(RoleName.ADMIN, account=desk.pier)
    assert foreign.send(PAGE, GOOD, id=key).status_code == 404
    admin = desk.visitor(RoleName.ADMIN)
    with admin.client.session_transaction() as cookie:
        cookie["fs_paa"] = 1.0
        cookie.pop("fs_gexp", None)
    for answer in (admin.read(PAGE, id=key), admin.send(PAGE, GOOD, id=key)):
        assert answer.status_code == 302
        assert answer.location.startswith("/auth/verify?next=")
    assert contact_id(desk, ANNA) == key


def test_an_erased_entry_of_the_ledger_is_shown_without_a_number(desk: Desk) -> None:
    """It still says that it blocks, has its history and its past, and cannot be ended by hand without a number."""
    admin = desk.visitor(RoleName.ADMIN)
    admin.send(PAGE, GOOD, id=contact_id(desk, BEN))
    with desk.database.reading() as session:
        event = session.scalars(
            select(ConsentEvent).where(
                ConsentEvent.account_id == desk.harbor.id, ConsentEvent.kind == ConsentKind.OPT_OUT,
                ConsentEvent.erased_at.is_(None),
            )
        ).one()  # fmt: skip
    shown = admin.text("/unsubscribes/details/", id=event.id)
    assert "No: the person opted out" in shown
    assert "Re-subscribe" not in shown.replace("Re-subscribed", "")
    assert admin.read("/unsubscribes/allow/", id=event.id).status_code == 404


def test_the_audit_log_notices_what_an_erased_entry_became(session: Session, account: Account, tmp_path: Path) -> None:
    """A change of anything that was left, of the mark itself or of what vouches for it is found."""
    furnished(session, account)
    person = session.scalars(select(Contact).where(Contact.phone == PHONE)).one()
    for step in range(3):
        audit.record(
            session, account_id=account.id, actor="x", action="contact:edit", subject_kind="contact", now=NOW,
            subject_id=person.id if step < 2 else 0, subject="Xanthippe Quill", after={"name": "Quill"},
        )  # fmt: skip
    erasure.erase(
        session, account, PHONE, file=tmp_path / "e", reason="Asked by letter", actor="robin@example.com", now=LATER
    )
    session.commit()
    assert audit.broken_link(session, account.id) is None
    first, second, third, last = session.scalars(select(AuditEntry).order_by(AuditEntry.number))
    assert (first.subject, first.before, first.after, second.erased_at) == ("", {}, {}, LATER)
    assert third.erased_at is None
    changes = {
        "actor": "y", "action": "contact:create", "subject_id": "9", "subject": "Somebody", "after": {"a": 1}, "ip": "10.0.0.1",
        "at": LATER, "erased_at": NOW,
    }  # fmt: skip
    for name, value in changes.items():
        session.execute(update(AuditEntry).where(AuditEntry.id == first.id).values({name: value}))
        session.expire_all()
        assert audit.broken_link(session, account.id) is not None, name
        session.rollback()
    session.execute(update(AuditEntry).where(AuditEntry.id == third.id).values(erased_at=LATER, after={}, subject=""))
    session.expire_all()
    assert audit.broken_link(session, account.id) is not None, "nobody vouches for that one"
    session.rollback()
    session.execute(update(AuditEntry).where(AuditEntry.id == last.id).values(after={}))
    session.expire_all()
    assert audit.broken_link(session, account.id) is not None


def test_a_restored_backup_forgets_them_again(session: Session, account: Account, tmp_path: Path) -> None:
    """Whoever the backup brought back is erased again, once; somebody who came back by themselves since stays."""
    file, key = tmp_path / "a.erased", account.id
    furnished(session, account)
    session.commit()
    savepoint = session.begin_nested()  # what the backup does not have
    erasure.erase(session, account, PHONE, file=file, reason="Asked by letter", actor="x", now=NOW)
    assert PHONE[-7:] not in file.read_text(encoding="utf-8")
    savepoint.rollback()
    session.commit()
    assert left(session)
    account = session.get_one(Account, key)
    assert account.number_key is None, "the backup is older than the key"
    assert erasure.erase_again(session, account, file=file, now=LATER) == (1, 0)
    session.commit()
    assert left(session) == []
    assert consent.blocked(session, key, [PHONE], Purpose.ALL)
    listed(session, session.get_one(Account, key), "phone,name\n2125550141,Xanthippe\n", now=LATER)
    session.commit()
    assert erasure.erase_again(session, session.get_one(Account, key), file=file, now=LATER) == (0, 0)
    assert left(session)
    file.write_text(file.read_text(encoding="utf-8") + '{"half', encoding="utf-8")
    assert len(forgotten.notes(file, session)) == 2


def test_what_a_backup_brought_back_and_is_not_settled_is_not_texted(
    session: Session, account: Account, tmp_path: Path
) -> None:
    """Its pending texts are cancelled, the rest waits for a person."""
    file, key = tmp_path / "a.erased", account.id
    furnished(session, account)
    session.commit()
    savepoint = session.begin_nested()
    erasure.erase(session, account, PHONE, file=file, reason="Asked by letter", actor="x", now=NOW)
    savepoint.rollback()
    rows = session.scalars(select(Message).where(Message.phone == PHONE).order_by(Message.id)).all()
    rows[0].status, rows[1].status = MessageStatus.UNKNOWN, MessageStatus.PENDING
    session.commit()
    assert erasure.erase_again(session, session.get_one(Account, key), file=file, now=LATER) == (0, 1)
    session.expire_all()
    assert [rows[0].status, rows[1].status] == [MessageStatus.UNKNOWN, MessageStatus.SKIPPED]


def test_the_daily_turn_lets_go_and_says_so(database: Database, session: Session, account: Account) -> None:
    """Each part is an audit entry of its own transaction; an account without a period has none."""
    furnished(session, account)
    priced(session, account)
    assert erasure.retain(database, LATER) == ""
    account.retention_days = 90
    session.commit()
    assert erasure.retain(database, LATER) == "4 texts let go"
    entries = session.scalars(
        select(AuditEntry).where(AuditEntry.action == "account:retain").order_by(AuditEntry.number)
    )
    assert [entry.after for entry in entries] == [
        {"texts": 4}, {"conversations": 1}, {"events": 1}, {"requests": 1},
    ]  # fmt: skip
    assert audit.broken_link(session, account.id) is None


def test_a_file_beside_each_database(tmp_path: Path) -> None:
    """An SQLite file has its own list of erasures, which is not part of a backup of the file."""
    path = tmp_path / "a.db"
    assert erasure.notes(connect(f"sqlite:///{path}")) == Path(f"{path}.erased")
    assert erasure.notes(connect("sqlite://")) == Path("var/erased")
    shutil.rmtree(tmp_path)
