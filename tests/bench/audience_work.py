"""The process that is measured: a CSV file becomes contacts, contacts become pending messages, and nothing else is in memory.

`python -m tests.bench.audience_work URL FILE` prints its figures as JSON: seconds of CPU, for each part and in all.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from models.accounts import Account, SenderKind, SendingNumber
from models.base import Database, connect
from models.campaigns import Audience, Campaign, Run
from models.countries import CountrySetting
from models.numbering import Normaliser
from models.schema import migrate
from models.templates import Template, TemplateVersion
from sender import audience, expansion, recipients
from sender.bulk import ROOM

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
TEXT = 'Hi {{ first_name | default: "there" }}, your dues of {{ amount | money }} are due. Reply STOP to opt out.'
CHUNK = 20_000

Figures = dict[str, float]


@contextmanager
def clocked(figures: Figures, part: str) -> Iterator[None]:
    """CPU and wall seconds of a part."""
    cpu, wall = time.process_time(), time.perf_counter()
    yield
    figures[part] = time.process_time() - cpu
    figures[f"{part} wall"] = time.perf_counter() - wall


def server_cpu(session: Session) -> float:
    """CPU seconds of the PostgreSQL process behind this connection so far, if it is on this machine; else 0."""
    if session.get_bind().dialect.name == "sqlite":
        return 0.0
    stat = Path(f"/proc/{session.scalar(text('SELECT pg_backend_pid()'))}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def peak_mib() -> float:
    """The most memory that this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def pace() -> float:
    """Milliseconds of CPU that the same fixed work takes now: two machines of one kind, or two minutes of one, may differ."""
    begin, kept = time.process_time(), {}
    for number in range(300_000):
        kept[number % 5000] = number, str(number)
    return (time.process_time() - begin) * 1000


def seeded(session: Session) -> Account:
    """An account with a sender and one country, without limits that end a list early."""
    account = Account(slug="bench", name="Bench", segment_limit=10**9, created_at=NOW)
    session.add(account)
    session.flush()
    session.add(SendingNumber(
        account_id=account.id, label="Short code", address="27242", kind=SenderKind.SHORT_CODE, segments_per_second=100,
        is_default=True, created_at=NOW,
    ))  # fmt: skip
    session.add(CountrySetting(account_id=account.id, region="US", name="United States", enabled=True, updated_at=NOW))
    session.commit()
    return account


def imported(session: Session, account: Account, path: Path, figures: Figures) -> Audience:
    """Our import of the file, and what reading it and reading its numbers alone take of that."""
    with path.open("rb") as stream, clocked(figures, "read file"):
        for _ in audience.open_table("people.csv", stream).cells:
            pass
    with path.open("rb") as stream:
        numbers = (row[0] for row in audience.open_table("people.csv", stream).cells)
        reader, figures["numbers"] = Normaliser("US"), 0.0
        while chunk := list(islice(numbers, CHUNK)):
            start = time.process_time()
            reader.many(chunk)
            figures["numbers"] += time.process_time() - start
    with path.open("rb") as stream, clocked(figures, "import"):
        table = audience.open_table("people.csv", stream)
        loaded = audience.load(
            session, account=account, name="bench", filename="people.csv", table=table, now=NOW,
            columns=audience.suggest_columns(table.columns), progress=lambda _done: session.commit(),
        )  # fmt: skip
        session.commit()
    return loaded


def started(session: Session, account: Account, loaded: Audience) -> Run:
    """A run of a campaign to the list."""
    template = Template(account_id=account.id, name="Dues", created_at=NOW, updated_at=NOW)
    session.add(template)
    session.flush()
    version = TemplateVersion(template_id=template.id, number=1, source=TEXT, created_by="bench", created_at=NOW)
    session.add(version)
    session.flush()
    ids = {"template_version_id": version.id, "audience_id": loaded.id}
    ids["sender_id"] = session.scalars(select(SendingNumber.id)).one()
    campaign = Campaign(account_id=account.id, name="Dues", created_at=NOW, updated_at=NOW, **ids)
    session.add(campaign)
    session.flush()
    run = Run(account_id=account.id, campaign_id=campaign.id, number=1, due_at=NOW, **ids)
    session.add(run)
    session.commit()
    return run


def expanded(session: Session, run: Run, figures: Figures) -> int:
    """Our expansion, and what only deciding takes of that; returns the messages made."""
    version, listed = (
        session.get_one(TemplateVersion, run.template_version_id),
        session.get_one(Audience, run.audience_id),
    )
    campaign = session.get_one(Campaign, run.campaign_id)
    given = recipients.terms(
        session, account_id=run.account_id, purpose=campaign.purpose, version=version, audience=listed, now=NOW
    )
    with clocked(figures, "decide"):
        for rows in recipients.recipients(session, listed.id, given):
            for _ in expansion.decide(session, rows, given):
                pass
    session.commit()
    longest = 0.0
    with clocked(figures, "expand"):
        while True:
            start = time.perf_counter()
            done = expansion.expand(session, run, now=NOW)
            session.commit()
            longest = max(longest, time.perf_counter() - start)
            if not done:
                break
    figures["longest expand transaction"] = longest
    return run.messages


def floor(database: Database, copy: Database, tables: tuple[str, ...]) -> float:
    """CPU seconds that SQLite takes to insert the same finished rows, in the same chunks, into tables with the same indexes."""
    taken = 0.0
    with database.reading() as source, copy.session() as target:
        old: Any = source.connection().connection.cursor()
        new: Any = target.connection().connection.cursor()
        for name, (more, _) in ROOM.items():
            new.execute(f"PRAGMA {name} = {more}")
        for table in tables:
            old.execute(f"SELECT * FROM {table} ORDER BY 1, 2")
            target.commit()
            while rows := old.fetchmany(CHUNK):
                start = time.process_time()
                new.execute("BEGIN IMMEDIATE")
                new.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
                new.execute("COMMIT")
                taken += time.process_time() - start
    return taken


def main(url: str, path: Path) -> Figures:
    """Everything, in one process."""
    database, figures = connect(url), Figures()
    migrate(database)
    with database.session() as session:
        account, paces = seeded(session), [pace()]
        before = server_cpu(session)
        loaded = imported(session, account, path, figures)
        figures["import server"] = server_cpu(session) - before
        figures |= {"rows": loaded.rows, "usable": loaded.usable, "import MiB": peak_mib()}
        paces.append(pace())
        run = started(session, account, loaded)
        before = server_cpu(session)
        figures["messages"] = expanded(session, run, figures)
        figures["expand server"] = server_cpu(session) - before
        figures |= {"excluded": run.excluded, "MiB": peak_mib()}
        paces.append(pace())
        figures |= {"least pace": min(paces), "most pace": max(paces)}
    if database.dialect == "sqlite":
        copy = connect(url.replace(".db", "-copy.db"))
        migrate(copy)
        floor(
            database,
            copy,
            ("account", "sending_number", "template", "template_version", "audience", "campaign", "run", "lane"),
        )
        figures["import floor"] = floor(database, copy, ("contact", "audience_row"))
        figures["expand floor"] = floor(database, copy, ("message", "exclusion"))
        copy.engine.dispose()
    database.engine.dispose()
    return figures


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))
