"""How is a question asked often and by anybody, and yet costs little and never waits? One answer is kept for a while.

At most one look is under way in a process, in a thread of its own: whoever comes meanwhile waits for the same one, and for no
longer than the patience allows. So a database that does not answer holds up one thread, however many ask.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)


class Glance(Generic[T]):
    """What `look` gives, at most `fresh` seconds old and waited for at most `patience` seconds."""

    def __init__(self, look: Callable[[], T], *, fresh: float = 1.0, patience: float = 2.0) -> None:
        self._look = look
        self._fresh, self._patience = fresh, patience
        self._lock = threading.Lock()
        self._under_way: threading.Event | None = None
        self._found: T | None = None
        self._at: float | None = None

    def value(self) -> T | None:
        """The answer; None when there is none in time, or the look failed."""
        with self._lock:
            stale = self._at is None or time.monotonic() - self._at >= self._fresh
            if stale and self._under_way is None:
                self._under_way = threading.Event()
                threading.Thread(target=self._run, args=(self._under_way,), name="glance", daemon=True).start()
            under_way, found = self._under_way, self._found
        if under_way is None:
            return found
        return self._found if under_way.wait(self._patience) else None

    def _run(self, done: threading.Event) -> None:
        found = None
        try:
            found = self._look()
        except Exception as error:
            log.warning("a look failed: %s", type(error).__name__)
        with self._lock:
            self._found, self._at, self._under_way = found, time.monotonic(), None
        done.set()
