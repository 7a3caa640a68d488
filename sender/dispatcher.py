"""The loop that sends: claims what may leave, posts it on a few threads and records what became of it.

It stops cleanly (claims not yet on the wire go back) and may be killed at any line: see `sender/dispatch.py`.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy.exc import OperationalError

from models.accounts import Account
from models.base import Database
from sender import dispatch
from sender.failures import logged
from sender.gateway import Gateway
from sender.outcomes import Claim, Outcome, Result, record

log = logging.getLogger(__name__)

CYCLE = 0.1
"""Seconds between two claims when the senders' rates decide how much may leave."""
BUSY_CYCLE = 0.02
"""Seconds between two claims when only our own threads do."""
BREATH = 1.0
"""Seconds to wait when nothing could be claimed, most likely because the database does not answer."""


def wall_clock() -> datetime:
    """The time now, aware UTC: the clock of every process of ours."""
    return datetime.now(UTC)


@dataclass
class Dispatcher:
    """One sending loop. `gateway_for` gives each thread the gateway of an account."""

    database: Database
    gateway_for: Callable[[Account], Gateway]
    public_url: str
    clock: Callable[[], datetime] = wall_clock
    concurrency: int = 16
    name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    senders: Callable[[], set[int] | None] = lambda: None
    """The senders this process may claim for now; None: every one."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _gateways: dict[int, tuple[tuple[str | None, str | None], Gateway]] = field(default_factory=dict)
    """By account, with the credentials they were made of: a new token is used at once."""
    _unrecorded: list[Outcome] = field(default_factory=list)

    def stop(self) -> None:
        """Ask the loop to end after what is on the wire."""
        self._stop.set()

    def run(self, *, until: Callable[[], bool] | None = None) -> None:
        """Send until `stop`, or until `until` says so between two cycles."""
        with ThreadPoolExecutor(self.concurrency, thread_name_prefix="post") as pool:
            flying: set[Future[Outcome]] = set()
            while not self._stop.is_set() and not (until and until()):
                started = time.monotonic()
                flying, full = self._cycle(pool, flying)
                pause = BUSY_CYCLE if full else CYCLE
                self._stop.wait(max(0.0, pause - (time.monotonic() - started)))
            self._record([future.result() for future in flying])

    def _cycle(self, pool: ThreadPoolExecutor, flying: set[Future[Outcome]]) -> tuple[set[Future[Outcome]], bool]:
        """Record what has landed, claim what fits, put it on the wire; returns what is in the air, and whether no more fits."""
        landed = {future for future in flying if future.done()}
        self._record([future.result() for future in landed])
        flying -= landed
        room = self.concurrency * 2 - len(flying)
        began, now = time.monotonic(), self.clock()
        claims = self._claim(room, now)
        self._record([Outcome(claim, Result.REJECTED, stops_run=True) for claim, gateway in claims if gateway is None])
        for claim, gateway in claims:
            if gateway is not None:
                due = began + (claim.slot - now).total_seconds()
                flying.add(pool.submit(self._post, gateway, claim, began, due))
        return flying, len(claims) >= room

    def _claim(self, room: int, now: datetime) -> list[tuple[Claim, Gateway | None]]:
        """Up to `room` claims, each with its account's gateway; nothing, after a breath, when that fails."""
        if room <= 0:
            return []
        try:
            with self.database.session() as session:
                claims = dispatch.claim(session, worker=self.name, now=now, limit=room, senders=self.senders())
                accounts = {claim.account_id: session.get_one(Account, claim.account_id) for claim in claims}
        except Exception as error:
            log.error("nothing claimed: %s", type(error).__name__)  # noqa: TRY400 (a traceback may hold a number)
            self._stop.wait(BREATH)
            return []
        gateways = {account_id: self._gateway(account) for account_id, account in accounts.items()}
        return [(claim, gateways[claim.account_id]) for claim in claims]

    def _gateway(self, account: Account) -> Gateway | None:
        """The account's gateway; None when it has no credentials, or none that can be read."""
        credentials = (account.twilio_sid, account.twilio_token)
        made_of, gateway = self._gateways.get(account.id, (None, None))
        if gateway is None or made_of != credentials:
            with logged(f"account {account.id} has no gateway"):
                gateway = None
                gateway = self.gateway_for(account)
                self._gateways[account.id] = credentials, gateway
        return gateway

    def _post(self, gateway: Gateway, claim: Claim, began: float, due: float) -> Outcome:
        """Wait for the claim's slot, then send; too late or stopping means the row goes back unsent."""
        self._stop.wait(max(0.0, due - time.monotonic()))
        if self._stop.is_set() or time.monotonic() - began > claim.leave_within.total_seconds():
            return Outcome(claim, Result.UNSENT)
        try:
            return dispatch.post(gateway, claim, public_url=self.public_url)
        except Exception as error:
            log.error("message %s attempt %s: %s", claim.message_id, claim.attempt, type(error).__name__)  # noqa: TRY400
            return Outcome(claim, Result.IN_DOUBT)

    def _record(self, outcomes: list[Outcome]) -> None:
        """Write outcomes, also those that could not be written before; a row that cannot be written must not lose the others."""
        outcomes, self._unrecorded = [*self._unrecorded, *outcomes], []
        if not outcomes:
            return
        try:
            self._write(outcomes)
        except OperationalError as error:  # the database is away: again in the next cycle
            log.error("%d outcomes not recorded yet: %s", len(outcomes), type(error).__name__)  # noqa: TRY400
            self._unrecorded = outcomes
        except Exception:
            for outcome in outcomes:
                with logged(f"message {outcome.claim.message_id}: outcome not recorded"):
                    self._write([outcome])

    def _write(self, outcomes: list[Outcome]) -> None:
        with self.database.session() as session:
            record(session, outcomes, now=self.clock())
