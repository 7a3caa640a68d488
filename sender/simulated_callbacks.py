"""How the simulated Twilio calls our webhooks: signed form posts over a few connections that stay open.

The signature is computed here and not with the SDK, so that our check of it is tested against a second hand:
base64(HMAC-SHA1(token, URL without fragment + each parameter's name and value, sorted by name)).
"""

import base64
import hashlib
import hmac
import http.client
import queue
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from sender.simulated_schedule import Schedule

Post = Callable[[str, Mapping[str, str], bytes], int]
"""(url, headers, body) → HTTP status; raises OSError when nothing answers."""


def sign(token: str, url: str, params: Mapping[str, str]) -> str:
    """The `X-Twilio-Signature` of a form post to `url` (a fragment is not part of what is signed)."""
    text = url.partition("#")[0] + "".join(name + params[name] for name in sorted(params))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


@dataclass(frozen=True, slots=True)
class Letter:
    """One post: where, what, and whose token signs it when it is posted. Letters with the same `key` keep their order."""

    key: str
    url: str
    params: Mapping[str, str]
    token: Callable[[], str]
    idempotency: str

    def headers(self) -> dict[str, str]:
        """What Twilio sends beside the form."""
        return {
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "User-Agent": "TwilioProxy/1.1 (simulated)",
            "I-Twilio-Idempotency-Token": self.idempotency,
            "X-Twilio-Signature": sign(self.token(), self.url, self.params),
        }


class Postman:
    """Posts letters from a few threads, each with its own open connections; `post` replaces the network in tests.

    With `post` given, a letter is delivered at once in the caller's thread.
    """

    def __init__(
        self, schedule: Schedule, *, workers: int, retries: int, retry_errors: bool, post: Post | None = None
    ) -> None:
        self._schedule = schedule
        self._retries = retries
        self._retry_errors = retry_errors
        self._post = post
        self._lanes: list[queue.SimpleQueue[tuple[Letter, int] | None]] = [queue.SimpleQueue() for _ in range(workers)]
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self.pending = 0
        self.counts = {"posted": 0, "answered": 0, "refused": 0, "unanswered": 0, "lost": 0, "repeated": 0}
        self.heard: dict[str, set[str]] = {}
        """Message SID → the status words that were answered with 2xx: what the other side has taken upon itself to know."""

    def send(
        self, key: str, url: str, params: Mapping[str, str], token: Callable[[], str], *, delays: list[float]
    ) -> None:
        """Post the same letter once after each of `delays` (simulated seconds); without any it is lost."""
        with self._lock:
            self.counts["lost"] += not delays
            self.counts["repeated"] += max(0, len(delays) - 1)
        letter = Letter(key, url, params, token, str(uuid.uuid4()))
        for delay in delays:
            self._schedule.after(delay, lambda: self._hand_over(letter, 0))

    def clear(self) -> None:
        """Forget what was taken."""
        with self._lock:
            self.heard.clear()

    def stop(self) -> None:
        """End the threads; letters already handed over are still posted."""
        threads, self._threads = self._threads, []
        for lane in self._lanes[: len(threads)]:
            lane.put(None)
        for thread in threads:
            thread.join(timeout=5)

    def _hand_over(self, letter: Letter, attempt: int) -> None:
        with self._lock:
            self.pending += 1
            if self._post is None and not self._threads:
                self._threads = [
                    threading.Thread(target=self._work, args=(lane,), name="simulator-callbacks", daemon=True)
                    for lane in self._lanes
                ]
                for thread in self._threads:
                    thread.start()
        if self._post is not None:
            self._deliver(letter, attempt, self._post)
        else:
            self._lanes[hash(letter.key) % len(self._lanes)].put((letter, attempt))

    def _work(self, lane: "queue.SimpleQueue[tuple[Letter, int] | None]") -> None:
        line = _Line()
        while (item := lane.get()) is not None:
            self._deliver(*item, line.post)
        line.close()

    def _deliver(self, letter: Letter, attempt: int, post: Post) -> None:
        status = 0
        try:
            status = post(letter.url.partition("#")[0], letter.headers(), urlencode(letter.params).encode())
        except (OSError, http.client.HTTPException):
            pass  # nobody answered: counted below
        finally:
            self._note(letter, attempt, status)

    def _note(self, letter: Letter, attempt: int, status: int) -> None:
        if attempt < self._retries and (status == 0 or (status >= 500 and self._retry_errors)):
            self._schedule.after(1.0, lambda: self._hand_over(letter, attempt + 1))
        with self._lock:
            self.counts["posted"] += 1
            self.counts["answered" if 200 <= status < 300 else "refused" if status else "unanswered"] += 1
            if 200 <= status < 300:
                self.heard.setdefault(letter.key, set()).add(letter.params.get("MessageStatus", ""))
            self.pending -= 1


class _Line:
    """The open connections of one thread."""

    def __init__(self) -> None:
        self._open: dict[str, http.client.HTTPConnection] = {}

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.netloc}"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        reused = place in self._open
        try:
            return self._once(place, target, headers, body)
        except (ConnectionError, http.client.BadStatusLine):
            if not reused:
                raise
            return self._once(place, target, headers, body)  # a kept connection that the other side had closed

    def _once(self, place: str, target: str, headers: Mapping[str, str], body: bytes) -> int:
        connection = self._open.pop(place, None) or _connect(place)
        try:
            connection.request("POST", target, body=body, headers=dict(headers))
            response = connection.getresponse()
            response.read()
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._open[place] = connection
        return response.status

    def close(self) -> None:
        for connection in self._open.values():
            connection.close()
        self._open.clear()


def _connect(place: str) -> http.client.HTTPConnection:
    parts = urlsplit(place)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=15)
