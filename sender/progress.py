"""How far has a run come, and how fast is it going? Counted from its own rows, cheaply enough to be asked every two seconds.

Every count walks an index, none reads the table: by run and status; the few that were set aside; and for the rate the index of
texts whose price is not known yet, which the last ten seconds always belong to.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.campaigns import Exclusion, Reason, Run
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
        return sum(n for status, n in self.by_status.items() if status in WITH_TWILIO)

    @property
    def failed(self) -> int:
        return self.by_status.get(MessageStatus.FAILED, 0) + self.by_status.get(MessageStatus.CANCELED, 0)

    @property
    def skipped(self) -> int:
        return self.by_status.get(MessageStatus.SKIPPED, 0)


def progress(session: Session, run: Run, *, now: datetime) -> Progress:
    """How far a run has come, counted from its rows; the rate is that of the last ten seconds."""
    counted = select(Message.status, func.count()).where(Message.run_id == run.id).group_by(Message.status)
    by_status = {row[0]: row[1] for row in session.execute(counted)}
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
