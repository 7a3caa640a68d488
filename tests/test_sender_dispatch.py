"""Claim and record, on both databases: who may be claimed, at which rate, and which outcome changes what."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.accounts import Account, SenderKind, SendingNumber
from models.base import Database, connect
from models.campaigns import Campaign, CampaignState, Lane, Reason, Run
from models.consent import ConsentKind, ConsentSource, Purpose
from models.countries import CountrySetting
from models.messages import Message, MessageStatus
from sender import consent, dispatch, messages, outcomes
from sender.outcomes import Claim, Outcome, Result
from sender.pacing import PACE_PERCENT, spacing
from tests import seeds

S = MessageStatus


def statuses(session: Session) -> dict[str, int]:
    """How many messages have which status."""
    found: dict[str, int] = {}
    for status in session.scalars(select(Message.status)):
        found[status] = found.get(status, 0) + 1
    return found


def claim(session: Session, now: datetime, limit: int = 100) -> list[Claim]:
    return dispatch.claim(session, worker="w1", now=now, limit=limit)


def test_claim_is_committed_intent(database: Database, session: Session, account: Account, now: datetime) -> None:
    """A claimed row is on disk with attempt, worker, lease and intent before anything is sent."""
    seeds.sending_run(session, account, 3)
    claims = claim(session, now)
    with database.reading() as other:
        rows = other.scalars(select(Message)).all()
    assert len(claims) == 3
    assert {(m.status, m.attempt, m.worker, m.intent_at, m.lease_until) for m in rows} == {
        (S.CLAIMED, 1, "w1", now, now + timedelta(seconds=60))
    }


def test_claimed_rows_are_not_claimed_again(session: Session, account: Account, now: datetime) -> None:
    """A second claim a moment later finds nothing left."""
    seeds.sending_run(session, account, 3)
    assert len(claim(session, now)) == 3
    assert claim(session, now + timedelta(seconds=1)) == []


@pytest.mark.parametrize(("kind", "expected"), [(SenderKind.SHORT_CODE, 25), (SenderKind.TOLL_FREE, 1)])
def test_rate_bounds_a_claim(
    session: Session, account: Account, now: datetime, kind: SenderKind, expected: int
) -> None:
    """One claim takes no more than the next quarter second of the sender's segments."""
    seeds.sending_run(session, account, 40, sender=seeds.sender_of(session, account, kind))
    claims = claim(session, now)
    rate = {SenderKind.SHORT_CODE: 100, SenderKind.TOLL_FREE: 3}[kind]
    assert len(claims) == expected
    gaps = {(b.slot - a.slot) for a, b in itertools.pairwise(claims)}
    paced = timedelta(seconds=100 / PACE_PERCENT / rate)
    assert all(abs(gap - paced) <= timedelta(microseconds=1) for gap in gaps)


def test_rate_holds_over_a_second(session: Session, account: Account, now: datetime) -> None:
    """Claiming every tenth of a second for two seconds never gives more than the rate in any whole second."""
    seeds.sending_run(session, account, 300)
    slots = [c.slot for step in range(20) for c in claim(session, now + timedelta(seconds=step / 10))]
    windows = [sum(1 for s in slots if start <= s < start + timedelta(seconds=1)) for start in slots]
    assert 97 <= max(windows) <= 100


@pytest.mark.parametrize(("slow", "share"), [(None, 1), (timedelta(minutes=5), 2), (timedelta(minutes=-5), 1)])
def test_a_backlog_keeps_the_distance_of_its_slots(
    session: Session, account: Account, now: datetime, slow: timedelta | None, share: int
) -> None:
    """Texts that leave late keep as far apart as their slots are, also while their sender is slowed: see `sender/flight.py`."""
    run = seeds.sending_run(session, account, 20)
    session.get_one(SendingNumber, run.sender_id).slow_until = slow and now + slow
    session.commit()
    first, second = claim(session, now)[:2]
    assert first.gap == second.slot - first.slot
    assert first.gap == share * spacing(1, 100)


def test_opt_out_after_expansion(session: Session, account: Account, now: datetime) -> None:
    """Somebody who said no after the list was made gets nothing: consent is asked at the claim."""
    seeds.sending_run(session, account, 3)
    phone = session.scalars(select(Message.phone)).first()
    assert phone
    consent.append(
        session, account_id=account.id, phone=phone, kind=ConsentKind.OPT_OUT, source=ConsentSource.ADMIN, now=now
    )
    session.commit()
    assert phone not in {c.to for c in claim(session, now)}
    skipped = session.scalars(select(Message).where(Message.status == S.SKIPPED)).one()
    assert (skipped.phone, skipped.reason) == (phone, Reason.OPTED_OUT)


def pause(session: Session) -> None:
    session.execute(update(Campaign).values(state=CampaignState.PAUSED))


def close_window(session: Session) -> None:
    session.execute(
        update(Lane).values(opens_at=seeds.NOW + timedelta(hours=1), closes_at=seeds.NOW + timedelta(hours=9))
    )


def hold(session: Session) -> None:
    session.execute(update(Lane).values(held=True))


def block_sender(session: Session) -> None:
    session.execute(update(Account).values(blocked_until=seeds.NOW + timedelta(seconds=5)))


@pytest.mark.parametrize("obstacle", [pause, close_window, hold, block_sender])
def test_nothing_leaves(session: Session, account: Account, now: datetime, obstacle: Callable[[Session], None]) -> None:
    """A pause, a closed window, a held lane and a throttled account each stop every claim, and lose nothing."""
    seeds.sending_run(session, account, 3)
    obstacle(session)
    session.commit()
    assert claim(session, now) == []
    assert statuses(session) == {"pending": 3}


def disable_country(session: Session) -> None:
    session.execute(update(CountrySetting).values(enabled=False))


def expire(session: Session) -> None:
    session.execute(update(Message).values(expires_at=seeds.NOW))


def cap(session: Session) -> None:
    session.execute(update(Run).values(segment_limit=0))


@pytest.mark.parametrize(
    ("obstacle", "reason"),
    [(disable_country, Reason.COUNTRY_DISABLED), (expire, Reason.EXPIRED), (cap, Reason.SEGMENT_LIMIT)],
)
def test_set_aside_with_a_reason(
    session: Session, account: Account, now: datetime, obstacle: Callable[[Session], None], reason: Reason
) -> None:
    """What may not leave any more is set aside, with exactly the reason."""
    seeds.sending_run(session, account, 2)
    obstacle(session)
    session.commit()
    assert claim(session, now) == []
    assert set(session.scalars(select(Message.reason))) == {reason}
    assert statuses(session) == {"skipped": 2}


def test_segment_limit_is_exact(session: Session, account: Account, now: datetime) -> None:
    """A limit of two segments lets exactly two one-segment messages go."""
    run = seeds.sending_run(session, account, 5)
    session.execute(update(Run).values(segment_limit=2))
    session.commit()
    session.refresh(run)
    assert len(claim(session, now)) == 2
    assert statuses(session) == {"claimed": 2, "skipped": 3}


def test_urgent_first(session: Session, account: Account, now: datetime) -> None:
    """A message of a lower priority number goes before older ones."""
    seeds.sending_run(session, account, 5)
    urgent = session.scalars(select(Message).order_by(Message.id.desc())).first()
    assert urgent
    urgent.priority = 0
    session.commit()
    assert [c.message_id for c in claim(session, now, 1)] == [urgent.id]


OUTCOMES = [
    (Result.SENT, {"sid": "SM" + "1" * 32, "status": "queued"}, S.QUEUED, None),
    (Result.REJECTED, {"error_code": 21211}, S.FAILED, 21211),
    (Result.THROTTLED, {"retry_after": 2.0}, S.PENDING, None),
    (Result.IN_DOUBT, {}, S.IN_DOUBT, None),
    (Result.UNSENT, {}, S.PENDING, None),
]


@pytest.mark.parametrize(("result", "extra", "status", "code"), OUTCOMES)
def test_outcome(
    session: Session,
    account: Account,
    now: datetime,
    result: Result,
    extra: dict[str, object],
    status: S,
    code: int | None,
) -> None:
    """Each outcome leads to its status, and what was not sent gives its segments back."""
    run = seeds.sending_run(session, account, 1)
    (claimed,) = claim(session, now)
    outcomes.record(session, [replace(Outcome(claimed, result), **extra)], now=now)  # type: ignore[arg-type]
    session.expire_all()
    message = session.scalars(select(Message)).one()
    assert (message.status, message.error_code) == (status, code)
    assert run.segments_claimed == int(status in {S.QUEUED, S.IN_DOUBT})
    if result is Result.THROTTLED:
        assert claim(session, now + timedelta(seconds=1)) == []
        assert len(claim(session, now + timedelta(seconds=2))) == 1


@pytest.mark.parametrize("result", [Result.REJECTED, Result.THROTTLED, Result.IN_DOUBT, Result.UNSENT])
def test_stale_attempt_changes_nothing(session: Session, account: Account, now: datetime, result: Result) -> None:
    """A worker that lost its lease can no longer change the row, whatever it brings."""
    seeds.sending_run(session, account, 1)
    (claimed,) = claim(session, now)
    session.execute(update(Message).values(attempt=2))
    session.commit()
    outcomes.record(session, [Outcome(claimed, result, error_code=1)], now=now)
    message = session.scalars(select(Message).execution_options(populate_existing=True)).one()
    assert (message.status, message.attempt) == (S.CLAIMED, 2)


def test_callback_before_the_answer(session: Session, account: Account, now: datetime) -> None:
    """A delivery receipt that overtakes the answer to the POST is not undone by it."""
    seeds.sending_run(session, account, 1)
    (claimed,) = claim(session, now)
    message = session.scalars(select(Message)).one()
    messages.advance(session, message, S.DELIVERED, now=now, sid="SM" + "2" * 32)
    session.commit()
    outcomes.record(session, [Outcome(claimed, Result.SENT, sid="SM" + "2" * 32, status="queued")], now=now)
    assert (message.status, message.sid) == (S.DELIVERED, "SM" + "2" * 32)


def test_refused_as_opted_out(session: Session, account: Account, now: datetime) -> None:
    """Twilio's 21610 is mirrored into the ledger, so that the person is not tried again."""
    seeds.sending_run(session, account, 1)
    (claimed,) = claim(session, now)
    outcomes.record(session, [Outcome(claimed, Result.REJECTED, error_code=21610)], now=now)
    refused = consent.blocked(session, account.id, [claimed.to], Purpose.ACCOUNT)
    assert refused[claimed.to].source is ConsentSource.PROVIDER_REFUSAL


def test_wrong_credentials_pause(session: Session, account: Account, now: datetime) -> None:
    """A refused key sends nothing and loses nothing: the campaign pauses until a person mends it."""
    seeds.sending_run(session, account, 2)
    claims = claim(session, now)
    outcomes.record(session, [Outcome(c, Result.REJECTED, error_code=20003, stops_run=True) for c in claims], now=now)
    assert statuses(session) == {"pending": 2}
    paused = session.execute(select(Campaign.state, Campaign.why)).one()
    assert paused.state is CampaignState.PAUSED
    assert "nothing is lost" in paused.why


def test_two_claimers(database_url: str, session: Session, account: Account, now: datetime) -> None:
    """Two processes that claim at the same moment never get the same message."""
    seeds.sending_run(session, account, 60)
    taken: list[int] = []
    barrier = threading.Barrier(2)

    def work(name: str) -> None:
        own = connect(database_url)
        barrier.wait()
        for step in range(40):  # a sender that the other one holds is passed over, not waited for
            with own.session() as mine:
                found = dispatch.claim(mine, worker=name, now=now + timedelta(seconds=step), limit=20)
            taken.extend(c.message_id for c in found)
        own.engine.dispose()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(set(taken))
    assert len(taken) == 60
