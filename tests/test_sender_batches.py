"""Tests of sender/batches.py: every row in one batch, none over the limit, one a day at the same hour, nobody texted twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import AudienceRow, Campaign, CampaignState, Run
from models.messages import Message
from sender import campaigns
from sender.batches import Batch, propose, split
from sender.campaigns import NotAllowed
from tests.conftest import NOW
from tests.lists import campaign_to, expanded, listed

START = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)


def over(session: Session, account: Account, limit: int, texts: int = 10, **more: object) -> Campaign:
    """A draft to people of whom every third has no number, each text two segments long."""
    rows = "".join(f"21255501{n:02},a\n" + ("12,b\n" if n % 3 == 0 else "") for n in range(texts))
    return campaign_to(
        session, account, listed(session, account, f"Phone,Name\n{rows}"), "x" * 200, segment_limit=limit, **more
    )


@pytest.mark.parametrize(
    ("limit", "texts"),
    [(20, [10]), (19, [9, 1]), (18, [9, 1]), (10, [5, 5]), (11, [5, 5]), (7, [3, 3, 3, 1]), (2, [1] * 10)],
)
def test_batches_fill_the_limit(session: Session, account: Account, limit: int, texts: list[int]) -> None:
    """Each as full as it can be, in the order of the list, every row in exactly one."""
    found = propose(session, over(session, account, limit), first_at=START)
    assert [batch.texts for batch in found] == texts
    assert all(batch.segments == 2 * batch.texts <= limit for batch in found)
    assert [(one.last + 1, one.number + 1) for one in found[:-1]] == [(one.first, one.number) for one in found[1:]]
    assert (found[0].first, found[-1].last) == (1, 14)


def test_a_text_longer_than_the_limit_cannot_be_split(session: Session, account: Account) -> None:
    """No number of days helps."""
    with pytest.raises(NotAllowed, match="One text alone"):
        propose(session, over(session, account, 1), first_at=START)


def test_each_day_at_the_same_hour_of_the_clock(session: Session, account: Account) -> None:
    """Ten in the morning in New York before and after the clocks go back; in the campaign's own zone if it has one."""
    made = over(session, account, 8)
    found = propose(session, made, first_at=datetime(2026, 10, 31, 14, 0, tzinfo=UTC))
    assert [f"{batch.starts_at:%d %H:%M}" for batch in found] == ["31 14:00", "01 15:00", "02 15:00"]
    made.time_zone = "UTC"
    found = propose(session, made, first_at=datetime(2026, 10, 31, 14, 0, tzinfo=UTC))
    assert [f"{batch.starts_at:%d %H:%M}" for batch in found] == ["31 14:00", "01 14:00", "02 14:00"]


def test_a_split_campaign_reaches_everybody_once(session: Session, account: Account) -> None:
    """Three scheduled campaigns instead of one, with their part of the list, the money shared out, and no text in two of them."""
    whole = over(session, account, 8, budget_u=1_001)
    made = split(session, whole, propose(session, whole, first_at=START), now=NOW, actor="anna")
    session.commit()
    assert [campaign.name for campaign in made] == [f"{whole.name} ({n} of 3)" for n in (1, 2, 3)]
    assert [campaign.next_at for campaign in made] == [START + timedelta(days=n) for n in range(3)]
    assert all(campaign.state is CampaignState.SCHEDULED for campaign in made)
    assert [campaign.budget_u for campaign in made] == [400, 400, 200]
    assert (whole.state, whole.why) == (CampaignState.CANCELLED, "Split into 3 batches, the last on 2026-11-23.")
    texted: list[int | None] = []
    for campaign in made:
        run = campaigns.send(session, campaign, now=NOW)
        expanded(session, run)
        assert (run.audience_size, run.segments <= 8) == (campaign.audience.rows, True)
        texted += session.scalars(select(Message.contact_id).where(Message.run_id == run.id))
    assert len(texted) == len(set(texted)) == 10
    assert sum(campaign.audience.rows for campaign in made) == whole.audience.rows == 14
    assert sum(campaign.audience.usable for campaign in made) == whole.audience.usable == 10
    rows = session.scalars(select(AudienceRow.row).where(AudienceRow.audience_id.in_([c.audience_id for c in made])))
    assert sorted(rows) == list(range(1, 15))


def test_what_cannot_be_split(session: Session, account: Account) -> None:
    """One that fits, one under way, one that repeats: each with a sentence, and nothing is made."""
    whole = over(session, account, 20)
    with pytest.raises(NotAllowed, match="fits into one"):
        split(session, whole, propose(session, whole, first_at=START), now=NOW, actor="anna")
    two = [Batch(1, 1, 7, 5, 10, START), Batch(2, 8, 14, 5, 10, START)]
    whole.recurrence = "FREQ=DAILY"
    with pytest.raises(NotAllowed, match="does not repeat"):
        split(session, whole, two, now=NOW, actor="anna")
    whole.recurrence = None
    campaigns.send(session, whole, now=NOW)
    with pytest.raises(NotAllowed, match="has not started"):
        split(session, whole, two, now=NOW, actor="anna")
    assert len(session.scalars(select(Campaign)).all()) == 1
    assert len(session.scalars(select(Run)).all()) == 1
