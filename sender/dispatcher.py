"""The loop that sends: claims what may leave, has it posted, and records what became of it.

It stops cleanly (claims not yet on the wire go back) and may be killed at any line: see `sender/dispatch.py`.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.exc import OperationalError

import models.schema  # noqa: F401 (this may be a process of its own: every table must be known before a row is written)
from models.accounts import Account
from models.base import Database
from sender import dispatch
from sender.claims import Claim, Outcome, Result
from sender.clocks import wall_clock
from sender.failures import logged
from sender.flight import NOTICEABLE, Departure, Flight, awake
from sender.gateway import Gateway
from sender.outcomes import record

__all__ = ["Dispatcher", "wall_clock"]

log = logging.getLogger(__name__)

CYCLE = 0.1
"""Seconds between two claims, unless so much has landed before that there is room for more."""
AHEAD = 0.5
"""Seconds' worth of texts that may be held: twice the horizon of a sender's slots, so that it is never what limits a rate."""
ROUND_TRIP = 0.1
"""Seconds that a request is thought to take before any has come back."""
AGAIN = 0.01
"""Seconds until the next claim after one that came back empty where there had been plenty: another worker was claiming."""
BREATH = 1.0
"""Seconds to wait when nothing could be claimed, most likely because the database does not answer."""


@dataclass
class Dispatcher:
    """One sending loop. `gateway_for` gives the gateway of an account; `concurrency` is requests to Twilio at once."""

    database: Database
    gateway_for: Callable[[Account], Gateway]
    public_url: str
    clock: Callable[[], datetime] = wall_clock
    concurrency: int = 100
    name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    senders: Callable[[], set[int] | None] = lambda: None
    """The senders this process may claim for now; None: every one."""
    looking: Callable[[], object] = lambda: None
    """Called before each claim: is the database still the one that we sent from? See `sender/restored.py`."""
    leaving: Callable[[Sequence[Claim]], bool] = lambda _claims: True
    """Called with claims that are committed, before any of them leaves; whether they may."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _gateways: dict[int, tuple[tuple[object, ...], Gateway]] = field(default_factory=dict)
    """By account, with the credentials they were made of: a new token is used at once."""
    _unrecorded: list[Outcome] = field(default_factory=list)
    _filled: bool = False
    """Whether the last claim took most of what there was room for."""
    _contended: bool = False
    _speed: float = field(init=False)
    """Texts that came back in a second when the wire was last full: what Twilio can take, not what there was to send."""
    _landed_at: float = field(default_factory=awake)

    def __post_init__(self) -> None:
        self._flight = Flight(self._post, self.concurrency)
        self._speed = self.concurrency / ROUND_TRIP

    def stop(self) -> None:
        """Ask the loop to end after what is on the wire."""
        self._stop.set()
        self._flight.abort()
        self._flight.wake.set()

    def run(self, *, until: Callable[[], bool] | None = None) -> None:
        """Send until `stop`, or until `until` says so between two cycles."""
        while not self._stop.is_set() and not (until and until()):
            self._flight.wake.wait(self._cycle())
        self._flight.abort()
        while self._flight.flying:
            self._flight.wake.wait(CYCLE)
            self._record(self._flight.landed())
        self._record([])

    def _cycle(self) -> float:
        """Record what has landed, claim what fits, put it on the wire; seconds until the next one at the latest."""
        landed = self._flight.landed()
        held = self._held(len(landed))
        self._record(landed)
        began, now = awake(), self.clock()
        room = held - self._flight.flying
        claims = self._claim(room, now)
        self._record([Outcome(claim, Result.REJECTED, stops_run=True) for claim, gateway in claims if gateway is None])
        self._flight.launch(
            [
                Departure(claim, gateway, began, began + (claim.slot - now).total_seconds())
                for claim, gateway in claims
                if gateway is not None
            ]
        )
        self._contended = not claims and room > self.concurrency and (self._contended or self._filled)
        self._filled = len(claims) * 2 > room
        return AGAIN if self._contended else CYCLE

    def _held(self, landed: int) -> int:
        """How many claims to hold: twice what fits on the wire, or more if more than that comes back in half a second.

        A small batch costs as much as a large one, but whatever is held when a pause comes still leaves.
        """
        before, self._landed_at = self._landed_at, awake()
        if self._flight.flying + landed >= self.concurrency:
            speed = landed / max(self._landed_at - before, NOTICEABLE)
            self._speed += (speed - self._speed) / 4
        held = max(self.concurrency * 2, int(self._speed * AHEAD))
        self._flight.enough = held // 4
        return held

    def _claim(self, room: int, now: datetime) -> list[tuple[Claim, Gateway | None]]:
        """Up to `room` claims, each with its account's gateway; nothing, after a breath, when that fails."""
        if room <= 0:
            return []
        try:
            self.looking()
            with self.database.session() as session:
                claims = dispatch.claim(session, worker=self.name, now=now, limit=room, senders=self.senders())
            may_leave = self.leaving(claims)
        except Exception as error:
            log.error("nothing claimed: %s", type(error).__name__)  # noqa: TRY400 (a traceback may hold a number)
            self._stop.wait(BREATH)
            return []
        if not may_leave:
            self._record([Outcome(claim, Result.UNSENT) for claim in claims])
            return []
        gateways = {
            claim.account_id: self._gateway(claim) for claim in {claim.account_id: claim for claim in claims}.values()
        }
        return [(claim, gateways[claim.account_id]) for claim in claims]

    def _gateway(self, claim: Claim) -> Gateway | None:
        """The gateway of a claim's account; None when it has no credentials, or none that can be read."""
        made_of, gateway = self._gateways.get(claim.account_id, (None, None))
        if gateway is None or made_of != claim.credentials:
            with logged(f"account {claim.account_id} has no gateway"):
                gateway = None
                with self.database.reading() as session:
                    account = session.get_one(Account, claim.account_id)
                gateway = self.gateway_for(account)
                self._gateways[claim.account_id] = account.credentials, gateway
        return gateway

    async def _post(self, gateway: Gateway, claim: Claim) -> Outcome:
        return await dispatch.post(gateway, claim, public_url=self.public_url)

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
