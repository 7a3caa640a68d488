"""Rows in one step: the same as the query's own, on both databases."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import bindparam, event, select, update
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Base
from models.campaigns import Reason
from models.messages import Message, MessageStatus
from sender.whole import Whole
from tests import seeds
from tests.conftest import NOW

M = Base.metadata.tables["message"].c
QUERY = select(M.id, M.body, M.status, M.reason, M.due_at, M.expires_at, M.kind).where(
    M.segments == bindparam("segments")
)


def test_the_rows_are_the_query_s(session: Session, account: Account) -> None:
    """Numbers, words, times, nothing, and a text with everything that JSON quotes."""
    seeds.sending_run(session, account, 3)
    ids = session.scalars(select(Message.id).order_by(Message.id)).all()
    odd = 'a "b" \\ c\n\t\u2028 é 🎉 \x7f'
    changed = {"body": odd, "status": MessageStatus.SKIPPED, "reason": Reason.EXPIRED}
    session.execute(
        update(Message).where(Message.id == ids[1]).values(**changed, expires_at=NOW + timedelta(microseconds=7))
    )
    expected = [tuple(row) for row in session.execute(QUERY.order_by(M.id), {"segments": 1})]
    found = sorted(Whole(QUERY).rows(session, {"segments": 1}), key=lambda row: row.id)
    assert [tuple(row) for row in found] == expected
    assert (found[1].body, found[1].status, found[1].reason) == (odd, MessageStatus.SKIPPED, Reason.EXPIRED)
    assert (found[1].expires_at, found[0].expires_at) == (NOW + timedelta(microseconds=7), None)
    assert Whole(QUERY).rows(session, {"segments": 99}) == []


def test_sqlite_gives_one_row(session: Session, account: Account) -> None:
    """However many there are: each row of a cursor would be a turn of the interpreter."""
    seeds.sending_run(session, account, 5)
    session.flush()
    asked: list[str] = []
    event.listen(session.get_bind(), "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert len(Whole(QUERY).rows(session, {"segments": 1})) == 5
    packed = session.get_bind().dialect.name == "sqlite"
    assert asked[-1].startswith("SELECT json_group_array(") == packed
