"""Is every cap dated data, and does each hold exactly where, when and for whom its row says?"""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from models.accounts import Account, Profile
from models.consent import Purpose
from sender.area_codes import of_phone
from sender.caps import LIMITS, Cap, caps, caps_of, holding, rules

TODAY = date(2026, 11, 20)
NONE = (None,) * len(LIMITS)


def named(found: tuple[Cap, ...]) -> list[tuple[str, str]]:
    """Rule and place of each."""
    return [(cap.rule, cap.place) for cap in found]


def test_every_row_can_be_read_and_has_a_source() -> None:
    """Each rule of the five is there, dated, with a source, an outcome we know, and a figure or a column that holds one."""
    assert {row.rule for row in rules()} == {"F01", "F02", "F03", "F04", "F05"}
    for row in rules():
        assert row.source
        assert row.outcome in {"block", "warn"}
        assert row.limit.isdecimal() or row.limit in LIMITS
        assert row.valid_to is None or row.valid_from <= row.valid_to
    assert all(not row.confirmed for row in rules() if row.rule == "F01"), "no counsel has confirmed a state's law"


def test_an_account_that_sets_nothing_has_the_laws_caps_alone() -> None:
    """Its own are none; of a collector alone are the attempts counted, and that is only said."""
    assert {rule for rule, _ in named(caps(TODAY, NONE, Profile.ASSOCIATION))} == {"F01", "F05"}
    collector = caps(TODAY, (None, None, 7, None), Profile.THIRD_PARTY_COLLECTOR)
    [attempts] = [cap for cap in collector if cap.rule == "F03"]
    assert (attempts.limit, attempts.window, attempts.blocks) == (7, timedelta(days=7), False)
    assert "policy, not Regulation F" in attempts.words


def test_an_accounts_own_figures_make_caps() -> None:
    """Texts in 24 hours, in seven days, and invitations at all."""
    account = Account(
        profile=Profile.BUSINESS, texts_per_day=2, texts_per_week=5, attempts_per_week=7, max_invitations=1
    )
    own = {(cap.rule, cap.limit, cap.hours) for cap in caps_of(account, TODAY) if cap.rule not in ("F01", "F05")}
    assert own == {("F02", 2, 24), ("F02", 5, 168), ("F04", 1, None)}
    words = [cap.words for cap in caps_of(account, TODAY) if cap.rule in ("F02", "F04")]
    assert words == [
        "at most 2 campaign texts in 24 hours (this account's own cap)",
        "at most 5 campaign texts in 7 days (this account's own cap)",
        "at most 1 “invitation” text (this account's most invitations)",
    ]


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (date(2021, 6, 30), set()),
        (date(2021, 7, 1), {"US-FL", "elsewhere"}),
        (date(2022, 10, 31), {"US-FL", "elsewhere"}),
        (date(2022, 11, 1), {"US-FL", "US-OK", "elsewhere"}),
        (date(2024, 1, 1), {"US-FL", "US-OK", "US-MD", "elsewhere"}),
    ],
)
def test_a_row_holds_from_its_first_day_on(on: date, expected: set[str]) -> None:
    """Not a day earlier."""
    assert {cap.place for cap in caps(on, NONE, Profile.BUSINESS) if cap.rule == "F01"} == expected


@pytest.mark.parametrize(
    ("phone", "place", "blocks"),
    [
        ("+13055550142", "US-FL", True),
        ("+19415550142", "US-FL", True),
        ("+14055550142", "US-OK", True),
        ("+14105550142", "US-MD", True),
        ("+12125550142", "elsewhere", False),
        ("+442079460001", "elsewhere", False),
        ("+13055", "US-FL", True),
    ],
)
def test_the_area_code_tells_whose_law_counts(phone: str, place: str, blocks: bool) -> None:
    """A state's own row there, and what is only said elsewhere; never both."""
    marketing = tuple(cap for cap in caps(TODAY, NONE, Profile.BUSINESS) if cap.purpose is Purpose.MARKETING)
    [found] = holding(marketing, of_phone(phone))
    assert (found.place, found.blocks, found.limit, found.hours) == (place, blocks, 3, 24)
    assert "unconfirmed" in found.words
