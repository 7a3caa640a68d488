"""What somebody does to the ledger who owns the database, past its triggers: the tests play that part."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session


def tamper(session: Session, statement: str, **values: Any) -> None:
    """Run a statement that the database would refuse, with the triggers out of the way meanwhile."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text(statement), values)
        session.execute(text("SET LOCAL session_replication_role = DEFAULT"))
    else:
        triggers = session.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
        for name, _ in triggers:
            session.execute(text(f"DROP TRIGGER {name}"))
        session.execute(text(statement), values)
        for _, sql in triggers:
            session.connection().exec_driver_sql(sql)
    session.expire_all()
