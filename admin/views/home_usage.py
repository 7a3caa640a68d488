"""How did the last thirty days go? The chart of the first page, its finding in a sentence, and the table behind it.

The frame is that of `analytics.usage`, the same function that a notebook calls: outbound texts by UTC day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from markupsafe import Markup

import analytics as an
from admin.formatters import figure_json, money, number
from models.base import Database
from models.money import micros

DAYS = "30d"
BAR = 18 * 3_600_000
"""Three quarters of a day in milliseconds: as wide when texts went out on two days as on thirty."""
COUNTS = ("messages", "segments", "delivered", "undelivered", "failed")
HEADER = ("Day (UTC)", "Texts", "Segments", "Delivered", "Undelivered", "Failed")


@dataclass(frozen=True)
class Usage:
    """What the chart macro takes; `light` and `dark` are the figure for each theme."""

    finding: str
    light: Markup
    dark: Markup
    header: list[str]
    rows: list[list[object]]


def usage(found: Database, account_id: int, *, now: datetime, cost: bool) -> Usage:
    """The account's last thirty days; without `cost` nothing on the page says what they cost."""
    deliveries = an.open(found, now=now)
    frame = an.usage(deliveries, by="day", last=DAYS, account=account_id, direction="outbound", now=now)
    days = [{str(name): value for name, value in record.items()} for record in frame.to_dict("records")]
    return Usage(
        finding=finding(days),
        light=figure(frame, "light", cost=cost, last=now.date()),
        dark=figure(frame, "dark", cost=cost, last=now.date()),
        header=[*HEADER, *(["Cost"] if cost else [])],
        rows=[row(day, cost=cost) for day in reversed(days)],
    )


def finding(days: list[dict[str, Any]]) -> str:
    """What the chart shows, in a sentence without money."""
    texts = sum(day["messages"] for day in days)
    if not texts:
        return "No texts in the last 30 days."
    delivered, busiest = sum(day["delivered"] for day in days), max(days, key=lambda day: int(day["messages"]))
    return (
        f"{'1 text' if texts == 1 else f'{texts:,} texts'} in 30 days, {delivered * 100 // texts}% of them delivered. "
        f"Busiest: {busiest['day']:%a %-d %b} with {busiest['messages']:,}."
    )


def figure(frame: Any, theme: str, *, cost: bool, last: date) -> Markup:
    """The chart of the thirty days up to `last` as JSON; without the cost, and every trace of it, for who may not see it."""
    drawn = an.plot.usage(frame, theme=theme)
    drawn.update_traces(width=BAR)
    drawn.update_xaxes(range=[f"{last - timedelta(days=30)}T12:00", f"{last}T12:00"])
    if not cost:
        drawn.data = [trace for trace in drawn.data if trace.name != "Cost"]
        drawn.layout.title.text = ""
        drawn.update_layout(
            yaxis_domain=[0, 1], yaxis2={"visible": False, "title": "", "tickprefix": ""}, xaxis2_visible=False
        )
        drawn.update_xaxes(showticklabels=True, title_text="Day (UTC)", row=1, col=1)
    return figure_json(drawn)


def row(day: dict[str, Any], *, cost: bool) -> list[object]:
    """One day of the table."""
    cells: list[object] = [f"{day['day']:%a %-d %b %Y}", *(number(int(day[name])) for name in COUNTS)]
    return [*cells, money(micros(day["cost"]))] if cost else cells
