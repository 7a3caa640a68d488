"""What makes an append-only table tamper-evident: each row carries the hash of the row before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

FIRST = "0" * 64
"""The hash before the first row of a chain."""


def link(previous: str, facts: Mapping[str, Any]) -> str:
    """The hash of a row: SHA-256 over the previous hash and the row's facts as canonical JSON, 64 hex digits."""
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()
