"""A message in doubt: found, proven absent, or left to a person; never sent again blindly."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Database
from models.campaigns import Campaign, CampaignState, Lane, Run
from models.contacts import Contact
from models.messages import Message, MessageStatus
from sender import dispatch, doubts, outcomes
from sender.doubts import Doubt, Verdict
from sender.gateway import Gateway, Remote
from sender.outcomes import Claim, Outcome, Result
from tests import seeds
from tests.conftest import seed_account

S = MessageStatus


@pytest.fixture
def claimed(session: Session, account: Account, now: datetime) -> Claim:
    """One claimed message."""
    seeds.sending_run(session, account, 1)
    return dispatch.claim(session, worker="w", now=now, limit=1)[0]


def listed(sid: str, claim: Claim, *, status: str = "sent", body: str | None = None) -> Remote:
    """A message as Twilio lists it."""
    return Remote(
        sid=sid, status=status, direction="outbound-api", to=claim.to, from_="27242", messaging_service_sid=None,
        body=claim.body if body is None else body, segments=1, media=0, price=None, price_unit="USD", error_code=None,
        date_created=claim.intent_at, date_sent=None,
    )  # fmt: skip


def row(session: Session) -> Message:
    return session.scalars(select(Message).execution_options(populate_existing=True)).one()


def doubt_of(session: Session, now: datetime) -> Doubt:
    (found,) = doubts.due(session, now=now)
    return found


def test_dead_worker_becomes_a_doubt(session: Session, claimed: Claim, now: datetime) -> None:
    """A lease that runs out makes the row in doubt, not sendable."""
    assert doubts.reap(session, now=now + timedelta(seconds=59)) == 0
    assert doubts.reap(session, now=now + timedelta(seconds=60)) == 1
    assert row(session).status is S.IN_DOUBT
    assert dispatch.claim(session, worker="other", now=now + timedelta(seconds=61), limit=9) == []


def test_found_at_twilio(session: Session, claimed: Claim, now: datetime) -> None:
    """One match in Twilio's list is the message."""
    doubts.reap(session, now=now + timedelta(seconds=60))
    later = now + timedelta(seconds=61)
    doubts.settle(session, doubt_of(session, later), [listed("SM" + "a" * 32, claimed)], now=later)
    assert (row(session).status, row(session).sid) == (S.SENT, "SM" + "a" * 32)


def test_absent_twice_is_sendable(session: Session, claimed: Claim, now: datetime) -> None:
    """Two searches without a match, a settling time apart, prove absence; one does not."""
    doubts.reap(session, now=now + timedelta(seconds=60))
    first, second = now + timedelta(seconds=61), now + timedelta(seconds=121)
    doubts.settle(session, doubt_of(session, first), [], now=first)
    assert row(session).status is S.IN_DOUBT
    assert doubts.due(session, now=first + timedelta(seconds=59)) == []
    doubts.settle(session, doubt_of(session, second), [], now=second)
    assert row(session).status is S.PENDING
    (again,) = dispatch.claim(session, worker="w2", now=second + timedelta(seconds=1), limit=1)
    assert again.attempt == 2


def test_two_candidates_need_a_person(session: Session, claimed: Claim, now: datetime) -> None:
    """Several matches cannot be told apart: the row is parked."""
    doubts.reap(session, now=now + timedelta(seconds=60))
    later = now + timedelta(seconds=61)
    pair = [listed("SM" + "a" * 32, claimed), listed("SM" + "b" * 32, claimed)]
    doubts.settle(session, doubt_of(session, later), pair, now=later)
    assert row(session).status is S.UNKNOWN


def test_unreachable_twilio_is_no_proof(session: Session, claimed: Claim, now: datetime) -> None:
    """When Twilio cannot be asked nothing is decided; after six hours a person has to."""
    doubts.reap(session, now=now + timedelta(seconds=60))
    for hours in (1, 5):
        at = now + timedelta(hours=hours)
        doubts.settle(session, doubt_of(session, at), None, now=at)
        assert row(session).status is S.IN_DOUBT
    late = now + timedelta(hours=6, seconds=1)
    doubts.settle(session, doubt_of(session, late), None, now=late)
    assert row(session).status is S.UNKNOWN


def test_bound_sid_is_not_a_candidate(session: Session, account: Account, now: datetime) -> None:
    """Twilio's message that another row already owns is never taken for this one."""
    seeds.sending_run(session, account, 2)
    one, two = dispatch.claim(session, worker="w", now=now, limit=2)
    outcomes.record(session, [Outcome(one, Result.SENT, sid="SM" + "a" * 32, status="queued")], now=now)
    doubts.reap(session, now=now + timedelta(seconds=60))
    later = now + timedelta(seconds=61)
    doubts.settle(session, doubt_of(session, later), [listed("SM" + "a" * 32, two)], now=later)
    assert session.get_one(Message, two.message_id).absences == 1


def test_max_attempts(session: Session, claimed: Claim, now: datetime) -> None:
    """A message proven absent after its last attempt is parked instead of tried for ever."""
    message = row(session)
    message.attempt = 5
    session.commit()
    doubts.reap(session, now=now + timedelta(seconds=60))
    for minutes in (2, 4):
        at = now + timedelta(minutes=minutes)
        doubts.settle(session, doubt_of(session, at), [], now=at)
    assert row(session).status is S.UNKNOWN


def test_own_body_wins(session: Session, claimed: Claim, now: datetime) -> None:
    """Of two texts that Twilio lists, the one with our words is ours."""
    doubts.reap(session, now=now + timedelta(seconds=60))
    later = now + timedelta(seconds=61)
    found = [listed("SM" + "a" * 32, claimed, body="Other text"), listed("SM" + "b" * 32, claimed)]
    doubts.settle(session, doubt_of(session, later), found, now=later)
    assert row(session).sid == "SM" + "b" * 32


def test_other_words_are_no_proof_of_absence(session: Session, claimed: Claim, now: datetime) -> None:
    """A text to the same person at the same time with other words may be ours, reworded or redacted: a person decides."""
    doubts.reap(session, now=now + timedelta(seconds=60))
    later = now + timedelta(seconds=61)
    doubts.settle(session, doubt_of(session, later), [listed("SM" + "a" * 32, claimed, body="")], now=later)
    assert row(session).status is S.UNKNOWN


def other_text(session: Session, claimed: Claim, now: datetime, **changed: object) -> Message:
    """A text of another kind to the same person, whose own fate is open; committed."""
    mine = row(session)
    other = seeds.pending(
        session.get_one(Account, mine.account_id), session.get_one(Run, mine.run_id),
        session.get_one(Lane, mine.lane_id), session.get_one(Contact, mine.contact_id), now,
    )  # fmt: skip
    other.run_id = other.lane_id = None
    fixed: dict[str, object] = {
        "body": "Another text",
        "status": S.IN_DOUBT,
        "attempt": 1,
        "intent_at": now,
        "lease_until": None,
    }
    for name, given in (fixed | changed).items():
        setattr(other, name, given)
    session.add(other)
    session.commit()
    assert other.phone == claimed.to
    return other


def test_another_text_of_ours_explains_what_is_listed(session: Session, claimed: Claim, now: datetime) -> None:
    """Two campaigns, one person, one crash: what is word for word the other text leaves no doubt about this one."""
    other_text(session, claimed, now)
    doubts.reap(session, now=now + timedelta(seconds=60))
    later = now + timedelta(seconds=61)
    (doubt,) = (each for each in doubts.due(session, now=later) if each.message_id == claimed.message_id)
    listed_ = listed("SM" + "a" * 32, claimed, body="Another text")
    doubts.settle(session, doubt, [listed_], now=later)
    message = session.get_one(Message, claimed.message_id)
    assert (message.status, message.absences) == (S.IN_DOUBT, 1)
    both = [listed_, listed("SM" + "b" * 32, claimed)]
    doubts.settle(session, doubt, both, now=later)
    assert session.get_one(Message, claimed.message_id).sid == "SM" + "b" * 32


@pytest.mark.parametrize(
    "known", [{"sid": "SM" + "c" * 32, "status": S.QUEUED}, {"status": S.PENDING}, {"phone": "+12125550199"}]
)
def test_only_an_open_text_to_the_same_person_explains(
    session: Session, claimed: Claim, now: datetime, known: dict[str, object]
) -> None:
    """A text that has its own SID, was not tried or went to somebody else explains nothing: a person decides."""
    other = other_text(session, claimed, now)
    for name, given in known.items():
        setattr(other, name, given)
    session.commit()
    doubts.reap(session, now=now + timedelta(seconds=60))
    later = now + timedelta(seconds=61)
    (doubt,) = (each for each in doubts.due(session, now=later) if each.message_id == claimed.message_id)
    doubts.settle(session, doubt, [listed("SM" + "a" * 32, claimed, body="Another text")], now=later)
    assert session.get_one(Message, claimed.message_id).status is S.UNKNOWN


def test_what_is_asked_of_twilio(claimed: Claim, now: datetime) -> None:
    """The search is by recipient and around the time of the intent; what they wrote to us is not among the answers."""

    class Listing(Gateway):
        def find(self, *, to: str, since: datetime, until: datetime, limit: int = 1000) -> list[Remote]:
            assert to == claimed.to
            assert since < claimed.intent_at < until
            return [replace(listed("SM" + "a" * 32, claimed), direction="inbound"), listed("SM" + "b" * 32, claimed)]

    doubt = Doubt(claimed.message_id, 1, claimed.account_id, claimed.to, claimed.body, now, timedelta(seconds=60))
    found = doubts.look_up(Listing("AC", "t"), doubt)
    assert found is not None
    assert [remote.sid for remote in found] == ["SM" + "b" * 32]


def test_one_account_without_credentials_does_not_stop_the_others(
    database: Database, session: Session, now: datetime
) -> None:
    """The sweep goes on to the next account, and what could not be looked up stays in doubt."""
    for slug in ("harbor", "pier"):
        seeds.sending_run(session, seed_account(session, slug=slug), 1, name=slug)
    dispatch.claim(session, worker="w", now=now, limit=9)
    later = now + timedelta(seconds=61)

    class Silent(Gateway):
        def find(self, *, to: str, since: datetime, until: datetime, limit: int = 1000) -> list[Remote]:
            return []

    def gateway_for(account: Account) -> Gateway:
        if account.slug == "harbor":
            raise LookupError("no token")
        return Silent("AC", "t")

    assert doubts.resolve(database.session, gateway_for, clock=lambda: later) == 2
    session.expire_all()
    found = {m.account_id: (m.status, m.absences) for m in session.scalars(select(Message))}
    assert sorted(found.values()) == [(S.IN_DOUBT, 0), (S.IN_DOUBT, 1)]


def test_a_late_decision_still_leaves(session: Session, claimed: Claim, now: datetime) -> None:
    """Sent again after its campaign is complete: nobody looks into the lanes of a finished run, so it leaves without one."""
    message = row(session)
    message.status = S.UNKNOWN
    session.execute(update(Run).values(finished_at=now))
    session.execute(update(Campaign).values(state=CampaignState.COMPLETED))
    session.commit()
    session.expire_all()
    doubts.decide(session, message.id, Verdict.SEND_AGAIN, now=now)
    session.commit()
    (again,) = dispatch.claim(session, worker="w", now=now + timedelta(seconds=1), limit=5)
    assert (again.message_id, again.attempt) == (message.id, 2)


@pytest.mark.parametrize(
    ("verdict", "status"),
    [(Verdict.LOOK_UP, S.IN_DOUBT), (Verdict.WAS_SENT, S.SENT), (Verdict.SEND_AGAIN, S.PENDING)],
)
def test_a_person_decides(session: Session, claimed: Claim, now: datetime, verdict: Verdict, status: S) -> None:
    """A parked message goes where the person says, once; a second decision is refused with a sentence."""
    message = row(session)
    message.status = S.UNKNOWN
    session.commit()
    assert doubts.decide(session, message.id, verdict, now=now).status is status
    session.commit()
    with pytest.raises(doubts.NotParked, match="Reload the page"):
        doubts.decide(session, message.id, verdict, now=now)


def test_looking_up_again_asks_twilio(session: Session, claimed: Claim, now: datetime) -> None:
    """After "look up now" the message is due for a search at once, and one match settles it."""
    row(session).status = S.UNKNOWN
    session.commit()
    doubts.decide(session, claimed.message_id, Verdict.LOOK_UP, now=now)
    session.commit()
    doubts.settle(session, doubt_of(session, now), [listed("SM" + "c" * 32, claimed)], now=now)
    assert row(session).status is S.SENT
