"""A server that takes 20 ms to say that a message is queued and remembers nothing: what a sender is measured against.

Run as `python -m tests.bench.dummy_twilio PORT`; asyncio, one process, keep-alive.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from datetime import UTC, datetime

LATENCY = 0.020
COUNTER = itertools.count(1)


def answer() -> bytes:
    """Twilio's answer to a create request, with a SID of its own."""
    when = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
    body = json.dumps(
        {
            "sid": f"SM{next(COUNTER):032x}", "account_sid": "AC" + "0" * 32, "status": "queued", "num_segments": "1",
            "num_media": "0",
            "direction": "outbound-api", "to": "", "from": "", "body": "", "price": None, "price_unit": "USD", "error_code": None,
            "error_message": None, "date_created": when, "date_sent": None, "date_updated": when, "api_version": "2010-04-01",
            "messaging_service_sid": None, "uri": "", "subresource_uris": {},
        }
    ).encode()  # fmt: skip
    head = f"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request of one connection."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                ),
                0,
            )
            await reader.readexactly(length)
            await asyncio.sleep(LATENCY)
            writer.write(answer())
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
