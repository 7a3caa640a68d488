"""What a caller may do when Twilio did not simply say yes: three exceptions, and how an answer becomes one of them.

    Unsent                    no message will come of this request …
    ├── Rejected              … give up: `code`, `sentence`, `http_status`; `stops_run` when nothing else will go either
    └── Throttled             … wait and send it again: certainly not taken; `retry_after` seconds if Twilio said so
    InDoubt                   it may have been taken: find out before anything else

None of their texts holds a phone number or a body: Twilio's own words are dropped and ours are used.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sender import dated


class GatewayError(Exception):
    """Everything the gateway raises."""


class Unsent(GatewayError):
    """The request was certainly not taken."""


class Rejected(Unsent):
    """Give up: Twilio refused this request and will refuse it again.

    `code` is Twilio's five digits, or None when the answer was not Twilio's. `stops_run` is True when the fault lies
    with the account or the way to Twilio and not with the one message.
    """

    def __init__(self, code: int | None, sentence: str, http_status: int, *, stops_run: bool = False) -> None:
        super().__init__(f"{sentence} (HTTP {http_status}, code {code})")
        self.code = code
        self.sentence = sentence
        self.http_status = http_status
        self.stops_run = stops_run


class Throttled(Unsent):
    """Wait: the request was certainly not taken, now or for `retry_after` seconds (None: Twilio did not say).

    `code` tells whose limit it was: 20429 the account's, 21611 the sender's, None when Twilio was not reached.
    """

    def __init__(self, sentence: str, *, retry_after: float | None = None, code: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.retry_after = retry_after
        self.code = code


class InDoubt(GatewayError):
    """The request may have been taken. After a request that only reads: there is no answer, ask again later."""

    def __init__(self, sentence: str, *, http_status: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.http_status = http_status


ACCOUNT_BUSY = 20429
UNREACHED = (1.0, 30.0)
"""Seconds to wait when Twilio cannot be reached: the first time, and at most."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What we do about a code: `decision` is reject, wait or stop; the waits are seconds, the first and the longest."""

    decision: str
    sentence: str
    wait: float = UNREACHED[0]
    longest_wait: float = UNREACHED[1]


@cache
def rulings() -> Mapping[int, Ruling]:
    """Code → ruling, from gateway_codes.csv."""
    return {int(row["code"]): _ruling(row) for row in dated.table(Path(__file__).with_name("gateway_codes.csv"))}


def _ruling(row: Mapping[str, str]) -> Ruling:
    waits = (row["wait_seconds"], row["longest_wait_seconds"])
    return Ruling(row["decision"], row["sentence"], *map(float, waits if all(waits) else UNREACHED))


def patience(code: int | None, *, again: int) -> float:
    """Seconds to wait after a refusal for want of room, `again` times in a row before this one; doubled each time."""
    ruling = rulings().get(code or 0, Ruling("wait", ""))
    return min(ruling.wait * 2.0 ** min(again, 16), ruling.longest_wait)


def refusal(status: int, text: str, headers: Mapping[str, str]) -> GatewayError | None:
    """The exception that an HTTP answer calls for, or None for a plain yes (2xx).

    429 was not taken. Other 4xx were refused, by Twilio or, without Twilio's JSON, by something on the way to it.
    408, 5xx and everything unheard of leave the request in doubt.
    """
    if 200 <= status < 300:
        return None
    if status == 429:
        code = twilio_code(text)
        ruling = rulings().get(code or ACCOUNT_BUSY, rulings()[ACCOUNT_BUSY])
        return Throttled(ruling.sentence, retry_after=_seconds(headers.get("Retry-After")), code=code)
    if not 400 <= status < 500 or status == 408:
        return InDoubt(f"Twilio answered HTTP {status}", http_status=status)
    return _refused(status, twilio_code(text))


def twilio_code(text: str) -> int | None:
    """The code in an error's JSON, or None when the text is not Twilio's."""
    try:
        code = json.loads(text)["code"]
    except (ValueError, KeyError, TypeError):
        return None
    return code if isinstance(code, int) else None


def _refused(status: int, code: int | None) -> GatewayError:
    if code is None:
        return Rejected(None, "Something on the way to Twilio refused the request.", status, stops_run=True)
    ruling = rulings().get(code, Ruling("reject", f"Twilio refused the request with code {code}."))
    if ruling.decision == "wait":
        return Throttled(ruling.sentence, code=code)
    stops = ruling.decision == "stop" or status in (401, 403)
    return Rejected(code, ruling.sentence, status, stops_run=stops)


def _seconds(written: str | None) -> float | None:
    try:
        return max(0.0, float(written or ""))
    except ValueError:
        return None
