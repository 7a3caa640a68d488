"""`flask lint …`, run as people and programs run it: what it finds, how it ends, and the table of rules it gives out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from models.accounts import Account
from sender.rule_table import every
from tests.seeds import template_version
from tests.test_admin_cli import Shell, configured, open_shell


@pytest.fixture
def shell(sqlite_template: Path, tmp_path: Path) -> Iterator[Shell]:
    """An account with a good and a bad template."""
    shutil.copy(sqlite_template, tmp_path / "a.db")
    for found in open_shell(configured(tmp_path / "a.db")):
        found.does("accounts", "create", "harbor", "Harbor Association")
        with found.database.transaction() as session:
            account = session.scalars(select(Account)).one()
            template_version(session, account, "Harbor: hello {{ name }}", name="Good")
            template_version(session, account, "Harbor: see bit.ly/3x", name="Bad")
        yield found


def test_a_good_template_ends_well(shell: Shell) -> None:
    """By its name or its number."""
    assert shell.does("lint", "Good") == shell.does("lint", "1") == "Nothing was found. Not legal advice.\n"


def test_a_bad_one_ends_with_an_error(shell: Shell) -> None:
    """After the table, which names the rule; as JSON, the error is on the other stream."""
    result = shell.run("lint", "Bad")
    assert result.exit_code == 1
    assert "X09" in result.stdout
    assert result.stderr == "Error: 1 finding has to be mended first.\n"
    result = shell.run("lint", "Bad", "--json", "--account", "harbor")
    assert result.exit_code == 1
    (found,) = json.loads(result.stdout)["findings"]
    assert (found["rule"], found["severity"], found["blocking"]) == ("X09", "BLOCK", True)
    assert (found["start"], found["end"]) == (12, 18)


def test_a_text_of_ones_own(shell: Shell) -> None:
    """Typed or read, as another kind of organisation."""
    assert "Nothing was found" in shell.does("lint", "--text", "Harbor: hello")
    assert "Nothing was found" in shell.does("lint", "--text", "-", input="Harbor: hello\n")
    result = shell.run("lint", "--text", "Harbor: hello", "--profile", "third_party_collector", "--json")
    assert result.exit_code == 1
    assert {one["rule"] for one in json.loads(result.stdout)["findings"]} == {"X01"}


def test_what_is_not_there_is_said(shell: Shell) -> None:
    """No such template, none named, another account."""
    for words in (("lint",), ("lint", "Nothing"), ("lint", "99"), ("lint", "²")):
        assert shell.refuses(*words) == "Name a template by its name or number, or give a text with --text."
    assert "--account" in shell.refuses("lint", "Good", "--account", "pier")


def test_the_rules_are_given_out(shell: Shell) -> None:
    """All of them, twice the same, with stable ids, for people and for programs."""
    said = shell.does("lint", "--rules", "--json")
    assert said == shell.does("lint", "--rules", "--json")
    assert [row["id"] for row in json.loads(said)] == [rule.id for rule in every()]
    assert all(row["source"] for row in json.loads(said))
    assert "X09" in shell.does("lint", "--rules")
