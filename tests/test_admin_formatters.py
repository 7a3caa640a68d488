"""Do values read well, and is everything in them escaped and masked?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask_login import login_user

from admin import formatters as show
from admin.auth import ConsoleUser
from models.base import Database
from models.campaigns import CampaignState
from models.consent import ConsentKind
from models.messages import MessageStatus
from tests.conftest import NOW
from tests.desk import Desk, open_desk


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("+12125550111", "+1 •••••••• 11"), ("+447400000123", "+4 ••••••••• 23"), ("+12345", "••••••"), ("+123456", "+1 ••• 56"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_masked_number_shows_its_ends_only(phone: str, masked: str) -> None:
    """Six characters or fewer show nothing at all."""
    assert show.mask(phone) == masked


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (MessageStatus.IN_DOUBT, "In doubt"), (MessageStatus.CANCELED, "Cancelled"), (CampaignState.SENDING, "Sending"),
        (ConsentKind.OPT_OUT, "Opted out"), ("first_party_creditor", "First party creditor"), ("", ""),
    ],
)  # fmt: skip
def test_words_are_for_people(value: object, said: str) -> None:
    """No underscores, one capital, and better words where we have them."""
    assert show.words(value) == said


@pytest.mark.parametrize("status", MessageStatus)
def test_a_badge_says_its_word(status: MessageStatus) -> None:
    """Colour never carries the meaning alone."""
    assert show.words(status) in show.status(status)


def test_what_is_shown_is_escaped() -> None:
    """A name with markup in it stays text in badges and meters."""
    assert "<script>" not in show.badge("<script>", "ok")
    assert 'aria-label="&#34;&gt;&lt;"' in show.meter(1, 2, label='"><')


@pytest.mark.parametrize(
    ("part", "whole", "said"), [(0, 0, "—"), (999, 1000, "99%"), (1000, 1000, "100%"), (0, 5, " 0%")]
)
def test_all_is_only_said_of_all(part: int, whole: int, said: str) -> None:
    """A percentage is rounded down, so 999 of 1,000 is not 100 %."""
    assert said in show.meter(part, whole)


@pytest.mark.parametrize(
    ("amount", "said"), [(None, "—"), (0, "$0.00"), (8300, "$0.0083"), (1_234_560_000, "$1,234.56")]
)
def test_money_unknown_is_not_zero(amount: int | None, said: str) -> None:
    """A price that has not come yet is a dash."""
    assert said in show.money(amount)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_times_are_said_as_people_say_them(desk: Desk) -> None:
    """Minutes, hours and days near now, a date further off; the exact time with its zone beside it."""
    with desk.app.test_request_context():
        with desk.database.transaction() as session:
            user = ConsoleUser(
                email="o@example.com", owner=True, fs_uniquifier="o", create_datetime=NOW, update_datetime=NOW
            )
            session.add(user)
        login_user(user)
        for gap, said in (
            (timedelta(seconds=20), "in a moment"), (-timedelta(seconds=59), "just now"), (-timedelta(minutes=1), "1 minute ago"),
            (-timedelta(minutes=59), "59 minutes ago"), (-timedelta(hours=1), "1 hour ago"),
            (timedelta(hours=23, minutes=59), "in 23 hours"),
            (timedelta(days=1), "in 1 day"), (-timedelta(days=3, hours=23), "3 days ago"), (-timedelta(days=4), "16 Nov 10:00"),
            (-timedelta(days=400), "16 Oct 2025"),
        ):  # fmt: skip
            assert f">{said}<" in show.when(NOW + gap, now=NOW)
        assert 'title="Fri 20 Nov 2026, 10:00:00 EST (15:00:00 UTC)"' in show.when(NOW, now=NOW)
        assert "20 Nov 2026, 10:00 EST" in show.moment(NOW)
        assert show.when(None) == show.NOTHING
        assert show.phone("+12125550111") == '<span class="mono phone">+12125550111</span>'


def test_a_figure_cannot_close_its_script_element() -> None:
    """A label with </script> in it stays inside the JSON."""

    class Figure:
        """Something with a label."""

        def to_json(self) -> str:
            return '{"name": "</script><script>alert(1)"}'

    assert "<" not in show.figure_json(Figure())
