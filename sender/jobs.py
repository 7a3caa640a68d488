"""What gives senders and jobs to the workers, however many there are? DBOS Transact, and only here.

Every second or two one worker of all has the tick: it gives away what is wanted, and whichever worker takes such a piece of work
off the queue holds that sender or job for a slice of ten seconds. It carries liveness only. The truth is in our own tables and all
ids are deterministic, so DBOS's database may be deleted at any time: workers then do everything until it is there again.

Nothing of DBOS leaves the machine: no Conductor, no telemetry, no port. It learns the names of jobs and the numbers of shares.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig, SetWorkflowID
from sqlalchemy import Engine, create_engine, event

from models.base import Database
from sender import presence, turns
from sender.failures import logged
from sender.places import PLACING, SLICE, Places, wanted
from sender.worker import Worker

log = logging.getLogger(__name__)

QUEUE, POLL = "places", 1.0
EVERY_TWO_SECONDS = "*/2 * * * * *"
ABOUT_ONE_TURN = timedelta(seconds=1.5)
"""The period of the tick's own turn, a little shorter than the time between two ticks, which jitter."""
STALE = timedelta(seconds=10)
"""A tick that is older was left over by a worker that died, and is not worth anything any more."""
KEPT = timedelta(minutes=10)
"""How long DBOS keeps what is over."""
AGAIN = timedelta(minutes=1)
"""The time between two attempts to start DBOS anew when it went silent, and between two clean-ups."""

_here: _Placing | None = None
"""DBOS knows workflows by their functions, of which a process has one each: so is this."""


def _quiet() -> None:
    """DBOS logs nowhere of its own, and neither chatter nor tracebacks to ours: an outage is told once, by us."""
    logger = logging.getLogger("dbos")
    logger.addHandler(logging.NullHandler())  # with any handler it adds none
    logger.propagate = False


class _Placing:
    """One process's part in placing."""

    def __init__(self, database: Database, places: Places, again: timedelta) -> None:
        self.database, self.places, self.again = database, places, again
        self.engine = _engine(database.engine)
        self.stopped = threading.Event()
        self._most = 0
        self._given: dict[str, int] = {}

    def run(self) -> None:
        """Start DBOS, keep it going until stopped, and stop it."""
        _quiet()
        try:
            self.launch()
        except Exception as error:
            log.warning("DBOS cannot start (%s): this worker does everything by itself", type(error).__name__)
        self.watch()
        with logged("DBOS not stopped"):
            DBOS.destroy()
        self.engine.dispose()

    def launch(self) -> None:
        """Start DBOS; raises whatever keeps it from starting."""
        config: DBOSConfig = {
            "name": "textledger",
            "system_database_engine": self.engine,
            "dbos_system_schema": "dbos",
            "application_version": "1",
            "executor_id": self.places.worker,
            "log_level": "ERROR",
            "enable_otlp": False,
            "use_listen_notify": False,
            "notification_listener_polling_interval_sec": 1.0,  # how long stopping waits for its thread
        }
        self._given, self._most = {}, 0
        DBOS(config=config)
        DBOS.launch()
        DBOS.register_queue(QUEUE, polling_interval_sec=POLL, on_conflict="always_update")
        DBOS.apply_schedules(
            [{"schedule_name": "tick", "workflow_fn": _tick, "schedule": EVERY_TWO_SECONDS, "queue_name": QUEUE}]
        )

    def tick(self, at: datetime) -> None:
        """Give away what is wanted, if this turn has not been had already."""
        now = self.places.clock()
        if now - at > STALE:
            return
        with self.database.transaction() as session:
            if not self._given:
                turns.register(session, {PLACING: timedelta(seconds=2)}, now=now)
            turn = turns.take(session, PLACING, worker=self.places.worker, now=now)
        if turn is None:
            return
        with self.database.reading() as session:
            places = wanted(session, now=at)
            workers = sum(presence.alive(process, now=now) for process in presence.workers(session))
        self._spread(len(places), workers)
        for place in places:
            if self._given.get(place.key) != place.number:  # what another tick gave already is given twice without harm
                with SetWorkflowID(place.id):
                    DBOS.enqueue_workflow(QUEUE, _give, place.key, place.until.timestamp())
                self._given[place.key] = place.number
        with self.database.transaction() as session:
            said = f"{len(places)} places, {workers} workers"
            turns.done(session, PLACING, turn=turn, now=self.places.clock(), every=ABOUT_ONE_TURN, result=said)

    def _spread(self, places: int, workers: int) -> None:
        """No worker takes more at a time than it must for all to be had within half a slice, so that all get some."""
        most = max(1, -(-places * 2 // max(1, workers * SLICE)))
        if most != self._most:
            DBOS.register_queue(QUEUE, polling_interval_sec=POLL, worker_concurrency=most, on_conflict="always_update")
            self._most = most

    def watch(self) -> None:
        """Forget what is over; and when nothing was given for long, start DBOS anew, its tables with it."""
        while not self.stopped.wait(self.again.total_seconds()):
            if self.places.silent:
                log.warning("nobody gives senders and jobs away: starting DBOS anew")
                with logged("DBOS not stopped"):
                    DBOS.destroy()
                with logged("DBOS not started"):
                    self.launch()
            else:
                with logged("DBOS not cleaned up"):
                    self._forget()

    def _forget(self) -> None:
        before = (self.places.clock() - KEPT).isoformat()
        over = DBOS.list_workflows(end_time=before, limit=1000, load_input=False, load_output=False)
        if over:
            DBOS.delete_workflows([workflow.workflow_id for workflow in over])


@DBOS.workflow(name="tick")
def _tick(at: datetime, _context: Any) -> None:
    """One worker of all has this every two seconds. A failure is ours to log, not DBOS's to keep."""
    if _here is not None:
        with logged("nothing given away"):
            _here.tick(at)


@DBOS.workflow(name="give")
def _give(key: str, until: float) -> None:
    """Whoever runs this holds `key` until then."""
    if _here is not None:
        _here.places.give(key, datetime.fromtimestamp(until, UTC))


@contextmanager
def placing(worker: Worker, *, again: timedelta = AGAIN) -> Iterator[None]:
    """Have senders and jobs placed while the worker works. If DBOS cannot start, the worker does everything by itself."""
    global _here
    worker.places = Places(worker.name, worker.clock)
    here = _here = _Placing(worker.database, worker.places, again)
    thread = threading.Thread(target=here.run, name="placing", daemon=True)
    thread.start()
    try:
        yield
    finally:
        here.stopped.set()
        thread.join()
        _here = None


def _engine(app: Engine) -> Engine:
    """The database of DBOS: the schema `dbos` of our PostgreSQL, or a file of its own beside our SQLite file.

    As durable as ours; a pool of few connections, and errors without parameters.
    """
    if app.dialect.name != "sqlite":
        return create_engine(app.url, hide_parameters=True, pool_size=4, max_overflow=4, pool_pre_ping=True)
    engine = create_engine(app.url.set(database=str(file_beside(app))), hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def file_beside(app: Engine) -> Path:
    """Where DBOS keeps its tables when we keep ours in an SQLite file; it may be deleted at any time."""
    return Path(app.url.database or "textledger.db").with_suffix(".dbos.db")
