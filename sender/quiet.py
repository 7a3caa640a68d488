"""When does a person not want to be texted? What they asked for, as a word that a contact keeps and everybody can read.

"18:00-10:00" is a part of every day, "sun" a whole day; several stand with commas: "12:00-14:00, sat, sun".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from sender.windows import ALL_DAY, FULL_DAY, WEEK, Hours, clock, common, joined, minutes

_PART = re.compile(r"(\d{1,2}:[0-5]\d)-(\d{1,2}:[0-5]\d)")
HOW = "Write hours like 18:00-10:00 and days like sat, sun, with commas between them."


class BadHours(ValueError):
    """The text is no request about hours; the sentence says how to write one."""


@dataclass(frozen=True)
class Request:
    """What a person asked for, as it is kept: the hours of every day in which not to text, and the days."""

    text: str

    def hours(self, day: date) -> Hours:
        """The parts of a local day that are left; none where the text cannot be read, so that somebody looks at it."""
        try:
            free, days = _read(self.text)
        except BadHours:
            return ()
        return () if day.weekday() in days else free

    def words(self, _day: date) -> str:
        """What binds, for people."""
        return f"the person's own request (not {self.text})"


def written(text: str) -> str:
    """A request in the one form in which it is kept, "" for none; raises BadHours."""
    parts = [part for part in re.split(r"[,;\s]+", text.replace("–", "-").strip().casefold()) if part]
    for part in parts:
        _quiet(part)
    parts = [_tidy(part) for part in parts]
    kept = sorted(part for part in parts if ":" in part) + [day for day in WEEK if day in parts]
    found = ", ".join(dict.fromkeys(kept))
    free, days = _read(found)
    if not free or len(days) == len(WEEK):
        raise BadHours("That leaves no hour at all. Unsubscribe the person instead.")
    return found


def _tidy(part: str) -> str:
    return part[:3] if ":" not in part else "-".join(clock(minutes(end)) for end in part.split("-"))


@lru_cache(maxsize=4_096)
def _read(text: str) -> tuple[Hours, frozenset[int]]:
    """The hours that are left of every day, and the days that are taken whole; raises BadHours."""
    free, days = ALL_DAY, set[int]()
    for part in filter(None, text.split(", ")):
        found = _quiet(part)
        if isinstance(found, int):
            days.add(found)
        else:
            free = common(free, found)
    return free, frozenset(days)


def _quiet(part: str) -> Hours | int:
    """One part of a request: what is left of every day beside these hours, or the day that is taken whole."""
    if (day := part[:3]) in WEEK and (part == day or (part.isalpha() and part.endswith("day"))):
        return WEEK.index(day)
    found = _PART.fullmatch(part)
    try:
        start, end = (minutes(clock_) for clock_ in found.groups()) if found else (FULL_DAY, FULL_DAY)
    except ValueError as wrong:
        raise BadHours(HOW) from wrong
    if start == end:
        raise BadHours(HOW)
    # Quiet past midnight leaves the middle of the day, otherwise both of its ends are left.
    return joined([(end, start)] if end < start else [(timedelta(0), start), (end, FULL_DAY)])
