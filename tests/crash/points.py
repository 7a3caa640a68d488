"""Where can a process of ours be killed? Named points, found from outside: nothing in the house knows of them.

A point is a transaction that wrote something, named by a function of ours that had a part in it, and a moment: before its
COMMIT is sent, or after it has returned. A process that is given a point kills itself there with SIGKILL. What happens around a
POST is seen by the provider, which kills the sender (`tests/crash/provider.py`).
"""

from __future__ import annotations

import os
import re
import signal
import sys
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from itertools import count
from types import FrameType
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)
ASKED, WROTE = "tests.crash.asked", "tests.crash.wrote"
"""Under these names a connection remembers that the function had a part in its transaction, and that something was written."""


class Role(StrEnum):
    """Which of our processes passes a point."""

    WORKER = "worker"
    WEB = "web"
    CLERK = "clerk"


class Moment(StrEnum):
    """When in a transaction; for the provider, when in a request."""

    BEFORE_COMMIT = "before commit"
    AFTER_COMMIT = "after commit"
    LOST = "request lost"
    STORED = "stored, no answer"
    ANSWERED = "answered"


@dataclass(frozen=True)
class Point:
    """One named point. `latest`: a process dies at one of the first so many passages. `job`: one worker at a time comes by."""

    subject: str
    moment: Moment
    role: Role = Role.WORKER
    where: str = ""
    latest: int = 1
    job: bool = False

    @property
    def name(self) -> str:
        """As it stands in the table."""
        return f"{self.subject}: {self.moment}"


TRANSACTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("claim", "sender.dispatch.claim", {"latest": 4}),
    ("record", "sender.outcomes.record", {"latest": 4}),
    ("turn of a job", "sender.turns.take", {"latest": 3}),
    ("run start", "sender.starts.start_due", {"job": True}),
    ("expansion", "sender.expansion.expand", {"job": True, "latest": 2}),
    ("dead claims", "sender.doubts.reap", {"job": True}),
    ("doubt settled", "sender.doubts.settle", {"job": True, "latest": 3}),
    ("run completed", "sender.campaigns.finish_done", {"job": True}),
    ("set aside", "sender.campaigns.set_aside", {"job": True}),
    ("cancel", "sender.campaigns.cancel", {"role": Role.CLERK}),
    ("callbacks", "sender.callbacks.store", {"role": Role.WEB, "latest": 15}),
    ("inbound text", "sender.webhooks._inbound", {"role": Role.WEB}),
)
"""What is written, in which function, and by whom."""
POSTS = tuple(Point("POST", moment, latest=12) for moment in (Moment.LOST, Moment.STORED, Moment.ANSWERED))
POINTS = (
    *(
        Point(subject, moment, where=where, **more)
        for subject, where, more in TRANSACTIONS
        for moment in (Moment.BEFORE_COMMIT, Moment.AFTER_COMMIT)
    ),
    *POSTS,
)


def named(*subjects: str) -> tuple[Point, ...]:
    """The points of these subjects."""
    return tuple(point for point in POINTS if point.subject in subjects)


def verify() -> None:
    """Every function that a point names is where the point says; raises LookupError when the house has been rebuilt."""
    for subject, where, _ in TRANSACTIONS:
        module, _, function = where.rpartition(".")
        found = getattr(import_module(module), function, None)
        if getattr(found, "__module__", "") != module:
            raise LookupError(
                f"{where} is not defined there any more: say in {__name__} where a {subject} is written now"
            )


def arm(point: Point | None, passages: int = 1) -> None:
    """Let this process die at the given passage of a point. For processes that exist to be killed."""
    if point is None or not point.where:
        return
    module, _, function = point.where.rpartition(".")
    plain, passed = DefaultDialect.do_commit, count(1)

    def pass_by() -> None:
        if next(passed) >= passages:
            os.kill(os.getpid(), signal.SIGKILL)

    @event.listens_for(Engine, "begin")
    def begun(connection: Any) -> None:
        connection.info[ASKED] = connection.info[WROTE] = False

    @event.listens_for(Engine, "after_cursor_execute")
    def executed(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        info = connection.info
        info[WROTE] = info[WROTE] or bool(
            WRITES.match(statement) and (cursor.rowcount != 0 or "RETURNING" in statement)
        )
        info[ASKED] = info[ASKED] or _on_stack(sys._getframe(), module, function)

    def commit(dialect: DefaultDialect, connection: Any) -> None:
        mine = connection.info.get(ASKED) and connection.info.get(WROTE)
        if mine and point.moment is Moment.BEFORE_COMMIT:
            pass_by()
        plain(dialect, connection)  # type: ignore[no-untyped-call]
        if mine and point.moment is Moment.AFTER_COMMIT:
            pass_by()

    DefaultDialect.do_commit = commit  # type: ignore[method-assign]


def _on_stack(frame: FrameType | None, module: str, function: str) -> bool:
    while frame is not None:
        if frame.f_code.co_name == function and frame.f_globals.get("__name__") == module:
            return True
        frame = frame.f_back
    return False
