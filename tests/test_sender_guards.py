"""Tests of sender/guards.py: a spike of errors pauses its campaign once, says why, and a resumed one is judged anew."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from admin.error_codes import meanings
from models.accounts import Account
from models.base import Database
from models.campaigns import Campaign, CampaignState, Run
from models.messages import Message, MessageStatus
from models.notices import Notice
from models.settings import Setting
from sender import campaigns, guards
from tests.conftest import NOW
from tests.seeds import sending_run

C, M = CampaignState, MessageStatus
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("bad", "good", "expected"),
    [
        (5, 0, None),
        (6, 0, (6, 6)),
        (5, 20, None),
        (6, 19, (6, 25)),
        (6, 24, None),
        (7, 24, (7, 31)),
        (20, 80, None),
        (21, 79, (21, 100)),
        (0, 100, None),
        (0, 0, None),
    ],
)
def test_a_spike_is_more_than_a_share_of_at_least_a_sample(
    bad: int, good: int, expected: tuple[int, int] | None
) -> None:
    """More than 20 %, of at least 25: what is not known yet counts as good."""
    found = guards.spike([30007] * bad + [None] * good, percent=20, sample=25)
    assert (found and (found.bad, found.seen)) == expected


def test_a_list_with_dead_numbers_is_no_spike() -> None:
    """What is wrong with one number stops nobody else's text; the most frequent code is named."""
    assert guards.spike([30003, 30005, 30006, 21211, 21610, 21614] * 10, percent=20, sample=25) is None
    found = guards.spike([30007] * 4 + [30034] * 5 + [30005] * 9, percent=20, sample=25)
    assert found == guards.Spike(9, 18, 30034, 5)


def test_every_alarm_can_be_explained() -> None:
    """The table says what to do in a sentence, and the console knows each code."""
    assert set(guards.alarms()) <= set(meanings())
    assert all(alarm.advice.endswith(".") and alarm.kind for alarm in guards.alarms().values())


def outcomes(session: Session, run: Run, codes: list[int | None], **more: Any) -> None:
    """Give the run's next open messages these outcomes, one a second."""
    rows = session.scalars(
        select(Message).where(Message.run_id == run.id, Message.final_at.is_(None)).order_by(Message.id)
    ).all()
    for place, (message, code) in enumerate(zip(rows, codes, strict=False)):
        message.status, message.error_code = (M.UNDELIVERED, code) if code else (M.DELIVERED, None)
        message.sid, message.sent_at = f"SM{message.id}", more.get("sent_at", NOW + place * SECOND)
        message.final_at = more.get("final_at", NOW + (place + 5) * SECOND)
    session.commit()


def test_a_spike_pauses_and_tells(session: Session, account: Account) -> None:
    """The campaign says which code, how many and what to do; both address lists are told, once."""
    account.alert_emails = ["office@example.org"]
    run = sending_run(session, account, 40)
    outcomes(session, run, [None] * 5 + [30007] * 5)
    assert guards.watch(session, now=NOW + 60 * SECOND) == []
    outcomes(session, run, [30007] * 2, final_at=NOW + 30 * SECOND)
    stopped = guards.watch(session, now=NOW + 60 * SECOND)
    session.commit()
    assert [campaign.state for campaign in stopped] == [C.PAUSED]
    assert stopped[0].why == (
        "Paused: 7 of the last 12 texts ended with an error that no other text will escape, 7 of them with 30007. "
        "Change the wording or the link before you resume: repeating filtered texts makes it worse."
    )
    notice = session.scalars(select(Notice)).one()
    assert (notice.subject, notice.recipients, notice.body) == (
        "Spring was paused", ["office@example.org"], stopped[0].why
    )  # fmt: skip
    assert notice.details == {"run": 1, "code": 30007, "bad": 7, "seen": 12}
    assert guards.watch(session, now=NOW + 61 * SECOND) == []


def test_a_resumed_campaign_is_judged_anew(session: Session, account: Account) -> None:
    """What left before the resume does not count, also when its outcome comes later; a second spike is told again."""
    run = sending_run(session, account, 60)
    outcomes(session, run, [30007] * 10)
    later = NOW + timedelta(minutes=5)
    assert len(guards.watch(session, now=later - SECOND)) == 1
    campaigns.resume(session, session.get_one(Campaign, run.campaign_id), now=later)
    outcomes(session, run, [30007] * 10, sent_at=later - SECOND, final_at=later + SECOND)
    assert guards.watch(session, now=later + 2 * SECOND) == []
    outcomes(session, run, [30007] * 6, sent_at=later, final_at=later + 3 * SECOND)
    assert len(guards.watch(session, now=later + 4 * SECOND)) == 1
    assert len(session.scalars(select(Notice)).all()) == 2


def test_refusals_at_the_door_count(session: Session, account: Account) -> None:
    """A text that Twilio refused has no SID and never left; it is an outcome all the same."""
    run = sending_run(session, account, 10)
    for message in session.scalars(select(Message)):
        message.status, message.error_code, message.final_at = M.FAILED, 21606, NOW + SECOND
    session.commit()
    assert [c.id for c in guards.watch(session, now=NOW + 2 * SECOND)] == [run.campaign_id]


def test_only_the_last_outcomes_count(session: Session, account: Account) -> None:
    """With a window of 30 a spike after a thousand good texts is seen as soon as in a fresh run, and an old one is over."""
    for name, number in (("spike_window", 30), ("spike_percent", 50)):
        session.add(Setting(account_id=account.id, name=name, value=number, updated_at=NOW))
    run = sending_run(session, account, 60)
    outcomes(session, run, [30007] * 15 + [None] * 15)
    assert guards.watch(session, now=NOW + 60 * SECOND) == []
    outcomes(session, run, [None] * 14 + [30007] * 16, final_at=NOW + 60 * SECOND)
    assert len(guards.watch(session, now=NOW + 90 * SECOND)) == 1


def test_only_the_named_runs_and_sending_campaigns_are_judged(session: Session, account: Account) -> None:
    """Whoever has just stored outcomes asks about their runs alone; a paused campaign is left alone."""
    one, other = sending_run(session, account, 10), sending_run(session, account, 10, name="Other")
    for run in (one, other):
        outcomes(session, run, [30007] * 10)
    assert [c.id for c in guards.watch(session, now=NOW + 60 * SECOND, runs=[other.id])] == [other.campaign_id]
    session.get_one(Campaign, one.campaign_id).state = C.CANCELLED
    session.flush()
    assert guards.watch(session, now=NOW + 60 * SECOND) == []
    assert guards.stop(session, one.campaign_id, why="No.", now=NOW) is None


def test_the_look_uses_the_index(database: Database) -> None:
    """A hundred rows are read of a run of a million, because its outcomes are indexed by time."""
    query = (
        "SELECT error_code FROM message WHERE run_id = 1 AND message.status IN ('delivered', 'undelivered', 'failed', 'read') "
        "ORDER BY final_at DESC LIMIT 100"
    )
    with database.session() as session:
        if database.dialect == "sqlite":
            plan = str(session.execute(text("EXPLAIN QUERY PLAN " + query)).all())
        else:
            session.execute(text("SET enable_seqscan = off"))
            session.execute(text("SET enable_sort = off"))
            plan = str(session.execute(text("EXPLAIN " + query)).all())
    assert "ix_message_outcome" in plan
