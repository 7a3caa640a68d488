"""How many revocations are heard, and how many people are blocked by mistake? Measured on labelled replies, in three languages.

`replies.csv` is what the weights were learned from, and grows when a reply was read wrongly. Nobody looks at
`replies_unseen.csv` to mend anything but its labels and the list of words, so its figures say what to expect of the next reply.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from sender import revocations
from sender.keywords import Keyword, classify, fold
from tests.fit import SEEN, UNSEEN, Reply, replies

LANGUAGES = ("en", "es", "fr")
HEARD = (Keyword.STOP, Keyword.PROBABLE_STOP)


def share(part: int, whole: int) -> float:
    """How much of the whole."""
    assert whole, "nothing to measure"
    return part / whole


def measured(given: Sequence[Reply]) -> tuple[float, float, float]:
    """Revocations that are heard; how right we are where we act at once; how right where we act or hold."""
    read = [(one, classify(one.text)) for one in given]
    revoking = [keyword for one, keyword in read if one.revokes]
    at_once = [one.revokes for one, keyword in read if keyword is Keyword.STOP]
    either = [one.revokes for one, keyword in read if keyword in HEARD]
    return (
        share(sum(keyword in HEARD for keyword in revoking), len(revoking)),
        share(sum(at_once), len(at_once)),
        share(sum(either), len(either)),
    )


@pytest.mark.parametrize(("path", "recall"), [(SEEN, 1.0), (UNSEEN, 0.98)], ids=["seen", "unseen"])
def test_recall_and_precision(path: Path, recall: float, capsys: pytest.CaptureFixture[str]) -> None:
    """Every revocation of the corpus is heard, and nearly every other one; hardly anybody is blocked who did not ask for it."""
    given = replies(path)
    assert {one.language for one in given} == set(LANGUAGES)
    lines = [f"{path.stem}: {len(given):,} replies, {sum(one.revokes for one in given):,} of them revocations"]
    for language in (*LANGUAGES, "all"):
        mine = [one for one in given if language in (one.language, "all")]
        heard, at_once, either = measured(mine)
        lines.append(
            f"  {language:3} {len(mine):5,}: recall {heard:.4f}, precision {at_once:.4f} at once, {either:.4f} with holds"
        )
    with capsys.disabled():
        print("\n" + "\n".join(lines))  # noqa: T201
    heard, at_once, _ = measured(given)
    assert heard >= recall, [one.text for one in given if one.revokes and classify(one.text) not in HEARD]
    assert at_once >= 0.97, [one.text for one in given if not one.revokes and classify(one.text) is Keyword.STOP]


def test_the_corpora_are_apart() -> None:
    """No reply is in both, however it is written."""
    seen = {fold(one.text) for one in replies(SEEN)}
    assert [one.text for one in replies(UNSEEN) if fold(one.text) in seen] == []


def test_the_weights_are_small_and_quick() -> None:
    """Under a megabyte, read in a moment once, and a judgement takes no time beside a request."""
    assert revocations.WEIGHTS.stat().st_size < 1_000_000
    revocations.weights.cache_clear()
    before = time.process_time()
    revocations.weights()
    assert time.process_time() - before < 0.25
    texts = [fold(one.text) for one in replies(UNSEEN)]
    before = time.process_time()
    for text in texts:
        revocations.score(text)
    assert (time.process_time() - before) / len(texts) < 0.001


def test_a_text_of_no_known_word_is_no_revocation() -> None:
    """Where the scale begins: what sounds like nothing that was learned is not held."""
    assert revocations.score("") < 0
    assert revocations.score("щщщ") < 0
