"""The Twilio of the large campaign: 20 ms an answer, a log, a list, a signed callback for every text, and a few accidents.

Run as `python -m tests.crash.large_provider PORT TOKEN`. The lifelike simulator knows more and is slower; this one keeps up with
two workers. One text in 500 is refused, one in 100 is not delivered, and one answer in 1,000 is lost after the text was taken:
which ones, the number says. A callback is posted until somebody answers 2xx.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from dataclasses import asdict, dataclass
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import aiohttp
import uvloop

from sender.simulated_callbacks import sign
from tests.bench.dummy_twilio import LATENCY, Connection

POSTMEN = 24
"""Callbacks on their way at once."""
DELIVERY = 0.3
"""Seconds from a text to its receipt."""
PATIENCE = 1.0
"""Seconds until a callback that nobody took is posted again."""


@dataclass
class Text:
    """One text that was taken; `heard` once its callback was answered with 2xx."""

    message_id: int
    attempt: int
    sid: str
    to: str
    from_: str
    body: str
    at: float
    callback: str
    status: str
    error_code: int | None
    heard: bool = False

    def shape(self) -> dict[str, object]:
        """The resource as the list shows it."""
        when = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(self.at))
        return {
            "sid": self.sid, "account_sid": "AC0", "status": self.status, "num_segments": "1", "num_media": "0",
            "direction": "outbound-api", "to": self.to, "from": self.from_, "body": self.body, "price": None, "price_unit": "USD",
            "error_code": self.error_code, "error_message": None, "date_created": when, "date_sent": when, "date_updated": when,
            "messaging_service_sid": None, "uri": "", "subresource_uris": {}, "api_version": "2010-04-01",
        }  # fmt: skip


TEXTS: list[Text] = []
BY_TO: dict[str, list[Text]] = {}
LETTERS: asyncio.Queue[Text] = asyncio.Queue()
NUMBERS = itertools.count(1)
POSTED = itertools.count(1)


class Desk(Connection):
    """One kept connection."""

    def answer(self, head: bytes, body: bytes) -> None:
        """Take a text, list texts, or tell what was taken."""
        path = head.split(b" ", 2)[1].decode()
        if head.startswith(b"POST"):
            self.take(parse_qs(body.decode()), path.split("/")[3])
        elif path.startswith("/log"):
            self.say("200 OK", "\n".join(json.dumps(asdict(text)) for text in TEXTS))
        elif path.startswith("/count"):
            self.say("200 OK", json.dumps({"taken": len(TEXTS), "heard": sum(text.heard for text in TEXTS)}))
        else:
            found = BY_TO.get(parse_qs(urlsplit(path).query).get("To", [""])[0], [])
            listed = {
                "messages": [text.shape() for text in reversed(found)],
                "next_page_uri": None,
                "page": 0,
                "page_size": 50,
            }
            self.say("200 OK", json.dumps(listed))

    def take(self, form: dict[str, list[str]], account: str) -> None:
        """One request to send."""
        loop, to, chance = asyncio.get_running_loop(), form["To"][0], int(form["To"][0][-6:])
        if chance % 500 == 7:
            refusal = json.dumps({"code": 21614, "message": "refused", "status": 400})
            loop.call_later(LATENCY, self.say, "400 Bad Request", refusal)
            return
        url = form["StatusCallback"][0]
        query = parse_qs(urlsplit(url).query)
        failed = chance % 100 == 11
        text = Text(
            int(query["m"][0]), int(query["a"][0]), f"SM{next(NUMBERS):032x}", to, form["From"][0], form["Body"][0], time.time(),
            f"{account} {url}", "undelivered" if failed else "delivered", 30003 if failed else None,
        )  # fmt: skip
        TEXTS.append(text)
        BY_TO.setdefault(to, []).append(text)
        loop.call_later(DELIVERY, LETTERS.put_nowait, text)
        if chance % 1000 == 13:
            loop.call_later(LATENCY, self.transport.close)
        else:
            loop.call_later(LATENCY, self.say, "201 Created", json.dumps(text.shape() | {"status": "queued"}))


async def postman(session: aiohttp.ClientSession, token: str) -> None:
    """Post callbacks, one after the other; what is not taken comes round again."""
    loop = asyncio.get_running_loop()
    while True:
        text = await LETTERS.get()
        account, _, url = text.callback.partition(" ")
        form = {
            "AccountSid": account, "ApiVersion": "2010-04-01", "From": text.from_, "To": text.to, "MessageSid": text.sid,
            "SmsSid": text.sid, "MessageStatus": text.status, "SmsStatus": text.status,
        }  # fmt: skip
        form |= {"ErrorCode": str(text.error_code)} if text.error_code else {}
        headers = {"X-Twilio-Signature": sign(token, url, form), "I-Twilio-Idempotency-Token": uuid4().hex}
        try:
            async with session.post(url, data=form, headers=headers) as answer:
                text.heard = answer.status < 300
        except (aiohttp.ClientError, TimeoutError):
            text.heard = False
        if not text.heard:
            loop.call_later(PATIENCE, LETTERS.put_nowait, text)


async def main(port: int, token: str) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Desk, "127.0.0.1", port, backlog=1_000)
    async with server, aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session:
        await asyncio.gather(server.serve_forever(), *(postman(session, token) for _ in range(POSTMEN)))


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
