"""Which campaigns are there, how far is each, and what became of everybody on its list?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from flask import g, jsonify, request
from markupsafe import Markup
from sqlalchemy import select
from werkzeug.wrappers import Response

import analytics.charges
from admin import auth
from admin.formatters import NOTHING, meter, moment, number, shown_by, status, when, words
from admin.views.campaign_numbers import Figures, figures
from admin.views.campaign_recipients import PAGE, Story, left_out, stories
from admin.views.campaign_steps import StartForm
from admin.views.campaign_words import GROUPS, MEANINGS, NEXT, duration
from admin.views.filters import Chosen
from admin.views.guarded import Tab, page
from admin.views.home_numbers import states
from admin.views.sending import CampaignSending
from models.campaigns import Campaign, CampaignState, Reason, Run
from sender import campaigns, exclusions
from sender.campaigns import Progress

S = CampaignState
TABS = (S.DRAFT, S.SCHEDULED, S.SENDING, S.PAUSED, S.COMPLETED, S.CANCELLED, S.ARCHIVED)
UNDER_WAY = frozenset({S.SCHEDULED, S.SENDING, S.PAUSED})


def _starts(_view: Any, _context: Any, campaign: Campaign, _name: str) -> object:
    if campaign.starts_at is not None and campaign.state in (S.DRAFT, S.SCHEDULED):
        return when(campaign.starts_at)
    run = listed(campaign).run
    return when(run.started_at) if run else NOTHING


def _audience(_view: Any, _context: Any, campaign: Campaign, _name: str) -> object:
    return number(listed(campaign).audience)


def _sent(_view: Any, _context: Any, campaign: Campaign, _name: str) -> object:
    found = listed(campaign)
    return number(found.sent) if found.run else NOTHING


def _failed(_view: Any, _context: Any, campaign: Campaign, _name: str) -> object:
    found = listed(campaign)
    return number(found.failed) if found.run else NOTHING


def _progress(_view: Any, _context: Any, campaign: Campaign, _name: str) -> object:
    found = listed(campaign)
    return meter(found.done, found.audience, label=f"{campaign.name}: accounted for") if found.run else NOTHING


def listed(campaign: Campaign) -> Figures:
    """The figures of a row; those of the whole page are read together, once a request."""
    found: dict[int, Figures] = g.setdefault("campaign_figures", {})
    return found.get(campaign.id) or Figures(None, campaign.audience.rows)


class CampaignView(CampaignSending):
    """Campaigns."""

    view_right, edit_right = "campaign:view", "campaign:edit"
    creatable = True
    form = StartForm
    rights: ClassVar[Mapping[str, str]] = {**CampaignSending.rights, "find": "contact:view"}
    record_name = "campaign"
    empty_hint = "A campaign is one text to one list of people. It takes a text, a file and a few minutes."
    list_template, details_template = "campaign_list.html", "campaign_details.html"
    column_list = ("name", "state", "starts", "audience", "sent", "failed", "progress")
    column_labels: ClassVar[dict[str, str]] = {"name": "Campaign", "audience": "On the list", "failed": "Not sent"}
    numeric_columns = ("audience", "sent", "failed")
    badge_columns = ("state",)
    column_sortable_list = ("name", "state", ("starts", Campaign.starts_at))
    column_default_sort = ("id", True)
    column_searchable_list = ("name",)
    search_hint = "Search name"
    column_filters = (Chosen(Campaign.state, "State", CampaignState),)
    column_formatters: ClassVar[dict[str, Any]] = {
        "state": shown_by(status), "starts": _starts, "audience": _audience, "sent": _sent, "failed": _failed,
        "progress": _progress,
    }  # fmt: skip

    @property
    def purpose(self) -> str:  # type: ignore[override]  # it names the zone of the person who looks
        return f"Who gets which text, when, and how far it is. Times are in {self.account.time_zone}."

    def get_list(self, *args: Any, **kwargs: Any) -> tuple[int | None, Any]:
        """The rows of the page, their figures read together."""
        count, rows = super().get_list(*args, **kwargs)
        if isinstance(rows, Sequence):
            g.campaign_figures = figures(self.database, rows)
        return count, rows

    def scoped(self, query: Any) -> Any:
        """The account's campaigns; archived ones only where they are asked for."""
        query = super().scoped(query)
        in_list = request.endpoint in (f"{self.endpoint}.index_view", f"{self.endpoint}.export")
        hide = in_list and not self.filtered_by("state")
        return query.filter(Campaign.state != S.ARCHIVED) if hide else query

    def tabs(self) -> list[Tab]:
        """All but the archived, then one tab for each state."""
        counts, chosen = states(self.database, self.account.id), self.filtered_by("state")
        every = sum(counts.values()) - counts[S.ARCHIVED]
        return [
            Tab("All", self.get_url(".index_view"), every, active=not chosen),
            *(
                Tab(words(state), self.filter_url(state=state.value), counts[state], active=chosen == state.value)
                for state in TABS
            ),
        ]

    def below(self, row: Campaign) -> Markup:
        """The text and the sender."""
        return Markup('<span class="sub">{} from {}</span>').format(row.template_version, row.sender.label)

    # one campaign
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
        "started": str(moment(run.started_at)) if run.started_at else "",
    }
