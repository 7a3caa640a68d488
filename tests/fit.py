"""Learn from the labelled replies how a revocation sounds, and write it down: `python -m tests.fit`.

Logistic regression with an L2 penalty, by gradient descent with momentum: first over every feature that occurs three times, then
once more over the strongest of them, so that the list stays readable and is quick to load. To miss a revocation counts four times
as much as to hold somebody for nothing. The same replies give the same weights.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sender.keywords import fold
from sender.revocations import WEIGHTS, features

SEEN = Path(__file__).with_name("replies.csv")
UNSEEN = Path(__file__).with_name("replies_unseen.csv")
RARE, KEPT = 3, 8_000
PENALTY, RATE, MOMENTUM, ROUNDS = 0.003, 2.0, 0.9, 1_000
MISSED = 4.0
"""How much worse it is to miss a revocation than to hold somebody for nothing."""
Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Reply:
    """One labelled reply: stop (acts at once), probable (a sentence that revokes), start, help or none."""

    label: str
    language: str
    text: str

    @property
    def revokes(self) -> bool:
        """Whether its writer wants no more texts."""
        return self.label in ("stop", "probable")


def replies(path: Path = SEEN) -> list[Reply]:
    """The labelled replies of a file."""
    with path.open(encoding="utf-8", newline="") as file:
        return [Reply(row["label"], row["language"], row["text"]) for row in csv.DictReader(file)]


def fitted(given: Sequence[Reply]) -> dict[str, float]:
    """Each feature's weight, and that of "" for all replies."""
    sets = [features(fold(one.text)) for one in given]
    truth = np.array([one.revokes for one in given], np.float32)
    counts = Counter(feature for found in sets for feature in found)
    names = sorted(name for name, count in counts.items() if count >= RARE)
    first = _descend(sets, names, truth)
    strength = {name: abs(weight) * counts[name] ** 0.5 for name, weight in zip(names, first, strict=False)}
    names = sorted(sorted(names, key=lambda name: -strength[name])[:KEPT])
    found = _descend(sets, names, truth)
    return {"": float(found[-1])} | dict(zip(names, map(float, found), strict=False))


def _descend(sets: Sequence[set[str]], names: Sequence[str], truth: Array) -> Array:
    """The weights of the names, and last that of all replies."""
    place = {name: index for index, name in enumerate(names)}
    matrix = np.zeros((len(sets), len(names) + 1), np.float32)
    for row, found in enumerate(sets):
        places = [place[name] for name in found if name in place]
        matrix[row, places] = 1 / max(1, len(places)) ** 0.5
    matrix[:, -1] = 1
    weights = speed = np.zeros(len(names) + 1, np.float32)
    costs = np.where(truth > 0, np.float32(MISSED), np.float32(1))
    for _ in range(ROUNDS):
        guess = 1 / (1 + np.exp(-(matrix @ weights)))
        speed = MOMENTUM * speed - RATE * (matrix.T @ (costs * (guess - truth)) + PENALTY * weights) / len(sets)
        weights = weights + speed
    return weights


def main() -> None:
    """Write the weights."""
    given = replies()
    found = fitted(given)
    with WEIGHTS.open("w", encoding="utf-8", newline="") as file:
        file.write(
            f"# How a revocation sounds, learned from {len(given):,} labelled replies: see sender/revocations.py. "
        )
        file.write("Written by `python -m tests.fit`; not by hand.\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["feature", "weight"])
        writer.writerows(
            (name, round(weight * 100)) for name, weight in found.items() if name == "" or abs(weight) >= 0.005
        )


if __name__ == "__main__":
    main()
