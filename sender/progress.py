"""How far has a run come, how fast is it, and how does it compare with the run before it? Counted from its own rows.

It is asked every two seconds, so every count walks an index and none reads the table: by run and status; the few that were set
aside; and for the rate the index of texts whose price is not known yet, which the last ten seconds always belong to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.campaigns import Campaign, Exclusion, Reason, Run
from models.messages import WAITING, WITH_TWILIO, Message, MessageStatus

RECENT = timedelta(seconds=10)
"""The time whose sends are the present rate."""
FLYING = (MessageStatus.CLAIMED, MessageStatus.IN_DOUBT)


@dataclass(frozen=True)
class Progress:
    """How far a run has come. `audience` = `excluded` + all messages; messages are texts, not segments."""

    audience: int
    excluded: int
    by_reason: dict[Reason, int]
    by_status: dict[MessageStatus, int]
    segments: int
    rate_per_second: float
    """Texts a second over the last ten seconds."""
    eta_seconds: int | None
    """What waits, at that rate; None while nothing moves. `sender.pace` knows of hours and limits as well."""
    segments_per_second: float = 0.0

    @property
    def waiting(self) -> int:
        return sum(n for status, n in self.by_status.items() if status in WAITING)

    @property
    def done(self) -> int:
        """Rows that need nothing more from us."""
        return self.excluded + sum(self.by_status.values()) - self.waiting

    @property
    def in_flight(self) -> int:
        """Messages that may be on their way at this moment: they are accounted for also after a pause or a cancel."""
        return sum(self.by_status.get(status, 0) for status in FLYING)

    @property
    def sent(self) -> int:
        """Messages that Twilio took and has not called failed."""
        return _sent(self.by_status)

    @property
    def failed(self) -> int:
        return _failed(self.by_status)

    @property
    def skipped(self) -> int:
        return self.by_status.get(MessageStatus.SKIPPED, 0)


@dataclass(frozen=True)
class RunFigures:
    """One run in numbers, in texts; `before` is the run of the same campaign that was sent before it, None for the first.

    `audience` = `messages` + `excluded`. A skipped run has none of these, and is no run to compare with.
    """

    run: Run
    audience: int
    messages: int
    excluded: int
    sent: int
    failed: int
    waiting: int
    segments: int
    before: RunFigures | None = None

    @property
    def audience_change(self) -> int | None:
        """How many more rows its audience had than the run before it; None for the first and for a skipped one."""
        return None if self.before is None else self.audience - self.before.audience

    @property
    def sent_change(self) -> int | None:
        """How many more texts Twilio took than of the run before it."""
        return None if self.before is None else self.sent - self.before.sent


def _sent(by_status: dict[MessageStatus, int]) -> int:
    return sum(n for status, n in by_status.items() if status in WITH_TWILIO)


def _failed(by_status: dict[MessageStatus, int]) -> int:
    return by_status.get(MessageStatus.FAILED, 0) + by_status.get(MessageStatus.CANCELED, 0)


def progress(session: Session, run: Run, *, now: datetime) -> Progress:
    """How far a run has come, counted from its rows; the rate is that of the last ten seconds."""
    by_status = _by_status(session, [run]).get(run.id, {})
    texts, segments = _recent(session, run, now)
    rate = texts / RECENT.total_seconds()
    waiting = sum(n for status, n in by_status.items() if status in WAITING)
    return Progress(
        audience=run.audience_size,
        excluded=run.excluded,
        by_reason=_reasons(session, run),
        by_status=by_status,
        segments=run.segments,
        rate_per_second=rate,
        eta_seconds=round(waiting / rate) if rate and waiting else None,
        segments_per_second=segments / RECENT.total_seconds(),
    )


def _reasons(session: Session, run: Run) -> dict[Reason, int]:
    """Why rows got no message, and why messages were set aside."""
    found: dict[Reason, int] = {}
    excluded = select(Exclusion.reason, func.count()).where(Exclusion.run_id == run.id).group_by(Exclusion.reason)
    skipped = (
        select(Message.reason, func.count())
        .where(Message.run_id == run.id, Message.status == MessageStatus.SKIPPED, Message.reason.is_not(None))
        .group_by(Message.reason)
    )
    for query in (excluded, skipped):
        for reason, count in session.execute(query):
            if reason is not None:
                found[reason] = found.get(reason, 0) + count
    return found


def _recent(session: Session, run: Run, now: datetime) -> tuple[int, int]:
    """(texts, segments) of the run that Twilio took in the last ten seconds, by the index of texts without a price."""
    row = session.execute(
        select(func.count(), func.coalesce(func.sum(Message.segments), 0)).where(
            Message.account_id == run.account_id, Message.sent_at > now - RECENT, Message.sid.is_not(None),
            Message.twilio_price_u.is_(None), Message.run_id == run.id,
        )
    ).one()  # fmt: skip
    return int(row[0]), int(row[1])


def figures_of(session: Session, campaign: Campaign) -> list[RunFigures]:
    """Every run of a campaign in numbers, the latest first, skipped ones among them; two queries, however many runs."""
    runs = session.scalars(select(Run).where(Run.campaign_id == campaign.id).order_by(Run.number)).all()
    counts = _by_status(session, runs)
    found: list[RunFigures] = []
    before: RunFigures | None = None
    for run in runs:
        this = _figures(run, counts.get(run.id, {}), None if run.skipped else before)
        found.append(this)
        before = before if run.skipped else this
    return found[::-1]


def diff_of(session: Session, run: Run) -> RunFigures:
    """One run in numbers, with those of the run before it."""
    previous = run_before(session, run)
    counts = _by_status(session, [run] if previous is None else [run, previous])
    compared = None if previous is None or run.skipped else _figures(previous, counts.get(previous.id, {}), None)
    return _figures(run, counts.get(run.id, {}), compared)


def run_before(session: Session, run: Run) -> Run | None:
    """The run of the same campaign before this one that was not skipped."""
    earlier = select(Run).where(Run.campaign_id == run.campaign_id, Run.number < run.number, Run.skipped.is_(False))
    return session.scalars(earlier.order_by(Run.number.desc()).limit(1)).first()


def _figures(run: Run, by_status: dict[MessageStatus, int], compared: RunFigures | None) -> RunFigures:
    waiting = sum(n for status, n in by_status.items() if status in WAITING)
    return RunFigures(
        run, run.audience_size, run.messages, run.excluded, _sent(by_status), _failed(by_status), waiting, run.segments, compared
    )  # fmt: skip


def _by_status(session: Session, runs: Sequence[Run]) -> dict[int, dict[MessageStatus, int]]:
    """How many messages of each run are in each status."""
    found: dict[int, dict[MessageStatus, int]] = {}
    counted = select(Message.run_id, Message.status, func.count()).where(Message.run_id.in_([run.id for run in runs]))
    for run_id, status, count in session.execute(counted.group_by(Message.run_id, Message.status)):
        found.setdefault(run_id or 0, {})[status] = count
    return found
