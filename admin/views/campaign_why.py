"""Why was this person texted, or not? The decision record of one person of a campaign, and the proof that nobody is without one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from flask import abort, request
from werkzeug.utils import secure_filename
from werkzeug.wrappers import Response

from admin import auth
from admin.formatters import exact
from admin.views import why_record, why_words
from admin.views.campaign_recipients import Story, stories
from admin.views.campaign_runs import CampaignRuns
from admin.views.guarded import Tab, page
from models.campaigns import Campaign, CampaignState, Run
from sender import campaigns
from sender.explanation import Explanation
from sender.tally import Tally, tally

SMALL = 50_000
"""Rows up to which the proof is shown without being asked for: to join a million of them takes seconds."""
OVER = (CampaignState.COMPLETED, CampaignState.CANCELLED, CampaignState.ARCHIVED)
AHEAD = "ahead"
"""What the address says for "if it were sent now"."""
RUNS = 5


class CampaignWhy(CampaignRuns):
    """The page of a decision."""

    rights: ClassVar[Mapping[str, str]] = {**CampaignRuns.rights, "why_file": "export", "why_find": "contact:view"}

    @page("/why/")
    def why(self) -> Any:
        """One person's record, where the address names one by row or contact; else the question."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        return self._why(campaign, self._explained(campaign))

    @page("/why/", "POST")
    def why_find(self) -> Any:
        """Who fits the words. A POST, because a phone number has no place in an address."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        asked = request.form.get("who", "")[:100]
        found = stories(self.database, self.account, self._subject(campaign), asked, now=self.now())
        return self._why(campaign, None, asked=asked, stories=found)

    @page("/why/file/", "POST")
    def why_file(self) -> Response:
        """The record as a JSON file; who took it is written down."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        found = self._explained(campaign)
        if found is None:
            abort(404)
        self.record("campaign:explain", campaign, after={"row": found.row, "code": found.code.value})
        self.database.commit()
        whole, costs = auth.allowed("pii:view"), auth.allowed("cost:view")
        text = why_record.written(found, now=self.now(), whole=whole, costs=costs)
        answer = Response(text, mimetype="application/json")
        name = secure_filename(f"why-{campaign.name}-row-{found.row or 0}".lower())
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}.json"'
        return answer

    def _subject(self, campaign: Campaign) -> Run | Campaign:
        """The run that the address names, else the newest; the campaign itself before its first, or where it is asked for."""
        ahead = request.args.get("run") == AHEAD and campaign.state not in OVER
        return campaign if ahead else self.run_of(campaign) or campaign

    def _explained(self, campaign: Campaign) -> Explanation | None:
        row, contact = number(request.args.get("row", "")), number(request.args.get("contact", ""))
        if row is None and contact is None:
            return None
        subject, now = self._subject(campaign), self.now()
        if row is not None:
            return campaigns.explain(self.database, subject, now=now, row=row)
        return campaigns.explain(self.database, subject, now=now, contact_id=contact)

    def _why(
        self, campaign: Campaign, found: Explanation | None, *, asked: str = "", stories: list[Story] | None = None
    ) -> Any:
        subject = self._subject(campaign)
        run = subject if isinstance(subject, Run) else None
        which = {name: request.args[name] for name in ("row", "contact") if name in request.args}
        return self.render(
            "campaign_why.html", campaign=campaign, run=run, found=found, asked=asked, stories=stories, which=which,
            proof=self.proof(run), at=AHEAD if run is None and self.runs(campaign) else run.number if run else None,
            runs=self._run_tabs(campaign, run, which), acts=why_words.acts(found) if found else [], exact=exact,
            topics=why_words.by_topic(found) if found else [], code_badge=why_words.code_badge, tone=why_words.tone,
        )  # fmt: skip

    def proof(self, run: Run | None) -> Tally | None:
        """The count of the run's outcomes, at once where it is quick, else when it is asked for."""
        if run is None or run.skipped or (run.audience_size > SMALL and "count" not in request.args):
            return None
        return tally(self.database, run)

    def _run_tabs(self, campaign: Campaign, run: Run | None, which: Mapping[str, str]) -> list[Tab]:
        """The newest runs, and what would happen now."""
        every = self.runs(campaign)
        shown = [one for one in every if not one.skipped][-RUNS:]
        tabs = [
            Tab(f"Run {one.number}", self.get_url(".why", id=campaign.id, run=one.number, **which), active=one is run)
            for one in shown
        ]
        if every and campaign.state not in OVER:
            url = self.get_url(".why", id=campaign.id, run=AHEAD, **which)
            tabs.append(Tab("If it were sent now", url, active=run is None))
        return tabs if len(tabs) > 1 else []


def number(text: str) -> int | None:
    """A row's or a contact's number in an address; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
