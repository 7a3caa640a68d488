"""Every table at once, and the one way to bring a database up to date."""

from __future__ import annotations

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
    inbox,
    jobs,
    messages,
    notices,
    rollups,
    settings,
    templates,
    users,
    workflows,
)
from models.base import Base, Database

if TYPE_CHECKING:
    from alembic.config import Config

TABLES = (
    accounts, campaigns, charges, consent, contacts, countries, inbox, jobs, messages, notices, rollups, settings, templates, users,
    workflows,
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

    with database.engine.begin() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def drift(connection: Connection) -> list[object]:
    """What the tables in the database differ in from the models; empty when they agree."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
    return list(compare_metadata(context, metadata))


def is_migrated(database: Database) -> bool:
    """Whether the schema is there at all."""
    return inspect(database.engine).has_table("account")
