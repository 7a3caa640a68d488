"""How does a repeating rule read to a person? One sentence: which days, at what time, in which zone, until when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sender.recurrence_rules import Rule, parse

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
UNITS = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year"}
COUNTED = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last", -2: "second to last"}


def describe(rule: Rule | str, first: datetime | None = None, zone: str = "") -> str:
    """A rule in words: "Every Monday and Thursday at 09:00, New York time, until 2027-03-01". Raises BadRule.

    `first` (naive wall time) gives the day and the time where the rule names none; without it they are left out.
    """
    rule = parse(rule) if isinstance(rule, str) else rule
    words = _days(rule, first)
    times = _times(rule, first)
    words += f" at {listed(times)}" if times else ""
    words += f", {place(zone)} time" if zone else ""
    if rule.count is not None:
        words += ", once" if rule.count == 1 else f", {rule.count:,} times"
    if rule.ends is not None:
        words += f", until {_end(rule.ends)}"
    return words


def listed(words: Sequence[str]) -> str:
    """Words joined as in a sentence: "a, b and c"."""
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else "".join(words)


def place(zone: str) -> str:
    """The name of a zone without its continent: "New York"."""
    return zone.rpartition("/")[2].replace("_", " ")


def _end(ends: datetime) -> str:
    if ends.tzinfo is None:
        return f"{ends:%Y-%m-%d}" if (ends.hour, ends.minute) == (23, 59) else f"{ends:%Y-%m-%d %H:%M}"
    return f"{ends.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _times(rule: Rule, first: datetime | None) -> list[str]:
    hours = rule.hours or ((first.hour,) if first else ())
    minute = rule.minute if rule.minute is not None else first.minute if first else 0
    return [f"{hour:02}:{minute:02}" for hour in hours]


def _days(rule: Rule, first: datetime | None) -> str:
    """Which days, with what they are counted in."""
    plain = not (rule.month_days or rule.positions or rule.months)
    days = [WEEKDAYS[day] for _, day in rule.days]
    if rule.frequency == "WEEKLY" and not days and first:
        days = [WEEKDAYS[first.weekday()]]
    if rule.frequency == "WEEKLY" and rule.interval == 1 and days and plain:
        return f"Every {listed(days)}"
    unit = UNITS[rule.frequency]
    every = f"Every {unit}" if rule.interval == 1 else f"Every {rule.interval} {unit}s"
    months = f" in {listed([MONTHS[month - 1] for month in rule.months])}" if rule.months else ""
    if rule.frequency == "YEARLY" and first and plain and not rule.days:
        return f"{every} on {first.day} {MONTHS[first.month - 1]}"
    which = _which(rule, days, first)
    return every + months + (f" on {which}" if which else "")


def _which(rule: Rule, days: list[str], first: datetime | None) -> str:
    """The days within a period: "the second Tuesday", "the 1st and the 15th", "the last of Monday and Friday"."""
    numbers = [number for number, _ in rule.days if number is not None]
    if numbers:
        named = [f"the {_counted(number)} {WEEKDAYS[day]}" for number, day in rule.days if number is not None]
        days = named
    month_days = [_month_day(day) for day in rule.month_days]
    if rule.frequency in ("MONTHLY", "YEARLY") and not (days or month_days) and first:
        month_days = [_month_day(first.day)]
    found = listed(month_days)
    if days:
        found = f"{listed(days)} that is {found}" if found else listed(days)
        found = found if numbers or rule.frequency in ("DAILY", "WEEKLY") or rule.positions else f"every {found}"
    if rule.positions:
        found = f"the {listed([_counted(position) for position in rule.positions])} of {found}"
    return found


def _counted(number: int) -> str:
    return COUNTED.get(number) or (_nth(number) if number > 0 else f"{_nth(-number)} to last")


def _nth(number: int) -> str:
    """1st, 2nd, 3rd, 11th …"""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _month_day(day: int) -> str:
    return f"the {_nth(day)}" if day > 0 else f"the {_counted(day)} day"
