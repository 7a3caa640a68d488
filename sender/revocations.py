"""Does a sentence ask us to leave its writer alone? A linear model of words and letters says how much it sounds like that.

People say it in more ways than a list of phrases holds, misspelled, politely, in anger, or by telling us that we have the wrong
number; and most sentences with "stop" in them are about a bill, a bus or an appointment. So each sequence of three to five
letters and of one to three words has a weight (`revocations.csv`), learned from labelled replies (`tests/replies.csv`) by
`python -m tests.fit`. What sounds like it only holds the writer until a person has read the reply.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from math import sqrt
from pathlib import Path

WEIGHTS = Path(__file__).with_name("revocations.csv")
LETTERS = range(3, 6)
WORDS = range(1, 4)


def features(folded: str) -> set[str]:
    """What a folded reply (`sender.keywords.fold`) consists of: sequences of letters, and of words after a "#".

    "_" is between words, "<" before the first and ">" behind the last, so that a plea and a threat with the same words differ.
    """
    text, tokens = f"_{folded.replace(' ', '_')}_", ["<", *folded.split(), ">"]
    letters = {text[start : start + size] for size in LETTERS for start in range(len(text) - size + 1)}
    return letters | {
        "#" + "_".join(tokens[start : start + size]) for size in WORDS for start in range(len(tokens) - size + 1)
    }


@cache
def weights() -> Mapping[str, int]:
    """Each feature's weight, in hundredths; that of "" is where the scale begins. Lines starting with # and a space are notes."""
    with WEIGHTS.open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("# "))
        return {row["feature"]: int(row["weight"]) for row in csv.DictReader(lines)}


def score(folded: str) -> float:
    """How much a folded reply sounds like a revocation: above 0 it does. Long replies and short ones have one scale."""
    found = weights()
    heard = [found[one] for one in features(folded) if one in found]
    return found[""] + sum(heard) / sqrt(max(1, len(heard)))
