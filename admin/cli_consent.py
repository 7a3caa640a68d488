"""`flask consent …`: is the ledger whole, a checkpoint to keep elsewhere, and might a number be texted at a time?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click
from rich.table import Table

from admin.cli_accounts import account_named, accounts_meant, here
from admin.formatters import words
from admin.terminal import Instant, console, fail
from models.consent import Purpose
from models.phones import PhoneProblem, normalise
from sender import checkpoints, consent
from sender.checkpoints import Checkpoint
from sender.worker import wall_clock

ACCOUNT = click.option("--account", "slug", default="", help="Short name of the account; else all of them.")


@click.group("consent")
def consent_group() -> None:
    """The consent ledger."""


@consent_group.command("verify")
@ACCOUNT
@click.option(
    "--checkpoint", "files", type=click.Path(exists=True, dir_okay=False, path_type=Path), multiple=True,
    help="A file of `flask consent checkpoint`, which shows what was cut off or written anew since. May be given again.",
)  # fmt: skip
def consent_verify(slug: str, files: Sequence[Path]) -> None:
    """Walk the hash chain of every account; name the first broken row."""
    _, database = here()
    against = [one for file in files for one in _read(file)]
    with database.reading() as session:
        accounts = accounts_meant(session, slug)
        gone = {one.account for one in against} - {account.slug for account in accounts}
        if gone and not slug:
            raise fail(f"The consent ledger of {min(gone)} was cut off: this database has no account of that name.")
        proofs = [checkpoints.walk(session, account, against) for account in accounts]
    problems = [proof.problem for proof in proofs if proof.problem]
    for proof in proofs:
        if not proof.problem:
            erased = f" ({proof.erased:,} erased)" if proof.erased else ""
            click.echo(f"{proof.account}: {proof.entries:,} entries{erased}, last hash {proof.last_hash}")
    if problems:
        raise fail("\n".join(problems))
    click.echo("The consent ledger is unbroken.")


@consent_group.command("checkpoint")
@ACCOUNT
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write; else it is printed.")
def consent_checkpoint(slug: str, out: Path | None) -> None:
    """Export where each chain ends now. Keep it where nobody can reach who can write to the database."""
    _, database = here()
    with database.reading() as session:
        ends = [checkpoints.checkpoint(session, account, now=wall_clock()) for account in accounts_meant(session, slug)]
    if out is None:
        click.echo(checkpoints.written(ends), nl=False)
        return
    try:
        out.write_text(checkpoints.written(ends), encoding="utf-8")
    except OSError as error:
        raise fail(f"{out} cannot be written: choose another file.") from error
    click.echo(f"Check against it with `flask consent verify --checkpoint {out}`.")


@consent_group.command("as-of")
@click.argument("phone")
@click.option("--account", "slug", default="", help="Short name of the account, where there are several.")
@click.option(
    "--purpose", type=click.Choice([one.value for one in Purpose]), default="all", show_default=True,
    help="What the text would have been about.",
)  # fmt: skip
@click.option("--at", type=Instant(), help="Such as 2026-11-20T14:03-05:00; else now.")
def consent_as_of(phone: str, slug: str, purpose: str, at: datetime | None) -> None:
    """Might this number be texted at that time, and which entries say so?"""
    _, database = here()
    with database.reading() as session:
        account = account_named(session, slug)
        number = normalise(phone, account.default_region)
        if isinstance(number, PhoneProblem):
            raise fail(number.sentence)
        decision = consent.as_of(session, account.id, number.e164, Purpose(purpose), at or wall_clock())
    click.echo(decision.sentence())
    if decision.used:
        table = Table("Entry", "At (UTC)", "What", "About", "How we know", "Reason")
        for event in decision.used:
            table.add_row(
                str(event.id), f"{event.at:%Y-%m-%d %H:%M:%S}", words(event.kind), words(event.purpose), words(event.source),
                event.reason,
            )  # fmt: skip
        console.print(table)


def _read(file: Path) -> list[Checkpoint]:
    try:
        return checkpoints.read(file.read_bytes())
    except (ValueError, OSError) as error:
        raise fail(f"{file}: {error}") from error
