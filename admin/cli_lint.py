"""`flask lint …`: what do the compliance rules find in a template or a text, and what are the rules?"""

from __future__ import annotations

import json
import sys
from zoneinfo import ZoneInfo

import click
from rich.table import Table
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from admin.cli_accounts import account_named, here
from admin.terminal import console, fail
from models.accounts import Account, Profile
from models.templates import Template
from sender import compliance, lint_facts, waivers
from sender.compliance import STOPS, Finding
from sender.lint_subjects import TemplateFacts
from sender.rule_table import every
from sender.worker import wall_clock

NOT_ADVICE = "Not legal advice."


@click.command("lint")
@click.argument("template", default="")
@click.option("--text", default="", help="A text to look at instead of a template; - reads it from the input.")
@click.option("--account", "slug", default="", help="Short name of the account, where there are several.")
@click.option(
    "--profile", type=click.Choice([one.value for one in Profile]), default=None,
    help="Look at it as this kind of organisation would have to; else as the account's.",
)  # fmt: skip
@click.option("--rules", is_flag=True, help="List the rules themselves instead.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def lint_command(template: str, text: str, slug: str, profile: str | None, rules: bool, as_json: bool) -> None:
    """Say what the compliance rules find in TEMPLATE (its name or number). Ends with 1 when something has to be mended."""
    if rules:
        _print_rules(as_json=as_json)
        return
    _, database = here()
    with database.reading() as session:
        account = account_named(session, slug)
        on = wall_clock().astimezone(ZoneInfo(account.time_zone)).date()
        facts = _facts(session, account, template, text)
        found = compliance.lint(
            facts, on=on, profile=Profile(profile) if profile else account.profile,
            waivers=waivers.standing(session, account.id, on),
        )  # fmt: skip
    if as_json:
        click.echo(
            json.dumps({"date": str(on), "findings": [one.plain() for one in found]}, indent=2, ensure_ascii=False)
        )
    else:
        _print_findings(found)
    heavy = sum(one.severity in STOPS for one in found)
    if heavy:
        raise fail(f"{'1 finding has' if heavy == 1 else f'{heavy} findings have'} to be mended first.")


def _facts(session: Session, account: Account, template: str, text: str) -> TemplateFacts:
    """The wording that was named, read or typed."""
    on = wall_clock().astimezone(ZoneInfo(account.time_zone)).date()
    if text:
        source = sys.stdin.read() if text == "-" else text
        return lint_facts.wording(session, account, source.removesuffix("\n"), on=on)
    named = [Template.name == template]
    if template.isascii() and template.isdigit() and len(template) < 19:
        named.append(Template.id == int(template))
    found = session.scalars(select(Template).where(Template.account_id == account.id, or_(*named))).all()
    exact = [one for one in found if one.name == template] or found
    if not exact or exact[0].current is None:
        raise fail("Name a template by its name or number, or give a text with --text.")
    return lint_facts.of_version(session, exact[0].current, on=on)


def _print_findings(found: list[Finding]) -> None:
    if not found:
        click.echo(f"Nothing was found. {NOT_ADVICE}")
        return
    table = Table("Rule", "Weighs", "What", "What to do", "Source")
    for one in found:
        open_question = " (unconfirmed)" if one.unconfirmed else ""
        table.add_row(one.rule, one.severity.value, one.sentence, one.fix, f"{one.source}{open_question}")
    console.print(table)
    click.echo(NOT_ADVICE)


def _print_rules(*, as_json: bool) -> None:
    """The whole table, as it is, without a database."""
    if as_json:
        click.echo(json.dumps(list(compliance.exported()), indent=2, ensure_ascii=False))
        return
    table = Table("Rule", "Weighs", "Title", "Since", "Basis", "Source")
    for rule in every():
        basis = f"{rule.basis}, unconfirmed" if rule.unconfirmed else rule.basis
        table.add_row(rule.id, rule.severity.value, rule.title, str(rule.valid_from), basis, rule.source)
    console.print(table)
