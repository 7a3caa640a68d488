"""Which time zones a phone number may be in: a set, because a number alone often cannot decide.

The tables are those of the `phonenumbers` package. Taken alone they mislead: an exchange that they do not know falls
back to one zone for the whole state, so 270-744 (mostly Central Kentucky) would read as New York. The rule here: if the
place behind a number is known no better than a state, province or country, the answer is every zone found in that area
code and state; where the area code lists no town at all (an overlay), every zone of the state. A sender acts only when
all zones agree. An empty tuple means unknown, and unknown means hold.

An area code is where a number was issued, not where its owner is: a contact's own zone is always better.

The answers are kept as a table of prefixes, made by `models.zone_tables`: the package's own data takes 100 MB of memory.
"""

from functools import cache, lru_cache

from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

from models.zone_tables import Zones, read

DECIDING = TIMEZONE_LONGEST_PREFIX
"""Digits of a number, its calling code included, that can matter to its zones."""


def zones(digits: str, *, calling_code: int, geographic: bool) -> Zones:
    """IANA zones that a number may be in, sorted; () if unknown.

    `digits` is E.164 without the plus. `geographic` says that the number's prefix tells its place: true in North
    America, elsewhere for landlines and for the few countries whose mobiles have area codes; otherwise every zone of
    the calling code is returned.
    """
    if calling_code == 1 or geographic:
        return _by_prefix(digits[:DECIDING])
    return tuple(sorted(TIMEZONE_DATA.get(str(calling_code), ())))


def decided(known: str, *, calling_code: int, geographic: bool) -> bool:
    """Whether the zones of all numbers that begin with these digits are the same."""
    return (calling_code != 1 and not geographic) or known not in _inner()


@lru_cache(maxsize=4_096)
def _by_prefix(prefix: str) -> Zones:
    table = _table()
    return next((table[prefix[:end]] for end in range(len(prefix), 0, -1) if prefix[:end] in table), ())


_table = cache(read)


@cache
def _inner() -> frozenset[str]:
    """The beginnings of the table's prefixes, which do not decide."""
    return frozenset(prefix[:end] for prefix in _table() for end in range(len(prefix)))
