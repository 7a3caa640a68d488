"""When does a repeating campaign run? Occurrences of an RFC 5545 rule on local wall time, each with its own instant in UTC.

The rule is iterated on naive wall times and the zone is attached to each occurrence by itself. On the night when clocks go back
a wall time that occurs twice is its first reading; when they go forward one that does not occur is moved by the gap (02:30
becomes 03:30), so that it is neither lost nor doubled. Instants always increase; two wall times that meet in one are one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from zoneinfo import ZoneInfo

from dateutil import rrule as dateutil_rrule

from sender.recurrence_rules import BadRule, Rule, parse

__all__ = ["BadRule", "Occurrence", "Rule", "between", "next_after", "occurrences", "parse"]

HORIZON = timedelta(days=18_263)
"""How far ahead an occurrence is looked for: fifty years. A rule that names a day which never comes ends there."""
SLACK = timedelta(days=2)
"""Further than any change of clocks has ever moved a wall time."""
MINUTE = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True, order=True)
class Occurrence:
    """One time that a rule gives: its instant (`at`, aware UTC), and the wall time (naive) it was meant for in `zone`."""

    at: datetime
    wall: datetime
    zone: str

    @property
    def key(self) -> str:
        """What tells it from every other occurrence of its campaign: "2026-11-01T01:30 America/New_York"."""
        return f"{self.wall:{MINUTE}} {self.zone}"

    @property
    def moved(self) -> bool:
        """Whether its wall time does not exist, because clocks went forward, and another took its place."""
        return wall_of(self.at, self.zone) != self.wall


def once(at: datetime, zone: str) -> Occurrence:
    """A single instant, as an occurrence."""
    return Occurrence(at, wall_of(at, zone), zone)


def occurrences(
    rule: Rule | str, first: datetime, zone: str, *, horizon: datetime | None = None
) -> Iterator[Occurrence]:
    """Every occurrence from `first` (naive wall time in `zone`; whole minutes) on, by instant, each instant once.

    A rule names no time of its own unless it has BYHOUR: it takes the time of `first`, and so with the day. COUNT counts wall
    times. Ends with the rule, or at `horizon` (naive wall time; fifty years after `first` when None).
    """
    rule = parse(rule) if isinstance(rule, str) else rule
    if first.tzinfo is not None:
        raise ValueError("A recurrence starts at a wall time without a zone; the zone is named beside it.")
    first = first.replace(second=0, microsecond=0)
    last = horizon or first + HORIZON
    if rule.ends is not None:
        last = min(last, (wall_of(rule.ends, zone) if rule.ends.tzinfo else rule.ends) + SLACK)
    walls = islice(dateutil_rrule.rrule(dtstart=first, until=last, **rule.dateutil), rule.count)
    return (one for one in _ordered(walls, zone) if rule.includes(one.wall, one.at))


def wall_of(at: datetime, zone: str) -> datetime:
    """What the clock on the wall shows then, without a zone."""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def _ordered(walls: Iterable[datetime], zone: str) -> Iterator[Occurrence]:
    """By instant, each once. A wall time in a gap is moved past others that follow it, so it waits until these are out."""
    waiting: list[Occurrence] = []
    local, last = ZoneInfo(zone), datetime.min.replace(tzinfo=UTC)
    for wall in chain(walls, [None]):
        bound = None
        if wall is not None:
            readings = [wall.replace(tzinfo=local, fold=fold).astimezone(UTC) for fold in (0, 1)]
            heapq.heappush(waiting, Occurrence(readings[0], wall, zone))  # the first reading, or moved by the gap
            bound = min(readings)  # nothing that follows is earlier
        while waiting and (bound is None or waiting[0].at < bound):
            one = heapq.heappop(waiting)
            if one.at > last:
                last = one.at
                yield one


def next_after(rule: Rule | str, first: datetime, zone: str, after: datetime) -> Occurrence | None:
    """The first occurrence later than `after` (aware); None when the rule has none any more."""
    horizon = max(first, wall_of(after, zone)) + HORIZON
    return next((one for one in occurrences(rule, first, zone, horizon=horizon) if one.at > after), None)


def between(rule: Rule | str, first: datetime, zone: str, after: datetime, until: datetime) -> Iterator[Occurrence]:
    """The occurrences later than `after` and not later than `until` (both aware), in their order."""
    horizon = wall_of(until, zone) + SLACK
    for one in occurrences(rule, first, zone, horizon=horizon):
        if one.at > until:
            return
        if one.at > after:
            yield one
