"""Slots: how far apart they are, how far ahead they may be taken, and what they leave unused."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from sender.pacing import HORIZON, PACE_PERCENT, Pace, micros, spacing
from tests.conftest import NOW


@pytest.mark.parametrize("rate", [1, 3, 100, 1000])
def test_slots_never_exceed_the_rate_in_any_second(rate: int) -> None:
    """Ten seconds of claims: no window of one second holds more slots than the rate, with 20 ms to spare, and 97 % is used."""
    slots: list[datetime] = []
    tat = 0
    for step in range(100):
        pace = Pace(rate, tat, NOW + timedelta(seconds=step / 10))
        while pace.open:
            slots.append(pace.take(1))
        tat = pace.tat_us
    spare = timedelta(milliseconds=20)
    for first, beyond in zip(slots, slots[rate:], strict=False):
        assert beyond - first >= timedelta(seconds=1) + spare - timedelta(microseconds=rate)
    span = (slots[-1] - slots[0]).total_seconds()
    assert (len(slots) - 1) / span >= 0.97 * rate


@pytest.mark.parametrize(("segments", "slots"), [(0, 1), (1, 1), (2, 2), (10, 10)])
def test_a_long_text_takes_as_many_slots(segments: int, slots: int) -> None:
    """A text of two segments leaves in the first of two slots; an MMS of none in one."""
    pace = Pace(10, 0, NOW)
    assert pace.take(segments) == NOW
    assert abs(pace.take(1) - NOW - slots * spacing(1, 10)) <= timedelta(microseconds=slots)


def test_a_quiet_sender_owes_nothing() -> None:
    """Time that passed unused is not made up for by a burst."""
    pace = Pace(3, micros(NOW - timedelta(hours=1)), NOW)
    assert (pace.take(1), pace.room) == (NOW, 0)
    assert not pace.open


@pytest.mark.parametrize(("ahead_ms", "is_open"), [(0, True), (250, True), (251, False)])
def test_the_horizon(ahead_ms: int, *, is_open: bool) -> None:
    """What is booked further ahead than the horizon has to wait."""
    pace = Pace(3, micros(NOW + timedelta(milliseconds=ahead_ms)), NOW)
    assert pace.open is is_open
    assert timedelta(milliseconds=250) == HORIZON


def test_a_slowed_sender_goes_at_half_its_rate() -> None:
    """After its queue at Twilio overflowed."""
    usual, slowed = Pace(100, 0, NOW), Pace(100, 0, NOW, slowed=True)
    for pace in (usual, slowed):
        pace.take(1)
    assert slowed.take(1) - NOW == 2 * (usual.take(1) - NOW)
    assert slowed.room * 2 <= usual.room + 2


def test_room_is_what_can_be_taken() -> None:
    """The room of a claim is exactly as many one-segment messages as it takes until it is closed."""
    for rate in (1, 3, 7, 100, 999):
        pace = Pace(rate, 0, NOW)
        room, taken = pace.room, 0
        while pace.open:
            pace.take(1)
            taken += 1
        assert taken == room
    assert PACE_PERCENT < 100
