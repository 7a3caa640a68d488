"""A worker with DBOS beside it, in a process of its own: `python -m tests.placed_process DATABASE PUBLIC_URL TWILIO TOKEN NAME`."""

from __future__ import annotations

import logging
import signal
import sys
from datetime import timedelta

from models.base import connect
from models.settings import value
from sender.alone import only_worker
from sender.gateway import Gateway
from sender.jobs import placing
from sender.worker import Worker


def main(database_url: str, public_url: str, twilio_url: str, token: str, name: str) -> None:
    """Work until killed or told to stop, as the real command does; what is logged goes to standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    database = connect(database_url)
    with database.reading() as session:
        total = int(value(session, "lease_seconds")) / 2
    worker = Worker(
        database,
        lambda account: Gateway(account.twilio_sid or "", token, base_url=twilio_url, timeout=(min(5.0, total), total)),
        public_url=public_url,
        name=name,
    )
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    with only_worker(database), placing(worker, again=timedelta(seconds=10)):
        worker.run()


if __name__ == "__main__":
    main(*sys.argv[1:6])
