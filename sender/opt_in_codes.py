"""A code that shows that somebody holds a phone: made by chance, kept as a salted hash, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import secrets

FEWEST, MOST = 4, 6
"""Digits of a code."""
COST = 2**12
"""Of scrypt: a few milliseconds a try. So few digits could be tried out all the same by who has the database; what keeps a code
is that it ends in minutes and that few tries are allowed."""


def new_code(digits: int) -> str:
    """A code of so many digits, at least FEWEST and at most MOST; leading zeros are digits."""
    count = min(max(digits, FEWEST), MOST)
    return f"{secrets.randbelow(10**count):0{count}}"


def new_salt() -> str:
    """Sixteen random bytes as hexadecimal digits."""
    return secrets.token_hex(16)


def hashed(code: str, salt: str) -> str:
    """The hash under which a code is kept, 64 hexadecimal digits."""
    return hashlib.scrypt(code.encode(), salt=bytes.fromhex(salt), n=COST, r=8, p=1, dklen=32).hex()


def fits(typed: str, *, salt: str, expected: str) -> bool:
    """Whether what somebody typed is the code; spaces and dashes do not count. Takes as long for a near miss as for any other."""
    digits = typed.replace(" ", "").replace("-", "")[:64]
    return hmac.compare_digest(hashed(digits, salt), expected)
