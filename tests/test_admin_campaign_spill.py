"""A campaign that cannot be over before hours close: is it refused, shown day by day, and let go by one click on the record?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from models.accounts import SendingNumber
from models.base import Database
from models.campaigns import CampaignState
from models.countries import CountrySetting
from models.settings import Setting
from models.users import AuditEntry, RoleName
from sender.worker import wall_clock
from tests.desk import Desk, open_desk
from tests.flow import campaign_of, draft, send


@pytest.fixture
def desk(database: Database, database_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A console whose texts may leave for one minute a day, soon, by a sender of one segment a second; two texts are over that.

    Least is nothing, so that a minute is room enough for something; three texts of 40 segments are not.
    """
    with open_desk(database, database_url) as found:
        found.app.config["UPLOADS"] = str(tmp_path / "uploads")
        opens = (wall_clock() + timedelta(hours=3)).time().replace(second=0, microsecond=0)
        closes = time(opens.hour, opens.minute + 1) if opens.minute < 59 else time((opens.hour + 1) % 24)
        with database.transaction() as session:
            session.execute(update(CountrySetting).values(opens_at=opens, closes_at=closes))
            session.execute(update(SendingNumber).values(segments_per_second=1))
            session.add(Setting(account_id=0, name="least_window_seconds", value=57, updated_at=wall_clock()))
        yield found


LONG = (
    "Harbor: Hi {{ first_name }}, your membership ends on {{ ends_on }}. Reply STOP to opt out." + " Please renew." * 20
)


def test_it_is_refused_and_spread_by_one_click(desk: Desk) -> None:
    """The review names the texts and the days; agreed, it can be sent; taken back, it cannot again."""
    admin = desk.visitor(RoleName.ADMIN)
    key = draft(desk, admin, source=LONG)
    page = admin.text("/campaigns/review/", id=key)
    assert "It would not be over before recipients" in page
    assert "Spread it over these days" in page
    assert send(admin, key).status_code == 302
    with desk.database.reading() as session:
        assert campaign_of(session, key).state is CampaignState.DRAFT
    assert (
        desk.visitor(RoleName.ANALYST).send("/campaigns/spread/", {"id": str(key), "agreed": "yes"}).status_code == 403
    )
    for _ in range(2):
        assert admin.send("/campaigns/spread/", {"id": str(key), "agreed": "yes"}).status_code == 302
    page = admin.text("/campaigns/review/", id=key)
    assert "It takes several days" in page
    assert "Not over several days" in page
    with desk.database.reading() as session:
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.action == "campaign:spread"))
        assert (entry.before, entry.after) == ({"over_days": False}, {"over_days": True})
    send(admin, key)
    with desk.database.reading() as session:
        assert campaign_of(session, key).state is CampaignState.SENDING
    answer = admin.send("/campaigns/spread/", {"id": str(key), "agreed": "no"})
    assert answer.status_code == 302
    with desk.database.reading() as session:
        assert campaign_of(session, key).over_days


def test_an_address_may_carry_anything(desk: Desk) -> None:
    """A start that is none is now."""
    admin = desk.visitor(RoleName.ADMIN)
    key = draft(desk, admin)
    for at in ("tomorrow", "2026-11-20T10:00", "2026-11-20T10:00:00+00:00"):
        assert admin.read(f"/campaigns/review/?id={key}&at={at}").status_code == 200
