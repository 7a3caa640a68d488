"""Many requests, one commit: nobody is told before it, nobody suffers for another, and trouble is told quickly."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy.exc import OperationalError

from sender import intake
from sender.intake import MOST, Busy, Intake

Write = Callable[[Sequence[int]], None]


class Ledger:
    """What was committed, batch by batch; closed until `gate` is set."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = threading.Event()

    def write(self, batch: Sequence[int]) -> None:
        assert self.gate.wait(30)
        self.batches.append(list(batch))

    @property
    def items(self) -> list[int]:
        return [item for batch in self.batches for item in batch]


def away(_batch: Sequence[int]) -> None:
    """What the driver says when nobody listens."""
    raise OperationalError("SELECT 1", {}, Exception("+12125550101"))


def in_threads(count: int, work: Callable[[int], None]) -> list[threading.Thread]:
    """Started, not joined."""
    threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    return threads


def until(true: Callable[[], bool]) -> None:
    """Wait, at most ten seconds."""
    limit = time.monotonic() + 10
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.002)


def test_what_gathers_is_committed_together_and_answered_after() -> None:
    """While one batch is written the others gather; none returns before its commit; a batch has a largest size."""
    ledger = Ledger()
    writer: Intake[int] = Intake(ledger.write)
    returned: list[int] = []

    def take(number: int) -> None:
        writer.take(number)
        assert number in ledger.items
        returned.append(number)

    first = in_threads(1, take)
    until(lambda: writer._stuck() is False and writer._queue.empty() and writer._thread is not None)
    others = in_threads(2 * MOST, lambda n: take(n + 1))
    until(lambda: writer._queue.qsize() == 2 * MOST)
    assert returned == []
    ledger.gate.set()
    for thread in first + others:
        thread.join(10)
    assert sorted(returned) == sorted(ledger.items) == list(range(2 * MOST + 1))
    assert [len(batch) for batch in ledger.batches] == [1, MOST, MOST]
    assert writer.counts == {"stored": 2 * MOST + 1, "batches": 3}


def test_one_that_cannot_be_written_harms_no_other() -> None:
    """The batch is written again one by one; only the poison is refused, with its own error."""
    ledger = Ledger()
    ledger.gate.set()
    started, hold = threading.Event(), threading.Event()

    def write(batch: Sequence[int]) -> None:
        started.set()
        hold.wait(10)
        if 3 in batch:
            raise ValueError("three")
        ledger.write(batch)

    writer: Intake[int] = Intake(write)
    errors: dict[int, str] = {}

    def take(number: int) -> None:
        try:
            writer.take(number)
        except ValueError as error:
            errors[number] = str(error)

    threads = in_threads(1, lambda _: take(100))
    assert started.wait(10)
    threads += in_threads(6, take)
    until(lambda: writer._queue.qsize() == 6)
    hold.set()
    for thread in threads:
        thread.join(10)
    assert errors == {3: "three"}
    assert sorted(ledger.items) == [0, 1, 2, 4, 5, 100]
    assert (writer.counts["alone"], writer.counts["failed"]) == (5, 1)


def test_an_error_that_does_not_last_is_not_noticed() -> None:
    """A batch of one is tried twice, too: somebody else may have inserted the same row at the same moment."""
    tries: list[Sequence[int]] = []

    def write(batch: Sequence[int]) -> None:
        tries.append(batch)
        if len(tries) == 1:
            raise ValueError("once")

    writer: Intake[int] = Intake(write)
    writer.take(7)
    assert tries == [[7], [7]]


def test_a_database_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    """Everyone is refused quickly, after one more attempt and not one each; the log has one line, without the error's text."""
    tries: list[Sequence[int]] = []

    def write(batch: Sequence[int]) -> None:
        tries.append(batch)
        time.sleep(0.05)
        away(batch)

    writer: Intake[int] = Intake(write)
    refused: list[int] = []

    def take(number: int) -> None:
        with pytest.raises(Busy):
            writer.take(number)
        refused.append(number)

    with caplog.at_level(logging.DEBUG):
        for thread in in_threads(40, take):
            thread.join(10)
    assert len(refused) == writer.counts["refused"] == 40
    assert len(tries) <= 12
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 1
    assert "refused" in lines[0]
    assert "+1212" not in lines[0]


def test_a_full_queue_and_a_stuck_writer_refuse_at_once() -> None:
    """Whoever waits too long is refused, and who comes after does not even wait; what was refused may yet be kept."""
    ledger = Ledger()
    writer: Intake[int] = Intake(ledger.write, room=3, patience=0.3)
    refused: list[float] = []

    def take(number: int) -> None:
        began = time.monotonic()
        with pytest.raises(Busy):
            writer.take(number)
        refused.append(time.monotonic() - began)

    threads = in_threads(1, take)
    until(lambda: writer._thread is not None and writer._queue.empty())
    threads += in_threads(3, lambda n: take(n + 1))
    until(lambda: writer._queue.qsize() == 3)
    take(99)
    assert refused[0] < 0.2, "the queue is full"
    for thread in threads:
        thread.join(10)
    assert min(refused[1:]) >= 0.3
    take(100)
    assert refused[-1] < 0.2, "the writer is stuck"
    ledger.gate.set()
    until(lambda: sorted(ledger.items) == [0, 1, 2, 3])
    until(lambda: not writer._stuck())
    writer.take(101)
    assert 101 in ledger.items


def test_who_gave_up_keeps_nobody_else_waiting() -> None:
    """Each of a batch tells the next; one that is gone is passed over, wherever in the batch it stood."""
    ledger = Ledger()
    writer: Intake[int] = Intake(ledger.write, patience=0.6)
    answers: dict[int, bool] = {}

    def take(number: int) -> None:
        try:
            writer.take(number)
            answers[number] = True
        except Busy:
            answers[number] = False

    threads = in_threads(1, lambda _: take(100))
    until(lambda: writer._thread is not None and writer._queue.empty())
    began = time.monotonic()
    threads += in_threads(3, take)
    until(lambda: writer._queue.qsize() == 3)
    time.sleep(0.4)
    writer._patience = 30.0
    threads += in_threads(3, lambda n: take(n + 3))
    until(lambda: writer._queue.qsize() == 6)
    until(lambda: len(answers) == 4)
    ledger.gate.set()
    for thread in threads:
        thread.join(10)
    assert answers == {100: False, 0: False, 1: False, 2: False, 3: True, 4: True, 5: True}
    assert [len(batch) for batch in ledger.batches] == [1, 6]
    assert time.monotonic() - began < 10


def test_the_thread_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without work the thread ends, and the next item starts another one."""
    monkeypatch.setattr(intake, "IDLE", 0.05)
    ledger = Ledger()
    ledger.gate.set()
    writer: Intake[int] = Intake(ledger.write)
    for number in range(3):
        writer.take(number)
        until(lambda: writer._thread is None)
    assert ledger.batches == [[0], [1], [2]]
    for number in range(200):  # around the moment at which it ends
        writer.take(number)
        if number % 10 == 0:
            time.sleep(0.049)
    assert len(ledger.items) == 203


def test_a_forked_process_has_its_own_writer() -> None:
    """gunicorn may load the app and fork afterwards: the thread is not there any more, and is started anew."""
    ledger = Ledger()
    ledger.gate.set()
    writer: Intake[int] = Intake(ledger.write)
    writer.take(1)
    child = os.fork()
    if child == 0:
        try:
            writer.take(2)
            os._exit(0 if ledger.items == [1, 2] else 1)
        except BaseException:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    writer.take(3)
    assert ledger.items == [1, 3]
