"""When a repeating campaign runs."""

from __future__ import annotations

from datetime import UTC, datetime

from sender import recurrence


def test_every_day_at_nine() -> None:
    """Nine o'clock stays nine o'clock when clocks change, and so is another instant."""
    first = datetime(2026, 3, 7, 9, 0)
    found = recurrence.occurrences("FREQ=DAILY;COUNT=2", first, "America/New_York")
    assert [one.at for one in found] == [datetime(2026, 3, 7, 14, tzinfo=UTC), datetime(2026, 3, 8, 13, tzinfo=UTC)]
