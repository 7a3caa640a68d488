"""Can a person limit what a campaign uses and say who hears of it, at any time before it is over, and on the record?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

import analytics.rates
from admin.budgets import SPENT
from models.accounts import Account
from models.base import Database
from models.campaigns import Campaign, CampaignState, Run
from models.users import AuditEntry, RoleName
from tests.conftest import NOW
from tests.desk import Desk, Visitor, open_desk
from tests.flow import draft
from tests.seeds import campaign as seed_campaign
from tests.seeds import sending_run

S = CampaignState
NONE = {"segment_limit": "", "budget_u": "", "report_emails": ""}


@pytest.fixture
def desk(database: Database, database_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A console whose uploads wait in a folder of the test."""
    with open_desk(database, database_url) as found:
        found.app.config["UPLOADS"] = str(tmp_path / "uploads")
        yield found


@pytest.fixture
def admin(desk: Desk) -> Visitor:
    """Somebody who may do everything in Harbor."""
    return desk.visitor(RoleName.ADMIN)


def row_of(desk: Desk, key: int) -> Campaign:
    """The campaign as it is in the database."""
    with desk.database.reading() as session:
        return session.get_one(Campaign, key)


def test_limits_are_set_on_the_way_and_shown(desk: Desk, admin: Visitor) -> None:
    """From the review and back to it, where they stand; the change is one entry, and saving the same again none."""
    key = draft(desk, admin)
    page = admin.text("/campaigns/review/", id=key)
    assert "limit 20,000, the account's" in page.replace("&#39;", "'")
    form = {"segment_limit": "1,500", "budget_u": "$75.50", "report_emails": "ann@example.com, bo@example.com"}
    for _ in range(2):
        assert admin.send("/campaigns/limits/", form, id=key).location == f"/campaigns/review/?id={key}"
    row = row_of(desk, key)
    assert (row.segment_limit, row.budget_u, row.report_emails) == (
        1500,
        75_500_000,
        ["ann@example.com", "bo@example.com"],
    )
    page = admin.text("/campaigns/review/", id=key).replace("&#39;", "'")
    for said in ("limit 1,500, the campaign's", "$75.50", "ann@example.com, bo@example.com"):
        assert said in page
    assert 'value="1500"' in admin.text("/campaigns/limits/", id=key)
    with desk.database.reading() as session:
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.action == "campaign:limits")).all()
        assert (entry.before["segment_limit"], entry.after["budget"]) == (None, "$75.50")
    admin.send("/campaigns/limits/", NONE, id=key)
    row = row_of(desk, key)
    assert (row.segment_limit, row.budget_u, row.report_emails) == (None, None, [])


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (None, "20,000, the account's"),
        (19_999, "19,999, the campaign's"),
        (20_000, "20,000, the campaign's"),
        (20_001, "20,000, the account's"),
    ],
)
def test_the_limit_that_binds_is_named(desk: Desk, admin: Visitor, own: int | None, said: str) -> None:
    """The smaller of the two, and whose it is."""
    with desk.database.transaction() as session:
        made = seed_campaign(session, session.get_one(Account, desk.harbor.id))
        made.segment_limit = own
        key = made.id
    assert said in admin.text("/campaigns/details/", id=key).replace("&#39;", "'")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"segment_limit": "0"}, "A limit must be at least 1"),
        ({"segment_limit": "-5"}, "Give a whole number."),
        ({"segment_limit": "1.5"}, "Give a whole number."),
        ({"segment_limit": "many"}, "Give a whole number."),
        ({"budget_u": "0"}, "A budget must be more than nothing"),
        ({"budget_u": "-1"}, "A budget must be more than nothing"),
        ({"report_emails": "ann, bo@example.com"}, "Separate addresses by commas"),
        ({"report_emails": ",".join(f"a{n}@example.com" for n in range(21))}, "20 addresses at most."),
    ],
)
def test_a_wrong_limit_is_refused_in_a_sentence(desk: Desk, admin: Visitor, form: dict[str, Any], said: str) -> None:
    """Nothing is saved, and what was typed is still there."""
    with desk.database.transaction() as session:
        key = seed_campaign(session, session.get_one(Account, desk.harbor.id)).id
    answer = admin.send("/campaigns/limits/", NONE | form, id=key)
    assert (answer.status_code, said in answer.text) == (200, True)
    assert not ("whole number" in answer.text and "at least 1;" in answer.text), "one thing is said at a time"
    assert f'value="{next(iter(form.values()))}"' in answer.text
    assert row_of(desk, key).budget_u is None


def test_a_campaign_that_stopped_for_its_budget_goes_on(desk: Desk, admin: Visitor) -> None:
    """Raised on its page while paused: it goes on, and the run's leave is worked out anew; the segment limit is not offered."""
    with desk.database.session() as session:
        analytics.rates.load(session, None, now=NOW, entered_by="test")
        run = sending_run(session, session.get_one(Account, desk.harbor.id), 2)
        key, run_id = run.campaign_id, run.id
        run.campaign.budget_u, run.budget_segments = 1, 0
        run.campaign.state, run.campaign.why = S.PAUSED, f"{SPENT} $0.000001 is used."
        session.commit()
    page = admin.text("/campaigns/limits/", id=key)
    assert 'name="segment_limit"' not in page
    assert "is used." in admin.text("/campaigns/details/", id=key)
    assert (
        admin.send("/campaigns/limits/", NONE | {"budget_u": "100"}, id=key).location == f"/campaigns/details/?id={key}"
    )
    assert row_of(desk, key).state is S.SENDING
    with desk.database.reading() as session:
        assert (session.get_one(Run, run_id).budget_segments or 0) > 0
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
        assert (entry.before["state"], entry.after["state"]) == ("paused", "sending")


@pytest.mark.parametrize("state", CampaignState)
def test_limits_are_changed_only_while_they_matter(desk: Desk, admin: Visitor, state: CampaignState) -> None:
    """Not when it is over; the link is offered exactly then."""
    with desk.database.transaction() as session:
        key = seed_campaign(session, session.get_one(Account, desk.harbor.id)).id
        session.execute(update(Campaign).where(Campaign.id == key).values(state=state))
    over = state in (S.COMPLETED, S.CANCELLED, S.ARCHIVED)
    assert admin.read("/campaigns/limits/", id=key).status_code == (403 if over else 200)
    assert admin.send("/campaigns/limits/", NONE | {"budget_u": "5"}, id=key).status_code == (403 if over else 302)
    assert ("/campaigns/limits/" in admin.text("/campaigns/details/", id=key)) != over


def test_limits_are_not_for_everybody(desk: Desk) -> None:
    """Others are refused, another account finds nothing, and costs stay hidden from who may not see them."""
    with desk.database.transaction() as session:
        made = seed_campaign(session, session.get_one(Account, desk.harbor.id))
        made.budget_u, key = 5_000_000, made.id
    for role in (RoleName.SUPERVISOR, RoleName.ANALYST, RoleName.FINANCE, RoleName.AUDITOR):
        assert desk.visitor(role).send("/campaigns/limits/", NONE, id=key).status_code == 403
    assert desk.visitor(RoleName.ADMIN, account=desk.pier).send("/campaigns/limits/", NONE, id=key).status_code == 404
    assert "$5.00" not in desk.visitor(RoleName.SUPERVISOR).text("/campaigns/details/", id=key)
    assert row_of(desk, key).budget_u == 5_000_000
