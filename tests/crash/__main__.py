"""Kill everything, many times, and show that nobody was texted twice: `make crash`, or `python -m tests.crash --help`.

Ends with 1 when anything is wrong. A trial that failed is repeated by naming its database and its seed.
"""

from __future__ import annotations

import argparse
import signal
import sys

from rich.console import Console
from rich.table import Table

from tests.crash.chaos import Report, Trial, run
from tests.crash.points import POINTS
from tests.crash.world import Terms

SLOW_LIST = Terms(settle=4, listing_lag=3.2)
"""A provider whose list lags nearly as long as we wait for it."""
KILLS = 120


def trials(arguments: argparse.Namespace) -> list[Trial]:
    """Two seeds on each database, the second with a slow list; on PostgreSQL with three workers."""
    chosen: list[Trial] = []
    for seed in arguments.seeds:
        terms = SLOW_LIST if seed % 2 == 0 else Terms()
        if "sqlite" in arguments.databases:
            chosen.append(Trial("sqlite", seed, arguments.kills, workers=1, terms=terms, at_least=arguments.at_least))
        if "postgres" in arguments.databases:
            chosen.append(Trial("postgres", seed, arguments.kills, workers=3, terms=terms, at_least=arguments.at_least))
    return chosen


def main() -> int:
    """Run the trials one after another; returns 1 if anything is wrong in any of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument(
        "databases", nargs="*", default=["sqlite", "postgres"], help="sqlite, postgres; both unless named"
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[1, 2], help="even ones meet a provider whose list lags"
    )
    parser.add_argument("--kills", type=int, default=KILLS, help="in each trial (%(default)s)")
    parser.add_argument("--at-least", type=int, default=len(POINTS), help="how many named points must be met (all)")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the database server is stopped
    console, reports = Console(), []
    for trial in trials(parser.parse_args()):
        console.print(f"{trial.database}, seed {trial.seed}: {trial.kills} kills, {trial.workers} worker(s) …")
        reports.append(run(trial))
        show(console, reports[-1])
    console.print(f"{sum(report.kills for report in reports)} kills in all.")
    return int(any(report.offences for report in reports))


def show(console: Console, report: Report) -> None:
    """Print what happened, and whatever is wrong."""
    trial = report.trial
    deaths = Table("killed", "times", title=f"{trial.database}, seed {trial.seed}, {report.seconds:.0f} s")
    for name, count in sorted(report.deaths.items()):
        deaths.add_row(name, f"{count:,}")
    deaths.add_row("in all", f"{report.kills:,}")
    counts = Table("what happened", "count")
    for name, count in {**report.events, **report.provider, **report.verdict.counts}.items():
        counts.add_row(name, f"{count:,}")
    counts.add_row("offences", str(len(report.offences)))
    console.print(deaths, counts)
    for offence in report.offences[:50]:
        console.print(f"WRONG  {offence}", style="red")
    if report.offences:
        console.print(f"Logs and database: {report.logs}")


if __name__ == "__main__":
    sys.exit(main())
