"""What people ask for about hours: how it is written, kept and meant."""

from __future__ import annotations

from datetime import date

import pytest

from sender.quiet import BadHours, Request, written
from sender.windows import clock

FRIDAY, SUNDAY = date(2026, 11, 20), date(2026, 11, 22)


@pytest.mark.parametrize(
    ("text", "kept", "friday", "sunday"),
    [
        ("", "", "00:00-24:00", "00:00-24:00"),
        ("18:00-10:00", "18:00-10:00", "10:00-18:00", "10:00-18:00"),
        ("9:30–14:00", "09:30-14:00", "00:00-09:30 14:00-24:00", "00:00-09:30 14:00-24:00"),
        ("Sunday; Sat 18:00-10:00", "18:00-10:00, sat, sun", "10:00-18:00", ""),
        ("12:00-14:00, 20:00-24:00, fri", "12:00-14:00, 20:00-24:00, fri", "", "00:00-12:00 14:00-20:00"),
        ("22:00-00:00", "22:00-00:00", "00:00-22:00", "00:00-22:00"),
    ],
)
def test_a_request_is_kept_in_one_form(text: str, kept: str, friday: str, sunday: str) -> None:
    """However it is typed; the hours that are left are those beside it."""
    assert written(text) == kept
    assert written(kept) == kept
    left = [Request(kept).hours(day) for day in (FRIDAY, SUNDAY)]
    assert [" ".join(f"{clock(a)}-{clock(b)}" for a, b in parts) for parts in left] == [friday, sunday]


@pytest.mark.parametrize(
    "text", ["evenings", "18:00", "25:00-26:00", "10:00-10:00", "18:00-10:00-12:00", "18:75-10:00", "sunny"]
)
def test_what_cannot_be_read_says_how(text: str) -> None:
    """One sentence that says what to write."""
    with pytest.raises(BadHours, match="Write hours like"):
        written(text)


@pytest.mark.parametrize("text", ["00:00-24:00", "00:00-12:00, 12:00-24:00", "mon tue wed thu fri sat sun"])
def test_no_hour_left_is_an_opt_out(text: str) -> None:
    """Whoever wants no text at any time has unsubscribed."""
    with pytest.raises(BadHours, match="Unsubscribe the person"):
        written(text)


def test_a_request_that_cannot_be_read_closes_every_day() -> None:
    """Whatever got into the column: nobody is texted against something that they asked for."""
    assert Request("evenings").hours(FRIDAY) == ()
    assert Request("sun").words(FRIDAY) == "the person's own request (not sun)"
