"""What the simulated Twilio remembers: messages, opt-outs, and a log of every request it accepted."""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from sender.simulated_accounts import SimulatedAccount
from sender.simulated_behaviour import Fate


@dataclass(slots=True)
class SimulatedMessage:
    """One message, either direction. `segments` is what is billed, `shown_segments` what the resource says so far."""

    sid: str
    account_sid: str
    to: str
    from_: str | None
    body: str
    direction: str
    status: str
    created: datetime
    updated: datetime
    segments: int
    shown_segments: int
    fate: Fate = field(default_factory=Fate)
    media: tuple[str, ...] = ()
    service_sid: str | None = None
    callback_url: str = ""
    validity: int = 36_000
    risk_check: bool = True
    send_at: datetime | None = None
    sent: datetime | None = None
    price: Decimal | None = None
    error_code: int | None = None
    history: list[tuple[str, datetime]] = field(default_factory=list)


class Store:
    """The state of one simulator; hold `lock` around anything that reads and then writes."""

    def __init__(self, accounts: list[SimulatedAccount], *, log_path: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.accounts = {account.sid: account for account in accounts}
        self.messages: dict[str, SimulatedMessage] = {}
        self.by_to: dict[str, list[SimulatedMessage]] = {}
        self.sent_to: Counter[str] = Counter()
        self.opt_outs: set[tuple[str, str]] = set()
        self.faulted: set[str] = set()
        self.accepted: list[dict[str, object]] = []
        self._log_path = log_path

    def add(self, message: SimulatedMessage) -> None:
        """Keep a new message and, if it is outbound, write it to the log of accepted requests."""
        with self.lock:
            self.messages[message.sid] = message
            self.by_to.setdefault(message.to, []).append(message)
            if message.direction != "inbound":
                self.sent_to[message.to] += 1
                self._log(message)

    def remove(self, message: SimulatedMessage) -> None:
        """Delete a message; the log keeps its line."""
        with self.lock:
            self.messages.pop(message.sid, None)
            self.by_to[message.to].remove(message)

    def newest(self, account_sid: str, to: str | None = None) -> Iterator[SimulatedMessage]:
        """The account's messages, newest first, to one number if `to` is given."""
        with self.lock:
            found = list(self.messages.values()) if to is None else list(self.by_to.get(to, ()))
        return (message for message in reversed(found) if message.account_sid == account_sid)

    def clear(self) -> None:
        """Forget every message, opt-out and log line; accounts and numbers stay."""
        with self.lock:
            for kept in (self.messages, self.by_to, self.sent_to, self.opt_outs, self.faulted, self.accepted):
                kept.clear()
            for account in self.accounts.values():
                for number in account.numbers:
                    number.free_at = None

    def _log(self, message: SimulatedMessage) -> None:
        line: dict[str, object] = {
            "time": message.created.isoformat(),
            "sid": message.sid,
            "account_sid": message.account_sid,
            "from": message.from_,
            "messaging_service_sid": message.service_sid,
            "to": message.to,
            "body_sha256": hashlib.sha256(message.body.encode()).hexdigest(),
            "segments": message.segments,
            "callback_query": message.callback_url.partition("#")[0].partition("?")[2],
        }
        self.accepted.append(line)
        if self._log_path is not None:
            with self._log_path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
