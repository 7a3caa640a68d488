"""Every table at once, and the one way to bring a database up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect

from models import (
    accounts,
    campaigns,
    charges,
    consent,
    contacts,
    countries,
    flags,
    inbox,
    jobs,
    links,
    messages,
    notices,
    opt_ins,
    rollups,
    rules,
    settings,
    templates,
    users,
    workflows,
)
from models.base import Base, Database

if TYPE_CHECKING:
    from alembic.config import Config

TABLES = (
    accounts, campaigns, charges, consent, contacts, countries, flags, inbox, jobs, links, messages, notices, opt_ins, rollups,
    rules, settings, templates, users, workflows,
)  # fmt: skip
metadata = Base.metadata


def alembic_config() -> Config:
    """Alembic's configuration, read from pyproject.toml."""
    from alembic.config import Config

    root = Path(__file__).parent.parent
    return Config(toml_file=root / "pyproject.toml")


def migrate(database: Database, revision: str = "head") -> None:
    """Upgrade to `revision` in one transaction; running it again changes nothing."""
    from alembic import command

    with altering(database) as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


@contextmanager
def altering(database: Database) -> Iterator[Connection]:
    """A transaction that may change tables; committed at the end.

    SQLite changes a constraint only by copying the table, and dropping the old one would break every reference to it. So, as
    its documentation prescribes (lang_altertable.html, section 7), references are not enforced meanwhile, and all of them are
    checked before the commit.
    """
    with database.engine.connect() as connection:
        _enforce(connection, on=False)  # has no effect inside a transaction, so before the first statement
        try:
            with connection.begin():
                yield connection
                if database.dialect == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                    raise RuntimeError(
                        "The migration would leave references to rows that are gone; nothing was changed."
                    )
        finally:
            _enforce(connection, on=True)


def _enforce(connection: Connection, *, on: bool) -> None:
    driver = connection.connection.driver_connection
    if connection.dialect.name == "sqlite" and driver is not None:
        driver.execute(f"PRAGMA foreign_keys={'ON' if on else 'OFF'}")


def drift(connection: Connection) -> list[object]:
    """What the tables in the database differ in from the models; empty when they agree."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
    return list(compare_metadata(context, metadata))


def is_migrated(database: Database) -> bool:
    """Whether the schema is there at all."""
    return inspect(database.engine).has_table("account")
