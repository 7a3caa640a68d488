"""What starts by itself: each occurrence once, the latest of several, late ones and changed audiences held for a person."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Database
from models.campaigns import AudienceRow, Campaign, CampaignState, Run
from models.contacts import Contact
from models.countries import CountrySetting
from models.jobs import WorkerProcess
from models.messages import Message, MessageStatus
from models.notices import Notice
from models.settings import Setting
from sender import audience, campaigns, starts
from sender.delays import span
from sender.runs import NotAllowed
from tests import seeds
from tests.conftest import NOW

C, S = CampaignState, MessageStatus
NINE = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
"""The next morning at nine in New York."""
DAY = timedelta(days=1)


def daily(
    session: Session, account: Account, rule: str = "FREQ=DAILY", *, people: int = 4, name: str = "Digest"
) -> Campaign:
    """A campaign of every morning at nine."""
    made = seeds.campaign(session, account, name=name, people=seeds.contacts(session, account, people))
    campaigns.schedule(session, made, starts_at=NINE, now=NOW, recurrence=rule)
    session.flush()
    return made


def sent(session: Session, run: Run, *, now: datetime) -> None:
    """Bring a run to its end."""
    while audience.expand(session, run, now=now):
        pass
    session.execute(update(Message).where(Message.run_id == run.id).values(status=S.DELIVERED))
    assert campaigns.finish_done(session, now=now) == [run]


def runs_of(session: Session, made: Campaign) -> list[tuple[str, bool, str]]:
    """(wall time, skipped, why) of every run."""
    rows = session.scalars(select(Run).where(Run.campaign_id == made.id).order_by(Run.number))
    return [((run.occurrence or "").partition(" ")[0], run.skipped, run.why) for run in rows]


def test_a_campaign_repeats(session: Session, account: Account) -> None:
    """Each morning a run of its own, with the audience of that morning; then it is scheduled again, and completed in the end."""
    made = daily(session, account, "FREQ=DAILY;COUNT=3")
    for number in range(3):
        at = NINE + number * DAY
        assert (made.state, made.next_at) == (C.SCHEDULED, at)
        assert campaigns.start_due(session, now=at - timedelta(seconds=1)) == []
        (run,) = campaigns.start_due(session, now=at)
        assert (run.number, run.due_at, run.started_at, run.skipped, run.why) == (number + 1, at, at, False, "")
        assert made.state is C.SENDING
        assert campaigns.start_due(session, now=at + 3 * DAY) == []
        sent(session, run, now=at + timedelta(minutes=5))
    assert (made.state, made.next_at) == (C.COMPLETED, None)
    assert [row[0] for row in runs_of(session, made)] == ["2026-11-21T09:00", "2026-11-22T09:00", "2026-11-23T09:00"]
    figures = campaigns.figures_of(session, made)
    assert [(one.run.number, one.audience, one.sent, one.audience_change) for one in figures] == [
        (3, 4, 4, 0), (2, 4, 4, 0), (1, 4, 4, None),
    ]  # fmt: skip
    assert campaigns.diff_of(session, figures[2].run) == figures[2]
    assert (figures[0].before and figures[0].before.run, campaigns.diff_of(session, figures[0].run).sent_change) == (
        figures[1].run,
        0,
    )


def test_two_starters_make_one_run(database: Database, session: Session, account: Account) -> None:
    """Six workers find the same occurrence due: one run, whichever is first."""
    made = daily(session, account)
    session.commit()
    started: list[int] = []
    barrier = threading.Barrier(6)

    def start() -> None:
        barrier.wait()
        with database.transaction() as mine:
            started.extend(run.id for run in campaigns.start_due(mine, now=NINE))

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session.expire_all()
    assert len(started) == 1
    assert runs_of(session, made) == [("2026-11-21T09:00", False, "")]


def test_only_the_latest_after_a_long_run(session: Session, account: Account) -> None:
    """Three hours came while the first run was still sending: two are passed over, the last one starts late and says so."""
    made = daily(session, account, "FREQ=DAILY;BYHOUR=9,10,11,12")
    (first,) = campaigns.start_due(session, now=NINE)
    ended = NINE + timedelta(hours=3, minutes=10)
    sent(session, first, now=ended)
    (run,) = campaigns.start_due(session, now=ended)
    busy = "The run before it was still sending."
    assert runs_of(session, made) == [
        ("2026-11-21T09:00", False, ""),
        ("2026-11-21T10:00", True, busy),
        ("2026-11-21T11:00", True, busy),
        ("2026-11-21T12:00", False, "Started 10 minutes late: the run before it was still sending."),
    ]
    assert (run.number, made.next_at) == (4, NINE + DAY)
    skipped = session.scalars(select(Run).where(Run.number == 2)).one()
    assert (skipped.expanded, skipped.started_at, skipped.finished_at, skipped.messages) == (True, None, ended, 0)
    assert campaigns.diff_of(session, run).before == campaigns.diff_of(session, first)
    assert campaigns.diff_of(session, skipped).before is None


def test_the_sender_was_down(session: Session, account: Account) -> None:
    """Two days without a worker: the runs say from when to when, the latest is held because it is too late, one mail is owed."""
    made = daily(session, account)
    back = NINE + 2 * DAY + timedelta(hours=4)
    seen = NINE - timedelta(minutes=48)
    session.add(WorkerProcess(name="old", started_at=NOW, seen_at=seen))
    session.add(WorkerProcess(name="new", started_at=back, seen_at=back))
    session.flush()
    for _ in range(2):
        assert campaigns.start_due(session, now=back) == []
    down = "The sender was down from 08:12 to 13:00 on 2026-11-23; only the latest occurrence was kept."
    assert [row[1:] for row in runs_of(session, made)] == [
        (True, down),
        (True, down.replace("08:12", "08:12 on 2026-11-21")),
    ]
    assert (made.state, made.next_at) == (C.HELD, NINE + 2 * DAY)
    assert made.why == (
        "It should have started at 09:00 on 2026-11-23 and is 4 hours late: the sender was down from 08:12 on 2026-11-21"
        " to 13:00. Send it now, choose another time, or cancel it."
    )
    notice = session.scalars(select(Notice)).one()
    assert (notice.cause, notice.subject) == (
        f"campaign:{made.id}:held:2026-11-23T14:00",
        "Digest was not sent: it is held",
    )
    assert made.why in notice.body


@pytest.mark.parametrize(("late", "starts_"), [(0, True), (59, True), (60, True), (60.01, False), (240, False)])
def test_how_late_a_start_may_be(session: Session, account: Account, late: float, starts_: bool) -> None:
    """An hour, or what the account's setting says; later than that a person decides."""
    made = seeds.campaign(session, account, people=seeds.contacts(session, account, 1))
    campaigns.schedule(session, made, starts_at=NINE, now=NOW)
    now = NINE + timedelta(minutes=late)
    session.flush()
    for minutes, expected in ((60, starts_), (500, True), (0, late == 0)):
        with session.begin_nested() as attempt:
            session.add(Setting(account_id=account.id, name="late_start_minutes", value=minutes, updated_at=NOW))
            assert bool(campaigns.start_due(session, now=now)) == expected
            assert made.state is (C.SENDING if expected else C.HELD)
            attempt.rollback()
        session.expire_all()


def held(session: Session, account: Account, rule: str | None = "FREQ=DAILY") -> tuple[Campaign, datetime]:
    """A campaign that is held since nine, and the time: one o'clock."""
    now = NINE + timedelta(hours=4)
    if rule:
        made = daily(session, account, rule)
    else:
        made = seeds.campaign(session, account, people=seeds.contacts(session, account, 1))
        campaigns.schedule(session, made, starts_at=NINE, now=NOW)
    assert campaigns.start_due(session, now=now) == []
    assert made.state is C.HELD
    return made, now


@pytest.mark.parametrize("rule", [None, "FREQ=DAILY"])
def test_a_person_sends_what_is_held(session: Session, account: Account, rule: str | None) -> None:
    """Now, as the run it would have been; a recurring campaign goes on with its schedule after it."""
    made, now = held(session, account, rule)
    run = campaigns.send_held(session, made, now=now)
    assert (run.due_at, run.why, made.state, made.why) == (NINE, "Held, and sent by hand 4 hours late.", C.SENDING, "")
    assert (run.occurrence, made.next_at) == (
        ("2026-11-21T09:00 America/New_York", NINE + DAY) if rule else (None, None)
    )
    sent(session, run, now=now)
    assert made.state is (C.SCHEDULED if rule else C.COMPLETED)


def test_held_for_days(session: Session, account: Account) -> None:
    """Of what came due while it was held only the latest is sent."""
    made, now = held(session, account)
    why = made.why
    run = campaigns.send_held(session, made, now=now + 2 * DAY)
    assert runs_of(session, made) == [
        ("2026-11-21T09:00", True, f"It was held. {why}"),
        ("2026-11-22T09:00", True, f"It was held. {why}"),
        ("2026-11-23T09:00", False, "Held, and sent by hand 4 hours late."),
    ]
    assert run.due_at == NINE + 2 * DAY


Way = Callable[[Session, Campaign, datetime], object]
WAYS: dict[str, tuple[Way, CampaignState, datetime | None]] = {
    "skip": (lambda session, it, now: campaigns.skip_held(session, it, now=now), C.SCHEDULED, NINE + DAY),
    "schedule": (
        lambda session, it, now: campaigns.schedule(session, it, starts_at=NINE + 9 * DAY, now=now), C.SCHEDULED, NINE + 9 * DAY
    ),
    "unschedule": (lambda session, it, now: campaigns.unschedule(session, it, now=now), C.DRAFT, None),
    "cancel": (lambda session, it, now: campaigns.cancel(session, it, now=now), C.CANCELLED, None),
    "end": (lambda session, it, now: campaigns.end(session, it, now=now), C.CANCELLED, None),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_other_ways_out_of_a_hold(session: Session, account: Account, way: str) -> None:
    """Whatever a person decides instead, what was held becomes a run that says so, and nothing is sent."""
    made, now = held(session, account)
    act, state, next_at = WAYS[way]
    act(session, made, now)
    assert (made.state, made.next_at, made.why) == (state, next_at, "")
    ((wall, skipped, why),) = runs_of(session, made)
    assert (wall, skipped) == ("2026-11-21T09:00", True)
    assert why.startswith("It was held, and not sent. It should have started at 09:00")


def test_what_is_not_held(session: Session, account: Account) -> None:
    """Only a held campaign is released or skipped; a one-time one has nothing to go on with."""
    made = daily(session, account)
    for act in (campaigns.send_held, campaigns.skip_held):
        with pytest.raises(NotAllowed, match="is not held"):
            act(session, made, now=NOW)
    session.rollback()
    once, now = held(session, account, None)
    with pytest.raises(NotAllowed, match="no other time"):
        campaigns.skip_held(session, once, now=now)


def drop(session: Session, made: Campaign, count: int) -> None:
    """Take people off the list."""
    rows = session.scalars(
        select(AudienceRow.row).where(AudienceRow.audience_id == made.audience_id).limit(count)
    ).all()
    session.execute(delete(AudienceRow).where(AudienceRow.audience_id == made.audience_id, AudienceRow.row.in_(rows)))


@pytest.mark.parametrize(
    ("gone", "percent", "starts_"), [(0, 0, True), (3, 30, True), (4, 30, False), (4, 40, True), (10, 99, False)]
)
def test_an_audience_that_is_not_what_it_was(
    session: Session, account: Account, gone: int, percent: int, starts_: bool
) -> None:
    """Too many people fewer than at the run before: held, with both numbers; within the share it goes on."""
    made = daily(session, account, people=10)
    session.add(Setting(account_id=0, name="audience_change_percent", value=percent, updated_at=NOW))
    (run,) = campaigns.start_due(session, now=NINE)
    sent(session, run, now=NINE)
    drop(session, made, gone)
    assert bool(campaigns.start_due(session, now=NINE + DAY)) == starts_
    assert made.state is (C.SENDING if starts_ else C.HELD)
    if not starts_:
        said = f"Its audience has {10 - gone:,} people who can be texted; at the run before it was 10."
        assert made.why.startswith(said)


def test_a_country_that_was_closed(session: Session, account: Account) -> None:
    """What can be texted is counted by today's settings, so closing a country is a change of the audience, too."""
    made = daily(session, account, people=4)
    people = session.scalars(select(Contact)).all()
    people[0].region = people[1].region = "GB"
    (run,) = campaigns.start_due(session, now=NINE)
    sent(session, run, now=NINE)
    session.execute(update(CountrySetting).where(CountrySetting.region == "GB").values(enabled=False))
    assert starts.usable(session, made) == 2
    assert campaigns.start_due(session, now=NINE + DAY) == []
    assert made.why.startswith("Its audience has 2 people who can be texted; at the run before it was 4.")
    run = campaigns.send_held(session, made, now=NINE + DAY)
    sent(session, run, now=NINE + DAY)
    assert len(campaigns.start_due(session, now=NINE + 2 * DAY)) == 1  # two against two


def test_sent_by_hand_beside_its_schedule(session: Session, account: Account) -> None:
    """Now is one run more, and the schedule goes on; what is due at this moment is the occurrence itself."""
    made = daily(session, account)
    extra = campaigns.send(session, made, now=NOW)
    assert (extra.occurrence, extra.why, made.next_at) == (None, "Sent by hand, beside its schedule.", NINE)
    sent(session, extra, now=NOW)
    assert made.state is C.SCHEDULED
    run = campaigns.send(session, made, now=NINE + timedelta(seconds=3))
    assert (run.occurrence, run.why, made.next_at) == ("2026-11-21T09:00 America/New_York", "", NINE + DAY)


def test_the_end_of_a_recurrence(session: Session, account: Account) -> None:
    """What is being sent goes out and completes it; one that never ran is cancelled; a one-time campaign has no such end."""
    made = daily(session, account)
    (run,) = campaigns.start_due(session, now=NINE)
    campaigns.end(session, made, now=NINE)
    assert made.state is C.SENDING
    sent(session, run, now=NINE)
    assert (made.state, made.next_at) == (C.COMPLETED, None)
    with pytest.raises(NotAllowed, match="completed cannot be ended"):
        campaigns.end(session, made, now=NINE)
    once = seeds.campaign(session, account, name="Once", people=list(session.scalars(select(Contact))))
    with pytest.raises(NotAllowed, match="Only a recurring campaign"):
        campaigns.end(session, once, now=NOW)


def test_runs_stay_when_the_schedule_goes(session: Session, account: Account) -> None:
    """Back to draft and scheduled anew: the old run is still there, and numbers go on."""
    made = daily(session, account)
    (run,) = campaigns.start_due(session, now=NINE)
    sent(session, run, now=NINE)
    campaigns.unschedule(session, made, now=NINE)
    assert (made.state, made.recurrence, made.next_at, len(runs_of(session, made))) == (C.DRAFT, None, None, 1)
    campaigns.schedule(
        session, made, starts_at=NINE, now=NINE, recurrence="FREQ=WEEKLY;BYDAY=MO", time_zone="Europe/London"
    )
    assert (made.next_at, made.time_zone) == (datetime(2026, 11, 23, 14, 0, tzinfo=UTC), "Europe/London")
    (again,) = campaigns.start_due(session, now=made.next_at or NOW)
    assert (again.number, again.occurrence) == (2, "2026-11-23T14:00 Europe/London")


def test_an_occurrence_never_runs_twice(session: Session, account: Account) -> None:
    """Its key is there already: the campaign goes on to its next time, or to its end."""
    for rule, state in (("FREQ=DAILY", C.SCHEDULED), ("FREQ=DAILY;COUNT=1", C.COMPLETED)):
        made = daily(session, account, rule)
        (run,) = campaigns.start_due(session, now=NINE)
        sent(session, run, now=NINE)
        made.state, made.next_at = C.SCHEDULED, NINE
        session.flush()
        assert campaigns.start_due(session, now=NINE) == []
        assert (made.state, made.next_at, len(runs_of(session, made))) == (
            state,
            NINE + DAY if state is C.SCHEDULED else None,
            1,
        )
        session.rollback()


def test_a_schedule_that_cannot_be_read(session: Session, account: Account) -> None:
    """It is held, gives way to the others, and can be sent by hand once it has another schedule."""
    made = daily(session, account)
    other = seeds.campaign(session, account, name="Other", people=list(session.scalars(select(Contact))))
    campaigns.schedule(session, other, starts_at=NINE, now=NOW)
    for broken in ({"recurrence": "FREQ=NEVER"}, {"time_zone": "Nowhere/Else"}):
        with session.begin_nested() as attempt:
            session.execute(update(Campaign).where(Campaign.id == made.id).values(broken))
            session.expire_all()
            assert [run.campaign_id for run in campaigns.start_due(session, now=NINE)] == [other.id]
            assert (made.state, made.why[:36]) == (C.HELD, "Its schedule cannot be read any more")
            campaigns.schedule(session, made, starts_at=NINE, now=NINE, recurrence="FREQ=DAILY")
            assert (made.state, made.next_at) == (C.SCHEDULED, NINE + DAY)
            assert [row[:2] for row in runs_of(session, made)] == [("2026-11-21T14:00", True)]
            attempt.rollback()
        session.expire_all()


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(seconds=-5), "less than a minute"),
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(seconds=60), "1 minute"),
        (timedelta(minutes=59), "59 minutes"),
        (timedelta(minutes=60), "1 hour"),
        (timedelta(minutes=125), "2 hours 5 minutes"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=3, hours=4, minutes=5), "3 days 4 hours"),
    ],
)
def test_lengths_of_time_in_words(length: timedelta, words: str) -> None:
    """In its two largest units."""
    assert span(length) == words
