"""What is missing before texts can be sent, what is not as it should be, and how is it mended?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum

import click
from rich.table import Table

from admin.cli_accounts import here
from admin.config import Config
from admin.database import obstacle
from admin.terminal import console, fail
from models.base import Database
from models.schema import drift
from sender.worker import wall_clock

OTHER_TABLES = "The tables are not those of this version: restore a backup, or ask for help."


class State(StrEnum):
    """How it stands with one thing."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `mend` says what to do, and is empty when nothing has to be done."""

    what: str
    state: State
    said: str
    mend: str = ""


def ok(what: str, said: str) -> Finding:
    """Nothing has to be done."""
    return Finding(what, State.OK, said)


def warning(what: str, said: str, mend: str) -> Finding:
    """Texts can be sent, but somebody should look."""
    return Finding(what, State.WARNING, said, mend)


def missing(what: str, said: str, mend: str) -> Finding:
    """Texts cannot be sent, or would be lost, before this is mended."""
    return Finding(what, State.MISSING, said, mend)


def examine(config: Config, database: Database, *, online: bool) -> Iterator[Finding]:
    """Everything there is to say; Twilio and the public address are asked only `online`."""
    from admin import doctor_accounts, doctor_system

    now = wall_clock()
    yield from doctor_system.addresses(config, online=online)
    problem = obstacle(database)
    if problem is None:
        with database.reading() as session:
            problem = OTHER_TABLES if drift(session.connection()) else None
    if problem:
        yield missing("database", problem, problem)
        return
    yield ok("database", "answers, and its tables are those of this version")
    with database.reading() as session:
        yield from doctor_system.storage(session)
        yield from doctor_system.work(session, now=now, dialect=database.dialect)
        yield from doctor_accounts.accounts(config, session, now=now)
    if online:
        yield from doctor_accounts.online(config, database)


@click.command("doctor")
@click.option(
    "--online", is_flag=True, help="Also ask Twilio about each account, and our public address for an answer."
)
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
def doctor_command(online: bool, as_json: bool) -> None:
    """Say what is missing before texts can be sent; exits non-zero when something is."""
    config, database = here(migrated=False)
    found = list(examine(config, database, online=online))
    lacking = [finding for finding in found if finding.state is State.MISSING]
    if as_json:
        click.echo(json.dumps({"ready": not lacking, "findings": [asdict(finding) for finding in found]}))
    else:
        table = Table("What", "State", "What to do")
        for finding in found:
            table.add_row(finding.what, f"{finding.state}: {finding.said}", finding.mend)
        console.print(table)
    if any(finding.what == "database" for finding in lacking):
        raise fail(next(finding.said for finding in lacking if finding.what == "database"))
    if lacking:
        raise fail(f"Not ready to send: see {', '.join(finding.what for finding in lacking)} in the table.")
