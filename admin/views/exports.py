"""How does a list leave as a file? CSV in a stream, each cell made harmless for a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from flask import stream_with_context
from markupsafe import Markup
from werkzeug.utils import secure_filename
from werkzeug.wrappers import Response

from admin.database import database

LIMIT = 100_000
"""Rows that one download may have; more is a job, not a request."""
RISKY = ("=", "+", "-", "@", "\t", "\r")


def csv_safe(value: object) -> str:
    """A cell that no spreadsheet runs: what looks like a formula gets a leading apostrophe; numbers, +phones stay."""
    text = (
        value.isoformat() if isinstance(value, datetime) else value.value if isinstance(value, StrEnum) else str(value)
    )
    if isinstance(value, Markup):
        text = str(value.striptags())
    harmless = text[1:].replace(".", "", 1).isdigit() and text[:1] in "+-"
    return f"'{text}" if text.startswith(RISKY) and not harmless else text


class _Echo:
    """A file that hands each line back."""

    def write(self, line: str) -> str:
        return line


def stream_csv(
    query: Any, columns: Sequence[tuple[str, str]], value_of: Callable[[Any, str], object], *, name: str
) -> Response:
    """The query's rows, at most LIMIT, read in portions by a session of their own that blocks no writer."""
    found = database()

    def lines() -> Iterator[str]:
        writer = csv.writer(_Echo())
        yield "\ufeff" + str(writer.writerow([csv_safe(label) for _, label in columns]))
        with found.reading() as session:
            for row in query.with_session(session).limit(LIMIT).yield_per(1000):
                cells = (value_of(row, column) for column, _ in columns)
                yield str(writer.writerow(["" if cell is None else csv_safe(cell) for cell in cells]))

    answer = Response(stream_with_context(lines()), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{secure_filename(name).lower() or "export"}.csv"'
    return answer
