"""What a repeating rule means, worked out day by day from the calendar, with nothing that the code under test uses.

A day is taken if its period is due and every part of the rule holds for it. A wall time becomes an instant by asking which
instants of UTC a clock in the zone would show it at: the earliest of two, or the one that the old offset gives if there is none.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
FAR = timedelta(hours=36)
"""From before any change of clocks near a wall time to after it."""


@dataclass(frozen=True)
class Rule:
    """A rule in parts; `days` are (number or 0, weekday)."""

    frequency: str
    interval: int = 1
    days: tuple[tuple[int, int], ...] = ()
    month_days: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    week_start: int = 0
    count: int | None = None
    until: str = ""

    @property
    def text(self) -> str:
        """As an RRULE."""
        lists = {
            "BYMONTHDAY": self.month_days,
            "BYMONTH": self.months,
            "BYSETPOS": self.positions,
            "BYHOUR": self.hours,
        }
        parts = [f"FREQ={self.frequency}", f"INTERVAL={self.interval}", f"WKST={DAYS[self.week_start]}"]
        parts += [f"{name}={','.join(map(str, numbers))}" for name, numbers in lists.items() if numbers]
        if self.days:
            parts.append("BYDAY=" + ",".join(f"{number or ''}{DAYS[day]}" for number, day in self.days))
        parts += [f"COUNT={self.count}"] if self.count else []
        parts += [f"UNTIL={self.until}"] if self.until else []
        return ";".join(parts)


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a wall time."""
    plain = wall.replace(tzinfo=UTC)
    offsets = [_shown(at, zone) - at.replace(tzinfo=None) for at in (plain - FAR, plain + FAR)]
    fitting = [at for offset in offsets if _shown(at := plain - offset, zone) == wall]
    return min(fitting, default=plain - offsets[0])


def _shown(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


def expand(rule: Rule, first: datetime, zone: str, years: int) -> list[tuple[datetime, datetime]]:
    """(instant, wall time) of every occurrence within so many years, each instant once, with its earliest wall time."""
    local, found = ZoneInfo(zone), {}
    for wall in _counted(rule, first, first + timedelta(days=366 * years)):
        at = instant(wall, local)
        if not rule.until or _within(rule.until, wall, at):
            found.setdefault(at, wall)
    return sorted(found.items())


def _within(until: str, wall: datetime, at: datetime) -> bool:
    if until.endswith("Z"):
        return at <= datetime.strptime(until, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return f"{wall:%Y%m%d}" <= until


def _counted(rule: Rule, first: datetime, last: datetime) -> Iterator[datetime]:
    number = 0
    for wall in _walls(rule, first, last):
        if first <= wall <= last and (rule.count is None or number < rule.count):
            number += 1
            yield wall


def _walls(rule: Rule, first: datetime, last: datetime) -> Iterator[datetime]:
    """All wall times of the periods that are due, the first and the last of them whole."""
    start, end = date(first.year, 1, 1) - timedelta(days=7), date(last.year, 12, 31)  # whole periods
    dates = (start + timedelta(days=number) for number in range((end - start).days + 1))
    for period, members in groupby(dates, lambda day: _period(rule, day)):
        elapsed = period - _period(rule, first.date())
        if elapsed < 0 or elapsed % rule.interval:
            continue
        walls = [
            datetime(day.year, day.month, day.day, hour, first.minute)
            for day in members
            if _holds(rule, day, first)
            for hour in rule.hours or (first.hour,)
        ]
        chosen = {position - 1 if position > 0 else len(walls) + position for position in rule.positions}
        yield from (wall for number, wall in enumerate(walls) if not chosen or number in chosen)


def _period(rule: Rule, day: date) -> int:
    """The number of the day, week, month or year since the beginning of the calendar."""
    match rule.frequency:
        case "DAILY":
            return day.toordinal()
        case "WEEKLY":
            return (day.toordinal() - 1 - rule.week_start) // 7  # 0001-01-01 was a Monday
        case "MONTHLY":
            return day.year * 12 + day.month
        case _:
            return day.year


def _holds(rule: Rule, day: date, first: datetime) -> bool:
    if rule.months and day.month not in rule.months:
        return False
    length = ((day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)).day
    if rule.month_days and not {day.day, day.day - length - 1} & set(rule.month_days):
        return False
    if rule.days:
        return any(weekday == day.weekday() and _numbered(rule, number, day, length) for number, weekday in rule.days)
    if rule.month_days or rule.frequency == "DAILY":
        return True
    if rule.frequency == "WEEKLY":
        return day.weekday() == first.weekday()
    return day.day == first.day and (rule.frequency == "MONTHLY" or bool(rule.months) or day.month == first.month)


def _numbered(rule: Rule, number: int, day: date, length: int) -> bool:
    """Whether a day is the n-th of its weekday, in the month or (yearly, without months) in the year."""
    if not number:
        return True
    place = day.day
    if rule.frequency == "YEARLY" and not rule.months:
        place, length = day.timetuple().tm_yday, date(day.year, 12, 31).timetuple().tm_yday
    return number in ((place - 1) // 7 + 1, -((length - place) // 7 + 1))


def invented(chance: random.Random, first: datetime) -> Rule:
    """A rule as a person may choose it, more often than not around the hours at which clocks change."""
    frequency = chance.choice(("DAILY", "WEEKLY", "WEEKLY", "MONTHLY", "MONTHLY", "YEARLY"))
    rule = Rule(frequency, chance.choice((1, 1, 1, 2, 3, 5)), week_start=chance.choice((0, 0, 6, 2)))
    if frequency == "YEARLY":
        rule = replace(rule, interval=min(rule.interval, 2))
    if chance.random() < 0.4:
        hours = chance.sample(range(4), 2) if chance.random() < 0.6 else chance.sample(range(24), chance.randint(1, 4))
        rule = replace(rule, hours=tuple(sorted(hours)))
    if chance.random() < 0.25:
        rule = replace(rule, months=tuple(sorted(chance.sample(range(1, 13), chance.randint(1, 4)))))
    return _ended(chance, _by_day(chance, rule), first)


def _by_day(chance: random.Random, rule: Rule) -> Rule:
    weekdays = tuple((0, day) for day in sorted(chance.sample(range(7), chance.randint(1, 5))))
    if rule.frequency == "DAILY":
        return replace(rule, days=weekdays) if chance.random() < 0.2 else rule
    if rule.frequency == "WEEKLY":
        return replace(rule, days=weekdays) if chance.random() < 0.8 else rule
    numbers = [number for number in range(-5, 6) if number]
    match chance.randrange(6):
        case 0:
            return rule
        case 1:
            return replace(rule, days=tuple({(chance.choice(numbers), chance.randrange(7)) for _ in range(2)}))
        case 2:
            return replace(rule, days=weekdays, positions=(chance.choice((1, 2, -1, -2)),))
        case 3:
            return replace(rule, days=weekdays, month_days=tuple(sorted(chance.sample(range(1, 29), 7))))
        case _:
            return replace(rule, month_days=tuple(sorted(chance.sample((1, 2, 15, 28, 29, 30, 31, -1, -2, -31), 2))))


def _ended(chance: random.Random, rule: Rule, first: datetime) -> Rule:
    end = first + timedelta(days=chance.randint(1, 3600))
    match chance.randrange(6):
        case 0:
            return replace(rule, count=chance.randint(1, 400))
        case 1:
            return replace(rule, until=f"{end:%Y%m%d}")
        case 2:
            return replace(rule, until=f"{end:%Y%m%dT%H%M%SZ}")
        case _:
            return rule
