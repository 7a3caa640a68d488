"""Does the list of unsubscribes show what stands, and does every change only add to the ledger?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import Database
from models.consent import ConsentEvent, ConsentKind, ConsentSource, Purpose
from models.users import AuditEntry, RoleName
from sender import checkpoints, consent
from tests.conftest import NOW
from tests.desk import ANNA, BEN, Desk, open_desk
from tests.ledger import tamper

K, P = ConsentKind, Purpose


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


def told(session: Session, desk: Desk, *events: tuple[ConsentKind, Purpose], phone: str = ANNA) -> None:
    """Add events about a number."""
    for kind, purpose in events:
        consent.append(
            session,
            account_id=desk.harbor.id,
            phone=phone,
            kind=kind,
            purpose=purpose,
            source=ConsentSource.FORM,
            now=NOW,
        )


@pytest.mark.parametrize(
    ("events", "listed"),
    [
        ([], False),
        ([(K.OPT_IN, P.ALL)], False),
        ([(K.OPT_OUT, P.ALL)], True),
        ([(K.OPT_OUT, P.ALL), (K.OPT_IN, P.ALL)], False),
        ([(K.OPT_OUT, P.ALL), (K.OPT_IN, P.MARKETING)], True),
        ([(K.OPT_OUT, P.MARKETING), (K.OPT_IN, P.ALL)], False),
        ([(K.OPT_OUT, P.MARKETING), (K.OPT_IN, P.ACCOUNT)], True),
        ([(K.OPT_OUT, P.ALL), (K.RELEASE, P.ALL)], True),
        ([(K.HOLD, P.ALL), (K.OPT_IN, P.ALL)], True),
        ([(K.HOLD, P.ALL), (K.RELEASE, P.ALL)], False),
        ([(K.HOLD, P.ALL), (K.OPT_OUT, P.ALL), (K.RE_SUBSCRIBE, P.ALL)], False),
        ([(K.OPT_IN, P.ALL), (K.OPT_OUT, P.ALL), (K.OPT_OUT, P.ALL)], True),
    ],
)
def test_the_list_agrees_with_the_rule_that_sending_obeys(
    desk: Desk, events: list[tuple[ConsentKind, Purpose]], listed: bool
) -> None:
    """A number is listed exactly when `sender.consent.blocked` would hold a text back, once however often it refused."""
    with desk.database.transaction() as session:
        told(session, desk, *events)
        assert (ANNA in consent.blocked(session, desk.harbor.id, [ANNA], P.ALL)) == listed
    page = desk.visitor(RoleName.ADMIN).text("/unsubscribes/")
    assert page.count(f'phone">{ANNA}<') == int(listed)
    assert f'phone">{BEN}<' in page


def test_a_number_written_in_any_way_is_found(desk: Desk) -> None:
    """Also what is not listed has an answer."""
    admin = desk.visitor(RoleName.ADMIN)
    assert BEN in admin.text("/unsubscribes/", search="212.555.0122")
    assert "A number that is not listed here has refused nothing." in admin.text(
        "/unsubscribes/", search="212 555 0111"
    )


def test_unsubscribing_adds_to_the_ledger(desk: Desk) -> None:
    """One event by hand with its reason and who entered it, one audit entry without the whole number; it blocks at once."""
    agent = desk.visitor(RoleName.AGENT)
    answer = agent.send("/unsubscribes/new/", {"phone": "(212) 555-0111", "purpose": "all", "reason": "Asked by phone"})
    assert answer.status_code == 302
    with desk.database.reading() as session:
        event = session.scalars(select(ConsentEvent).order_by(ConsentEvent.id.desc())).first()
        assert event is not None
        assert (event.phone, event.kind, event.source, event.reason) == (
            ANNA,
            K.OPT_OUT,
            ConsentSource.ADMIN,
            "Asked by phone",
        )
        assert event.actor.endswith("@example.com")
        assert ANNA in consent.blocked(session, desk.harbor.id, [ANNA], P.ACCOUNT)
        assert checkpoints.walk(session, desk.harbor).problem is None
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry is not None
        assert entry.action == "consent:opt_out"
        assert ANNA not in str(entry.facts())


def test_re_subscribing_needs_evidence(desk: Desk) -> None:
    """Without it nothing happens; with it the refusal stays and a new event ends it."""
    admin, key = desk.visitor(RoleName.ADMIN), desk.ids(desk.harbor)["unsubscribes"]
    page = admin.text("/unsubscribes/allow/", id=key)
    assert "until they text START" in page
    assert admin.send("/unsubscribes/allow/", {"how": " "}, id=key).status_code == 200
    assert admin.send("/unsubscribes/allow/", {"how": "Signed the form on 3 Nov."}, id=key).status_code == 302
    with desk.database.reading() as session:
        events = session.scalars(
            select(ConsentEvent).where(ConsentEvent.account_id == desk.harbor.id).order_by(ConsentEvent.id)
        ).all()
        assert [event.kind for event in events] == [K.OPT_OUT, K.RE_SUBSCRIBE]
        assert events[-1].evidence == {"how": "Signed the form on 3 Nov.", "ends_entry": str(key)}
        assert not consent.blocked(session, desk.harbor.id, [BEN], P.ALL)
    assert "May be texted" in admin.text("/unsubscribes/details/", id=key)
    assert admin.read("/unsubscribes/allow/", id=key).status_code == 404
    assert "No unsubscribes yet" in admin.text("/unsubscribes/")


def test_a_hold_is_released_and_not_re_subscribed(desk: Desk) -> None:
    """The words fit what is ended."""
    with desk.database.transaction() as session:
        told(session, desk, (K.HOLD, P.ALL))
        key = session.scalars(select(ConsentEvent.id).where(ConsentEvent.kind == K.HOLD)).one()
    admin = desk.visitor(RoleName.ADMIN)
    assert "Release this number" in admin.text("/unsubscribes/allow/", id=key)
    admin.send("/unsubscribes/allow/", {"how": "Called back; they meant another list."}, id=key)
    with desk.database.reading() as session:
        assert not consent.blocked(session, desk.harbor.id, [ANNA], P.ALL)


def test_the_whole_ledger_can_be_read_and_never_edited(desk: Desk) -> None:
    """Every entry is listed on its tab; there is no edit and no delete for anyone."""
    owner, key = desk.visitor(owner=True), desk.ids(desk.harbor)["unsubscribes"]
    with desk.database.transaction() as session:
        told(session, desk, (K.OPT_IN, P.ALL))
    assert "2 entries" in owner.text("/unsubscribes/", show="events")
    for verb in ("edit", "delete"):
        assert owner.send(f"/unsubscribes/{verb}/", {"id": key}, id=key).status_code == 403


def test_the_ledger_is_checked_on_a_page(desk: Desk) -> None:
    """It says that all is whole, offers a checkpoint that the ledger then passes through, and names a broken row."""
    admin = desk.visitor(RoleName.ADMIN)
    assert "The only entry is as it was written." in admin.text("/unsubscribes/check/")
    answer = admin.read("/unsubscribes/checkpoint/")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="consent-harbor-2')
    [end] = checkpoints.read(answer.text)
    with desk.database.transaction() as session:
        told(session, desk, (K.OPT_IN, P.ALL))
        assert checkpoints.walk(session, desk.harbor, [end]).problem is None
    assert "All 2 entries fit together." in admin.text("/unsubscribes/check/")
    key = desk.ids(desk.harbor)["unsubscribes"]
    with desk.database.transaction() as session:
        tamper(session, "UPDATE consent_event SET reason = 'changed' WHERE id = :id", id=key)
    assert f"The chain breaks at row {key}," in admin.text("/unsubscribes/check/")


def test_whether_a_text_was_allowed(desk: Desk) -> None:
    """By the account's own clock, about one purpose or all; a time that is none is told, and the page stays."""
    with desk.database.transaction() as session:
        told(session, desk, (K.OPT_IN, P.MARKETING))
        key = session.scalars(select(ConsentEvent.id).where(ConsentEvent.phone == ANNA)).one()
        told(session, desk, (K.OPT_OUT, P.ALL))
    admin = desk.visitor(RoleName.ADMIN)
    assert "No: the person opted out on Fri 20 Nov 2026, 10:00:00 EST (15:00:00 UTC)." in admin.text(
        "/unsubscribes/details/", id=key
    )
    before = admin.text("/unsubscribes/details/", id=key, at="2026-11-20T09:59")
    assert "Nothing forbade it, but no consent is on record, either." in before
    assert 'value="2026-11-20T09:59"' in before
    after = admin.text("/unsubscribes/details/", id=key, at="2026-11-20T10:00", about="marketing")
    assert "No: the person opted out" in after
    assert [f">entry {one}</a>" in after for one in (key, key + 1, key + 2)] == [True, True, False]
    for nonsense in ("yesterday", "9999-12-31T23:59", "2026-02-30T10:00"):
        assert "Choose a day and a time." in admin.text("/unsubscribes/details/", id=key, at=nonsense, about="x")
