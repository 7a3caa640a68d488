"""When may a sender's next segment leave? A theoretical arrival time (GCRA) on the sender's row, shared by every worker.

A message waits for its slot; slots are a little further apart than the rate asks for, so that what leaves late never meets what
leaves on time within one second. A text of several segments takes as many slots and leaves in the first of them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

HORIZON = timedelta(milliseconds=250)
"""How far ahead of its slot a message may be claimed: short, so that a pause takes hold at once."""
PACE_PERCENT = 98
"""How much of a sender's rate the slots use. The rest is room for lateness: 20 ms in any one second, of which 8 are made up for
(`sender.flight.LATENESS`) and 12 are left to the network."""
ALONE_UP_TO = 1_000
"""Segments a second that one process can keep to by itself; a faster sender is shared by all of them at once."""
HOLD = timedelta(seconds=1)
"""How long a sender stays with the process that claimed for it last, if that one claims no more."""
_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return int(at.timestamp() * 1_000_000)


@lru_cache(maxsize=1_024)
def spacing(segments: int, segments_per_second: int) -> timedelta:
    """How long a sender is busy with a message of so many segments."""
    return timedelta(microseconds=-(-max(segments, 1) * 100_000_000 // (PACE_PERCENT * segments_per_second)))


class Pace:
    """What a sender may still take in one claim, and when the next message leaves; `tat_us` goes back to its row.

    `slowed`: its queue at Twilio overflowed a while ago; half the rate until that is over.
    """

    def __init__(self, segments_per_second: int, tat_us: int, now: datetime, *, slowed: bool = False) -> None:
        self.segments_per_second, self._times = segments_per_second, 2 if slowed else 1
        self._now, self._now_us, self._until_us = now, micros(now), micros(now + HORIZON)
        self.tat_us = max(tat_us, self._now_us)

    @property
    def open(self) -> bool:
        """Whether another message may be claimed now."""
        return self.tat_us <= self._until_us

    @property
    def room(self) -> int:
        """The most messages that a claim can take, if each had one segment."""
        ahead = self._until_us - self.tat_us
        return ahead // max(1, self.gap(1) // _MICROSECOND) + 1 if ahead >= 0 else 0

    def take(self, segments: int) -> datetime:
        """The slot of a message of so many segments."""
        slot = self._now + timedelta(microseconds=self.tat_us - self._now_us)
        self.tat_us += self.gap(segments) // _MICROSECOND
        return slot

    def gap(self, segments: int) -> timedelta:
        """How long the sender is busy with such a message: the next one may not leave earlier, however late this one is."""
        return spacing(segments, self.segments_per_second) * self._times
