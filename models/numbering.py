"""Phone numbers in bulk: what `models.phones.normalise` says of each, at a twentieth of its price.

A list's numbers differ mostly in their last digits. Where `models.numbering_proof` shows that these cannot matter, the answer for
the first digits is asked for once and kept; everything else is asked for one by one. A test holds both ways to the same answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar

from models.numbering_proof import follows
from models.phones import (
    LONGEST_TEXT,
    LineType,
    PhoneProblem,
    PhoneWarning,
    ProblemCode,
    Written,
    judged,
    looked_up,
    parsed,
    placed,
    problem,
    supported,
    warned,
    written,
)
from models.zones import decided, zones

KEPT = 50_000
"""Answers kept at a time, so that memory does not grow with the list (10 MB)."""
LAST = (6, 4, 2)
"""How many last digits may not matter. In North America mostly 6; 4, those after the exchange, where a state has two zones."""


class Line(NamedTuple):
    """What numbers with the same first digits have in common; the fields are those of `Phone`."""

    region: str
    line_type: LineType
    time_zones: tuple[str, ...]
    warnings: tuple[PhoneWarning, ...]


class _Plan(NamedTuple):
    """What first digits settle, but for the zones: "+" and the first digits as E.164 has them, and whose they are."""

    head: str
    code: int
    region: str
    line_type: LineType


Known = tuple[str, Line]
"""The first digits as E.164 has them, and their line."""


class Normaliser:
    """Reads many numbers for one default region ("" for none). It learns as it goes: keep it for a whole list."""

    def __init__(self, default_region: str) -> None:
        self._region = supported(default_region)
        # By the last digits left out; an empty tuple where they matter.
        self._answers: dict[int, dict[str, Known | PhoneProblem | tuple[()]]] = {unknown: {} for unknown in LAST}
        self._plans: dict[int, dict[str, _Plan | PhoneProblem | tuple[()]]] = {unknown: {} for unknown in LAST}

    def many(self, texts: Sequence[str]) -> list[tuple[str, Line] | PhoneProblem]:
        """For each text its number, E.164, and its line; or why there is none."""
        found = list[tuple[str, Line] | PhoneProblem]()
        add, many, few = found.append, self._answers[6].get, self._answers[4].get
        for text, digits in zip(texts, _plain(texts), strict=True):
            if known := many(digits[:-6]):
                add((known[0] + digits[-6:], known[1]) if isinstance(known, tuple) else known)
            elif known := few(digits[:-4]):
                add((known[0] + digits[-4:], known[1]) if isinstance(known, tuple) else known)
            else:
                add(self._one(text, digits))
        return found

    def _one(self, text: str, digits: str) -> tuple[str, Line] | PhoneProblem:
        read = Written(digits) if digits else written(text)
        if isinstance(read, ProblemCode):
            return problem(read)
        for unknown, answers in self._answers.items() if not read.restored else ():
            key = read.digits[:-unknown]
            known = answers.get(key)
            if known is None:
                known = _keep(answers, key, self._learnt(read.digits, unknown))
            if known:
                return (known[0] + read.digits[-unknown:], known[1]) if isinstance(known, tuple) else known
        whole = looked_up(read, self._region)
        if isinstance(whole, PhoneProblem):
            return whole
        return whole.e164, Line(whole.region, whole.line_type, whole.time_zones, whole.warnings)

    def _learnt(self, digits: str, unknown: int) -> Known | PhoneProblem | tuple[()]:
        """The answer for all numbers that begin as this one does."""
        settled, plan = self._plan(digits)
        if settled < unknown or not plan:
            return ()
        if isinstance(plan, PhoneProblem):
            return plan
        e164 = plan.head + digits[-settled:]
        geographic = placed(plan.line_type, plan.code)
        if geographic is None:
            return e164[:-unknown], _line(plan.region, plan.line_type, ())
        if not decided(e164[1:-unknown], calling_code=plan.code, geographic=geographic):
            return ()
        found = zones(e164[1:], calling_code=plan.code, geographic=geographic)
        return e164[:-unknown], _line(plan.region, plan.line_type, found)

    def _plan(self, digits: str) -> tuple[int, _Plan | PhoneProblem | tuple[()]]:
        """How many last digits do not matter to the plan, and what the others settle."""
        for unknown, plans in self._plans.items():
            key = digits[:-unknown]
            plan = plans.get(key)
            if plan is None:
                plan = _keep(plans, key, self._proved(digits, unknown))
            if plan:
                return unknown, plan
        return 0, ()

    def _proved(self, digits: str, unknown: int) -> _Plan | PhoneProblem | tuple[()]:
        number = parsed(digits, self._region) if len(digits) > unknown + 1 else ProblemCode.TOO_SHORT
        if isinstance(number, ProblemCode) or not follows(digits[:-unknown], unknown, number, self._region):
            return ()
        found = judged(number, Written(digits), self._region)
        if isinstance(found, PhoneProblem):
            return found
        return _Plan(found.e164[:-unknown], number.country_code or 0, found.region, found.line_type)


T = TypeVar("T")


def _keep(kept: dict[str, T], key: str, value: T) -> T:
    """Add to what is kept, forgetting everything once it is too much."""
    if len(kept) >= KEPT:
        kept.clear()
    kept[key] = value
    return value


@lru_cache(maxsize=4_096)
def _line(region: str, kind: LineType, found: tuple[str, ...]) -> Line:
    return Line(region, kind, found, warned(kind, found))


_PUNCTUATION = b" ().-/[]"


def _plain(texts: Sequence[str]) -> list[str]:
    """Of each text its digits, after the "+" that it begins with if any; "" where it takes more reading than that."""
    if not texts:
        return []
    together = "\n".join(texts)
    odd = not together.isascii() or together.count("\n") >= len(texts) or ".0" in together
    if odd or max(map(len, texts)) > LONGEST_TEXT:
        together = "\n".join("?" if _is_odd(text) else text for text in texts)
    bare = together.encode().translate(None, _PUNCTUATION).decode().split("\n")
    return [
        digits if digits.isdigit() or (digits[1:].isdigit() and digits[0] == text[0] == "+") else ""
        for digits, text in zip(bare, texts, strict=True)
    ]


def _is_odd(text: str) -> bool:
    """Whether a text is too long, holds more than plain characters, or may be a number with a spreadsheet's ".0"."""
    return not text.isascii() or "\n" in text or len(text) > LONGEST_TEXT or text.rstrip().endswith((".0", ".00"))
