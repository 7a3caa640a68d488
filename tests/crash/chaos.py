"""Kills processes while they work, starts them again, restarts the database, freezes a worker past its lease; then judges.

One trial is one database, one seed and so many kills. What is chosen (who dies, at which named point, at which passage, or at
which random moment) is chosen by the seed; when it happens depends on the machine.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Literal

from tests.crash import doomed
from tests.crash.points import POINTS, POSTS, Point, Role, verify
from tests.crash.provider import Provider
from tests.crash.verdict import Verdict, judge
from tests.crash.world import TOKEN, Terms, World, build, known
from tests.postgres import PostgresServer, free_port

RANDOM = "at a random moment"
PATIENCE = 10.0
"""Seconds after which a life ends at a random moment, because it did not come by its point."""
GRACE = 4.0
"""Seconds that a frozen worker lives on after it was thawed, to do what harm it can."""
TURN = 0.02
NURSERY = multiprocessing.get_context("forkserver")
NURSERY.set_forkserver_preload([doomed.__name__])


@dataclass(frozen=True)
class Trial:
    """What is tried: so many kills on a database, with so many workers; at least so many of the points have to be met."""

    database: Literal["sqlite", "postgres"]
    seed: int
    kills: int
    workers: int
    terms: Terms = field(default_factory=Terms)
    faults: float = 0.01
    points: tuple[Point, ...] = POINTS
    at_least: int = len(POINTS)
    patience: float = 300.0
    """Seconds to wait for quiet after the last kill."""


@dataclass
class Report:
    """What happened."""

    trial: Trial
    deaths: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    provider: dict[str, int] = field(default_factory=dict)
    verdict: Verdict = field(default_factory=Verdict)
    seconds: float = 0.0
    logs: Path | None = None
    """Where the processes wrote their logs; kept only when something is wrong."""

    @property
    def kills(self) -> int:
        return sum(self.deaths.values())

    @property
    def points(self) -> int:
        """How many named points somebody died at."""
        return sum(point.name in self.deaths for point in self.trial.points)

    @property
    def offences(self) -> list[str]:
        """Everything that is wrong; empty is the proof."""
        found = [f"{rule}: {line}" for rule, lines in self.verdict.offences.items() for line in lines]
        if self.points < self.trial.at_least:
            missed = ", ".join(point.name for point in self.trial.points if point.name not in self.deaths)
            found.append(f"points: only {self.points} were met, not {missed}")
        return found


@dataclass
class Slot:
    """A place for one process at a time, which is born again when it has died."""

    role: Role
    start: Callable[[Point | None, int], ForkServerProcess]
    """Starts a process that will die at this passage of this point, or that sets no trap."""
    deck: Iterator[Point | None]
    """The points its lives are given; None: a random moment."""
    chance: random.Random
    deaths: Counter[str]
    log: Path
    process: ForkServerProcess | None = None
    point: Point | None = None
    until: float = 0.0
    cause: str = ""
    frozen_until: float | None = None

    def __str__(self) -> str:
        pid = self.process.pid if self.process else None
        return f"{self.role} {pid} dies {self.point.name if self.point else RANDOM}"

    def be_born(self, *, doomed_to_die: bool = True) -> None:
        """Begin a life."""
        self.point, self.cause = None, ""
        if doomed_to_die:
            self.point = next(self.deck)
        passages = self.chance.randint(1, self.point.latest) if self.point else 0
        wait = PATIENCE if self.point else self.chance.uniform(0.2, 3.0 if self.role is Role.WORKER else 9.0)
        self.until = time.monotonic() + (wait if doomed_to_die else float("inf"))
        self.process = self.start(self.point, passages)

    def kill(self, cause: str = "") -> None:
        """Kill -9, for this cause; the point that it was given unless another is named."""
        if self.process is not None and self.process.pid is not None and self.process.exitcode is None:
            self.cause = cause or (self.point.name if self.point else RANDOM)
            os.kill(self.process.pid, signal.SIGKILL)

    def freeze(self, seconds: float) -> None:
        """Stop it for so long; afterwards it has a while to live."""
        assert self.process is not None
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGSTOP)
        self.frozen_until = time.monotonic() + seconds
        self.until = self.frozen_until + GRACE

    def tend(self) -> bool:
        """Thaw it, kill it when its time has come, bury it; returns whether it is dead. Raises when it ended by itself."""
        if self.process is None or self.process.pid is None:
            return True
        now = time.monotonic()
        if self.frozen_until is not None and now >= self.frozen_until:
            os.kill(self.process.pid, signal.SIGCONT)
            self.frozen_until = None
        if now >= self.until:
            self.kill(RANDOM)
        if self.process.exitcode is None and not self.cause:
            return False
        self.process.join()
        if self.process.exitcode == -signal.SIGKILL:
            self.deaths[self.cause or (self.point.name if self.point else RANDOM)] += 1
        elif self.process.exitcode != os.EX_TEMPFAIL and (self.process.exitcode or self.role is not Role.CLERK):
            raise RuntimeError(f"a {self.role} ended by itself with {self.process.exitcode}; see {self.log}")
        self.process = None
        return True


class Chaos:
    """A trial while it runs."""

    def __init__(self, trial: Trial, url: str, folder: Path, restart: Callable[[Any], None] | None) -> None:
        self.trial, self.url, self.folder, self.restart = trial, url, folder, restart
        self.chance = random.Random(trial.seed)
        self.report = Report(trial)
        self.port = free_port()
        self.public_url = f"http://127.0.0.1:{self.port}"
        self.world: World = build(url, trial.seed, trial.terms)
        self.provider = Provider(
            known(self.public_url),
            trial.seed,
            doors=trial.workers,
            listing_lag=trial.terms.listing_lag,
            share=trial.faults,
        )
        self.decks: dict[Role, Iterator[Point | None]] = {}
        self.workers = [self._worker(number) for number in range(trial.workers)]
        self.web = self._slot(Role.WEB, lambda life: (doomed.web, (life, self.port)))
        self.clerk = self._slot(Role.CLERK, lambda life: (doomed.clerk, (life, self.to_cancel.pop(0)[1])))
        self.to_cancel: list[tuple[float, int]] = []
        """When, and which campaign."""

    def _worker(self, number: int) -> Slot:
        door, url = self.provider.doors[number], self.provider.urls[number]

        def born(life: doomed.Life) -> tuple[Callable[..., None], tuple[Any, ...]]:
            door.set_trap(life.point if life.point in POSTS else None, life.passages)
            return doomed.worker, (life, url)

        slot = self._slot(Role.WORKER, born)
        door.kill = slot.kill
        return slot

    def _slot(self, role: Role, born: Callable[[doomed.Life], tuple[Callable[..., None], tuple[Any, ...]]]) -> Slot:
        log = self.folder / f"{role}.log"

        def start(point: Point | None, passages: int) -> ForkServerProcess:
            life = doomed.Life(self.url, self.public_url, TOKEN, log, point, passages)
            target, arguments = born(life)
            process = NURSERY.Process(target=target, args=arguments, daemon=True)
            process.start()
            return process

        return Slot(role, start, self._deck(role), random.Random(self.chance.random()), self.report.deaths, log)

    def _deck(self, role: Role) -> Iterator[Point | None]:
        """The points of a role's lives, again and again in another order; None: a random moment. One deck for all workers.

        A job is done by one worker at a time, so its points are given to as many lives in a row as there are workers.
        """
        if role not in self.decks:
            self.decks[role] = self._cards([point for point in self.trial.points if point.role is role])
        return self.decks[role]

    def _cards(self, points: list[Point]) -> Iterator[Point | None]:
        cards: list[Point | None] = [*points, *[None] * (len(points) // 4 + 1)]
        while True:
            self.chance.shuffle(cards)
            for card in cards:
                if self._enough and card is not None and card.name in self.report.deaths:
                    continue
                yield from [card] * (self.trial.workers if card is not None and card.job else 1)

    @property
    def slots(self) -> list[Slot]:
        return [*self.workers, self.web, self.clerk]

    def rage(self) -> None:
        """Kill until it is enough, and for as long again where a point has not been met yet."""
        rest = iter(self._disturbances())
        while not self._enough or (self._unmet and self.report.kills < 2 * self.trial.kills):
            for slot in (*self.workers, self.web):
                if slot.tend():
                    slot.be_born()
                    self._tell(f"{self.report.kills} kills; {slot}")
            if self.clerk.tend() and self.to_cancel and self.to_cancel[0][0] < time.monotonic():
                self.provider.burst()  # what is throttled now comes back after the cancel
                self.clerk.be_born()
                self._tell(str(self.clerk))
            next(rest)
            time.sleep(TURN)

    @property
    def _enough(self) -> bool:
        return self.report.kills >= self.trial.kills

    @property
    def _unmet(self) -> bool:
        return self.report.points < self.trial.at_least

    def _tell(self, what: str) -> None:
        """A line in the trial's own log, for whoever looks for a cause."""
        with (self.folder / "chaos.log").open("a") as log:
            log.write(f"{time.strftime('%H:%M:%S')} {what}\n")

    def _disturbances(self) -> Iterator[None]:
        """Everything else that happens, each in its own time."""
        chores: list[tuple[float, Callable[[], None]]] = [
            (0.4, self._feed), (0.7, self.world.reply), (2.0, self.world.refusal), (2.5, self._text_stop),
            (9.0, self.provider.burst), (17.0, self._restart), (13.0 if len(self.workers) > 1 else 40.0, self._freeze),
        ]  # fmt: skip
        due = [time.monotonic() + every for every, _ in chores]
        while True:
            for number, (every, chore) in enumerate(chores):
                if time.monotonic() >= due[number]:
                    chore()
                    due[number] = time.monotonic() + every * self.chance.uniform(0.5, 1.5)
            yield

    def _feed(self) -> None:
        """See that there is something to send; one campaign in four will be cancelled."""
        if self.world.idle(60):
            made = self.world.campaign(self.chance.randint(20, 60))
            self.report.events["campaigns"] += made is not None
            if made is not None and self.report.events["campaigns"] % 4 == 1:
                self.to_cancel.append((time.monotonic() + self.chance.uniform(0.8, 2.5), made))
                self.report.events["campaigns to be cancelled"] += 1

    def _text_stop(self) -> None:
        """Somebody texts STOP."""
        _, phone, _ = self.chance.choice(self.world.people)
        code = self.chance.choice(self.provider.simulator.account.numbers).phone
        self.provider.simulator.text(phone, code, "STOP")
        self.report.events["STOP by text"] += 1

    def _restart(self) -> None:
        if self.restart is not None:
            mode = self.chance.choice(("fast", "immediate"))
            self._tell(f"restart {mode}")
            self.restart(mode)
            self.report.events[f"database restarted, {mode}"] += 1

    def _freeze(self) -> None:
        """Freeze a worker past its lease; sometimes past both look-ups."""
        slot = self.chance.choice(self.workers)
        if slot.process is not None and slot.process.exitcode is None and slot.frozen_until is None and not slot.cause:
            terms = self.trial.terms
            self._tell(f"frozen: {slot}")
            slot.freeze(terms.lease + self.chance.uniform(0.5, 3 * terms.settle))
            self.report.events["workers frozen past their lease"] += 1

    def calm(self) -> None:
        """Let everybody live until nothing waits any more. Raises TimeoutError."""
        self._tell(f"calm: {self.world.counts()}")
        deadline = time.monotonic() + self.trial.patience
        while not self.world.quiet():
            for slot in (*self.workers, self.web):
                if slot.point is not None or slot.process is None:
                    slot.kill(RANDOM)
                    if slot.tend():
                        slot.be_born(doomed_to_die=False)
                else:
                    slot.until = float("inf") if slot.frozen_until is None else slot.until
                    slot.tend()
            self.clerk.tend()
            if time.monotonic() > deadline:
                raise TimeoutError(f"still waiting after {self.trial.patience:.0f} s: {self.world.counts()}")
            time.sleep(0.1)
        self.provider.simulator.settle(60)

    def judge(self) -> None:
        """Stop the workers, then account for every row."""
        for slot in self.workers:
            assert slot.process is not None
            slot.process.terminate()
            slot.process.join(30)
            if slot.process.exitcode != 0:
                raise RuntimeError(f"a worker that was told to stop ended with {slot.process.exitcode}")
        with self.world.database.session() as session:
            self.report.verdict = judge(session, self.world, self.trial.terms, self.provider.simulator)
        self.report.provider = dict(sorted(self.provider.counts.items()))

    def stop(self) -> None:
        """End what is left."""
        for slot in self.slots:
            if slot.process is not None and slot.process.exitcode is None:
                slot.process.kill()
                slot.process.join()
        self.provider.stop()
        self.world.database.engine.dispose()


def run(trial: Trial) -> Report:
    """Play one trial; the report says whether anything is wrong."""
    verify()
    began = time.monotonic()
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="textledger-crash-"))
        url, restart = stack.enter_context(_database(trial, folder))
        chaos = Chaos(trial, url, folder, restart)
        stack.callback(chaos.stop)
        chaos.rage()
        chaos.calm()
        chaos.judge()
    chaos.report.seconds, chaos.report.logs = time.monotonic() - began, folder
    if not chaos.report.offences:
        shutil.rmtree(folder)
    return chaos.report


@contextmanager
def _database(trial: Trial, folder: Path) -> Iterator[tuple[str, Callable[[Any], None] | None]]:
    """A new database, and how it is restarted; a file cannot be."""
    if trial.database == "sqlite":
        yield f"sqlite:///{folder / 'crash.db'}", None
    else:
        with PostgresServer(durable=True) as server:
            yield server.url, server.restart
