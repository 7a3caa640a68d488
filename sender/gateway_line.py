"""How texts travel to Twilio: hundreds of requests at once on one event loop, none of them ever posted a second time.

What cannot be told apart is in doubt. Certain is only what failed while a connection was being opened (no such host, refused,
no TLS, a proxy that said no): then nothing of the request was written. aiohttp retries no POST, and follows no redirect here.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress
from ssl import SSLContext
from typing import NamedTuple
from urllib.parse import quote_plus

import aiohttp

from sender.gateway_errors import InDoubt, Throttled, refusal

_UNOPENED = (
    aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError, aiohttp.InvalidURL,
)  # fmt: skip
"""What aiohttp raises before the first byte of a request, and never after it."""
_lock = threading.Lock()
_loops: dict[int, asyncio.AbstractEventLoop] = {}
_sessions: weakref.WeakSet[aiohttp.ClientSession] = weakref.WeakSet()


class Answer(NamedTuple):
    """A plain yes."""

    status: int
    text: str
    headers: Mapping[str, str]


class Line:
    """The pooled connections of one account, through the environment's proxy if `proxied`. `connect`, `total`: seconds."""

    def __init__(self, *, proxied: bool, connect: float, total: float, trust: SSLContext | None = None) -> None:
        self._timeout = aiohttp.ClientTimeout(total=total, sock_connect=connect, connect=None)
        self._trust = trust
        self._proxied = proxied
        self._session: aiohttp.ClientSession | None = None

    async def exchange(
        self,
        method: str,
        url: str,
        *,
        data: Mapping[str, object] | None,
        headers: Mapping[str, str],
        proxy: str | None = None,
    ) -> Answer:
        """The answer to a request, if it is a plain yes; raises Rejected, Throttled or InDoubt for anything else."""
        body = encoded(data) if data else None
        try:
            async with self._open().request(
                method, url, data=body, headers=headers, allow_redirects=False, proxy=proxy,
            ) as response:  # fmt: skip
                raw = await response.read()
        except _UNOPENED as error:
            raise Throttled(f"Twilio could not be reached ({type(error).__name__}).") from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise InDoubt(
                f"The connection to Twilio broke after the request was begun ({type(error).__name__})."
            ) from None
        text = raw.decode("utf-8", "replace")  # never guessed
        problem = refusal(response.status, text, response.headers)
        if problem is not None:
            raise problem
        return Answer(response.status, text, response.headers)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, ssl=self._trust or True)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=self._timeout, trust_env=self._proxied, cookie_jar=aiohttp.DummyCookieJar(),
            )  # fmt: skip
            _sessions.add(self._session)
            weakref.finalize(self, _close, self._session, asyncio.get_running_loop()).atexit = False
        return self._session


_QUOTED = {code: quote_plus(chr(code)) for code in range(128)}


def encoded(form: Mapping[str, object]) -> bytes:
    """A form as `urlencode` writes it, for names that need no quoting; a text of ASCII is quoted in one call of C."""
    pairs = ((name, str(value)) for name, one in form.items() for value in (one if isinstance(one, list) else (one,)))
    quoted = (f"{name}={value.translate(_QUOTED) if value.isascii() else quote_plus(value)}" for name, value in pairs)
    return "&".join(quoted).encode()


def event_loop() -> asyncio.AbstractEventLoop:
    """The loop on which this process sends; it runs in a thread of its own from the first call on."""
    with _lock:
        loop = _loops.get(os.getpid())
        if loop is None:  # also in a forked child, to which no thread of its parent came along
            loop = _loops[os.getpid()] = _new_loop()
            threading.Thread(target=loop.run_forever, name="wire", daemon=True).start()
        return loop


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # where there is none
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _close(session: aiohttp.ClientSession, loop: asyncio.AbstractEventLoop) -> None:
    if loop.is_running():
        asyncio.run_coroutine_threadsafe(session.close(), loop)


@atexit.register
def _hang_up() -> None:
    """Close what is open when the process ends by itself; a killed one leaves that to the kernel."""
    loop = _loops.get(os.getpid())
    if loop is not None and loop.is_running():
        for session in tuple(_sessions):
            with suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(session.close(), loop).result(1)
