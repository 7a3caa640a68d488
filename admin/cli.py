"""The commands: `flask --app wsgi …`. Each prints one sentence that says what to do when it cannot go on, and exits non-zero."""

from __future__ import annotations

import secrets as random_secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

import analytics.charges
import analytics.rates
import analytics.rollups
from admin import audit, gateways, people
from admin.cli_accounts import ACTOR, account_named, here
from admin.cli_consent import consent_group
from admin.cli_credentials import accounts_group
from admin.cli_erase import erase_command
from admin.cli_lint import lint_command
from admin.cli_restored import restored_command
from admin.cli_worker import jobs_group, worker_command
from admin.database import NOT_MIGRATED, obstacle
from admin.doctor import doctor_command
from admin.jobs import post_charges, simulated_account
from admin.terminal import console, fail, load_file, preview_table, rest
from models.schema import migrate
from models.templates import Template
from models.users import AuditEntry, RoleName, User
from sender import audience, campaigns
from sender.simulator import Behaviour, create_simulator, serve
from sender.worker import wall_clock


@click.command("migrate")
def migrate_command() -> None:
    """Create the tables, or bring them up to date."""
    _, database = here(migrated=False)
    file = database.engine.url.database
    if database.dialect == "sqlite" and file:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    problem = obstacle(database)
    if problem not in (None, NOT_MIGRATED):
        raise fail(problem)
    migrate(database)
    click.echo("The database is up to date.")


@click.command("simulator")
@click.option("--port", type=click.IntRange(0, 65535), default=4010, show_default=True, help="0 takes any free one.")
@click.option("--lifelike/--instant", default=True, help="Believable delays and failures, or none.")
@click.option("--account", "slug", default="", help="Short name of the account whose numbers it should know.")
def simulator_command(port: int, lifelike: bool, slug: str) -> None:
    """Run a local Twilio for rehearsals: nobody is texted, nothing is billed."""
    config, database = here()
    with database.reading() as session:
        account = account_named(session, slug)
        if not gateways.tokens(config, account):
            raise gateways.NotLinked(
                f"{account.name} has no auth token that a simulator could know: accounts link first."
            )
        known = simulated_account(config, session, account)
    behaviour = Behaviour.lifelike() if lifelike else Behaviour.instant()
    try:
        server = serve(create_simulator(behaviour, accounts=[known]), port=port)
    except OSError as error:
        raise fail(f"Port {port} cannot be had ({error.strerror}): choose another with --port.") from error
    with server as running, suppress(KeyboardInterrupt):
        click.echo(f"Simulated Twilio at {running.url}; set TEXTLEDGER_TWILIO_URL to it. Ctrl-C stops it.")
        rest()


@click.group("campaign")
def campaign_group() -> None:
    """Campaigns from the command line."""


@campaign_group.command("send")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--template", "template_name", required=True, help="Name of the template.")
@click.option("--account", "slug", default="", help="Short name of the account.")
@click.option("--sender", "address", default="", help="Number to send from; else the account's default.")
@click.option("--name", default="", help="Name of the campaign; else the file's name and the time.")
@click.option("--confirm", is_flag=True, help="Really send. Without it only the preview is shown.")
def campaign_send(file: Path, template_name: str, slug: str, address: str, name: str, confirm: bool) -> None:
    """Text a template to everybody in FILE (CSV or XLSX). Without --confirm nothing is kept or sent."""
    _, database = here()
    now = wall_clock()
    with database.session() as session:
        account = account_named(session, slug)
        template = session.scalars(
            select(Template).where(Template.account_id == account.id, Template.name == template_name)
        ).first()
        senders = [s for s in account.senders if (s.address == address if address else s.is_default)]
        if template is None or template.current is None:
            raise fail(f"There is no template named {template_name!r}.")
        if not senders:
            known = ", ".join(s.address for s in account.senders) or "there is none yet; see `accounts sender`"
            raise fail(f"Name a sender with --sender: {known}.")
        listed = load_file(session, account, file, now=now)
        campaign = campaigns.create(
            session, account=account, name=name or f"{file.stem} {now:%Y-%m-%d %H:%M:%S}", audience=listed,
            template_version=template.current, sender=senders[0], now=now, actor=ACTOR,
        )  # fmt: skip
        console.print(preview_table(audience.preview(session, campaign, now=now)))
        if not confirm:
            click.echo("Nothing was sent. Add --confirm to send.")
            return
        campaigns.send(session, campaign, now=now)
        audit.record(
            session, account_id=account.id, actor=ACTOR, action="campaign:send", subject_kind="campaign",
            subject_id=campaign.id, subject=campaign.name, now=now,
        )  # fmt: skip
        session.commit()
        click.echo(f"Campaign {campaign.id} is sending; a worker has to be running (flask --app wsgi worker).")


@click.group("charges")
def charges_group() -> None:
    """What the messages cost."""


@charges_group.command("post")
def charges_post() -> None:
    """Price every message that has no charge yet, and charge anew what has changed."""
    _, database = here()
    post_charges(database, wall_clock())
    click.echo("Charges are posted.")


@click.group("rates")
def rates_group() -> None:
    """Rate cards."""


@rates_group.command("load")
@click.argument("card", default="")
def rates_load(card: str) -> None:
    """Load a rate card (a CSV file, or the one that ships with Textledger)."""
    _, database = here()
    now = wall_clock()
    with database.transaction() as session:
        loaded = analytics.rates.load(session, card or None, now=now, entered_by=ACTOR)
        audit.record(
            session, account_id=0, actor=ACTOR, action="rate_card:load", subject_kind="rate_card", subject_id=loaded.id,
            subject=loaded.name, now=now,
        )  # fmt: skip
    click.echo(f"Rate card {loaded.name} is loaded.")


@click.group("users")
def users_group() -> None:
    """People who sign in."""


@users_group.command("create")
@click.argument("email")
@click.option(
    "--role", type=click.Choice([role.value for role in RoleName]), default="admin", show_default=True,
    help="What they may do in the account.",
)  # fmt: skip
@click.option("--account", "slug", default="", help="Short name of the account.")
@click.option("--owner", is_flag=True, help="Sees every account.")
def users_create(email: str, role: str, slug: str, owner: bool) -> None:
    """Create a user with a random password, which is printed once."""
    _, database = here()
    password, now, email = random_secrets.token_urlsafe(12), wall_clock(), people.address(email)
    with database.transaction() as session:
        if session.scalar(select(User.id).where(User.email == email)):
            raise fail("There is a user with this address already; use `users reset`.")
        account = account_named(session, slug)
        user = people.create_user(
            session, email=email, password=password, now=now, owner=owner, roles=[(account, RoleName(role))]
        )
        audit.record(
            session, account_id=account.id, actor=ACTOR, action="user:create", subject_kind="user", subject_id=user.id,
            subject=email, after={"email": email, "roles": [role], "owner": owner}, now=now,
        )  # fmt: skip
    click.echo(f"{email} may sign in with the password {password}")


@users_group.command("reset")
@click.argument("email")
def users_reset(email: str) -> None:
    """Give a user a new random password, which is printed once, and end their sessions."""
    _, database = here()
    password, now, email = random_secrets.token_urlsafe(12), wall_clock(), people.address(email)
    with database.transaction() as session:
        user = session.scalars(select(User).where(User.email == email)).first()
        if user is None:
            raise fail("There is no user with this address.")
        people.set_password(user, password)
        for account_id in sorted({membership.account_id for membership in user.memberships}) or [0]:
            audit.record(
                session, account_id=account_id, actor=ACTOR, action="user:reset_password", subject_kind="user",
                subject_id=user.id, subject=email, now=now,
            )  # fmt: skip
    click.echo(f"{email} may sign in with the password {password}")


@click.group("audit")
def audit_group() -> None:
    """The audit log."""


@audit_group.command("verify")
@click.option("--account", "slug", default="", help="Short name of the account; else all of them.")
@click.option(
    "--seen",
    default="",
    metavar="HASH",
    help="A last hash that an earlier check printed; shows what was cut off since.",
)
def audit_verify(slug: str, seen: str) -> None:
    """Check the hash chain; name the first broken row."""
    _, database = here()
    with database.reading() as session:
        for account_id in _chains(session, slug):
            broken = audit.broken_link(session, account_id)
            if broken is not None:
                raise fail(f"The audit log was changed: entry {broken.number} does not follow from the one before it.")
        if seen and not session.scalar(select(AuditEntry.id).where(AuditEntry.hash == seen.strip())):
            raise fail("The audit log was cut off: the entry with that hash is gone.")
        last = session.scalar(select(AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1))
        click.echo("The audit log is unbroken." + (f" Its last hash is {last}" if last else ""))


def _chains(session: Session, slug: str) -> Sequence[int]:
    """The accounts whose chains are to be checked; there is one of no account (0), too."""
    if slug:
        return [account_named(session, slug).id]
    return session.scalars(select(AuditEntry.account_id).distinct().order_by(AuditEntry.account_id)).all()


@click.command("demo")
@click.option("--serve/--no-serve", default=True, help="Serve the console afterwards, or end after the table.")
@click.option(
    "--members", type=click.IntRange(1, 6000), default=5000, show_default=True, help="Rows in the membership file."
)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port of the console.")
def demo_command(serve: bool, members: int, port: int) -> None:
    """Show the main job: an association texts its members through a local Twilio, and sees what it cost."""
    from admin.demo import run

    run(console, members=members, port=port, stay=serve)


COMMANDS = (
    migrate_command, accounts_group, worker_command, jobs_group, simulator_command, campaign_group, charges_group, rates_group,
    users_group, consent_group, erase_command, audit_group, lint_command, restored_command, doctor_command, demo_command,
)  # fmt: skip


def register(app: Flask) -> None:
    """Add every command to the app."""
    for command in COMMANDS:
        app.cli.add_command(command)
