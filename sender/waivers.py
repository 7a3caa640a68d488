"""What has an account decided about the rules, and what may it decide? Waivers only downward, with reason, approver and end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.rules import DecisionKind, RuleDecision
from sender.rule_table import WEIGHT, Rule, Severity, book

REASON = 10
"""Characters that a reason has at least: "ok" is none."""


class NotDecided(ValueError):
    """A decision that cannot be taken; the text says why, for people."""


def standing(session: Session, account_id: int, on: date, *, without: str = "") -> Sequence[RuleDecision]:
    """The account's decisions that count on a day, oldest first.

    `without` leaves out waivers that this person approved: nobody passes their own campaign by a waiver of their own.
    """
    query = select(RuleDecision).where(RuleDecision.account_id == account_id, RuleDecision.withdrawn_at.is_(None))
    rows = session.scalars(query.order_by(RuleDecision.id))
    own = {without} - {""}
    return [row for row in rows if row.standing(on) and not (row.kind is DecisionKind.WAIVED and row.approver in own)]


def history(session: Session, account_id: int) -> Sequence[RuleDecision]:
    """Every decision of the account, newest first, those that ended included."""
    query = select(RuleDecision).where(RuleDecision.account_id == account_id).order_by(RuleDecision.id.desc())
    return session.scalars(query).all()


def choices(rule: Rule) -> list[Severity]:
    """What a rule may be tuned down to, the heaviest first; empty where it cannot be waived."""
    return [one for one in Severity if WEIGHT[one] > WEIGHT[rule.severity]] if rule.waivable else []


def waive(
    session: Session,
    account: Account,
    rule_id: str,
    *,
    severity: Severity,
    reason: str,
    approver: str,
    expires_on: date,
    on: date,
    now: datetime,
) -> RuleDecision:
    """Let a rule weigh less for an account until a day, at most a year from `on`. Flushed; raises NotDecided."""
    rule = _known(rule_id, on)
    if not choices(rule):
        raise NotDecided(f"{rule_id} cannot be waived: the provider or arithmetic enforces it.")
    if severity not in choices(rule):
        raise NotDecided(f"{rule_id} weighs {rule.severity}: a waiver can only make it weigh less.")
    most = book(on).limit("waiver_days")
    if not on <= expires_on <= on + timedelta(days=most):
        raise NotDecided(f"Choose a last day from today to {on + timedelta(days=most):%-d %b %Y}.")
    return _add(
        session, account, rule_id, kind=DecisionKind.WAIVED, severity=severity.value, reason=reason, approver=approver,
        decided_on=on, expires_on=expires_on, now=now,
    )  # fmt: skip


def confirm(
    session: Session, account: Account, rule_id: str, *, reason: str, approver: str, decided_on: date, on: date, now: datetime
) -> RuleDecision:  # fmt: skip
    """Record that the account's counsel confirmed a rule on a day; from then on it stops a launch. Flushed; raises NotDecided."""
    rule = _known(rule_id, on)
    if not rule.legal:
        raise NotDecided(f"{rule_id} needs no confirmation: the provider or arithmetic enforces it.")
    if decided_on > on:
        raise NotDecided("The day of the confirmation cannot be in the future.")
    return _add(
        session, account, rule_id, kind=DecisionKind.CONFIRMED, severity=None, reason=reason, approver=approver,
        decided_on=decided_on, expires_on=None, now=now,
    )  # fmt: skip


def withdraw(session: Session, decision: RuleDecision, *, actor: str, now: datetime) -> bool:
    """End a decision; the row stays. False when it was withdrawn already. Flushed."""
    session.refresh(decision, with_for_update=True)
    if decision.withdrawn_at is not None:
        return False
    decision.withdrawn_at, decision.withdrawn_by = now, actor
    session.flush()
    return True


def _known(rule_id: str, on: date) -> Rule:
    """The rule in force; NotDecided for any other id."""
    rule = book(on).rules.get(rule_id)
    if rule is None:
        raise NotDecided("There is no such rule in force.")
    return rule


def _add(
    session: Session,
    account: Account,
    rule_id: str,
    *,
    kind: DecisionKind,
    severity: str | None,
    reason: str,
    approver: str,
    decided_on: date,
    expires_on: date | None,
    now: datetime,
) -> RuleDecision:
    if len(reason.strip()) < REASON:
        raise NotDecided("Give a reason that somebody else understands later.")
    if not approver.strip():
        raise NotDecided("Name who answers for it.")
    made = RuleDecision(
        account_id=account.id, rule=rule_id, kind=kind, severity=severity, reason=reason.strip(), approver=approver.strip(),
        decided_on=decided_on, expires_on=expires_on, created_at=now,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made
