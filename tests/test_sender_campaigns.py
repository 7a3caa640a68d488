"""What a campaign may do next, what stands in its way, and that each row of its audience is accounted for."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import event, func, select, update
from sqlalchemy.orm import Session

from models.accounts import Account, Profile, SenderKind, Verification
from models.base import Database, connect
from models.campaigns import MAY_FOLLOW, Audience, Campaign, CampaignState, Exclusion, Reason, Run
from models.consent import Purpose
from models.contacts import Contact
from models.countries import CountrySetting
from models.messages import SETTLED, WAITING, Message, MessageStatus
from models.templates import Template
from sender import audience, campaigns, dispatch, outcomes
from sender.campaigns import NotAllowed
from sender.outcomes import Outcome, Result
from tests import seeds
from tests.conftest import NOW, seed_account

C, S = CampaignState, MessageStatus
SOON = NOW + timedelta(hours=1)


@pytest.fixture
def sqlite_session(sqlite_template: Path, tmp_path: Path) -> Iterator[Session]:
    """A seeded account on SQLite alone, for tables of arithmetic."""
    shutil.copy(sqlite_template, tmp_path / "test.db")
    database = connect(f"sqlite:///{tmp_path / 'test.db'}")
    with database.session() as session:
        seed_account(session)
        yield session
    database.engine.dispose()


def ready(session: Session, account: Account, *, people: int = 1, name: str = "Spring", **fields: object) -> Campaign:
    """A draft that nothing stands in the way of."""
    members = session.scalars(select(Contact)).all() or seeds.contacts(session, account, people)
    made = seeds.campaign(session, account, name=name, people=list(members))
    for field, what in fields.items():
        setattr(made, field, what)
    session.flush()
    return made


def in_state(
    session: Session,
    account: Account,
    state: CampaignState,
    *,
    before: CampaignState | None = None,
    name: str = "Spring",
) -> Campaign:
    """A campaign that came to a state by the steps that lead there."""
    made = ready(session, account, name=name)
    if state is C.ARCHIVED:
        made = in_state_from(session, made, before or C.COMPLETED)
        campaigns.archive(session, made, now=NOW)
        return made
    return in_state_from(session, made, state)


def in_state_from(session: Session, made: Campaign, state: CampaignState) -> Campaign:
    """Lead a draft to a state."""
    if state in {C.SCHEDULED, C.HELD}:
        campaigns.schedule(session, made, starts_at=SOON, now=NOW)
    if state is C.HELD:
        assert campaigns.start_due(session, now=SOON + timedelta(hours=4)) == []
    if state in {C.SENDING, C.PAUSED, C.COMPLETED, C.CANCELLED}:
        run = campaigns.send(session, made, now=NOW)
        if state is C.PAUSED:
            campaigns.pause(session, made, now=NOW)
        if state in {C.COMPLETED, C.CANCELLED}:
            while audience.expand(session, run, now=NOW):
                pass
        if state is C.CANCELLED:
            campaigns.cancel(session, made, now=NOW)
            campaigns.set_aside(session, now=NOW)
        if state is C.COMPLETED:
            session.execute(update(Message).values(status=S.DELIVERED))
            assert campaigns.finish_done(session, now=NOW) == [run]
    assert made.state is state
    return made


Verb = Callable[[Session, Campaign], object]
VERBS: dict[str, Verb] = {
    "sent": lambda session, it: campaigns.send(session, it, now=NOW),
    "scheduled": lambda session, it: campaigns.schedule(session, it, starts_at=SOON, now=NOW),
    "unscheduled": lambda session, it: campaigns.unschedule(session, it, now=NOW),
    "paused": lambda session, it: campaigns.pause(session, it, now=NOW),
    "resumed": lambda session, it: campaigns.resume(session, it, now=NOW),
    "cancelled": lambda session, it: campaigns.cancel(session, it, now=NOW),
    "archived": lambda session, it: campaigns.archive(session, it, now=NOW),
    "restored": lambda session, it: campaigns.restore(session, it, now=NOW),
    "released": lambda session, it: campaigns.send_held(session, it, now=NOW),
}
MOVES: dict[CampaignState, dict[str, CampaignState]] = {
    C.DRAFT: {"sent": C.SENDING, "scheduled": C.SCHEDULED, "cancelled": C.CANCELLED, "archived": C.ARCHIVED},
    C.SCHEDULED: {"sent": C.SENDING, "scheduled": C.SCHEDULED, "unscheduled": C.DRAFT, "cancelled": C.CANCELLED},
    C.HELD: {"released": C.SENDING, "scheduled": C.SCHEDULED, "unscheduled": C.DRAFT, "cancelled": C.CANCELLED},
    C.SENDING: {"paused": C.PAUSED, "cancelled": C.CANCELLED},
    C.PAUSED: {"resumed": C.SENDING, "cancelled": C.CANCELLED},
    C.COMPLETED: {"archived": C.ARCHIVED},
    C.CANCELLED: {"archived": C.ARCHIVED},
    C.ARCHIVED: {"restored": C.COMPLETED},
}


def test_every_verb_in_every_state(session: Session, account: Account) -> None:
    """What is allowed leads where it should; everything else is refused with a sentence and changes nothing."""
    assert set(MOVES) == set(C)
    for state, moves in MOVES.items():
        for verb, action in VERBS.items():
            made = in_state(session, account, state)
            runs = session.scalar(select(func.count(Run.id)))
            if verb in moves:
                action(session, made)
                assert made.state is moves[verb], (state, verb)
            else:
                with pytest.raises(NotAllowed) as refusal:
                    action(session, made)
                assert str(refusal.value).startswith(f"A campaign that is {state} "), (state, verb)
                assert str(refusal.value).endswith(".")
                assert (made.state, session.scalar(select(func.count(Run.id)))) == (state, runs)
            session.rollback()


def test_the_moves_are_those_of_the_model() -> None:
    """Verbs, what the worker does by itself, the end of a recurrence and the three ways back from the archive are all there is."""
    found = {state: set(moves.values()) - {state} for state, moves in MOVES.items()}
    found[C.SENDING] |= {C.COMPLETED, C.SCHEDULED}
    found[C.SCHEDULED] |= {C.HELD, C.COMPLETED}
    found[C.HELD].add(C.COMPLETED)
    found[C.ARCHIVED] |= {C.CANCELLED, C.DRAFT}
    assert found == {state: set(after) for state, after in MAY_FOLLOW.items()}


def test_restored_to_where_it_came_from(session: Session, account: Account) -> None:
    """It comes back as what it was, a draft without a start; also when an earlier version archived it, as well as can be told."""
    for before in (C.DRAFT, C.COMPLETED, C.CANCELLED):
        made = in_state(session, account, C.ARCHIVED, before=before)
        campaigns.restore(session, made, now=NOW)
        assert (made.state, made.starts_at) == (before, None)
        session.rollback()
    for archived_from, expected in ((C.CANCELLED, C.CANCELLED), (None, C.DRAFT)):
        made = in_state(session, account, C.SCHEDULED)
        campaigns.cancel(session, made, now=NOW)
        campaigns.archive(session, made, now=NOW)
        made.archived_from = archived_from
        campaigns.restore(session, made, now=NOW)
        assert (made.state, made.next_at, made.archived_from) == (expected, None, None)
        session.rollback()


def test_a_new_draft(session: Session, account: Account, now: datetime) -> None:
    """It takes its purpose from its template; its name is trimmed and its own; limits are more than nothing."""
    version, sender = seeds.template_version(session, account), seeds.sender_of(session, account)
    version.template.purpose = Purpose.MARKETING
    listed = Audience(account_id=account.id, name="All", created_at=now)
    session.add(listed)
    session.flush()

    def create(name: str, **fields: object) -> Campaign:
        parts = {"account": account, "template_version": version, "audience": listed, "sender": sender} | fields
        return campaigns.create(session, name=name, now=now, actor="ann", **parts)  # type: ignore[arg-type]

    made = create("  Dues ", report_emails=("a@example.org",), segment_limit=1, budget_u=1)
    assert (made.name, made.state, made.purpose) == ("Dues", C.DRAFT, Purpose.MARKETING)
    assert (made.created_by, made.report_emails) == ("ann", ["a@example.org"])
    assert create("Other", purpose=Purpose.ACCOUNT).purpose is Purpose.ACCOUNT
    other = seed_account(session, slug="other")
    theirs = seeds.template_version(session, other)
    their_list = Audience(account_id=other.id, name="All", created_at=now)
    session.add(their_list)
    session.flush()
    their_sender = seeds.sender_of(session, other)
    for part, what in {"template_version": theirs, "audience": their_list, "sender": their_sender}.items():
        with pytest.raises(NotAllowed, match="must belong to this account"):
            create("Mixed", **{part: what})
    for name in ("", "  \t", "Dues", " Dues"):
        with pytest.raises(NotAllowed, match="name"):
            create(name)
    for limit in ("segment_limit", "budget_u"):
        for nothing in (0, -1):
            with pytest.raises(NotAllowed, match="limit"):
                create("Limited", **{limit: nothing})
    parts = {"account": other, "template_version": theirs, "audience": their_list, "sender": their_sender}
    assert create("Dues", **parts).account_id == other.id


def obstacle(name: str) -> Callable[[Session, Campaign], None]:
    """One thing that stands in the way, put there."""

    def put(session: Session, made: Campaign) -> None:
        account = made.account
        match name:
            case "sender_inactive":
                made.sender.active = False
            case "sender_unverified":
                made.sender_id = seeds.sender_of(session, account, SenderKind.TOLL_FREE).id
            case "alphanumeric":
                made.sender.kind, made.sender.address = SenderKind.ALPHANUMERIC, "Harbor"
            case "no_country":
                session.execute(update(CountrySetting).values(enabled=False))
            case "third_party_collector":
                account.profile = Profile.THIRD_PARTY_COLLECTOR
            case "audience_incomplete":
                session.get_one(Audience, made.audience_id).complete = False
            case "audience_empty":
                session.get_one(Audience, made.audience_id).usable = 0
            case "template_archived":
                session.execute(update(Template).values(archived=True))
        session.flush()
        session.expire_all()

    return put


OBSTACLES = [
    "sender_inactive", "sender_unverified", "alphanumeric", "no_country", "third_party_collector", "audience_incomplete",
    "audience_empty",
]  # fmt: skip


def test_what_stands_in_the_way(session: Session, account: Account) -> None:
    """Each obstacle is named by its code and a sentence that says what to do, and stops sending and scheduling."""
    assert campaigns.problems(session, ready(session, account)) == []
    session.rollback()
    for name in OBSTACLES:
        made = ready(session, account)
        obstacle(name)(session, made)
        (found,) = campaigns.problems(session, made)
        assert (found.code, found.blocking) == (name, True)
        assert found.sentence.endswith(".")
        for verb in ("sent", "scheduled"):
            with pytest.raises(NotAllowed) as refusal:
                VERBS[verb](session, made)
            assert str(refusal.value) == found.sentence
        assert made.state is C.DRAFT
        assert session.scalar(select(func.count(Run.id))) == 0
        session.rollback()


def test_what_only_deserves_a_word(session: Session, account: Account) -> None:
    """An archived template is told and does not stop; a collector may text where Twilio allows it; so may a name."""
    made = ready(session, account)
    obstacle("template_archived")(session, made)
    (found,) = campaigns.problems(session, made)
    assert (found.code, found.blocking) == ("template_archived", False)
    campaigns.send(session, made, now=NOW)
    session.rollback()
    made = ready(session, account)
    obstacle("third_party_collector")(session, made)
    obstacle("alphanumeric")(session, made)
    session.execute(update(CountrySetting).where(CountrySetting.region.in_(["US", "CA"])).values(enabled=False))
    assert campaigns.problems(session, made) == []


@pytest.mark.parametrize("kind", [SenderKind.TOLL_FREE, SenderKind.SHORT_CODE])
def test_only_a_verified_toll_free_number_sends(session: Session, account: Account, kind: SenderKind) -> None:
    """Each word of its verification, and which of them let it send."""
    made = ready(session, account)
    sender = seeds.sender_of(session, account, kind)
    made.sender_id = sender.id
    for word in Verification:
        sender.verification = word
        session.flush()
        session.expire_all()
        fine = {Verification.TWILIO_APPROVED} | ({Verification.NOT_NEEDED} if kind is SenderKind.SHORT_CODE else set())
        assert (campaigns.problems(session, made) == []) == (word in fine), word


def test_a_run_is_of_what_was_chosen(session: Session, account: Account) -> None:
    """Its template version, audience, sender and limits are those at the start, whatever is edited later."""
    account.launch_epoch = 4
    made = ready(session, account)
    run = campaigns.send(session, made, now=NOW)
    chosen = (made.template_version_id, made.audience_id, made.sender_id)
    assert (run.template_version_id, run.audience_id, run.sender_id) == chosen
    assert (run.number, run.launch_epoch, run.started_at, run.expanded) == (1, 4, NOW, False)


@pytest.mark.parametrize(
    ("own", "accounts", "expected"), [(None, 20, 20), (5, 20, 5), (20, 20, 20), (21, 20, 20), (20, 21, 20)]
)
def test_the_lower_limit_holds(own: int | None, accounts: int, expected: int, sqlite_session: Session) -> None:
    """A campaign's own limit never lifts the account's."""
    account = sqlite_session.scalars(select(Account)).one()
    account.segment_limit = accounts
    run = campaigns.send(sqlite_session, ready(sqlite_session, account, segment_limit=own), now=NOW)
    assert run.segment_limit == expected
    sqlite_session.rollback()


def test_the_start_of_a_scheduled_campaign(session: Session, account: Account) -> None:
    """In the future, in any zone, and changed as often as one likes; a time without a zone is a mistake."""
    made = ready(session, account)
    for past in (NOW - timedelta(days=1), NOW - timedelta(microseconds=1), NOW):
        with pytest.raises(NotAllowed, match="future"):
            campaigns.schedule(session, made, starts_at=past, now=NOW)
    with pytest.raises(TypeError):
        campaigns.schedule(session, made, starts_at=SOON.replace(tzinfo=None), now=NOW)
    assert made.state is C.DRAFT
    tokyo = timezone(timedelta(hours=9))
    for starts_at in (NOW + timedelta(microseconds=1), SOON.astimezone(tokyo), SOON):
        campaigns.schedule(session, made, starts_at=starts_at, now=NOW)
        session.flush()
        session.refresh(made)
        assert (made.state, made.starts_at) == (C.SCHEDULED, starts_at.astimezone(UTC))
    campaigns.unschedule(session, made, now=NOW)
    assert (made.state, made.starts_at) == (C.DRAFT, None)


def test_due_campaigns_start(session: Session, account: Account) -> None:
    """At their time and not before, once, and also when nobody was there at the time; the run knows when it was due."""
    made = ready(session, account)
    campaigns.schedule(session, made, starts_at=SOON, now=NOW)
    assert campaigns.start_due(session, now=SOON - timedelta(microseconds=1)) == []
    for late in (timedelta(0), timedelta(minutes=60)):
        with session.begin_nested() as attempt:
            (run,) = campaigns.start_due(session, now=SOON + late)
            assert (made.state, run.due_at, run.started_at) == (C.SENDING, SOON, SOON + late)
            assert campaigns.start_due(session, now=SOON + late) == []
            attempt.rollback()
        session.refresh(made)


def test_send_now_what_was_scheduled(session: Session, account: Account) -> None:
    """Somebody who cannot wait: the run is due now, not at the time that was planned."""
    made = in_state(session, account, C.SCHEDULED)
    run = campaigns.send(session, made, now=NOW)
    assert run.due_at == NOW
    assert campaigns.start_due(session, now=SOON) == []


def test_one_that_cannot_start_is_held(session: Session, account: Account) -> None:
    """With the sentence that says why; it keeps no other from starting, and a person releases it once it is mended."""
    first = ready(session, account)
    second = ready(session, account, name="Summer")
    for made in (first, second):
        campaigns.schedule(session, made, starts_at=SOON, now=NOW)
    first.sender_id = seeds.sender_of(session, account, SenderKind.TOLL_FREE).id
    session.flush()
    session.expire_all()
    (run,) = campaigns.start_due(session, now=SOON)
    assert (run.campaign_id, first.state, second.state) == (second.id, C.HELD, C.SENDING)
    assert "is not verified by Twilio" in first.why
    with pytest.raises(NotAllowed, match="not verified"):
        campaigns.send_held(session, first, now=SOON)
    first.sender.verification = Verification.TWILIO_APPROVED
    run = campaigns.send_held(session, first, now=SOON + timedelta(hours=1))
    assert (run.campaign_id, run.due_at, first.why, first.next_at) == (first.id, SOON, "", None)


def at_once(works: list[Callable[[], None]]) -> None:
    """Run all at the same moment."""
    barrier = threading.Barrier(len(works))

    def work(what: Callable[[], None]) -> None:
        barrier.wait()
        what()

    threads = [threading.Thread(target=work, args=(what,)) for what in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_two_clicks_are_one(database: Database, session: Session, account: Account) -> None:
    """Six people press Send, and two workers find the campaign due, all at once: one run, and a sentence for the others."""
    made = ready(session, account)
    campaigns.schedule(session, made, starts_at=NOW + timedelta(seconds=1), now=NOW)
    session.commit()
    said: list[str] = []
    started: list[int] = []

    def click() -> None:
        with database.session() as mine:
            try:
                started.append(campaigns.send(mine, mine.get_one(Campaign, made.id), now=SOON).id)
                mine.commit()
            except NotAllowed as refusal:
                said.append(str(refusal))

    def due() -> None:
        with database.transaction() as mine:
            started.extend(run.id for run in campaigns.start_due(mine, now=SOON))

    at_once([*[click] * 6, due, due])
    assert len(started) == 1
    assert set(said) <= {"A campaign that is sending cannot be sent."}
    assert session.scalar(select(func.count(Run.id))) == 1


def test_cancelled_in_the_middle(session: Session, account: Account) -> None:
    """Expanded in part, sent in part: what left is counted, all else is set aside or left out, and the sum is the audience."""
    made = ready(session, account, people=25)
    run = campaigns.send(session, made, now=NOW)
    audience.expand(session, run, now=NOW, chunk=10)
    session.commit()
    claims = dispatch.claim(session, worker="w", now=NOW, limit=4)
    assert campaigns.cancel(session, made, now=NOW) == 6
    session.commit()
    sent, refused, unsent, doubtful = claims
    results = [
        Outcome(sent, Result.SENT, sid="SM1", status="queued"),
        Outcome(refused, Result.REJECTED, error_code=21211),
    ]
    results += [Outcome(unsent, Result.UNSENT), Outcome(doubtful, Result.IN_DOUBT)]
    outcomes.record(session, results, now=NOW)
    assert dispatch.claim(session, worker="w", now=NOW + timedelta(seconds=5), limit=99) == []
    assert campaigns.under_way(session, now=NOW)
    with pytest.raises(NotAllowed, match="accounted for"):
        campaigns.archive(session, made, now=NOW)
    while audience.expand(session, run, now=NOW, chunk=10):
        pass
    assert [campaigns.set_aside(session, now=NOW, limit=5) for _ in range(3)] == [5, 2, 0]
    assert campaigns.finish_done(session, now=NOW) == []
    found = campaigns.progress(session, run, now=NOW)
    assert found.by_status == {S.QUEUED: 1, S.FAILED: 1, S.IN_DOUBT: 1, S.SKIPPED: 7}
    assert found.by_reason == {Reason.CANCELLED: 22}
    assert (found.audience, found.excluded, found.sent, found.failed, found.skipped, found.waiting) == (
        25,
        15,
        1,
        1,
        7,
        1,
    )
    assert found.done == 24
    assert not campaigns.under_way(session, now=NOW)
    with pytest.raises(NotAllowed, match="accounted for"):
        campaigns.archive(session, made, now=NOW)
    session.execute(update(Message).where(Message.status == S.IN_DOUBT).values(status=S.UNKNOWN))
    campaigns.archive(session, made, now=NOW)


def test_cancelled_while_the_worker_expands(database: Database, session: Session, account: Account) -> None:
    """Rows that the worker was just writing when somebody cancelled are set aside at its next turn, and never sent."""
    made = ready(session, account, people=5)
    run = campaigns.send(session, made, now=NOW)
    session.commit()

    def cancel() -> None:
        with database.transaction() as mine:
            campaigns.cancel(mine, mine.get_one(Campaign, made.id), now=NOW)

    audience.expand(session, run, now=NOW)
    thread = threading.Thread(target=cancel)
    thread.start()
    time.sleep(0.3)
    session.commit()
    thread.join()
    assert dispatch.claim(session, worker="w", now=NOW, limit=9) == []
    campaigns.set_aside(session, now=NOW)
    assert {(m.status, m.reason) for m in session.scalars(select(Message))} == {(S.SKIPPED, Reason.CANCELLED)}


def test_cancelled_while_the_worker_completes(database: Database, session: Session, account: Account) -> None:
    """The click was first: the worker does not make a completed campaign of it."""
    made = in_state(session, account, C.SENDING)
    session.execute(update(Run).values(expanded=True))
    session.commit()
    finished: list[int] = []

    def finish() -> None:
        with database.transaction() as mine:
            finished.extend(run.id for run in campaigns.finish_done(mine, now=NOW))

    campaigns.cancel(session, made, now=NOW)
    session.flush()
    thread = threading.Thread(target=finish)
    thread.start()
    time.sleep(0.3)
    session.commit()
    thread.join()
    session.refresh(made)
    assert (finished, made.state) == ([], C.CANCELLED)


def test_what_a_run_waits_for(session: Session, account: Account) -> None:
    """It completes when it is expanded and no message is pending, claimed or in doubt; each other status lets it end."""
    run = seeds.sending_run(session, account, 2)
    (message, other) = session.scalars(select(Message))
    other.status = S.DELIVERED
    for status in S:
        message.status = status
        session.flush()
        with session.begin_nested() as attempt:
            done = campaigns.finish_done(session, now=SOON)
            assert (done == []) == (status in WAITING), status
            assert status in SETTLED or status in WAITING or done == [run]
            attempt.rollback()
        session.expire_all()
    run.expanded = False
    session.flush()
    assert campaigns.finish_done(session, now=SOON) == []
    run.expanded, run.campaign.state = True, C.PAUSED
    session.flush()
    assert campaigns.finish_done(session, now=SOON) == []
    run.campaign.state = C.SENDING
    session.flush()
    assert campaigns.finish_done(session, now=SOON) == [run]
    assert (run.finished_at, run.campaign.state) == (SOON, C.COMPLETED)
    assert campaigns.finish_done(session, now=SOON) == []


def test_a_pause_keeps_everything(session: Session, account: Account) -> None:
    """What was claimed lands and counts, nothing new leaves, and after it the rest goes."""
    run = seeds.sending_run(session, account, 5)
    (first,) = dispatch.claim(session, worker="w", now=NOW, limit=1)
    campaigns.pause(session, run.campaign, now=NOW)
    session.commit()
    outcomes.record(session, [Outcome(first, Result.SENT, sid="SM1", status="sent")], now=NOW)
    assert dispatch.claim(session, worker="w", now=NOW + timedelta(seconds=1), limit=9) == []
    found = campaigns.progress(session, run, now=NOW)
    assert found.by_status == {S.SENT: 1, S.PENDING: 4}
    campaigns.resume(session, run.campaign, now=NOW)
    session.commit()
    assert len(dispatch.claim(session, worker="w", now=NOW + timedelta(seconds=2), limit=9)) == 4


def test_progress_adds_up(session: Session, account: Account) -> None:
    """Excluded, skipped, sent, failed, waiting and left to a person are the audience, whatever the statuses are."""
    run = seeds.sending_run(session, account, len(S))
    rows = session.scalars(select(Message).order_by(Message.id)).all()
    for row, status in zip(rows, S, strict=True):
        row.status = status
        row.reason = Reason.OPTED_OUT if status is S.SKIPPED else None
    session.add_all(Exclusion(run_id=run.id, row=900 + n, reason=Reason.DUPLICATE) for n in range(3))
    session.add(Exclusion(run_id=run.id, row=999, reason=Reason.OPTED_OUT))
    run.excluded, run.audience_size = 4, len(S) + 4
    session.flush()
    found = campaigns.progress(session, run, now=NOW)
    assert found.by_status == dict.fromkeys(S, 1)
    assert found.by_reason == {Reason.DUPLICATE: 3, Reason.OPTED_OUT: 2}
    unknown = found.by_status[S.UNKNOWN]
    received = found.by_status[S.RECEIVED]  # never in a run; here to see that it is not taken for sent
    parts = (found.excluded, found.skipped, found.sent, found.failed, found.waiting, unknown, received)
    assert parts == (4, 1, 8, 2, 3, 1, 1)
    assert sum(parts) == found.audience == found.done + found.waiting


@pytest.mark.parametrize(
    ("ages", "waiting", "rate", "eta"),
    [
        ([], 5, "0", None),
        ([0, 1, 9.999], 5, "0.3", 17),
        ([10, 10.001, 3600], 5, "0", None),
        ([0, 9, 10, 11], 4, "0.2", 20),
        ([1] * 5, 0, "0.5", None),
    ],
)
def test_the_rate_is_that_of_the_last_ten_seconds(
    sqlite_session: Session, ages: list[float], waiting: int, rate: str, eta: int | None
) -> None:
    """Texts that Twilio took in the ten seconds before now, and how long the rest takes at that rate."""
    account = sqlite_session.scalars(select(Account)).one()
    run = seeds.sending_run(sqlite_session, account, len(ages) + waiting)
    for row, age in zip(sqlite_session.scalars(select(Message)), ages, strict=False):
        row.status, row.sid, row.sent_at = S.SENT, f"SM{row.id}", NOW - timedelta(seconds=age)
    sqlite_session.flush()
    found = campaigns.progress(sqlite_session, run, now=NOW)
    assert (Decimal(str(found.rate_per_second)), found.eta_seconds) == (Decimal(rate), eta)


def test_who_keeps_a_draining_worker(session: Session, account: Account) -> None:
    """A campaign that sends, that is due and can start, or that has rows to account for; not one that waits for a person."""
    for state, before, expected in [
        (C.DRAFT, None, False),
        (C.SCHEDULED, None, False),
        (C.SENDING, None, True),
        (C.PAUSED, None, True),  # its rows are not expanded yet
        (C.COMPLETED, None, False),
        (C.CANCELLED, None, False),
        (C.ARCHIVED, C.DRAFT, False),
    ]:
        in_state(session, account, state, before=before)
        assert campaigns.under_way(session, now=NOW) == expected, state
        session.rollback()
    made = in_state(session, account, C.SCHEDULED)
    assert campaigns.under_way(session, now=SOON)
    made.sender_id = seeds.sender_of(session, account, SenderKind.TOLL_FREE).id
    session.flush()
    session.expire_all()
    campaigns.start_due(session, now=SOON)
    assert not campaigns.under_way(session, now=SOON)
    made = in_state(session, account, C.SCHEDULED, name="Summer")
    account.held_why = "A backup was restored."
    session.flush()
    assert not campaigns.under_way(session, now=SOON)
    assert campaigns.start_due(session, now=SOON) == []


POSTGRES = pytest.mark.parametrize(
    "database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
"""SQLite has one writer, so there these moments do not exist."""


@POSTGRES
def test_cancelled_while_the_worker_claims(database: Database, session: Session, account: Account) -> None:
    """Between the worker's look at a message and its claim somebody cancels: it is either sent or set aside, never both."""
    campaign_id = seeds.sending_run(session, account, 5).campaign_id
    stopped: list[int] = []
    clicks: list[threading.Thread] = []

    def cancel() -> None:
        with database.transaction() as mine:
            stopped.append(campaigns.cancel(mine, mine.get_one(Campaign, campaign_id), now=NOW))

    @event.listens_for(database.engine, "after_cursor_execute")
    def click(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "message.body" in statement and "message.lane_id =" in statement and not clicks:
            clicks.append(threading.Thread(target=cancel))
            clicks[0].start()
            clicks[0].join(0.5)

    with database.session() as mine:
        claims = dispatch.claim(mine, worker="w", now=NOW, limit=9)
    clicks[0].join()
    assert len(claims) + campaigns.set_aside(session, now=NOW) == 5


@POSTGRES
def test_claims_go_on_while_a_list_is_expanded(database: Database, session: Session, account: Account) -> None:
    """The rows that an expansion is writing do not keep other messages of the same sender from leaving."""
    seeds.sending_run(session, account, 5)
    run = campaigns.send(session, ready(session, account, name="Summer"), now=NOW)
    session.commit()
    audience.expand(session, run, now=NOW)
    with database.session() as other:
        assert len(dispatch.claim(other, worker="w", now=NOW, limit=9)) == 5
