"""Posts prepared requests as fast as the answers come, each over a connection that stays open; prints seconds and answers.

Run as `python -m tests.bench.callback_poster PORT CONNECTIONS FILE`: each line of FILE is one request, JSON-quoted.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

Line = Iterator[None]


def talk(line: socket.socket, requests: Sequence[bytes], answers: Counter[str]) -> Line:
    """One connection: send, yield until there is something to read, read, send the next."""
    for request in requests:
        line.sendall(request)
        yield
        answers[line.recv(65_536)[9:12].decode()] += 1
    line.close()


def post_all(port: int, connections: int, requests: Sequence[bytes]) -> tuple[float, Counter[str]]:
    """Seconds for all of them, and how often each status code was answered."""
    answers: Counter[str] = Counter()
    started = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        for first in range(connections):
            line = socket.create_connection(("127.0.0.1", port), timeout=60)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            talking = talk(line, requests[first::connections], answers)
            next(talking)
            selector.register(line, selectors.EVENT_READ, talking)
        while selector.get_map():
            for key, _ in selector.select():
                file = key.fd
                if next(key.data, True):
                    selector.unregister(file)
    return time.perf_counter() - started, answers


if __name__ == "__main__":
    lines = Path(sys.argv[3]).read_text(encoding="utf-8").splitlines()
    seconds, counts = post_all(int(sys.argv[1]), int(sys.argv[2]), [json.loads(line).encode() for line in lines])
    print(json.dumps({"seconds": seconds, "answers": counts}))  # noqa: T201  # read by bench_callbacks
