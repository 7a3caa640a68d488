"""The edge that reports: what nobody was told of yet goes into the outbox, and each finished run its report, with what it cost."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from admin.error_codes import explain
from analytics.budgets import spending
from analytics.rates import RateProblem
from models.base import Database
from models.campaigns import CampaignState, Run
from models.messages import OUTCOME, Message, MessageStatus
from models.money import show
from sender import notices, troubles
from sender.exclusions import sentence
from sender.failures import logged
from sender.progress import Progress, progress

BAD = (MessageStatus.FAILED, MessageStatus.UNDELIVERED)


def report(database: Database, now: datetime) -> str:
    """Owe what is to be told; says how many notices are new. A run that cannot be reported stops no other."""
    told = 0
    with logged("troubles not told"), database.transaction() as session:
        told += troubles.owe_troubles(session, now=now)
    with database.reading() as session:
        over = [run.id for run in troubles.finished(session, now=now)]
    for run_id in over:
        with logged(f"run {run_id} not reported"), database.transaction() as session:
            told += owe_report(session, session.get_one(Run, run_id), now=now)
    return f"{told:,} to be told" if told else ""


def owe_report(session: Session, run: Run, *, now: datetime) -> bool:
    """Owe the report of a run that is over; whether it is new. Not committed."""
    campaign, found = run.campaign, progress(session, run, now=now)
    over = "cancelled" if campaign.state is CampaignState.CANCELLED and run.finished_at is None else "finished"
    lines = [
        f"Run {run.number} of {campaign.name} is {over}.",
        *([run.why] if run.why else []),
        "",
        *words(session, run, found, now),
    ]
    notice = notices.owe(
        session, account_id=run.account_id, campaign_id=campaign.id, cause=f"run:{run.id}:finished", now=now,
        subject=f"{campaign.name}: run {run.number} is {over}, {found.sent:,} of {found.audience:,} sent",
        body="\n".join(lines), details={"run": run.number, "by_status": dict(found.by_status), "excluded": found.excluded},
    )  # fmt: skip
    return notice is not None


def words(session: Session, run: Run, found: Progress, now: datetime) -> list[str]:
    """The report in lines: those under "Audience" add up to it."""
    arrived = found.by_status.get(MessageStatus.DELIVERED, 0) + found.by_status.get(MessageStatus.READ, 0)
    undelivered = found.by_status.get(MessageStatus.UNDELIVERED, 0)
    unknown = found.by_status.get(MessageStatus.UNKNOWN, 0)
    open_ = found.sent - arrived - undelivered
    return [
        f"Audience: {found.audience:,}",
        f"- sent: {found.sent:,} ({arrived:,} delivered, {undelivered:,} not delivered, {open_:,} without a receipt so far)",
        f"- failed: {found.failed:,}",
        f"- skipped when their turn came: {found.skipped:,}",
        f"- left out beforehand: {found.excluded:,}",
        *([f"- waiting for your decision: {unknown:,}"] if unknown else []),
        *([f"- still on their way: {found.waiting:,}"] if found.waiting else []),
        *_section("Failed or not delivered, by error:", _errors(session, run)),
        *_section("Left out or skipped, by reason:", _reasons(found)),
        "",
        _cost(session, run, now),
    ]  # fmt: skip


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", title, *(f"- {line}" for line in lines)] if lines else []


def _reasons(found: Progress) -> list[str]:
    return [f"{number:,}: {sentence(reason)}" for reason, number in sorted(found.by_reason.items())]


def _errors(session: Session, run: Run) -> list[str]:
    counted = session.execute(
        select(Message.error_code, func.count().label("texts"))
        .where(Message.run_id == run.id, text("message." + OUTCOME), Message.status.in_(BAD))
        .group_by(Message.error_code)
        .order_by(func.count().desc(), Message.error_code)
    )
    return [f"{row.texts:,}: {_named(row.error_code)}" for row in counted]


def _named(code: int | None) -> str:
    meaning = explain(code)
    return f"{code}, {meaning.meaning}." if meaning else f"{code}." if code else "no error code."


def _cost(session: Session, run: Run, now: datetime) -> str:
    try:
        found = spending(session, run, budget_u=0, now=now)
    except RateProblem:
        return "Cost: not known, because no rate card is loaded."
    missing = f" without {', '.join(found.unrated)}, for which the card has no price" if found.unrated else ""
    return f"Cost: {show(found.spent_u)}{missing}, by Twilio's prices as far as they are known and the card's for the rest."
