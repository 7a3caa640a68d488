"""Which campaigns are there, in which state, and how far is each?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from flask import g, request
from markupsafe import Markup
from sqlalchemy import func, select

from admin import auth
from admin.formatters import NOTHING, meter, number, shown_by, status, when, words
from admin.views.campaign_details import CampaignDetails
from admin.views.campaign_numbers import Figures, figures
from admin.views.campaign_steps import StartForm
from admin.views.filters import Chosen
from admin.views.guarded import Tab
from admin.views.home_numbers import states
from models.campaigns import Campaign, CampaignState

S = CampaignState
TABS = (S.DRAFT, S.SCHEDULED, S.SENDING, S.PAUSED, S.HELD, S.COMPLETED, S.CANCELLED, S.ARCHIVED)


def _starts(_view: Any, _context: Any, campaign: Campaign, _name: str) -> object:
    if campaign.next_at is not None and campaign.state in (S.SCHEDULED, S.HELD):
        return when(campaign.next_at)
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


class CampaignView(CampaignDetails):
    """Campaigns."""

    view_right, edit_right = "campaign:view", "campaign:edit"
    creatable = True
    form = StartForm
    record_name = "campaign"
    purpose = "Who gets which text, when, and how far it is."
    list_template = "campaign_list.html"
    empty_hint = "A campaign is one text to one list of people. It takes a text, a file and a few minutes."
    column_list = ("name", "state", "starts", "audience", "sent", "failed", "progress")
    column_labels: ClassVar[dict[str, str]] = {"name": "Campaign", "audience": "On the list", "failed": "Not sent"}
    numeric_columns = ("audience", "sent", "failed")
    badge_columns = ("state",)
    column_sortable_list = ("name", "state", ("starts", Campaign.next_at))
    column_default_sort = ("id", True)
    column_searchable_list = ("name",)
    search_hint = "Search name"
    column_filters = (Chosen(Campaign.state, "State", CampaignState),)
    column_formatters: ClassVar[dict[str, Any]] = {
        "state": shown_by(status), "starts": _starts, "audience": _audience, "sent": _sent, "failed": _failed,
        "progress": _progress,
    }  # fmt: skip

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

    def menu_count(self) -> int:
        """Campaigns that were not sent at their time, and wait for somebody who may send them."""
        if not auth.allowed("campaign:send"):
            return 0
        held = select(func.count(Campaign.id)).where(Campaign.account_id == self.account.id, Campaign.state == S.HELD)
        return self.database.scalar(held) or 0

    def below(self, row: Campaign) -> Markup:
        """The text and the sender."""
        return Markup('<span class="sub">{} from {}</span>').format(row.template_version, row.sender.label)
