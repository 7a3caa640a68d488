"""What is going on? The first page: plan, texts and segments, thirty days, campaigns by state, and what needs a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app, url_for
from flask_admin import AdminIndexView

import analytics.charges
from admin import auth
from admin.database import database
from admin.formatters import zone
from admin.views.guarded import Guarded, page
from admin.views.home_notices import Notice, notices
from admin.views.home_numbers import Traffic, bounds, next_start, plan, states, traffic
from admin.views.home_usage import usage
from models.campaigns import CampaignState

S = CampaignState
SHOWN_STATES = (S.SENDING, S.SCHEDULED, S.PAUSED, S.HELD, S.DRAFT, S.COMPLETED, S.CANCELLED, S.ARCHIVED)
RIGHTS = {
    "campaigns": "campaign:view", "messages": "message:view", "countries": "country:view", "reviews": "consent:view",
}  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One line under "Needs attention", with the way to where it can be mended ("" where there is none)."""

    sentence: str
    url: str
    verb: str
    urgent: bool = False


class HomeView(Guarded, AdminIndexView):
    """The overview."""

    view_right = "home:view"
    purpose = "What was sent, what arrived, and what waits for you."

    @page("/")
    def index(self) -> Any:
        """The page."""
        now, account, session = self.now(), self.account, self.database
        periods, at = traffic(session, account, now=now), bounds(account, now)
        local = {name: getattr(at, name).astimezone(zone()) for name in ("day", "month", "last_month")}
        counts, cost = states(session, account.id), auth.allowed("cost:view")
        return self.render(
            "home.html",
            zone=zone().key,
            now=now,
            local=local,
            periods=periods,
            change=change(periods.month, periods.last_month_so_far),
            plan=plan(account, used=periods.month.segments, now=now),
            spend=self.spend(now) if cost else None,
            usage=usage(database(), account.id, now=now, cost=cost),
            campaigns=[(state, counts[state], linked("campaigns", state=state.value)) for state in SHOWN_STATES],
            next_start=next_start(session, account.id),
            items=[item(notice) for notice in notices(session, account, now=now)],
            today_url=linked("messages", direction="outbound", since=f"{local['day']:%Y-%m-%d}"),
            month_url=linked("messages", direction="outbound", since=f"{local['month']:%Y-%m-%d}"),
        )

    def spend(self, now: datetime) -> tuple[int, int]:
        """(this month, last month) as posted so far, micros; months are UTC, as Twilio's are."""
        last = now.replace(day=1) - timedelta(days=1)
        this, before = (
            sum(analytics.charges.totals(self.database, account_id=self.account.id, month=month).values())
            for month in (f"{now:%Y-%m}", f"{last:%Y-%m}")
        )
        return this, before


def change(now: Traffic, before: Traffic) -> str:
    """How this month compares with the same days of the last, in words; "" where there is nothing to compare."""
    if not before.texts:
        return ""
    percent = (now.texts - before.texts) * 100 // before.texts
    return "as many as" if not percent else f"{abs(percent):,}% {'more' if percent > 0 else 'fewer'} than"


def linked(endpoint: str, **filters: str) -> str:
    """The address of a list with these filters on; "" where the list is not there or the role may not see it."""
    view = f"{endpoint}.index_view"
    if view not in current_app.view_functions or not auth.allowed(RIGHTS[endpoint]):
        return ""
    values: dict[str, Any] = {f"flt{place}_{name}": value for place, (name, value) in enumerate(filters.items())}
    return url_for(view, **values)


def item(notice: Notice) -> Item:
    """A notice with the way to where it can be mended."""
    if notice.code in ("late", "held", "held_start", "paused"):
        url = url_for("campaigns.details_view", id=notice.subject_id) if auth.allowed("campaign:view") else ""
        return Item(notice.sentence, url, "Open the campaign", urgent=True)
    if notice.code in ("unknown", "in_doubt"):
        url = linked("messages", status=notice.code)
        return Item(notice.sentence, url, "See the texts", urgent=notice.code == "unknown")
    if notice.code == "unreviewed":
        return Item(notice.sentence, linked("reviews"), "See the replies", urgent=True)
    if notice.code == "unrated":
        return Item(notice.sentence, linked("countries"), "See the countries")
    return Item(notice.sentence, "", "")
