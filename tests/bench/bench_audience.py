"""How long do 100,000 people take from a CSV file to pending messages, against the loop that anyone would write first?"""

from __future__ import annotations

import csv
import io
import random
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select
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
from sender import audience
from sender.templates import parse, render
from tests.conftest import NOW, seed_account
from tests.lists import campaign_to, run_of

COUNT, SAMPLE = 100_000, 1_000
AREAS = ("212", "213", "312", "415", "602", "617", "713", "202", "206", "305")
TEXT = 'Hi {{ first_name | default: "there" }}, your dues of {{ amount | money }} are due. Reply STOP to opt out.'
IMPORT_RATIO, EXPAND_RATIO = 3, 8
"""How many times faster than the naive loop it must be, in the same run; about 8 and 15 when this was written."""


def people(count: int, seed: int = 7) -> str:
    """A list of that many members as a CSV file; about 1 in 100 is a duplicate or no number."""
    chance = random.Random(seed)
    lines = ["Mobile,First name,Last name,Amount,Member ID"]
    for n in range(count):
        number = f"({chance.choice(AREAS)}) {chance.randint(200, 989)}-{chance.randint(0, 9999):04}"
        phone = "unknown" if n % 200 == 199 else number
        lines.append(f"{phone},Ann{n % 700},Lee{n % 900},{n % 400}.50,M{n}")
    return "\n".join(lines)


def timed(work: Callable[[], int]) -> tuple[float, int]:
    """Rows per CPU-second, and what the work returned."""
    start = time.process_time()
    done = work()
    return done / (time.process_time() - start), done


def load(session: Session, account: Account, text: str) -> Audience:
    """Our import."""
    table = audience.open_table("people.csv", io.BytesIO(text.encode()))
    columns = audience.suggest_columns(table.columns)
    return audience.load(
        session, account=account, name="ours", filename="people.csv", table=table, columns=columns, now=NOW
    )


def expand(session: Session, run: Run) -> int:
    """Our expansion."""
    rows = 0
    while done := audience.expand(session, run, now=NOW):
        session.commit()
        rows += done
    session.commit()
    return rows


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


def peak_mb() -> float:
    """The most memory this process had, megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run() -> None:
    """Import and expand 100,000 rows on a temporary SQLite file, and a naive loop on a small sample of them."""
    with tempfile.TemporaryDirectory() as folder:
        database = connect(f"sqlite:///{Path(folder) / 'bench.db'}")
        migrate(database)
        with database.session() as session:
            measured(session, seed_account(session), seed_account(session, slug="naive"))
        database.engine.dispose()


def measured(session: Session, account: Account, other: Account) -> None:
    """Measure, print and assert the ratios."""
    account.segment_limit = COUNT * 2
    for area in AREAS:  # the numbering plan is read once, whoever asks first
        normalise(f"{area}5550100", "US")
    few, many = people(SAMPLE, seed=8), people(COUNT)
    naive_import, _ = timed(lambda: naive_load(session, other, few).rows or SAMPLE)
    session.commit()
    start = peak_mb()
    ours_import, rows = timed(lambda: load(session, account, many).rows)
    session.commit()
    imported = peak_mb()
    [loaded] = session.scalars(select(Audience).where(Audience.account_id == account.id))
    [listed] = session.scalars(select(Audience).where(Audience.account_id == other.id))
    campaign = campaign_to(session, other, listed, TEXT)
    naive_expansion, _ = timed(lambda: naive_expand(session, run_of(session, campaign), campaign, TEXT))
    ours = run_of(session, campaign_to(session, account, loaded, TEXT))
    ours_expansion, _ = timed(lambda: expand(session, ours))
    texts = session.scalar(select(func.count()).where(Message.run_id == ours.id))
    assert (rows, ours.messages + ours.excluded, texts) == (COUNT, COUNT, ours.messages)
    table = Table("audience", "rows", "rows/CPU-s", "naive rows/CPU-s", "ratio", "peak RSS MB")
    results = [
        ("import CSV", ours_import, naive_import, f"{imported:,.0f} ({start:,.0f} before)", IMPORT_RATIO),
        ("expand", ours_expansion, naive_expansion, f"{peak_mb():,.0f}", EXPAND_RATIO),
    ]
    for name, fast, slow, memory, _ in results:
        table.add_row(name, f"{COUNT:,}", f"{fast:,.0f}", f"{slow:,.0f}", f"{fast / slow:.1f}x", memory)
    Console().print(table)
    for name, fast, slow, _, least in results:
        assert fast >= least * slow, f"{name} is only {fast / slow:.1f} times the naive loop"
