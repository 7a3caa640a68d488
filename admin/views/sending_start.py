"""When shall a campaign leave? Now, once at a time, or again and again: as the address of its confirmation says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sender.planned import preview
from sender.recurrence import BadRule, Occurrence
from sender.recurrence_words import describe, place

LOCAL = "%Y-%m-%dT%H:%M"
NOT_A_TIME = "Choose a day and a time, or send it now."
NO_TIME_LEFT = "It has no time that is still to come. Choose a later end, or other days."


class NotATime(ValueError):
    """The start cannot be understood, or is past; the message is a sentence."""


@dataclass(frozen=True)
class Start:
    """`at`: when, or the first possible start of a repetition; None: now. `rule`: an RRULE; empty for once."""

    at: datetime | None = None
    rule: str = ""
    zone: str = ""

    @property
    def words(self) -> str:
        """The repetition as a sentence."""
        return describe(self.rule, local(self.at, self.zone) if self.at else None, self.zone)

    def times(self, *, now: datetime, count: int = 5) -> list[Occurrence]:
        """The first times of a repetition. Raises NotATime for a rule that cannot be followed or that is over."""
        try:
            found = preview(self.rule, self.at or now, self.zone, after=now, count=count)
        except BadRule as problem:
            raise NotATime(str(problem)) from problem
        if not found:
            raise NotATime(NO_TIME_LEFT)
        return found


def local(at: datetime, zone: str) -> datetime:
    """What the clock on the wall of a zone shows."""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def read(asked: Mapping[str, str], zone: str, *, now: datetime) -> Start:
    """The start that an address asks for; `zone` is the account's. Raises NotATime."""
    how = asked.get("start", "now")
    if how == "now":
        return Start()
    if how == "repeat":
        start = Start(
            instant(asked.get("first", ""), asked.get("zone", "")), asked.get("rule", "")[:500], asked.get("zone", "")
        )
        start.times(now=now, count=1)
        return start
    at = instant(asked.get("when", ""), zone)
    if at <= now:
        raise NotATime("The start must be in the future. Send it now instead, or choose a later time.")
    return Start(at)


def instant(written: str, zone: str) -> datetime:
    """A wall time of a zone, aware UTC."""
    try:
        return datetime.strptime(written, LOCAL).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError, ZoneInfoNotFoundError, OSError):
        raise NotATime(NOT_A_TIME) from None


def clocks(one: Occurrence) -> str:
    """What the change of clocks does to one time; "" on all other days."""
    first, second = (one.wall.replace(tzinfo=ZoneInfo(one.zone), fold=fold).astimezone(UTC) for fold in (0, 1))
    if one.moved:
        shown = local(one.at, one.zone)
        return f"Clocks go forward in {place(one.zone)}: {one.wall:%H:%M} does not exist, so it runs at {shown:%H:%M}."
    if first < second:
        return f"Clocks go back in {place(one.zone)}: {one.wall:%H:%M} comes twice, and it runs the first time only."
    return ""
