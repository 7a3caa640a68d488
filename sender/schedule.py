"""When may this person be texted? Local hours, taken in every zone the number may be in at once, and by every rule that binds.

A number often cannot tell its zone (Kentucky, Indiana, a mobile in Britain), so the hours must hold in all of them: the window
is the intersection. What binds in each is again an intersection: the law of the country, of the state of the address and of
the area code (`sender/windows.py`), the country's setting, the account's own hours, and what the person asked for. Where
nobody knows a zone, or no hour suits all, the recipient is held, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.accounts import Profile
from models.consent import Purpose
from models.countries import CountrySetting
from sender.quiet import Request
from sender.whereabouts import Placed, Whereabouts, bound, whereabouts
from sender.windows import ALL_DAY, FULL_DAY, Hours, clock, common, daily, laws

AHEAD = timedelta(days=14)
"""How far the next window is looked for: a weekly pattern that meets a holiday opens within two weeks, or never."""
NAMED = 3
"""Zones that are written out before the rest is counted."""


class HasZones(Protocol):
    """A normalised number, as far as time is concerned."""

    @property
    def e164(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def time_zones(self) -> Sequence[str]: ...


class Person(Protocol):
    """A contact, as far as time is concerned: its own zone and address, or None, and its own request, or ""."""

    time_zone: str | None
    address_region: str | None
    quiet_hours: str


class HasHours(Protocol):
    """An account, as far as time is concerned."""

    profile: Profile
    opens_at: time | None
    closes_at: time | None


class Rule(Protocol):
    """Something that allows some hours of each local day. Equal rules are equal, so that their answers can be kept."""

    def hours(self, day: date) -> Hours:
        """The parts of the day."""

    def words(self, day: date) -> str:
        """Who says so, for people."""


@dataclass(frozen=True)
class Daily:
    """The same hours every day, by somebody's choice."""

    opens: time
    closes: time
    name: str

    def hours(self, _day: date) -> Hours:
        """The parts of any day."""
        return daily(self.opens, self.closes)

    def words(self, _day: date) -> str:
        """Whose choice."""
        return self.name


class Scope(NamedTuple):
    """Whose texts, and about what: what a window depends on beside the recipient."""

    purpose: Purpose = Purpose.MARKETING
    profile: Profile | None = None
    opens_at: time | None = None
    closes_at: time | None = None
    everything: bool = True
    """Whether hours made for marketing bind other texts, too (the setting `hours_for_account_texts`)."""


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
    contact: Person | None,
    account: HasHours | None,
    now: datetime,
    *,
    setting: CountrySetting | None,
    purpose: Purpose = Purpose.MARKETING,
    everything: bool = True,
) -> Window:
    """The present or next window of one recipient: every rule that binds, in every zone that they may be in.

    `everything` is the account's setting `hours_for_account_texts`. A reply to somebody who wrote first is not asked about
    here: see `sender/deferral.py`.
    """
    own, address, quiet = (
        (contact.time_zone, contact.address_region, contact.quiet_hours) if contact else (None, None, "")
    )
    where = whereabouts(
        phone.e164, phone.region, [own] if own else phone.time_zones, address=address or "", quiet=quiet or "", own_zone=bool(own)
    )  # fmt: skip
    scope = Scope(purpose, everything=everything)
    if account is not None:
        scope = scope._replace(profile=account.profile, opens_at=account.opens_at, closes_at=account.closes_at)
    return window_of(where, scope, now, setting=setting)


def window_of(where: Placed | Whereabouts, scope: Scope, now: datetime, *, setting: CountrySetting | None) -> Window:
    """The window of a lane, or of anybody whose whereabouts are known."""
    zones = [zone for zone in where.zones.split(",") if zone]
    return window(zones, now, setting=setting, rules=rules(where, scope))


def rules(where: Placed | Whereabouts, scope: Scope) -> tuple[Rule, ...]:
    """What binds beside the country's setting: the law of every place, the account's own hours, the person's own request."""
    found: list[Rule] = [*laws(bound(where), scope.purpose, scope.profile, everything=scope.everything)]
    if scope.opens_at is not None or scope.closes_at is not None:
        found.append(Daily(scope.opens_at or time(0), scope.closes_at or time(0), "the account's own hours"))
    if where.quiet:
        found.append(Request(where.quiet))
    return tuple(found)


def window(
    zones: Iterable[str], now: datetime, *, setting: CountrySetting | None, rules: Sequence[Rule] = ()
) -> Window:
    """The present or next window in which all the zones are within the hours of the country and of the other rules.

    `now` must be aware.
    """
    if now.tzinfo is None:
        raise ValueError("A window was asked for at a time without a zone; pass an aware datetime.")
    binding = (*rules, *_chosen(setting))
    if not binding:
        return Window(None, None, "At any hour: the country has no hours.", held=False, open=True)
    known, day = _zones(zones), now.astimezone(UTC).date()
    if not known:
        hours = _hours(_allowed(binding, day))
        return Window(None, None, f"{hours} local time, but no time zone is known.", held=True, open=False)
    named = _listed([zone.key for zone in known])
    found = _first(known, binding, now.astimezone(UTC))
    if found is None:
        who = _who(binding, day)
        return Window(None, None, f"{who} in {named}: they have no such hour in common.", held=True, open=False)
    why = _why(binding, named, found[0].astimezone(known[0]))
    return Window(*found, why, held=False, open=found[0] <= now)


def _chosen(setting: CountrySetting | None) -> tuple[Rule, ...]:
    if setting is None or (setting.opens_at is None and setting.closes_at is None):
        return ()
    return (Daily(setting.opens_at or time(0), setting.closes_at or time(0), "Country settings"),)


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


def _hours(parts: Hours) -> str:
    return " and ".join(f"{clock(start)}–{clock(end)}" for start, end in parts) or "no hour"


def _why(binding: Sequence[Rule], zones: str, opening: datetime) -> str:
    """The hours of the day on which the window opens, in local time, where, and who says so: those that set an end of it."""
    day, since = opening.date(), timedelta(hours=opening.hour, minutes=opening.minute, seconds=opening.second)
    allowed = _allowed(binding, day)
    part = next((part for part in allowed if part[0] <= since < part[1]), allowed[0] if allowed else ALL_DAY[0])
    who = _who([rule for rule in binding if _sets(rule, part, day)], day)
    return f"{_hours((part,))} in {zones}" + (f": {who}" if who and who != "Country settings" else "")


def _sets(rule: Rule, part: tuple[timedelta, timedelta], day: date) -> bool:
    """Whether the rule is what opens or closes this part of the day."""
    ends = {end for span in rule.hours(day) for end in span} - {timedelta(0), FULL_DAY}
    return not ends.isdisjoint(part)


def _who(binding: Sequence[Rule], day: date) -> str:
    return "; ".join(dict.fromkeys(rule.words(day) for rule in binding))


Span = tuple[datetime, datetime]


def _first(zones: Sequence[ZoneInfo], binding: tuple[Rule, ...], now: datetime) -> Span | None:
    """The first span that ends after `now` and starts within two weeks."""
    shared = _spans(zones[0], binding, now)
    for zone in zones[1:]:
        shared = _common(shared, _spans(zone, binding, now))
    return next((span for span in shared if span[1] > now and span[0] <= now + AHEAD), None)


def _spans(zone: ZoneInfo, binding: tuple[Rule, ...], now: datetime) -> list[Span]:
    """The hours in UTC, from the day before yesterday until two weeks from now; those that touch are one."""
    spans: list[Span] = []
    today = now.astimezone(zone).date()
    for offset in range(-2, AHEAD.days + 2):
        for start, end in _of_day(zone, binding, today + timedelta(days=offset)):
            if spans and start <= spans[-1][1]:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
    return spans


@lru_cache(maxsize=100_000)
def _of_day(zone: ZoneInfo, binding: tuple[Rule, ...], day: date) -> tuple[Span, ...]:
    """The hours of one local day in UTC.

    Where a clock change makes a wall time occur twice or never, opening takes the later and closing the earlier reading, so
    that the local clock is always within the hours.
    """
    midnight = datetime.combine(day, time(0), zone)
    found = [
        (max(_readings(midnight + start)), min(_readings(midnight + end))) for start, end in _allowed(binding, day)
    ]
    return tuple(span for span in found if span[0] < span[1])


def _allowed(binding: Sequence[Rule], day: date) -> Hours:
    """What all rules allow of one local day."""
    found = ALL_DAY
    for rule in binding:
        found = common(found, rule.hours(day))
    return found


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
