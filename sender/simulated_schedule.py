"""When the simulated Twilio does what it still owes: one heap of due actions, one thread, one clock.

Delays are divided by `speed`; the clock itself keeps real time, so every date the simulator shows is a true date.
"""

import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
Action = Callable[[], None]

_log = logging.getLogger(__name__)


def wall_clock() -> datetime:
    """The present, aware, UTC."""
    return datetime.now(UTC)


class SteppedClock:
    """A clock that stands still until `Schedule.step` moves it."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock needs an aware start")
        self.now = start

    def __call__(self) -> datetime:
        return self.now


class Schedule:
    """Actions and when they are due.

    Run it by its own thread (`start`, `stop`) or, with a stepped clock, by hand (`step`).
    """

    def __init__(self, clock: Clock, speed: float) -> None:
        if speed <= 0:
            raise ValueError("speed must be positive")
        self.clock = clock
        self.speed = speed
        self._heap: list[tuple[datetime, int, Action]] = []
        self._numbers = itertools.count()
        self._wake = threading.Condition()
        self._busy = False
        self._thread: threading.Thread | None = None

    def after(self, seconds: float, action: Action) -> None:
        """Do `action` once `seconds` of simulated time have passed."""
        self.at(self.clock() + timedelta(seconds=seconds / self.speed), action)

    def at(self, when: datetime, action: Action) -> None:
        """Do `action` at `when` by the clock, whatever the speed."""
        with self._wake:
            heapq.heappush(self._heap, (when, next(self._numbers), action))
            if self._heap[0][2] is action:
                self._wake.notify()

    def next_due(self) -> datetime | None:
        """When the next action is due, or None when nothing is owed."""
        with self._wake:
            return self._heap[0][0] if self._heap else None

    @property
    def owed(self) -> int:
        """Actions not finished yet."""
        with self._wake:
            return len(self._heap) + int(self._busy)

    def run_due(self) -> int:
        """Run everything due now, in order, including what those actions make due; answers how many ran."""
        ran = 0
        while (action := self._take()) is not None:
            self._run(action)
            ran += 1
        return ran

    def step(self, seconds: float) -> None:
        """Move a stepped clock forward, stopping at every action that falls due on the way."""
        if not isinstance(self.clock, SteppedClock):
            raise TypeError("only a stepped clock can be moved")
        end = self.clock.now + timedelta(seconds=seconds)
        while (due := self.next_due()) is not None and due <= end:
            self.clock.now = max(self.clock.now, due)
            self.run_due()
        self.clock.now = end

    def clear(self) -> None:
        """Forget everything owed."""
        with self._wake:
            self._heap.clear()

    def start(self) -> None:
        """Run actions in a background thread as they fall due; a second call does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="simulator-schedule", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop the thread; what is owed stays owed."""
        thread, self._thread = self._thread, None
        with self._wake:
            self._wake.notify()
        if thread is not None:
            thread.join(timeout=5)

    def _loop(self) -> None:
        me = threading.current_thread()
        while self._thread is me:
            action = self._take()
            if action is not None:
                self._run(action)
                continue
            with self._wake:
                if self._thread is me:
                    self._wake.wait(self._pause())

    def _pause(self) -> float:
        if not self._heap:
            return 1.0
        return min(1.0, max(0.0, (self._heap[0][0] - self.clock()).total_seconds()))

    def _take(self) -> Action | None:
        with self._wake:
            if not self._heap or self._heap[0][0] > self.clock():
                return None
            self._busy = True
            return heapq.heappop(self._heap)[2]

    def _run(self, action: Action) -> None:
        try:
            action()
        except Exception:  # one broken action must not end the network for everybody else
            _log.exception("a simulated action failed")
        finally:
            with self._wake:
                self._busy = False
