"""What Twilio says it charged and counted: final prices, usage records and verification states, pulled into rows.

Nothing here holds a transaction open while it waits for Twilio. A price that is not known yet stays null, never zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.accounts import Account, SenderKind, SendingNumber, Verification
from models.charges import UsageRecord
from models.messages import SETTLED, WITH_TWILIO, Message, MessageStatus
from models.money import micros
from sender import messages
from sender.gateway import Gateway, Rejected, Remote, UsageDay

PATIENCE = timedelta(days=3)
"""How long a price or a last word is asked for. Twilio: a price may take up to 24 hours; the carriers' receipts, days."""
OVERDUE = timedelta(hours=1)
"""After how long without news a message is looked up one by one."""
CURRENCY = "USD"
"""Micros are of this currency; a price in another one is not ours to convert, and stays unknown."""
NEVER_PRICED = frozenset({MessageStatus.FAILED, MessageStatus.CANCELED})
"""What Twilio did not send it does not price (its failed-message fee is in the usage records only, as far as is known)."""
UNSETTLED = WITH_TWILIO - SETTLED


def unpriced_since(session: Session, account: Account, *, now: datetime | None = None) -> datetime | None:
    """The first time at which Twilio may have taken a message whose price is still to come, or None; given up after PATIENCE."""
    taken = func.coalesce(Message.intent_at, Message.sent_at)
    query = select(func.min(taken)).where(
        Message.account_id == account.id,
        Message.sid.is_not(None),
        Message.twilio_price_u.is_(None),
        Message.status.not_in(NEVER_PRICED),
    )
    return session.scalar(query if now is None else query.where(Message.sent_at > now - PATIENCE))


def overdue(
    session: Session, account: Account, *, now: datetime, quiet: timedelta = OVERDUE, limit: int = 100
) -> list[str]:
    """SIDs of messages without a last word and without news for so long, the longest first.

    Their callback was lost, or the carrier sends no receipts. Those that failed before they left are in no list of
    Twilio's that can be asked for by time, so they are fetched one by one (`fetched`).
    """
    query = select(Message.sid).where(
        Message.account_id == account.id,
        Message.status.in_(UNSETTLED),
        Message.created_at > now - PATIENCE,
        Message.updated_at <= now - quiet,
        Message.sid.is_not(None),
    )
    return [sid for sid in session.scalars(query.order_by(Message.updated_at).limit(limit)) if sid]


def fetched(gateway: Gateway, sids: Iterable[str]) -> list[Remote]:
    """These messages as Twilio has them, without those that it does not have any more; a network call each."""
    found = []
    for sid in sids:
        try:
            found.append(gateway.fetch(sid))
        except Rejected as error:
            if error.stops_run:
                raise
    return found


def apply_prices(session: Session, account: Account, remotes: Iterable[Remote], *, now: datetime) -> int:
    """Write the prices and segment counts that Twilio knows; returns how many rows changed."""
    known = {remote.sid: remote for remote in remotes if remote.price is not None and remote.price_unit == CURRENCY}
    changed = 0
    for message in _locked(session, account, known):
        remote = known[message.sid or ""]
        if remote.price is not None:
            price_u = micros(remote.price, rounding=ROUND_HALF_EVEN)
            changed += messages.price(session, message, price_u=price_u, segments=remote.segments, now=now)
    return changed


def apply_statuses(session: Session, account: Account, remotes: Iterable[Remote], *, now: datetime) -> int:
    """Take over statuses whose callbacks never came (Twilio's are best effort); returns how many rows moved."""
    by_sid = {remote.sid: remote for remote in remotes}
    moved = 0
    for message in _locked(session, account, by_sid):
        remote = by_sid[message.sid or ""]
        word = messages.word(remote.status)
        if word is not None:
            moved += messages.advance(session, message, word, now=now, error_code=remote.error_code)
        if message.status in UNSETTLED:
            message.updated_at = now  # asked: the next look goes to others first
    return moved


def _locked(session: Session, account: Account, sids: Iterable[str]) -> Iterable[Message]:
    """The account's messages with these SIDs as they are now, locked against callbacks, in one order for all."""
    wanted = sorted(sids)
    for start in range(0, len(wanted), 500):
        yield from session.scalars(
            select(Message)
            .where(Message.account_id == account.id, Message.sid.in_(wanted[start : start + 500]))
            .order_by(Message.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).all()


def store_usage(session: Session, account: Account, records: Iterable[UsageDay], *, now: datetime) -> int:
    """Keep Twilio's daily totals as of now; a later pull of the same day and category replaces the earlier one.

    Returns how many were kept. Those in another currency than ours are not.
    """
    count = 0
    for record in records:
        if record.price_unit != CURRENCY:
            continue
        session.merge(
            UsageRecord(
                account_id=account.id, day=record.day, category=record.category, count=record.count, usage=record.usage,
                price_u=micros(record.price, rounding=ROUND_HALF_EVEN), as_of=record.as_of, pulled_at=now,
            )
        )  # fmt: skip
        count += 1
    return count


def usage_days(gateway: Gateway, start: date, end: date) -> list[UsageDay]:
    """Twilio's usage records of the GMT days from `start` to `end`, both included; a network call."""
    return gateway.usage(start, end)


def store_verifications(session: Session, account: Account, states: dict[str, str]) -> int:
    """Write where each toll-free number stands (SID → Twilio's status word); returns how many changed.

    A word that we do not know changes nothing.
    """
    words = {word.value: word for word in Verification}
    changed = 0
    for sender in session.scalars(
        select(SendingNumber).where(SendingNumber.account_id == account.id, SendingNumber.kind == SenderKind.TOLL_FREE)
    ):
        said = words.get(states.get(sender.sid, "").lower()) if sender.sid else None
        if said is not None and sender.verification is not said:
            sender.verification = said
            changed += 1
    return changed
