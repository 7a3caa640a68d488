"""What is on the wire? Posts claims on the event loop, each at its slot, and keeps what came back until it is asked for.

Everything but `launch`, `landed` and `abort` runs on the loop's own thread. A claim that cannot leave in time, or after a stop,
comes back as unsent; whatever else breaks is in doubt.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from sender.claims import Claim, Outcome, Result
from sender.gateway import Gateway
from sender.gateway_line import event_loop

log = logging.getLogger(__name__)

NOTICEABLE = 0.0005
"""Seconds; a shorter wait is not worth a turn of the loop."""
LATENESS = 0.008
"""Seconds by which a text may be late and the next still leave at its own turn; what is more than that is lost to the rate."""
_SECOND = timedelta(seconds=1)
_AWAKE = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def awake() -> float:
    """Seconds on a clock that nobody sets and that goes on while the machine sleeps, where there is one."""
    return time.clock_gettime(_AWAKE)


class Departure(NamedTuple):
    """A claim, its account's gateway, and when on the `awake` clock it was made and may leave."""

    claim: Claim
    gateway: Gateway
    claimed_at: float
    leaves_at: float


@dataclass
class Flight:
    """At most `concurrency` requests at once; `wake` is set when enough has come back."""

    post: Callable[[Gateway, Claim], Awaitable[Outcome]]
    concurrency: int
    wake: threading.Event = field(default_factory=threading.Event)
    flying: int = 0
    """Launched and not yet collected; counted by the dispatcher's thread."""
    enough: int = 0
    """How many are worth a commit: `wake` is set when so many have come back."""
    _back: deque[Outcome] = field(default_factory=deque)
    """Filled by the loop's thread and emptied by the dispatcher's: a deque needs no lock for that."""
    _lines: dict[int, deque[Departure]] = field(default_factory=dict)
    """By sender. A line with something in it waits for its first departure's time (a timer), or for room (`_waiting`)."""
    _free_at: dict[int, float] = field(default_factory=dict)
    _waiting: deque[int] = field(default_factory=deque)
    """The senders whose time has come while everything is on the wire, in turns; empty while there is room."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _stopped: bool = False

    def __post_init__(self) -> None:
        self._loop = event_loop()
        self._room = self.concurrency
        self.enough = self.concurrency // 2

    def launch(self, departures: Sequence[Departure]) -> None:
        """Hand claims over; they are in the order of their slots."""
        self.flying += len(departures)
        self._loop.call_soon_threadsafe(self._queue, departures)

    def landed(self) -> list[Outcome]:
        """What came back since the last time."""
        self.wake.clear()
        back = [self._back.popleft() for _ in range(len(self._back))]
        self.flying -= len(back)
        return back

    def abort(self) -> None:
        """Let nothing leave any more; what is on the wire lands."""
        self._loop.call_soon_threadsafe(self._abort)

    def _queue(self, departures: Sequence[Departure]) -> None:
        if self._stopped:
            self._land(*(Outcome(departure.claim, Result.UNSENT) for departure in departures))
            return
        for departure in departures:
            line = self._lines.setdefault(departure.claim.sender_id, deque())
            line.append(departure)
            if len(line) == 1:
                self._advance(departure.claim.sender_id)

    def _abort(self) -> None:
        self._stopped = True
        self._waiting.clear()
        for line in self._lines.values():
            self._land(*(Outcome(departure.claim, Result.UNSENT) for departure in line))
            line.clear()

    def _advance(self, sender_id: int) -> None:
        """Let departures of one sender go, in order and never closer together than its rate allows, as far as there is room."""
        line = self._lines[sender_id]
        while line:
            wait = self._meant(sender_id) - awake()
            if wait > NOTICEABLE:
                self._loop.call_later(wait, self._advance, sender_id)
                return
            if not self._room:
                self._waiting.append(sender_id)
                return
            self._room -= 1
            task = self._loop.create_task(self._fly(self._take(sender_id)))
            self._tasks.add(task)  # the loop itself keeps weak references only
            task.add_done_callback(self._tasks.discard)

    def _meant(self, sender_id: int) -> float:
        return max(self._lines[sender_id][0].leaves_at, self._free_at.get(sender_id, 0.0))

    def _take(self, sender_id: int) -> Departure:
        meant = self._meant(sender_id)
        departure = self._lines[sender_id].popleft()
        self._free_at[sender_id] = max(meant, awake() - LATENESS) + departure.claim.gap / _SECOND
        return departure

    async def _fly(self, departure: Departure | None) -> None:
        """Post one after the other while somebody waits for room: handing it over would cost each of them two turns of the loop."""
        while departure:
            self._land(await self._posted(departure))
            departure = self._next()
        self._room += 1

    def _next(self) -> Departure | None:
        if not self._waiting:
            return None
        sender_id = self._waiting.popleft()
        departure = self._take(sender_id)
        self._advance(sender_id)
        return departure

    async def _posted(self, departure: Departure) -> Outcome:
        claim = departure.claim
        try:
            if awake() - departure.claimed_at > claim.leave_within / _SECOND:
                return Outcome(claim, Result.UNSENT)
            return await self.post(departure.gateway, claim)
        except Exception as error:
            log.error("message %s attempt %s: %s", claim.message_id, claim.attempt, type(error).__name__)  # noqa: TRY400
            return Outcome(claim, Result.IN_DOUBT)

    def _land(self, *outcomes: Outcome) -> None:
        self._back.extend(outcomes)
        if len(self._back) >= self.enough:
            self.wake.set()
