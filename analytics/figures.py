"""What does a frame look like? Frame in, Plotly figure out; the only importer of Plotly, and where money becomes a float.

Every title states the finding, axes name their unit, and money on hover is the exact text of the Decimal. Colours are those of
the console's two themes; no colour carries meaning alone, the legend names every series.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from models.money import micros, show

if TYPE_CHECKING:
    import pandas as pd

FONT = "Inter, system-ui, sans-serif"
NAMES = {"day": "Day (UTC)", "month": "Month (UTC)"}


@dataclass(frozen=True)
class Palette:
    """The colours of one theme; `series` are distinct from each other and at least 3:1 against `card`."""

    ink: str
    soft: str
    line: str
    card: str
    delivered: str
    undelivered: str
    failed: str
    other: str
    money: str


PALETTES = {
    "light": Palette("#15202b", "#556272", "#e3e7ec", "#ffffff", "#0b6b5d", "#d26a2e", "#b3261e", "#8a93a0", "#3b6fb6"),
    "dark": Palette("#e6edf3", "#9aa9b8", "#24313e", "#141d26", "#3fc7ad", "#f0a06c", "#e5646e", "#7b8896", "#7fb0f2"),
}


def usage(frame: pd.DataFrame, *, theme: str = "light") -> go.Figure:
    """Texts by outcome above, cost below, over the key of a frame from `analytics.usage` (a day, a country …).

    `theme` is "light" or "dark". Raises KeyError for a frame without the columns of `usage`.
    """
    palette = PALETTES[theme]
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.65, 0.35], vertical_spacing=0.08)
    keys = _keys(frame)
    across = [" · ".join(_label(frame[key].iloc[place]) for key in keys) or "All" for place in range(len(frame))]
    for name, title, colour, counts in _outcomes(frame, palette):
        figure.add_bar(
            x=across, y=counts, name=title, marker_color=colour, legendgroup=name,
            hovertemplate=f"%{{x}}<br>%{{y:,}} {title.lower()}<extra></extra>", row=1, col=1,
        )  # fmt: skip
    money = [show(micros(value)) for value in frame["cost"]]
    figure.add_bar(
        x=across, y=[float(value) for value in frame["cost"]], name="Cost", marker_color=palette.money, customdata=money,
        hovertemplate="%{x}<br>%{customdata}<extra></extra>", row=2, col=1,
    )  # fmt: skip
    _dress(figure, palette, _finding(frame))
    figure.update_layout(barmode="stack")
    figure.update_yaxes(title_text="Texts", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title_text="Cost, USD", tickprefix="$", rangemode="tozero", row=2, col=1)
    figure.update_xaxes(**_axis_of(keys))
    figure.update_xaxes(title_text=" · ".join(NAMES.get(key, _words(key)) for key in keys), row=2, col=1)
    return figure


def _keys(frame: pd.DataFrame) -> list[str]:
    """The columns before the figures, a number left out where its name stands beside it."""
    before = [str(name) for name in frame.columns[: list(frame.columns).index("messages")]]
    return [name for name in before if not (name.endswith("_id") and name.removesuffix("_id") in before)]


def _axis_of(keys: list[str]) -> dict[str, Any]:
    """How the axis under the bars counts: days and months as dates, everything else as names."""
    if keys in (["day"], ["month"]):
        return {"type": "date", "tickformat": "%b %-d" if keys == ["day"] else "%b %Y"}
    return {"type": "category"}


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _outcomes(frame: pd.DataFrame, palette: Palette) -> Iterable[tuple[str, str, str, list[int]]]:
    """(column, title, colour, counts) of each part of the bar; what is neither delivered nor lost makes up the rest."""
    rest = frame["messages"] - frame["delivered"] - frame["undelivered"] - frame["failed"]
    yield "delivered", "Delivered", palette.delivered, frame["delivered"].tolist()
    yield "other", "Sent or received", palette.other, rest.tolist()
    yield "undelivered", "Undelivered", palette.undelivered, frame["undelivered"].tolist()
    yield "failed", "Failed", palette.failed, frame["failed"].tolist()


def _finding(frame: pd.DataFrame) -> str:
    """One sentence from whole numbers: how many, how many arrived, what it cost."""
    messages = int(frame["messages"].sum()) if len(frame) else 0
    if not messages:
        return "No texts in this period"
    delivered = int(frame["delivered"].sum())
    cost = show(micros(sum(frame["cost"], Decimal(0))))
    return f"{messages:,} texts cost {cost}; {delivered * 100 // messages} in 100 were delivered"


def _label(value: Any) -> str:
    return (
        value.isoformat()
        if hasattr(value, "isoformat")
        else "(none)"
        if value is None or value != value
        else str(value)
    )


def _dress(figure: go.Figure, palette: Palette, title: str) -> None:
    """The one look of every figure: our font and colours, a hairline grid, no box, the finding as the title."""
    font = {"family": FONT, "size": 12, "color": palette.ink}
    axis = {
        "gridcolor": palette.line,
        "linecolor": palette.line,
        "zerolinecolor": palette.line,
        "title_font": {"size": 12, "color": palette.soft},
    }
    figure.update_layout(
        title={"text": title, "font": {"size": 16}, "x": 0, "xref": "paper", "y": 0.96, "yanchor": "top"},
        font=font, template="none",
        paper_bgcolor=palette.card, plot_bgcolor=palette.card, hovermode="x", bargap=0.25,
        margin={"l": 64, "r": 16, "t": 84, "b": 48}, legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    figure.update_xaxes(**axis, showgrid=False)
    figure.update_yaxes(**axis)
