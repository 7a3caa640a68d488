"""Does the ledger show what was done to it, and does the database refuse to do it?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models.accounts import Account
from models.chain import FIRST, commitment, link
from models.consent import ConsentEvent, ConsentKind, ConsentSource
from models.messages import Message
from sender import checkpoints, consent
from sender.checkpoints import Checkpoint
from tests.conftest import NOW, seed_account
from tests.ledger import tamper
from tests.seeds import sending_run

COLUMNS = [column.name for column in ConsentEvent.__table__.columns]


def filled(session: Session, account: Account, count: int = 5) -> list[int]:
    """Some events, committed; their ids."""
    found = [
        consent.append(
            session, account_id=account.id, phone=f"+121255501{n:02}", kind=ConsentKind.OPT_OUT,
            source=ConsentSource.KEYWORD, reason="Replied STOP", evidence={"sid": f"SM{n}", "text": "Stöp 🛑"},
            actor="webhook", now=NOW + timedelta(microseconds=n + 1),
        )
        for n in range(count)
    ]  # fmt: skip
    session.commit()
    return [event.id for event in found]


def broken(session: Session) -> set[int | None]:
    """The rows that a walk along every chain names."""
    return {checkpoints.walk(session, one).broken for one in session.scalars(select(Account))} - {None}


def flipped(value: str, place: int) -> str:
    """Text with the lowest bit of one character changed."""
    return value[:place] + chr(ord(value[place]) ^ 1) + value[place + 1 :]


def test_a_whole_ledger_is_whole(session: Session, account: Account) -> None:
    """All of it is walked, also more than is read at once; an empty one is whole, too."""
    assert checkpoints.walk(session, account) == checkpoints.Proof("harbor", 0, FIRST)
    filled(session, account, checkpoints.PAGE + 3)
    proof = checkpoints.walk(session, account)
    assert (proof.entries, proof.problem) == (checkpoints.PAGE + 3, None)
    assert proof.last_hash == checkpoints.checkpoint(session, account, now=NOW).hash


@pytest.mark.parametrize("row", [0, 2, 4])
@pytest.mark.parametrize("column", COLUMNS)
def test_a_changed_column_names_its_row(session: Session, account: Account, column: str, row: int) -> None:
    """One bit of any column of any row; where that leaves no word, time or JSON at all, it is named just the same."""
    other = seed_account(session, slug="other")
    message = session.scalars(select(Message).where(Message.run_id == sending_run(session, other, 1).id)).one()
    ids = filled(session, account)
    if column == "id":  # a row's number is only its place
        value = 10_000 if row == 0 else -row
        wanted, values = {ids[1] if row == 0 else value}, [value]
    elif column == "account_id":  # the rest of the chain does not fit, and the row fits nowhere else
        wanted, values = {ids[row], *ids[row + 1 : row + 2]}, [other.id]
    elif column == "message_id":
        wanted, values = {ids[row]}, [message.id]
    elif column in ("erased_at", "number_hash"):  # what only an erasure writes, and its seal knows
        wanted, values = {ids[row]}, ["2026-11-20 15:00:00.000001" if column == "erased_at" else "f" * 64]
    else:
        cast = f"CAST({column} AS text)" if column in ("evidence", "at") else column
        now = session.execute(text(f"SELECT {cast} FROM consent_event WHERE id = :id"), {"id": ids[row]}).scalar_one()
        wanted = {ids[row]}
        values = [flipped(now, place) for place in {0, len(now) // 2, len(now) - 1}]
    session.commit()
    for value in values:
        try:
            kind = {"evidence": "json", "at": "timestamptz", "erased_at": "timestamptz"}.get(column)
            given = f"CAST(:value AS {kind})" if kind and session.get_bind().dialect.name == "postgresql" else ":value"
            tamper(session, f"UPDATE consent_event SET {column} = {given} WHERE id = :id", value=value, id=ids[row])
        except DBAPIError:  # PostgreSQL knows what is no time and no JSON
            session.rollback()
            continue
        assert broken(session) == wanted, (column, value)
        session.rollback()


def test_a_removed_and_a_slipped_in_row_show(session: Session, account: Account) -> None:
    """The row after it does not follow."""
    ids = filled(session, account)
    tamper(session, "DELETE FROM consent_event WHERE id = :id", id=ids[2])
    assert broken(session) == {ids[3]}
    session.rollback()
    columns = ", ".join(name for name in COLUMNS if name not in ("id", "hash", "previous_hash"))
    tamper(
        session,
        f"INSERT INTO consent_event (id, {columns}, hash, previous_hash) "
        f"SELECT 9999, {columns}, 'f', 'f' FROM consent_event WHERE id = :id",
        id=ids[2],
    )
    assert broken(session) == {9999}


def forged(session: Session, ids: list[int]) -> None:
    """Write the chain anew from a row on, with a reason of our own, as whoever knows how it is made can."""
    previous = session.get_one(ConsentEvent, ids[0]).previous_hash
    for key in ids:
        event = session.get_one(ConsentEvent, key)
        content = commitment(event.salt, {**event.content(), "reason": "forged"})
        hash_ = link(previous, {**event.facts(), "content": content})
        tamper(
            session,
            "UPDATE consent_event SET reason = 'forged', content_hash = :content, hash = :hash, previous_hash = :previous "
            "WHERE id = :id",
            content=content, hash=hash_, previous=previous, id=key,
        )  # fmt: skip
        previous = hash_


CUTS: list[tuple[str, Callable[[Session, list[int]], None], str]] = [
    ("the last row", lambda s, ids: tamper(s, "DELETE FROM consent_event WHERE id = :id", id=ids[-1]), "was cut off"),
    ("every row", lambda s, _: tamper(s, "DELETE FROM consent_event"), "was cut off"),
    ("written anew", lambda s, ids: forged(s, ids[2:]), "was written anew"),
    ("written anew from the start", forged, "was written anew"),
]


@pytest.mark.parametrize(("_name", "act", "said"), CUTS, ids=[name for name, *_ in CUTS])
def test_a_checkpoint_shows_what_no_chain_can(
    session: Session, account: Account, _name: str, act: Callable[[Session, list[int]], None], said: str
) -> None:
    """Rows cut off at the end and a chain written anew fit together; only what was exported before does not fit them."""
    ids = filled(session, account)
    kept = checkpoints.checkpoint(session, account, now=NOW)
    assert checkpoints.walk(session, account, [kept]).problem is None
    act(session, ids)
    assert checkpoints.walk(session, account).problem is None
    problem = checkpoints.walk(session, account, [kept]).problem
    assert problem is not None
    assert said in problem
    assert "the checkpoint of 2026-11-20 15:00 UTC has 5 entries" in problem
    assert "+1" not in problem


def test_older_checkpoints_still_fit_and_the_first_that_does_not_is_told(session: Session, account: Account) -> None:
    """A chain grows past its checkpoints; another account's mean nothing to it."""
    empty = checkpoints.checkpoint(session, account, now=NOW)
    filled(session, account)
    kept = checkpoints.checkpoint(session, account, now=NOW)
    strange = replace(kept, account="other", hash="f" * 64)
    ids = filled(session, account)
    later = checkpoints.checkpoint(session, account, now=NOW)
    assert checkpoints.walk(session, account, [later, strange, kept, empty]).problem is None
    tamper(session, "DELETE FROM consent_event WHERE id >= :id", id=ids[0] - 1)
    assert checkpoints.walk(session, account, [later, strange, kept, empty]).missed == kept


def test_a_checkpoint_survives_its_file() -> None:
    """What is written is read again; anything else is refused in a sentence."""
    both = [Checkpoint("harbor", 7, "a" * 64, NOW), Checkpoint("other", 0, FIRST, NOW)]
    assert checkpoints.read(checkpoints.written(both)) == both
    for text_ in ("", "{}", "[]", '{"form": "another"}', checkpoints.written(both).replace('"entries"', '"rows"')):
        with pytest.raises(ValueError, match="This is no checkpoint"):
            checkpoints.read(text_)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE consent_event SET reason = 'another' WHERE id = :id",
        "UPDATE consent_event SET kind = kind WHERE id = :id",
        "DELETE FROM consent_event WHERE id = :id",
        "DELETE FROM consent_event WHERE id >= :id",
    ],
)
def test_the_database_itself_refuses(session: Session, account: Account, statement: str) -> None:
    """Whatever a program does, it adds."""
    [key] = filled(session, account, 1)
    with pytest.raises(DBAPIError, match="consent_event is append-only"):
        session.execute(text(statement), {"id": key})
    session.rollback()
    assert checkpoints.walk(session, account).entries == 1


def test_no_row_can_be_replaced_or_all_be_emptied(session: Session, account: Account) -> None:
    """SQLite replaces a row without asking its DELETE trigger, PostgreSQL empties a table without asking for rows."""
    [key] = filled(session, account, 1)
    columns = ", ".join(COLUMNS)
    statements = ["TRUNCATE consent_event CASCADE", "TRUNCATE account CASCADE"]
    if session.get_bind().dialect.name == "sqlite":
        same = (
            f"INSERT OR REPLACE INTO consent_event ({columns}) SELECT {columns} FROM consent_event WHERE id = {key:d}"
        )
        statements = [
            same,
            same.replace("SELECT id", "SELECT id + 1"),
            f"UPDATE OR REPLACE consent_event SET id = {key:d}",
        ]
    for statement in statements:
        with pytest.raises(DBAPIError, match="consent_event is append-only"):
            session.execute(text(statement))
        session.rollback()
    assert checkpoints.walk(session, account).entries == 1


def test_an_erased_event_would_leave_the_chain_whole(session: Session, account: Account) -> None:
    """The chain holds a commitment, so it does not need what the event says of a person; and a salt never comes twice."""
    ids = filled(session, account)
    found = [session.get_one(ConsentEvent, key) for key in ids]
    assert len({event.salt for event in found}) == len({event.content_hash for event in found}) == 5
    for before, event in pairwise(found):
        assert event.hash == link(before.hash, event.facts())
        assert not {event.phone, event.reason, event.salt} & set(map(str, event.facts().values()))
