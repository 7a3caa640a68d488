"""Statuses: which word may follow which, and which sets they belong to."""

from __future__ import annotations

import itertools

import pytest

from models.messages import RANK, SETTLED, WAITING, WITH_TWILIO, MessageStatus, supersedes

S = MessageStatus
OURS = {S.PENDING, S.CLAIMED, S.IN_DOUBT, S.UNKNOWN, S.SKIPPED}


def test_ranks_are_one_strict_order() -> None:
    """Every status has a rank of its own, so that of two words one always wins, whichever comes first."""
    assert set(RANK) == set(S)
    assert len(set(RANK.values())) == len(RANK)
    for one, other in itertools.combinations(S, 2):
        assert supersedes(one, other) != supersedes(other, one)
    assert not any(supersedes(status, status) for status in S)


def test_any_word_of_twilio_beats_any_of_ours() -> None:
    """What Twilio says is known; what we say is intent."""
    for ours, theirs in itertools.product(OURS, set(S) - OURS):
        assert supersedes(theirs, ours)


@pytest.mark.parametrize(
    "path",
    [
        "pending claimed queued sending sent delivered read",
        "pending claimed in_doubt accepted queued sent undelivered",
        "accepted scheduled queued failed",
        "accepted scheduled canceled",
        "sent failed delivered",  # a receipt that contradicts an earlier refusal is evidence that it arrived
        "failed undelivered delivered",
        "canceled failed",
        "unknown sent",
        "skipped delivered",
    ],
)
def test_the_paths_that_twilio_documents_lead_upwards(path: str) -> None:
    """Each step of a documented life is allowed, and no step back."""
    for earlier, later in itertools.combinations([S(word) for word in path.split()], 2):
        assert supersedes(later, earlier)
        assert not supersedes(earlier, later)


def test_the_sets_agree() -> None:
    """What waits is not settled and not with Twilio; what is settled stays; every status is accounted for."""
    assert not WAITING & SETTLED
    assert not WAITING & WITH_TWILIO
    assert WAITING | WITH_TWILIO | SETTLED | {S.UNKNOWN} == set(S)
    assert {S.SKIPPED, S.FAILED, S.CANCELED, S.RECEIVED} == SETTLED - WITH_TWILIO
    assert {status for status in SETTLED - {S.SKIPPED, S.RECEIVED} if RANK[status] < RANK[S.CANCELED]} == set()


@pytest.mark.parametrize(
    "word",
    [
        "accepted",
        "scheduled",
        "queued",
        "sending",
        "sent",
        "delivered",
        "undelivered",
        "failed",
        "canceled",
        "read",
        "received",
    ],
)
def test_twilio_s_words_are_kept_as_spelled(word: str) -> None:
    """`canceled` has one l, and `undelivered` is not abbreviated."""
    assert S(word).value == word
    assert S(word) not in OURS
