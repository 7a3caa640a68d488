"""Figures: the title says what was found, axes say their unit, money reads exactly, and colours can be told from the card."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

import analytics as an
from analytics import charges, figures, rates
from models.accounts import Account
from models.base import Database
from tests.conftest import NOW
from tests.texts import text


@pytest.fixture
def filled(session: Session, account: Account, database: Database) -> an.Deliveries:
    """Ten texts over two days: eight delivered, one undelivered, one failed."""
    rates.load(session, now=NOW, entered_by="test")
    for number in range(8):
        text(session, account, at=NOW - timedelta(days=number % 2))
    text(session, account, status="undelivered", error_code=30003)
    text(session, account, "GB", status="failed", error_code=30007)
    charges.post(session, account_id=account.id, now=NOW)
    session.commit()
    return an.open(database)


def test_the_title_states_the_finding(filled: an.Deliveries) -> None:
    """How many, what they cost to the last digit, how many arrived; by hand 9 x 0.0128 + 0.001."""
    figure = an.plot.usage(an.usage(filled, last="30d"))
    assert figure.layout.title.text == "10 texts cost $0.1162; 80 in 100 were delivered"
    assert figures.usage(an.usage(filled, month="2020-01")).layout.title.text == "No texts in this period"


def test_axes_name_their_units(filled: an.Deliveries) -> None:
    """Texts, dollars, and days in UTC; another key is named in words and counted as names."""
    layout = an.plot.usage(an.usage(filled)).layout
    assert (layout.yaxis.title.text, layout.yaxis2.title.text, layout.xaxis2.title.text) == (
        "Texts",
        "Cost, USD",
        "Day (UTC)",
    )
    assert layout.xaxis2.type == "date"
    other = an.plot.usage(an.usage(filled, by=["sender", "country"])).layout
    assert (other.xaxis2.title.text, other.xaxis2.type) == ("Sender · Country", "category")


def test_bars_add_up_to_the_frame(filled: an.Deliveries) -> None:
    """The parts of every bar are its messages, and the text on hover is the exact amount."""
    frame = an.usage(filled, by=["sender", "country"])
    *parts, money = an.plot.usage(frame).data
    assert [sum(heights) for heights in zip(*(part.y for part in parts), strict=True)] == frame.messages.tolist()
    assert list(money.x) == ["Short code · GB", "Short code · US"]
    assert list(money.customdata) == ["$0.001", "$0.1152"]


def test_one_row_without_a_key_can_be_drawn(filled: an.Deliveries) -> None:
    """The whole, as a single bar."""
    assert list(an.plot.usage(an.usage(filled, by=())).data[0].x) == ["All"]


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2."""

    def channels() -> Iterator[float]:
        for start in (1, 3, 5):
            part = int(colour[start : start + 2], 16) / 255
            yield part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = channels()
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_stand_out_from_the_card(filled: an.Deliveries, theme: str) -> None:
    """Graphics need 3:1 and words 4.5:1 (WCAG 1.4.11 and 1.4.3); both themes draw on their own card in our font."""
    palette = figures.PALETTES[theme]

    def contrast(colour: str) -> float:
        low, high = sorted((luminance(colour), luminance(palette.card)))
        return (high + 0.05) / (low + 0.05)

    series = [palette.delivered, palette.undelivered, palette.failed, palette.other, palette.money]
    assert len(set(series)) == len(series)
    assert all(contrast(colour) >= 3 for colour in series)
    assert all(contrast(colour) >= 4.5 for colour in (palette.ink, palette.soft))
    layout = an.plot.usage(an.usage(filled), theme=theme).layout
    assert layout.paper_bgcolor == palette.card
    assert layout.font.family.startswith("Inter")
