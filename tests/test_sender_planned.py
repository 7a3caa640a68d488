"""When a campaign runs next, and what a schedule may say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Campaign, CampaignState
from sender import campaigns, planned
from sender.runs import NotAllowed
from tests import seeds
from tests.conftest import NOW

C = CampaignState
DAY = timedelta(days=1)
NINE = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
"""The next morning at nine in New York."""


def made(session: Session, account: Account) -> Campaign:
    """A draft."""
    return seeds.campaign(session, account, people=seeds.contacts(session, account, 1))


def test_what_will_follow(session: Session, account: Account) -> None:
    """From the next run on, in order; one time of a one-time campaign, none of a draft; to the end of the rule and no further."""
    campaign = made(session, account)
    assert campaigns.upcoming(session, campaign, now=NOW) == []
    campaigns.schedule(session, campaign, starts_at=NINE, now=NOW)
    assert [one.at for one in campaigns.upcoming(session, campaign, now=NOW)] == [NINE]
    campaigns.schedule(session, campaign, starts_at=NINE, now=NOW, recurrence="FREQ=DAILY;COUNT=7")
    found = campaigns.upcoming(session, campaign, now=NOW)
    assert [one.at for one in found] == [NINE + number * DAY for number in range(5)]
    assert found[0].key == "2026-11-21T09:00 America/New_York"
    assert [one.at for one in campaigns.upcoming(session, campaign, now=NINE + 4 * DAY, count=9)] == [
        NINE, NINE + 5 * DAY, NINE + 6 * DAY,
    ]  # fmt: skip
    assert len(campaigns.upcoming(session, campaign, now=NOW, count=1)) == 1
    rule = "FREQ=WEEKLY;BYDAY=MO"
    assert [one.at for one in planned.preview(rule, NINE, "America/New_York", after=NOW, count=2)] == [
        NINE + 2 * DAY, NINE + 9 * DAY,
    ]  # fmt: skip


def test_a_schedule_on_another_clock(session: Session, account: Account) -> None:
    """The wall time is that of the zone that was chosen; else the account's, and it is written down, should the account move."""
    campaign = made(session, account)
    campaigns.schedule(
        session, campaign, starts_at=NINE, now=NOW, recurrence="FREQ=DAILY;BYHOUR=9", time_zone="Asia/Kathmandu"
    )
    assert campaign.next_at == datetime(
        2026, 11, 22, 4, 0, tzinfo=UTC
    )  # 9:45 there: the minutes are those of the start
    campaigns.schedule(session, campaign, starts_at=NINE, now=NOW, recurrence="FREQ=DAILY")
    assert (campaign.time_zone, campaign.next_at) == ("America/New_York", NINE)
    campaigns.schedule(session, campaign, starts_at=NINE, now=NOW)
    assert (campaign.time_zone, campaign.recurrence, campaign.next_at) == (None, None, NINE)


def test_a_first_start_that_is_past(session: Session, account: Account) -> None:
    """It keeps the beat of a rule that is edited: every second week goes on as it began."""
    campaign = made(session, account)
    first = NINE - 28 * DAY - timedelta(hours=1)  # nine o'clock was an hour earlier then: clocks have gone back since
    campaigns.schedule(session, campaign, starts_at=first, now=NOW, recurrence="FREQ=WEEKLY;INTERVAL=2")
    assert campaign.next_at == NINE
    assert planned.following(campaign, after=NINE) is not None
    assert planned.due(campaign, now=NINE - timedelta(seconds=1)) == []
    assert [one.at for one in planned.due(campaign, now=NINE + 14 * DAY)] == [NINE, NINE + 14 * DAY]


@pytest.mark.parametrize(
    ("recurrence", "zone", "said"),
    [
        ("FREQ=HOURLY", None, "once a day or less often"),
        ("FREQ=DAILY;UNTIL=20261119", None, "no time that is still to come"),
        ("FREQ=DAILY", "America/Atlantis", "no such time zone"),
        ("FREQ=DAILY", "../etc/passwd", "no such time zone"),
        (None, "Nowhere", "no such time zone"),
    ],
)
def test_what_no_schedule_may_say(
    session: Session, account: Account, recurrence: str | None, zone: str | None, said: str
) -> None:
    """Refused with a sentence, and nothing changes."""
    campaign = made(session, account)
    with pytest.raises(NotAllowed, match=said):
        campaigns.schedule(session, campaign, starts_at=NINE, now=NOW, recurrence=recurrence, time_zone=zone)
    assert (campaign.state, campaign.next_at, campaign.recurrence) == (C.DRAFT, None, None)
