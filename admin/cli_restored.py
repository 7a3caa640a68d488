"""The command after a backup was restored: compare with Twilio what had been sent, and let sending go on."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import partial
from pathlib import Path

import click
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin import audit, gateways
from admin.cli_accounts import ACTOR, accounts_meant, here
from admin.erasure import erase_again, notes
from admin.terminal import Instant, console, fail
from models.accounts import Account
from sender import restored
from sender.gateway import GatewayError
from sender.worker import wall_clock

BY_HAND = "A backup was restored. Nothing leaves until `flask --app wsgi restored` has compared it with Twilio."


@click.command("restored")
@click.option(
    "--since",
    type=Instant(),
    help="When the backup was made, as 2026-11-22T04:00Z; else its last attempt to send.",
)
@click.option("--account", "slug", default="", help="Short name of one account; else all of them.")
def restored_command(since: datetime | None, slug: str) -> None:
    """Say of each text whether it left after the backup was made, and let sending go on. Nothing leaves meanwhile."""
    config, database = here()
    now = wall_clock()
    with database.transaction() as session:
        if not session.scalar(select(Account.id).where(Account.held_why != "").limit(1)):
            restored.hold_all(session, BY_HAND)
        accounts = accounts_meant(session, slug)
    forgotten = Counter[str]()
    table = Table("Account", "Sent", "Not sent", "For a person", "Replies taken in", "Campaigns held", "Unknown here")
    for account in accounts:
        gateway = gateways.gateway_for(config, account)
        try:
            found = restored.settle(
                database,
                account.id,
                gateway,
                since=since,
                now=now,
                before_release=partial(forget, forgotten, notes(database)),
            )
        except GatewayError as error:
            console.print(table)
            sentence = f"Twilio could not be asked about {account.slug} ({type(error).__name__}): it stays held. Run this again."
            raise fail(sentence) from error
        figures = [found.sent, found.unsent, found.parked, found.replies, found.held, found.strangers]
        table.add_row(account.slug, *(f"{figure:,}" for figure in figures))
        with database.transaction() as session:
            audit.record(
                session, account_id=account.id, actor=ACTOR, action="account:restored", subject_kind="account",
                subject_id=account.id, subject=account.name, now=wall_clock(), after=found.__dict__,
            )  # fmt: skip
    console.print(table)
    if forgotten["again"]:
        click.echo(f"Erased again, because the backup had brought them back: {forgotten['again']:,}.")
    if forgotten["open"]:
        click.echo(f"A text has to be settled first: {forgotten['open']:,}. Run this again when it is.")
    click.echo("Sending goes on.")


def forget(counted: Counter[str], file: Path, session: Session, account: Account) -> None:
    """Erase again whoever the backup brought back, before anything leaves."""
    again, open_ = erase_again(session, account, file=file, now=wall_clock())
    counted.update({"again": again, "open": open_})
