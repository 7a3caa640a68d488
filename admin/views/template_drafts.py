"""What does the editor of a text ask about while one types? The wording as it would be saved, with what is added to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import abort, request

from sender import opt_out_notices
from sender.templates import SOURCE_LIMIT


@dataclass(frozen=True)
class Draft:
    """A wording that is being written."""

    typed: str
    """As it stands in the editor."""
    source: str
    """As it would be saved: with how to stop, where that was ticked and is not said yet."""
    posted: dict[str, Any]


def draft(on: date) -> Draft:
    """What was posted as JSON: `source`, and whether the notice (`notice`) is wanted in a `language`; else 400."""
    given = request.get_json(silent=True)
    posted = given if isinstance(given, dict) else {}
    typed = posted.get("source")
    if not isinstance(typed, str) or len(typed) > SOURCE_LIMIT + 1:
        abort(400)
    typed = typed.replace("\r\n", "\n")
    if posted.get("notice") is not True:
        return Draft(typed, typed, posted)
    return Draft(typed, opt_out_notices.complete(typed, str(posted.get("language"))[:8], on), posted)
