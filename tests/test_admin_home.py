"""Are the figures of the first page those of the rows behind them, and does each lead there?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import analytics as an
import analytics.charges
import analytics.rates
from admin.views.home import change
from admin.views.home_notices import LATE, notices
from admin.views.home_numbers import Traffic, bounds, next_start, plan, states, traffic
from admin.views.home_usage import finding, usage
from models.accounts import Account, SenderKind, Verification
from models.base import Database
from models.campaigns import Campaign, CampaignState, Lane
from models.countries import CountrySetting
from models.messages import Direction, Message, MessageStatus
from models.users import RoleName
from sender import messages
from sender import notices as outbox
from tests.conftest import NOW, seed_account
from tests.desk import Desk, open_desk
from tests.desk import message as seed_message
from tests.seeds import campaign as seed_campaign
from tests.seeds import sender_of, sending_run

S = CampaignState
ZONES = ["America/New_York", "UTC", "Asia/Kolkata", "Pacific/Auckland"]


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


def text_at(session: Session, account: Account, at: datetime, *, segments: int = 1, **changes: object) -> Message:
    """An outbound text that Twilio took at a time."""
    return seed_message(
        session,
        account,
        "+12125550166",
        changes.pop("status", MessageStatus.DELIVERED),
        created_at=at,
        sent_at=at,
        segments=segments,
        **changes,
    )  # type: ignore[arg-type]


# texts and segments


@pytest.mark.parametrize("zone", ZONES)
def test_days_and_months_are_the_account_s(session: Session, account: Account, zone: str) -> None:
    """One text a microsecond before, at and after each midnight that matters counts on its own side of it."""
    account.time_zone = zone
    at = bounds(account, NOW)
    local = NOW.astimezone(ZoneInfo(zone))
    assert at.day.astimezone(ZoneInfo(zone)).date() == local.date()
    assert at.month.astimezone(ZoneInfo(zone)).date() == date(2026, 11, 1)
    tick = timedelta(microseconds=1)
    for edge in (at.last_month, at.month, at.day, at.tomorrow, at.next_month):
        for moment in (edge - tick, edge, edge + tick):
            text_at(session, account, moment, segments=2)
    found = traffic(session, account, now=NOW)
    assert found.today == Traffic(3, 6)
    assert found.month == Traffic(9, 18)
    assert found.last_month == Traffic(3, 6)


@pytest.mark.parametrize("zone", ZONES)
def test_the_figures_are_those_of_the_rows(session: Session, account: Account, zone: str) -> None:
    """Today and this month equal a count of the rows one by one, over two months of texts at odd hours."""
    account.time_zone = zone
    for hour in range(0, 60 * 24, 5):
        text_at(session, account, NOW - timedelta(hours=hour, minutes=hour % 60), segments=hour % 3 + 1)
    text_at(session, account, NOW, direction=Direction.INBOUND, status=MessageStatus.RECEIVED)
    text_at(session, account, NOW, status=MessageStatus.PENDING)
    session.flush()
    here, rows = ZoneInfo(zone), session.scalars(select(Message).where(Message.direction == Direction.OUTBOUND)).all()
    days = {
        row: (row.sent_at or row.created_at).astimezone(here).date()
        for row in rows
        if row.status is MessageStatus.DELIVERED
    }
    today = NOW.astimezone(here).date()
    found = traffic(session, account, now=NOW)
    for name, mine in (
        ("today", [row for row, day in days.items() if day == today]),
        ("month", [row for row, day in days.items() if (day.year, day.month) == (2026, 11)]),
        ("last_month", [row for row, day in days.items() if (day.year, day.month) == (2026, 10)]),
    ):
        assert getattr(found, name) == Traffic(len(mine), sum(row.segments for row in mine)), name
    assert found.last_month_so_far.texts <= found.last_month.texts


def test_the_figures_are_those_of_the_notebook(session: Session, database: Database, account: Account) -> None:
    """For an account in UTC today and this month are what `analytics.usage` says of the same days."""
    account.time_zone = "UTC"
    for hour in range(0, 40 * 24, 7):
        text_at(session, account, NOW - timedelta(hours=hour), segments=hour % 3 + 1)
    session.commit()
    found = traffic(session, account, now=NOW)
    for name, scope in (
        ("today", {"since": "2026-11-20", "until": "2026-11-21"}),
        ("month", {"month": "2026-11"}),
        ("last_month", {"month": "2026-10"}),
    ):
        frame = an.usage(an.open(database), by=(), account=account.id, direction="outbound", **scope)
        assert getattr(found, name) == Traffic(int(frame["messages"].sum()), int(frame["segments"].sum())), name


def test_a_text_counts_when_it_left(session: Session, account: Account) -> None:
    """Made yesterday and taken by Twilio today is today's."""
    seed_message(
        session, account, "+12125550166", MessageStatus.DELIVERED, created_at=NOW - timedelta(days=1), sent_at=NOW
    )
    assert traffic(session, account, now=NOW).today == Traffic(1, 1)


def test_another_account_s_texts_are_not_counted(session: Session, account: Account) -> None:
    """Neither in the figures nor in the chart."""
    text_at(session, seed_account(session, slug="pier"), NOW)
    assert traffic(session, account, now=NOW).month == Traffic()


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (0, 0, ""),
        (5, 0, ""),
        (100, 100, "as many as"),
        (112, 100, "12% more than"),
        (88, 100, "12% fewer than"),
        (1, 3, "67% fewer than"),
        (9_000, 3, "299,900% more than"),
    ],
)
def test_the_comparison_in_words(now: int, before: int, said: str) -> None:
    """Whole percents; nothing is compared with nothing."""
    assert change(Traffic(now), Traffic(before)) == said


@pytest.mark.parametrize(
    ("included", "used", "percent", "exhausted"),
    [
        (0, 500, 0, None),
        (1_000, 0, 0, None),
        (1_000, 600, 60, None),
        (1_000, 651, 65, date(2026, 11, 30)),
        (1_000, 800, 80, date(2026, 11, 25)),
        (1_000, 999, 99, date(2026, 11, 20)),
        (1_000, 1_000, 100, date(2026, 11, 20)),
        (1_000, 2_500, 250, date(2026, 11, 20)),
    ],
)
def test_how_far_the_plan_reaches(
    account: Account, included: int, used: int, percent: int, exhausted: date | None
) -> None:
    """At the pace of the month so far: a day, or none when it lasts until it starts anew."""
    account.included_segments = included
    found = plan(account, used=used, now=NOW)
    assert (found.percent, found.exhausted_on, found.resets_on) == (percent, exhausted, date(2026, 12, 1))


# the chart


def test_the_chart_is_the_notebook_s(session: Session, database: Database, account: Account) -> None:
    """The table behind the chart has the frame's numbers, the newest day first, and its days add up to the finding."""
    for day in range(35):
        for number in range(day % 4 + 1):
            status = MessageStatus.DELIVERED if number else MessageStatus.FAILED
            text_at(session, account, NOW - timedelta(days=day), status=status, segments=2)
    session.commit()
    found = usage(database, account.id, now=NOW, cost=True)
    frame = an.usage(
        an.open(database, now=NOW), by="day", last="30d", account=account.id, direction="outbound", now=NOW
    )
    assert [row[1] for row in found.rows] == [str(n) for n in frame["messages"].tolist()[::-1]]
    assert found.rows[0][0] == "Fri 20 Nov 2026"
    assert found.finding.startswith(f"{int(frame['messages'].sum())} texts in 30 days")
    assert '"Cost"' in found.light
    assert "<" not in found.dark


def test_a_quiet_month_says_so(session: Session, database: Database, account: Account) -> None:
    """No text, no error."""
    found = usage(database, account.id, now=NOW, cost=True)
    assert (found.finding, found.rows) == ("No texts in the last 30 days.", [])
    assert finding([]) == "No texts in the last 30 days."


def test_nothing_of_the_chart_tells_the_cost(session: Session, database: Database, account: Account) -> None:
    """For a role without `cost:view` neither figure nor table nor title holds a price."""
    analytics.rates.load(session, None, now=NOW, entered_by="test")
    row = text_at(session, account, NOW, sid="SMa", segments=3)
    messages.price(session, row, price_u=24_900, segments=3, now=NOW)
    analytics.charges.post(session, account_id=account.id, now=NOW)
    session.commit()
    with_cost, without = (usage(database, account.id, now=NOW, cost=cost) for cost in (True, False))
    cents = re.compile(r"\$0\.0\d+|0\.024\d*|Cost")
    assert cents.search(with_cost.light)
    assert not cents.search(without.light + without.dark + str(without.rows) + without.finding)
    assert "Cost" not in without.header


# what waits


def test_what_needs_attention(session: Session, account: Account) -> None:
    """Doubtful texts, an overdue campaign and why, held texts, an unverified sender, a country without a price: each once."""
    analytics.rates.load(session, None, now=NOW, entered_by="test")
    session.add(CountrySetting(account_id=account.id, region="AQ", name="Antarctica", enabled=True, updated_at=NOW))
    seed_message(session, account, "+12125550166", MessageStatus.UNKNOWN)
    for _ in range(2):
        seed_message(session, account, "+12125550166", MessageStatus.IN_DOUBT)
    late = seed_campaign(
        session, account, name="Late", state=S.SCHEDULED, sender=sender_of(session, account, SenderKind.TOLL_FREE)
    )
    late.next_at = NOW - LATE - timedelta(seconds=1)
    early = seed_campaign(session, account, name="Early", state=S.SCHEDULED)
    early.next_at = NOW - LATE
    run = sending_run(session, account, 3, name="Held")
    waits = seed_campaign(session, account, name="Waits", state=S.HELD)
    waits.why = "It is 2 hours late."
    account.held_why = "A backup was restored."
    session.scalars(select(Lane).where(Lane.run_id == run.id)).one().held = True
    session.flush()
    found = {notice.code: notice for notice in notices(session, account, now=NOW)}
    assert list(found) == ["stopped", "unknown", "in_doubt", "held_start", "late", "held", "unverified", "unrated"]
    assert (found["unknown"].count, found["in_doubt"].count, found["held"].count) == (1, 2, 3)
    assert found["unknown"].sentence.startswith("1 text may")
    assert "Late should have started by now. " in found["late"].sentence
    assert found["late"].subject_id == late.id
    assert (found["held_start"].sentence, found["stopped"].sentence) == (
        "Waits was not sent. It is 2 hours late.",
        "A backup was restored.",
    )
    assert found["held"].subject_id == run.campaign_id
    assert found["unrated"].sentence.startswith("Antarctica has no price")


def test_what_stopped_by_itself_and_what_could_not_be_mailed(session: Session, account: Account) -> None:
    """A pause with a reason, not a person's; an e-mail ten minutes late, not one without an address."""
    made = sending_run(session, account, 1).campaign
    made.state = S.PAUSED
    assert "paused" not in [notice.code for notice in notices(session, account, now=NOW)]
    made.why = "Paused: the budget of $5.00 is used."
    outbox.owe(session, account_id=account.id, cause="nobody", subject="s", body="b", now=NOW)
    account.alert_emails = ["office@example.org"]
    for cause in ("a", "b"):
        mail = outbox.owe(session, account_id=account.id, cause=cause, subject="s", body="b", now=NOW)
    assert "unmailed" not in [notice.code for notice in notices(session, account, now=NOW + timedelta(minutes=10))]
    late = NOW + timedelta(minutes=11)
    found = {notice.code: notice for notice in notices(session, account, now=late)}
    assert (found["paused"].sentence, found["paused"].subject_id) == (f"Spring: {made.why}", made.id)
    assert found["unmailed"].sentence == "2 e-mails could not be sent. No mail server is set, or no worker runs."
    assert mail is not None
    mail.last_error = "ConnectionRefusedError"
    found = {notice.code: notice for notice in notices(session, account, now=late)}
    assert found["unmailed"].sentence == "2 e-mails could not be sent. The last try ended with ConnectionRefusedError."


def test_nothing_waits_when_all_is_well(session: Session, account: Account) -> None:
    """A verified sender, a card with every country, no doubts: an empty list. Without a card that is what is said."""
    sender_of(session, account, SenderKind.TOLL_FREE).verification = Verification.TWILIO_APPROVED
    session.flush()
    assert [notice.code for notice in notices(session, account, now=NOW)] == ["no_card"]
    analytics.rates.load(session, None, now=NOW, entered_by="test")
    assert notices(session, account, now=NOW) == []


def test_campaigns_by_state(session: Session, account: Account) -> None:
    """Every state has its number, and the next start is the earliest."""
    for number, state in enumerate(CampaignState):
        for copy in range(number):
            seed_campaign(session, account, name=f"{state} {copy}", state=state)
    assert states(session, account.id) == {state: number for number, state in enumerate(CampaignState)}
    for campaign in session.scalars(select(Campaign).where(Campaign.state == S.SCHEDULED)):
        campaign.next_at = NOW + timedelta(days=campaign.id)
    session.flush()
    found = next_start(session, account.id)
    assert found is not None
    assert found.name == "scheduled 0"


# the page


def test_every_number_leads_to_its_rows(desk: Desk) -> None:
    """The state's number is the number of rows of the list it links to; texts and attention link to the messages."""
    now = datetime.now(UTC)
    with desk.database.transaction() as session:
        account = session.get_one(Account, desk.harbor.id)
        for number, state in enumerate(CampaignState):
            for copy in range(number % 3):
                seed_campaign(session, account, name=f"{state} {copy}", state=state)
        text_at(session, account, now, segments=3)
        seed_message(session, account, "+12125550166", MessageStatus.UNKNOWN, created_at=now - timedelta(days=2))
    admin = desk.visitor(RoleName.ADMIN)
    page = admin.text("/")
    links = re.findall(r'<a href="(/campaigns/\?[^"]+)" class="[^"]*" aria-label="(\d+) [a-z]+"', page)
    assert len(links) == len(CampaignState)
    for url, count in links:
        assert admin.text(url.replace("&amp;", "&")).count('class="primary"') == int(count)
    texts = re.search(r'Texts today</div><div class="value"><a href="([^"]+)">1</a>', page)
    assert texts
    assert admin.text(texts[1].replace("&amp;", "&")).count('class="primary"') == 1
    assert "3 segments" in page
    doubt = re.search(r'<a href="(/messages/\?[^"]*unknown[^"]*)">See the texts', page)
    assert doubt
    assert admin.text(doubt[1].replace("&amp;", "&")).count('class="primary"') == 1


@pytest.mark.parametrize("role", RoleName)
def test_the_page_follows_the_role(desk: Desk, role: RoleName) -> None:
    """Everybody has a first page; money with `cost:view` alone, campaigns with `campaign:view` alone, making one for an admin."""
    with desk.database.transaction() as session:
        text_at(session, session.get_one(Account, desk.harbor.id), datetime.now(UTC))
    page = desk.visitor(role).text("/")
    assert "Texts today" in page
    money = role in (RoleName.ADMIN, RoleName.FINANCE, RoleName.ANALYST, RoleName.AUDITOR)
    assert ("Spend in" in page) == ("$" in page) == money
    assert ('href="/campaigns/' in page) == (role is not RoleName.AGENT)
    assert ("New campaign" in page) == (role is RoleName.ADMIN)
    assert "America/New_York" in page
