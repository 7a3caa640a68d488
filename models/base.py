"""How rows reach the database: the declarative base, UTC times, and one engine for SQLite and PostgreSQL.

SQLite runs in WAL with `synchronous=FULL`, because a claim must be on disk before a byte leaves for Twilio. Transactions on
SQLite start with `BEGIN IMMEDIATE`, so two writers queue instead of failing half-way; a session from `reading()` starts with a
plain `BEGIN` and never waits for a writer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import BigInteger, DateTime, Dialect, Engine, Enum, Integer, MetaData, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.types import TypeDecorator

CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

FROZEN_SECONDS = 60
"""After how long PostgreSQL ends a transaction whose process has fallen silent: a frozen worker must not lock out the others."""

OPENING = "opening"
"""Under this name a session carries the keys that open what `models.secrets` sealed."""

BigId = BigInteger().with_variant(Integer, "sqlite")
"""An autoincrementing 64-bit key; SQLite needs the word INTEGER for that."""


class Base(DeclarativeBase):
    """Every table of ours."""

    metadata = MetaData(naming_convention=CONVENTION)
    type_annotation_map: ClassVar = {int: BigId}


class UTCDateTime(TypeDecorator[datetime]):
    """An aware UTC time. A time without a zone is refused; SQLite keeps naive UTC text, PostgreSQL `timestamptz`."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A time without a zone was about to be stored; pass an aware datetime.")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def words(kind: type[StrEnum]) -> Enum:
    """A column that stores the enum's own words ("undelivered", never "UNDELIVERED"), checked by Python alone."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=32,
        values_callable=lambda enum: [m.value for m in enum],
    )


@dataclass(frozen=True)
class Database:
    """An engine with its two kinds of session."""

    engine: Engine
    _writing: sessionmaker[Session]
    _reading: sessionmaker[Session]

    def session(self) -> Session:
        """A session that may write; on SQLite it holds the write lock from its first statement."""
        return self._writing()

    def reading(self) -> Session:
        """A session for reads that never waits for a writer."""
        return self._reading()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """For edges only: commit at the end, roll back on an exception."""
        with self._writing.begin() as session:
            yield session

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name


def driver_url(url: str) -> str:
    """The URL with our PostgreSQL driver named; anything else unchanged."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def connect(url: str, *, secret_keys: Sequence[str] = ()) -> Database:
    """Open a database by URL (`sqlite:///file.db`, `postgresql://…`). Nothing is created; see `models.schema.migrate`.

    Its sessions carry `secret_keys`, for what has to open a sealed value deep inside (`models.digests`).
    """
    options: dict[str, Any] = {"connect_args": {"timeout": 30}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    engine = create_engine(
        driver_url(url), hide_parameters=True, **options
    )  # an error text must not hold numbers and bodies
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    else:
        _prepare_postgres(engine)
    reader, info = engine.execution_options(reading=True), {OPENING: tuple(secret_keys)}
    return Database(
        engine,
        sessionmaker(engine, expire_on_commit=False, info=info),
        sessionmaker(reader, expire_on_commit=False, info=info),
    )


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def pragmas(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own implicit BEGIN is deferred; ours is explicit, below
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _prepare_postgres(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def zone(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET TIME ZONE 'UTC'")
            cursor.execute(f"SET idle_in_transaction_session_timeout = '{FROZEN_SECONDS}s'")
        connection.commit()
