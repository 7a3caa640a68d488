"""Statuses: which word may follow which, and which sets they belong to."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Run
from models.messages import RANK, SETTLED, WAITING, WITH_TWILIO, Message, MessageStatus, supersedes, with_phone
from tests.conftest import NOW, seed_account
from tests.seeds import sending_run

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


def test_a_number_is_found_whatever_became_of_its_text(session: Session, account: Account) -> None:
    """Waiting in a campaign, claimed, sent, finished, without a campaign: all of the account's, and nobody else's."""
    other = seed_account(session, slug="other")
    runs = [sending_run(session, account, 4, name=name) for name in ("A", "B", "C")]
    sending_run(session, other, 4)
    phone = session.scalar(select(Message.phone).limit(1)) or ""
    session.execute(update(Message).where(Message.run_id == runs[1].id).values(status=MessageStatus.CLAIMED))
    session.execute(update(Message).where(Message.run_id == runs[2].id).values(status=MessageStatus.DELIVERED))
    session.execute(update(Run).where(Run.id == runs[2].id).values(finished_at=NOW))
    session.add(
        Message(
            account_id=account.id, phone=phone, region="US", body="x", encoding="GSM-7", units=1, segments=1,
            due_at=NOW + timedelta(days=1), created_at=NOW, updated_at=NOW,
        )
    )  # fmt: skip
    session.flush()
    plain = select(Message.id).where(Message.account_id == account.id, Message.phone == phone)
    found = select(Message.id).where(with_phone(account.id, lambda number: number == phone))
    assert sorted(session.scalars(found)) == sorted(session.scalars(plain))
    assert len(session.scalars(found).all()) == 4
    begins = select(Message.id).where(with_phone(account.id, lambda number: number.like("+1%")))
    assert len(session.scalars(begins).all()) == 13


def test_a_number_is_found_by_index(session: Session, account: Account) -> None:
    """Three look-ups, each in the index made for it, and no walk through the account's or a run's messages."""
    sending_run(session, account, 2)
    query = select(Message.id).where(with_phone(account.id, lambda number: number == "+12125550101"))
    ordered = query.order_by(Message.created_at.desc(), Message.id.desc()).limit(51)
    lite = session.get_bind().dialect.name == "sqlite"
    if not lite:
        session.execute(text("SET LOCAL enable_seqscan = off"))  # two rows are quicker read through
    written = ordered.compile(session.connection(), compile_kwargs={"literal_binds": True})
    rows = session.execute(text(f"EXPLAIN {'QUERY PLAN' if lite else ''} {written}"))
    plan = " ".join(str(row) for row in rows)
    assert "Seq Scan on message" not in plan
    if lite:
        assert "USING INDEX ix_message_account_id_phone (account_id=? AND phone=?)" in plan
        assert "autoindex_message_1 (run_id=? AND contact_id=?)" in plan
        assert "message USING INTEGER PRIMARY KEY" in plan
