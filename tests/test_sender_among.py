"""A column among many values: any number of them, and by index."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from models.accounts import Account
from models.messages import Message
from sender.among import among, array
from tests import seeds


def test_among_takes_any_number(session: Session, account: Account) -> None:
    """None, one and more values than a database takes parameters."""
    seeds.sending_run(session, account, 5)
    ids = session.scalars(select(Message.id).order_by(Message.id)).all()
    for wanted in ([], [ids[0]], [*ids, *range(10**6, 10**6 + 70_000)]):
        found = session.scalars(
            select(Message.id).where(among(Message.id, "ids")).order_by(Message.id), {"ids": wanted}
        ).all()
        assert found == [id_ for id_ in ids if id_ in wanted]
    bodies = session.scalars(
        select(Message.body).where(among(Message.body, "bodies")), {"bodies": ["Hello Member 1", 'O\'Neil \\ "x"']}
    )
    assert bodies.all() == ["Hello Member 1"]


def test_one_made_once(session: Session, account: Account) -> None:
    """The values are a parameter of the statement, others each time."""
    seeds.sending_run(session, account, 3)
    ids = session.scalars(select(Message.id).order_by(Message.id)).all()
    query = select(Message.id).where(among(Message.id, "ids"), Message.segments == 1).order_by(Message.id)
    assert [session.scalars(query, {"ids": wanted}).all() for wanted in (ids[:1], {ids[2], 0}, [])] == [
        ids[:1],
        ids[2:],
        [],
    ]


def test_the_index_serves(session: Session) -> None:
    """Neither database is asked to compare the answer with anything, which would read the whole table."""
    query = select(Message.id).where(among(Message.id, "ids"), Message.segments == 1)
    postgres, json = (str(query.compile(dialect=dialect)) for dialect in (postgresql.dialect(), sqlite.dialect()))
    assert " = ANY (CAST(" in postgres
    assert " IN (SELECT value FROM json_each(" in json
    assert ") = 1" not in json
    if session.get_bind().dialect.name == "sqlite":
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {json}", ("[1]", 1)).all()
        assert [row.detail for row in plan if "message" in row.detail] == [
            "SEARCH message USING INTEGER PRIMARY KEY (rowid=?)"
        ]


def test_an_array_in_postgresqls_own_notation() -> None:
    """Numbers as they are, texts in quotes, in which a quote and a backslash are escaped."""
    assert array([1, -2]) == "{1,-2}"
    assert array(['say "hi"', "a\\b", "x,{}", ""]) == r'{"say \"hi\"","a\\b","x,{}",""}'
    assert array([]) == "{}"
