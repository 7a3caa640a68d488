"""When may this person be texted? Local hours, taken in every zone the number may be in at once.

A number often cannot tell its zone (Kentucky, Indiana, a mobile in Britain), so the hours must hold in all of them: the window
is the intersection. Where nobody knows a zone but the country has hours, the recipient is held, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.countries import CountrySetting

AHEAD = timedelta(days=7)
"""How far the next window is looked for. Hours repeat daily, so what does not open within a week opens never."""
NAMED = 3
"""Zones that are written out before the rest is counted."""


class HasZones(Protocol):
    """A normalised number, as far as time is concerned."""

    @property
    def time_zones(self) -> Sequence[str]: ...


class HasZone(Protocol):
    """A contact, as far as time is concerned: its own zone, or None."""

    time_zone: str | None


@dataclass(frozen=True)
class Window:
    """When sending is allowed: now (`open`), or from `opens_at` until before `closes_at`, aware UTC.

    Both None and not held: at any hour. `held`: no such time is known; a person has to decide. `why` is a sentence for people.
    """

    opens_at: datetime | None
    closes_at: datetime | None
    why: str
    held: bool
    open: bool


def legal_window(
    phone: HasZones,
    contact: HasZone | None,
    account: object,  # noqa: ARG001 (part of the contract)
    now: datetime,
    *,
    setting: CountrySetting | None,
) -> Window:
    """The window of one recipient: in the contact's own zone when it is known, else in every zone of the number.

    `account` is part of the contract for the rules to come (profile, the account's own quiet hours); today the country decides.
    """
    own = contact.time_zone if contact is not None else None
    return window([own] if own else phone.time_zones, now, setting=setting)


def window(zones: Iterable[str], now: datetime, *, setting: CountrySetting | None) -> Window:
    """The present or next window in which all the zones are within the country's hours. `now` must be aware."""
    if now.tzinfo is None:
        raise ValueError("A window was asked for at a time without a zone; pass an aware datetime.")
    if setting is None or (setting.opens_at is None and setting.closes_at is None):
        return Window(None, None, "At any hour: the country has no hours.", held=False, open=True)
    opens, closes = setting.opens_at or time(0), setting.closes_at or time(0)
    known = _zones(zones)
    hours = f"{opens:%H:%M}–{closes:%H:%M}"
    if not known:
        return Window(None, None, f"{hours} local time, but no time zone is known.", held=True, open=False)
    why = f"{hours} in {_listed([zone.key for zone in known])}"
    found = _first(known, opens, closes, now.astimezone(UTC))
    if found is None:
        return Window(None, None, f"{why}: they have no such hour in common.", held=True, open=False)
    return Window(*found, why, held=False, open=found[0] <= now)


def _zones(names: Iterable[str]) -> list[ZoneInfo]:
    """The zones, sorted; none at all when one of them is unknown, because then its hours are unknown too."""
    try:
        return [ZoneInfo(name) for name in sorted(set(names))]
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return []


def _listed(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    if len(names) <= NAMED:
        return ", ".join(names[:-1]) + " and " + names[-1]
    return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more zones"


Span = tuple[datetime, datetime]


def _first(zones: Sequence[ZoneInfo], opens: time, closes: time, now: datetime) -> Span | None:
    """The first span that ends after `now` and starts within a week."""
    common = _spans(zones[0], opens, closes, now)
    for zone in zones[1:]:
        common = _common(common, _spans(zone, opens, closes, now))
    return next((span for span in common if span[1] > now and span[0] <= now + AHEAD), None)


def _spans(zone: ZoneInfo, opens: time, closes: time, now: datetime) -> list[Span]:
    """The daily hours in UTC, from the day before `now` to a week after; those that touch are one.

    `closes` not after `opens` means on the next day. Where a clock change makes a wall time occur twice or never, opening takes
    the later and closing the earlier reading, so that the local clock is always within the hours.
    """
    spans: list[Span] = []
    today = now.astimezone(zone).date()
    for offset in range(-2, AHEAD.days + 2):
        day = today + timedelta(days=offset)
        start = max(_readings(datetime.combine(day, opens, zone)))
        end = min(_readings(datetime.combine(day + timedelta(days=closes <= opens), closes, zone)))
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], end)
        elif start < end:
            spans.append((start, end))
    return spans


def _readings(wall: datetime) -> tuple[datetime, datetime]:
    """What a wall time may mean in UTC: the same twice, except where the clock is changed."""
    return wall.replace(fold=0).astimezone(UTC), wall.replace(fold=1).astimezone(UTC)


def _common(one: list[Span], other: list[Span]) -> list[Span]:
    """The intersection of two sorted lists of spans."""
    both = []
    left = right = 0
    while left < len(one) and right < len(other):
        start, end = max(one[left][0], other[right][0]), min(one[left][1], other[right][1])
        if start < end:
            both.append((start, end))
        if one[left][1] < other[right][1]:
            left += 1
        else:
            right += 1
    return both
