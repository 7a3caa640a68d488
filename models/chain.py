"""What makes an append-only table tamper-evident: each row carries the hash of the row before it.

What must be erasable one day (a number, a name) is not hashed itself but committed to: the chain holds the hash of it and of a
random salt. With both in place it cannot be changed unseen; with both erased the chain is as whole as before, and the hash tells
nothing.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

FIRST = "0" * 64
"""The hash before the first row of a chain."""


def link(previous: str, facts: Mapping[str, Any]) -> str:
    """The hash of a row: SHA-256 over the previous hash and the row's facts as canonical JSON, 64 hex digits."""
    return _hash(previous, facts)


def commitment(salt: str, content: Mapping[str, Any]) -> str:
    """The hash that stands for content in a chain: SHA-256 over a random salt (`new_salt`) and the content as canonical JSON."""
    return _hash(salt, content)


def new_salt() -> str:
    """128 random bits as 32 hex digits: numbers are few enough to be tried out, salts are not."""
    return secrets.token_hex(16)


def _hash(first: str, facts: Mapping[str, Any]) -> str:
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(f"{first}\n{text}".encode()).hexdigest()
