"""What a worker of ours does beside sending: budgets, mail, prices, charges, daily facts; and what a simulator should know."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

import analytics.charges
import analytics.rollups
from admin import budgets, erasure, gateways, mail, reports
from admin.config import Config
from models.accounts import Account, SenderKind, SendingNumber
from models.base import Database
from models.settings import value
from sender import opt_in_answers, reconciliation, usage
from sender.clocks import DatabaseClock
from sender.gateway import Gateway
from sender.restored import Watch
from sender.simulated_accounts import SimulatedAccount, SimulatedNumber
from sender.watermark import Watermark
from sender.worker import Worker

CORRECTED = timedelta(days=3)
"""How far back Twilio's daily totals are asked for again: they are final a few days later (documented, not measured)."""


def build_worker(config: Config, database: Database, *, concurrency: int = 100) -> Worker:
    """A worker with all the jobs: those of sending, and those that need the analytics, the mail server or our own settings."""
    with database.reading() as session:
        lease = int(value(session, "lease_seconds"))
        minutes = int(value(session, "price_poll_minutes"))
    worker = Worker(
        database,
        lambda account: gateways.gateway_for(config, account, lease_seconds=lease),
        public_url=config.public_url,
        clock=DatabaseClock(database),
        concurrency=concurrency,
        watch=Watch(database, Watermark(marks(database))),
    )
    worker.every(1, "budgets", lambda now: budgets.allow(database, now))
    worker.every(2, "opt-ins", lambda now: settle_opt_ins(database, now))
    worker.every(2, "rollups", lambda _now: fold(database))
    worker.every(5, "reports", lambda now: reports.report(database, now))
    worker.every(5, "mail", lambda now: mail.mail(config, database, now))
    worker.every(60 * minutes, "prices", lambda now: f"{pull(config, database, now):,} texts brought up to date")
    worker.every(60 * minutes, "charges", lambda now: post_charges(database, now))
    worker.every(3600, "usage", lambda now: f"{pull_usage(config, database, now):,} daily totals")
    worker.every(86_400, "retention", lambda now: erasure.retain(database, now))
    return worker


def marks(database: Database) -> Path:
    """Where this host notes what it has sent, beside an SQLite file and otherwise under `var`: never inside the database."""
    file = database.engine.url.database
    beside = database.dialect == "sqlite" and file and file != ":memory:"
    return Path(f"{file}.sent") if beside else Path("var/sent")


def fold(database: Database) -> str:
    """Add the deltas up."""
    with database.transaction() as session:
        folded = analytics.rollups.fold(session)
    return f"{folded:,} changes added" if folded else ""


def settle_opt_ins(database: Database, now: datetime) -> str:
    """Bring open requests to opt in up to date; where none is open, nothing waits for the database's writer."""
    with database.reading() as session:
        if not opt_in_answers.any_open(session):
            return ""
    with database.transaction() as session:
        changed = opt_in_answers.sweep(session, now=now)
    return f"{changed:,} requests" if changed else ""


def pull(config: Config, database: Database, now: datetime, *, quiet: timedelta = usage.OVERDUE) -> int:
    """Fetch the prices and statuses that Twilio has and we do not; returns how many rows changed.

    A message without news for `quiet` is asked for by itself.
    """

    return _each(
        config,
        database,
        lambda account, gateway: reconciliation.reconcile(database, gateway, account, now=now, quiet=quiet),
    )


def pull_usage(config: Config, database: Database, now: datetime) -> int:
    """Keep Twilio's own daily totals of the last days, which it goes on correcting; returns how many were kept."""

    def one(account: Account, gateway: Gateway) -> int:
        days = usage.usage_days(gateway, (now - CORRECTED).date(), now.date())
        with database.transaction() as session:
            return usage.store_usage(session, account, days, now=now)

    return _each(config, database, one)


def _each(config: Config, database: Database, ask: Callable[[Account, Gateway], int]) -> int:
    """Ask Twilio about every account that may be asked; the sum. One that fails stops no other, and is raised at the end."""
    with database.reading() as session:
        accounts = [account for account in session.scalars(select(Account)) if gateways.may_ask(config, account)]
    total, failure = 0, None
    for account in accounts:
        try:
            total += ask(account, gateways.gateway_for(config, account))
        except Exception as error:
            failure = error
    if failure is not None:
        raise failure
    return total


def post_charges(database: Database, now: datetime) -> None:
    """Price what is not charged yet, and charge anew what changed."""
    with database.reading() as session:
        ids = session.scalars(select(Account.id)).all()
    for account_id in ids:
        with database.transaction() as session:
            analytics.charges.post(session, account_id=account_id, now=now)


def simulated_account(config: Config, session: Session, account: Account) -> SimulatedAccount:
    """The account as the simulator should know it: same SID, token and senders, texting back to our webhooks."""
    inbound = config.public_url.rstrip("/") + "/hooks/inbound"
    known = SimulatedAccount(
        name=account.name, sid=account.twilio_sid or "", token=gateways.tokens(config, account)[0],
        pumping_protection=account.pumping_protection,
    )  # fmt: skip
    for sender in session.scalars(select(SendingNumber).where(SendingNumber.account_id == account.id)):
        if sender.kind is not SenderKind.MESSAGING_SERVICE:  # a service is named by Twilio; the simulator makes its own
            verification = sender.verification.value.upper()
            known.numbers.append(
                SimulatedNumber(sender.address, sms_url=inbound, name=sender.label, verification=verification)
            )
    return known
