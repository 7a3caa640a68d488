"""`flask erase PHONE`: what is held about a number, and its erasure for somebody who asks to be forgotten."""

from __future__ import annotations

import click

from admin import erasure
from admin.cli_accounts import ACTOR, account_named, here
from admin.terminal import fail
from models.phones import PhoneProblem, normalise
from sender.erasure import Traces, found
from sender.worker import wall_clock

WORDS = {
    "contacts": "contacts", "texts": "texts, both directions", "waiting": "of them not sent yet, which are cancelled",
    "conversations": "conversations", "notes": "notes", "list_rows": "rows of lists",
    "flags": "flags, after which the number is held", "requests": "requests to opt in", "entries": "entries of the consent ledger",
}  # fmt: skip


@click.command("erase")
@click.argument("phone")
@click.option("--account", "slug", default="", help="Short name of the account, where there are several.")
@click.option("--reason", default="", help="Why, for the audit log; without the name and the number.")
@click.option("--confirm", is_flag=True, help="Really erase. Without it only what is held is counted.")
def erase_command(phone: str, slug: str, reason: str, confirm: bool) -> None:
    """Forget the person behind PHONE in an account; charges, segments and a refusal to be texted stay, without the number."""
    _, database = here()
    with database.reading() as session:
        account = account_named(session, slug)
        number = normalise(phone, account.default_region)
        if isinstance(number, PhoneProblem):
            raise fail(number.sentence)
        held = found(session, account.id, number.e164)
        name = account.name
    for line in counted(held):
        click.echo(line)
    if held.nothing:
        click.echo(f"{name} holds nothing about this number.")
    elif not confirm:
        click.echo("Nothing was changed. Add --confirm and --reason to erase it." + f" {held.obstacle}".rstrip())
    elif not reason.strip():
        raise fail("Say with --reason why it is erased; the audit log keeps that.")
    else:
        with database.transaction() as session:
            account = account_named(session, slug)
            erasure.erase(
                session,
                account,
                number.e164,
                file=erasure.notes(database),
                reason=reason.strip(),
                actor=ACTOR,
                now=wall_clock(),
            )
        click.echo("It is erased.")


def counted(held: Traces) -> list[str]:
    """What is held, a line for each kind: "3 texts, both directions"."""
    return [f"{getattr(held, name):,} {label}" for name, label in WORDS.items() if getattr(held, name)]
