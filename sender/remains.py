"""Which of Twilio's messages is which row of a restored database, by recipient and words alone?"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import TypeVar

from sender.gateway import Gateway, InDoubt, Remote, Throttled

WINDOW = timedelta(hours=1)
"""What Twilio is asked for at once."""
MOST = 200_000
"""Messages of one window: more than any sender of ours can leave in it."""
AT_ONCE = 16
"""Recipients that are looked up at the same time."""
TRIES = 5
"""How often a question is repeated while Twilio is busy."""
T = TypeVar("T")


class Fate(StrEnum):
    """What became of a row since the backup."""

    SENT = "sent"
    UNSENT = "unsent"
    OPEN = "open"


def listed(gateway: Gateway, since: datetime, until: datetime) -> Iterator[Remote]:
    """Everything that Twilio sent or received in a time, window by window. Raises InDoubt when a window does not fit."""
    while since < until:
        end = min(since + WINDOW, until)
        found = patient(lambda start=since, end=end: gateway.sent_between(start, end, limit=MOST))  # type: ignore[misc]
        if len(found) >= MOST:
            raise InDoubt("Twilio lists more messages of one hour than can be read.")
        yield from found
        since = end


def looked_up(gateway: Gateway, phones: Iterable[str], since: datetime, until: datetime) -> Iterator[Remote]:
    """Everything that was made for these recipients in a time, also what Twilio still has in its queue: that is in no list."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for found in pool.map(lambda to: patient(lambda: gateway.find(to=to, since=since, until=until)), phones):
            yield from found


def patient(ask: Callable[[], T]) -> T:
    """An answer, also from a Twilio that is busy at first."""
    for _ in range(TRIES):
        try:
            return ask()
        except Throttled as error:
            time.sleep(min(error.retry_after or 0.5, 30.0))
    return ask()


def _words(body: str) -> bytes:
    return blake2b(body.encode(), digest_size=12).digest()


class Remains:
    """Rows that may have left, and the messages that Twilio has. Keeps the words of neither."""

    def __init__(self, rows: Iterable[tuple[int, str, str]]) -> None:
        """`rows` are (id, phone, body), the first to leave first."""
        self._rows: defaultdict[str, defaultdict[bytes, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._key: dict[int, tuple[str, bytes]] = {}
        for id_, phone, body in rows:
            self._key[id_] = (phone, _words(body))
            self._rows[phone][_words(body)].append(id_)
        self._found: defaultdict[str, dict[str, tuple[bytes, Remote]]] = defaultdict(dict)
        self._inbound: dict[str, Remote] = {}

    def add(self, remotes: Iterable[Remote]) -> None:
        """Take in what Twilio has; the same message twice is one."""
        for remote in remotes:
            if remote.direction == "inbound":
                self._inbound[remote.sid] = remote
            else:
                self._found[remote.to][remote.sid] = (_words(remote.body), replace(remote, body=""))

    def forget(self, sids: Iterable[str]) -> None:
        """Take out what rows have as their own already."""
        known = set(sids)
        for found in self._found.values():
            for sid in known.intersection(found):
                del found[sid]

    @property
    def ids(self) -> list[int]:
        """Every row."""
        return sorted(self._key)

    @property
    def sids(self) -> list[str]:
        """Every outbound message of Twilio's."""
        return [sid for found in self._found.values() for sid in found]

    @property
    def inbound(self) -> Sequence[Remote]:
        """Texts that came in, the first first."""
        return sorted(self._inbound.values(), key=lambda remote: remote.date_created)

    def unfound(self) -> list[str]:
        """Recipients of rows that nothing shows to have been sent."""
        return [
            phone
            for phone, rows in self._rows.items()
            if any(self.fate(ids[0])[0] is not Fate.SENT for ids in rows.values())
        ]

    def strangers(self) -> dict[str, str]:
        """SID → recipient of what is no row's."""
        own = {remote.sid for id_ in self._key if (remote := self.fate(id_)[1])}
        return {sid: phone for phone, found in self._found.items() for sid in found if sid not in own}

    def fate(self, id_: int) -> tuple[Fate, Remote | None]:
        """What became of a row, and if it was sent as which message.

        As many messages as rows of the same words are those rows. None at all, and nothing with other words to the same person
        (which may be these, reworded on the way), is a proof that it did not leave. All else is open.
        """
        phone, words = self._key[id_]
        rows, found = self._rows[phone], self._found.get(phone, {})
        same = sorted((r for other, r in found.values() if other == words), key=lambda r: (r.date_created, r.sid))
        if len(same) == len(rows[words]):
            return Fate.SENT, same[rows[words].index(id_)]
        reworded = any(other not in rows for other, _ in found.values())
        return (Fate.OPEN if same or reworded else Fate.UNSENT), None
