"""How far is one campaign, and what became of everybody on its list?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from flask import request

import analytics.charges
from admin import auth
from admin.views.campaign_live import plain
from admin.views.campaign_pace import TO_DO
from admin.views.campaign_recipients import PAGE, Story, left_out, stories
from admin.views.campaign_runs import repeats_in_words
from admin.views.campaign_why import CampaignWhy
from admin.views.campaign_words import GROUPS, MEANINGS, NEXT
from admin.views.guarded import page
from models.campaigns import Campaign, Reason
from sender import exclusions
from sender.progress import progress


class CampaignDetails(CampaignWhy):
    """The pages about one campaign."""

    rights: ClassVar[Mapping[str, str]] = {**CampaignWhy.rights, "find": "contact:view"}
    details_template = "campaign_details.html"

    @page("/details/")
    def details_view(self) -> Any:
        """Everything about one campaign."""
        return self._details(self.get_one(request.args.get("id")))

    def _details(self, campaign: Campaign, *, asked: str = "", found: list[Story] | None = None) -> Any:
        runs = self.runs(campaign)
        run = next((one for one in runs if str(one.number) == request.args.get("run")), runs[-1] if runs else None)
        now = self.now()
        counted = progress(self.database, run, now=now) if run else None
        numbers = plain(self.database, run, now=now, found=counted) if run else None
        charges = analytics.charges.amounts(self.database, run_id=run.id) if run and auth.allowed("cost:view") else {}
        return self.render(
            self.details_template, model=campaign, campaign=campaign, runs=runs, run=run, progress=counted, charges=charges,
            groups=GROUPS, meanings=MEANINGS, reasons=exclusions.SENTENCES, next_words=NEXT[campaign.state],
            asked=asked, stories=found, repeats=repeats_in_words(campaign, now), sections=self.sections(campaign, "details"),
            numbers=numbers, live=numbers is not None and numbers["live"], to_do=TO_DO.get(campaign.state, ""),
        )  # fmt: skip

    @page("/left-out/")
    def left_out(self) -> Any:
        """Who of a run's list got no text, and why; page by page."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        run, asked, after = self.run_of(campaign), request.args.get("reason", ""), request.args.get("after", "")
        reason = Reason(asked) if asked in Reason._value2member_map_ else None
        start = int(after) if after.isdecimal() and len(after) < 10 else 0
        rows = left_out(self.database, run, reason=reason, after=start, limit=PAGE + 1) if run else []
        counts = progress(self.database, run, now=self.now()).by_reason if run else {}
        return self.render(
            "campaign_left_out.html", campaign=campaign, run=run, rows=rows[:PAGE], more=len(rows) > PAGE, reason=reason,
            counts=counts, reasons=exclusions.SENTENCES,
        )  # fmt: skip

    @page("/find/", "POST")
    def find(self) -> Any:
        """One person's story. A POST, because a phone number has no place in an address."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        run, asked = self.run_of(campaign), request.form.get("who", "")[:100]
        found = stories(self.database, self.account, run, asked, now=self.now()) if run else []
        return self._details(campaign, asked=asked, found=found)
