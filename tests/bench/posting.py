"""What anyone would be glad of: a loop that posts as fast as it can and remembers nothing. The limit that a sender is held to.

`python -m tests.bench.posting PROVIDER COUNT CONCURRENCY` prints the CPU seconds it took.
"""

from __future__ import annotations

import asyncio
import sys
import time

import aiohttp
import uvloop


async def main(url: str, count: int, concurrency: int) -> None:
    """So many POSTs, so many at once, over kept connections."""
    address = f"{url}/2010-04-01/Accounts/AC{'0' * 32}/Messages.json"
    headers = {"Authorization": aiohttp.encode_basic_auth("AC", "token"), "Accept": "application/json"}
    numbers = iter(range(count))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session:

        async def post() -> None:
            for number in numbers:
                form = {
                    "To": f"+1{2_122_000_000 + number}", "From": "27242", "ValidityPeriod": "36000",
                    "Body": "Hello from Harbor: your dues are due. Reply STOP to opt out.",
                    "StatusCallback": f"{url}/hooks/status?m={number}&a=1",
                }  # fmt: skip
                async with session.post(address, data=form) as response:
                    assert (await response.json())["sid"]

        began = time.process_time()
        await asyncio.gather(*(post() for _ in range(concurrency)))
        print(time.process_time() - began)  # noqa: T201 (what the benchmark reads)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
