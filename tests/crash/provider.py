"""The Twilio of the crash tests: one simulator, with a door of its own for each worker, where the worker can be killed.

It drops answers, fails after storing, hangs, throttles in bursts, loses callbacks, repeats and shuffles them; and it keeps the
log by which everything is judged.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sender.simulated_server import Dropped, Server
from sender.simulator import Behaviour, Fault, SimulatedAccount, Simulator, create_simulator
from tests.crash.points import Moment, Point

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

BURST = 25
"""Requests in a row that are throttled."""
HANG = 6.0
"""Seconds without an answer; more than a worker waits."""

LATENCY = (0.05, 0.25)
"""Seconds from storing a text to answering, at least and at most: while they pass, the text is sent and nobody here knows."""


def faults(share: float) -> tuple[Fault, ...]:
    """What befalls requests: each kind with this probability, hanging with a quarter of it."""
    return (
        Fault("drop", stored=True, share=share), Fault("reset", stored=True, share=share), Fault("drop", share=share),
        Fault("error", stored=True, share=share), Fault("error", share=share), Fault("busy", stored=True, share=share),
        Fault("garbage", stored=True, share=share), Fault("delay", share=share, seconds=1.0),
        Fault("hang", stored=True, share=share / 4, seconds=HANG), Fault("hang", share=share / 4, seconds=HANG),
        Fault("error", on="list", share=0.1), Fault("drop", on="list", share=0.05), Fault("throttle", on="list", share=0.05),
    )  # fmt: skip


def weather(seed: int, *, listing_lag: float) -> Behaviour:
    """One callback in five is lost, as many come twice, and they overtake each other; the list lags by so many seconds."""
    return replace(
        Behaviour.instant(seed=seed), callback_loss=0.2, callback_repeat=0.2, callback_shuffle=0.3, shuffle_seconds=2.0,
        listing_lag=listing_lag, delivery_median=0.3, callback_workers=3,
    )  # fmt: skip


@dataclass
class Door:
    """Where one worker reaches the provider. `kill` ends that worker, now."""

    simulator: Simulator
    note: Callable[[str], None]
    chance: random.Random
    kill: Callable[[], None] = lambda: None
    _moment: Moment | None = None
    _left: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def set_trap(self, point: Point | None, passages: int = 1) -> None:
        """Kill the worker at that moment of its n-th request to send; None: let it live."""
        with self._lock:
            self._moment, self._left = point.moment if point else None, passages

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        create = environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"].endswith("/Messages.json")
        moment = self._passed() if create else None
        if moment is Moment.LOST:
            self.kill()
            raise Dropped(reset=False)
        try:
            answer = b"".join(self.simulator.wsgi_app(environ, self._noting(start_response, create=create)))
        except Dropped:
            self.note("POSTs dropped or hung" if create else "lists dropped")
            raise
        if create:
            time.sleep(self.chance.uniform(*LATENCY))
        if moment is Moment.STORED:
            self.kill()
        return Answer(answer, self.kill if moment is Moment.ANSWERED else lambda: None)

    def _passed(self) -> Moment | None:
        with self._lock:
            self._left -= 1
            return self._moment if self._left == 0 else None

    def _noting(self, start_response: StartResponse, *, create: bool) -> StartResponse:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            if create and not status.startswith("201"):
                self.note(f"POSTs answered {status[:3]}")
            return start_response(status, headers, *rest)

        return start


@dataclass
class Answer:
    """A body, and what is done once it has been written to the socket."""

    body: bytes
    close: Callable[[], None]

    def __iter__(self) -> Iterator[bytes]:
        yield self.body


class Provider:
    """The simulator, running, with `doors` addresses."""

    def __init__(self, account: SimulatedAccount, seed: int, *, doors: int, listing_lag: float, share: float) -> None:
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._seed, self._share = seed, share
        self.simulator = create_simulator(weather(seed, listing_lag=listing_lag), accounts=[account])
        self.doors = [Door(self.simulator, self._note, random.Random(seed)) for _ in range(doors)]
        self._servers = [Server(door, host="127.0.0.1", port=0, on_stop=lambda: None) for door in self.doors]
        self.simulator.fail(*faults(share), seed=seed)
        self.simulator.start()

    @property
    def urls(self) -> list[str]:
        """The address of each door."""
        return [server.url for server in self._servers]

    def burst(self) -> None:
        """Throttle the next requests."""
        self._seed += 1
        self._note("bursts of 429")
        steps = [Fault("throttle", seconds=1.0)] * BURST
        self.simulator.fail(*faults(self._share), script=steps, seed=self._seed)

    def _note(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def stop(self) -> None:
        """Close the doors, then the simulator."""
        for server in self._servers:
            server.stop()
        self.simulator.stop()
