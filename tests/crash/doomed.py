"""The processes that are killed: a worker, a web process that takes Twilio's callbacks, a clerk who cancels a campaign.

Each is forked from a process that has imported everything and opened nothing (`multiprocessing`'s forkserver), so that it is
born in a tenth of a second; it dies like any other.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flask import Flask
from sqlalchemy.exc import OperationalError
from werkzeug.serving import make_server

import models.schema  # noqa: F401 (imported before the fork, like all that a worker needs)
from models.base import Database, connect
from models.campaigns import MAY_FOLLOW, Campaign, CampaignState
from models.settings import value
from sender import campaigns, webhooks
from sender.gateway import Gateway
from sender.worker import Worker, wall_clock
from tests.crash.points import Point, arm


@dataclass(frozen=True)
class Life:
    """What a process is born with, and the point at whose passage it dies, if any."""

    database_url: str
    public_url: str
    token: str
    log: Path
    point: Point | None = None
    passages: int = 1
    chunk: int = 25
    """Rows of an audience that are expanded at once; few, so that a small campaign can be killed between two chunks."""

    def begin(self) -> Database:
        """Set the trap, then open the database. What is logged goes to a file, for whoever looks for a cause."""
        os.dup2(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        logging.basicConfig(format="%(asctime)s %(process)d %(name)s %(message)s", level=logging.WARNING, force=True)
        arm(self.point, self.passages)
        return connect(self.database_url)


def worker(life: Life, twilio_url: str) -> None:
    """Send, until killed or told to stop, with time-outs that fit the lease as those of the real command do."""
    database = life.begin()
    try:
        with database.reading() as session:
            total = int(value(session, "lease_seconds")) / 2
    except OperationalError:  # whoever looks after the process starts it again
        sys.exit(os.EX_TEMPFAIL)
    times = (min(5.0, total), total)
    made = Worker(
        database,
        lambda account: Gateway(account.twilio_sid or "", life.token, base_url=twilio_url, timeout=times),
        public_url=life.public_url,
    )
    in_chunks(made, life.chunk)
    until_told(made.stop)
    made.run()


def in_chunks(made: Worker, rows: int) -> None:
    """Let it expand so many rows at a time. Raises StopIteration when the job has another name now."""
    expanding = next(job.action for job in made.jobs if job.name == "audiences").__self__  # type: ignore[attr-defined]
    object.__setattr__(expanding, "chunk", rows)


def web(life: Life, port: int) -> None:
    """Serve the webhooks."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    make_server("127.0.0.1", port, hooks(life), threaded=True).serve_forever()


def busy_web(life: Life, port: int) -> None:
    """Serve the webhooks as a deployment does."""
    from gunicorn.app.base import BaseApplication

    class Served(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
        def load_config(self) -> None:
            self.cfg.set("bind", f"127.0.0.1:{port}")
            self.cfg.set("threads", 8)
            self.cfg.set("loglevel", "warning")
            self.cfg.set("control_socket_disable", True)  # noqa: FBT003  # gunicorn's own signature

        def load(self) -> Flask:
            return hooks(life)

    Served().run()


def hooks(life: Life) -> Flask:
    """The webhooks, and nothing else."""
    app, database = Flask("hooks"), life.begin()
    app.register_blueprint(
        webhooks.blueprint(database, public_url=life.public_url, tokens=lambda _: [life.token], clock=wall_clock)
    )
    return app


def clerk(life: Life, campaign_id: int) -> None:
    """Cancel a campaign, if it is not over yet and the database is there."""
    with suppress(OperationalError), life.begin().transaction() as session:
        campaign = session.get_one(Campaign, campaign_id)
        if CampaignState.CANCELLED in MAY_FOLLOW[campaign.state]:
            campaigns.cancel(session, campaign, now=wall_clock())


def until_told(stop: Callable[[], None]) -> None:
    """Stop cleanly at SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: stop())
