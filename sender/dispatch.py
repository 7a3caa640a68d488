"""How a pending message leaves, exactly once as far as anyone can know: claim, send, record, resolve what is in doubt.

This module commits, against the rule that only edges do, because the order of commits *is* the protocol:

1. `claim` marks rows as claimed, with a new attempt number, and commits: the intent is on disk before a byte leaves.
2. `post` talks to Twilio with no transaction open.
3. `record` writes the outcome. It applies only to the attempt it belongs to, so a worker that lost its lease changes nothing.
4. Whatever may have been sent without our knowing (a time-out, a dropped socket, a 5xx, a worker that died) becomes `in_doubt`
   and is never sent again blindly: see `sender/doubts.py`.

If the process dies between any two lines, the row is `pending` (not sent), or `claimed` with a lease that runs out, which makes
it in doubt. What is next is read in `sender/queue.py`, and the rate kept in `sender/pacing.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import String, bindparam, select, update
from sqlalchemy.orm import Session

from models.accounts import SenderKind
from models.base import Base, UTCDateTime
from models.campaigns import Reason
from models.countries import CountrySetting
from models.messages import Kind, MessageStatus
from models.settings import values
from sender import deferral, frequency, queue, standing
from sender.among import among
from sender.claims import Claim, Outcome, Result
from sender.frequency import About, Ledger, Over
from sender.gateway import Gateway, InDoubt, Rejected, Throttled
from sender.pacing import HOLD, HORIZON, Pace, micros
from sender.queue import Candidate, Line

SEND_SHARE = 6
"""A claimed message must be on the wire within a sixth of its lease (10 s of 60), else it goes back unsent; the POST may take
half of the lease. So a worker that still believes in its claim can never send after the lease has run out."""
RETRIES = "#rc=3&rp=5xx,ct,rt"
"""Asks Twilio to repeat a callback three times, also after our 503 (its connection overrides, documented 2026). Not signed."""
LONGEST_VALIDITY = 36_000
"""Seconds; Twilio's maximum ValidityPeriod, and its queue's length (documented 2026)."""

_MESSAGES, _SENDERS, _RUNS, _CAMPAIGNS, _VERSIONS, _TEMPLATES = (
    Base.metadata.tables[name]
    for name in ("message", "sending_number", "run", "campaign", "template_version", "template")
)
_NOW, _UNTIL = bindparam("now", type_=UTCDateTime()), bindparam("until", type_=UTCDateTime())
_BY = bindparam("by", type_=String())
_THESE = update(_MESSAGES).where(among(_MESSAGES.c.id, "ids"))
_CLAIM = _THESE.values(
    status=MessageStatus.CLAIMED, attempt=_MESSAGES.c.attempt + 1, worker=_BY, lease_until=_UNTIL, intent_at=_NOW,
    detail=None, updated_at=_NOW,
)  # fmt: skip
_SKIP = _THESE.values(
    status=MessageStatus.SKIPPED, reason=bindparam("why"), detail=bindparam("more", type_=String()), worker=None, lease_until=None,
    final_at=_NOW, updated_at=_NOW,
)  # fmt: skip
_DEFER = (
    update(_MESSAGES)
    .where(_MESSAGES.c.id == bindparam("message"))
    .values(due_at=_UNTIL, detail=bindparam("more", type_=String()), updated_at=_NOW)
)
_SERVE = (
    update(_SENDERS)
    .where(_SENDERS.c.id == bindparam("sender"))
    .values(tat_us=bindparam("tat"), served_by=_BY, served_until=_UNTIL)
)
_COUNTS = (
    select(_RUNS.c.id, _RUNS.c.segments_claimed, _RUNS.c.segment_limit, _RUNS.c.budget_segments)
    .add_columns(_RUNS.c.started_at, _CAMPAIGNS.c.next_at, _CAMPAIGNS.c.subject, _TEMPLATES.c.category)
    .join(_CAMPAIGNS, _CAMPAIGNS.c.id == _RUNS.c.campaign_id)
    .join(_VERSIONS, _VERSIONS.c.id == _RUNS.c.template_version_id)
    .join(_TEMPLATES, _TEMPLATES.c.id == _VERSIONS.c.template_id)
    .where(among(_RUNS.c.id, "ids"))
    .order_by(_RUNS.c.id)
    .with_for_update(of=_RUNS, skip_locked=True, key_share=True)
)
_COUNT = (
    update(_RUNS)
    .where(_RUNS.c.id == bindparam("run"))
    .values(segments_claimed=_RUNS.c.segments_claimed + bindparam("taken"), served_us=bindparam("served"))
)
_ENABLED = select(CountrySetting.region, CountrySetting.mms).where(
    CountrySetting.account_id == bindparam("account"), CountrySetting.enabled.is_(True)
)
"""Statements are made once: a claim would spend most of its time on making them."""


@dataclass
class _Take:
    """What one claim decides: who leaves, who later, and who never will."""

    worker: str
    now: datetime
    claims: list[Claim] = field(default_factory=list)
    skipped: defaultdict[tuple[Reason, str | None], list[int]] = field(default_factory=lambda: defaultdict(list))
    """By reason, and what more is known of it."""
    deferred: list[dict[str, Any]] = field(default_factory=list)
    """What waits for its hours, or for room under a cap, and until when."""
    leases: dict[int, timedelta] = field(default_factory=dict)
    tats_us: dict[int, int] = field(default_factory=dict)
    """By sender, of those for which something is claimed."""
    used: dict[int, _Used] = field(default_factory=dict)
    ledger: Ledger = field(init=False)


class _Spans(NamedTuple):
    """How long a claim holds, and how much of a window has to be left: never less than a claimed text may take to leave."""

    lease: timedelta
    least: timedelta


@dataclass
class _Used:
    """How many segments of a run are claimed, and how many may be."""

    claimed: int
    limit: int | None
    budget: int | None
    about: About
    taken: int = 0

    def room(self, segments: int, most: int | None) -> bool:
        return most is None or self.claimed + self.taken + segments <= most


def claim(session: Session, *, worker: str, now: datetime, limit: int, senders: set[int] | None = None) -> list[Claim]:
    """Reserve up to `limit` messages for `worker` and commit; the most urgent first, within each sender's rate.

    `senders` are the ids it may claim for; None: every one.
    """
    take = _Take(worker, now)
    lines = queue.ready(session, worker=worker, now=now, senders=senders)
    flying = queue.in_flight(session, {line.account_id for line in lines}) if lines else {}
    found: list[tuple[Line, Pace, list[Candidate]]] = []
    spans = {id_: _spans(session, id_) for id_ in {line.account_id for line in lines}}
    for line in lines:
        pace = _pace(line, now)
        left = line.concurrency - flying.get(line.account_id, 0)
        candidates = (
            queue.due(session, line, now=now, limit=min(limit, left, pace.room), least=spans[line.account_id].least)
            if min(limit, left) > 0
            else []
        )
        limit -= len(candidates)
        flying[line.account_id] = flying.get(line.account_id, 0) + len(candidates)
        found.append((line, pace, candidates))
    take.used = _used(session, {c.message.run_id for _, _, candidates in found for c in candidates} - {None}, now)
    due = [(line, candidates) for line, _, candidates in found]
    take.ledger = frequency.enter(session, due, {run: used.about for run, used in take.used.items()}, now=now)
    for line, pace, candidates in found:
        if candidates:
            _claim_sender(session, take, line, pace, spans[line.account_id], candidates)
    _write(session, take)
    session.commit()
    return take.claims


def _spans(session: Session, account_id: int) -> _Spans:
    seconds = values(session, "lease_seconds", "least_window_seconds", account_id=account_id)
    lease, least = (timedelta(seconds=int(one)) for one in seconds)
    return _Spans(lease, max(least, lease / SEND_SHARE + HORIZON + timedelta(seconds=1)))


def _in_hours(
    session: Session, take: _Take, line: Line, candidates: Sequence[Candidate], least: timedelta
) -> list[Candidate]:
    """Those that may leave at this hour. Lanes are open as they are read; what belongs to none is asked about here."""
    alone = [message for message, _ in candidates if message.lane_id is None and message.confirms_id is None]
    windows = deferral.windows(session, line.account_id, alone, now=take.now, least=least) if alone else {}
    found: list[Candidate] = []
    for candidate in candidates:
        window = windows.get(candidate.message.id)
        if window is None:
            found.append(candidate)
        elif window.held:
            take.skipped[Reason.NO_TIME_ZONE, None].append(candidate.message.id)
        elif not window.open and window.opens_at is not None:
            take.deferred.append(_later(take, candidate.message.id, window.opens_at))
        else:
            found.append(Candidate(candidate.message, window.closes_at))
    return found


def _pace(line: Line, now: datetime) -> Pace:
    slow = line.slow_until is not None and line.slow_until > now
    return Pace(line.segments_per_second, line.tat_us, now, slowed=slow)


def _used(session: Session, run_ids: set[int], now: datetime) -> dict[int, _Used]:
    """The counts of these runs, locked in one order; a run that somebody else counts at this moment waits for the next turn."""
    if not run_ids:
        return {}
    rows = session.execute(_COUNTS, {"ids": run_ids})
    return {
        row.id: _Used(row.segments_claimed, row.segment_limit, row.budget_segments, _about(row, now)) for row in rows
    }


def _about(row: Any, now: datetime) -> About:
    return About(row.started_at or now, row.next_at, row.subject, row.category)


def _claim_sender(
    session: Session, take: _Take, line: Line, pace: Pace, spans: _Spans, candidates: Sequence[Candidate]
) -> None:
    account_id, now = line.account_id, take.now
    refused = standing.refused(session, account_id, candidates)
    enabled = _enabled_regions(session, account_id)
    before, stamp = len(take.claims), _stamp(line, now=now, leave_within=spans.lease / SEND_SHARE)
    for message, closes_at in _in_hours(session, take, line, candidates, spans.least):
        if not pace.open:
            break
        run = take.used.get(message.run_id)
        if (message.run_id is not None and run is None) or take.ledger.waits(message.id):
            continue
        reason = refused.get(message.id) or _refusal(message, run, now=now, enabled=enabled)
        over = take.ledger.over(message.id) if reason is None else None
        if reason is not None:
            take.skipped[reason, None].append(message.id)
        elif over is not None:
            _hold_back(take, message.id, over)
        elif run is None or run.room(message.segments, run.budget):
            take.ledger.take(message.id)
            slot = pace.take(message.segments)
            if run is not None:
                run.taken += message.segments
            take.claims.append(_claim_of(message, closes_at, stamp, slot=slot, gap=pace.gap(message.segments)))
    if len(take.claims) > before:  # a claim that takes nothing writes nothing
        take.leases[line.id], take.tats_us[line.id] = spans.lease, pace.tat_us


def _later(take: _Take, message_id: int, until: datetime, more: str | None = None) -> dict[str, Any]:
    return {"message": message_id, "until": until, "more": more, "now": take.now}


def _hold_back(take: _Take, message_id: int, over: Over) -> None:
    """A text that is over a cap waits where there will be room in time; else it is set aside."""
    if over.room_at is not None and over.room_at < take.ledger.until(message_id):
        take.deferred.append(_later(take, message_id, over.room_at, over.cap.words))
    else:
        take.skipped[Reason.FREQUENCY, over.cap.words].append(message_id)


def _enabled_regions(session: Session, account_id: int) -> dict[str, bool]:
    """The regions that may be texted, and whether pictures may be sent there."""
    return {row.region: row.mms for row in session.execute(_ENABLED, {"account": account_id})}


def _refusal(message: Any, run: _Used | None, *, now: datetime, enabled: dict[str, bool]) -> Reason | None:
    """The first reason, but for what the person or a flag says, why a due message may not leave after all, or None."""
    if message.expires_at is not None and message.expires_at <= now:
        return Reason.EXPIRED
    if message.region not in enabled:
        return Reason.COUNTRY_DISABLED
    if message.kind is Kind.MMS and not enabled[message.region]:
        return Reason.NO_MMS
    if run is not None and not run.room(message.segments, run.limit):
        return Reason.SEGMENT_LIMIT
    return None


def _write(session: Session, take: _Take) -> None:
    """The intent, in a few statements however many messages there are."""
    by_sender: defaultdict[int, list[int]] = defaultdict(list)
    for claim in take.claims:
        by_sender[claim.sender_id].append(claim.message_id)
    shared = {"now": take.now, "by": take.worker}
    for sender_id, ids in by_sender.items():
        session.execute(_CLAIM, {**shared, "ids": ids, "until": take.now + take.leases[sender_id]})
        session.execute(
            _SERVE, {"sender": sender_id, "tat": take.tats_us[sender_id], "by": take.worker, "until": take.now + HOLD}
        )
    for (reason, more), ids in take.skipped.items():
        session.execute(_SKIP, {"ids": ids, "why": reason, "more": more, "now": take.now})
    if take.deferred:
        session.execute(_DEFER, take.deferred)
    for run_id, used in take.used.items():
        if used.taken:
            session.execute(_COUNT, {"run": run_id, "taken": used.taken, "served": micros(take.now)})


def _stamp(line: Line, *, now: datetime, leave_within: timedelta) -> dict[str, Any]:
    """What all claims of one sender have in common."""
    service = line.kind is SenderKind.MESSAGING_SERVICE
    return {
        "account_id": line.account_id, "sender_id": line.id, "service": service, "intent_at": now,
        "sender": line.sid or line.address if service else line.address, "leave_within": leave_within,
        "credentials": line.credentials,
    }  # fmt: skip


def _claim_of(
    message: Any, closes_at: datetime | None, stamp: dict[str, Any], *, slot: datetime, gap: timedelta
) -> Claim:
    closes = [at for at in (closes_at, message.expires_at) if at is not None]
    last = slot + stamp["leave_within"]  # it may leave so late, and Twilio counts from then
    seconds = min([LONGEST_VALIDITY, *(int((at - last).total_seconds()) for at in closes)])
    return Claim(
        **stamp, message_id=message.id, attempt=message.attempt + 1, to=message.phone, body=message.body or "",
        media_url=message.media_url, validity_seconds=max(1, seconds), slot=slot, gap=gap, run_id=message.run_id,
        region=message.region, kind=message.kind, encoding=message.encoding, segments=message.segments,
    )  # fmt: skip


def callback_url(public_url: str, claim: Claim) -> str:
    """Where Twilio reports on this attempt: our id travels in the query, because Twilio keeps no reference of ours."""
    return f"{public_url.rstrip('/')}/hooks/status?m={claim.message_id}&a={claim.attempt}{RETRIES}"


async def post(gateway: Gateway, claim: Claim, *, public_url: str) -> Outcome:
    """Ask Twilio to send one claimed message; no transaction may be open here."""
    try:
        sent = await gateway.send_async(
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
        return Outcome(claim, Result.THROTTLED, error_code=error.code, retry_after=error.retry_after)
    except InDoubt:
        return Outcome(claim, Result.IN_DOUBT)
    return Outcome(claim, Result.SENT, sid=sent.sid, status=sent.status)
