"""How far is one campaign, and what became of everybody on its list?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from flask import jsonify, request
from sqlalchemy import select
from werkzeug.wrappers import Response

import analytics.charges
from admin import auth
from admin.views.campaign_commands import CampaignCommands
from admin.views.campaign_recipients import PAGE, Story, left_out, stories
from admin.views.campaign_words import GROUPS, MEANINGS, NEXT, duration
from admin.views.guarded import page
from models.campaigns import Campaign, CampaignState, Reason, Run
from sender import campaigns, exclusions
from sender.campaigns import Progress

S = CampaignState
UNDER_WAY = frozenset({S.SCHEDULED, S.SENDING, S.PAUSED})


class CampaignDetails(CampaignCommands):
    """The pages about one campaign."""

    rights: ClassVar[Mapping[str, str]] = {**CampaignCommands.rights, "find": "contact:view"}
    details_template = "campaign_details.html"

    @page("/details/")
    def details_view(self) -> Any:
        """Everything about one campaign."""
        return self._details(self.get_one(request.args.get("id")))

    def _details(self, campaign: Campaign, *, asked: str = "", found: list[Story] | None = None) -> Any:
        runs = self.runs(campaign)
        run = next((one for one in runs if str(one.number) == request.args.get("run")), runs[-1] if runs else None)
        now = self.now()
        progress = campaigns.progress(self.database, run, now=now) if run else None
        charges = analytics.charges.amounts(self.database, run_id=run.id) if run and auth.allowed("cost:view") else {}
        return self.render(
            self.details_template, model=campaign, campaign=campaign, runs=runs, run=run, progress=progress, charges=charges,
            live=run is not None and campaign.state in UNDER_WAY | {S.CANCELLED} and run.finished_at is None,
            groups=GROUPS, meanings=MEANINGS, reasons=exclusions.SENTENCES, next_words=NEXT[campaign.state],
            asked=asked, stories=found,
            numbers=plain(progress, campaign, run) if progress and run else None, zone=self.account.time_zone, duration=duration,
        )  # fmt: skip

    def runs(self, campaign: Campaign) -> list[Run]:
        """The campaign's occurrences, the newest last."""
        return list(self.database.scalars(select(Run).where(Run.campaign_id == campaign.id).order_by(Run.number)))

    def run_of(self, campaign: Campaign) -> Run | None:
        """The occurrence that the address names, else the newest."""
        runs = self.runs(campaign)
        return next((one for one in runs if str(one.number) == request.args.get("run")), runs[-1] if runs else None)

    @page("/progress/")
    def progress(self) -> Response:
        """The numbers of a run as JSON, for a page that stays open."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        run = self.run_of(campaign)
        if run is None:
            return jsonify({"state": campaign.state.value, "live": campaign.state in UNDER_WAY})
        return jsonify(plain(campaigns.progress(self.database, run, now=self.now()), campaign, run))

    @page("/left-out/")
    def left_out(self) -> Any:
        """Who of a run's list got no text, and why; page by page."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        run, asked, after = self.run_of(campaign), request.args.get("reason", ""), request.args.get("after", "")
        reason = Reason(asked) if asked in Reason._value2member_map_ else None
        start = int(after) if after.isdecimal() and len(after) < 10 else 0
        rows = left_out(self.database, run, reason=reason, after=start, limit=PAGE + 1) if run else []
        counts = campaigns.progress(self.database, run, now=self.now()).by_reason if run else {}
        return self.render(
            "campaign_left_out.html", campaign=campaign, run=run, rows=rows[:PAGE], more=len(rows) > PAGE, reason=reason,
            counts=counts, reasons=exclusions.SENTENCES,
        )  # fmt: skip

    @page("/find/", "POST")
    def find(self) -> Any:
        """One person's story. A POST, because a phone number has no place in an address."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        run, asked = self.run_of(campaign), request.form.get("who", "")[:100]
        found = stories(self.database, self.account, run, asked) if run else []
        return self._details(campaign, asked=asked, found=found)


def plain(progress: Progress, campaign: Campaign, run: Run) -> dict[str, Any]:
    """Progress as JSON has it; texts, except for `segments`."""
    waiting = progress.waiting
    left = duration(progress.eta_seconds) if progress.eta_seconds is not None else ""
    return {
        "state": campaign.state.value,
        "live": campaign.state in (S.SENDING, S.PAUSED),
        "preparing": not run.expanded,
        "audience": progress.audience or campaign.audience.rows,
        "excluded": progress.excluded,
        "done": progress.done,
        "waiting": waiting,
        "sent": progress.sent,
        "failed": progress.failed,
        "skipped": progress.skipped,
        "segments": progress.segments,
        "rate": round(progress.rate_per_second, 1),
        "left": left,
        "statuses": {status.value: count for status, count in progress.by_status.items()},
        "reasons": {reason.value: count for reason, count in progress.by_reason.items()},
    }
