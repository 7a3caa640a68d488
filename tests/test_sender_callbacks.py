"""Callbacks in batches against the same callbacks one by one: same statuses, same callbacks kept, same daily facts."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from itertools import cycle
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, event, select, text
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Database
from models.campaigns import Reason
from models.messages import RANK, Callback, Direction, Message, MessageStatus
from models.rollups import UsageDelta
from sender import callbacks, messages
from sender.callbacks import Failure, Posted
from tests.conftest import NOW, seed_account
from tests.test_sender_messages import folded, recounted

S = MessageStatus
STATES = [S.PENDING, S.CLAIMED, S.IN_DOUBT, S.UNKNOWN, S.SKIPPED, S.SENT]
"""One message in each, the last without a SID: somebody said that it was sent."""
CODES = {"failed": 30007, "undelivered": 30003}
SLOW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def fresh(session: Session, account: Account, status: MessageStatus, number: int) -> Message:
    """A message of a second attempt; the worker of the first is long dead. One that is `sent` was said to be by a person."""
    message = Message(
        account_id=account.id, sender_id=account.senders[0].id, phone=f"+1212555010{number}", region="US", body="Hello",
        encoding="GSM-7", units=5, segments=number + 1, status=S.UNKNOWN if status is S.SENT else status, due_at=NOW,
        created_at=NOW, updated_at=NOW, attempt=2, worker="w", lease_until=NOW,
        reason=Reason.EXPIRED if status is S.SKIPPED else None,
    )  # fmt: skip
    session.add(message)
    session.flush()
    if status is S.SENT:
        messages.advance(session, message, S.SENT, now=NOW)
    return message


def posted(message: Message, word: str, **given: Any) -> Posted:
    """What Twilio posts about a message; `at` in seconds from the first attempt."""
    said = Posted(
        account_id=message.account_id, sid=f"SM{message.id}", status=word, error_code=None, token=None, to=message.phone,
        extra={"ApiVersion": "1"}, received_at=NOW + timedelta(seconds=given.pop("at", 0)), ours=message.id, attempt=1,
    )  # fmt: skip
    return said._replace(**given)


def state(session: Session) -> list[tuple[object, ...]]:
    """Everything of the messages that a callback may change, but times; a SID as whether it is its own."""
    session.expire_all()
    return [
        (row.status, row.sid and row.sid == f"SM{row.id}", row.error_code, row.worker, row.lease_until, row.reason)
        for row in session.scalars(select(Message).order_by(Message.id))
    ]


def one_by_one(session: Session, batch: Sequence[Posted]) -> None:
    """The same through the single door, the way it was done before batches."""
    for each in batch:
        message = session.scalars(select(Message).where(Message.sid == each.sid)).first()
        message = message or (session.get(Message, each.ours) if each.ours else None)
        word = messages.word(each.status)
        if message is not None and message.sid in {None, each.sid} and word is not None:
            messages.advance(session, message, word, now=each.received_at, sid=each.sid, error_code=each.error_code)
            session.flush()


class Step(NamedTuple):
    """One callback about the message with this number; `named` when it carries our id."""

    number: int
    word: str
    error_code: int | None
    named: bool


STEPS = st.builds(
    Step,
    st.integers(0, len(STATES) - 1),
    st.sampled_from([*sorted(messages.WORDS), "partially_delivered"]),
    st.sampled_from([None, 30001, 30003]),
    st.sampled_from([True, True, False]),
)


def told(session: Session, account: Account, steps: Sequence[Step]) -> list[Posted]:
    """Six messages, and the callbacks about them."""
    texts = [fresh(session, account, status, number) for number, status in enumerate(STATES)]
    return [
        posted(
            texts[step.number], step.word, error_code=step.error_code, token=f"t{at}", at=at,
            **({} if step.named else {"ours": None}),
        )
        for at, step in enumerate(steps)
    ]  # fmt: skip


def in_batches(session: Session, all_posted: Sequence[Posted], cuts: Sequence[int]) -> None:
    """Stored a few at a time, as `cuts` say in turn."""
    start = 0
    for cut in cycle(cuts):
        callbacks.store(session, all_posted[start : start + cut])
        start += cut
        if start >= len(all_posted):
            return


@SLOW
@given(st.lists(STEPS, min_size=1, max_size=14), st.lists(st.integers(1, 5), min_size=1))
def test_a_batch_is_its_callbacks_one_by_one(
    session: Session, account: Account, steps: list[Step], cuts: list[int]
) -> None:
    """However the same callbacks are cut into batches, every column and every daily fact is as if each came alone."""
    session.rollback()
    one_by_one(session, told(session, account, steps))
    expected = state(session), folded(session)
    session.rollback()
    in_batches(session, told(session, account, steps), cuts)
    assert (state(session), folded(session)) == expected
    assert folded(session) == recounted(session)
    assert len(session.scalars(select(Callback.id)).all()) == len(steps)
    session.rollback()


@SLOW
@given(st.lists(STEPS, min_size=1, max_size=14), st.lists(st.integers(1, 5), min_size=1), st.data())
def test_any_order_and_repeats_end_the_same(
    session: Session, account: Account, steps: list[Step], cuts: list[int], data: st.DataObject
) -> None:
    """Shuffled, repeated and cut anyhow: the highest rank wins, each is kept once, the daily facts are a recount's."""
    session.rollback()
    steps = [step._replace(named=True, error_code=CODES.get(step.word)) for step in steps]
    ends = []
    for again in ([], data.draw(st.lists(st.sampled_from(range(len(steps))), max_size=6))):
        all_posted = told(session, account, steps)
        order = data.draw(st.permutations([*range(len(steps)), *again]))
        in_batches(session, [all_posted[place] for place in order], cuts)
        ends.append((state(session), folded(session)))
        assert folded(session) == recounted(session)
        assert len(session.scalars(select(Callback.id)).all()) == len(steps)
        session.rollback()
    assert ends[0] == ends[1]
    for number, before in enumerate(STATES):
        words = [messages.WORDS[step.word] for step in steps if step.number == number and step.word in messages.WORDS]
        assert ends[0][0][number][0] is max([before, *words], key=RANK.__getitem__)


def test_what_is_kept(session: Session, account: Account) -> None:
    """Each once, in order, with what it moved; a failure that is new is told, a repeat of it is not."""
    message = fresh(session, account, S.CLAIMED, 0)
    batch = [
        posted(message, "sent", token="a"),
        posted(message, "sent", token="a"),
        posted(message, "queued"),
        posted(message, "queued"),
        posted(message, "failed", error_code=30001, token="b", at=5),
        posted(message, "failed", error_code=30001, token="c", at=9),
        posted(message, "nonsense", sid="SMother"),
    ]
    assert callbacks.store(session, batch) == [Failure(account.id, message.sender_id, 30001)]
    assert callbacks.store(session, [batch[4], batch[0]]) == []
    assert callbacks.store(session, []) == []
    kept = session.scalars(select(Callback).order_by(Callback.id)).all()
    assert [(row.status, row.applied, row.message_id == message.id) for row in kept] == [
        ("sent", True, True), ("queued", False, True), ("queued", False, True), ("failed", True, True), ("failed", False, True),
        ("nonsense", False, False),
    ]  # fmt: skip
    assert kept[0].extra == {"ApiVersion": "1"}
    assert kept[3].received_at == NOW + timedelta(seconds=5)
    session.refresh(message)
    assert (message.status, message.error_code, message.sid) == (S.FAILED, 30001, f"SM{message.id}")
    assert message.sent_at == NOW
    assert message.final_at == message.updated_at == NOW + timedelta(seconds=5)
    assert (message.worker, message.lease_until) == (None, None)


def test_a_sid_learned_in_a_batch_is_known_to_the_rest_of_it(session: Session, account: Account) -> None:
    """Later callbacks of the batch find the message by it, and no second message can take it."""
    first, second = fresh(session, account, S.IN_DOUBT, 0), fresh(session, account, S.CLAIMED, 1)
    callbacks.store(
        session,
        [
            posted(first, "queued", sid="SMx"),
            posted(first, "delivered", sid="SMx", ours=None),
            posted(second, "sent", sid="SMx"),
        ],
    )
    session.expire_all()
    assert (first.status, first.sid) == (S.DELIVERED, "SMx")
    assert (second.status, second.sid) == (S.CLAIMED, None)
    assert [row.message_id for row in session.scalars(select(Callback).order_by(Callback.id))] == [first.id] * 3


def test_only_the_account_s_own(session: Session, account: Account) -> None:
    """Neither by SID nor by our id does a callback reach another tenant's message, another number's or an inbound one."""
    message, inbound = fresh(session, account, S.SENT, 0), fresh(session, account, S.RECEIVED, 1)
    message.sid, inbound.direction, inbound.sid = "SMx", Direction.INBOUND, "SMin"
    stranger = seed_account(session, slug="stranger")
    foreign = [
        posted(message, "failed", sid="SMx")._replace(account_id=stranger.id),
        posted(message, "failed", sid="SMy")._replace(account_id=stranger.id),
        posted(message, "failed", sid="SMy"),
        posted(inbound, "failed", sid="SMin"),
        posted(fresh(session, account, S.CLAIMED, 2), "failed")._replace(to="+12125559999"),
    ]
    callbacks.store(session, foreign)
    assert all(row.message_id is None and not row.applied for row in session.scalars(select(Callback)))
    session.expire_all()
    assert (message.status, inbound.status) == (S.SENT, S.RECEIVED)


def test_the_rows_are_found_by_indexes(session: Session, account: Account) -> None:
    """By the key and by the SID, also in a plan that was made before the values were known: never by reading the table."""
    plans: list[str] = []

    def explain(connection: Connection, cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT message"):
            word = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
            cursor.execute(f"{word} {statement}", parameters)
            plans.append(str(cursor.fetchall()))

    if session.get_bind().dialect.name == "postgresql":
        for n in range(300):  # enough for a plan that does not depend on what was there before
            fresh(session, account, S.CLAIMED, n + 5)
        session.execute(text("ANALYZE message"))
        session.execute(text("SET LOCAL enable_seqscan = off"))
        session.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
    event.listen(session.connection(), "before_cursor_execute", explain)
    callbacks.store(session, [posted(fresh(session, account, S.CLAIMED, 0), "sent")])
    (plan,) = plans
    assert "uq_message_sid" in plan
    assert "pk_message" in plan or "INTEGER PRIMARY KEY" in plan


def test_it_waits_for_whoever_holds_a_row(database: Database, session: Session, account: Account) -> None:
    """A batch and a worker that lock the same rows in the order of their ids take turns; nothing is lost, nothing stands still."""
    texts = [fresh(session, account, S.CLAIMED, n) for n in range(5)]
    session.commit()
    held, failed = threading.Event(), []

    def worker() -> None:
        for _ in range(8):
            with database.transaction() as other:
                rows = other.scalars(select(Message).order_by(Message.id).with_for_update()).all()
                held.set()
                for row in rows:
                    row.absences += 1

    def intake(order: Sequence[Message], word: str) -> None:
        try:
            for number in range(8):
                with database.transaction() as other:
                    callbacks.store(other, [posted(text, word, token=f"{word}{text.id}{number}") for text in order])
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=worker)]
    threads[0].start()
    assert held.wait(10)
    threads += [threading.Thread(target=intake, args=each) for each in ((texts, "sent"), (texts[::-1], "delivered"))]
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    session.expire_all()
    assert [(text.status, text.absences, text.sid) for text in texts] == [
        (S.DELIVERED, 8, f"SM{text.id}") for text in texts
    ]
    assert len(session.scalars(select(Callback.id)).all()) == 80
    assert folded(session) == recounted(session)
    session.execute(delete(UsageDelta))
