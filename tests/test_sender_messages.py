"""How one message changes: every order of the same callbacks ends the same, and the daily facts always add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.messages import RANK, Message, MessageStatus, supersedes
from models.rollups import FIELDS, SUMS, UsageDelta, fact
from sender import messages
from tests.conftest import NOW

S = MessageStatus
SID = "SM" + "a" * 32
CODES = {S.FAILED: 30007, S.UNDELIVERED: 30003}


class Word(NamedTuple):
    """One callback."""

    status: MessageStatus
    error_code: int | None = None
    sid: str | None = SID


class Priced(NamedTuple):
    """One look at the price."""

    price_u: int
    segments: int | None


def fresh(session: Session, account: Account, status: MessageStatus = S.CLAIMED) -> Message:
    """A message that a worker has claimed."""
    message = Message(
        account_id=account.id, sender_id=account.senders[0].id, phone="+12125550101", region="US", body="Hello",
        encoding="GSM-7", units=5, segments=2, status=status, due_at=NOW, created_at=NOW, updated_at=NOW, attempt=1,
        worker="w", lease_until=NOW,
    )  # fmt: skip
    session.add(message)
    session.flush()
    return message


def play(session: Session, message: Message, steps: Sequence[Word | Priced]) -> list[bool]:
    """Apply steps a second apart; which of them changed something."""
    moved = []
    for second, step in enumerate(steps, 1):
        at = NOW + timedelta(seconds=second)
        if isinstance(step, Word):
            code, sid = step.error_code, step.sid
            moved.append(messages.advance(session, message, step.status, now=at, sid=sid, error_code=code))
        else:
            moved.append(messages.price(session, message, price_u=step.price_u, segments=step.segments, now=at))
    return moved


def folded(session: Session) -> dict[tuple[object, ...], tuple[int, ...]]:
    """All deltas added up, without what came to nothing."""
    sums: dict[tuple[object, ...], Counter[str]] = {}
    for delta in session.scalars(select(UsageDelta)):
        counter = sums.setdefault(tuple(getattr(delta, name) for name in FIELDS), Counter())
        for name in SUMS:
            counter[name] += getattr(delta, name)
    return {key: tuple(c[name] for name in SUMS) for key, c in sums.items() if any(c.values())}


def recounted(session: Session) -> dict[tuple[object, ...], tuple[int, ...]]:
    """The same figures counted from the messages themselves."""
    sums: dict[tuple[object, ...], tuple[int, ...]] = {}
    for message in session.scalars(select(Message)):
        found = fact(message)
        if found is not None:
            old = sums.get(found.key, (0,) * len(SUMS))
            sums[found.key] = tuple(a + b for a, b in zip(old, found.sums, strict=True))
    return sums


WORDS = st.builds(
    lambda status, knows, sid: Word(status, CODES.get(status) if knows else None, sid),
    st.sampled_from(sorted(messages.WORDS.values(), key=RANK.__getitem__)),
    st.booleans(),
    st.sampled_from([SID, None]),
)
PRICES = st.builds(Priced, st.sampled_from([0, 8300, 16600]), st.sampled_from([None, 1, 2]))
SLOW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@SLOW
@given(st.data(), st.lists(WORDS, min_size=1, max_size=7))
def test_any_order_of_callbacks_ends_the_same(
    session: Session, account: Account, data: st.DataObject, words: list[Word]
) -> None:
    """Shuffled and repeated, the same callbacks give the same status, error code, SID and daily facts."""
    again = data.draw(st.permutations([*words, *data.draw(st.lists(st.sampled_from(words)))]))
    ends = []
    for order in (words, again):
        message = fresh(session, account)
        play(session, message, order)
        session.flush()
        ends.append((message.status, message.error_code, message.sid, folded(session)))
        session.rollback()
    assert ends[0] == ends[1]
    assert ends[0][0] is max([S.CLAIMED, *(word.status for word in words)], key=RANK.__getitem__)


@SLOW
@given(st.lists(st.lists(WORDS | PRICES, max_size=6), min_size=1, max_size=3))
def test_deltas_add_up_to_a_recount(session: Session, account: Account, lives: list[list[Word | Priced]]) -> None:
    """After any callbacks and prices of several messages the sum of the deltas is what a full count finds."""
    for number, life in enumerate(lives):
        steps = [s._replace(sid=s.sid and f"{s.sid}{number}") if isinstance(s, Word) else s for s in life]
        play(session, fresh(session, account), steps)
    session.flush()
    session.expire_all()
    assert folded(session) == recounted(session)
    session.rollback()


LIVES = [
    # words in the order they come → status, code, which of them moved it
    ("queued sent delivered", S.DELIVERED, None, "111"),
    ("delivered sent queued", S.DELIVERED, None, "100"),
    ("sent sent sent", S.SENT, None, "100"),
    ("sent undelivered:30003 delivered", S.DELIVERED, None, "111"),
    ("delivered undelivered:30003", S.DELIVERED, None, "10"),
    ("failed:30007 sent", S.FAILED, 30007, "10"),
    ("failed failed:30007", S.FAILED, 30007, "10"),
    ("failed:30007 failed", S.FAILED, 30007, "10"),
    ("failed:30007 failed:30008", S.FAILED, 30007, "10"),
    ("undelivered:30003 sent:21610", S.UNDELIVERED, 30003, "10"),
    ("canceled queued", S.CANCELED, None, "10"),
]


def test_documented_lives(session: Session, account: Account) -> None:
    """Each word moves a message only upwards; a repeat may bring the code that was missing, and nothing else."""
    for text, status, code, moved in LIVES:
        words = [Word(S(word), int(number) if number else None) for word, _, number in map(_cut, text.split())]
        message = fresh(session, account)
        assert "".join(str(int(m)) for m in play(session, message, words)) == moved, text
        assert (message.status, message.error_code) == (status, code), text
        session.rollback()


def _cut(word: str) -> tuple[str, str, str]:
    return word.partition(":")


def test_times_of_a_message(session: Session, account: Account) -> None:
    """`sent_at` is when we first knew that Twilio has it, `final_at` when it was settled; a repeat changes neither."""
    message = fresh(session, account)
    play(session, message, [Word(S.QUEUED), Word(S.SENT), Word(S.DELIVERED), Word(S.DELIVERED), Word(S.SENT)])
    assert message.sent_at == NOW + timedelta(seconds=1)
    assert message.final_at == message.updated_at == NOW + timedelta(seconds=3)
    assert (message.worker, message.lease_until) == (None, None)


@pytest.mark.parametrize("status", [S.PENDING, S.CLAIMED, S.IN_DOUBT, S.UNKNOWN, S.SKIPPED])
def test_a_word_from_twilio_settles_whatever_we_thought(status: MessageStatus) -> None:
    """A late callback of a message given up, set aside or waiting shows that it left, so it must never leave again."""
    assert all(supersedes(word, status) for word in messages.WORDS.values())


def test_a_sid_is_learned_once(session: Session, account: Account) -> None:
    """The first SID stays; an empty one is none; a word that moves nothing may still bring it."""
    message = fresh(session, account)
    play(session, message, [Word(S.SENT, sid=None), Word(S.QUEUED, sid=""), Word(S.QUEUED)])
    assert (message.sid, message.sent_at) == (SID, NOW + timedelta(seconds=3))
    assert message.updated_at == NOW + timedelta(seconds=3)
    play(session, message, [Word(S.DELIVERED, sid="SM" + "b" * 32)])
    assert message.sid == SID


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        *(
            (word, S(word))
            for word in ["accepted", "scheduled", "queued", "sending", "sent", "delivered", "undelivered"]
        ),
        *((word, S(word)) for word in ["failed", "canceled", "read"]),
        # ours, inbound's, deprecated, misspelt, and what Twilio may invent
        *((word, None) for word in ["pending", "claimed", "in_doubt", "unknown", "skipped", "received", "receiving"]),
        *((word, None) for word in ["partially_delivered", "cancelled", "Delivered", " sent", "", "\0", "x" * 9999]),
    ],
)
def test_only_twilio_s_words_count(said: str, expected: MessageStatus | None) -> None:
    """Nobody outside can say `skipped` or `unknown` of a message of ours, and `received` is not about one that we sent."""
    assert messages.word(said) is expected


def test_prices(session: Session, account: Account) -> None:
    """Unknown until Twilio says so, zero is a price, the count of segments is kept when Twilio does not know it."""
    message = fresh(session, account)
    play(session, message, [Word(S.SENT)])
    steps = [(8300, 1), (8300, 1), (8300, None), (16600, 2), (0, None)]
    assert play(session, message, [Priced(*step) for step in steps]) == [True, False, False, True, True]
    assert (message.twilio_price_u, message.twilio_segments, message.segments) == (0, 2, 2)
    session.flush()
    assert list(folded(session).values()) == [(1, 2, 0, 0)]


def test_unpriced_is_counted_until_the_price_comes(session: Session, account: Account, now: datetime) -> None:
    """The daily facts say how many prices are still missing, so that a sum of prices is never taken for complete."""
    message = fresh(session, account)
    seen = []
    for step in (Word(S.QUEUED), Word(S.DELIVERED), Priced(8300, 2)):
        play(session, message, [step])
        session.flush()
        seen.append(list(folded(session).values()))
    assert seen == [[(1, 2, 0, 1)], [(1, 2, 0, 1)], [(1, 2, 8300, 0)]]
