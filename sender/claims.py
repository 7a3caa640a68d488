"""What is a claim, and what may become of it? The two words that the queue, the wire and the books exchange."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from models.messages import Kind


class Claim(NamedTuple):
    """One message that this worker may send now.

    `slot` is the time its sender's rate allows, `gap` how long nothing else of the sender may follow it, and `leave_within` of
    the intent it must be on the wire. `credentials` are those that the account had, still sealed.
    """

    message_id: int
    attempt: int
    account_id: int
    sender_id: int
    sender: str
    service: bool
    to: str
    body: str
    media_url: str | None
    validity_seconds: int
    slot: datetime
    intent_at: datetime
    leave_within: timedelta
    gap: timedelta
    run_id: int | None
    region: str
    kind: Kind
    encoding: str
    segments: int
    credentials: tuple[object, ...] = ()


class Result(StrEnum):
    """What became of a claim."""

    SENT = "sent"
    REJECTED = "rejected"
    THROTTLED = "throttled"
    IN_DOUBT = "in_doubt"
    UNSENT = "unsent"


@dataclass(frozen=True)
class Outcome:
    """What Twilio said of one claim."""

    claim: Claim
    result: Result
    sid: str | None = None
    status: str = ""
    error_code: int | None = None
    retry_after: float | None = None
    stops_run: bool = False
