"""How do our processes log: a line for a person, or one JSON object a line, on the error stream, and never personal data?

Whatever a library logs passes here, too. Of an exception only the kind and the places are written, never the text: a database
repeats the row it refused, and Twilio's library the address it asked.
"""

from __future__ import annotations

import copy
import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import Any

from flask import g, has_request_context
from pythonjsonlogger.json import JsonFormatter

from admin.redaction import harmless, redact

TEXT, JSON = "text", "json"
OURS = ("admin", "analytics", "models", "sender", "textledger")
"""Loggers of which more than warnings are written."""
LOUD = ("werkzeug", "urllib3", "aiohttp.access", "dbos", "alembic")
"""Libraries whose ordinary lines hold addresses, or only repeat what ours say."""
log = logging.getLogger("textledger")

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def places(error: BaseException | None, *, depth: int = 4) -> str:
    """The kind of an exception and where it came through, then those of its cause, and so on; no text of any."""
    if error is None or depth == 0:
        return ""
    own = "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = places(cause, depth=depth - 1)
    return f"{before}\n…which led to:\n{own}" if before else own


def _prepared(record: logging.LogRecord) -> logging.LogRecord:
    """A copy that knows the request it belongs to, and without what another handler made of its exception."""
    prepared = copy.copy(record)
    if prepared.exc_info:
        prepared.exc_text = None
    if has_request_context() and (found := g.get("request_id")):
        prepared.request_id = found
    return prepared


class Line(logging.Formatter):
    """A line for a person."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatException(self, ei: Any) -> str:  # noqa: N802 (the library's name)
        return places(ei[1])

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(_prepared(record)))


class Object(JsonFormatter):
    """One JSON object a line."""

    def __init__(self) -> None:
        names = {"levelname": "level", "name": "logger", "exc_info": "trace"}
        super().__init__(["levelname", "name", "message", "process"], rename_fields=names, timestamp="time")

    def formatException(self, ei: Any) -> str:  # noqa: N802 (the library's name)
        return places(ei[1])

    def format(self, record: logging.LogRecord) -> str:
        return super().format(_prepared(record))

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return {name: harmless(value) for name, value in log_data.items()}


class ErrorStream(logging.StreamHandler[Any]):
    """Writes to whatever the error stream is at the time."""

    def __init__(self, style: str) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(Object() if style == JSON else Line())

    @property
    def stream(self) -> Any:
        return sys.stderr


def start(style: str) -> None:
    """Log in this style from now on: for the entry of a process, before anything else is set up."""
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, ErrorStream)]:
        root.removeHandler(handler)
    root.addHandler(ErrorStream(style))
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)  # noqa: FBT003 (the library's own signature)
    sys.excepthook = _uncaught
    threading.excepthook = lambda failed: _uncaught(failed.exc_type, failed.exc_value, failed.exc_traceback)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical("ended by %s", kind.__name__, exc_info=(kind, error or kind(), trace))
