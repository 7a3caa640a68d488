"""Who asked to be forgotten is forgotten, stays untexted if they said no, and no figure moves."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, make_transient

from models.accounts import Account
from models.base import Database, connect
from models.campaigns import CampaignState, Exclusion, Reason, Run
from models.consent import ConsentEvent, ConsentKind, ConsentSource, Purpose
from models.contacts import Contact
from models.flags import FlagKind
from models.messages import Message, MessageStatus
from models.secrets import SecretUnreadable
from sender import checkpoints, consent, dispatch, erasure, flags, inbox
from sender.expansion import await_turn
from tests.conftest import NOW, seed_account
from tests.forgotten import KEYS, OTHER, PHONE, TELLING, figures, file_bytes, furnished, left, priced, refused
from tests.ledger import tamper
from tests.lists import campaign_to, expanded, listed, run_of
from tests.seeds import sender_of, sending_run
from tests.test_models_schema import lowered

LATER = NOW + timedelta(days=1)
ALL, MARKETING = Purpose.ALL, Purpose.MARKETING


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database whose sessions can open what is sealed."""
    database = connect(database_url, secret_keys=KEYS)
    yield database
    database.engine.dispose()


def erased(session: Session, account: Account, phone: str = PHONE) -> erasure.Traces:
    """Forget a number, and commit."""
    traces = erasure.erase(session, account.id, phone, now=LATER, actor="robin@example.com")
    session.commit()
    return traces


def test_nothing_is_left_in_any_table(database: Database, session: Session, account: Account) -> None:
    """No cell of any table has the number, the name or a word; what the preview counted is what went; the other person stays."""
    furnished(session, account)
    priced(session, account)
    assert {word for cell in left(session) for word in TELLING if word in cell} == set(TELLING)
    shown = erasure.found(session, account.id, PHONE)
    assert erased(session, account) == shown
    assert (shown.contacts, shown.texts, shown.conversations, shown.notes, shown.list_rows) == (1, 3, 1, 1, 2)
    assert (shown.entries, shown.flags, shown.requests, shown.waiting) == (2, 1, 1, 0)
    assert left(session) == []
    assert left(session, OTHER, "Odo Marsh")
    assert erased(session, account).nothing
    if database.dialect == "sqlite":
        session.close()
        assert [word for word in TELLING if word.encode() in file_bytes(database)] == []


def test_no_figure_moves(session: Session, account: Account) -> None:
    """Charges line by line, daily facts, segments, prices, times and the number of people are the same to the micro-dollar."""
    furnished(session, account)
    priced(session, account)
    before = figures(session, account)
    assert (len(before["charges"]), before["people"]) == (6, 2)
    erased(session, account)
    assert figures(session, account) == before
    priced(session, account)
    assert figures(session, account) == before, "and nothing is charged anew"


def test_the_ledger_is_whole_and_checkpoints_still_fit(session: Session, account: Account) -> None:
    """One made before the erasure, one made after it; erased entries are counted."""
    furnished(session, account)
    session.commit()
    kept = checkpoints.checkpoint(session, account, now=NOW)
    erased(session, account)
    after = checkpoints.checkpoint(session, account, now=LATER)
    furnished(session, seed_account(session, slug="other"))
    proof = checkpoints.walk(session, account, [kept, after])
    assert (proof.problem, proof.entries, proof.erased) == (None, 5, 2)


def test_a_no_outlives_the_number(session: Session, account: Account) -> None:
    """Import, campaign, claim and the past all know it; another number is free; START opens it again."""
    furnished(session, account)
    erased(session, account)
    again = listed(session, account, "phone,name\n2125550141,Xanthippe\n2125550143,Una\n", name="Again", now=LATER)
    run = expanded(session, run_of(session, campaign_to(session, account, again, "Hello {{ name }}")))
    assert [row.reason for row in session.scalars(select(Exclusion).where(Exclusion.run_id == run.id))] == [
        Reason.OPTED_OUT
    ]
    assert set(consent.blocked(session, account.id, [PHONE, OTHER], ALL)) == {PHONE}
    standing = consent.state(session, account.id, PHONE)
    assert standing is not None
    assert (standing.kind, standing.source, standing.phone) == (ConsentKind.OPT_OUT, ConsentSource.ERASURE, "")
    past = consent.as_of(session, account.id, PHONE, MARKETING, NOW - timedelta(hours=1))
    assert past.allowed
    assert past.agreed is not None
    assert not consent.as_of(session, account.id, PHONE, ALL, LATER).allowed
    given = {"MessageSid": "SMback", "From": PHONE, "Body": "START"}
    inbox.receive(session, account=account, sender=sender_of(session, account), params=given, now=LATER)
    assert consent.blocked(session, account.id, [PHONE], ALL) == {}
    [start] = session.scalars(select(ConsentEvent).where(ConsentEvent.phone == PHONE))
    assert start.number_hash == standing.number_hash
    session.commit()
    assert erased(session, account).entries == 1
    assert consent.blocked(session, account.id, [PHONE], ALL) == {}
    assert checkpoints.walk(session, account).problem is None


def test_a_text_made_before_the_no_is_not_claimed(session: Session, account: Account) -> None:
    """The claim asks by hash, too: a message row with the number, whatever made it, is skipped."""
    run = sending_run(session, account, 2)
    first, second = session.scalars(select(Message).where(Message.run_id == run.id).order_by(Message.id))
    phone = first.phone
    consent.append(
        session, account_id=account.id, phone=phone, kind=ConsentKind.HOLD, source=ConsentSource.ADMIN, now=NOW
    )
    erased(session, account, phone)
    session.execute(
        update(Message).where(Message.id == first.id).values(status="pending", phone=phone, body="Hi", reason=None)
    )
    session.commit()
    claims = dispatch.claim(session, worker="w", now=LATER, limit=10)
    assert [claim.message_id for claim in claims] == [second.id]
    session.refresh(first)
    assert (first.status, first.reason) == (MessageStatus.SKIPPED, Reason.OPTED_OUT)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("opt_out", "opt_out:all"),
        ("opt_out:marketing", "opt_out:marketing"),
        ("hold", "hold:all"),
        ("opt_out hold:account", "opt_out:all hold:account"),
        ("opt_out re_subscribe", ""),
        ("opt_out opt_in:account", "opt_out:marketing"),
        ("opt_in", ""),
    ],
)
def test_what_stands_is_said_again(session: Session, account: Account, said: str, wanted: str) -> None:
    """In the fewest sealed events; a yes is not: who was forgotten has to agree again."""
    for word in said.split():
        kind, _, purpose = word.partition(":")
        consent.append(
            session, account_id=account.id, phone=PHONE, kind=ConsentKind(kind), purpose=Purpose(purpose or "all"),
            source=ConsentSource.ADMIN, now=NOW,
        )  # fmt: skip
    blocked = {p for p in Purpose if consent.blocked(session, account.id, [PHONE], p)}
    erased(session, account)
    last = session.scalars(select(ConsentEvent).where(ConsentEvent.erased_at.is_(None)).order_by(ConsentEvent.id)).all()
    assert last[0].kind is ConsentKind.ERASURE
    assert " ".join(f"{event.kind}:{event.purpose}" for event in last[1:]) == wanted
    assert {p for p in Purpose if consent.blocked(session, account.id, [PHONE], p)} == blocked
    assert consent.as_of(session, account.id, PHONE, ALL, LATER).agreed is None


def test_what_waits_is_cancelled_and_a_list_that_is_still_read_leaves_them_out(
    session: Session, account: Account
) -> None:
    """Pending texts are skipped, a run that has not come to the row excludes it, and so does every later run."""
    run = sending_run(session, account, 3)
    person = session.scalars(select(Contact).order_by(Contact.id)).first()
    assert person is not None
    phone, started = person.phone, erasure.found(session, account.id, person.phone)
    assert (started.waiting, started.texts) == (1, 1)
    erased(session, account, phone)
    fates = session.execute(select(Message.status, Message.reason).where(Message.run_id == run.id).order_by(Message.id))
    assert [tuple(fate) for fate in fates] == [("skipped", "erased"), ("pending", None), ("pending", None)]
    campaign = run.campaign
    campaign.state = CampaignState.SENDING
    again = expanded(session, run_of(session, campaign, number=2))
    left_out = session.scalars(select(Exclusion).where(Exclusion.run_id == again.id)).all()
    assert [(one.row, one.reason, one.detail) for one in left_out] == [(1, Reason.ERASED, "")]


@pytest.mark.parametrize(
    ("status", "said"),
    [("claimed", "is on its way"), ("in_doubt", "is on its way"), ("unknown", "Decide that on the page")],
)
def test_what_is_on_its_way_is_settled_first(session: Session, account: Account, status: str, said: str) -> None:
    """One sentence, and nothing has changed."""
    run = sending_run(session, account, 1)
    message = session.scalars(select(Message).where(Message.run_id == run.id)).one()
    message.status = MessageStatus(status)
    session.commit()
    phone = message.phone
    assert said in erasure.found(session, account.id, phone).obstacle
    with pytest.raises(erasure.NotSettled, match=said):
        erased(session, account, phone)
    session.rollback()
    assert (message.phone, message.status, message.number_hash) == (phone, status, None)


def test_accounts_are_apart(session: Session, account: Account) -> None:
    """The same number in another account stays, under that account's own key."""
    other = seed_account(session, slug="other")
    furnished(session, account)
    furnished(session, other)
    erased(session, account)
    assert left(session)
    erased(session, other)
    assert left(session) == []
    hashes = select(ConsentEvent.account_id, ConsentEvent.number_hash).distinct()
    found = {row.account_id: row.number_hash for row in session.execute(hashes)}
    assert len(set(found.values())) == len(found) == 2


def test_without_the_key_nothing_leaves(database: Database, session: Session, account: Account) -> None:
    """Nobody can tell any more who said no: asking stops, for this account alone; a new no is still taken down."""
    other = seed_account(session, slug="other")
    furnished(session, account)
    erased(session, account)
    mine, others = account.id, other.id
    session.close()
    keyless = connect(database.engine.url.render_as_string(hide_password=False))
    with keyless.transaction() as blind:
        with pytest.raises(SecretUnreadable):
            consent.blocked(blind, mine, [OTHER], ALL)
        assert consent.blocked(blind, others, [PHONE], ALL) == {}
        consent.append(
            blind, account_id=mine, phone=OTHER, kind=ConsentKind.OPT_OUT, source=ConsentSource.ADMIN, now=LATER
        )
    keyless.engine.dispose()


CHANGES = {
    "reason = ''": True,
    "kind = 'opt_in'": True,
    "phone = '', reason = '', evidence = '{}', salt = '', erased_at = at": True,  # without a hash
    "phone = '', reason = '', evidence = '{}', erased_at = at, number_hash = hash": True,  # with its salt
    "phone = '', reason = '', salt = '', erased_at = at, number_hash = hash": True,  # with its evidence
    "phone = '', evidence = '{}', salt = '', erased_at = at, number_hash = hash": True,
    "reason = '', evidence = '{}', salt = '', erased_at = at, number_hash = hash": True,
    "phone = '', reason = '', evidence = '{}', salt = '', number_hash = hash": True,  # without its time
    "phone = '', reason = '', evidence = '{}', salt = '', erased_at = at, number_hash = 'x'": True,
    "phone = '', reason = '', evidence = '{}', salt = '', erased_at = at, number_hash = hash": False,
}


@pytest.mark.parametrize(("change", "stopped"), CHANGES.items())
def test_the_database_lets_one_change_pass(session: Session, account: Account, change: str, stopped: bool) -> None:
    """All of an erasure and nothing but that; and not a second time."""
    furnished(session, account)
    session.commit()
    key = session.scalar(select(func.min(ConsentEvent.id)))
    assert refused(session, f"UPDATE consent_event SET {change} WHERE id = :id", id=key) is stopped
    for more in (
        "id = 999",
        "actor = 'x'",
        "purpose = 'account'",
        "message_id = 1",
        "content_hash = 'f'",
        "hash = 'f'",
    ):
        assert refused(session, f"UPDATE consent_event SET {change}, {more} WHERE id = :id", id=key), more
    if not stopped:
        for again in (change, "erased_at = NULL", "phone = 'x'", "number_hash = NULL"):
            assert refused(session, f"UPDATE consent_event SET {again} WHERE id = :id", id=key), again
    assert refused(session, "DELETE FROM consent_event WHERE id = :id", id=key)


def test_what_is_left_of_an_erased_entry_cannot_be_changed_unseen(session: Session, account: Account) -> None:
    """A change of any column that stayed, of the entry or of the erasure's own, is named, past the triggers."""
    furnished(session, account)
    erased(session, account)
    ids = session.scalars(select(ConsentEvent.id).order_by(ConsentEvent.id)).all()
    strings = ("phone", "reason", "actor", "kind", "purpose", "source", "salt", "content_hash", "hash", "number_hash")
    for key in ids:
        for name in (*strings, "erased_at", "at", "evidence"):
            value = {
                "erased_at": "2026-11-22 15:00:00.000000",
                "at": "2026-11-19 01:00:00.000000",
                "evidence": '{"a":1}',
            }
            kind = {"evidence": "json", "at": "timestamptz", "erased_at": "timestamptz"}.get(name, "text")
            given = f"CAST(:value AS {kind})" if session.get_bind().dialect.name == "postgresql" else ":value"
            tamper(
                session,
                f"UPDATE consent_event SET {name} = {given} WHERE id = :id",
                value=value.get(name, "e" * 32),
                id=key,
            )
            assert checkpoints.walk(session, account).broken is not None, (key, name)
            session.rollback()
    for key in ids[2:]:
        tamper(session, "UPDATE consent_event SET number_hash = NULL WHERE id = :id", id=key)
        assert checkpoints.walk(session, account).broken is not None
        session.rollback()
    assert checkpoints.walk(session, account).problem is None


def unfinished(session: Session, account: Account) -> tuple[Run, Message]:
    """A run whose list is still being read, and the text that it is about to make: not there yet."""
    run = sending_run(session, account, 1)
    made = session.scalars(select(Message).where(Message.run_id == run.id)).one()
    run.expanded = False
    session.delete(made)
    session.commit()
    make_transient(made)
    made.id = None  # type: ignore[assignment]
    return run, made


def test_a_list_that_is_being_read_is_waited_for(database: Database, session: Session, account: Account) -> None:
    """A text that another process was about to make is found and cancelled, and does not keep the number."""
    if database.dialect == "sqlite":
        pytest.skip("SQLite has one writer")
    run, made = unfinished(session, account)
    phone, key = made.phone, account.id
    await_turn(session, run.id)
    with ThreadPoolExecutor(1) as pool:
        erasing = pool.submit(in_its_own, database, key, phone)
        with pytest.raises(TimeoutError):
            erasing.result(timeout=1)
        session.add(made)
        session.commit()
        assert erasing.result(timeout=30).waiting == 1
    session.refresh(made)
    assert (made.phone, made.body, made.status) == ("", None, MessageStatus.SKIPPED)


def test_a_run_that_is_just_starting_is_not_overtaken(database: Database, session: Session, account: Account) -> None:
    """The erasure says so, instead of missing what the run is about to make."""
    if database.dialect == "sqlite":
        pytest.skip("SQLite has one writer")
    run, made = unfinished(session, account)
    run.expanded = True
    session.commit()
    phone, key = made.phone, account.id
    values = {c.key: getattr(run, c.key) for c in Run.__table__.columns if c.key not in ("id", "number", "expanded")}
    session.add(Run(**values, number=2, expanded=False))
    session.flush()
    with ThreadPoolExecutor(1) as pool:
        erasing = pool.submit(in_its_own, database, key, phone)
        with pytest.raises(TimeoutError):
            erasing.result(timeout=1)
        session.commit()
        with pytest.raises(erasure.NotSettled, match="just starting"):
            erasing.result(timeout=30)


def in_its_own(database: Database, account_id: int, phone: str) -> erasure.Traces:
    """An erasure in a session of its own."""
    with database.transaction() as session:
        return erasure.erase(session, account_id, phone, now=LATER)


def test_no_version_that_knows_no_hashes_gets_this_database(
    database: Database, session: Session, account: Account
) -> None:
    """It would text those who said no before they were erased: going back is refused, and nothing changes."""
    furnished(session, account)
    erased(session, account)
    key = account.id
    session.close()
    with pytest.raises(RuntimeError, match="would text those who opted out"), lowered(database, "0003"):
        pass
    with database.reading() as session:
        assert consent.blocked(session, key, [PHONE], ALL)


def test_a_flag_outlives_the_number(session: Session, account: Account) -> None:
    """Of somebody who never said a word themselves: the flag becomes a hold under the hash, and the ledger is whole."""
    flags.add(
        session, account_id=account.id, phone=OTHER, kind=FlagKind.LITIGATOR, since=NOW.date(), source="A list", now=NOW
    )
    erased(session, account, OTHER)
    assert left(session, OTHER) == []
    blocking = consent.blocked(session, account.id, [OTHER, PHONE], Purpose.ACCOUNT)
    assert {phone: event.kind for phone, event in blocking.items()} == {OTHER: ConsentKind.HOLD}
    assert checkpoints.walk(session, account).problem is None
    assert erased(session, account, OTHER).nothing


def test_a_cleared_flag_holds_nobody(session: Session, account: Account) -> None:
    """What was settled before the erasure stays settled."""
    flag = flags.add(
        session, account_id=account.id, phone=OTHER, kind=FlagKind.CEASE, since=NOW.date(), source="A letter", now=NOW
    )
    flags.clear(session, flag, reason="Withdrawn", now=NOW)
    erased(session, account, OTHER)
    assert consent.blocked(session, account.id, [OTHER], Purpose.ACCOUNT) == {}
