"""Can anybody get more texts than a cap allows, whatever runs beside each other, breaks or is tried again? And never fewer?"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, func, select, update
from sqlalchemy.orm import Session

from models.accounts import Account, Profile, SenderKind, SendingNumber
from models.base import Database, connect
from models.campaigns import Campaign, CampaignState, Reason, Run
from models.consent import Purpose
from models.contacts import Contact
from models.inbox import Conversation
from models.messages import Message, MessageStatus
from sender import campaigns, dispatch, doubts, frequency, outcomes
from sender.caps import Cap, caps
from sender.claims import Claim, Outcome, Result
from sender.frequency import Text
from tests import seeds
from tests.conftest import NOW, seed_account

M = MessageStatus
DAY = timedelta(hours=24)
SECOND = timedelta(seconds=1)


def claim(session: Session, now: datetime, worker: str = "w", limit: int = 100) -> list[Claim]:
    return dispatch.claim(session, worker=worker, now=now, limit=limit)


def send(session: Session, now: datetime, worker: str = "w") -> list[Claim]:
    """Claim whatever may leave within two seconds, and have Twilio take it."""
    sent: list[Claim] = []
    for step in range(8):
        at = now + timedelta(seconds=step / 4)
        claims = claim(session, at, worker)
        record(session, claims, at)
        sent += claims
    return sent


def record(session: Session, claims: Sequence[Claim], now: datetime, result: Result = Result.SENT, **more: Any) -> None:
    """What became of claims; those that were sent get a SID of their own."""
    found = [Outcome(one, result, **more) for one in claims]
    if result is Result.SENT:
        found = [replace(one, sid=f"SM{one.claim.message_id}-{one.claim.attempt}", status="queued") for one in found]
    outcomes.record(session, found, now=now)


def capped(session: Session, account: Account, **limits: int | None) -> None:
    """Give the account caps of its own."""
    for name, value in limits.items():
        setattr(account, name, value)
    session.commit()


def runs(session: Session, account: Account, count: int, people: int = 2, **more: Any) -> list[Run]:
    """So many campaigns to the same people."""
    return [seeds.sending_run(session, account, people, name=f"Campaign {n}", **more) for n in range(count)]


def marketing(session: Session, *made: Run, subject: str = "") -> None:
    """Make these campaigns marketing, on a subject."""
    for run in made:
        session.execute(update(Message).where(Message.run_id == run.id).values(purpose=Purpose.MARKETING))
        run.campaign.purpose, run.campaign.subject = Purpose.MARKETING, subject
    session.commit()


def moved(session: Session, account: Account, area: str) -> None:
    """Give the first contact a number of an area code, and its texts."""
    person = session.scalars(select(Contact).where(Contact.account_id == account.id).order_by(Contact.id)).first()
    assert person
    phone = f"+1{area}5550142"
    session.execute(update(Message).where(Message.contact_id == person.id).values(phone=phone))
    person.phone = phone
    session.commit()


def fates(session: Session, **which: Any) -> Counter[str]:
    """How many messages have which status."""
    session.expire_all()
    return Counter(one.status.value for one in session.scalars(select(Message).filter_by(**which)))


def test_campaigns_together_reach_a_person_no_oftener_than_the_cap(session: Session, account: Account) -> None:
    """Of four campaigns to two people, with two texts a day: two leave to each, the others wait until the first is a day old."""
    capped(session, account, texts_per_day=2, cap_wait_hours=30)
    runs(session, account, 4)
    sent = send(session, NOW)
    assert Counter(one.to for one in sent) == dict.fromkeys({one.to for one in sent}, 2)
    assert len(sent) == 4
    waiting = session.scalars(select(Message).where(Message.status == M.PENDING)).all()
    assert {one.detail for one in waiting} == {"at most 2 campaign texts in 24 hours (this account's own cap)"}
    for one in waiting:
        first = session.scalars(select(func.min(Message.sent_at)).where(Message.phone == one.phone)).one()
        assert one.due_at == first + DAY


def test_the_window_is_exact_to_the_second(session: Session, account: Account) -> None:
    """A second before the earlier text is 24 hours old nothing leaves; when it is, the next does."""
    capped(session, account, texts_per_day=1, cap_wait_hours=48)
    seeds.sending_run(session, account, 1, name="First")
    [first] = claim(session, NOW)
    record(session, [first], NOW + SECOND)
    seeds.sending_run(session, account, 1, name="Second", now=NOW + SECOND)
    assert claim(session, NOW + 2 * SECOND) == []
    assert claim(session, NOW + DAY + SECOND - timedelta(microseconds=1)) == []
    assert len(claim(session, NOW + DAY + SECOND)) == 1


def test_a_night_when_clocks_change_is_no_longer(session: Session, account: Account) -> None:
    """24 hours are 86,400 seconds: the night of November 1, 2026 had one hour more in New York, and changes nothing."""
    capped(session, account, texts_per_day=1, cap_wait_hours=48)
    evening = datetime.fromisoformat("2026-10-31T20:00:00-04:00")
    seeds.sending_run(session, account, 1, name="First", now=evening)
    record(session, claim(session, evening), evening)
    seeds.sending_run(session, account, 1, name="Second", now=evening)
    assert claim(session, datetime.fromisoformat("2026-11-01T18:59:59-05:00")) == []
    assert len(claim(session, datetime.fromisoformat("2026-11-01T19:00:00-05:00"))) == 1


def test_what_cannot_wait_so_long_is_set_aside(session: Session, account: Account) -> None:
    """Room under a weekly cap comes after the day for which a text waits: the person is left out, and told by which cap."""
    capped(session, account, texts_per_week=1)
    runs(session, account, 2, people=1)
    assert len(send(session, NOW)) == 1
    [skipped] = session.scalars(select(Message).where(Message.status == M.SKIPPED)).all()
    assert (skipped.reason, skipped.detail) == (
        Reason.FREQUENCY,
        "at most 1 campaign text in 7 days (this account's own cap)",
    )


@pytest.mark.parametrize(("wait", "status"), [(0, M.SKIPPED), (24, M.PENDING)])
def test_an_account_may_have_nobody_wait(session: Session, account: Account, wait: int, status: M) -> None:
    """With 0 hours whoever is over a cap is left out at once."""
    capped(session, account, texts_per_day=1, cap_wait_hours=wait)
    seeds.sending_run(session, account, 1, name="First")
    send(session, NOW)
    seeds.sending_run(session, account, 1, name="Second", now=NOW + timedelta(hours=1))
    assert send(session, NOW + timedelta(hours=1)) == []
    assert fates(session) == {"queued": 1, status.value: 1}


@pytest.mark.parametrize(("next_in", "status"), [(20, M.SKIPPED), (23, M.PENDING), (None, M.PENDING), (-1, M.PENDING)])
def test_nobody_waits_beyond_the_campaigns_next_run(
    session: Session, account: Account, next_in: int | None, status: M
) -> None:
    """Room comes in 22 hours. A run that waited so long would keep a campaign of every 20 hours from its next one."""
    capped(session, account, texts_per_day=1)
    earlier = NOW - timedelta(hours=2)
    seeds.sending_run(session, account, 1, name="First", now=earlier)
    record(session, claim(session, earlier), earlier)
    run = seeds.sending_run(session, account, 1, name="Second")
    run.campaign.next_at = NOW + timedelta(hours=next_in) if next_in else None
    session.commit()
    assert claim(session, NOW) == []
    assert fates(session, run_id=run.id) == {status.value: 1}


def test_one_claim_counts_what_it_takes_itself(session: Session, account: Account) -> None:
    """Texts of several campaigns and senders to one person in the same claim are counted against each other."""
    capped(session, account, texts_per_day=1, cap_wait_hours=30)
    toll_free = seeds.sender_of(session, account, SenderKind.TOLL_FREE)
    seeds.sending_run(session, account, 3, name="One")
    seeds.sending_run(session, account, 3, name="Two", sender=toll_free)
    assert len({one.to for one in send(session, NOW)}) == 3
    assert fates(session) == {"queued": 3, "pending": 3}


def test_what_is_known_of_a_wait_ends_with_it(session: Session, account: Account) -> None:
    """A text that was claimed after all waits for nothing any more, and one that is cancelled meanwhile was left out for that."""
    capped(session, account, texts_per_day=1, cap_wait_hours=30)
    waited, cancelled = runs(session, account, 3, people=1)[1:]
    send(session, NOW)
    held = session.scalars(select(Message).where(Message.detail.is_not(None))).all()
    assert {one.run_id for one in held} == {waited.id, cancelled.id}
    campaigns.cancel(session, cancelled.campaign, now=NOW)
    assert campaigns.set_aside(session, now=NOW) == 1
    session.commit()
    assert [one.run_id for one in claim(session, NOW + DAY + SECOND)] == [waited.id]
    session.expire_all()
    assert {(one.run_id, one.reason, one.detail) for one in held} == {
        (waited.id, None, None),
        (cancelled.id, Reason.CANCELLED, None),
    }


REFUSED = [
    (Result.REJECTED, {"error_code": 21211}, True),
    (Result.THROTTLED, {"retry_after": 1.0}, True),
    (Result.UNSENT, {}, True),
    (Result.IN_DOUBT, {}, False),
    (Result.SENT, {}, False),
]


@pytest.mark.parametrize(("result", "more", "free"), REFUSED)
def test_only_what_was_certainly_not_sent_gives_its_place_back(
    session: Session, account: Account, result: Result, more: dict[str, Any], free: bool
) -> None:
    """Another campaign may use it then; a doubt keeps it, because the text may be on the person's phone."""
    capped(session, account, texts_per_day=1)
    seeds.sending_run(session, account, 1, name="First")
    record(session, claim(session, NOW), NOW, result, **more)
    if result in (Result.THROTTLED, Result.UNSENT):  # or the first campaign itself would take it again
        session.execute(update(Message).values(due_at=NOW + DAY))
    session.execute(update(SendingNumber).values(blocked_until=None))
    session.execute(update(Account).values(blocked_until=None))
    second = seeds.sending_run(session, account, 1, name="Second")
    assert [one.run_id for one in claim(session, NOW + SECOND)] == ([second.id] if free else [])


def test_a_failure_that_comes_later_keeps_its_place(session: Session, account: Account) -> None:
    """Twilio had taken it: what became of it then is told by a report, which may be wrong or corrected."""
    capped(session, account, texts_per_day=1)
    seeds.sending_run(session, account, 1, name="First")
    send(session, NOW)
    session.execute(update(Message).values(status=M.FAILED, error_code=30007))
    seeds.sending_run(session, account, 1, name="Second")
    assert claim(session, NOW + SECOND) == []


def test_a_worker_that_dies_keeps_the_place_until_the_doubt_is_settled(session: Session, account: Account) -> None:
    """Claimed and never heard of: nobody else may use the place, also when the lease is over. Two empty searches give it back."""
    capped(session, account, texts_per_day=1, cap_wait_hours=30)
    seeds.sending_run(session, account, 1, name="First")
    [lost] = claim(session, NOW)
    second = seeds.sending_run(session, account, 1, name="Second")
    assert claim(session, NOW + SECOND, "survivor") == []
    later = NOW + timedelta(minutes=2)
    assert doubts.reap(session, now=later) == 1
    session.execute(update(Message).where(Message.run_id == second.id).values(due_at=NOW))
    session.commit()
    assert claim(session, later, "survivor") == []
    for step in range(1, 3):
        at = later + timedelta(minutes=2 * step)
        [doubt] = doubts.due(session, now=at)
        doubts.settle(session, doubt, [], now=at)
    session.execute(update(Message).where(Message.run_id == second.id).values(due_at=NOW))
    session.commit()
    [again] = claim(session, at + SECOND, "survivor")
    assert again.to == lost.to
    assert fates(session) == {"claimed": 1, "pending": 1}


def test_a_parked_text_keeps_its_place(session: Session, account: Account) -> None:
    """Nobody can say whether it was sent."""
    capped(session, account, texts_per_day=1)
    seeds.sending_run(session, account, 1, name="First")
    claim(session, NOW)
    session.execute(update(Message).values(status=M.UNKNOWN))
    seeds.sending_run(session, account, 1, name="Second")
    assert claim(session, NOW + SECOND) == []


def reply(session: Session, account: Account, person: Contact, **more: Any) -> Message:
    """An agent's answer to a person, due now."""
    sender = seeds.sender_of(session, account)
    talk = session.scalars(select(Conversation).where(Conversation.phone == person.phone)).first()
    if talk is None:
        talk = Conversation(account_id=account.id, phone=person.phone, sender_id=sender.id, created_at=NOW)
        session.add(talk)
        session.flush()
    made = Message(
        account_id=account.id, conversation_id=talk.id, contact_id=person.id, sender_id=sender.id, phone=person.phone, region="US",
        body="Sure", encoding="GSM-7", units=4, segments=1, due_at=NOW, created_at=NOW, updated_at=NOW, priority=0, **more,
    )  # fmt: skip
    session.add(made)
    session.commit()
    return made


def test_answers_always_leave_and_do_not_count(session: Session, account: Account) -> None:
    """An agent answers as often as it takes; afterwards a campaign has the whole cap."""
    capped(session, account, texts_per_day=1)
    [run] = runs(session, account, 1, people=1)
    session.execute(update(Campaign).values(state=CampaignState.PAUSED))
    person = session.scalars(select(Contact)).one()
    for number in range(3):
        reply(session, account, person, reply_key=f"answer {number}")
    assert len(send(session, NOW)) == 3
    session.execute(update(Campaign).values(state=CampaignState.SENDING))
    session.commit()
    assert [one.run_id for one in send(session, NOW + 3 * SECOND)] == [run.id]
    reply(session, account, person, reply_key="one more")
    assert len(send(session, NOW + 6 * SECOND)) == 1


def test_texts_of_another_account_never_count(session: Session, account: Account) -> None:
    """The same number may be a contact of two tenants, who know nothing of each other."""
    other = seed_account(session, slug="other")
    for one in (account, other):
        capped(session, one, texts_per_day=1)
        seeds.sending_run(session, one, 2, name="Campaign")
    sent = send(session, NOW)
    assert Counter(one.account_id for one in sent) == {account.id: 2, other.id: 2}
    assert len({one.to for one in sent}) == 2


@pytest.mark.parametrize(("area", "expected"), [("305", 3), ("405", 3), ("410", 3), ("212", 5)])
def test_the_fourth_marketing_text_in_florida_waits(
    session: Session, account: Account, area: str, expected: int
) -> None:
    """Three in 24 hours on one subject by the law of some states; elsewhere it is only said before the launch."""
    made = runs(session, account, 5, people=1)
    marketing(session, *made)
    moved(session, account, area)
    assert len(send(session, NOW)) == expected


def test_subjects_are_counted_by_themselves(session: Session, account: Account) -> None:
    """Three on each of two subjects; what has no subject counts for both."""
    first, second = runs(session, account, 4, people=1), []
    moved(session, account, "305")
    for number in range(4):
        second.append(seeds.sending_run(session, account, 1, name=f"Other {number}"))
    marketing(session, *first, subject="Dues")
    marketing(session, *second, subject="Gala")
    sent = Counter(session.get_one(Run, one.run_id).campaign.subject for one in send(session, NOW))
    assert sent == {"Dues": 3, "Gala": 3}
    nameless = seeds.sending_run(session, account, 1, name="No subject")
    marketing(session, nameless)
    assert send(session, NOW + 3 * SECOND) == []


def test_texts_about_an_account_are_no_marketing(session: Session, account: Account) -> None:
    """The law's cap on solicitations leaves a reminder alone, and a reminder does not count for it."""
    reminders = runs(session, account, 4, people=1)
    moved(session, account, "305")
    assert len(send(session, NOW)) == len(reminders)
    offer = seeds.sending_run(session, account, 1, name="Offer")
    marketing(session, offer)
    assert len(send(session, NOW + 3 * SECOND)) == 1


@pytest.mark.parametrize(
    ("category", "limits", "days", "expected"),
    [
        ("INVITATION", {"max_invitations": 2}, 30, 2),
        ("INVITATION", {"max_invitations": None}, 30, 4),
        ("NO_ONE_AVAILABLE", {}, 0, 1),
        ("NO_ONE_AVAILABLE", {}, 1, 4),
    ],
)
def test_invitations_and_absences_have_caps_of_their_own(
    session: Session, account: Account, category: str, limits: dict[str, int | None], days: int, expected: int
) -> None:
    """At most so many invitations ever, and one text a day that nobody is available, by the template's category."""
    capped(session, account, **limits)
    sent = 0
    for number in range(4):
        at = NOW + timedelta(days=days * number)
        run = seeds.sending_run(session, account, 1, name=f"Campaign {number}", now=at)
        run.campaign.template_version.template.category = category
        session.commit()
        sent += len(send(session, at))
    assert sent == expected


def test_what_is_over_a_cap_takes_nothing_of_the_rate(session: Session, account: Account) -> None:
    """A sender of three a second gives its first place to the first who may have it, and the run's limit loses nothing."""
    capped(session, account, texts_per_day=1, cap_wait_hours=30)
    slow = seeds.sender_of(session, account, SenderKind.TOLL_FREE)
    seeds.contacts(session, account, 9)
    seeds.sending_run(session, account, 6, name="First")
    session.execute(update(Message).values(status=M.SENT, intent_at=NOW - timedelta(hours=1)))
    run = seeds.sending_run(session, account, 9, name="Second", sender=slow)
    taken = [one for step in range(12) for one in claim(session, NOW + step * timedelta(seconds=1 / 4))]
    assert len(taken) == 3
    assert session.scalar(select(func.count()).where(Message.run_id == run.id, Message.due_at > NOW)) == 6
    session.refresh(run)
    assert run.segments_claimed == len(taken)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """Every statement that is executed meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    ("limits", "more"), [({}, {"sqlite": 0, "postgresql": 0}), ({"texts_per_day": 9}, {"sqlite": 1, "postgresql": 2})]
)
def test_what_it_costs(
    database: Database, session: Session, account: Account, limits: dict[str, int], more: dict[str, int]
) -> None:
    """Without a cap a claim asks the database nothing more; with one, once, and on PostgreSQL it takes a lock besides."""
    capped(session, account, **limits)
    seeds.sending_run(session, account, 20)
    with statements(database) as seen:
        assert len(claim(session, NOW)) == 20
    about = [one for one in seen if "coalesce(template.category" in one or "advisory" in one]
    assert len(about) == more[database.dialect]
    assert len(seen) - len(about) == WITHOUT[database.dialect], seen


WITHOUT = {"sqlite": 15, "postgresql": 14}
"""Statements of a claim of one sender, one lane and one run, whatever number of texts."""


def test_whoever_comes_second_waits_for_the_next_turn(database: Database, session: Session, account: Account) -> None:
    """While another process counts for the account, its texts stay as they are; those of other accounts leave."""
    if database.dialect != "postgresql":
        pytest.skip("SQLite has one writer: whoever comes second waits for the first")
    other = seed_account(session, slug="other")
    capped(session, account, texts_per_day=1)
    toll_free = seeds.sender_of(session, account, SenderKind.TOLL_FREE)
    seeds.sending_run(session, account, 1, name="Capped", sender=toll_free)
    free = seeds.sending_run(session, other, 1, name="Free")
    with database.session() as first:
        assert frequency.alone(first, [account.id]) == {account.id}
        assert [one.run_id for one in claim(session, NOW)] == [free.id]
        assert fates(session, account_id=account.id) == {"pending": 1}
    assert len(claim(session, NOW + SECOND)) == 1


RACES, PEOPLE, CAP = 25, 12, 3


def test_two_workers_that_race_for_the_same_people_never_exceed_a_cap(
    database: Database, session: Session, account: Account, database_url: str
) -> None:
    """Round after round, two campaigns at two senders, each claimed by a thread with connections of its own, are sent to the same
    people. Nobody ever gets more than the cap within 24 hours, and everybody gets exactly as many."""
    capped(session, account, texts_per_day=CAP, cap_wait_hours=0)
    session.execute(update(SendingNumber).values(segments_per_second=1_000))
    account.concurrency = 10_000
    senders = session.scalars(select(SendingNumber).order_by(SendingNumber.id)).all()
    seeds.contacts(session, account, PEOPLE)
    session.commit()
    for round_ in range(RACES):
        start = NOW + round_ * DAY * 2
        for number in range(4):
            seeds.sending_run(
                session, account, PEOPLE, name=f"{round_}.{number}", now=start, sender=senders[number % 2]
            )
        race(database_url, start)
        session.expire_all()
        gone = select(Message.phone, func.count()).where(Message.intent_at >= start, Message.status == M.CLAIMED)
        counts = {row[0]: row[1] for row in session.execute(gone.group_by(Message.phone))}
        assert counts == dict.fromkeys(counts, CAP), f"round {round_}"
        assert len(counts) == PEOPLE
        assert fates(session)["pending"] == 0
        session.execute(update(Message).where(Message.status == M.CLAIMED).values(status=M.SENT))
        session.commit()


def race(url: str, start: datetime) -> None:
    """Three threads, each claiming until nothing is left; what a database thinks of it is left to the database."""
    barrier, failures = threading.Barrier(3), list[BaseException]()

    def work(name: str) -> None:
        database = connect(url)
        try:
            barrier.wait()
            for turn in range(200):
                with database.session() as session:
                    dispatch.claim(session, worker=name, now=start + timedelta(milliseconds=20 * turn), limit=7)
                    if session.scalar(select(Message.id).where(Message.status == M.PENDING).limit(1)) is None:
                        return
        except BaseException as error:
            failures.append(error)
            raise
        finally:
            database.engine.dispose()

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


CAPS = caps(NOW.date(), (2, 4, 7, 1), Profile.BUSINESS)
WORDS = st.sampled_from(["", "dues", "Dues", "gala"])
TEXTS = st.builds(
    Text,
    at=st.integers(-200 * 3600, 0).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    purpose=st.sampled_from([Purpose.ACCOUNT, Purpose.MARKETING]),
    subject=WORDS,
    category=st.sampled_from(["OTHER", "INVITATION", "NO_ONE_AVAILABLE"]),
    unasked=st.booleans(),
)


@given(cap=st.sampled_from(CAPS), texts=st.lists(TEXTS, max_size=9), subject=WORDS)
def test_the_answer_is_that_of_an_hourglass(cap: Cap, texts: list[Text], subject: str) -> None:
    """Against counting one by one: over a cap exactly when so many lie within the window; room a moment later, not before."""

    def many(at: datetime) -> int:
        found = 0
        for one in texts:
            inside = cap.hours is None or (at - one.at).total_seconds() < cap.hours * 3600
            if cap.category:
                fits = one.category == cap.category
            else:
                fits = one.unasked and cap.purpose in (None, one.purpose)
                blank = subject == "" or one.subject == ""
                fits = fits and (not cap.by_subject or blank or one.subject.lower() == subject.lower())
            found += inside and fits
        return found

    found = frequency.over([cap], texts, subject, now=NOW)
    assert (found is not None) == (many(NOW) >= cap.limit)
    if found is not None and found.room_at is not None:
        assert many(found.room_at) < cap.limit <= many(found.room_at - timedelta(microseconds=1))
    elif found is not None:
        assert cap.hours is None


@given(texts=st.lists(TEXTS, max_size=12))
def test_several_caps_have_room_when_all_have(texts: list[Text]) -> None:
    """The time that is told is the first at which none of them is exceeded."""
    own = [cap for cap in CAPS if cap.rule == "F02"]
    found = frequency.over(own, texts, "", now=NOW)
    if found is None:
        return
    assert found.room_at is not None
    assert frequency.over(own, texts, "", now=found.room_at) is None
    assert frequency.over(own, texts, "", now=found.room_at - timedelta(microseconds=1)) is not None
