"""How do many requests share one commit? Each waits for the transaction that holds what it brought; one thread writes them all.

What gathers while one transaction is written goes into the next, so a busy process commits tens at a time and a quiet one
answers at once. Nobody is told "done" before the commit: whoever was not told must ask again. When one of a batch cannot be
written, the batch is written again one by one, and only that one is refused. When nothing can be written, everyone is refused
quickly. The thread starts with the first item in whatever process that is, and ends when nothing comes any more.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Generic, TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

log = logging.getLogger(__name__)

T = TypeVar("T")
AWAY = (OperationalError, InterfaceError, PoolTimeout)
"""What the database says when it cannot be reached or is too busy: the same item may be taken a moment later."""
MOST, ROOM = 50, 1_000
"""Items of one transaction, and how many may wait for one."""
GATHER = 0.008
"""Seconds for which a batch is let grow when the one before it had several."""
PATIENCE = 8.0
"""Seconds that an item waits for its commit. Twilio waits 15 for an answer (documentation of webhook connections, 2026)."""
IDLE = 5.0
"""Seconds without an item after which the thread ends."""
QUIET = 10.0
"""Seconds between two log lines about the same trouble."""


class Busy(Exception):
    """Not taken, or not known to be: ask again."""


@dataclass(slots=True)
class _Waiting(Generic[T]):
    item: T
    done: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None
    next: _Waiting[T] | None = None
    gone: bool = False


class Intake(Generic[T]):
    """One process's writer. `write` commits a batch or raises, and is called by one thread at a time."""

    def __init__(self, write: Callable[[Sequence[T]], None], *, room: int = ROOM, patience: float = PATIENCE) -> None:
        self._write, self._room, self._patience = write, room, patience
        self._queue: queue.SimpleQueue[_Waiting[T]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._began: float | None = None
        self._told = -QUIET
        self.counts: Counter[str] = Counter()
        """Since the process began: `stored` items, `batches`, `alone` (written again by itself), `failed`, `refused`."""

    def take(self, item: T) -> None:
        """Return once the item is committed. Raises Busy, or what `write` raised for this item by itself."""
        waiting = _Waiting(item)
        with self._lock:
            if self._queue.qsize() >= self._room or self._stuck():
                self._refuse(1)
                raise Busy("The database does not keep up.")
            self._queue.put(waiting)
            if (
                self._thread is None or not self._thread.is_alive()
            ):  # the first, the first after a rest, or after a fork
                self._began = None
                self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
                self._thread.start()
        if not waiting.done.wait(self._patience) and not self._late(waiting):
            self._refuse(1)
            raise Busy("The database has not answered yet.")
        self._wake(waiting.next)
        if isinstance(waiting.error, AWAY):
            raise Busy("The database is away.") from waiting.error
        if waiting.error is not None:
            raise waiting.error

    def _stuck(self) -> bool:
        return self._began is not None and time.monotonic() - self._began > self._patience

    def _run(self) -> None:
        batch: list[_Waiting[T]] = []
        while batch := self._next(several=len(batch) > 1):
            self._began = time.monotonic()
            self._commit(batch)
            self._began = None
            for waiting, following in pairwise(batch):
                waiting.next = following
            self._wake(batch[0])

    def _wake(self, waiting: _Waiting[T] | None) -> None:
        """Tell one thread; it tells the next before it goes on. Tens of threads awake at once would only fight for the GIL."""
        while waiting is not None:
            with self._lock:
                waiting.done.set()
                if not waiting.gone:
                    return
            waiting = waiting.next

    def _late(self, waiting: _Waiting[T]) -> bool:
        """Whether somebody whose patience has ended was told in the same moment; else nobody will wait for that any more."""
        with self._lock:
            waiting.gone = True
            return waiting.done.is_set()

    def _next(self, *, several: bool) -> list[_Waiting[T]]:
        """What has gathered, at least one; nothing when it is time to rest."""
        try:
            batch = [self._queue.get(timeout=IDLE)]
        except queue.Empty:
            with self._lock:
                if self._queue.empty():
                    self._thread = None
                    return []
            return self._next(several=False)
        if several:
            time.sleep(GATHER)
        while len(batch) < MOST and not self._queue.empty():
            batch.append(self._queue.get())
        return batch

    def _commit(self, batch: Sequence[_Waiting[T]]) -> None:
        self.counts["batches"] += 1
        try:
            self._write([waiting.item for waiting in batch])
        except Exception:  # whatever it is, the others of the batch should not share it
            self._one_by_one(batch)
        else:
            self.counts["stored"] += len(batch)

    def _one_by_one(self, batch: Sequence[_Waiting[T]]) -> None:
        for place, waiting in enumerate(batch):
            try:
                self._write([waiting.item])
            except AWAY as error:
                for left in batch[place:]:
                    left.error = error
                self._refuse(len(batch) - place)
                return
            except Exception as error:
                waiting.error = error
                self.counts["failed"] += 1
            else:
                self.counts["stored"] += 1
                self.counts["alone"] += 1

    def _refuse(self, count: int) -> None:
        self.counts["refused"] += count
        if time.monotonic() - self._told >= QUIET:
            self._told = time.monotonic()
            log.error("the database does not take callbacks: %s refused since the start", self.counts["refused"])
