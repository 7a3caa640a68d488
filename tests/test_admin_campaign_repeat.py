"""Can a person say how often a campaign repeats, see when that is, change and end it, and decide about one that is held?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from admin.views.campaign_repeat import RepeatForm, filled, rule_of
from admin.views.sending_start import NotATime, Start, clocks, read
from models.accounts import Account
from models.base import Database
from models.campaigns import Campaign, CampaignState, Run
from models.users import AuditEntry, RoleName
from sender.recurrence import occurrences
from sender.recurrence_rules import parse
from sender.worker import wall_clock
from tests.conftest import NOW
from tests.desk import Desk, Visitor, open_desk
from tests.seeds import campaign as seed_campaign
from tests.seeds import contacts

S = CampaignState
NEW_YORK = "America/New_York"
WEEKLY = {
    "often": "weekly", "interval": "1", "days": ["MO", "TH"], "first": "2037-03-02", "clock": "09:30", "zone": NEW_YORK,
    "ends": "never", "month_day": "1", "nth": "1", "weekday": "MO",
}  # fmt: skip
"""Mondays and Thursdays from a Monday in 2037."""


REPEAT = {"start": "repeat", "rule": "FREQ=DAILY", "first": "2037-01-01T10:00", "zone": NEW_YORK}


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console over two accounts."""
    with open_desk(database, database_url) as found:
        yield found


@pytest.fixture
def admin(desk: Desk) -> Visitor:
    """Somebody who may do everything in Harbor."""
    return desk.visitor(RoleName.ADMIN)


def made(desk: Desk, state: CampaignState = S.DRAFT, **fields: Any) -> int:
    """A campaign to three people; its id."""
    with desk.database.transaction() as session:
        account = session.get_one(Account, desk.harbor.id)
        row = seed_campaign(session, account, name="Dues", state=state, people=contacts_of(session, account))
        for name, value in fields.items():
            setattr(row, name, value)
        return row.id


def contacts_of(session: Any, account: Account) -> Any:
    """Three people of the account who may be texted."""
    return contacts(session, account, 4)[1:]  # the first number is Anna's


def row_of(desk: Desk, key: int) -> Campaign:
    """The campaign as it is in the database."""
    with desk.database.reading() as session:
        return session.get_one(Campaign, key)


def entries(desk: Desk) -> list[AuditEntry]:
    """The account's audit entries, the newest first."""
    with desk.database.reading() as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(3)))


@pytest.mark.parametrize(
    ("choices", "rule"),
    [
        ({}, "FREQ=WEEKLY;BYDAY=MO,TH"),
        ({"interval": "2"}, "FREQ=WEEKLY;BYDAY=MO,TH;INTERVAL=2"),
        ({"often": "daily", "ends": "count", "count": "3"}, "FREQ=DAILY;COUNT=3"),
        ({"often": "monthly", "month_day": "-1"}, "FREQ=MONTHLY;BYMONTHDAY=-1"),
        (
            {"often": "nth", "nth": "-1", "weekday": "FR", "ends": "until", "until": "2037-12-31"},
            "FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20371231",
        ),
        ({"often": "own", "rule": " FREQ=YEARLY;BYMONTH=3;BYDAY=-1MO "}, "FREQ=YEARLY;BYMONTH=3;BYDAY=-1MO"),
    ],
)  # fmt: skip
def test_choices_become_a_rule_and_come_back(desk: Desk, choices: dict[str, Any], rule: str) -> None:
    """Each choice is its rule; a campaign with that rule shows the same choices again."""
    with desk.app.test_request_context():
        form = RepeatForm(MultiDict(WEEKLY | choices))
        assert form.validate(), form.errors
        assert rule_of(form) == rule
        campaign = Campaign(recurrence=rule, time_zone=NEW_YORK, starts_at=datetime(2037, 3, 2, 14, 30, tzinfo=UTC))
        again = RepeatForm(None, data=filled(campaign, NOW))
        assert rule_of(again) == rule
        assert (again.first.data, str(again.clock.data), again.zone.data) == (date(2037, 3, 2), "09:30:00", NEW_YORK)


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=WEEKLY;BYDAY=MO;WKST=SU;INTERVAL=2",
        "FREQ=DAILY;UNTIL=20370301T120000Z",
        "FREQ=MONTHLY;BYMONTHDAY=1,15",
        "FREQ=DAILY;BYHOUR=9,15",
    ],
)
def test_what_the_choices_cannot_say_stays_a_rule(rule: str) -> None:
    """Nothing of it is lost by opening the form and saving it."""
    campaign = Campaign(recurrence=rule, time_zone=NEW_YORK, starts_at=NOW)
    assert {name: filled(campaign, NOW)[name] for name in ("often", "rule")} == {"often": "own", "rule": rule}


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"days": []}, "Choose at least one weekday."),
        ({"interval": "0"}, "Choose a number from 1 to 100."),
        ({"ends": "until"}, "Choose the last day."),
        ({"ends": "count"}, "Say after how many runs."),
        ({"often": "own", "rule": "FREQ=HOURLY"}, "once a day or less often"),
        ({"often": "own", "rule": ""}, "A rule is made of parts"),
        ({"zone": "Mars/Olympus"}, "Choose one from the list."),
        ({"first": ""}, "Choose a day."),
        ({"ends": "until", "until": "2037-03-01"}, "It has no time that is still to come."),
        ({"first": "2020-03-02", "ends": "count", "count": "2"}, "It has no time that is still to come."),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(desk: Desk, admin: Visitor, choices: dict[str, Any], said: str) -> None:
    """On the form and in the fragment that follows the typing; nothing is saved and nobody is led on."""
    key = made(desk)
    for path in ("/campaigns/repeat/", "/campaigns/times/"):
        answer = admin.send(path, WEEKLY | choices, id=key)
        assert answer.status_code == 200
        assert said in answer.text, path
    assert row_of(desk, key).state is S.DRAFT


def test_the_next_five_times_are_shown_while_one_types(desk: Desk, admin: Visitor) -> None:
    """In words and as days on the wall, with UTC beside it; the night when clocks change says what it does."""
    key = made(desk)
    found = admin.send("/campaigns/times/", WEEKLY, id=key).text
    assert "Every Monday and Thursday at 09:30, New York time" in found
    assert re.findall(r"<span>(\w+) (\d+ \w+ 2037), 09:30</span>", found)[:2] == [
        ("Monday", "2 March 2037"),
        ("Thursday", "5 March 2037"),
    ]
    assert found.count("<li>") == 5
    assert "2 Mar 14:30 UTC" in found
    spring = admin.send(
        "/campaigns/times/", WEEKLY | {"often": "daily", "first": "2037-03-07", "clock": "02:30"}, id=key
    ).text
    assert "02:30 does not exist, so it runs at 03:30." in spring
    last = admin.send("/campaigns/times/", WEEKLY | {"ends": "count", "count": "2"}, id=key).text
    assert (last.count("<li>"), "Then it ends." in last) == (2, True)


@pytest.mark.parametrize(
    ("wall", "said"),
    [
        (datetime(2037, 3, 8, 1, 59), ""),
        (datetime(2037, 3, 8, 2, 0), "02:00 does not exist, so it runs at 03:00."),
        (datetime(2037, 3, 8, 3, 0), ""),
        (datetime(2037, 11, 1, 0, 59), ""),
        (datetime(2037, 11, 1, 1, 0), "01:00 comes twice, and it runs the first time only."),
        (datetime(2037, 11, 1, 2, 0), ""),
    ],
)  # fmt: skip
def test_only_the_hour_of_the_change_has_a_note(wall: datetime, said: str) -> None:
    """The hour that is left out, and the one that comes twice."""
    [one] = occurrences("FREQ=DAILY;COUNT=1", wall, NEW_YORK)
    assert clocks(one).endswith(said)
    assert bool(clocks(one)) == bool(said)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"start": "later", "when": "2020-01-01T10:00"}, "must be in the future"),
        ({"start": "later", "when": "soon"}, "Choose a day and a time"),
        (REPEAT | {"zone": "../etc/passwd"}, "Choose a day and a time"),
        (REPEAT | {"rule": "FREQ=EVER"}, "Say how often"),
        (REPEAT | {"rule": "FREQ=DAILY;COUNT=1", "first": "2020-01-01T10:00"}, "no time that is still to come"),
    ],
)  # fmt: skip
def test_an_address_that_says_no_time_is_refused(asked: dict[str, str], said: str) -> None:
    """Whatever stands in the address of the confirmation, it is a sentence and never an error."""
    with pytest.raises(NotATime, match=said):
        read(asked, NEW_YORK, now=NOW)
    assert read({}, NEW_YORK, now=NOW) == Start()


def test_a_repetition_is_confirmed_and_written_down(desk: Desk, admin: Visitor) -> None:
    """From the form to the confirmation, where its words and first times stand, to a scheduled campaign with an audit entry."""
    key = made(desk)
    assert admin.read("/campaigns/confirm/", id=key, start="repeat").location == f"/campaigns/repeat/?id={key}"
    answer = admin.send("/campaigns/repeat/", WEEKLY, id=key)
    page = admin.text(answer.location)
    assert "Every Monday and Thursday at 09:30, New York time" in page
    assert "Thursday 5 March 2037" in page
    assert row_of(desk, key).state is S.DRAFT
    assert admin.send(answer.location, {"recipients": "3"}).location == f"/campaigns/details/?id={key}"
    row = row_of(desk, key)
    assert (row.state, row.recurrence, row.time_zone) == (S.SCHEDULED, "FREQ=WEEKLY;BYDAY=MO,TH", NEW_YORK)
    assert row.next_at == row.starts_at == datetime(2037, 3, 2, 14, 30, tzinfo=UTC)
    entry = entries(desk)[0]
    assert (entry.action, entry.after["repeats"]) == (
        "campaign:schedule", "Every Monday and Thursday at 09:30, New York time",
    )  # fmt: skip
    runs = admin.text("/campaigns/runs/", id=key)
    assert "Monday 2 March 2037, 09:30" in runs
    assert "No run yet" in runs
    assert "The next one is" in admin.text("/campaigns/details/", id=key)


def test_a_repetition_is_changed_and_ended(desk: Desk, admin: Visitor) -> None:
    """The form shows what it is; the new times take the place of the old; ended, it has none, and both are on the record."""
    key = made(
        desk,
        S.SCHEDULED,
        recurrence="FREQ=DAILY",
        time_zone=NEW_YORK,
        starts_at=NOW + timedelta(days=4000),
        next_at=NOW + timedelta(days=4000),
    )
    assert re.search(r'<option selected value="daily"', admin.text("/campaigns/repeat/", id=key))
    answer = admin.send("/campaigns/repeat/", WEEKLY, id=key)
    admin.send(answer.location, {"recipients": "3"})
    assert row_of(desk, key).recurrence == "FREQ=WEEKLY;BYDAY=MO,TH"
    assert admin.send("/campaigns/do/end/", id=key).status_code == 302
    row = row_of(desk, key)
    assert (row.state, row.next_at) == (S.CANCELLED, None)
    entry = entries(desk)[0]
    assert (entry.action, entry.before["state"], entry.after["next_at"]) == ("campaign:end", "scheduled", None)
    assert admin.read("/campaigns/repeat/", id=key).location == f"/campaigns/details/?id={key}"


HELD_WHY = "It should have started at 09:30 and is 5 hours late: the sender was down. Send it now, or cancel it."


def held(desk: Desk, **fields: Any) -> int:
    """A held campaign whose time was an hour ago."""
    then = wall_clock() - timedelta(hours=1)
    return made(desk, S.HELD, why=HELD_WHY, starts_at=then, next_at=then, **fields)


def test_a_held_campaign_says_why_and_is_sent(desk: Desk, admin: Visitor) -> None:
    """Its page leads with the reason and what to do; sending it asks like any send, and starts the run that was due."""
    key = held(desk)
    page = admin.text("/campaigns/details/", id=key)
    assert HELD_WHY in page
    assert "Skip this time" not in page
    assert "Send to 3 people" in admin.text("/campaigns/confirm/", id=key)
    admin.send("/campaigns/confirm/", {"recipients": "3"}, id=key)
    with desk.database.reading() as session:
        run = session.scalars(select(Run).where(Run.campaign_id == key)).one()
        assert run.campaign.state is S.SENDING
        assert run.why.startswith("Held, and sent by hand 1 hour")
    assert (entries(desk)[0].action, entries(desk)[0].before) == ("campaign:send", {"state": "held"})
    assert "Held, and sent by hand" in admin.text("/campaigns/details/", id=key)


def test_a_held_campaign_gets_another_time(desk: Desk, admin: Visitor) -> None:
    """Rescheduled, it is scheduled and no longer held."""
    key = held(desk)
    answer = admin.send("/campaigns/confirm/", {"recipients": "3"}, id=key, start="later", when="2037-03-05T09:30")
    assert answer.status_code == 302
    row = row_of(desk, key)
    assert (row.state, row.why, row.next_at) == (S.SCHEDULED, "", datetime(2037, 3, 5, 14, 30, tzinfo=UTC))


def test_a_held_time_of_a_repetition_is_skipped(desk: Desk, admin: Visitor) -> None:
    """Its run stands on the page of runs with the reason, and the next time is planned."""
    key = held(desk, recurrence="FREQ=DAILY", time_zone=NEW_YORK)
    assert "Skip this time" in admin.text("/campaigns/details/", id=key)
    admin.send("/campaigns/do/skip/", id=key)
    row = row_of(desk, key)
    assert row.state is S.SCHEDULED
    assert row.next_at is not None
    assert row.next_at > wall_clock()
    page = admin.text("/campaigns/runs/", id=key)
    assert "Skipped" in page
    assert "It was held, and not sent. It should have started at 09:30" in page
    assert entries(desk)[0].action == "campaign:skip"


def test_a_held_campaign_is_cancelled(desk: Desk, admin: Visitor) -> None:
    """Nothing of it is sent."""
    key = held(desk)
    admin.send("/campaigns/do/cancel/", id=key)
    assert row_of(desk, key).state is S.CANCELLED


def test_planning_is_for_those_who_may_edit(desk: Desk) -> None:
    """Others do not reach the form; another account's campaign is not there."""
    key = made(desk)
    for role in (RoleName.ANALYST, RoleName.FINANCE, RoleName.AUDITOR):
        visitor = desk.visitor(role)
        assert visitor.read("/campaigns/repeat/", id=key).status_code == 403
        assert visitor.send("/campaigns/times/", WEEKLY, id=key).status_code == 403
    stranger = desk.visitor(RoleName.ADMIN, account=desk.pier)
    assert stranger.send("/campaigns/repeat/", WEEKLY, id=key).status_code == 404
    assert stranger.read("/campaigns/runs/", id=key).status_code == 404


def test_every_rule_that_the_form_makes_can_be_read(desk: Desk) -> None:
    """Each choice of each list, one by one."""
    with desk.app.test_request_context():
        for often, field in (("weekly", "days"), ("monthly", "month_day"), ("nth", "nth"), ("nth", "weekday")):
            for value, _ in RepeatForm(MultiDict(WEEKLY))[field].choices:
                parse(rule_of(RepeatForm(MultiDict(WEEKLY | {"often": often, field: value}))))
