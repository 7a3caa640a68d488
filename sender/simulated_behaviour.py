"""What the simulated network does with a number: documented endings, seeded shares, and everything that may be set.

A number whose last four digits are in `ENDINGS` always meets the fate written there, so a test or a demo chooses an
outcome by choosing a number. Every other number is delivered, apart from the seeded shares of `Behaviour`.
"""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Fate:
    """What will happen to one message.

    `refuse` is the code of a synchronous refusal, `error_code` the code of a final failure, `receipt` False when the
    carrier never reports (the message stays `sent`). Times are in simulated seconds. `fault` names a fault that meets
    the first create request to the number.
    """

    refuse: int | None = None
    error_code: int | None = None
    receipt: bool = True
    callbacks: str = "normal"
    reply: str = ""
    fault: str = ""
    slowness: float = 1.0
    send_seconds: float = 0.0
    delivery_seconds: float = 0.0
    price_seconds: float | None = 0.0
    reply_seconds: float = 0.0


ENDINGS: dict[str, Fate] = {
    "0102": Fate(receipt=False),
    "0103": Fate(error_code=30003),
    "0104": Fate(error_code=30004),
    "0105": Fate(error_code=30005),
    "0106": Fate(error_code=30006),
    "0107": Fate(error_code=30007),
    "0108": Fate(error_code=30008),
    "0111": Fate(refuse=21211),
    "0112": Fate(refuse=21612),
    "0113": Fate(refuse=21610),
    "0114": Fate(refuse=21614),
    "0117": Fate(error_code=30017),
    "0122": Fate(error_code=30022),
    "0136": Fate(error_code=30036),
    "0141": Fate(refuse=21408),
    "0145": Fate(error_code=30450),
    "0160": Fate(reply="STOP"),
    "0161": Fate(reply="YES"),
    "0162": Fate(reply="START"),
    "0163": Fate(reply="HELP"),
    "0164": Fate(reply="Thanks, see you there!"),
    "0165": Fate(reply="please stop sending me these"),
    "0170": Fate(slowness=20.0),
    "0171": Fate(callbacks="lost"),
    "0172": Fate(callbacks="messy"),
    "0175": Fate(price_seconds=None),
    "0180": Fate(fault="error:stored"),
    "0181": Fate(fault="drop:stored"),
    "0182": Fate(fault="throttle"),
    "0183": Fate(fault="drop"),
}

FAILED_CODES = frozenset({21408, 21610, 30001, 30002, 30007, 30032, 30036, 30450})
STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
HELP_WORDS = frozenset({"HELP", "INFO"})


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Everything that may be set; the defaults deliver every message within a second or two and lose nothing.

    Spans are (lowest, highest) in simulated seconds, shares are between 0 and 1, and `speed` divides every delay.
    `number_shares` (code → share) stick to the number, `message_shares` are drawn for each message. The defaults of
    the limits, of the key words and of `failed_codes` (codes that end as `failed`; every other code ends as
    `undelivered`) are our reading of Twilio's documentation in November 2026 and unconfirmed by a live account.
    """

    seed: int = 1
    speed: float = 1.0
    send_seconds: Span = (0.05, 0.3)
    delivery_median: float = 0.8
    delivery_sigma: float = 0.5
    number_shares: Mapping[int, float] = field(default_factory=dict)
    message_shares: Mapping[int, float] = field(default_factory=dict)
    silent_share: float = 0.0
    failed_codes: frozenset[int] = FAILED_CODES

    callback_seconds: Span = (0.02, 0.1)
    callback_shuffle: float = 0.0
    shuffle_seconds: float = 5.0
    callback_repeat: float = 0.0
    callback_loss: float = 0.0
    callback_retries: int = 1
    callback_retry_errors: bool = False
    callback_workers: int = 4

    price_seconds: Span = (5.0, 20.0)
    reply_share: float = 0.0
    reply_texts: tuple[str, ...] = ("Thank you!", "Who is this?", "STOP")
    reply_seconds: Span = (1.0, 5.0)
    stop_after: frozenset[str] = frozenset()

    geo_disabled: frozenset[str] = frozenset()
    unverified: frozenset[str] = frozenset()
    service_opt_out: str = "failed"
    mps: Mapping[str, float] = field(
        default_factory=lambda: {"tollfree": 3.0, "longcode": 1.0, "shortcode": 100.0, "alphanumeric": 10.0}
    )
    queue_seconds: float = 36_000.0
    concurrency: int = 100
    listing_lag: float = 0.0
    review_seconds: float | None = None

    stop_words: frozenset[str] = STOP_WORDS
    start_words: frozenset[str] = START_WORDS
    tollfree_start_words: frozenset[str] = frozenset({"START", "UNSTOP"})
    help_words: frozenset[str] = HELP_WORDS

    @classmethod
    def instant(cls, *, seed: int = 1, speed: float = 1.0) -> "Behaviour":
        """Nothing waits but the senders' own rates: for tests."""
        none = (0.0, 0.0)
        return cls(
            seed=seed, speed=speed, send_seconds=none, delivery_median=0.0, callback_seconds=none,
            price_seconds=none, reply_seconds=none, shuffle_seconds=0.05,
        )  # fmt: skip

    @classmethod
    def lifelike(cls, *, seed: int = 1, speed: float = 1.0) -> "Behaviour":
        """A believable month-end campaign: some failures, some answers, callbacks that repeat, cross and get lost.

        The shares are invented for demonstration.
        """
        return cls(
            seed=seed,
            speed=speed,
            number_shares={30005: 0.01, 30006: 0.008},
            message_shares={30003: 0.02, 30007: 0.006, 30008: 0.004},
            silent_share=0.005,
            callback_shuffle=0.05,
            callback_repeat=0.03,
            callback_loss=0.01,
            reply_share=0.01,
        )


def fate(behaviour: Behaviour, to: str, nth: int) -> Fate:
    """What happens to the `nth` message (from 0) to the number `to`: the same answer for the same seed."""
    draw = random.Random(f"{behaviour.seed}|{to}|{nth}")
    planned = ENDINGS.get(to[-4:]) or _shared_fate(behaviour, to, draw)
    reply = planned.reply if nth == 0 else ""
    if not reply and to in behaviour.stop_after and nth == 0:
        reply = "STOP"
    if not reply and draw.random() < behaviour.reply_share:
        reply = draw.choice(behaviour.reply_texts)
    return replace(
        planned,
        reply=reply,
        send_seconds=draw.uniform(*behaviour.send_seconds),
        delivery_seconds=_latency(behaviour, draw) * planned.slowness,
        price_seconds=None if planned.price_seconds is None else draw.uniform(*behaviour.price_seconds),
        reply_seconds=draw.uniform(*behaviour.reply_seconds),
    )


def callback_delays(behaviour: Behaviour, key: str, manner: str) -> list[float]:
    """After how many simulated seconds each copy of a callback is posted; an empty list means it is lost."""
    draw = random.Random(f"{behaviour.seed}|callback|{key}")
    if manner == "lost" or draw.random() < behaviour.callback_loss:
        return []
    shuffled = manner == "messy" or draw.random() < behaviour.callback_shuffle
    repeated = manner == "messy" or draw.random() < behaviour.callback_repeat
    delays = [draw.uniform(*behaviour.callback_seconds)]
    if shuffled:
        delays[0] += draw.uniform(0.0, behaviour.shuffle_seconds)
    if repeated:
        delays.append(delays[0] + draw.uniform(0.0, behaviour.shuffle_seconds))
    return delays


def _shared_fate(behaviour: Behaviour, to: str, draw: random.Random) -> Fate:
    lasting = random.Random(f"{behaviour.seed}|{to}")
    code = _pick(behaviour.number_shares, lasting.random())
    if code is None:
        code = _pick(behaviour.message_shares, draw.random())
    if code is None and draw.random() < behaviour.silent_share:
        return Fate(receipt=False)
    return Fate(error_code=code)


def _pick(shares: Mapping[int, float], position: float) -> int | None:
    for code, share in shares.items():
        if position < share:
            return code
        position -= share
    return None


def _latency(behaviour: Behaviour, draw: random.Random) -> float:
    if behaviour.delivery_median == 0:
        return 0.0
    return draw.lognormvariate(math.log(behaviour.delivery_median), behaviour.delivery_sigma)
