"""How commands talk to the person at the terminal: a progress bar, a preview, one sentence when they cannot go on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Audience
from sender import audience
from sender.tables import AudienceProblem, open_table

console = Console()


class Instant(click.ParamType[datetime]):
    """A time that somebody types with its zone; aware UTC."""

    name = "time"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The instant that is meant; nobody knows which one it is without a zone."""
        try:
            at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            found = at.astimezone(UTC) if at.tzinfo is not None else None
        except (ValueError, OverflowError):
            found = None
        if found is None:
            self.fail("give a time with its zone, such as 2026-11-22T04:00Z, or with its offset from UTC.", param, ctx)
        return found


def fail(sentence: str) -> click.ClickException:
    """The end of a command that cannot go on."""
    return click.ClickException(sentence)


def rest() -> NoReturn:
    """Do nothing until an interrupt, which is raised. By the second: `signal.pause` misses one that comes just before it."""
    while True:
        time.sleep(1)


def bar() -> Progress:
    """A progress bar that also reads well in a log."""
    columns: Sequence[Any] = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console)


def load_file(session: Session, account: Account, file: Path, *, now: datetime) -> Audience:
    """Load an audience with a progress bar."""
    with file.open("rb") as stream, bar() as progress:
        task = progress.add_task("Reading the audience", total=None)
        try:
            table = open_table(file.name, stream)
        except AudienceProblem as error:
            raise fail(str(error)) from error
        return audience.load(
            session, account=account, name=file.stem, filename=file.name, table=table, now=now, created_by="command line",
            columns=audience.suggest_columns(table.columns), progress=lambda done: progress.update(task, completed=done),
        )  # fmt: skip


def preview_table(preview: audience.Preview) -> Table:
    """Who would get it, who would not and why."""
    table = Table("Audience", "Rows", title="Preview")
    table.add_row("will be texted", f"{preview.recipients:,} ({preview.segments:,} segments)")
    for reason, count in sorted(preview.by_reason.items(), key=lambda item: -item[1]):
        table.add_row(f"left out: {reason.value.replace('_', ' ')}", f"{count:,}")
    return table
