"""A sending loop and nothing else, in a process of its own: `python -m tests.bench.sending DATABASE PROVIDER CONCURRENCY`.

It says "ready", begins when it is given a line, ends at SIGTERM and prints the CPU seconds since it began.
"""

from __future__ import annotations

import gc
import signal
import sys
import time

from sqlalchemy.orm import configure_mappers

from models.base import connect
from sender.dispatcher import Dispatcher
from sender.gateway import Gateway


def main(database_url: str, provider_url: str, concurrency: str) -> None:
    """Send until told to stop."""
    gateway = Gateway("AC" + "0" * 32, "token", base_url=provider_url)
    loop = Dispatcher(
        connect(database_url), lambda _account: gateway, public_url=provider_url, concurrency=int(concurrency)
    )
    signal.signal(signal.SIGTERM, lambda *_: loop.stop())
    configure_mappers()  # both as `flask worker` does
    gc.freeze()
    print("ready", flush=True)  # noqa: T201 (what the benchmark waits for)
    sys.stdin.readline()
    began = time.process_time()
    loop.run()
    print(time.process_time() - began)  # noqa: T201 (what the benchmark reads)


if __name__ == "__main__":
    main(*sys.argv[1:4])
