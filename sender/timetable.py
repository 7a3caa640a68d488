"""When would the texts of a campaign leave, group by group, and is that within the hours that each group has on its first day?

A group is what will be a lane: people who share a sender and a window. A sender takes first whoever's hours close first, at its
own rate, as the queue does; what does not fit goes on when that group's window opens again. Of other campaigns that share the
sender nothing is known here, so this is the earliest end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from models.accounts import SendingNumber
from sender.pacing import spacing
from sender.schedule import AHEAD, Window
from sender.whereabouts import Whereabouts

HORIZON = AHEAD
"""How far ahead it is worked out; what has not left by then has no end."""


@dataclass(frozen=True)
class Group:
    """Recipients who share a window, and what they would be sent."""

    where: Whereabouts
    texts: int
    segments: int


@dataclass(frozen=True)
class Part:
    """What leaves within one window: from and until when, and how many texts of so many segments."""

    starts_at: datetime
    ends_at: datetime
    closes_at: datetime | None
    texts: int
    segments: int


@dataclass(frozen=True)
class Departure:
    """One group's parts, in order; `left` texts have no time within the horizon. `why` are its hours, for people."""

    group: Group
    why: str
    parts: tuple[Part, ...]
    left: int = 0

    @property
    def spills(self) -> bool:
        """Whether it is not over when its hours close for the first time."""
        return bool(self.left) or len(self.parts) > 1


@dataclass(frozen=True)
class Timetable:
    """All groups that are not held, those whose hours close first at the top."""

    departures: tuple[Departure, ...]

    @property
    def spilling(self) -> tuple[Departure, ...]:
        """The groups that need more than one window."""
        return tuple(one for one in self.departures if one.spills)

    @property
    def late(self) -> int:
        """Texts that leave after their group's first window, or never."""
        return sum(one.group.texts - one.parts[0].texts if one.parts else one.left for one in self.spilling)

    @property
    def ends_at(self) -> datetime | None:
        """When the last text leaves; None where nothing does, or not within the horizon."""
        if any(one.left for one in self.departures):
            return None
        return max((part.ends_at for one in self.departures for part in one.parts), default=None)


@dataclass
class _Work:
    """A group on its way: what is left of it, its present or next window, and what is done."""

    group: Group
    window: Window
    left: int
    parts: list[Part] = field(default_factory=list)

    def until(self, least: timedelta) -> datetime | None:
        """When its window is not begun any more; None: never."""
        return None if self.window.closes_at is None else self.window.closes_at - least


def timetable(
    groups: Iterable[tuple[Group, SendingNumber]], window: Callable[[Whereabouts, datetime], Window], start: datetime, *,
    least: timedelta,
) -> Timetable:  # fmt: skip
    """When each group's texts would leave after `start`; `window` answers for a group at a time.

    A window with less than `least` left is not begun. Groups that are held at the start are left out: they have no time at all.
    """
    of_sender: dict[int, tuple[SendingNumber, list[_Work]]] = {}
    for group, sender in groups:
        found = window(group.where, start)
        if group.segments and not found.held:
            of_sender.setdefault(sender.id, (sender, []))[1].append(_Work(group, found, group.segments))
    for sender, works in of_sender.values():
        _run(works, spacing(1, sender.segments_per_second), window, start, least)
    found_all = [_departure(work) for _, works in of_sender.values() for work in works]
    return Timetable(tuple(sorted(found_all, key=_first_end)))


def _run(
    works: Sequence[_Work], gap: timedelta, window: Callable[[Whereabouts, datetime], Window], start: datetime, least: timedelta
) -> None:  # fmt: skip
    """Let one sender work until all is done, or the horizon is reached."""
    at, end = start, start + HORIZON
    while at < end and (waiting := [work for work in works if work.left and not work.window.held]):
        for work in waiting:
            until = work.until(least)
            if until is not None and until <= at:
                work.window = window(work.group.where, max(at, until + least))
        opened = [work for work in waiting if _open(work, at)]
        openings = [work.window.opens_at for work in waiting if work.window.opens_at and work.window.opens_at > at]
        if opened:
            at = _spend(
                min(opened, key=lambda work: work.until(least) or end), at, gap, min(openings, default=end), least
            )
        elif openings:
            at = min(openings)
        else:
            return


def _open(work: _Work, at: datetime) -> bool:
    return not work.window.held and (work.window.opens_at is None or work.window.opens_at <= at)


def _spend(work: _Work, at: datetime, gap: timedelta, until: datetime, least: timedelta) -> datetime:
    """Send as much of a group as there is time for, before another's hours open or its own close; returns when that is over."""
    closes = work.until(least)
    room = max(1, -(-(min(until, closes or until) - at) // gap))
    taken = min(work.left, room)
    work.left -= taken
    _note(work, at, at + taken * gap, taken)
    return at + taken * gap


def _note(work: _Work, start: datetime, end: datetime, segments: int) -> None:
    """Add to the part of this window, or begin it."""
    closes = work.window.closes_at
    texts = work.group.texts * segments // work.group.segments
    if work.parts and work.parts[-1].closes_at == closes:
        last = work.parts.pop()
        start, segments, texts = last.starts_at, last.segments + segments, last.texts + texts
    work.parts.append(Part(start, end, closes, texts, segments))


def _departure(work: _Work) -> Departure:
    """The group with its parts, their texts adding up."""
    texts = work.group.texts - sum(part.texts for part in work.parts)
    left = 0
    if work.left or not work.parts:
        left = max(1, texts)
    elif texts:
        last = work.parts.pop()
        work.parts.append(Part(last.starts_at, last.ends_at, last.closes_at, last.texts + texts, last.segments))
    return Departure(work.group, work.window.why, tuple(work.parts), left)


def _first_end(departure: Departure) -> tuple[bool, str, str]:
    first = departure.parts[0].closes_at if departure.parts else None
    return first is None, first.isoformat() if first else "", departure.group.where.zones
