"""What happens to a message that may or may not have been sent.

A callback that carries our id settles it at any time. Otherwise Twilio's list is searched by recipient and time. One match is
the message; several, or none for too long, are left to a person (`unknown`). Only two searches without a match, both after the
settling time, count as proof of absence and make the row sendable again. Listing lags are real: the settling time is a setting.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from models.accounts import Account
from models.messages import Message, MessageStatus
from models.settings import value
from sender import messages
from sender.dispatch import SEND_SHARE
from sender.gateway import Gateway, InDoubt, Rejected, Remote, Throttled
from sender.outcomes import give_back

log = logging.getLogger(__name__)

OPEN = text("message.status IN ('claimed', 'in_doubt')")
"""A literal, for the partial index on open rows."""
NOT_SETTLED = text(
    "message.status IN ('claimed', 'in_doubt', 'unknown') AND (message.run_id IS NULL OR message.status <> 'pending')"
)
"""Literals, for the index on numbers."""
EARLY, LATE = timedelta(seconds=5), timedelta(seconds=30)
"""Slack around the time between intent and the end of the send window: clocks differ, Twilio's have whole seconds."""
AT_ONCE = 8
"""Look-ups at the same time: a worker that died with a hundred texts in flight is sorted out in seconds, not minutes."""
ABSENCES = 2
"""Searches without a match that prove absence."""


@dataclass(frozen=True)
class Doubt:
    """A message whose fate has to be looked up."""

    message_id: int
    attempt: int
    account_id: int
    to: str
    body: str
    intent_at: datetime
    lease: timedelta


class Verdict(StrEnum):
    """What a person may decide about a parked message."""

    LOOK_UP = "look_up"
    WAS_SENT = "was_sent"
    SEND_AGAIN = "send_again"


class NotParked(Exception):
    """Only an `unknown` message waits for a person; this one has moved on."""


def decide(session: Session, message_id: int, verdict: Verdict, *, now: datetime) -> Message:
    """Apply a person's decision about a parked message; the caller audits and commits. Raises NotParked.

    Looking up asks Twilio once more. Sending again may be a second text to somebody who got the first: the page says so.
    """
    message = session.scalars(
        select(Message).where(Message.id == message_id).with_for_update().execution_options(populate_existing=True)
    ).one()
    if message.status is not MessageStatus.UNKNOWN:
        raise NotParked("This message is not waiting for a decision any more. Reload the page to see where it stands.")
    if message.run is not None and message.run.finished_at is not None:
        message.lane_id = None  # nobody looks into the lanes of a finished run any more
    if verdict is Verdict.LOOK_UP:
        message.status, message.lease_until, message.absences, message.updated_at = MessageStatus.IN_DOUBT, now, 0, now
    elif verdict is Verdict.WAS_SENT:
        messages.advance(session, message, MessageStatus.SENT, now=now)
    else:
        give_back(session, message, due_at=now, now=now)
    return message


def reap(session: Session, *, now: datetime) -> int:
    """Turn claims whose lease has run out into doubts, and commit; returns how many."""
    rows = session.scalars(
        select(Message)
        .where(OPEN, Message.status == MessageStatus.CLAIMED, Message.lease_until <= now)
        .with_for_update(skip_locked=True)
    ).all()
    for message in rows:
        message.status, message.worker, message.lease_until, message.updated_at = MessageStatus.IN_DOUBT, None, now, now
    session.commit()
    return len(rows)


def due(session: Session, *, now: datetime, limit: int = 100) -> list[Doubt]:
    """The doubts whose next look-up is due."""
    rows = session.execute(
        select(Message.id, Message.attempt, Message.account_id, Message.phone, Message.body, Message.intent_at)
        .where(OPEN, Message.status == MessageStatus.IN_DOUBT, Message.lease_until <= now)
        .order_by(Message.lease_until)
        .limit(limit)
    ).all()
    leases = {r.account_id: timedelta(seconds=value(session, "lease_seconds", account_id=r.account_id)) for r in rows}
    found = [
        Doubt(r.id, r.attempt, r.account_id, r.phone, r.body or "", r.intent_at, leases[r.account_id]) for r in rows
    ]
    session.commit()
    return found


def look_up(gateway: Gateway, doubt: Doubt) -> list[Remote] | None:
    """What Twilio lists for the recipient around the intent; None when Twilio cannot be asked now."""
    since = doubt.intent_at - EARLY
    until = doubt.intent_at + doubt.lease / SEND_SHARE + LATE
    try:
        found = gateway.find(to=doubt.to, since=since, until=until)
    except (Rejected, Throttled, InDoubt):
        return None
    return [remote for remote in found if remote.direction.startswith("outbound")]


def settle(session: Session, doubt: Doubt, found: Sequence[Remote] | None, *, now: datetime) -> None:
    """Apply one look-up, and commit."""
    message = session.scalars(select(Message).where(Message.id == doubt.message_id).with_for_update()).one()
    if message.status is MessageStatus.IN_DOUBT and message.attempt == doubt.attempt:
        wait = timedelta(seconds=value(session, "settle_seconds", account_id=message.account_id))
        too_old = now - doubt.intent_at > timedelta(
            hours=value(session, "give_up_hours", account_id=message.account_id)
        )
        candidates = None if found is None else _unexplained(session, message, _unbound(session, found))
        if candidates is None:
            message.lease_until = now + wait
            if too_old:
                _park(message, now)
        elif len(same := [remote for remote in candidates if remote.body == doubt.body]) == 1:
            remote = same[0]
            status = messages.word(remote.status) or MessageStatus.QUEUED
            messages.advance(session, message, status, now=now, sid=remote.sid, error_code=remote.error_code)
        elif candidates:  # several, or one that Twilio or somebody else has reworded: no proof of absence
            _park(message, now)
        else:
            _absent(session, message, now=now, wait=wait)
    session.commit()


def _unbound(session: Session, found: Sequence[Remote]) -> list[Remote]:
    """Those of Twilio's messages that no row of ours has as its own."""
    sids = [remote.sid for remote in found]
    bound = set(session.scalars(select(Message.sid).where(Message.sid.in_(sids))))
    return [remote for remote in found if remote.sid not in bound]


def _unexplained(session: Session, message: Message, found: Sequence[Remote]) -> list[Remote]:
    """Without those that are, word for word, another text of ours to this person whose fate is open too."""
    others = set(
        session.scalars(
            select(Message.body).where(
                Message.account_id == message.account_id, Message.phone == message.phone, Message.id != message.id,
                Message.sid.is_(None), NOT_SETTLED,
            )
        )
    ) - {message.body}  # fmt: skip
    return [remote for remote in found if remote.body not in others]


def _park(message: Message, now: datetime) -> None:
    """Leave it to a person."""
    message.status, message.lease_until, message.updated_at = MessageStatus.UNKNOWN, None, now


def _absent(session: Session, message: Message, *, now: datetime, wait: timedelta) -> None:
    message.absences += 1
    if message.absences < ABSENCES:
        message.lease_until = now + wait
        return
    tried = message.attempt >= value(session, "max_attempts", account_id=message.account_id)
    late = message.expires_at is not None and message.expires_at <= now
    if tried or late:
        _park(message, now)
    else:
        give_back(session, message, due_at=now, now=now)


def _gateway(
    open_session: Callable[[], Session], gateway_for: Callable[[Account], Gateway], account_id: int
) -> Gateway | None:
    """The account's gateway, or None when its credentials are missing: one account must not stop the sweep for the others."""
    with open_session() as session:
        account = session.get_one(Account, account_id)
    try:
        return gateway_for(account)
    except Exception as error:
        log.error("account %s: no look-up without a gateway (%s)", account_id, type(error).__name__)  # noqa: TRY400
        return None


def resolve(
    open_session: Callable[[], Session], gateway_for: Callable[[Account], Gateway], *, clock: Callable[[], datetime]
) -> int:
    """One sweep: reap dead claims, look up what is due, settle each; returns how many were looked up."""
    with open_session() as session:
        reap(session, now=clock())
    with open_session() as session:
        doubts = due(session, now=clock())
    gateways = {
        account_id: _gateway(open_session, gateway_for, account_id)
        for account_id in {doubt.account_id for doubt in doubts}
    }

    def asked(doubt: Doubt) -> list[Remote] | None:
        gateway = gateways[doubt.account_id]
        return look_up(gateway, doubt) if gateway else None

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="look-up") as pool:
        for doubt, found in zip(doubts, pool.map(asked, doubts), strict=True):
            with open_session() as session:
                settle(session, doubt, found, now=clock())
    return len(doubts)
