"""The demo: an association, its past month, and a live campaign to its members through the real SDK and a local Twilio.

Four processes, as in production: the console (gunicorn), a worker, the simulator in this one, and the database file between them.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import analytics.charges
import analytics.forecast
import analytics.rates
import analytics.rollups
from admin import demo_history, demo_seed, jobs
from admin.config import DEMO, DEMO_FOLDER, Config
from admin.demo_data import exported, people, weary
from admin.terminal import bar, load_file, preview_table, rest
from models.accounts import Account, SenderKind, SendingNumber
from models.base import Database, connect
from models.campaigns import Campaign, CampaignState, Run
from models.charges import ChargeKind
from models.consent import ConsentEvent, ConsentKind, ConsentSource
from models.messages import WITH_TWILIO, Message, MessageStatus
from models.money import show
from models.schema import migrate
from sender import audience, campaigns
from sender.simulator import Behaviour, Simulator, create_simulator, serve
from sender.worker import wall_clock


@dataclass(frozen=True)
class Summary:
    """What the demo ends with; every figure from the database."""

    progress: campaigns.Progress
    replied_stop: int
    forecast_u: int
    totals_u: dict[ChargeKind, int]
    by_code: dict[tuple[MessageStatus, int], int]
    segments: int


def free_port(wanted: int) -> int:
    """The wanted port, or any free one when it is taken."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(console: Console, *, members: int, port: int, stay: bool) -> None:
    """Do everything, print the table, and serve the console until Ctrl-C (or end at once)."""
    now = wall_clock()
    with ExitStack() as stack:
        port, twilio_port = free_port(port), free_port(0)
        config = settings(port=port, twilio_port=twilio_port)
        database = fresh_database(config)
        stack.callback(database.engine.dispose)
        password = secrets.token_urlsafe(9)
        account = demo_seed.organisation(database, config, password=password, now=now)
        with bar() as progress:
            demo_history.past_month(database, account, now=now, progress=progress)
        simulator = stack.enter_context(simulated(config, database, account, twilio_port, members=members))
        served = ("--threads", "8", "--logger-class", "admin.serving.ServerLog", "-b", f"127.0.0.1:{port}")
        stack.enter_context(service(config, "-m", "gunicorn", *served, "wsgi:app"))
        wait_for(port)
        stack.enter_context(service(config, "-m", "flask", "--app", "wsgi", "worker"))
        campaign = launch(console, database, account, members=members)
        watch(database, campaign)
        summary = conclude(config, database, simulator, campaign)
        console.print(table_of(summary))
        console.print(
            f"\nConsole: [bold]{config.public_url}[/]   sign in as [bold]{demo_seed.EMAIL}[/] with [bold]{password}[/]"
        )
        console.print(f"Notebook: notebooks/00-tour.ipynb opens {config.database_url}")
        if stay:
            console.print("Everything keeps running: send a campaign of your own. Ctrl-C ends it.")
            wait_for_interrupt()


def settings(*, port: int, twilio_port: int) -> Config:
    """The demo's configuration: its own keys and database, this machine's addresses."""
    return replace(
        Config.from_environment({"TEXTLEDGER_ENVIRONMENT": DEMO}),
        public_url=f"http://127.0.0.1:{port}",
        twilio_url=f"http://127.0.0.1:{twilio_port}",
    )


def fresh_database(config: Config) -> Database:
    """An empty, migrated database in the demo's own folder; the one of an earlier demo is removed."""
    for leftover in DEMO_FOLDER.glob("textledger.db*"):
        if (
            leftover.is_file()
        ):  # the marks of what was sent are a folder: of another database, they mean nothing to this one
            leftover.unlink()
    database = connect(config.database_url, secret_keys=config.secret_keys)
    migrate(database)
    return database


@contextmanager
def simulated(config: Config, database: Database, account: Account, port: int, *, members: int) -> Iterator[Simulator]:
    """A lifelike Twilio with the account's own numbers."""
    with database.reading() as session:
        known = jobs.simulated_account(config, session, account)
    behaviour = replace(
        Behaviour.lifelike(seed=11),
        price_seconds=(2.0, 8.0),
        reply_share=0.0,
        stop_after=frozenset(weary(members)),
        callback_workers=8,
        mps={**Behaviour().mps, "longcode": 10.0},
    )
    simulator = create_simulator(behaviour, accounts=[known])
    with serve(simulator, port=port):
        yield simulator


@contextmanager
def service(config: Config, *command: str) -> Iterator[None]:
    """A process of ours that lives as long as the block; its output goes to a log file in the demo's folder."""
    name = "worker" if "worker" in command else "console"
    with (DEMO_FOLDER / f"{name}.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(  # noqa: S603 (our own commands)
            [sys.executable, *command],
            env={**os.environ, **config.environment_variables()},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for(port: int, *, seconds: float = 60.0) -> None:
    """Until something listens on the port."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise RuntimeError(f"The console did not start; see {DEMO_FOLDER / 'console.log'}.")


def launch(console: Console, database: Database, account: Account, *, members: int) -> Campaign:
    """Upload the membership file, look at the preview, be refused on the unverified toll-free number, and send."""
    now = wall_clock()
    file = DEMO_FOLDER / "members.csv"
    file.write_bytes(exported(people(count=members)))
    with database.session() as session:
        account = session.get_one(Account, account.id)
        listed = load_file(session, account, file, now=now)
        version = demo_seed.template(session, account, "Renewal reminder")
        campaign = campaigns.create(
            session, account=account, name=f"Renewal {now:%B %Y}", template_version=version, audience=listed,
            sender=_sender(session, account, SenderKind.TOLL_FREE), now=now, actor=demo_seed.EMAIL,
        )  # fmt: skip
        session.commit()
        _try_toll_free(console, session, campaign, now)
        sender = _sender(session, account, SenderKind.SHORT_CODE)
        campaign.sender_id = sender.id
        session.flush()
        session.refresh(campaign)
        preview = audience.preview(session, campaign, now=now)
        console.print(preview_table(preview))
        campaign.forecast_u = forecast_of(session, campaign, preview, now)
        campaigns.send(session, campaign, now=now)
        session.commit()
        console.print(f"Sending from short code {sender.address} at {sender.segments_per_second} segments a second.")
        return campaign


def _sender(session: Session, account: Account, kind: SenderKind) -> SendingNumber:
    return session.scalars(
        select(SendingNumber).where(SendingNumber.account_id == account.id, SendingNumber.kind == kind)
    ).one()


def _try_toll_free(console: Console, session: Session, campaign: Campaign, now: datetime) -> None:
    try:
        campaigns.send(session, campaign, now=now)
    except campaigns.NotAllowed as refusal:
        session.rollback()
        console.print(f"From the toll-free number, refused: {refusal}")


def forecast_of(session: Session, campaign: Campaign, preview: audience.Preview, now: datetime) -> int:
    """What the campaign should cost, micros."""
    card = analytics.rates.card_for(session, campaign.account_id)
    forecast = analytics.forecast.forecast(
        preview.by_region,
        campaign.sender.kind.value,
        card,
        day=now.date(),
        pumping_on=campaign.account.pumping_protection,
    )
    return forecast.expected_u


def watch(database: Database, campaign: Campaign) -> None:
    """A progress bar until the campaign is complete."""
    with bar() as progress:
        task = progress.add_task("Sending", total=None)
        while True:
            with database.reading() as session:
                state = session.get_one(Campaign, campaign.id).state
                run = session.scalars(select(Run).where(Run.campaign_id == campaign.id)).one()
                seen = campaigns.progress(session, run, now=wall_clock())
            progress.update(task, total=run.audience_size or None, completed=seen.done)
            if state is CampaignState.COMPLETED:
                return
            time.sleep(0.5)


def conclude(config: Config, database: Database, simulator: Simulator, campaign: Campaign) -> Summary:
    """Wait for the last callbacks and prices, repair what was lost, post the charges, and count."""
    simulator.settle(timeout=120)
    with database.reading() as session:
        run_id = session.scalars(select(Run.id).where(Run.campaign_id == campaign.id)).one()
    jobs.pull(config, database, wall_clock(), quiet=timedelta(0))
    jobs.fold(database)
    jobs.post_charges(database, wall_clock())
    with database.reading() as session:
        run = session.get_one(Run, run_id)
        coded = select(Message.status, Message.error_code, func.count()).where(
            Message.run_id == run_id, Message.error_code.is_not(None)
        )
        stops = session.scalar(
            select(func.count(ConsentEvent.id)).where(
                ConsentEvent.source == ConsentSource.KEYWORD,
                ConsentEvent.kind == ConsentKind.OPT_OUT,
                ConsentEvent.at >= run.started_at,
            )
        )
        return Summary(
            progress=campaigns.progress(session, run, now=wall_clock()),
            replied_stop=stops or 0,
            forecast_u=session.get_one(Campaign, campaign.id).forecast_u or 0,
            totals_u=analytics.charges.totals(session, run_id=run_id),
            by_code={
                (row[0], row[1] or 0): row[2]
                for row in session.execute(coded.group_by(Message.status, Message.error_code))
            },
            segments=run.segments,
        )


def table_of(summary: Summary) -> Table:
    """The table that the demo ends with."""
    p = summary.progress
    table = Table("What", "Texts", "USD", title="The campaign, to the row and to the micro-dollar")
    for column in table.columns[1:]:
        column.justify = "right"
    rows: list[tuple[str, str, str]] = [("Audience", f"{p.audience:,}", "")]
    rows += [
        (f"  left out: {reason.value.replace('_', ' ')}", f"{n:,}", "") for reason, n in sorted(p.by_reason.items())
    ]
    rows.append(("Sent", f"{p.sent:,}", ""))
    for status, count in sorted(p.by_status.items()):
        if status in WITH_TWILIO:
            rows.append((f"  {status.value}", f"{count:,}", ""))
            rows += _codes(summary, status)
    rows.append(("Failed", f"{p.failed:,}", ""))
    rows += _codes(summary, MessageStatus.FAILED)
    rows.append(("Left out + sent + failed", f"{p.excluded + p.skipped + p.sent + p.failed:,}", ""))
    rows.append(("Replied STOP", f"{summary.replied_stop:,}", ""))
    rows.append(("Segments", f"{summary.segments:,}", ""))
    rows.append(("Forecast", "", show(summary.forecast_u)))
    rows += [(f"Charges: {kind.value.replace('_', ' ')}", "", show(u)) for kind, u in sorted(summary.totals_u.items())]
    rows.append(("Charges: total", "", show(sum(summary.totals_u.values()))))
    for row in rows:
        table.add_row(*row)
    return table


def _codes(summary: Summary, status: MessageStatus) -> list[tuple[str, str, str]]:
    found = sorted((code, n) for (of, code), n in summary.by_code.items() if of is status)
    return [(f"    error {code}", f"{n:,}", "") for code, n in found]


def wait_for_interrupt() -> None:
    """Until Ctrl-C or a request to end."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        rest()
