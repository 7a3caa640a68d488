"""Tests of sender/packing.py: the smallest choice, against every subset, and how long it takes."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.segments import Encoding, measure
from sender.edits import applied, found
from sender.packing import Change, smallest

MOST = 9
"""Changes in a text up to which every subset is tried."""
PIECES = [
    "[", "]", "€", "😀", "中", "’", "“", "  ", "…", " ,", "é", "\u200b", "[x]", "[€]", "{a}", "\n", " \n",
    "do not ", "and ", "\r\n",
]  # fmt: skip
SIZES = (70, 134, 160, 306)


def changes_of(text: str) -> list[Change]:
    """The changes that the list finds in a text that is all literal."""
    edits = found(text, [(0, len(text))])
    return [Change(one.start, one.end, one.after, one.cost, one.size) for one in edits]


def after(text: str, changes: list[Change], chosen: tuple[int, ...]) -> str:
    """The text with a choice of its changes."""
    for index in reversed(chosen):
        text = text[: changes[index].start] + changes[index].after + text[changes[index].end :]
    return text


def tried(text: str, changes: list[Change]) -> list[tuple[int, ...]]:
    """The answer of trying every subset: the smallest for each lower number of segments, and the smallest that is GSM-7."""
    now, best = measure(text), dict[object, tuple[int, int, int, tuple[int, ...]]]()
    for mask in range(1 << len(changes)):
        chosen = tuple(index for index in range(len(changes)) if mask >> index & 1)
        if any(changes[a].end > changes[b].start for a, b in pairwise(chosen)):
            continue
        then = measure(after(text, changes, chosen))
        rank = (len(chosen), sum(changes[i].cost for i in chosen), sum(changes[i].size for i in chosen), chosen)
        goals: list[object] = [*range(max(1, then.segments), now.segments)]
        if now.encoding is Encoding.UCS_2 and then.encoding is Encoding.GSM_7:
            goals.append(then.encoding)
        for goal in goals:
            best[goal] = min(best.get(goal, rank), rank)
    return [chosen for *_, chosen in sorted(set(best.values()))]


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A text about as long as a boundary, with a few changes in it, between characters that pack in every way."""
    filler = draw(st.sampled_from(["a", "[", "a€", "a😀", "中", "ab]"]))
    pool = draw(st.lists(st.sampled_from(PIECES), min_size=1, max_size=MOST))
    size = draw(st.sampled_from(SIZES)) + draw(st.integers(-5, 9))
    text = filler * (size // len(filler))
    for piece in pool:
        at = draw(st.integers(0, len(text)))
        text = text[:at] + piece + text[at:]
    return text[:size] if draw(st.booleans()) else text


def test_no_subset_is_better(capsys: pytest.CaptureFixture[str]) -> None:
    """On short texts about every boundary the answer is that of trying every subset, to the last tie."""
    counts = {"texts": 0, "with a gain": 0, "subsets": 0}

    @settings(max_examples=1500, deadline=None)
    @given(texts())
    def compare(text: str) -> None:
        changes = changes_of(text)[:MOST]
        wanted = tried(text, changes)
        assert smallest(text, changes) == wanted, (text, changes)
        counts["texts"] += 1
        counts["with a gain"] += bool(wanted)
        counts["subsets"] += 1 << len(changes)

    compare()
    with capsys.disabled():
        print("\noptimiser against every subset:", ", ".join(f"{count:,} {name}" for name, count in counts.items()))  # noqa: T201
    assert counts["with a gain"] > 100


@pytest.mark.parametrize(
    ("text", "changes", "wanted"),
    [
        ("a" * 161, [], []),
        ("", [], []),
        ("   ", [Change(0, 3, "", 0, 3)], []),
        ("a" * 159 + "  ", [Change(159, 161, "", 0, 2)], [(0,)]),
        # two ways with as many changes: the cheaper, then the smaller, then the one more to the left
        ("b" * 161, [Change(0, 1, "", 2, 1), Change(9, 10, "", 1, 1)], [(1,)]),
        ("b" * 161, [Change(0, 2, "", 1, 2), Change(9, 10, "", 1, 1)], [(1,)]),
        ("b" * 161, [Change(0, 1, "", 1, 1), Change(9, 10, "", 1, 1)], [(0,)]),
        # one large change is smaller than two cheap ones
        ("b" * 162, [Change(0, 1, "", 0, 1), Change(2, 3, "", 0, 1), Change(9, 19, "", 9, 10)], [(2,)]),
        # overlapping ones exclude each other
        ("b" * 163, [Change(0, 3, "bb", 0, 1), Change(1, 4, "bb", 0, 1), Change(4, 6, "b", 0, 1)], []),
        # 306 septets, but the pair on the boundary moves on; a unit less before it only leaves one more free
        ("a" * 152 + "[" + "a" * 152 + "  ", [Change(305, 307, "", 0, 2)], []),
        ("a" * 151 + "  [" + "a" * 152, [Change(151, 153, " ", 1, 1)], []),
        ("a" * 152 + "[" + "a" * 151 + "  ", [Change(152, 153, "(", 2, 1), Change(304, 306, " ", 1, 1)], [(0,)]),
    ],
)
def test_what_smallest_means(text: str, changes: list[Change], wanted: list[tuple[int, ...]]) -> None:
    """Fewest, cheapest, shortest, leftmost; packed, not divided; never two that overlap; no text is emptied."""
    assert smallest(text, changes) == wanted
    assert wanted == tried(text, changes)


def realistic(length: int, seed: int) -> str:
    """A text as people write them, with a few dozen possible changes."""
    words = [
        "your",
        "membership",
        "ends",
        "soon",
        "so",
        "renew",
        "it",
        "now",
        "at",
        "the",
        "office",
        "or",
        "call",
        "us",
    ]
    odd = ["it’s", "do not", "and", "[new]", "wait…", "“dues”", "now ,", " –", "cafe\u0301", "in order to"]
    dice = random.Random(seed)
    text = ""
    while len(text) < length:
        text += dice.choice(odd if dice.random() < 0.15 else words) + (" " if dice.random() < 0.96 else "  ")
    return text[:length]


def test_the_longest_text_takes_no_time() -> None:
    """1,600 characters with their changes found and weighed: the quickest of several texts' medians is under 20 ms."""
    took = []
    for seed in range(5):
        text, rounds = realistic(1_600, seed), []
        for _ in range(5):
            begun = time.process_time()
            chosen = smallest(text, changes_of(text))
            rounds.append(time.process_time() - begun)
        assert chosen
        took.append(min(rounds))
    assert sorted(took)[2] < 0.02, took


def test_a_hostile_text_takes_no_minute() -> None:
    """Hundreds of changes in one text are weighed in a second."""
    text = ("a  " * 534)[:1_600]
    changes = changes_of(text)
    assert len(changes) > 500
    begun = time.process_time()
    chosen = smallest(text, changes)
    assert time.process_time() - begun < 2
    best = measure(applied(text, found(text, [(0, len(text))]))).segments
    assert measure(after(text, changes, chosen[-1])).segments == best
