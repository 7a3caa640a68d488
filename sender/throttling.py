"""Twilio asks us to wait: who waits, for how long? Everybody who shares the limit, and longer each time it happens again.

A 429 of the account (20429) holds all its senders, on every host; a full queue (21611) or a Twilio that cannot be reached
holds the one sender. How long comes from `gateway_codes.csv`, unless Twilio says it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from models.accounts import Account, SendingNumber
from sender.claims import Outcome
from sender.gateway_errors import ACCOUNT_BUSY, patience

FORGOTTEN = timedelta(minutes=1)
"""After so long without a refusal the next one counts as the first again."""


class Source(NamedTuple):
    """Whose limit was met."""

    table: type[Account | SendingNumber]
    id: int


def source(outcome: Outcome) -> Source:
    """Whose limit an outcome met."""
    if outcome.error_code == ACCOUNT_BUSY:
        return Source(Account, outcome.claim.account_id)
    return Source(SendingNumber, outcome.claim.sender_id)


def slow_down(session: Session, throttled: Sequence[Outcome], *, now: datetime) -> dict[Source, datetime]:
    """Block whoever met a limit; until when, for each. Refusals that come together count once."""
    met: dict[Source, list[Outcome]] = {}
    for outcome in throttled:
        met.setdefault(source(outcome), []).append(outcome)
    order = sorted(met, key=lambda each: (each.table.__name__, each.id))
    return {each: _block(session, each, met[each], now) for each in order}


def _block(session: Session, limited: Source, outcomes: Sequence[Outcome], now: datetime) -> datetime:
    row: Any = session.get_one(limited.table, limited.id, populate_existing=True, with_for_update={"key_share": True})
    last: datetime | None = row.blocked_until
    if last is None or last <= now:  # not from what was on the wire when the last refusal came: a new one
        row.backoff = row.backoff + 1 if last is not None and last >= now - FORGOTTEN else 1
    said = [outcome.retry_after for outcome in outcomes if outcome.retry_after is not None]
    seconds = max(said, default=patience(outcomes[0].error_code, again=row.backoff - 1))
    until = now + timedelta(seconds=seconds)
    row.blocked_until = until = until if last is None else max(last, until)
    session.flush()
    return until
