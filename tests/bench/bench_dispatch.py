"""How much of a raw POST loop's speed is left when every message is claimed, recorded and never sent twice."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from statistics import median
from typing import NamedTuple

import requests
from rich.console import Console
from rich.table import Table

from tests.bench.stage import Arrival, arrivals, databases, filled, provider, senders, waiting

TEXTS = int(os.environ.get("BENCH_TEXTS", "15000"))
CONCURRENCY = (50, 100, 400)
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
UNLIMITED = 1_000_000
"""Segments a second: the machine is measured, not a sender's rate."""
GOALS = {"SQLite": 0.7, "PostgreSQL": 0.8}
CPU_GOAL = 500
"""Microseconds a message."""
LEAST = 0.25
"""What is asserted, on whatever machine this runs."""


class Speed(NamedTuple):
    """Messages a second between the first and the last at the provider, and CPU microseconds a message."""

    rate: float
    cpu_us: float


def speed(took: list[Arrival], cpu: float) -> Speed:
    """Of what the provider took; each message once."""
    twice = [id_ for id_, times in Counter(each.message_id for each in took).items() if times > 1]
    assert not twice
    assert len(took) == TEXTS
    return Speed((len(took) - 1) / (took[-1].at - took[0].at), cpu / len(took) * 1e6)


def raw(url: str, concurrency: int) -> Speed:
    """The loop that only posts."""
    command = [sys.executable, "-m", "tests.bench.posting", url, str(TEXTS), str(concurrency)]
    cpu = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return speed(arrivals(url), cpu)


def dispatched(url: str, database_url: str, concurrency: int, *, processes: int, name: str) -> Speed:
    """The same number through claim, SDK and record, the concurrency shared among the processes."""
    database = filled(database_url, TEXTS, rate=UNLIMITED, name=name)
    with senders(database_url, url, processes=processes, concurrency=concurrency // processes) as cpu:
        while waiting(database):
            time.sleep(0.5)
    database.engine.dispose()
    return speed(arrivals(url), sum(cpu))


def run() -> None:
    """Print the table; each ratio is the median of rounds that ran side by side."""
    table = Table("Dispatch, 20 ms provider", "at once", "messages/s", "CPU µs/message", "of the raw loop", "goal")
    ratios: dict[str, list[float]] = {}
    with databases() as urls, provider() as url:
        for concurrency in CONCURRENCY:
            kinds = {
                "raw POST loop (aiohttp, uvloop)": ("", 1),
                "SQLite, one worker": ("SQLite", 1),
                "PostgreSQL, two workers": ("PostgreSQL", 2),
            }
            found: dict[str, list[Speed]] = {kind: [] for kind in kinds}
            for turn in range(ROUNDS):
                for kind, (database, processes) in kinds.items():
                    requests.delete(f"{url}/log", timeout=60)
                    name = f"{kind} {concurrency} {turn}"
                    found[kind].append(
                        dispatched(url, urls[database], concurrency, processes=processes, name=name)
                        if database
                        else raw(url, concurrency)
                    )
            plain = found["raw POST loop (aiohttp, uvloop)"]
            for kind, (database, _) in kinds.items():
                shares = [ours.rate / beside.rate for ours, beside in zip(found[kind], plain, strict=True)]
                ratios.setdefault(database, []).append(median(shares))
                cpu = median(each.cpu_us for each in found[kind])
                met = median(shares) >= GOALS.get(database, 0) and cpu <= CPU_GOAL
                goal = f"≥ {GOALS[database]}, ≤ {CPU_GOAL} µs: {'met' if met else 'not met'}" if database else ""
                rate = median(each.rate for each in found[kind])
                table.add_row(kind, str(concurrency), f"{rate:,.0f}", f"{cpu:,.0f}", f"{median(shares):.2f}", goal)
    Console(width=120).print(table)
    assert min(map(min, ratios.values())) > LEAST, f"dispatch has fallen below {LEAST} of a raw POST loop"


if __name__ == "__main__":
    run()
