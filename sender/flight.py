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
from collections.abc import Awaitable, Callable, Coroutine, Sequence
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
    _free_at: dict[int, float] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _stopped: bool = False

    def __post_init__(self) -> None:
        self._loop = event_loop()
        self._room = asyncio.Semaphore(self.concurrency)
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
                self._start(self._pace(departure.claim.sender_id, line))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)  # the loop itself keeps weak references only
        task.add_done_callback(self._tasks.discard)

    def _abort(self) -> None:
        self._stopped = True
        for line in self._lines.values():
            self._land(*(Outcome(departure.claim, Result.UNSENT) for departure in line))
            line.clear()

    async def _pace(self, sender_id: int, line: deque[Departure]) -> None:
        """Let the departures of one sender go, in order and never closer together than its rate allows."""
        while line and not self._stopped:
            wait = max(line[0].leaves_at, self._free_at.get(sender_id, 0.0)) - awake()
            if wait > NOTICEABLE:
                await asyncio.sleep(wait)
            await self._room.acquire()
            if self._stopped:
                return
            departure = line.popleft()
            meant = max(departure.leaves_at, self._free_at.get(sender_id, 0.0))
            self._free_at[sender_id] = max(meant, awake() - LATENESS) + departure.claim.gap / _SECOND
            self._start(self._fly(departure))

    async def _fly(self, departure: Departure) -> None:
        claim = departure.claim
        try:
            if awake() - departure.claimed_at > claim.leave_within / _SECOND:
                outcome = Outcome(claim, Result.UNSENT)
            else:
                outcome = await self.post(departure.gateway, claim)
        except Exception as error:
            log.error("message %s attempt %s: %s", claim.message_id, claim.attempt, type(error).__name__)  # noqa: TRY400
            outcome = Outcome(claim, Result.IN_DOUBT)
        finally:
            self._room.release()
        self._land(outcome)

    def _land(self, *outcomes: Outcome) -> None:
        self._back.extend(outcomes)
        if len(self._back) >= self.enough:
            self.wake.set()
