"""Is a campaign over its limit refused by the name of the limit, and can a person split it, once and on the record?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from models.accounts import Account
from models.base import Database
from models.campaigns import Campaign, CampaignState
from models.settings import Setting
from models.users import AuditEntry, RoleName
from tests.conftest import NOW
from tests.desk import Desk, Visitor, open_desk
from tests.flow import draft, send

S = CampaignState
WHEN = "2027-03-01T10:00"


@pytest.fixture
def desk(database: Database, database_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A console whose uploads wait in a folder of the test, for an account that allows three segments a campaign."""
    with open_desk(database, database_url) as found:
        found.app.config["UPLOADS"] = str(tmp_path / "uploads")
        with database.transaction() as session:
            session.get_one(Account, found.harbor.id).segment_limit = 3
        yield found


@pytest.fixture
def admin(desk: Desk) -> Visitor:
    """Somebody who may do everything in Harbor."""
    return desk.visitor(RoleName.ADMIN)


def campaigns(desk: Desk) -> list[Campaign]:
    """All of them, in the order in which they were made."""
    with desk.database.reading() as session:
        return list(
            session.scalars(select(Campaign).where(Campaign.account_id == desk.harbor.id).order_by(Campaign.id))
        )


def test_a_launch_over_the_limit_is_refused_by_name(desk: Desk, admin: Visitor) -> None:
    """The review says which limit, what is needed and what to do; confirming all the same sends nothing."""
    key = draft(desk, admin)
    page = admin.text("/campaigns/review/", id=key)
    assert "The account allows 3 segments for a campaign. This launch needs 4." in page
    assert f"/campaigns/batches/?id={key}" in page
    assert send(admin, key, people=2).status_code == 302
    assert campaigns(desk)[-1].state is S.DRAFT


def test_a_person_splits_it_once(desk: Desk, admin: Visitor) -> None:
    """Two batches a day apart, the original cancelled, one audit entry; the second press meets a cancelled campaign."""
    key = draft(desk, admin)
    page = admin.text("/campaigns/batches/", id=key, when=WHEN)
    assert "Split “Winter” into 2 batches?" in page
    assert "2027-03-02 10:00" in page
    with desk.database.transaction() as session:
        session.add(Setting(account_id=0, name="large_send", value=3, updated_at=NOW))
    yes = {"when": WHEN, "texts": "3", "typed": "3"}
    for unclear in ({**yes, "texts": "4"}, {**yes, "typed": "2"}, {**yes, "when": "2020-01-01T10:00"}):
        admin.send("/campaigns/batches/", unclear, id=key)
    assert len(campaigns(desk)) == 1
    for _ in range(2):
        assert admin.send("/campaigns/batches/", yes, id=key).status_code == 302
    found = campaigns(desk)
    assert [(c.name, c.state) for c in found] == [
        ("Winter", S.CANCELLED), ("Winter (1 of 2)", S.SCHEDULED), ("Winter (2 of 2)", S.SCHEDULED)
    ]  # fmt: skip
    assert [f"{c.next_at:%Y-%m-%d %H:%M}" for c in found[1:]] == ["2027-03-01 15:00", "2027-03-02 15:00"]
    with desk.database.reading() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "campaign:split")).one()
        assert entry.after is not None
        assert entry.after["batches"] == 2


@pytest.mark.parametrize("role", [RoleName.AUDITOR, RoleName.AGENT, RoleName.FINANCE])
def test_who_may_not_send_may_not_split(desk: Desk, admin: Visitor, role: RoleName) -> None:
    """Neither see the page nor post to it."""
    key = draft(desk, admin)
    other = desk.visitor(role)
    assert other.send("/campaigns/batches/", {"when": WHEN, "texts": "3"}, id=key).status_code == 403
    assert len(campaigns(desk)) == 1
