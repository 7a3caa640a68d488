"""Where are the deliveries? Opens a Textledger database for reading only, or says in one sentence why it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, func, inspect, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql import ClauseElement

from models.accounts import Account
from models.base import Database, driver_url
from models.charges import Charge
from models.messages import Message

if TYPE_CHECKING:
    import pandas as pd


class SourceProblem(Exception):
    """The source cannot be opened; the text is one sentence that says what to do."""


@dataclass(frozen=True)
class Deliveries:
    """An open source of deliveries. Pass it to `usage`, `segments` and the others; nothing can be written through it."""

    engine: Engine
    source: str
    """Where it is, without a password."""
    now: datetime | None = None
    """The end of `last="30d"`, when the caller gave one."""

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection whose statements all see the same moment, and none may write."""
        with self.engine.connect() as connection:
            if self.engine.dialect.name != "sqlite":
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                yield connection
                return
            connection.exec_driver_sql("PRAGMA query_only=ON")
            try:
                yield connection
            finally:
                connection.exec_driver_sql("PRAGMA query_only=OFF")

    def as_of(self) -> datetime | None:
        """`now` where it was given, else when the newest message was created; None for no messages at all."""
        newest = select(func.max(Message.created_at)).where(Message.account_id == Account.id).scalar_subquery()
        if self.now is not None:
            return self.now
        with self.reading() as connection:
            times = [time for (time,) in connection.execute(select(newest).select_from(Account)) if time is not None]
        return max(times, default=None)

    def sql(self, statement: str, **values: Any) -> pd.DataFrame:
        """Your own read-only SQL as a frame, values as `:name`; micros stay the whole numbers that they are."""
        import pandas as pd

        with self.reading() as connection:
            result = connection.execute(text(statement), values)
            frame = pd.DataFrame(result.fetchall(), columns=list(result.keys()))
        frame.attrs.update(source=self.source, sql=statement)
        return frame

    def written(self, statement: ClauseElement) -> str:
        """A statement as this engine would get it, values filled in."""
        options = {"literal_binds": True, "render_postcompile": True}
        return str(statement.compile(dialect=self.engine.dialect, compile_kwargs=options))


def open(source: str | Path | Database, *, now: datetime | None = None) -> Deliveries:
    """Open a database URL, the path of an SQLite file or a `models.Database`, for reading only.

    `now` (aware) fixes what `last="30d"` counts back from; without it that is the newest message. Raises SourceProblem with
    one sentence for a missing file, an address that does not answer, or a database without our tables.
    """
    engine = source.engine.execution_options(reading=True) if isinstance(source, Database) else _engine(_url(source))
    deliveries = Deliveries(engine, engine.url.render_as_string(hide_password=True), now)
    _check(deliveries)
    return deliveries


def _url(source: str | Path) -> URL:
    if isinstance(source, Path) or "://" not in source:
        return URL.create("sqlite", database=str(source))
    try:
        return make_url(driver_url(source))
    except ArgumentError:
        raise SourceProblem("This is no database address: write sqlite:///file.db or postgresql://host/name.") from None


def _engine(url: URL) -> Engine:
    # no pool: a notebook asks seldom and never says goodbye, so no connection is kept
    if url.get_backend_name() == "postgresql":
        options = "-c default_transaction_read_only=on -c timezone=UTC"
        return create_engine(url, connect_args={"options": options}, poolclass=NullPool)
    if url.get_backend_name() != "sqlite":
        raise SourceProblem(f"Textledger reads SQLite and PostgreSQL, not {url.get_backend_name()}.")
    path = Path(url.database or "")
    if not path.is_file():
        raise SourceProblem(f"There is no database file {path}: check the path, or create the database first.")
    address = {"mode": "ro", "uri": "true"}
    engine = create_engine(
        URL.create("sqlite", database=f"file:{quote(str(path.resolve()))}", query=address), poolclass=NullPool
    )

    @event.listens_for(engine, "connect")
    def explicit(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # so that BEGIN below starts one snapshot for several statements

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _check(deliveries: Deliveries) -> None:
    try:
        with deliveries.reading() as connection:
            found = inspect(connection)
            for table in (cast(Table, Message.__table__), cast(Table, Charge.__table__)):
                if not found.has_table(table.name):
                    raise SourceProblem(f"{deliveries.source} holds no Textledger tables: migrate it first.")
                columns = {column["name"] for column in found.get_columns(table.name)}
                if not columns.issuperset(table.columns.keys()):
                    raise SourceProblem(f"{deliveries.source} is older than this program: migrate it first.")
    except DBAPIError as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0].rstrip(".")
        raise SourceProblem(f"{deliveries.source} cannot be read: {reason}.") from None
