"""The commands: `flask --app wsgi …`. Each prints one sentence that says what to do when it cannot go on, and exits non-zero."""

from __future__ import annotations

import secrets as random_secrets
import signal
from pathlib import Path

import click
from flask import Flask
from rich.table import Table
from sqlalchemy import select

import analytics.charges
import analytics.rates
import analytics.rollups
from admin import audit, people
from admin.cli_accounts import account_named, accounts_group, here
from admin.jobs import build_worker, post_charges, simulated_account
from admin.terminal import console, fail, load_file, preview_table
from models.accounts import Account
from models.schema import drift, migrate
from models.templates import Template
from models.users import RoleName, User
from sender import audience, campaigns, consent
from sender.simulator import Behaviour, create_simulator, serve
from sender.worker import wall_clock


@click.command("migrate")
def migrate_command() -> None:
    """Create the tables, or bring them up to date."""
    _, database = here()
    migrate(database)
    click.echo("The database is up to date.")


@click.command("worker")
@click.option("--until-idle", is_flag=True, help="Stop when no campaign is sending or scheduled.")
@click.option("--concurrency", default=16, show_default=True, help="Requests to Twilio at once.")
def worker_command(until_idle: bool, concurrency: int) -> None:
    """Send what is due, settle what is in doubt, pull prices, post charges."""
    config, database = here()
    worker = build_worker(config, database, concurrency=concurrency)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: worker.stop())
    click.echo(f"Worker {worker.name} is running; Ctrl-C stops it after what is on the wire.")
    worker.drain() if until_idle else worker.run()


@click.command("simulator")
@click.option("--port", default=4010, show_default=True)
@click.option("--lifelike/--instant", default=True, help="Believable delays and failures, or none.")
@click.option("--account", "slug", default="", help="Short name of the account whose numbers it should know.")
def simulator_command(port: int, lifelike: bool, slug: str) -> None:
    """Run a local Twilio for rehearsals: nobody is texted, nothing is billed."""
    config, database = here()
    with database.reading() as session:
        known = simulated_account(config, session, account_named(session, slug))
    behaviour = Behaviour.lifelike() if lifelike else Behaviour.instant()
    with serve(create_simulator(behaviour, accounts=[known]), port=port) as running:
        click.echo(f"Simulated Twilio at {running.url}; set TEXTLEDGER_TWILIO_URL to it. Ctrl-C stops it.")
        signal.pause()


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
            raise fail("Name a sender with --sender: " + ", ".join(s.address for s in account.senders))
        listed = load_file(session, account, file, now=now)
        campaign = campaigns.create(
            session, account=account, name=name or f"{file.stem} {now:%Y-%m-%d %H:%M:%S}", audience=listed,
            template_version=template.current, sender=senders[0], now=now, actor="command line",
        )  # fmt: skip
        console.print(preview_table(audience.preview(session, campaign, now=now)))
        if not confirm:
            click.echo("Nothing was sent. Add --confirm to send.")
            return
        try:
            campaigns.send(session, campaign, now=now)
        except campaigns.NotAllowed as error:
            raise fail(str(error)) from error
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
    try:
        with database.transaction() as session:
            loaded = analytics.rates.load(session, card or None, now=wall_clock(), entered_by="command line")
            click.echo(f"Rate card {loaded.name} is loaded.")
    except analytics.rates.RateProblem as error:
        raise fail(str(error)) from error


@click.group("users")
def users_group() -> None:
    """People who sign in."""


@users_group.command("create")
@click.argument("email")
@click.option("--role", type=click.Choice([role.value for role in RoleName]), default="admin", show_default=True)
@click.option("--account", "slug", default="", help="Short name of the account.")
@click.option("--owner", is_flag=True, help="Sees every account.")
def users_create(email: str, role: str, slug: str, owner: bool) -> None:
    """Create a user with a random password, which is printed once."""
    _, database = here()
    password = random_secrets.token_urlsafe(12)
    with database.transaction() as session:
        if session.scalar(select(User.id).where(User.email == email.lower())):
            raise fail("There is a user with this address already; use `users reset`.")
        people.create_user(
            session, email=email, password=password, now=wall_clock(), owner=owner,
            roles=[(account_named(session, slug), RoleName(role))],
        )  # fmt: skip
    click.echo(f"{email} may sign in with the password {password}")


@users_group.command("reset")
@click.argument("email")
def users_reset(email: str) -> None:
    """Give a user a new random password, which is printed once, and end their sessions."""
    _, database = here()
    password = random_secrets.token_urlsafe(12)
    with database.transaction() as session:
        user = session.scalars(select(User).where(User.email == email.lower())).first()
        if user is None:
            raise fail("There is no user with this address.")
        people.set_password(user, password)
    click.echo(f"{email} may sign in with the password {password}")


@click.group("consent")
def consent_group() -> None:
    """The consent ledger."""


@consent_group.command("verify")
@click.option("--account", "slug", default="", help="Short name of the account.")
def consent_verify(slug: str) -> None:
    """Check the hash chain; name the first broken row."""
    _, database = here()
    with database.reading() as session:
        broken = consent.broken_link(session, account_named(session, slug).id)
    if broken is not None:
        raise fail(f"The consent ledger was changed: row {broken.id} does not follow from the row before it.")
    click.echo("The consent ledger is unbroken.")


@click.group("audit")
def audit_group() -> None:
    """The audit log."""


@audit_group.command("verify")
@click.option("--account", "slug", default="", help="Short name of the account.")
def audit_verify(slug: str) -> None:
    """Check the hash chain; name the first broken row."""
    _, database = here()
    with database.reading() as session:
        broken = audit.broken_link(session, account_named(session, slug).id)
    if broken is not None:
        raise fail(f"The audit log was changed: entry {broken.number} does not follow from the one before it.")
    click.echo("The audit log is unbroken.")


@click.command("doctor")
def doctor_command() -> None:
    """Say what is missing before texts can be sent; exits non-zero when something is."""
    config, database = here()
    with database.engine.connect() as connection:
        differences = drift(connection)
    with database.reading() as session:
        accounts = session.scalars(select(Account)).all()
        findings = [
            ("database schema", "ok" if not differences else "run `flask --app wsgi migrate`"),
            ("public address", config.public_url),
            ("Twilio", config.twilio_url or "the real one"),
            *((f"account {a.slug}", "linked" if a.twilio_token else "not linked to an SMS account") for a in accounts),
        ]
    table = Table("What", "State")
    for row in findings:
        table.add_row(*row)
    console.print(table)
    if differences:
        raise fail("The tables differ from what this version needs.")


@click.command("demo")
@click.option("--serve/--no-serve", default=True, help="Serve the console afterwards, or end after the table.")
@click.option("--members", default=5000, show_default=True, help="Rows in the membership file.")
@click.option("--port", default=8000, show_default=True, help="Port of the console.")
def demo_command(serve: bool, members: int, port: int) -> None:
    """Show the main job: an association texts its members through a local Twilio, and sees what it cost."""
    from admin.demo import run

    run(console, members=members, port=port, stay=serve)


COMMANDS = (
    migrate_command, accounts_group, worker_command, simulator_command, campaign_group, charges_group, rates_group, users_group,
    consent_group, audit_group, doctor_command, demo_command,
)  # fmt: skip


def register(app: Flask) -> None:
    """Add every command to the app."""
    for command in COMMANDS:
        app.cli.add_command(command)
