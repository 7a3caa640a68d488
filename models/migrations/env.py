"""How alembic reaches the database: through the connection it is given, else through TEXTLEDGER_DATABASE_URL."""

from __future__ import annotations

import os
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, Enum

from models.base import BigId, UTCDateTime, connect
from models.schema import altering, metadata


def render_item(kind: str, item: Any, _autogen: Any) -> str | Literal[False]:
    """Plain types in migrations, so that they never import the models."""
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Enum):
        return "sa.String(length=32)"
    if kind == "type" and item is BigId:
        return "BigId"
    return False


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_item=render_item,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with altering(connect(os.environ.get("TEXTLEDGER_DATABASE_URL", "sqlite:///var/textledger.db"))) as opened:
        run(opened)
