"""The commands that set an organisation up: its account, its senders, its countries."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click
from flask import current_app
from phonenumbers import SUPPORTED_REGIONS
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from admin import audit, erasure, gateways, people
from admin.config import Config
from admin.credentials import NotAccepted
from admin.database import obstacle
from analytics.rates import RateProblem
from models.accounts import Account, Profile, SenderKind, SendingNumber, Verification
from models.base import Database
from models.countries import CountrySetting
from models.secrets import SecretUnreadable
from sender.campaigns import NotAllowed
from sender.tables import AudienceProblem
from sender.worker import wall_clock

THROUGHPUT = {SenderKind.TOLL_FREE: 3, SenderKind.LONG_CODE: 1, SenderKind.SHORT_CODE: 100}
"""Segments a second that Twilio documents by default (unconfirmed, 2026-11); --rate sets another."""
ACTOR = "command line"
TOLD = (
    NotAccepted, erasure.NotSettled, erasure.Telling, gateways.NotLinked, people.NotAnAddress, AudienceProblem, NotAllowed,
    RateProblem, SecretUnreadable,
)  # fmt: skip
"""Exceptions whose text is a sentence for the person who asked."""


def here(*, migrated: bool = True) -> tuple[Config, Database]:
    """The configuration and the database of the running app; until the command ends, what fails ends it with a sentence.

    Ends it at once when the database is not there or, unless `migrated` is off, not up to date.
    """
    config, database = current_app.extensions["textledger"]
    problem = obstacle(database) if migrated else None
    if problem:
        raise click.ClickException(problem)
    click.get_current_context().with_resource(_one_sentence())
    return config, database


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Say what went wrong without a traceback, which may hold a number."""
    try:
        yield
    except TOLD as error:
        raise click.ClickException(str(error)) from error
    except SQLAlchemyError as error:
        sentence = f"The database refused ({type(error).__name__}): see that it is running, and run the command again."
        raise click.ClickException(sentence) from error


def account_named(session: Session, slug: str) -> Account:
    """The account with this short name, or the only one when none is named."""
    found = session.scalars(select(Account).where(Account.slug == slug) if slug else select(Account)).all()
    if len(found) != 1:
        known = ", ".join(session.scalars(select(Account.slug))) or "there is none yet; see `accounts create`"
        raise click.ClickException(f"Name one of the accounts with --account: {known}.")
    return found[0]


def accounts_meant(session: Session, slug: str) -> Sequence[Account]:
    """The account with this short name, or all of them when none is named."""
    return [account_named(session, slug)] if slug else session.scalars(select(Account).order_by(Account.id)).all()


@click.group("accounts")
def accounts_group() -> None:
    """Organisations and what they send with."""


@accounts_group.command("create")
@click.argument("slug")
@click.argument("name")
@click.option("--time-zone", default="America/New_York", show_default=True, help="Business days are days of this zone.")
@click.option(
    "--region", default="US", show_default=True, help="Country of numbers written without a prefix; it is enabled."
)
@click.option(
    "--profile", type=click.Choice([p.value for p in Profile]), default="association", show_default=True,
    help="What kind of organisation it is; it decides which rules apply.",
)  # fmt: skip
def accounts_create(slug: str, name: str, time_zone: str, region: str, profile: str) -> None:
    """Create an account: a short SLUG and its NAME."""
    _, database = here()
    now = wall_clock()
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", slug):
        raise click.ClickException("Choose a short name of small letters, digits and hyphens, such as harbor.")
    if region.upper() not in SUPPORTED_REGIONS:
        raise click.ClickException(f"There is no country {region!r}; use its two letters, such as US.")
    if time_zone not in zoneinfo.available_timezones():
        raise click.ClickException(f"There is no time zone {time_zone!r}; use a name such as America/Chicago.")
    with database.transaction() as session:
        if session.scalar(select(Account.id).where(Account.slug == slug)):
            raise click.ClickException(f"There is an account {slug!r} already; choose another short name.")
        account = Account(
            slug=slug,
            name=name,
            time_zone=time_zone,
            default_region=region.upper(),
            profile=Profile(profile),
            created_at=now,
        )
        session.add(account)
        session.flush()
        session.add(CountrySetting(account_id=account.id, region=region.upper(), name=region.upper(), updated_at=now))
        audit.record(
            session, account_id=account.id, actor=ACTOR, action="account:create", subject_kind="account",
            subject_id=account.id, subject=name, now=now,
        )  # fmt: skip
    click.echo(f"Account {slug} is created. Next: accounts link, accounts sender, users create.")


@accounts_group.command("sender")
@click.argument("address")
@click.option("--kind", type=click.Choice([k.value for k in SenderKind]), required=True, help="What it is.")
@click.option("--label", default="", help="What people call it.")
@click.option(
    "--rate", type=click.IntRange(1, 1000), help="Segments a second; else what Twilio documents for the kind."
)
@click.option("--verified", is_flag=True, help="A toll-free number that Twilio has approved.")
@click.option("--default", "is_default", is_flag=True, help="Send from this one unless a campaign says otherwise.")
@click.option("--account", "slug", default="", help="Short name of the account.")
def accounts_sender(
    address: str, kind: str, label: str, rate: int | None, verified: bool, is_default: bool, slug: str
) -> None:
    """Add a number, short code, name or messaging service to send from."""
    _, database = here()
    chosen = SenderKind(kind)
    state = Verification.UNVERIFIED if chosen is SenderKind.TOLL_FREE else Verification.NOT_NEEDED
    now = wall_clock()
    with database.transaction() as session:
        account = account_named(session, slug)
        if any(sender.address == address for sender in account.senders):
            raise click.ClickException("This account sends from that address already.")
        if is_default:
            for other in account.senders:
                other.is_default = False
        session.add(
            SendingNumber(
                account_id=account.id, label=label or chosen.value.replace("_", " ").capitalize(), address=address, kind=chosen,
                segments_per_second=rate or THROUGHPUT.get(chosen, 10), is_default=is_default, created_at=now,
                verification=Verification.TWILIO_APPROVED if verified else state,
            )
        )  # fmt: skip
        audit.record(
            session, account_id=account.id, actor=ACTOR, action="sender:create", subject_kind="sending_number",
            subject_id=address, subject=label, now=now,
        )  # fmt: skip
    click.echo(f"{account.name} may send from {address}.")
