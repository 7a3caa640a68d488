"""One message, whatever happens: the short form of `make crash`, on both databases.

Workers, web processes and a clerk are real processes under `kill -9`, at named points and at random moments; the provider drops
answers, fails after storing, hangs, throttles and loses callbacks; PostgreSQL is restarted. Afterwards every row is accounted for.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from models.messages import MessageStatus
from tests.crash import chaos, points, verdict

SHORT = points.named("claim", "record", "expansion", "callbacks", "POST")
S = MessageStatus


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("database", "workers", "kills"), [("sqlite", 1, 14), pytest.param("postgres", 3, 24, marks=pytest.mark.postgres)]
)
def test_nobody_is_texted_twice(database: Literal["sqlite", "postgres"], workers: int, kills: int) -> None:
    """Killed again and again, nothing is sent twice, nothing is lost, and every sum holds."""
    trial = chaos.Trial(database, 20261122, kills, workers, points=SHORT, at_least=4, patience=300)
    report = chaos.run(trial)
    counts = report.verdict.counts
    assert not report.offences, "\n".join([*report.offences, f"logs: {report.logs}"])
    assert report.kills >= kills
    assert counts["messages"] >= counts["taken by the provider"] > 0
    assert counts["came into doubt"] > 0, "nobody was killed in mid-flight; it proves nothing"
    sys.stdout.write(
        f"{database}: {report.kills} kills at {report.points} named points and at random, {counts['messages']:,} messages, "
        f"{counts['came into doubt']:,} doubts, sent twice {counts['sent twice']}\n"
    )


def test_every_named_point_is_there() -> None:
    """The points name functions of the house as it stands; at least eight of them, apart from random moments."""
    points.verify()
    assert len({point.name for point in points.POINTS}) == len(points.POINTS) >= 8


INTENT = datetime(2026, 11, 20, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("old", "new", "attempts", "sids", "offences"),
    [
        (S.PENDING, S.CLAIMED, (0, 1), (None, None), 0),
        (S.PENDING, S.CLAIMED, (1, 1), (None, None), 1),
        (S.CLAIMED, S.IN_DOUBT, (1, 1), (None, None), 0),
        (S.IN_DOUBT, S.PENDING, (1, 1), (None, None), 0),
        (S.IN_DOUBT, S.CLAIMED, (1, 2), (None, None), 2),
        (S.CLAIMED, S.QUEUED, (1, 1), (None, "SM1"), 0),
        (S.QUEUED, S.QUEUED, (1, 1), ("SM1", "SM2"), 1),
        (S.SENT, S.PENDING, (1, 1), ("SM1", "SM1"), 1),
        (S.SKIPPED, S.PENDING, (1, 1), (None, None), 1),
    ],
)
def test_the_judge_sees_an_unlawful_step(
    old: MessageStatus,
    new: MessageStatus,
    attempts: tuple[int, int],
    sids: tuple[str | None, str | None],
    offences: int,
) -> None:
    """A judge who finds nothing must be able to find something: each rule about steps, broken and kept."""
    step = verdict.Change(7, old, new, attempts, sids, INTENT + timedelta(seconds=1))
    assert len(list(verdict.unlawful([step]))) == offences
