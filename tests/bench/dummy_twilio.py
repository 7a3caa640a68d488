"""A server that takes 20 ms to say that a message is queued, and keeps when each came: what a sender is measured against.

Run as `python -m tests.bench.dummy_twilio PORT`. One process, one event loop, no framework: it must cost less than what it
measures. `GET /log` gives one line for each accepted message, "seconds sender message-id attempt"; `DELETE /log` forgets them.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

import uvloop

LATENCY = 0.020
COUNTER = itertools.count(1)
LOG: list[str] = []
ANSWER = (
    '{"sid": "SM%032x", "account_sid": "AC0", "status": "queued", "num_segments": "1", "num_media": "0", '
    '"direction": "outbound-api", "to": "", "from": "", "body": "", "price": null, "price_unit": "USD", '
    '"error_code": null, "error_message": null, "date_created": "%s", "date_sent": null, "date_updated": "%s", '
    '"messaging_service_sid": null, "uri": "", "subresource_uris": {}, "api_version": "2010-04-01"}'
)


class Connection(asyncio.Protocol):
    """One kept connection; requests follow one another on it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self.unread = b""

    def data_received(self, data: bytes) -> None:
        self.unread += data
        while (end := self.unread.find(b"\r\n\r\n")) >= 0:
            head = self.unread[:end]
            at = head.lower().find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.unread) < end + 4 + length:
                return
            body, self.unread = self.unread[end + 4 : end + 4 + length], self.unread[end + 4 + length :]
            self.answer(head, body)

    def answer(self, head: bytes, body: bytes) -> None:
        """Take a message, or tell what was taken."""
        if head.startswith(b"POST"):
            LOG.append(f"{time.time():.6f} {body.decode()}")
            asyncio.get_running_loop().call_later(LATENCY, self.say, "201 Created", created())
            return
        said = "\n".join(map(line, LOG)) if head.startswith(b"GET") else ""
        if head.startswith(b"DELETE"):
            LOG.clear()
        self.say("200 OK", said)

    def say(self, status: str, text: str) -> None:
        """One HTTP answer."""
        raw = text.encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n"
        self.transport.write(head.encode() + raw)


def created() -> str:
    """Twilio's answer to a create request, with a SID of its own."""
    when = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
    return ANSWER % (next(COUNTER), when, when)


def line(entry: str) -> str:
    """One line of the log; the form is read when somebody asks, not while it is measured."""
    when, _, form = entry.partition(" ")
    fields = parse_qs(form)
    query = parse_qs(urlsplit(fields.get("StatusCallback", [""])[0]).query)
    sender = (fields.get("From") or fields.get("MessagingServiceSid") or ["?"])[0]
    return " ".join([when, sender, *query.get("m", ["0"]), *query.get("a", ["0"])])


async def main(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    with suppress(AttributeError, PermissionError):  # a clock that waits for the CPU sees two seconds' texts in one
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    uvloop.run(main(int(sys.argv[1])))
