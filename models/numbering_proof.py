"""Does everything that the numbering plans say of a number follow from its first digits, whatever the last ones are?

The `phonenumbers` package decides by patterns. Each is compiled here to an automaton over the ten digits, and for known first
digits and a number of unknown ones the automaton is asked whether all continuations match, none does, or some do. Where no
pattern answers "some", the package would answer alike for every continuation, and has to be asked about one of them only.
Nothing here knows a numbering plan: what cannot be shown is not claimed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumber

Node = Any
"""A frozenset of digits, one of which comes next; or a tuple of sequences, one of which comes next; or ANYTHING."""
Sequence = tuple[Node, ...]
State = frozenset[Sequence]
"""What may still come, each sequence one way to end in a match; empty when there is none."""

DIGITS = "0123456789"
ANYTHING = "*"
_LITERALS = re.compile(r"[0-9]+(?:\|[0-9]+)*")
_TOKEN = re.compile(r"\(\?:|\(|\)|\||\?|\{(\d+)(?:,(\d+))?\}|\[([0-9-]+)\]|(\\d)|([0-9])")
_TYPES = (
    "general_desc", "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "voip", "personal_number", "pager", "uan",
    "voicemail",
)  # fmt: skip


class Unreadable(ValueError):
    """A pattern uses more than digits, classes, groups, alternatives and counted repeats."""


def compiled(pattern: str) -> tuple[Sequence, ...]:
    """The alternatives of a pattern; raises Unreadable."""
    tokens = [*_tokens(pattern)]
    found = _alternatives(tokens)
    if tokens:
        raise Unreadable(pattern)
    return found


def _tokens(pattern: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            raise Unreadable(pattern)
        yield token
        at = token.end()


def _alternatives(tokens: list[re.Match[str]]) -> tuple[Sequence, ...]:
    """Reads to the end of the group."""
    found: list[list[Node]] = [[]]
    while tokens and tokens[0][0] != ")":
        token = tokens.pop(0)
        if token[0] == "|":
            found.append([])
        elif token[0][0] == "(":
            found[-1].append(_alternatives(tokens))
            tokens.pop(0)
        elif token[0][0] in "?{":
            least, most = (0, 1) if token[0] == "?" else (int(token[1]), int(token[2] or token[1]))
            node = found[-1].pop()
            rest: Sequence = ()
            for _ in range(most - least):
                rest = (((node, *rest), ()),)
            found[-1] += [node] * least + list(rest)
        else:
            found[-1].append(_class(token))
    return tuple(tuple(sequence) for sequence in found)


def _class(token: re.Match[str]) -> frozenset[str]:
    if token[3]:
        ranges = re.sub(r"(\d)-(\d)", lambda span: DIGITS[int(span[1]) : int(span[2]) + 1], token[3])
        return frozenset(ranges)
    return frozenset(DIGITS if token[4] else token[5])


@lru_cache(maxsize=65_536)
def _after(state: State, digit: str) -> State:
    return frozenset(rest for sequence in state for rest in _step(sequence, digit))


def _step(sequence: Sequence, digit: str) -> Iterator[Sequence]:
    if not sequence:
        return
    node, *rest = sequence
    if node == ANYTHING:
        yield sequence
    elif isinstance(node, frozenset):
        if digit in node:
            yield tuple(rest)
    else:
        for alternative in node:
            yield from _step((*alternative, *rest), digit)


def _may_end(sequence: Sequence) -> bool:
    return all(node == ANYTHING or (isinstance(node, tuple) and any(map(_may_end, node))) for node in sequence)


@lru_cache(maxsize=65_536)
def verdict(state: State, unknown: int) -> bool | None:
    """Whether all continuations of that many digits match (True), none (False), or only some (None)."""
    if not state or unknown == 0:
        return any(map(_may_end, state))
    found = {verdict(_after(state, digit), unknown - 1) for digit in DIGITS}
    return found.pop() if len(found) == 1 else None


@lru_cache(maxsize=65_536)
def _walk(code: int, digits: str) -> tuple[State, ...]:
    """The states of all patterns of a calling code after these digits, without those that no continuation can match."""
    if not digits:
        return _patterns(code)
    return tuple(filter(None, (_after(state, digits[-1]) for state in _walk(code, digits[:-1]))))


def _plans(code: int) -> list[Any]:
    regions = COUNTRY_CODE_TO_REGION_CODE[code]
    found = [PhoneMetadata.metadata_for_region_or_calling_code(code, region) for region in regions]
    return [plan for plan in found if plan is not None]


@cache
def _patterns(code: int) -> tuple[State, ...]:
    """Every pattern that may be asked about a national number of this calling code, each once; raises Unreadable."""
    whole, starts = set(), set()
    for plan in _plans(code):
        described = filter(None, (getattr(plan, name) for name in _TYPES))
        whole |= {one.national_number_pattern for one in described}
        starts.add(plan.leading_digits)
    return tuple(frozenset(compiled(pattern)) for pattern in sorted(filter(None, whole))) + tuple(
        _beginning(pattern) for pattern in sorted(filter(None, starts))
    )


@cache
def _beginning(pattern: str) -> State:
    """The pattern, and then anything."""
    return frozenset((*sequence, ANYTHING) for sequence in compiled(pattern))


def follows(known: str, unknown: int, number: PhoneNumber, region: str | None) -> bool:
    """Whether whatever the package says of `known` and `unknown` more digits is what it says of one of these, `number`.

    `known` is a "+" and digits, or digits as they are dialled in `region`; at least one is there.
    """
    code = number.country_code or 0
    national = phonenumbers.national_significant_number(number)
    start = len(known) + unknown - len(national)
    try:
        starts = _starts(known, code, region)
        if start not in starts or not known[start:].strip("0"):
            return False
        states = (state for at in starts for state in _walk(code, known[at:]))
        return all(verdict(state, unknown) is not None for state in states)
    except Unreadable:
        return False


def _starts(known: str, code: int, region: str | None) -> set[int]:
    """Where the national number may be taken to begin; none where that may depend on the unknown digits."""
    main = PhoneMetadata.metadata_for_region_or_calling_code(code, phonenumbers.region_code_for_country_code(code))
    home = None if known[0] == "+" or region is None else PhoneMetadata.metadata_for_region(region, None)
    if home is None:
        begins = {1 + len(str(code))}
    else:
        abroad = home.international_prefix
        if home.country_code != code or (abroad and _prefix(abroad, known) != 0):
            return set()  # dialled as a call abroad: rare, and the package is asked
        begins = {0, len(str(code))} if known.startswith(str(code)) else {0}
    patterns = {plan.national_prefix_for_parsing for plan in (main, home) if plan and plan.national_prefix_for_parsing}
    for _ in range(2):  # after the calling code, and again
        lengths = {at: {_prefix(pattern, known[at:]) for pattern in patterns} for at in begins}
        if any(None in found for found in lengths.values()):
            return set()
        begins |= {at + length for at, found in lengths.items() for length in found if length}
    return begins


def _prefix(pattern: str, known: str) -> int | None:
    """How long the part is that the pattern matches at the start: 0 if none whatever follows, None if it may depend."""
    if _LITERALS.fullmatch(pattern):
        for literal in pattern.split("|"):
            if known.startswith(literal):
                return len(literal)
            if literal.startswith(known):
                return None
        return 0
    state = _beginning(pattern)
    for digit in known:
        state = _after(state, digit)
    return None if state else 0
