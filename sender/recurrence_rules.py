"""What may a repeating rule say? Reads an RFC 5545 RRULE into parts, or names in one sentence what is wrong with it.

Only rules that a person would make are taken: daily to yearly, by weekdays, days of the month, months and hours. What runs more
often than once an hour, and the parts that no calendar on the market shows (BYWEEKNO, BYYEARDAY), are refused by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from dateutil import rrule as dateutil_rrule

FREQUENCIES = {"DAILY": 3, "WEEKLY": 2, "MONTHLY": 1, "YEARLY": 0}
"""dateutil's numbers of them."""
TOO_OFTEN = ("SECONDLY", "MINUTELY", "HOURLY")
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
RANGES = {
    "INTERVAL": (1, 100), "COUNT": (1, 9999), "BYMONTH": (1, 12), "BYMONTHDAY": (-31, 31), "BYSETPOS": (-366, 366),
    "BYHOUR": (0, 23), "BYMINUTE": (0, 59),
}  # fmt: skip
"""Smallest and largest value of each part that is made of numbers; 0 is none where negative ones count from the end."""
SINGLE = ("INTERVAL", "COUNT", "BYMINUTE")
"""Parts of one value: two minutes of an hour would be too often."""
ORDINALS = {"MONTHLY": 5, "YEARLY": 53}
"""How high a weekday may be numbered within each."""
LENGTHS = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Days of the months, at most."""
LONGEST_YEARS = 10
UNTIL = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")
DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")


class BadRule(ValueError):
    """The rule cannot be followed; the message is a sentence for the person who wrote it."""


@dataclass(frozen=True)
class Rule:
    """A rule in parts. `days` are (number, weekday): (2, 0) is the second Monday, (None, 0) each; Monday is 0."""

    frequency: str
    interval: int = 1
    count: int | None = None
    ends: datetime | None = None
    """The last moment that counts: aware when the rule named it in UTC, else a wall time."""
    days: tuple[tuple[int | None, int], ...] = ()
    month_days: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    minute: int | None = None
    week_start: int = 0

    def includes(self, wall: datetime, at: datetime) -> bool:
        """Whether an occurrence is not later than the rule's end."""
        return self.ends is None or (wall if self.ends.tzinfo is None else at) <= self.ends

    @property
    def dateutil(self) -> dict[str, Any]:
        """The rule in dateutil's words, without its count and its end, which is compared by instant."""
        return {
            "freq": FREQUENCIES[self.frequency], "interval": self.interval, "wkst": self.week_start,
            "byweekday": [dateutil_rrule.weekday(day, number) for number, day in self.days] or None,
            "bymonthday": self.month_days or None, "bymonth": self.months or None, "bysetpos": self.positions or None,
            "byhour": self.hours or None, "byminute": self.minute, "bysecond": 0,
        }  # fmt: skip


def parse(text: str) -> Rule:
    """Read a rule, with or without "RRULE:" before it. Raises BadRule."""
    parts = _parts(text)
    frequency = parts.pop("FREQ", "")
    if frequency in TOO_OFTEN:
        raise BadRule("A campaign may repeat once a day or less often; use BYHOUR for several times a day.")
    if frequency not in FREQUENCIES:
        raise BadRule("Say how often with FREQ: DAILY, WEEKLY, MONTHLY or YEARLY.")
    week_start = parts.pop("WKST", "MO")
    if week_start not in DAYS:
        raise BadRule("WKST names one weekday, such as MO.")
    ends = _until(parts.pop("UNTIL")) if "UNTIL" in parts else None
    days = _days(parts.pop("BYDAY"), frequency) if "BYDAY" in parts else ()
    numbers = {name: _numbers(name, value) for name, value in parts.items()}
    single = {name: numbers[name][0] for name in SINGLE if name in numbers}
    rule = Rule(
        frequency, single.get("INTERVAL", 1), single.get("COUNT"), ends, days, numbers.get("BYMONTHDAY", ()),
        numbers.get("BYMONTH", ()), numbers.get("BYSETPOS", ()), numbers.get("BYHOUR", ()), single.get("BYMINUTE"),
        DAYS.index(week_start),
    )  # fmt: skip
    _fits(rule)
    return rule


def _parts(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.strip().upper().removeprefix("RRULE:").rstrip(";").split(";"):
        name, equals, value = part.strip().partition("=")
        if not equals or not value.strip():
            raise BadRule("A rule is made of parts such as FREQ=WEEKLY;BYDAY=MO,TH.")
        if name not in {"FREQ", "UNTIL", "BYDAY", "WKST", *RANGES}:
            raise BadRule(f"{name[:20]} cannot be used in a rule.")
        if name in found:
            raise BadRule(f"{name} is there twice.")
        found[name] = value.strip()
    return found


def _numbers(name: str, text: str) -> tuple[int, ...]:
    low, high = RANGES[name]
    found: set[int] = set()
    for word in text.split(","):
        number = int(word) if re.fullmatch(r"[+-]?\d{1,4}", word.strip()) else low - 1
        if not low <= number <= high or (low < 0 and number == 0):
            raise BadRule(f"{name} takes whole numbers from {low} to {high}{', not 0' if low < 0 else ''}.")
        found.add(number)
    if name in SINGLE and len(found) > 1:
        raise BadRule(f"{name} takes one number.")
    return tuple(sorted(found))


def _days(text: str, frequency: str) -> tuple[tuple[int | None, int], ...]:
    found: set[tuple[int | None, int]] = set()
    most = ORDINALS.get(frequency, 0)
    for word in text.split(","):
        match = DAY.fullmatch(word.strip())
        if match is None:
            raise BadRule(
                "BYDAY takes weekdays: MO or, in a month, 2TU for the second Tuesday and -1FR for the last Friday."
            )
        number = int(match[1]) if match[1] else None
        if number is not None and not 1 <= abs(number) <= most:
            raise BadRule(
                f"A weekday may be numbered up to {most} here."
                if most
                else "Only monthly and yearly rules number weekdays."
            )
        found.add((number, DAYS.index(match[2])))
    if len({number is None for number, _ in found}) > 1:
        raise BadRule("Either number all weekdays or none.")
    return tuple(sorted(found, key=lambda one: (one[1], one[0] or 0)))


def _until(text: str) -> datetime:
    """A day counts to its end; a time with Z is UTC, one without is wall time."""
    match = UNTIL.fullmatch(text)
    try:
        day, clock, zulu = match.groups() if match else ("", None, None)
        at = datetime.strptime(day + (clock or ""), "%Y%m%d%H%M%S" if clock else "%Y%m%d")  # noqa: DTZ007 (wall time)
    except ValueError:
        raise BadRule("UNTIL takes a day such as 20270301, or a time such as 20270301T090000Z.") from None
    if clock is None:
        return datetime.combine(at, time.max)
    return at.replace(tzinfo=UTC) if zulu else at


def _fits(rule: Rule) -> None:
    """Parts that cannot stand together. Raises BadRule."""
    if rule.count is not None and rule.ends is not None:
        raise BadRule("Choose either COUNT or UNTIL.")
    if rule.month_days and rule.frequency == "WEEKLY":
        raise BadRule("A weekly rule has weekdays, no days of the month.")
    if rule.positions and (rule.frequency not in ORDINALS or not (rule.days or rule.month_days)):
        raise BadRule("BYSETPOS chooses among the days of a month or year: give BYDAY or BYMONTHDAY with it.")
    if (
        rule.months
        and rule.month_days
        and min(map(abs, rule.month_days)) > max(LENGTHS[month] for month in rule.months)
    ):
        raise BadRule("None of the months has such a day.")
    if rule.frequency == "YEARLY" and rule.interval > LONGEST_YEARS:
        raise BadRule(f"A campaign may repeat every {LONGEST_YEARS} years at most.")
