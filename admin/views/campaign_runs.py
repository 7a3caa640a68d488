"""What became of each run of a campaign, how did it differ from the one before, and when are the next ones?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from flask import request
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import analytics.charges
from admin import auth
from admin.views.campaign_batches import CampaignBatches
from admin.views.campaign_numbers import FAILED, counts
from admin.views.guarded import page
from admin.views.sending_start import clocks, local
from models.campaigns import Campaign, Run
from models.messages import WITH_TWILIO, Message, MessageStatus
from sender.campaigns import upcoming
from sender.planned import zone_of
from sender.recurrence_words import describe

PAGE = 25
ABREAST = 6
"""Next times that are shown."""


@dataclass(frozen=True)
class Line:
    """One run in texts; `cost_u` in micros, None where it is not to be seen. A skipped run has nothing but its reason."""

    run: Run
    sent: int = 0
    failed: int = 0
    left_out: int = 0
    cost_u: int | None = None
    before: Line | None = None

    @property
    def audience(self) -> int:
        return self.run.audience_size

    @property
    def rest(self) -> int:
        """Rows that still wait, here or for a person."""
        return max(0, self.audience - self.sent - self.failed - self.left_out)

    def change(self, name: str) -> int | None:
        """How much more it is than in the run before; None where there is nothing to compare."""
        then = getattr(self.before, name, None)
        return None if then is None or getattr(self, name) is None else getattr(self, name) - then


def lines(session: Session, campaign: Campaign, *, below: int | None = None, costs: bool = True) -> list[Line]:
    """The newest runs (with a number under `below`), the newest first, and one more if there is any; from the daily facts."""
    query = select(Run).where(Run.campaign_id == campaign.id)
    if below is not None:
        query = query.where(Run.number < below)
    runs = session.scalars(query.order_by(Run.number.desc()).limit(PAGE + 1)).all()[::-1]
    sent_ids = [run.id for run in runs if not run.skipped]
    texts, aside = counts(session, {campaign.account_id}, sent_ids), _set_aside(session, sent_ids)
    spent = analytics.charges.costs(session, sent_ids) if costs else {}
    found: list[Line] = []
    before: Line | None = None
    for run in runs:
        if run.skipped:
            found.append(Line(run))
            continue
        by_status: Mapping[str, int] = texts.get(run.id, {})
        before = Line(
            run, sum(by_status.get(status, 0) for status in WITH_TWILIO), sum(by_status.get(status, 0) for status in FAILED),
            run.excluded + aside.get(run.id, 0), spent.get(run.id, 0) if costs else None, before,
        )  # fmt: skip
        found.append(before)
    return found[::-1]


def _set_aside(session: Session, run_ids: Sequence[int]) -> dict[int, int]:
    """Messages that were made and then not sent, by run."""
    query = select(Message.run_id, func.count()).where(
        Message.run_id.in_(run_ids), Message.status == MessageStatus.SKIPPED
    )
    return {row[0] or 0: row[1] for row in session.execute(query.group_by(Message.run_id))}


class CampaignRuns(CampaignBatches):
    """The runs of a campaign."""

    rights: ClassVar[Mapping[str, str]] = CampaignBatches.rights

    @page("/runs/")
    def all_runs(self) -> Any:
        """Every run with its numbers, the newest first, and the times that are planned."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        asked, now = request.args.get("below", ""), self.now()
        below = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else None
        found = lines(self.database, campaign, below=below, costs=auth.allowed("cost:view"))
        zone = zone_of(campaign)
        return self.render(
            "campaign_runs.html", campaign=campaign, lines=found[:PAGE], more=len(found) > PAGE, below=below, clocks=clocks,
            planned=upcoming(self.database, campaign, now=now, count=ABREAST), zone=zone, sections=self.sections(campaign, "runs"),
            repeats=repeats_in_words(campaign, now),
        )  # fmt: skip


def repeats_in_words(campaign: Campaign, now: datetime) -> str:
    """The repetition as a sentence; "" for a campaign that has none."""
    zone = zone_of(campaign)
    first = local(campaign.starts_at or now, zone)
    return describe(campaign.recurrence, first, zone) if campaign.recurrence else ""
