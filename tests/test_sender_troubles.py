"""Tests of sender/troubles.py: whatever needs a person is told, whoever caused it, and a run is over when its last word is in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Campaign, CampaignState, Lane, Run
from models.messages import Message, MessageStatus
from models.notices import Notice
from sender import campaigns, guards, notices, troubles
from tests.conftest import NOW
from tests.seeds import campaign, sending_run

C, M = CampaignState, MessageStatus
MINUTE = timedelta(minutes=1)


def causes(session: Session) -> list[str]:
    """What was told."""
    return list(session.scalars(select(Notice.cause).order_by(Notice.id)))


def test_a_pause_with_a_reason_is_told_once(session: Session, account: Account) -> None:
    """Whoever paused it; one that a person paused without a word is not."""
    run = sending_run(session, account, 3)
    made = session.get_one(Campaign, run.campaign_id)
    campaigns.pause(session, made, now=NOW)
    assert troubles.owe_troubles(session, now=NOW) == 0
    made.why, made.updated_at = "Twilio refused the account's key.", NOW + MINUTE
    session.commit()
    assert [troubles.owe_troubles(session, now=NOW + MINUTE) for _ in range(3)] == [1, 0, 0]
    campaigns.resume(session, made, now=NOW + 2 * MINUTE)
    assert guards.stop(session, made.id, why="Once more.", now=NOW + 3 * MINUTE) is not None
    session.commit()
    assert troubles.owe_troubles(session, now=NOW + 4 * MINUTE) == 0
    assert [n.body for n in session.scalars(select(Notice).order_by(Notice.id))] == [
        "Twilio refused the account's key.",
        "Once more.",
    ]


def test_texts_that_wait_for_a_decision_are_told_once_for_each_run(session: Session, account: Account) -> None:
    """With how many they are, and never which; replies of no run by day."""
    runs = [sending_run(session, account, 3), sending_run(session, account, 3, name="Other")]
    for message in session.scalars(select(Message)):
        message.status = M.UNKNOWN
    reply = session.scalars(select(Message).where(Message.run_id == runs[1].id)).first()
    assert reply is not None
    reply.run_id = reply.lane_id = None
    session.flush()
    assert [troubles.owe_troubles(session, now=NOW) for _ in range(2)] == [3, 0]
    assert sorted(causes(session)) == [
        "replies:unknown:2026-11-20",
        f"run:{runs[0].id}:unknown",
        f"run:{runs[1].id}:unknown",
    ]
    told = {notice.cause: notice for notice in session.scalars(select(Notice))}
    assert told[f"run:{runs[0].id}:unknown"].body.startswith("3 texts may or may not have been sent")
    assert told[f"run:{runs[0].id}:unknown"].campaign_id == runs[0].campaign_id
    assert not any("555" in notice.body + notice.subject for notice in told.values())


def test_recipients_without_an_hour_are_told(session: Session, account: Account) -> None:
    """A lane that is held keeps its run open until somebody decides."""
    run = sending_run(session, account, 3)
    for lane in session.scalars(select(Lane)):
        lane.held = True
    session.flush()
    assert troubles.owe_troubles(session, now=NOW) == 1
    assert causes(session) == [f"run:{run.id}:held"]


@pytest.mark.parametrize(
    ("status", "minutes", "over"),
    [
        (M.DELIVERED, 0, True),
        (M.FAILED, 0, True),
        (M.SKIPPED, 0, True),
        (M.UNKNOWN, 0, True),
        (M.SENT, 9, False),
        (M.SENT, 10, True),
        (M.QUEUED, 9, False),
        (M.QUEUED, 10, True),
        (M.DELIVERED, 72 * 60, False),
    ],
)
def test_a_run_is_reported_when_its_last_word_is_in(
    session: Session, account: Account, status: MessageStatus, minutes: int, over: bool
) -> None:
    """Or ten minutes after its end, because some carriers never say; an old run is no news."""
    run = sending_run(session, account, 2)
    for message in session.scalars(select(Message)):
        message.status = status
    run.finished_at = NOW
    session.flush()
    assert (troubles.finished(session, now=NOW + minutes * MINUTE) == [run]) is over


def test_a_run_is_reported_once(session: Session, account: Account) -> None:
    """Not while it sends, not if it was skipped, not again; a cancelled one when nothing of it is on its way."""
    run = sending_run(session, account, 2)
    assert troubles.finished(session, now=NOW) == []
    made = session.get_one(Campaign, run.campaign_id)
    campaigns.cancel(session, made, now=NOW)
    assert troubles.finished(session, now=NOW) == []
    campaigns.set_aside(session, now=NOW)
    assert troubles.finished(session, now=NOW) == [run]
    notices.owe(session, account_id=account.id, cause=f"run:{run.id}:finished", subject="s", body="b", now=NOW)
    assert troubles.finished(session, now=NOW) == []
    other = campaign(session, account, name="Other", state=C.SCHEDULED)
    session.add(
        Run(
            account_id=account.id, campaign_id=other.id, number=1, audience_id=other.audience_id, due_at=NOW, skipped=True,
            template_version_id=other.template_version_id, sender_id=other.sender_id, expanded=True, finished_at=NOW,
        )
    )  # fmt: skip
    session.flush()
    assert troubles.finished(session, now=NOW) == []
