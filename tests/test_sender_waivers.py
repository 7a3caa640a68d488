"""May an account tune a rule down, confirm one, and take either back; and does a campaign feel it?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.rules import DecisionKind, RuleDecision
from sender import campaigns, waivers
from sender.problems import blocking, problems
from sender.rule_table import Severity, book
from sender.waivers import NotDecided
from tests import seeds
from tests.conftest import NOW, seed_account

ON = NOW.date()
REASON = "The sender is saved in every member's phone."


def waive(session: Session, account: Account, rule: str = "X05", **changes: object) -> RuleDecision:
    """A waiver by Anna until tomorrow."""
    given: dict[str, object] = {
        "severity": Severity.WARN, "reason": REASON, "approver": "anna@example.com", "expires_on": ON + timedelta(days=1),
        "on": ON, "now": NOW,
    } | changes  # fmt: skip
    return waivers.waive(session, account, rule, **given)  # type: ignore[arg-type]


def confirm(session: Session, account: Account, rule: str = "X05", **changes: object) -> RuleDecision:
    """A confirmation of today."""
    given: dict[str, object] = {
        "reason": "Dr. Lee, letter of today", "approver": "anna@example.com", "decided_on": ON, "on": ON, "now": NOW,
    } | changes  # fmt: skip
    return waivers.confirm(session, account, rule, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "changes", "sentence"),
    [
        ("X99", {}, "no such rule"), ("N09", {}, "no such rule in force"), ("X09", {}, "cannot be waived"),
        ("K05", {}, "cannot be waived"), ("K02", {"severity": Severity.INFO}, "cannot be waived"),
        ("X05", {"severity": Severity.ERROR}, "only make it weigh less"), ("X05", {"severity": Severity.BLOCK}, "weigh less"),
        ("X05", {"reason": "ok       "}, "Give a reason"), ("X05", {"approver": " "}, "Name who"),
        ("X05", {"expires_on": ON - timedelta(days=1)}, "last day"), ("X05", {"expires_on": ON + timedelta(days=366)}, "last day"),
    ],
)  # fmt: skip
def test_a_waiver_that_cannot_be(
    session: Session, account: Account, rule: str, changes: dict[str, object], sentence: str
) -> None:
    """Only downward, with a reason and an approver, for at most a year; never what the provider or arithmetic blocks."""
    with pytest.raises(NotDecided, match=sentence):
        waive(session, account, rule, **changes)
    assert session.scalars(select(RuleDecision)).all() == []


def test_a_confirmation_that_cannot_be(session: Session, account: Account) -> None:
    """Of what needs none, in the future, or by nobody."""
    for rule, changes in (("X09", {}), ("X05", {"decided_on": ON + timedelta(days=1)}), ("X05", {"reason": "yes"})):
        with pytest.raises(NotDecided):
            confirm(session, account, rule, **changes)


def test_what_stands_on_a_day(session: Session, account: Account) -> None:
    """From its day to its last, until it is withdrawn, of this account alone; the row stays."""
    made, other = waive(session, account), seed_account(session, slug="pier")
    assert list(waivers.standing(session, account.id, ON)) == [made]
    assert list(waivers.standing(session, account.id, ON + timedelta(days=1))) == [made]
    assert list(waivers.standing(session, account.id, ON + timedelta(days=2))) == []
    assert list(waivers.standing(session, account.id, ON - timedelta(days=1))) == []
    assert list(waivers.standing(session, other.id, ON)) == []
    assert waivers.withdraw(session, made, actor="ben@example.com", now=NOW)
    assert not waivers.withdraw(session, made, actor="anna@example.com", now=NOW)
    assert (made.withdrawn_by, made.reason) == ("ben@example.com", REASON)
    assert list(waivers.standing(session, account.id, ON)) == []
    assert list(waivers.history(session, account.id)) == [made]


def test_choices_are_lighter() -> None:
    """What may be chosen weighs less than the table says."""
    rules = book(ON).rules
    assert waivers.choices(rules["X05"]) == [Severity.WARN, Severity.INFO]
    assert waivers.choices(rules["X01"]) == [Severity.ERROR, Severity.WARN, Severity.INFO]
    assert waivers.choices(rules["N11"]) == [Severity.WARN, Severity.INFO]
    assert waivers.choices(rules["X09"]) == waivers.choices(rules["K02"]) == []


def test_a_campaign_warns_stops_and_passes(session: Session, account: Account) -> None:
    """Unconfirmed it warns; confirmed it stops the launch on the server; waived by somebody else than its author it passes."""
    made = seeds.campaign(session, account, people=seeds.contacts(session, account, 2))
    made.created_by = "anna@example.com"
    (found,) = problems(session, made, now=NOW)
    assert (found.rule, found.blocking) == ("X05", False)
    assert found.sentence == (
        "Who is writing? (X05): The text does not name Harbor Association. Begin with “Harbor Association: ”. "
        "The rule is unconfirmed."
    )
    assert problems(session, made) == []
    confirm(session, account)
    assert blocking(session, made, now=NOW).startswith("Who is writing? (X05)")
    with pytest.raises(campaigns.NotAllowed, match="X05"):
        campaigns.send(session, made, now=NOW)
    with pytest.raises(campaigns.NotAllowed, match="X05"):
        campaigns.schedule(session, made, starts_at=NOW + timedelta(hours=1), now=NOW)
    own = waive(session, account)
    assert blocking(session, made, now=NOW), "nobody passes their own campaign"
    assert waivers.withdraw(session, own, actor="anna@example.com", now=NOW)
    waive(session, account, approver="ben@example.com")
    assert blocking(session, made, now=NOW) == ""
    assert blocking(session, made, now=NOW + timedelta(days=2)), "the waiver is over"
    assert campaigns.send(session, made, now=NOW).number == 1


def test_what_the_provider_refuses_stops_at_once(session: Session, account: Account) -> None:
    """No confirmation is needed, and a recurring campaign that meets it is held."""
    source = "Harbor: pay at bit.ly/3x"
    made = seeds.campaign(session, account, people=seeds.contacts(session, account, 2), source=source)
    assert blocking(session, made, now=NOW).startswith("Shared link shortener (X09): bit.ly is a shortener")
    with pytest.raises(campaigns.NotAllowed, match="X09"):
        campaigns.send(session, made, now=NOW)
    assert DecisionKind.WAIVED == "waived"
