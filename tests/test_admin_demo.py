"""The demo, run as a stranger would run it: its table, the database and the analytics say the same, to the row and the micro."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select

import analytics as an
from admin.app import create_app
from admin.demo_data import AREAS, PLAIN, people
from models.accounts import Account
from models.base import Database, connect
from models.campaigns import Campaign, Exclusion, Reason, Run
from models.charges import Charge
from models.consent import ConsentEvent, ConsentKind, ConsentSource, Purpose
from models.messages import WITH_TWILIO, Message
from models.money import dollars
from sender import consent
from tests.desk import Desk, config_for, put_away
from tests.test_notebooks import FOLDER, as_text, executed

MEMBERS = 250


class Outcome:
    """What the demo printed and left behind."""

    def __init__(self, output: str, database: Database, url: str) -> None:
        self.output, self.database, self.url = output, database, url

    def texts(self, row: str) -> int:
        """The number of texts in a row of the table."""
        return int(self.cell(row, 1).replace(",", ""))

    def usd(self, row: str) -> Decimal:
        """The dollars in a row of the table."""
        return Decimal(self.cell(row, 2).replace(",", "").removeprefix("$"))

    def cell(self, row: str, column: int) -> str:
        """What stands in a row of the table."""
        found = re.search(rf"^│ {re.escape(row)} *│(.*?)│(.*?)│$", self.output, re.MULTILINE)
        assert found is not None, f"the table has no row {row!r}:\n{self.output}"
        return found.group(column).strip()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """`flask demo --no-serve` with a small file, in a folder where an earlier demo left its database and its marks."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "var/demo/textledger.db.sent").mkdir(parents=True)
    (folder / "var/demo/textledger.db").write_text("not a database")
    root = Path(__file__).parent.parent
    environment = {**os.environ, "TEXTLEDGER_ENVIRONMENT": "demo", "PYTHONPATH": str(root), "COLUMNS": "120"}
    command = [
        sys.executable,
        "-m",
        "flask",
        "--app",
        str(root / "wsgi.py"),
        "demo",
        "--no-serve",
        "--members",
        str(MEMBERS),
        "--port",
        "0",
    ]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    url = f"sqlite:///{folder / 'var/demo/textledger.db'}"
    return Outcome(done.stdout, connect(url), url)


@pytest.mark.slow
def test_table_adds_up_to_the_row(demo: Outcome) -> None:
    """sent + left out + failed = audience, in the table and in the rows behind it."""
    assert demo.texts("Audience") == MEMBERS == demo.texts("Left out + sent + failed")
    with demo.database.reading() as session:
        run = session.scalars(select(Run).order_by(Run.id.desc()).limit(1)).one()
        messages = session.scalar(select(func.count()).where(Message.run_id == run.id)) or 0
        excluded = session.scalar(select(func.count()).where(Exclusion.run_id == run.id)) or 0
        sent = session.scalar(select(func.count()).where(Message.run_id == run.id, Message.status.in_(WITH_TWILIO)))
    assert messages + excluded == MEMBERS
    assert demo.texts("Sent") == sent


@pytest.mark.slow
def test_toll_free_is_refused(demo: Outcome) -> None:
    """The unverified toll-free sender is refused with a sentence before anything is sent."""
    assert "Toll-free is not verified by Twilio" in demo.output


@pytest.mark.slow
def test_opted_out_got_nothing(demo: Outcome) -> None:
    """Nobody who had said no before the campaign got a text from it; each is among the left out."""
    with demo.database.reading() as session:
        run = session.scalars(select(Run).order_by(Run.id.desc()).limit(1)).one()
        refused = select(ConsentEvent.phone).where(ConsentEvent.at < run.started_at)
        texted = session.scalar(select(func.count()).where(Message.run_id == run.id, Message.phone.in_(refused)))
        left_out = session.scalar(
            select(func.count()).where(Exclusion.run_id == run.id, Exclusion.reason == Reason.OPTED_OUT)
        )
    assert texted == 0
    assert left_out == demo.texts("  left out: opted out") > 0


@pytest.mark.slow
def test_somebody_replies_stop(demo: Outcome) -> None:
    """A few members answer STOP; each stands in the ledger with the reply as evidence, and is blocked from then on."""
    with demo.database.reading() as session:
        run = session.scalars(select(Run).order_by(Run.id.desc()).limit(1)).one()
        said_no = session.scalars(
            select(ConsentEvent).where(ConsentEvent.kind == ConsentKind.OPT_OUT, ConsentEvent.at >= run.started_at)
        ).all()
        replies = [event for event in said_no if event.source is ConsentSource.KEYWORD]
        phones = [event.phone for event in replies]
        assert set(consent.blocked(session, run.account_id, phones, Purpose.ACCOUNT)) == set(phones)
    assert demo.texts("Replied STOP") == len(replies) > 0
    assert all(event.message_id and event.evidence["keyword"] == "STOP" for event in replies)


@pytest.mark.slow
def test_every_door_shows_the_same_total(demo: Outcome) -> None:
    """The table's total, the charges in the database and the analytics that notebook and console use agree to the micro-dollar."""
    with demo.database.reading() as session:
        run = session.scalars(select(Run).order_by(Run.id.desc()).limit(1)).one()
        name = session.get_one(Campaign, run.campaign_id).name
        charged_u = session.scalar(select(func.sum(Charge.cost_u)).where(Charge.run_id == run.id)) or 0
    frame = an.usage(an.open(demo.url), by="campaign").set_index("campaign")
    assert demo.usd("Charges: total") == dollars(charged_u) == frame.loc[name, "cost"]
    assert frame.loc[name, "messages"] == demo.texts("Sent") + demo.texts("Failed")


@pytest.mark.slow
def test_notebook_and_console_show_the_table(demo: Outcome) -> None:
    """The tour notebook's total is the ledger's, and the campaign's page in the console shows the total of the table."""
    with demo.database.reading() as session:
        run = session.scalars(select(Run).order_by(Run.id.desc()).limit(1)).one()
        ledger_u = session.scalar(select(func.sum(Charge.cost_u))) or 0
        account = session.scalars(select(Account)).one()
    total = dollars(ledger_u)
    assert f"({total!r}, {total!r}, Decimal('0.000000'))" in as_text(executed(FOLDER / "00-tour.ipynb", demo.url))
    app = create_app(config_for(demo.url))
    page = (
        Desk(app, demo.database, account, account).visitor(owner=True).text("/campaigns/details/", id=run.campaign_id)
    )
    put_away(app)
    assert f"<span>Total</span><span>{demo.cell('Charges: total', 2)}</span>" in page


def test_people_are_of_every_kind() -> None:
    """The file has the wanted number of rows, and numbers are reserved ones wherever they are American."""
    rows = people(count=5000)
    assert len(rows) == 5000
    american = re.compile(r"\D*1?\D*(\d{3})\D*555\D*(\d{4})$")
    ours = [m for m in (american.fullmatch(row.mobile) for row in rows) if m]
    assert len(ours) > 4000
    assert {int(m[1]) for m in ours} <= {*AREAS, 416, 514, 604, 613, 905, 0}
    assert all(100 <= int(m[2]) < 200 for m in ours)
    assert len(PLAIN) > 60
