"""What Twilio says it charged and counted: final prices, usage records and verification states, pulled into rows.

Nothing here holds a transaction open while it waits for Twilio. A price that is not known yet stays null, never zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.accounts import Account, SendingNumber, Verification
from models.charges import UsageRecord
from models.messages import Message
from models.money import micros
from sender import messages
from sender.gateway import Gateway, Remote, UsageDay

SLACK = timedelta(hours=1)
"""Around the unpriced messages' times, when Twilio's list is asked for them."""


def unpriced_since(session: Session, account: Account) -> datetime | None:
    """When Twilio took the oldest message whose price is not known, or None."""
    return session.scalar(
        select(func.min(Message.sent_at)).where(
            Message.account_id == account.id, Message.sid.is_not(None), Message.twilio_price_u.is_(None)
        )
    )


def remote_since(gateway: Gateway, since: datetime, until: datetime) -> list[Remote]:
    """Everything Twilio lists as sent in the window; a network call."""
    return gateway.sent_between(since - SLACK, until + SLACK)


def apply_prices(session: Session, account: Account, remotes: Iterable[Remote], *, now: datetime) -> int:
    """Write the prices and segment counts that Twilio knows; returns how many rows changed."""
    changed = 0
    known = {remote.sid: remote for remote in remotes if remote.price is not None}
    sids = sorted(known)
    for start in range(0, len(sids), 500):
        rows = session.scalars(
            select(Message)
            .where(Message.account_id == account.id, Message.sid.in_(sids[start : start + 500]))
            .order_by(Message.id)
            .with_for_update()
        )
        for message in rows:
            remote = known[message.sid or ""]
            if remote.price is not None:
                segments = remote.segments
                changed += messages.price(session, message, price_u=micros(remote.price), segments=segments, now=now)
    return changed


def apply_statuses(session: Session, account: Account, remotes: Iterable[Remote], *, now: datetime) -> int:
    """Take over statuses whose callbacks never came (Twilio's are best effort); returns how many rows moved."""
    moved = 0
    by_sid = {remote.sid: remote for remote in remotes}
    sids = sorted(by_sid)
    for start in range(0, len(sids), 500):
        for message in session.scalars(
            select(Message).where(Message.account_id == account.id, Message.sid.in_(sids[start : start + 500]))
        ):
            remote = by_sid[message.sid or ""]
            word = messages.word(remote.status)
            if word is not None:
                moved += messages.advance(session, message, word, now=now, error_code=remote.error_code)
    return moved


def store_usage(session: Session, account: Account, records: Iterable[UsageDay], *, now: datetime) -> int:
    """Keep Twilio's daily totals as of now; a later pull of the same day and category replaces the earlier one."""
    count = 0
    for record in records:
        session.merge(
            UsageRecord(
                account_id=account.id, day=record.day, category=record.category, count=record.count, usage=record.usage,
                price_u=micros(record.price), as_of=record.as_of, pulled_at=now,
            )
        )  # fmt: skip
        count += 1
    return count


def usage_days(gateway: Gateway, start: date, end: date) -> list[UsageDay]:
    """Twilio's usage records of the GMT days from `start` to `end`, both included; a network call."""
    return gateway.usage(start, end)


def store_verifications(session: Session, account: Account, states: dict[str, str]) -> int:
    """Write where each toll-free number stands (SID → Twilio's status word); returns how many changed."""
    changed = 0
    for sender in session.scalars(select(SendingNumber).where(SendingNumber.account_id == account.id)):
        said = states.get(sender.sid or "")
        if said is not None and sender.verification != said.lower():
            sender.verification = Verification(said.lower())
            changed += 1
    return changed
