"""Which numbers are held until a person has read what was written, since when, and by when must that be decided?

A hold waits for a review until something settles it: a release, an opt-out, or a new subscription. The clock runs from the first
reply that nobody has read; later ones of the same number join it. The limits are dated data, `review_limits.csv`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, literal_column, select, update
from sqlalchemy.orm import Session, aliased

from models.accounts import Account
from models.consent import ConsentEvent, ConsentKind, ConsentSource, Purpose
from models.inbox import Conversation, ConversationState
from sender import consent, dated

LIMITS = Path(__file__).with_name("review_limits.csv")
SETTLES = (ConsentKind.RELEASE, ConsentKind.OPT_OUT, ConsentKind.RE_SUBSCRIBE)
_IS_HOLD: ColumnElement[bool] = ConsentEvent.kind == literal_column("'hold'")
"""A literal, so that the index on holds can be used; a bound parameter could not."""
MANY = 100
"""Reviews are counted up to here."""
SATURDAY = 5


class Verdict(StrEnum):
    """What a person found."""

    REVOKED = "revoked"
    KEPT = "kept"


KINDS = {Verdict.REVOKED: ConsentKind.OPT_OUT, Verdict.KEPT: ConsentKind.RELEASE}
"""What a verdict adds to the ledger."""


class Settled(Exception):
    """Somebody, or the person by another text, was quicker; the message is a sentence for whoever decided."""


@dataclass(frozen=True)
class Limits:
    """How long a reply may wait."""

    alarm: timedelta
    business_days: int


@lru_cache(maxsize=64)
def limits(on: date) -> Limits:
    """Those in force on a day; before the rule, the first that there were."""
    rows = list(dated.table(LIMITS))

    def figure(kind: str) -> int:
        mine = [row for row in rows if row["kind"] == kind]
        there = [row for row in mine if dated.there(row, on)]
        return int((there or mine)[-1 if there else 0]["value"])

    return Limits(alarm=timedelta(hours=figure("alarm_hours")), business_days=figure("business_days"))


def due(held_at: datetime, zone: str) -> datetime:
    """When the last business day ends in which a hold must be decided, by the account's clock.

    Saturdays and Sundays are no business days; holidays count as one, so that it is never too late.
    """
    local = held_at.astimezone(ZoneInfo(zone))
    day, left = local.date(), limits(held_at.date()).business_days
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < SATURDAY
    return datetime.combine(day, min(local.time(), time(23, 59)), tzinfo=ZoneInfo(zone))


def waiting() -> tuple[ColumnElement[bool], ...]:
    """The conditions under which a `ConsentEvent` is a hold that waits: the first of its number that nothing has settled.

    Of somebody who was erased there is nothing left to read; the hold stands for good.
    """
    earlier = aliased(ConsentEvent)
    first = (
        select(earlier.id)
        .where(earlier.account_id == ConsentEvent.account_id, earlier.phone == ConsentEvent.phone)
        .where(earlier.purpose == ConsentEvent.purpose, earlier.kind == ConsentKind.HOLD)
        .where(earlier.id < ConsentEvent.id, ~_settled(earlier))
        .exists()
    )
    return _IS_HOLD, ConsentEvent.phone != "", ~_settled(ConsentEvent), ~first


def _settled(hold: Any) -> ColumnElement[bool]:
    later = aliased(ConsentEvent)
    return (
        select(later.id)
        .where(later.account_id == hold.account_id, later.phone == hold.phone, later.id > hold.id)
        .where(later.purpose.in_((Purpose.ALL, hold.purpose)), later.kind.in_(SETTLES))
        .exists()
    )


def count(session: Session, account_id: int, *, until: datetime | None = None) -> int:
    """How many wait, a hundred at most; with `until`, those that were held by then."""
    held = select(ConsentEvent.id).where(ConsentEvent.account_id == account_id, *waiting())
    if until is not None:
        held = held.where(ConsentEvent.at <= until)
    return session.scalar(select(func.count()).select_from(held.limit(MANY).subquery())) or 0


def late(session: Session, account_id: int, *, now: datetime) -> int:
    """How many have waited for longer than the alarm, a hundred at most."""
    return count(session, account_id, until=now - limits(now.date()).alarm)


def settled_by(session: Session, hold: ConsentEvent) -> ConsentEvent | None:
    """The first entry that settled a hold, or None while it waits."""
    return session.scalars(
        select(ConsentEvent)
        .where(ConsentEvent.account_id == hold.account_id, ConsentEvent.phone == hold.phone, ConsentEvent.id > hold.id)
        .where(ConsentEvent.purpose.in_((Purpose.ALL, hold.purpose)), ConsentEvent.kind.in_(SETTLES))
        .order_by(ConsentEvent.id)
        .limit(1)
    ).first()


def decide(
    session: Session, hold: ConsentEvent, verdict: Verdict, *, reason: str, actor: str, now: datetime
) -> ConsentEvent:
    """Add what a person found to the ledger; its conversations need nobody any more. Raises Settled. Flushed, not committed.

    Two people who decide at once wait for each other at the account's row, as in `consent.append`.
    """
    session.execute(select(Account.id).where(Account.id == hold.account_id).with_for_update(key_share=True)).one()
    before = settled_by(session, hold)
    if before is not None:
        raise Settled("This was settled already; nothing was changed. The page shows by what.")
    event = consent.append(
        session, account_id=hold.account_id, phone=hold.phone, kind=KINDS[verdict], purpose=hold.purpose,
        source=ConsentSource.ADMIN, reason=reason, evidence={"review_of_entry": str(hold.id)}, message_id=hold.message_id,
        actor=actor, now=now,
    )  # fmt: skip
    session.execute(
        update(Conversation)
        .where(Conversation.account_id == hold.account_id, Conversation.phone == hold.phone)
        .where(Conversation.state == ConversationState.REVIEW)
        .values(state=ConversationState.OPEN)
        .execution_options(synchronize_session=False)
    )
    return event
