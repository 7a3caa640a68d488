"""How far have the campaigns of a list come? Read from the daily facts and their deltas, never from the messages themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.campaigns import Campaign, CampaignState, Run
from models.messages import WITH_TWILIO, MessageStatus
from models.rollups import UsageDaily, UsageDelta

FAILED = frozenset({MessageStatus.FAILED, MessageStatus.CANCELED})


@dataclass(frozen=True)
class Figures:
    """A campaign's newest run in texts; without a run, only what its list holds."""

    run: Run | None
    audience: int
    excluded: int = 0
    sent: int = 0
    """Twilio took them and has not called them failed: `sender.campaigns.Progress.sent`."""
    failed: int = 0

    @property
    def done(self) -> int:
        """Rows that need nothing more. Texts set aside later are in here only once the run is over."""
        if self.run is not None and self.run.finished_at is not None:
            return self.audience
        return min(self.audience, self.excluded + self.sent + self.failed)


def figures(session: Session, rows: Sequence[Campaign]) -> dict[int, Figures]:
    """The figures of some campaigns of one account, by campaign id."""
    ids = [campaign.id for campaign in rows]
    sent = select(Run).where(Run.campaign_id.in_(ids), Run.skipped.is_(False))
    runs = session.scalars(sent.order_by(Run.campaign_id, Run.number))
    newest = {run.campaign_id: run for run in runs}
    by_run = counts(session, {run.account_id for run in newest.values()}, [run.id for run in newest.values()])
    found = {}
    for campaign in rows:
        run = newest.get(campaign.id)
        if run is None or campaign.state in (CampaignState.DRAFT, CampaignState.SCHEDULED):
            found[campaign.id] = Figures(None, campaign.audience.rows)
            continue
        by_status = by_run.get(run.id, Counter())
        found[campaign.id] = Figures(
            run=run,
            audience=run.audience_size or campaign.audience.rows,
            excluded=run.excluded,
            sent=sum(by_status[status] for status in WITH_TWILIO),
            failed=sum(by_status[status] for status in FAILED),
        )
    return found


def counts(session: Session, account_ids: set[int], run_ids: Sequence[int]) -> dict[int, Counter[str]]:
    """Texts of these runs by status."""
    found: dict[int, Counter[str]] = {}
    for table in (UsageDaily, UsageDelta):
        query = select(table.run_id, table.status, func.sum(table.messages)).where(
            table.account_id.in_(account_ids), table.run_id.in_(run_ids)
        )
        for run_id, status, messages in session.execute(query.group_by(table.run_id, table.status)):
            found.setdefault(run_id, Counter())[status] += int(messages)
    return found
