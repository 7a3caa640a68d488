"""Does the guide say what the table says, and may only the right people decide about a rule, in their account, with a trace?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from models.accounts import Account, Profile
from models.base import Database
from models.rules import DecisionKind, RuleDecision
from models.users import AuditEntry, RoleName
from sender import waivers
from sender.rule_examples import examples
from sender.rule_table import Severity, book, every
from sender.worker import wall_clock
from tests.desk import Desk, Visitor, open_desk

REASON = "The sender is saved in every member's phone."


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


def decisions(desk: Desk) -> list[RuleDecision]:
    """Every decision, oldest first."""
    with desk.database.reading() as session:
        return list(session.scalars(select(RuleDecision).order_by(RuleDecision.id)))


def in_days(days: int) -> str:
    """A day as a form sends it."""
    return f"{wall_clock() + timedelta(days=days):%Y-%m-%d}"


def decide(visitor: Visitor, verb: str, rule: str, **form: str) -> int:
    """The status of one decision."""
    return visitor.send(f"/guide/{verb}/", form, rule=rule).status_code


def test_the_guide_is_the_table(desk: Desk) -> None:
    """Every rule with its text, advice, source and first day; unconfirmed where nobody confirmed it; filtered by profile."""
    admin = desk.visitor(RoleName.ADMIN)
    said = admin.text("/guide/", profile="all")
    assert "Not legal advice." in said
    for rule in every():
        assert f'id="{rule.id}"' in said
        assert str(_escaped(rule.text)) in said
        assert str(_escaped(rule.source)) in said
    assert said.count(">Unconfirmed<") == sum(rule.unconfirmed for rule in every())
    for profile in (None, *Profile):
        shown = set(
            re.findall(
                r'<article class="rule" id="(\w+)"', admin.text("/guide/", **({"profile": profile} if profile else {}))
            )
        )
        kind = profile or Profile.ASSOCIATION
        assert shown == {rule.id for rule in every() if not rule.profiles or kind.value in rule.profiles}
    assert admin.text("/guide/", profile="nonsense").count('<article class="rule"') == len(
        [rule for rule in every() if not rule.profiles]
    )


def _escaped(text: str) -> str:
    from markupsafe import escape

    return str(escape(text))


def test_the_tables_that_rules_compare_with(desk: Desk) -> None:
    """Examples, carriers' sizes, segments, words that stop, and every limit."""
    said = desk.visitor(RoleName.AGENT).text("/guide/", profile="all")
    for example in examples():
        assert _escaped(example.facts.source) in said
    for expected in ("1,500 KB", "T-Mobile", ">160<", ">67<", "arret", "🛑", "within five minutes"):
        assert expected in said
    for limit in book(wall_clock().date()).limits():
        assert _escaped(limit.source) in said


def test_a_collectors_account_reads_its_own_trouble(desk: Desk) -> None:
    """What the rules find in the account stands above the rules."""
    with desk.database.transaction() as session:
        session.get_one(Account, desk.harbor.id).profile = Profile.THIRD_PARTY_COLLECTOR
    said = desk.visitor(RoleName.ADMIN).text("/guide/")
    assert "Twilio forbids third-party collection in CA and US." in said


def test_an_admin_waives_and_confirms_and_withdraws(desk: Desk) -> None:
    """Each is a POST that leaves a row and an audit entry; withdrawn, the row stays and counts no more."""
    admin = desk.visitor(RoleName.ADMIN)
    assert decide(admin, "waive", "X05", severity="WARN", reason=REASON, expires_on=in_days(30)) == 302
    assert decide(admin, "confirm", "X02", reason="Dr. Lee, letter of today", decided_on=in_days(-1)) == 302
    waiver, confirmation = decisions(desk)
    assert (waiver.rule, waiver.kind, waiver.severity) == ("X05", DecisionKind.WAIVED, "WARN")
    assert (confirmation.rule, confirmation.kind) == ("X02", DecisionKind.CONFIRMED)
    said = admin.text("/guide/")
    assert ">Waived to warning</span>" in said
    assert "Dr. Lee, letter of today" in said
    assert decide(admin, "withdraw", "", id=str(waiver.id)) == 302
    assert decide(admin, "withdraw", "", id=str(waiver.id)) == 302
    assert decisions(desk)[0].withdrawn_at is not None
    assert ">Waived to warning</span>" not in admin.text("/guide/")
    with desk.database.reading() as session:
        trace = session.scalars(
            select(AuditEntry).where(AuditEntry.action.like("rule:%")).order_by(AuditEntry.id)
        ).all()
    assert [one.action for one in trace] == ["rule:waive", "rule:confirm", "rule:withdraw"]
    assert REASON not in str([(one.before, one.after) for one in trace])


def test_what_cannot_be_decided_is_said_beside_the_field(desk: Desk) -> None:
    """Nothing that was typed is lost, and nothing is written."""
    admin = desk.visitor(RoleName.ADMIN)
    for form, sentence in (
        ({"severity": "WARN", "reason": REASON, "expires_on": in_days(400)}, "Choose a last day from today"),
        ({"severity": "WARN", "reason": "no", "expires_on": in_days(3)}, "Write at least a sentence."),
        ({"severity": "BLOCK", "reason": REASON, "expires_on": in_days(3)}, "Not a valid choice"),
        ({"severity": "WARN", "reason": REASON, "expires_on": ""}, "Choose a day."),
    ):
        answer = admin.send("/guide/waive/", form, rule="X05")
        assert answer.status_code == 200
        assert sentence in answer.text
        assert _escaped(form["reason"]) in answer.text
    answer = admin.send("/guide/confirm/", {"reason": "Dr. Lee, of today", "decided_on": in_days(3)}, rule="X05")
    assert "cannot be in the future" in answer.text
    for rule in ("X09", "X99", "", "N09"):
        assert decide(admin, "waive", rule, severity="WARN", reason=REASON, expires_on=in_days(3)) == 404
    assert decide(admin, "confirm", "X09", reason=REASON, decided_on=in_days(0)) == 404
    assert decisions(desk) == []


def test_who_may_decide_and_where(desk: Desk) -> None:
    """Only an admin, only by POST with a token, only about the account's own."""
    with desk.database.transaction() as session:
        pier = session.get_one(Account, desk.pier.id)
        today = wall_clock().date()
        foreign = waivers.waive(
            session,
            pier,
            "X05",
            severity=Severity.WARN,
            reason=REASON,
            approver="eve",
            expires_on=today,
            on=today,
            now=wall_clock(),
        )
        key = str(foreign.id)
    for role in RoleName:
        visitor = desk.visitor(role)
        expected = {302} if role is RoleName.ADMIN else {403}
        assert {decide(visitor, "confirm", "X02", reason="Dr. Lee, letter of today", decided_on=in_days(0))} == expected
        assert decide(visitor, "withdraw", "", id=key) == (404 if role is RoleName.ADMIN else 403)
        assert ("/guide/waive/" in visitor.text("/guide/")) == (role is RoleName.ADMIN)
        assert REASON not in visitor.text("/guide/")
    admin = desk.visitor(RoleName.ADMIN)
    assert admin.read("/guide/withdraw/", id=key).status_code == 405
    assert admin.client.post("/guide/withdraw/", data={"id": key}).status_code == 400
    for junk in ("", "x", "٣", "9" * 30, "-1", "0"):
        assert decide(admin, "withdraw", "", id=junk) == 404
    assert decisions(desk)[0].withdrawn_at is None


def test_the_editor_asks_for_findings(desk: Desk) -> None:
    """JSON in, JSON out, for who may write; what the counter shows already is left out, and decisions count."""
    admin, agent = desk.visitor(RoleName.ADMIN), desk.visitor(RoleName.AGENT)

    def ask(visitor: Visitor, body: object) -> object:
        answer = visitor.client.post("/guide/findings/", json=body, headers={"X-CSRFToken": visitor.token})
        return answer.get_json()["findings"] if answer.status_code == 200 else answer.status_code

    (found,) = ask(admin, {"source": "Harbor: “pay” at bit.ly/3x"})  # type: ignore[misc]
    assert (found["rule"], found["weighs"], found["tone"], found["blocking"]) == ("X09", "Block", "bad", True)
    rules = [one["rule"] for one in ask(admin, {"source": "Come", "purpose": "marketing"})]  # type: ignore[attr-defined]
    assert rules == ["X02", "X05"]
    assert ask(admin, {"source": "Harbor: hi"}) == []
    assert ask(agent, {"source": "x"}) == 403
    for junk in ({}, [], {"source": 1}, {"source": "x" * 5_002}, "x"):
        assert ask(admin, junk) == 400
    assert admin.client.post("/guide/findings/", json={"source": "x"}).status_code == 400
