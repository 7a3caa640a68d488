"""What a worker of ours does beside sending: prices, charges and daily facts; and the account as a simulator should know it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

import analytics.charges
import analytics.rollups
from admin import gateways
from admin.config import Config
from models.accounts import Account, SenderKind, SendingNumber
from models.base import Database
from models.settings import value
from sender import usage
from sender.simulated_accounts import SimulatedAccount, SimulatedNumber
from sender.worker import Worker


def build_worker(config: Config, database: Database, *, concurrency: int = 16) -> Worker:
    """A worker with the jobs that need the analytics: prices, charges, rollups."""
    with database.reading() as session:
        lease = int(value(session, "lease_seconds"))
        minutes = int(value(session, "price_poll_minutes"))
    worker = Worker(
        database,
        lambda account: gateways.gateway_for(config, account, lease_seconds=lease),
        public_url=config.public_url,
        concurrency=concurrency,
    )
    worker.every(2, "rollups", lambda _now: fold(database))
    worker.every(60 * minutes, "prices", lambda now: pull(config, database, now))
    worker.every(60 * minutes, "charges", lambda now: post_charges(database, now))
    return worker


def fold(database: Database) -> None:
    """Add the deltas up."""
    with database.transaction() as session:
        analytics.rollups.fold(session)


def pull(config: Config, database: Database, now: datetime, *, quiet: timedelta = usage.OVERDUE) -> int:
    """Fetch the prices and statuses that Twilio has and we do not; returns how many rows changed.

    A message without news for `quiet` is asked for by itself.
    """
    changed = 0
    with database.reading() as session:
        accounts = [a for a in session.scalars(select(Account)) if a.twilio_token]
        since = {a.id: usage.unpriced_since(session, a, now=now) for a in accounts}
        silent = {a.id: usage.overdue(session, a, now=now, quiet=quiet) for a in accounts}
    for account in accounts:
        gateway = gateways.gateway_for(config, account)
        oldest = since[account.id]
        remotes = usage.remote_since(gateway, oldest, now) if oldest else []
        remotes += usage.fetched(gateway, silent[account.id])
        with database.transaction() as session:
            changed += usage.apply_statuses(session, account, remotes, now=now)
            changed += usage.apply_prices(session, account, remotes, now=now)
    return changed


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
