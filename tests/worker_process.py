"""A worker in a process of its own, for tests that kill it: `python -m tests.worker_process DATABASE PUBLIC_URL TWILIO TOKEN`."""

from __future__ import annotations

import sys

from models.base import connect
from models.settings import value
from sender.gateway import Gateway
from sender.worker import Worker


def main(database_url: str, public_url: str, twilio_url: str, token: str) -> None:
    """Work until killed, with timeouts that fit the lease as the real command does."""
    database = connect(database_url)
    with database.reading() as session:
        total = int(value(session, "lease_seconds")) / 2
    Worker(
        database,
        lambda account: Gateway(account.twilio_sid or "", token, base_url=twilio_url, timeout=(min(5.0, total), total)),
        public_url=public_url,
    ).run()


if __name__ == "__main__":
    main(*sys.argv[1:5])
