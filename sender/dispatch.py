"""How a pending message leaves, exactly once as far as anyone can know: claim, send, record, resolve what is in doubt.

This module commits, against the rule that only edges do, because the order of commits *is* the protocol:

1. `claim` marks rows as claimed, with a new attempt number, and commits: the intent is on disk before a byte leaves.
2. `post` talks to Twilio with no transaction open.
3. `record` writes the outcome. It applies only to the attempt it belongs to, so a worker that lost its lease changes nothing.
4. Whatever may have been sent without our knowing (a time-out, a dropped socket, a 5xx, a worker that died) becomes `in_doubt`
   and is never sent again blindly: see `sender/doubts.py`.

If the process dies between any two lines, the row is `pending` (not sent), or `claimed` with a lease that runs out, which makes
it in doubt. The rate limit is a theoretical arrival time on the sender's row (GCRA), taken in the claim's transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Row, or_, select, text
from sqlalchemy.orm import Session

from models.accounts import Account, SenderKind, SendingNumber
from models.campaigns import Campaign, CampaignState, Lane, Reason, Run
from models.consent import Purpose
from models.countries import CountrySetting
from models.messages import Message, MessageStatus
from models.settings import value
from sender import consent
from sender.gateway import Gateway, InDoubt, Rejected, Throttled
from sender.outcomes import PATIENCE, Claim, Outcome, Result, reserve

HORIZON = timedelta(milliseconds=250)
"""How far ahead of its slot a message may be claimed: short, so that a pause takes hold at once."""
SEND_SHARE = 6
"""A claimed message must be on the wire within a sixth of its lease (10 s of 60), else it goes back unsent; the POST may take
half of the lease. So a worker that still believes in its claim can never send after the lease has run out."""
LONGEST_VALIDITY = 36_000
"""Seconds; Twilio's maximum ValidityPeriod, and its queue's length (documented 2026)."""
PENDING = text("message.status = 'pending'")
"""A literal, so that the partial index on pending rows can be used; a bound parameter could not."""


@dataclass
class _Budget:
    """How many segments a sender may still take in this claim, and when the next one leaves."""

    sender: SendingNumber
    now: datetime
    tat_us: int = field(init=False)

    def __post_init__(self) -> None:
        self.tat_us = max(self.sender.tat_us, _micros(self.now))

    @property
    def open(self) -> bool:
        return self.tat_us <= _micros(self.now + HORIZON)

    def take(self, segments: int) -> datetime:
        slot = self.now + timedelta(microseconds=self.tat_us - _micros(self.now))
        self.tat_us += max(segments, 1) * 1_000_000 // self.sender.segments_per_second
        return slot


def _micros(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)


def claim(session: Session, *, worker: str, now: datetime, limit: int, senders: set[int] | None = None) -> list[Claim]:
    """Reserve up to `limit` messages for `worker` and commit; the most urgent first, within each sender's rate.

    `senders` are the ids it may claim for; None: every one.
    """
    claims: list[Claim] = []
    for sender, account in _ready_senders(session, now):
        if len(claims) < limit and (senders is None or sender.id in senders):
            claims += _claim_sender(session, sender, account, worker=worker, now=now, limit=limit - len(claims))
    session.commit()
    return claims


def _ready_senders(session: Session, now: datetime) -> Sequence[Row[SendingNumber, Account]]:
    """Senders with something due and room in their rate, locked so that one process at a time claims for each."""
    horizon = _micros(now + HORIZON)
    due = select(Message.id).where(PENDING, Message.sender_id == SendingNumber.id, Message.due_at <= now).exists()
    free = or_(SendingNumber.blocked_until.is_(None), SendingNumber.blocked_until <= now)
    account_free = or_(Account.blocked_until.is_(None), Account.blocked_until <= now)
    return session.execute(
        select(SendingNumber, Account)
        .join(Account, Account.id == SendingNumber.account_id)
        .where(SendingNumber.active, SendingNumber.segments_per_second > 0, SendingNumber.tat_us <= horizon)
        .where(free, account_free, due)
        .order_by(SendingNumber.tat_us)
        .with_for_update(of=SendingNumber, skip_locked=True, key_share=True)
    ).all()


def _claim_sender(
    session: Session, sender: SendingNumber, account: Account, *, worker: str, now: datetime, limit: int
) -> list[Claim]:
    budget = _Budget(sender, now)
    room = max(1, int(HORIZON.total_seconds() * sender.segments_per_second) + 1)
    candidates = _due(session, sender, now, min(limit, room))
    blocked = _blocked(session, candidates)
    enabled = _enabled_regions(session, account.id)
    lease = timedelta(seconds=value(session, "lease_seconds", account_id=account.id))
    claims = []
    taken: Counter[int] = Counter()
    for message, lane, run in candidates:
        if not budget.open:
            break
        used = run.segments_claimed + taken[run.id] if run else 0
        reason = _refusal(message, run, used, now=now, blocked=message.id in blocked, enabled=enabled)
        if reason is not None:
            skip(message, reason, now=now)
            continue
        slot = budget.take(message.segments)
        if run is not None:
            taken[run.id] += message.segments
        message.status, message.attempt = MessageStatus.CLAIMED, message.attempt + 1
        message.worker, message.lease_until = worker, now + lease
        message.intent_at = message.updated_at = now
        claims.append(_claim_of(message, sender, lane, slot=slot, now=now, leave_within=lease / SEND_SHARE))
    if claims:  # a claim that takes nothing writes nothing
        sender.tat_us = budget.tat_us
    for run_id, segments in sorted(taken.items()):
        reserve(session, run_id, segments)
    return claims


def _due(
    session: Session, sender: SendingNumber, now: datetime, limit: int
) -> list[tuple[Message, Lane | None, Run | None]]:
    """The most urgent due messages of a sender: what belongs to no lane first, then open lanes by priority until it is enough.

    Whether a campaign is sending and its window open is asked of the lanes, which are few, never of the messages, which are
    many: a paused campaign of a million rows costs nothing here.
    """
    found: list[tuple[Message, Lane | None, Run | None]] = [
        (message, None, None) for message in _waiting(session, sender, None, now, limit)
    ]
    for lane, run in _open_lanes(session, sender, now):
        if len(found) >= limit:
            break
        found += [(message, lane, run) for message in _waiting(session, sender, lane, now, limit - len(found))]
    return found


def _open_lanes(session: Session, sender: SendingNumber, now: datetime) -> Sequence[Row[Lane, Run]]:
    """The sender's lanes that may be sent from now."""
    window_open = or_(Lane.opens_at.is_(None), (Lane.opens_at <= now) & (Lane.closes_at > now))
    return session.execute(
        select(Lane, Run)
        .join(Run, Run.id == Lane.run_id)
        .join(Campaign, Campaign.id == Run.campaign_id)
        .where(
            Lane.sender_id == sender.id, Campaign.state == CampaignState.SENDING, Run.finished_at.is_(None),
            window_open, Lane.held.is_(False),
        )
        .order_by(Lane.priority, Lane.id)
    ).all()  # fmt: skip


def _waiting(
    session: Session, sender: SendingNumber, lane: Lane | None, now: datetime, limit: int
) -> Sequence[Message]:
    """The due messages of one lane (or of none), in the order of the index on pending rows."""
    of_lane = Message.lane_id.is_(None) if lane is None else Message.lane_id == lane.id
    return session.scalars(
        select(Message)
        .where(PENDING, Message.sender_id == sender.id, of_lane, Message.due_at <= now)
        .order_by(Message.priority, Message.due_at, Message.id)
        .limit(limit)
        .with_for_update(
            skip_locked=True, key_share=True
        )  # a cancel or a callback at this moment waits, or is passed over
    ).all()


def _blocked(session: Session, candidates: Iterable[tuple[Message, Lane | None, Run | None]]) -> set[int]:
    """Which of the candidates may not be texted any more: consent is asked at the claim, not when the list was made."""
    found: set[int] = set()
    groups: dict[tuple[int, Purpose], list[Message]] = {}
    for message, _, _ in candidates:
        groups.setdefault((message.account_id, message.purpose), []).append(message)
    for (account_id, purpose), members in groups.items():
        refused = consent.blocked(session, account_id, [m.phone for m in members], purpose)
        found |= {m.id for m in members if m.phone in refused}
    return found


def _enabled_regions(session: Session, account_id: int) -> set[str]:
    return set(
        session.scalars(
            select(CountrySetting.region).where(
                CountrySetting.account_id == account_id, CountrySetting.enabled.is_(True)
            )
        )
    )


def _refusal(
    message: Message, run: Run | None, used: int, *, now: datetime, blocked: bool, enabled: set[str]
) -> Reason | None:
    """The first reason why a due message may not leave after all, or None."""
    if blocked:
        return Reason.OPTED_OUT
    if message.expires_at is not None and message.expires_at <= now:
        return Reason.EXPIRED
    if message.region not in enabled:
        return Reason.COUNTRY_DISABLED
    if run is not None and run.segment_limit is not None and used + message.segments > run.segment_limit:
        return Reason.SEGMENT_LIMIT
    return None


def skip(message: Message, reason: Reason, *, now: datetime) -> None:
    """Set a message that was never sent aside for good, with the reason."""
    message.status, message.reason = MessageStatus.SKIPPED, reason
    message.worker = message.lease_until = None
    message.final_at = message.updated_at = now


def _claim_of(
    message: Message,
    sender: SendingNumber,
    lane: Lane | None,
    *,
    slot: datetime,
    now: datetime,
    leave_within: timedelta,
) -> Claim:
    closes = [at for at in (lane.closes_at if lane else None, message.expires_at) if at is not None]
    seconds = min([LONGEST_VALIDITY, *(int((at - now).total_seconds()) for at in closes)])
    return Claim(
        message_id=message.id, attempt=message.attempt, account_id=message.account_id, sender_id=sender.id,
        sender=sender.sid or sender.address if sender.kind is SenderKind.MESSAGING_SERVICE else sender.address,
        service=sender.kind is SenderKind.MESSAGING_SERVICE, to=message.phone, body=message.body or "",
        media_url=message.media_url, validity_seconds=max(1, seconds), slot=slot, intent_at=now, leave_within=leave_within,
    )  # fmt: skip


def callback_url(public_url: str, claim: Claim) -> str:
    """Where Twilio reports on this attempt: our id travels in the query, because Twilio keeps no reference of ours."""
    return f"{public_url.rstrip('/')}/hooks/status?m={claim.message_id}&a={claim.attempt}"


def post(gateway: Gateway, claim: Claim, *, public_url: str) -> Outcome:
    """Ask Twilio to send one claimed message; no transaction may be open here."""
    try:
        sent = gateway.send(
            to=claim.to,
            body=claim.body,
            from_=None if claim.service else claim.sender,
            messaging_service_sid=claim.sender if claim.service else None,
            status_callback=callback_url(public_url, claim),
            validity_seconds=claim.validity_seconds,
            media_urls=[claim.media_url] if claim.media_url else [],
        )
    except Rejected as error:
        return Outcome(claim, Result.REJECTED, error_code=error.code, stops_run=error.stops_run)
    except Throttled as error:
        return Outcome(claim, Result.THROTTLED, error_code=error.code, retry_after=error.retry_after or PATIENCE)
    except InDoubt:
        return Outcome(claim, Result.IN_DOUBT)
    return Outcome(claim, Result.SENT, sid=sent.sid, status=sent.status)
