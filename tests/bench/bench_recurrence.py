"""Ten years of invented schedules in every zone against the calendar, day by day: how many occurrences, how many differences."""

from __future__ import annotations

import time

from rich.console import Console
from rich.table import Table

from tests.test_sender_recurrence import YEARS, ZONES, compared

SCHEDULES = 30
"""In each zone."""


def run() -> None:
    """Print a line for each zone; one difference or double run fails."""
    table = Table("Zone", "Schedules", "Occurrences", "Differences", "Seconds", title=f"Recurrence, {YEARS} years each")
    total = wrong = 0
    for zone in ZONES:
        started = time.perf_counter()
        occurrences, differences = compared(zone, seed=2, schedules=SCHEDULES)
        seconds = f"{time.perf_counter() - started:.1f}"
        table.add_row(zone, str(SCHEDULES), f"{occurrences:,}", str(differences), seconds)
        total, wrong = total + occurrences, wrong + differences
    table.add_row("all", f"{SCHEDULES * len(ZONES):,}", f"{total:,}", str(wrong), "")
    Console().print(table)
    assert wrong == 0
