"""Tests of models/numbering.py and models/numbering_proof.py: in bulk, every number gets the answer that it gets alone."""

from __future__ import annotations

import itertools
import random
import re

import pytest
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from models import numbering, numbering_proof
from models.numbering import Normaliser
from models.numbering_proof import DIGITS, Unreadable, compiled, verdict
from models.phones import Phone, PhoneProblem, normalise
from tests.numbers import AWKWARD, texts


def differences(found: list[str], region: str, *, chunk: int = 5_000) -> list[str]:
    """The texts that are answered differently in bulk and alone."""
    reader, wrong = Normaliser(region), []
    for start in range(0, len(found), chunk):
        some = found[start : start + chunk]
        for text, answer in zip(some, reader.many(some), strict=True):
            alone = Phone(answer[0], *answer[1]) if isinstance(answer, tuple) else answer
            if alone != normalise(text, region):
                wrong.append(text)
    return wrong


@pytest.mark.parametrize(
    ("region", "count"),
    [("US", 12_000), ("GB", 4_000), ("IT", 2_000), ("BR", 2_000), ("AR", 1_500), ("RU", 1_500), ("BS", 1_500), ("DE", 1_500),
     ("AU", 1_500), ("MX", 1_000), ("GG", 1_000), ("HU", 1_000), ("", 1_500)],
)  # fmt: skip
def test_in_bulk_and_alone_every_number_has_the_same_answer(region: str, count: int) -> None:
    """Region, line, zones, warnings and problems alike; 32,000 here, more than 500,000 in `make bench`."""
    assert differences(list(texts(count, seed=len(region) + count)), region) == []


def test_what_was_learnt_changes_nothing() -> None:
    """A second pass over the same texts, in another order and in other chunks, answers alike."""
    found = list(texts(3_000, seed=5))
    reader = Normaliser("US")
    first = dict(zip(found, reader.many(found), strict=True))
    random.Random(1).shuffle(found)
    assert all(reader.many([text]) == [first[text]] for text in found)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is forgotten when it is much, and answered alike again."""
    monkeypatch.setattr(numbering, "KEPT", 10)
    reader, found = Normaliser("US"), list(texts(2_000, seed=6))
    assert reader.many(found) == Normaliser("US").many(found)
    assert all(len(kept) <= 10 for kept in reader._answers.values())


@pytest.mark.parametrize("text", AWKWARD)
def test_an_odd_text_spoils_no_other(text: str) -> None:
    """One strange cell in a chunk: its neighbours and itself are read as they are alone."""
    assert differences(["(212) 555-0101", text, "+44 20 7234 3456", text], "US") == []


def test_nothing_is_read_from_nothing() -> None:
    """An empty list has no answers."""
    assert Normaliser("US").many([]) == []


def test_numbers_of_one_line_share_it() -> None:
    """Most numbers are answered without a new object but their own text."""
    one, other, problem = Normaliser("US").many(["2125550101", "(212) 555-0102", "12"])
    assert isinstance(one, tuple)
    assert isinstance(other, tuple)
    assert (one[0], other[0]) == ("+12125550101", "+12125550102")
    assert one[1] is other[1]
    assert isinstance(problem, PhoneProblem)


PATTERNS = [
    "1",
    "\\d{3}",
    "[2-9]\\d{2}",
    "(?:1[245]|2[1-35])\\d{0,2}",
    "3?4",
    "(?:80?|9)7",
    "12|[3-5]6{2}",
    "(1|2)3",
    "[147-9]{2}",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_an_automaton_matches_what_its_pattern_does(pattern: str) -> None:
    """All texts of up to three digits, and what it says of every beginning of them."""
    state, ends = {"": frozenset(compiled(pattern))}, {"": bool(re.fullmatch(pattern, ""))}
    for word in ("".join(digits) for length in (1, 2, 3) for digits in itertools.product(DIGITS, repeat=length)):
        state[word] = numbering_proof._after(state[word[:-1]], word[-1])
        ends[word] = bool(re.fullmatch(pattern, word))
    for word in state:
        for unknown in range(4 - len(word)):
            among = {ends[word + "".join(more)] for more in itertools.product(DIGITS, repeat=unknown)}
            assert verdict(state[word], unknown) == (among.pop() if len(among) == 1 else None)


@pytest.mark.parametrize("pattern", ["1*", "1+", "(?=1)2", "1$", "[^1]", "a", "1{2,}", "(1"])
def test_what_is_not_understood_is_not_claimed(pattern: str) -> None:
    """A construct that the package does not use today would be refused, and its numbers read one by one."""
    with pytest.raises((Unreadable, IndexError)):
        compiled(pattern)


def test_every_plan_can_be_followed() -> None:
    """All patterns of all calling codes are understood, so the short way is open everywhere."""
    for code in COUNTRY_CODE_TO_REGION_CODE:
        assert numbering_proof._patterns(code)
