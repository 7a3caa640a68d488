"""What is on the wire: spacing, concurrency, what is too late, what a stop leaves behind."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from models.messages import Kind
from sender.claims import Claim, Outcome, Result
from sender.flight import LATENESS, Departure, Flight, awake
from sender.gateway import Gateway
from tests.conftest import NOW

GATEWAY = Gateway("AC1", "t", base_url="http://127.0.0.1:9")
"""Never asked here: what a flight posts with is given to it."""


def claim(id_: int, *, sender_id: int = 1, gap_ms: int = 0, leave_within: int = 10) -> Claim:
    """A claim of one segment."""
    return Claim(
        message_id=id_, attempt=1, account_id=1, sender_id=sender_id, sender="27242", service=False, to="+12125550100",
        body="x", media_url=None, validity_seconds=60, slot=NOW, intent_at=NOW, leave_within=timedelta(seconds=leave_within),
        gap=timedelta(milliseconds=gap_ms), run_id=1, region="US", kind=Kind.SMS, encoding="GSM-7", segments=1,
    )  # fmt: skip


class Provider:
    """Takes some time for each post, and remembers when it began and how many there were at once."""

    def __init__(self, seconds: float = 0.0, *, held_up: float = 0.0) -> None:
        self.seconds, self.held_up, self.at_once, self.most = seconds, held_up, 0, 0
        self.began: list[tuple[int, float]] = []

    async def post(self, _gateway: Gateway, claimed: Claim) -> Outcome:
        """One request."""
        self.began.append((claimed.message_id, awake()))
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        time.sleep(self.held_up)
        await asyncio.sleep(self.seconds)
        self.at_once -= 1
        return Outcome(claimed, Result.SENT, sid=f"SM{claimed.message_id}", status="queued")


def fly(
    post: Callable[[Gateway, Claim], Awaitable[Outcome]], claims: list[Claim], *, concurrency: int = 10, claimed: float = 0.0
) -> dict[int, Result]:  # fmt: skip
    """Launch claims that may leave at once, and wait until all have come back; what became of each."""
    flight = Flight(post, concurrency)
    now = awake()
    flight.launch([Departure(each, GATEWAY, now - claimed, now) for each in claims])
    return collected(flight)


def collected(flight: Flight) -> dict[int, Result]:
    """Everything that comes back, until nothing is missing."""
    found: dict[int, Result] = {}
    deadline = time.monotonic() + 20
    while flight.flying:
        flight.wake.wait(0.01)
        for outcome in flight.landed():
            assert outcome.claim.message_id not in found
            found[outcome.claim.message_id] = outcome.result
        assert time.monotonic() < deadline
    return found


def test_late_texts_do_not_leave_in_a_heap() -> None:
    """All are overdue at once; each still waits until the one before it is far enough ahead, and the order holds."""
    provider = Provider()
    fly(provider.post, [claim(n, gap_ms=30) for n in range(8)])
    assert [id_ for id_, _ in provider.began] == list(range(8))
    for (first, before), (last, after) in itertools.combinations(provider.began, 2):
        assert after - before >= (last - first) * 0.030 - LATENESS - 0.0006, "never further ahead than that"


def test_a_little_lateness_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each text holds the loop up for 3 ms of its 10; the next one is counted from its turn, so the rate is kept all the same."""
    monkeypatch.setattr("sender.flight.LATENESS", 0.05)  # more than a busy machine adds
    provider = Provider(held_up=0.003)
    fly(provider.post, [claim(n, gap_ms=10) for n in range(20)])
    assert provider.began[-1][1] - provider.began[0][1] < 19 * 0.010 + 0.045


def test_one_slow_sender_holds_no_other_up() -> None:
    """Senders are paced apart."""
    provider = Provider()
    slow, quick = [claim(n, gap_ms=200) for n in range(3)], [claim(10 + n, sender_id=2) for n in range(20)]
    fly(provider.post, slow + quick)
    order = [id_ for id_, _ in provider.began]
    assert order.index(29) < order.index(2)


def test_no_more_at_once_than_allowed() -> None:
    """The concurrency is a bound on requests, whoever sends them."""
    provider = Provider(seconds=0.02)
    found = fly(provider.post, [claim(n, sender_id=n % 3) for n in range(60)], concurrency=7)
    assert (len(found), provider.most) == (60, 7)


def test_senders_take_turns_for_room() -> None:
    """One request at once: a sender with much to send does not go first with all of it."""
    provider = Provider(seconds=0.002)
    fly(provider.post, [*(claim(n) for n in range(20)), *(claim(30 + n, sender_id=2) for n in range(4))], concurrency=1)
    order = [id_ for id_, _ in provider.began]
    assert order[:9] == [0, 1, 30, 2, 31, 3, 32, 4, 33]
    assert order[9:] == list(range(5, 20))


def test_room_that_comes_free_is_no_reason_to_hurry() -> None:
    """Whoever lands takes along what waits for room, never what waits for its time."""
    provider = Provider(seconds=0.001)
    mixed = [*(claim(n, gap_ms=20) for n in range(5)), *(claim(30 + n, sender_id=2) for n in range(60))]
    fly(provider.post, mixed, concurrency=1)
    paced = [began for id_, began in provider.began if id_ < 5]
    for (first, before), (last, after) in itertools.combinations(enumerate(paced), 2):
        assert after - before >= (last - first) * 0.020 - LATENESS - 0.0006
    assert len(provider.began) == 65


def test_what_is_too_late_comes_back_unsent() -> None:
    """A claim older than its leave_within is not posted: its lease might run out on the way."""
    provider = Provider()
    assert fly(provider.post, [claim(1), claim(2)], claimed=11) == {1: Result.UNSENT, 2: Result.UNSENT}
    assert provider.began == []


def test_whatever_breaks_is_in_doubt(caplog: pytest.LogCaptureFixture) -> None:
    """An error nobody expected says nothing about whether the text left, and its words are not logged."""

    async def broken(_gateway: Gateway, claimed: Claim) -> Outcome:
        raise RuntimeError(claimed.to)

    assert fly(broken, [claim(1)]) == {1: Result.IN_DOUBT}
    assert "RuntimeError" in caplog.text
    assert "555" not in caplog.text


def test_a_stop_lets_the_wire_land_and_returns_the_rest() -> None:
    """What is on the wire comes back as sent, what waited as unsent, and nothing is missing."""
    provider = Provider(seconds=0.3)
    flight = Flight(provider.post, 2)
    now = awake()
    flight.launch([Departure(claim(n), GATEWAY, now, now + (n > 3) * 60) for n in range(6)])
    while len(provider.began) < 2:
        time.sleep(0.005)
    flight.abort()
    found = collected(flight)
    assert [found[n] for n in range(6)] == [Result.SENT] * 2 + [Result.UNSENT] * 4
    assert len(provider.began) == 2
    flight.launch([Departure(claim(9), GATEWAY, now, now)])
    assert collected(flight) == {9: Result.UNSENT}
