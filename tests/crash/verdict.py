"""Was every row accounted for? Our rows, their history and the provider's own log must tell one story.

Each rule is a function from the evidence to the offences it found, one line each, without a number or a body; no offence is
the proof. The counts beside them say how much was proven.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from sqlalchemy import ColumnElement, Row, column, func, select, table
from sqlalchemy.orm import Session

import analytics.rollups
from models.accounts import Account
from models.base import UTCDateTime
from models.campaigns import Campaign, CampaignState, Exclusion, Run
from models.messages import RANK, SETTLED, WAITING, WITH_TWILIO, Callback, Direction, Message, MessageStatus
from sender import checkpoints
from sender.dispatch import SEND_SHARE
from sender.doubts import EARLY, LATE
from sender.simulator import Simulator
from tests.crash.world import Terms, World

M = MessageStatus
HISTORY = table(
    "crash_history", *(column(name) for name in ("n", "message_id", "old_status", "new_status", "old_attempt", "new_attempt")),
    column("old_sid"), column("new_sid"), column("intent_at", UTCDateTime()),
)  # fmt: skip
OURS_MAY_FOLLOW: dict[MessageStatus, set[MessageStatus]] = {
    M.PENDING: {M.CLAIMED, M.SKIPPED},
    M.CLAIMED: {M.PENDING, M.IN_DOUBT, M.FAILED},
    M.IN_DOUBT: {M.PENDING, M.UNKNOWN},
    M.UNKNOWN: set(),
    M.SKIPPED: set(),
}
"""What may follow while a message is ours; beside that, any word of Twilio's may follow one that ranks lower."""


@dataclass(frozen=True)
class Accepted:
    """One request that the provider took, by its own log."""

    message_id: int
    attempt: int
    sid: str
    to: str
    at: datetime


@dataclass(frozen=True)
class Change:
    """One line of the history."""

    message_id: int
    old: MessageStatus
    new: MessageStatus
    attempts: tuple[int, int]
    sids: tuple[str | None, str | None]
    intent_at: datetime | None


@dataclass
class Evidence:
    """Everything that is known when all has become quiet."""

    world: World
    terms: Terms
    simulator: Simulator
    rows: dict[int, Message]
    accepted: dict[int, list[Accepted]]
    history: list[Change]


def gather(session: Session, world: World, terms: Terms, simulator: Simulator) -> Evidence:
    """Read it all."""
    rows = session.scalars(select(Message).where(Message.direction == Direction.OUTBOUND)).all()
    accepted: dict[int, list[Accepted]] = {}
    for entry in simulator.log():
        query = parse_qs(str(entry["callback_query"]))
        one = Accepted(
            int(query["m"][0]),
            int(query["a"][0]),
            str(entry["sid"]),
            str(entry["to"]),
            datetime.fromisoformat(str(entry["time"])),
        )
        accepted.setdefault(one.message_id, []).append(one)
    changes = [_change(row) for row in session.execute(select(HISTORY).order_by(HISTORY.c.n))]
    return Evidence(world, terms, simulator, {row.id: row for row in rows}, accepted, changes)


def _change(row: Row[Any]) -> Change:
    return Change(
        row.message_id, M(row.old_status), M(row.new_status), (row.old_attempt, row.new_attempt), (row.old_sid, row.new_sid),
        row.intent_at,
    )  # fmt: skip


def twice(evidence: Evidence) -> Iterator[str]:
    """No message was taken more than once."""
    for message_id, entries in evidence.accepted.items():
        if len(entries) > 1:
            attempts = ", ".join(str(entry.attempt) for entry in entries)
            yield f"message {message_id} was sent {len(entries)} times, in its attempts {attempts}"


def strangers(evidence: Evidence) -> Iterator[str]:
    """Whatever the provider took is a row of ours, went to that row's number, and that row knows it."""
    for message_id, entries in evidence.accepted.items():
        row = evidence.rows.get(message_id)
        if row is None or row.phone != entries[0].to:
            yield f"the provider took a message {message_id} that is none of ours"
        elif row.status is not M.UNKNOWN and row.sid not in {entry.sid for entry in entries}:
            yield f"message {message_id} is {row.status}, but the provider has it under a SID that the row does not know"


def unsettled(evidence: Evidence) -> Iterator[str]:
    """Each row has come to its end, or there is a reason why it has not."""
    for row in evidence.rows.values():
        taken, final = len(evidence.accepted.get(row.id, ())), row.status in SETTLED
        if row.status in WAITING:
            yield f"message {row.id} still waits: {row.status}"
        elif row.status is M.UNKNOWN and row.attempt < evidence.terms.attempts and not _other_in_sight(evidence, row):
            yield f"message {row.id} is parked after {row.attempt} attempts"
        elif row.status is M.SKIPPED and (row.reason is None or taken):
            yield f"message {row.id} was set aside for {row.reason}, and taken {taken} times"
        elif row.status is M.FAILED and row.sid is None and (row.error_code is None or taken):
            yield f"message {row.id} failed with {row.error_code}, and was taken {taken} times"
        elif row.sid is not None and not taken:
            yield f"message {row.id} has a SID that the provider never gave"
        elif row.status in WITH_TWILIO and not final and not _report_lost(evidence, row):
            yield f"message {row.id} is {row.status}, although no report was lost"


def _other_in_sight(evidence: Evidence, row: Message) -> bool:
    """Whether another text to the same person was listed where this one was looked for, so that nothing could be proven."""
    assert row.intent_at is not None
    first, last = row.intent_at - EARLY, row.intent_at + timedelta(seconds=evidence.terms.lease / SEND_SHARE) + LATE
    others = (one for entries in evidence.accepted.values() for one in entries if one.message_id != row.id)
    return any(one.to == row.phone and first.replace(microsecond=0) <= one.at <= last for one in others)


def _report_lost(evidence: Evidence, row: Message) -> bool:
    """Whether the provider's last word never reached us, as far as the provider knows."""
    word = evidence.simulator.status_of(row.sid or "")
    return word not in evidence.simulator.heard(row.sid or "")


def forgotten(evidence: Evidence) -> Iterator[str]:
    """What our webhook took upon itself to know, by answering 2xx, is known."""
    for row in evidence.rows.values():
        words = [word for entry in evidence.accepted.get(row.id, ()) for word in evidence.simulator.heard(entry.sid)]
        highest = max((RANK[M(word)] for word in words), default=0)
        if RANK[row.status] < highest:
            yield f"message {row.id} is {row.status}, although a higher word was acknowledged"


def impossible(evidence: Evidence) -> Iterator[str]:
    """Each step of each row was a lawful one."""
    yield from unlawful(evidence.history)


def unlawful(history: Iterable[Change]) -> Iterator[str]:
    """Steps that break a rule: attempts count up at a claim and only there, a SID stays, Twilio's words only rise."""
    for step in history:
        (before, after), (old_sid, new_sid) = step.attempts, step.sids
        claimed = step.new is M.CLAIMED and step.old is M.PENDING
        if after != before + claimed:
            yield f"message {step.message_id}: attempt {before} became {after} from {step.old} to {step.new}"
        if old_sid is not None and new_sid != old_sid:
            yield f"message {step.message_id}: its SID was changed"
        risen = RANK[step.new] >= RANK[M.ACCEPTED] and RANK[step.new] > RANK[step.old]
        if step.new is not step.old and not risen and step.new not in OURS_MAY_FOLLOW.get(step.old, set()):
            yield f"message {step.message_id}: {step.new} followed {step.old}"


def against_refusal(evidence: Evidence) -> Iterator[str]:
    """Nobody was claimed for after their refusal had been committed."""
    for step in evidence.history:
        row = evidence.rows[step.message_id]
        refused = evidence.world.refused.get(row.phone)
        if step.new is M.CLAIMED and refused is not None and step.intent_at is not None and step.intent_at > refused:
            yield f"message {row.id} was claimed {step.intent_at - refused} after its recipient had refused"


ROW_RULES: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    twice, strangers, unsettled, forgotten, impossible, against_refusal,
)  # fmt: skip


def unbalanced(session: Session) -> Iterator[str]:
    """Each run accounts for its audience, its figures are those of its rows, and its campaign is over."""
    for run, campaign in session.execute(select(Run, Campaign).join(Campaign)).all():
        messages = _count(session, Message.run_id == run.id)
        excluded = session.scalar(select(func.count()).where(Exclusion.run_id == run.id))
        if (messages, excluded) != (run.messages, run.excluded) or messages + run.excluded != run.audience_size:
            yield f"run {run.id}: {run.audience_size} in the audience, {messages} messages and {excluded} exclusions"
        if campaign.state not in {CampaignState.COMPLETED, CampaignState.CANCELLED}:
            yield f"campaign {campaign.id} is {campaign.state} ({campaign.why})"
        held = session.scalar(
            select(func.coalesce(func.sum(Message.segments), 0)).where(
                Message.run_id == run.id, (Message.sid.is_not(None)) | (Message.status == M.UNKNOWN)
            )
        )
        if held != run.segments_claimed:
            yield f"run {run.id}: {run.segments_claimed} segments are reserved, {held} are used"
    if session.scalar(select(func.count(Run.id)).group_by(Run.campaign_id).having(func.count(Run.id) > 1).limit(1)):
        yield "a campaign was started twice"


def untold(session: Session) -> Iterator[str]:
    """The daily figures are those of the rows, and the chain of consent is whole."""
    for difference in analytics.rollups.verify(session):
        yield f"daily figures: {difference}"
    for account in session.scalars(select(Account)):
        if problem := checkpoints.walk(session, account).problem:
            yield problem


def _count(session: Session, which: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(Message).where(which)) or 0


@dataclass
class Verdict:
    """What was found: offences by the rule they broke, and how much there was of everything."""

    offences: dict[str, list[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        return not any(self.offences.values())


def judge(session: Session, world: World, terms: Terms, simulator: Simulator) -> Verdict:
    """Apply every rule."""
    evidence = gather(session, world, terms, simulator)
    found = Verdict({rule.__name__: list(rule(evidence)) for rule in ROW_RULES}, _counts(session, evidence))
    found.offences |= {"unbalanced": list(unbalanced(session)), "untold": list(untold(session))}
    return found


def _counts(session: Session, evidence: Evidence) -> dict[str, int]:
    moves = Counter((step.old, step.new) for step in evidence.history if step.old is not step.new)
    absent = {step.message_id for step in evidence.history if (step.old, step.new) == (M.IN_DOUBT, M.PENDING)}
    skipped = sum(row.status is M.SKIPPED for row in evidence.rows.values())
    parked = Counter(
        row.attempt >= evidence.terms.attempts for row in evidence.rows.values() if row.status is M.UNKNOWN
    )
    taken = evidence.accepted
    letters = evidence.simulator.state()["callbacks"]
    assert isinstance(letters, dict)
    lost = sum(row.status in WITH_TWILIO and row.status not in SETTLED for row in evidence.rows.values())
    reports = session.execute(select(func.count(), func.count().filter(Callback.applied)).select_from(Callback)).one()
    return {
        "messages": len(evidence.rows),
        "taken by the provider": len(taken),
        "sent twice": sum(len(entries) > 1 for entries in taken.values()),
        "claims": moves[M.PENDING, M.CLAIMED],
        "went back unsent, or throttled": moves[M.CLAIMED, M.PENDING],
        "came into doubt": sum(n for (_, new), n in moves.items() if new is M.IN_DOUBT),
        "in doubt, then found": sum(n for (old, new), n in moves.items() if old is M.IN_DOUBT and RANK[new] >= RANK[M.ACCEPTED]),
        "in doubt, then proven absent": moves[M.IN_DOUBT, M.PENDING],
        "sent after a proof of absence": sum(evidence.rows[message_id].sid is not None for message_id in absent),
        "parked: tries used up": parked[True],
        "parked: another text in sight": parked[False],
        "set aside (cancelled, refused)": skipped,
        "people who refused": len(evidence.world.refused),
        "final report lost": lost,
        "callbacks lost": letters["lost"],
        "callbacks repeated": letters["repeated"],
        "callbacks not answered": letters["unanswered"] + letters["refused"],
        "callbacks stored": reports[0],
        "callbacks that moved a status": reports[1],
    }  # fmt: skip
