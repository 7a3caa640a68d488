"""What is next: turns between campaigns, replies before all, what is held, and a bound on what is in flight."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.accounts import Account, SenderKind, SendingNumber
from models.campaigns import Campaign, Lane, Run
from models.messages import Message, MessageStatus
from sender import dispatch
from sender.claims import Claim
from sender.pacing import ALONE_UP_TO
from tests import seeds
from tests.conftest import NOW


def claims(session: Session, seconds: float = 0.0, *, limit: int = 100, worker: str = "w") -> list[Claim]:
    """One claim, so many seconds after NOW."""
    return dispatch.claim(session, worker=worker, now=NOW + timedelta(seconds=seconds), limit=limit)


@pytest.fixture
def two_runs(session: Session, account: Account) -> tuple[int, int]:
    """A campaign of 300, and one of 20 that started later, from the same sender."""
    account.concurrency = 1_000
    first = seeds.sending_run(session, account, 300, name="Large")
    second = seeds.sending_run(session, account, 20, name="Small")
    return first.id, second.id


def test_campaigns_take_turns(session: Session, two_runs: tuple[int, int]) -> None:
    """The small campaign does not wait for the large one: both get the same share until it is done."""
    large, small = two_runs
    share = Counter(claim.run_id for claim in claims(session))
    assert abs(share[large] - share[small]) <= 1
    rest = Counter(claim.run_id for step in range(1, 12) for claim in claims(session, step / 4))
    assert (share + rest)[small] == 20
    assert (share + rest)[large] > 200, "what the small one left over goes to the large one"


def test_turns_at_a_slow_sender(session: Session, account: Account) -> None:
    """Where one claim takes one text, turns alternate: the one served longest ago is next."""
    slow = seeds.sender_of(session, account, SenderKind.TOLL_FREE)
    runs = [seeds.sending_run(session, account, 9, name=name, sender=slow).id for name in ("One", "Two", "Three")]
    order = [claim.run_id for step in range(40) for claim in claims(session, step / 4)]
    assert [set(order[turn : turn + 3]) for turn in range(0, 27, 3)] == [set(runs)] * 9


def test_an_urgent_campaign_goes_first(session: Session, two_runs: tuple[int, int]) -> None:
    """Turns are taken among campaigns of one priority; a more urgent one is done before them."""
    _, small = two_runs
    session.execute(update(Lane).where(Lane.run_id == small).values(priority=1))
    session.commit()
    assert {claim.run_id for claim in claims(session, limit=20)} == {small}


def test_replies_go_before_campaigns(session: Session, account: Account, two_runs: tuple[int, int]) -> None:
    """A text that belongs to no campaign leaves with the next claim, whatever waits before it."""
    claims(session)
    reply = session.scalars(select(Message).where(Message.run_id == two_runs[0]).order_by(Message.id.desc())).first()
    assert reply
    reply.run_id = reply.lane_id = None
    reply.priority = 0
    session.commit()
    assert claims(session, 0.3)[0].message_id == reply.id
    assert account.id == reply.account_id


def older_epoch(session: Session) -> None:
    session.execute(update(Account).values(launch_epoch=2))


def held_account(session: Session) -> None:
    session.execute(update(Account).values(held_why="Restored from a backup."))


def used_up_budget(session: Session) -> None:
    session.execute(update(Run).values(budget_segments=0))


def inactive(session: Session) -> None:
    session.execute(update(SendingNumber).values(active=False))


@pytest.mark.parametrize("obstacle", [older_epoch, held_account, used_up_budget, inactive])
def test_nothing_leaves_and_nothing_is_lost(session: Session, account: Account, obstacle: object) -> None:
    """A run of another epoch, a held account, an empty budget and a sender that is off: all rows stay as they are."""
    seeds.sending_run(session, account, 3)
    assert callable(obstacle)
    obstacle(session)
    session.commit()
    assert claims(session) == []
    assert set(session.scalars(select(Message.status))) == {MessageStatus.PENDING}


@pytest.mark.parametrize(("budget", "leaves"), [(1, 1), (2, 2), (3, 3), (9, 3)])
def test_a_budget_is_exact(session: Session, account: Account, budget: int, leaves: int) -> None:
    """As many segments as the budget is good for; the others wait, because a budget may be raised."""
    seeds.sending_run(session, account, 3)
    session.execute(update(Run).values(budget_segments=budget))
    session.commit()
    assert len([*claims(session), *claims(session, 1)]) == leaves
    assert Counter(session.scalars(select(Message.status)))[MessageStatus.PENDING] == 3 - leaves


def test_no_more_in_flight_than_the_account_may_have(session: Session, account: Account) -> None:
    """The bound holds over all workers and senders, and opens again as texts land."""
    seeds.sending_run(session, account, 30)
    seeds.sending_run(
        session, account, 30, name="Other", sender=seeds.sender_of(session, account, SenderKind.TOLL_FREE)
    )
    session.execute(update(Account).values(concurrency=5))
    session.commit()
    first = claims(session, worker="a")
    assert len(first) == 5
    assert claims(session, 1, worker="b") == []
    session.execute(update(Message).where(Message.id == first[0].message_id).values(status=MessageStatus.QUEUED))
    session.commit()
    assert len(claims(session, 2, worker="b")) == 1


def test_one_process_at_a_time_spaces_a_senders_texts(session: Session, account: Account) -> None:
    """While one claims for a sender, others leave it alone; a second after its last claim it is anybody's."""
    seeds.sending_run(session, account, 80)
    assert len(claims(session, 0, worker="a")) == 25
    assert claims(session, 0.9, worker="b") == []
    assert len(claims(session, 0.9, worker="a")) == 25
    assert claims(session, 1.8, worker="b") == []
    assert len(claims(session, 1.9, worker="b")) == 25


def test_a_sender_faster_than_a_process_is_shared(session: Session, account: Account) -> None:
    """Its texts are more than one process can send."""
    seeds.sending_run(session, account, 80)
    session.execute(update(SendingNumber).values(segments_per_second=ALONE_UP_TO + 1))
    session.commit()
    assert len(claims(session, 0, worker="a", limit=20)) == 20
    assert len(claims(session, 0, worker="b", limit=20)) == 20


def test_only_the_senders_it_was_given(session: Session, account: Account) -> None:
    """A worker to which other senders are assigned leaves this one alone."""
    run = seeds.sending_run(session, account, 3)
    others = set(session.scalars(select(SendingNumber.id).where(SendingNumber.id != run.sender_id)))
    given = {"worker": "w", "now": NOW, "limit": 9}
    assert dispatch.claim(session, senders=others, **given) == []  # type: ignore[arg-type]
    assert dispatch.claim(session, senders=set(), **given) == []  # type: ignore[arg-type]
    assert len(dispatch.claim(session, senders={run.sender_id}, **given)) == 3  # type: ignore[arg-type]
    assert session.scalar(select(Campaign.id)) == run.campaign_id
