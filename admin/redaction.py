"""What must never stand in a log, should it come that far? The second line of defence: the first is not to log it.

Telephone numbers, e-mail addresses, query strings, credentials and tokens are recognised by their form. A person's name or the
words of a text have no form: those are kept out by logging kinds of errors instead of their texts.
"""

from __future__ import annotations

import re
from typing import Any

_FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\?[\w.%+~\[\]-]+=[^\s\"'<>]*"), "?…"),
    (re.compile(r"(?<=://)[^/\s@]+@"), "…@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w+/=.~-]{6,}"), r"\1 …"),
    (re.compile(r"(?:f1:)?gAAAA[\w-]{20,}=*"), "[secret]"),
    (re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{32}(?![0-9A-Za-z])"), "[secret]"),
    (re.compile(r"[\w.+%-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+"), "[address]"),
    (re.compile(r"(?:\+|%2[Bb]|\b00)[1-9](?:[\s().-]{0,2}\d){6,14}(?!\d)"), "[number]"),
    (re.compile(r"(?<![\w+])(?:1[\s.-]?)?\(?\d{3}\)?[\s.-]{1,2}\d{3}[\s.-]\d{4}(?![\w-])"), "[number]"),
    (re.compile(r"(?<!\w)(?<!\d[.-])\d{10,15}(?!\w|[.-]\d)"), "[number]"),
)
"""Auth tokens of Twilio are 32 hexadecimal digits by themselves; its SIDs, which have two letters before them, may stay."""


def redact(text: str) -> str:
    """The text without what has the form of personal data or of a secret."""
    for form, instead in _FORMS:
        text = form.sub(instead, text)
    return text


def harmless(value: Any) -> Any:
    """The same for every text in a value that is about to become JSON."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, int) and abs(value) >= 10**9:
        return redact(str(value))
    if isinstance(value, dict):
        return {key: harmless(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [harmless(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))
