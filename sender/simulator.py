"""A Twilio that we run ourselves, to rehearse a campaign, to show the product, and to test against.

The unmodified Twilio SDK talks to it over HTTP: give the gateway `base_url`. Nobody is texted and nothing is billed.

    simulator = create_simulator(Behaviour.lifelike(seed=7))
    with serve(simulator) as running:
        account = simulator.account
        gateway = Gateway(account.sid, account.token, base_url=running.url)

**Outcomes by number.** The last four digits of a recipient choose what happens to a message
(`simulated_behaviour.ENDINGS`); other numbers are delivered, apart from the seeded shares of `Behaviour`:

| ends in              | outcome                                                                     |
|----------------------|-----------------------------------------------------------------------------|
| 0102                 | stays `sent`: the carrier never reports                                     |
| 0103 0104 0105 0106  | `undelivered` 30003, 30004, 30005, 30006                                    |
| 0107                 | `failed` 30007, filtered                                                    |
| 0108 0117 0122       | `undelivered` 30008, 30017, 30022                                           |
| 0111 0112 0113 0114  | refused at once: 21211, 21612, 21610, 21614                                 |
| 0136                 | `failed` 30036, expired in the queue                                        |
| 0141                 | refused at once: 21408, region not enabled                                  |
| 0145                 | `failed` 30450, stopped by pumping protection                               |
| 0160 0161 0162 0163  | delivered; answers STOP, YES, START, HELP to the first message              |
| 0164 0165            | delivered; answers with thanks; with "please stop sending me these"         |
| 0170                 | delivered twenty times slower                                               |
| 0171 0172            | delivered; callbacks lost; callbacks repeated and out of order              |
| 0175                 | delivered; the price never comes                                            |
| 0180 0181            | first request stored, then answered 500; stored, then never answered        |
| 0182 0183            | first request answered 429; dropped without being stored                    |

Beside that: senders keep their rate (short code 100, toll-free 3, long code 1 segments a second), a toll-free number
that is not verified fails with 30032, STOP closes a sender (or its whole service) to that number, prices arrive late
as negative strings, and usage records add up. `POST /simulator/faults` breaks single requests, `GET /simulator/state`
and `/simulator/log` tell what was accepted, `POST /simulator/inbound` texts one of our numbers,
`POST /simulator/verifications` decides a toll-free verification, `POST /simulator/reset` starts over.
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sender.simulated_accounts import (
    APPROVED,
    PENDING,
    REVIEWED,
    SimulatedAccount,
    SimulatedNumber,
    SimulatedService,
    SimulatedVerification,
    demo_account,
    made,
)
from sender.simulated_behaviour import Behaviour
from sender.simulated_callbacks import Post, Postman
from sender.simulated_control import control
from sender.simulated_faults import Fault, FaultSwitch
from sender.simulated_inbound import Inbox
from sender.simulated_ledger import Ledger
from sender.simulated_network import Network
from sender.simulated_prices import PriceTable, price_table
from sender.simulated_rest import Rest
from sender.simulated_schedule import Clock, Schedule, SteppedClock, wall_clock
from sender.simulated_server import Server
from sender.simulated_store import SimulatedMessage, Store
from sender.simulated_verifications import STATUSES, decide

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

__all__ = [
    "Behaviour",
    "Fault",
    "SimulatedAccount",
    "SimulatedNumber",
    "SimulatedService",
    "Simulator",
    "SteppedClock",
    "create_simulator",
    "demo_account",
    "serve",
]


class Simulator:
    """One simulated Twilio; build it with `create_simulator`."""

    def __init__(
        self,
        behaviour: Behaviour,
        accounts: Sequence[SimulatedAccount],
        *,
        clock: Clock,
        prices: PriceTable,
        log_path: Path | None,
        post: Post | None,
    ) -> None:
        self.behaviour = behaviour
        self.schedule = Schedule(clock, behaviour.speed)
        self.store = Store(list(accounts), log_path=log_path)
        self.faults = FaultSwitch(behaviour.seed)
        self._postman = Postman(
            self.schedule,
            workers=behaviour.callback_workers,
            retries=behaviour.callback_retries,
            retry_errors=behaviour.callback_retry_errors,
            post=post,
        )
        self._ledger = Ledger(prices, clock)
        self._inbox = Inbox(self.store, self.schedule, behaviour, self._postman, self._ledger)
        self._network = Network(
            self.store,
            self.schedule,
            behaviour,
            self._postman,
            self._ledger,
            self._inbox.reply,
        )
        self._rest = Rest(self._network, self._ledger, prices, self.faults, self._review)
        self._control = control(self)

    @property
    def account(self) -> SimulatedAccount:
        """The first account."""
        return next(iter(self.store.accounts.values()))

    def wsgi_app(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Twilio's addresses, and our own under /simulator."""
        if environ.get("PATH_INFO", "").startswith("/simulator/"):
            return self._control(environ, start_response)
        return self._rest(environ, start_response)

    def start(self) -> None:
        """Let time pass: run what falls due in a background thread."""
        self.schedule.start()

    def stop(self) -> None:
        """Stop the background threads."""
        self._rest.closing.set()
        self.schedule.stop()
        self._postman.stop()

    def fail(self, *faults: Fault, script: Iterable[Fault] = (), seed: int | None = None) -> None:
        """Break requests from now on: see `simulated_faults`; without arguments everything works again."""
        self.faults.set(*faults, script=script, seed=seed)

    def text(self, from_: str, to: str, body: str, *, media: tuple[str, ...] = ()) -> SimulatedMessage:
        """A phone texts one of our numbers; our webhook is called."""
        return self._inbox.receive(from_, to, body, media=media)

    def verify(self, phone: str, status: str) -> None:
        """Decide a toll-free verification with one of Twilio's four words; raises ValueError."""
        for account in self.store.accounts.values():
            if account.number(phone) is not None:
                decide(account, phone, status, self.schedule.clock())
                return
        raise ValueError("nobody owns this number")

    def state(self) -> dict[str, object]:
        """A summary: messages by direction and status, callbacks, what is still owed."""
        with self.store.lock:
            messages = list(self.store.messages.values())
            accepted, opt_outs = len(self.store.accepted), len(self.store.opt_outs)
        return {
            "accepted": accepted,
            "outbound": dict(Counter(m.status for m in messages if m.direction != "inbound")),
            "inbound": sum(m.direction == "inbound" for m in messages),
            "errors": {str(code): n for code, n in Counter(m.error_code for m in messages if m.error_code).items()},
            "opt_outs": opt_outs,
            "callbacks": {**self._postman.counts, "pending": self._postman.pending},
            "owed": self.schedule.owed,
        }

    def log(self) -> list[dict[str, object]]:
        """Every create request that was accepted, in order: time, sid, sender, to, hash of the body, callback query."""
        with self.store.lock:
            return list(self.store.accepted)

    def heard(self, sid: str) -> frozenset[str]:
        """The status words of a message that our webhook took, by answering 2xx."""
        return frozenset(self._postman.heard.get(sid, ()))

    def status_of(self, sid: str) -> str:
        """Where a message that was accepted stands; raises KeyError for any other."""
        with self.store.lock:
            return self.store.messages[sid].status

    def reset(self) -> None:
        """Forget messages, opt-outs, usage, faults and everything owed; accounts stay."""
        self.schedule.clear()
        self.faults.clear()
        self._ledger.clear()
        self._postman.clear()
        self.store.clear()

    def settle(self, timeout: float = 30.0) -> None:
        """Wait (real seconds) until nothing is owed and every callback is posted; raises TimeoutError."""
        deadline = time.monotonic() + timeout
        while self.schedule.owed or self._postman.pending:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the simulator still owes {self.schedule.owed} actions")
            time.sleep(0.005)

    def _review(self, phone: str) -> None:
        seconds = self.behaviour.review_seconds
        if seconds is not None:
            self.schedule.after(seconds / 2, lambda: self.verify(phone, REVIEWED))
            self.schedule.after(seconds, lambda: self.verify(phone, APPROVED))


def create_simulator(
    behaviour: Behaviour | None = None,
    *,
    accounts: Sequence[SimulatedAccount] = (),
    clock: Clock = wall_clock,
    prices: PriceTable | None = None,
    log_path: Path | None = None,
    post: Post | None = None,
) -> Simulator:
    """A simulator with these accounts, or with `demo_account()`.

    `log_path` receives a JSON line for each accepted request. `post` replaces the network for callbacks, for example
    by a Flask test client; with a `SteppedClock` nothing happens until `schedule.step(seconds)`.
    """
    behaviour = behaviour or Behaviour()
    owners = list(accounts) or [demo_account()]
    for account in owners:
        for number in account.numbers:
            if number.phone in behaviour.unverified:
                number.verification = PENDING
            known = any(asked.phone == number.phone for asked in account.verifications)
            if number.kind == "tollfree" and number.verification in STATUSES and not known:
                now = clock()
                sid = made("HH", account.sid, number.phone)
                account.verifications.append(
                    SimulatedVerification(sid, number.phone, number.sid, number.verification, now, now)
                )
    table = prices or price_table()
    return Simulator(behaviour, owners, clock=clock, prices=table, log_path=log_path, post=post)


def serve(simulator: Simulator, *, port: int = 0, host: str = "127.0.0.1") -> Server:
    """Serve on localhost (port 0: any free one) and let time pass until the `with` block ends; `.url` says where."""
    server = Server(simulator.wsgi_app, host=host, port=port, on_stop=simulator.stop)
    simulator.start()
    return server
