"""Are the tables of the rules whole: dates, sources, lists, limits, and examples that are what they are said to be?"""

from __future__ import annotations

import re
from datetime import date
from fnmatch import fnmatch
from urllib.parse import urlsplit

import pytest

from models.accounts import Profile
from sender.compliance import STOPS, lint
from sender.rule_examples import Example, examples
from sender.rule_table import book, every
from sender.rule_words import pattern, table
from tests.conftest import NOW
from tests.house import modules, source

ON = NOW.date()
TABLES = ("rules.csv", "rule_words.csv", "rule_limits.csv", "media_limits.csv")


@pytest.mark.parametrize("name", TABLES)
def test_every_row_is_dated_and_sourced(name: str) -> None:
    """A first day, a last one not before it, a source, and an answer to whether it was confirmed."""
    for row in table(name):
        first = date.fromisoformat(row["valid_from"])
        assert not row["valid_to"] or date.fromisoformat(row["valid_to"]) >= first
        assert row["source"], row
        assert row.get("confirmed", "no") in {"yes", "no"}
        assert None not in row, f"a row with too many columns: {row}"
        assert not row.get("url") or urlsplit(row["url"]).scheme == "https"


def test_no_row_stands_twice() -> None:
    """A word is once in a list, a limit has one value on a day, a carrier one size for a sender."""
    words = [(row["list"], row["word"], row["language"], row["valid_from"]) for row in table("rule_words.csv")]
    assert len(words) == len(set(words))
    for name, keys in (("rule_limits.csv", ("name",)), ("media_limits.csv", ("carrier", "sender_kind"))):
        rows = [tuple(row[key] for key in keys) for row in table(name) if not row["valid_to"]]
        assert len(rows) == len(set(rows))


def test_every_list_and_limit_is_read_by_a_rule() -> None:
    """A row that nobody reads would only look as if it did something."""
    readers = [name for name in modules() if fnmatch(name, "sender/lint_*.py")]
    readers += ["sender/waivers.py", "sender/recipient_rules.py"]
    sources = "".join(map(source, readers))
    for name in {row["list"] for row in table("rule_words.csv")}:
        assert f'"{name}"' in sources, name
    for name in {row["name"] for row in table("rule_limits.csv")}:
        assert f'"{name}"' in sources or re.match("implied_", name), name


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("reply stop", "Reply  STOP to end", True), ("reply stop", "reply\nstop", True), ("reply stop", "reply stopping", False),
        ("arrest*", "arrested", True), ("arrest*", "unarrest", False), ("% off", "20% off", True), ("bit.ly", "bitxly", False),
        ("td", "std", False),
    ],
)  # fmt: skip
def test_how_phrases_are_found(phrase: str, text: str, found: bool) -> None:
    """Whole words, any white space, a star for any ending; signs as they are."""
    assert bool(pattern((phrase,)).search(text.lower())) is found
    assert pattern(()).search(text) is None


@pytest.mark.parametrize("example", examples(), ids=lambda one: one.facts.source[:40])
def test_an_example_is_what_it_is_said_to_be(example: Example) -> None:
    """What is permitted breaks no rule that would stop it or be an error; what is prohibited breaks the one that is named."""
    shown = [profile for profile in Profile if example.shown_to(profile)]
    assert shown
    told = {profile: lint(example.facts, on=ON, profile=profile) for profile in shown}
    if example.rule:
        assert all(example.rule in {one.rule for one in found} for found in told.values())
    else:
        assert all(not [one for one in found if one.severity in STOPS] for found in told.values()), told


def test_every_kind_of_organisation_has_both_examples() -> None:
    """At least one text that it may send, and several that it may not."""
    for profile in Profile:
        shown = [one for one in examples() if one.shown_to(profile)]
        assert [one for one in shown if not one.rule and one.profiles]
        assert len({one.rule for one in shown}) > 5


def test_a_rule_says_who_confirmed_it_and_what_it_rests_on() -> None:
    """Nobody's counsel has confirmed any yet, so each that is not enforced by the provider or arithmetic is unconfirmed."""
    for rule in every():
        assert rule.unconfirmed == (rule.legal or rule.evidence != "documented")
        assert rule.plain()["unconfirmed"] is rule.unconfirmed
    assert {"US"} == {region for rule in every() if rule.profiles for region in rule.countries} - {"CA"}
    assert book(ON) is book(ON)
