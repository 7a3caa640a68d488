"""The commands about an organisation's SMS account: link it, rotate its token, keep test credentials, choose the mode."""

from __future__ import annotations

import click

from admin import credentials, modes
from admin.cli_accounts import ACTOR, account_named, accounts_group, here
from sender.worker import wall_clock

__all__ = ["accounts_group"]

ACCOUNT = click.option("--account", "slug", default="", help="Short name of the account.")
TOKEN = click.option(
    "--token", prompt="Auth token", hide_input=True, help="Asked for when it is not given; kept encrypted."
)


@accounts_group.command("link")
@click.argument("sid")
@ACCOUNT
@TOKEN
def accounts_link(sid: str, slug: str, token: str) -> None:
    """Link the Twilio account SID; its name is asked of Twilio first, so a wrong token is noticed here."""
    config, database = here()
    linked = credentials.proved(config, sid, token)
    with database.transaction() as session:
        account = account_named(session, slug)
        credentials.link(session, config, account, sid, token, actor=ACTOR, now=wall_clock())
    click.echo(f"Linked to {linked.name} ({linked.type}, {linked.status}).")


@accounts_group.command("rotate")
@ACCOUNT
@TOKEN
def accounts_rotate(slug: str, token: str) -> None:
    """Send with a new auth token of the linked account; no text is lost, also in the middle of a campaign.

    Create a secondary token at Twilio and give it here; then promote it there; when all is quiet, run `accounts forget`.
    """
    config, database = here()
    with database.reading() as session:
        sid = account_named(session, slug).twilio_sid
    if not sid:
        raise click.ClickException("The account is not linked yet: use `accounts link`.")
    credentials.proved(config, sid, token)
    with database.transaction() as session:
        credentials.rotate(session, config, account_named(session, slug), sid, token, actor=ACTOR, now=wall_clock())
    click.echo("The new token is in use. Webhooks signed with the one before it are still accepted.")


@accounts_group.command("forget")
@ACCOUNT
def accounts_forget(slug: str) -> None:
    """Accept no webhook that is signed with the token before the present one, once nothing is on its way any more."""
    _, database = here()
    with database.transaction() as session:
        credentials.forget_previous(session, account_named(session, slug), actor=ACTOR, now=wall_clock())
    click.echo("Only the present token is accepted now.")


@accounts_group.command("test")
@click.argument("sid")
@ACCOUNT
@TOKEN
def accounts_test(sid: str, slug: str, token: str) -> None:
    """Keep Twilio's test credentials, SID and token, for an account in test mode; live ones are refused."""
    config, database = here()
    credentials.proved_for_tests(config, sid, token)
    with database.transaction() as session:
        account = account_named(session, slug)
        credentials.keep_for_tests(session, config, account, sid, token, actor=ACTOR, now=wall_clock())
    click.echo("The test credentials are kept.")


@accounts_group.command("mode")
@click.argument("mode", type=click.Choice(["test", "live"]))
@ACCOUNT
@click.option("--confirm", is_flag=True, help="Really change it. Without it only the consequence is shown.")
def accounts_mode(mode: str, slug: str, confirm: bool) -> None:
    """Choose whether an account is for tests or for real texts; possible while it has no texts."""
    config, database = here()
    with database.transaction() as session:
        account = account_named(session, slug)
        wanted = mode == "test"
        click.echo(modes.preview(session, account, test_mode=wanted, simulated=bool(config.twilio_url)))
        if confirm:
            modes.switch(session, account, test_mode=wanted, actor=ACTOR, now=wall_clock())
    click.echo(f"The account is in {mode} mode." if confirm else "Nothing was changed. Add --confirm to change it.")
