"""What is wrong with this text, campaign, recipient, account or reply? Findings by the rules in force, each with its source.

Not legal advice: a rule that rests on law, a contract or practice only warns until the account's counsel confirmed it; one that
the provider or arithmetic enforces stops at once. A waiver makes a rule weigh less for an account, until its last day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from itertools import islice
from typing import Any

from models.accounts import Profile
from models.rules import DecisionKind, RuleDecision
from sender import (
    lint_consent,
    lint_content,
    lint_cost,
    lint_frequency,
    lint_media,
    lint_money,
    lint_notice,
    lint_senders,
    lint_time,
)
from sender.lint_registry import CHECKS, Hit
from sender.lint_subjects import SCOPES, Subject
from sender.rule_table import WEIGHT, Rule, Severity, book, every

FAMILIES = (
    lint_cost, lint_media, lint_consent, lint_notice, lint_content, lint_time, lint_frequency, lint_senders, lint_money,
)  # fmt: skip
"""The modules whose functions register themselves."""
HITS = 10
"""Breaches of one rule in one text that are told; a hundred more would tell nobody anything."""
STOPS = frozenset({Severity.BLOCK, Severity.ERROR})
"""Severities that stop a launch, where the rule does not merely warn for want of a confirmation."""


@dataclass(frozen=True)
class Finding:
    """One breach of one rule. `start` and `end` place it in the subject's text, where it has a place."""

    rule: str
    title: str
    severity: Severity
    sentence: str
    start: int | None
    end: int | None
    fix: str
    source: str
    url: str
    basis: str
    outcome: str
    blocking: bool
    """Whether it stops a launch, here and now."""
    unconfirmed: bool
    """Whether nobody's counsel confirmed the rule, for everybody or for this account."""
    waived_from: Severity | None
    """What it weighed before the account's waiver."""
    autofix: str | None
    """The whole text as it would be right."""

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def lint(
    subject: Subject, *, on: date, profile: Profile, waivers: Sequence[RuleDecision] = (), regions: Iterable[str] = ()
) -> list[Finding]:
    """The findings about a subject by the rules in force on a day, the heaviest first, then in the order of the table.

    `waivers` are the account's decisions, confirmations included; those that do not stand on the day do not count. `regions`
    narrows to where an account texts, for a subject that does not say. Odd input gives findings or none, never an error.
    """
    today, scope = book(on), SCOPES[type(subject)]
    there = frozenset(regions) or subject.regions
    standing = [decision for decision in waivers if decision.standing(on)]
    found = [
        _finding(rule, hit, standing)
        for rule in today.rules.values()
        if (check := CHECKS.get((scope, rule.id))) is not None
        and rule.applies(profile=profile, about=subject.about, regions=there)
        for hit in islice(check(subject, today), HITS)
    ]
    return sorted(found, key=lambda finding: WEIGHT[finding.severity])


def _finding(rule: Rule, hit: Hit, decisions: Sequence[RuleDecision]) -> Finding:
    """A hit as the account sees it: weighed, confirmed or not."""
    told = hit.severity or rule.severity
    weighs = waived(rule, told, decisions)
    confirmed = bool(rule.confirmed_by) or confirmation(rule.id, decisions) is not None
    start, end = hit.where or (None, None)
    return Finding(
        rule=rule.id, title=rule.title, severity=weighs, sentence=hit.sentence, start=start, end=end, fix=hit.fix or rule.fix,
        source=rule.source, url=rule.url, basis=rule.basis, outcome=rule.outcome,
        blocking=weighs in STOPS and (confirmed or not rule.legal), unconfirmed=rule.unconfirmed and not confirmed,
        waived_from=told if weighs is not told else None, autofix=hit.autofix,
    )  # fmt: skip


def waived(rule: Rule, told: Severity, decisions: Sequence[RuleDecision]) -> Severity:
    """What a breach weighs after the newest waiver of the rule: never more than before, and a block of the provider always that."""
    if told is Severity.BLOCK and not rule.legal:
        return told
    mine = [one for one in decisions if one.rule == rule.id and one.kind is DecisionKind.WAIVED]
    tuned = Severity(mine[-1].severity) if mine and mine[-1].severity in list(Severity) else told
    return max(told, tuned, key=WEIGHT.__getitem__)


def confirmation(rule_id: str, decisions: Sequence[RuleDecision]) -> RuleDecision | None:
    """The newest confirmation of a rule among an account's decisions."""
    mine = (one for one in reversed(decisions) if one.rule == rule_id and one.kind is DecisionKind.CONFIRMED)
    return next(mine, None)


def exported() -> Iterator[dict[str, Any]]:
    """The whole table in its order, also what is not in force yet or any more: ids and sources are stable."""
    return (rule.plain() for rule in every())
