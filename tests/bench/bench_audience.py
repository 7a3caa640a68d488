"""How long does a million people take from a CSV file to pending messages, against the loop that anyone would write first?

The floor beside each figure is what SQLite takes to insert the same finished rows, with nothing read, decided or rendered.
`TEXTLEDGER_BENCH_ROWS=100000 make bench ARGS=audience` measures fewer.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import connect
from models.campaigns import Audience, AudienceRow, Campaign, Exclusion, Lane, Run
from models.consent import ConsentEvent
from models.contacts import Contact
from models.messages import Message
from models.phones import Phone, normalise
from models.schema import migrate
from models.segments import measure
from sender.templates import parse, render
from tests.bench.audience_work import TEXT, Figures
from tests.bench.stage import databases
from tests.conftest import NOW, seed_account
from tests.lists import campaign_to, run_of
from tests.numbers import texts
from tests.test_models_numbering import differences

COUNT, SAMPLE, NUMBERS = int(os.environ.get("TEXTLEDGER_BENCH_ROWS", "1000000")), 500, 520_000
AREAS = ("212", "213", "312", "415", "602", "617", "713", "202", "206", "305")
GOALS = {"import": 100_000, "expand": 150_000}
"""Rows a CPU-second, as the issue asks for them."""
MEMORY = 200
"""MiB that the process may have at most, at its peak."""
NAIVE = {"import": 10, "expand": 10}
"""How many times faster than the naive loop it must be, in the same run."""
FLOOR = 4
"""How many times as long as the bare inserts it may take, in the same run."""


def people(count: int, seed: int = 7) -> Iterator[str]:
    """A list of that many members as the lines of a CSV file; about 1 in 100 is a duplicate or no number."""
    chance = random.Random(seed)
    yield "Mobile,First name,Last name,Amount,Member ID\n"
    for n in range(count):
        number = f"({chance.choice(AREAS)}) {chance.randint(200, 989)}-{chance.randint(0, 9999):04}"
        phone = "unknown" if n % 200 == 199 else number
        yield f"{phone},Ann{n % 700},Lee{n % 900},{n % 400}.50,M{n}\n"


def timed(work: Callable[[], int]) -> float:
    """Rows per CPU-second."""
    start = time.process_time()
    done = work()
    return done / (time.process_time() - start)


def naive_load(session: Session, account: Account, text: str) -> Audience:
    """Look every person up, add what is missing, flush; one object at a time, as an ORM invites one to."""
    listed = Audience(account_id=account.id, name="naive", created_at=NOW)
    session.add(listed)
    session.flush()
    for number, row in enumerate(csv.DictReader(io.StringIO(text)), start=1):
        phone = normalise(row["Mobile"], account.default_region)
        entry = AudienceRow(audience_id=listed.id, row=number, fields=row)
        if isinstance(phone, Phone):
            query = select(Contact).where(Contact.account_id == account.id, Contact.phone == phone.e164)
            person = session.scalars(query).one_or_none() or Contact(
                account_id=account.id, phone=phone.e164, phone_raw=row["Mobile"], region=phone.region,
                line_type=phone.line_type, time_zones=",".join(phone.time_zones), created_at=NOW, updated_at=NOW,
            )  # fmt: skip
            session.add(person)
            session.flush()
            entry.contact_id = person.id
        session.add(entry)
        session.flush()
    return listed


def naive_expand(session: Session, run: Run, campaign: Campaign, source: str) -> int:
    """One recipient at a time: fetch the contact, ask about consent, render, add."""
    lane = Lane(run_id=run.id, sender_id=run.sender_id, region="US", zones="")
    session.add(lane)
    session.flush()
    entries = session.scalars(select(AudienceRow).where(AudienceRow.audience_id == run.audience_id)).all()
    for entry in entries:
        person = session.get(Contact, entry.contact_id) if entry.contact_id else None
        query = select(ConsentEvent).where(ConsentEvent.account_id == run.account_id)
        if person is None or session.scalars(query.where(ConsentEvent.phone == person.phone)).first():
            session.add(Exclusion(run_id=run.id, row=entry.row, reason="invalid_number"))
            continue
        body = render(parse(source), {"first_name": entry.fields["First name"], "amount": entry.fields["Amount"]})
        encoding, units, segments = measure(body)
        session.add(
            Message(
                account_id=run.account_id, run_id=run.id, lane_id=lane.id, contact_id=person.id, phone=person.phone,
                region=person.region, body=body, encoding=encoding, units=units, segments=segments, due_at=NOW,
                sender_id=run.sender_id, template_version_id=run.template_version_id, created_at=NOW, updated_at=NOW,
            )
        )  # fmt: skip
        session.flush()
    session.commit()
    return len(entries)


def naive(url: str) -> dict[str, float]:
    """Rows per CPU-second of the naive loops, on a small list."""
    database, text = connect(url), "".join(people(SAMPLE, seed=8))
    migrate(database)
    with database.session() as session:
        account = seed_account(session)
        normalise("2125550100", account.default_region)  # the numbering plan is read once, whoever asks first
        imported = timed(lambda: naive_load(session, account, text).rows or SAMPLE)
        session.commit()
        campaign = campaign_to(session, account, session.scalars(select(Audience)).one(), TEXT)
        expanded = timed(lambda: naive_expand(session, run_of(session, campaign), campaign, TEXT))
    database.engine.dispose()
    return {"import": imported, "expand": expanded}


def measured(url: str, path: Path) -> Figures:
    """Our import and expansion, in a process that holds nothing else."""
    command = [sys.executable, "-m", "tests.bench.audience_work", url, str(path)]
    figures: Figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert figures["rows"] == figures["messages"] + figures["excluded"] == COUNT
    return figures


def run() -> None:
    """Import and expand a million rows on both databases, and hold numbers in bulk to numbers alone."""
    with tempfile.TemporaryDirectory() as folder, databases() as urls:
        path = Path(folder) / "people.csv"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(people(COUNT))
        slow = naive(urls["SQLite"].replace(".db", "-naive.db"))
        figures = {name: measured(url, path) for name, url in urls.items()}
    for name, found in figures.items():
        show(name, found, slow)
    wrong = differences(list(texts(NUMBERS, seed=99)), "US", chunk=20_000)
    Console().print(f"numbers in bulk and alone: {len(wrong):,} of {NUMBERS:,} answered differently")
    assert not wrong
    lite = figures["SQLite"]
    for part, least in NAIVE.items():
        assert COUNT / lite[part] >= least * slow[part], f"{part} is not {least} times as fast as the naive loop"
        assert lite[part] <= FLOOR * lite[f"{part} floor"], f"{part} takes more than {FLOOR} times the bare inserts"


def show(name: str, found: Figures, slow: dict[str, float]) -> None:
    """Print the figures of one database, each beside its goal."""
    table = Table(
        f"audience, {name}", "rows", "rows/CPU-s of ours", "goal", "floor", "naive", "CPU s", "server CPU s", "wall s"
    )
    for part, goal in GOALS.items():
        speed, floor = COUNT / found[part], found.get(f"{part} floor")
        met = "met" if speed >= goal else "not met"
        table.add_row(
            part, f"{COUNT:,}", f"{speed:,.0f}", f"{goal:,}: {met}", f"{COUNT / floor:,.0f}" if floor else "",
            f"{slow[part]:,.0f}", f"{found[part]:.2f}", f"{found[f'{part} server']:.2f}", f"{found[f'{part} wall']:.1f}",
        )  # fmt: skip
    console = Console(width=120)
    console.print(table)
    met = "met" if found["MiB"] < MEMORY else "not met"
    console.print(
        f"peak RSS {found['MiB']:,.0f} MiB ({found['import MiB']:,.0f} after the import); goal {MEMORY}: {met}"
    )
    parts = ", ".join(f"{part} {found[part]:.2f}" for part in ("read file", "numbers", "decide"))
    numbers = COUNT / found["numbers"]
    console.print(
        f"of these CPU seconds: {parts}; the rest is written rows. Numbers alone: {numbers:,.0f} a CPU-second. "
        f"Longest transaction of the expansion: {found['longest expand transaction']:.2f} s. "
        f"The same fixed work took {found['least pace']:.0f} to {found['most pace']:.0f} ms meanwhile: so much it varies here."
    )
