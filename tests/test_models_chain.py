"""The hash chain of an append-only table: the same facts give the same hash, any other fact gives another."""

from __future__ import annotations

import hashlib
import json
import string
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.chain import FIRST, link
from models.consent import ConsentKind

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FACTS = st.dictionaries(st.text(string.ascii_letters, min_size=1, max_size=8), PLAIN, max_size=6)


def test_the_hash_is_what_an_auditor_computes_by_hand() -> None:
    """SHA-256 over the previous hash, a line feed, and JSON with sorted keys and no spaces, in UTF-8."""
    written = FIRST + '\n{"reason":"hören","row":7}'
    assert link(FIRST, {"row": 7, "reason": "hören"}) == hashlib.sha256(written.encode()).hexdigest()
    assert FIRST == "0" * 64


@given(FACTS)
def test_the_order_of_keys_is_nothing(facts: dict[str, object]) -> None:
    """Facts are a mapping: read back in another order they hash the same."""
    assert link(FIRST, dict(reversed(facts.items()))) == link(FIRST, facts)


@given(FACTS)
def test_a_trip_through_the_database_changes_nothing(facts: dict[str, object]) -> None:
    """What a JSON column gives back hashes like what was put in."""
    assert link(FIRST, json.loads(json.dumps(facts))) == link(FIRST, facts)


@given(FACTS, st.sampled_from(["", "a", 0, None, [], {}]))
def test_any_other_fact_is_another_hash(facts: dict[str, object], value: object) -> None:
    """A changed, added or removed fact shows, and so does another predecessor."""
    present = link(FIRST, facts)
    if facts:
        name = next(iter(facts))
        assert link(FIRST, {k: v for k, v in facts.items() if k != name}) != present
        assert link(FIRST, facts | {name: [facts[name], value]}) != present
    assert link(FIRST, facts | {"another name": value}) != present
    assert link("1" * 64, facts) != present


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": "1"}, {"a": 1}),
        ({"a": None}, {"a": "None"}),
        ({"a": True}, {"a": 1}),
        ({"a": None}, {}),
        ({"a": "b", "c": ""}, {"a": "", "c": "b"}),
        ({"a": 'x","b":"y'}, {"a": "x", "b": "y"}),
        ({"a": "é"}, {"a": "e\u0301"}),
        ({"a": ["b", "c"]}, {"a": ["c", "b"]}),
        ({"a": ["b,c"]}, {"a": ["b", "c"]}),
    ],
)
def test_look_alikes_differ(one: dict[str, object], other: dict[str, object]) -> None:
    """Types, order in a list, and text that imitates the punctuation of JSON are told apart."""
    assert link(FIRST, one) != link(FIRST, other)


def test_words_of_ours_hash_as_they_are_stored() -> None:
    """An enum hashes as its word, so that a row loaded as text verifies too; a time hashes as text."""
    at = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
    assert link(FIRST, {"kind": ConsentKind.OPT_OUT}) == link(FIRST, {"kind": "opt_out"})
    assert link(FIRST, {"at": at}) == link(FIRST, {"at": str(at)})


def test_a_change_runs_through_the_rest_of_the_chain() -> None:
    """Whoever changes an early row has to change every later hash."""

    def chain(texts: list[str]) -> list[str]:
        hashes = [FIRST]
        for text in texts:
            hashes.append(link(hashes[-1], {"text": text}))
        return hashes[1:]

    honest, forged = chain(["a", "b", "c", "d"]), chain(["a", "B", "c", "d"])
    assert [x == y for x, y in zip(honest, forged, strict=True)] == [True, False, False, False]
