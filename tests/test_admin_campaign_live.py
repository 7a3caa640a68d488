"""Does the page of a campaign under way say how fast it is, until when, what holds it back, and what a pause could not stop?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from admin.views.campaign_live import Answers
from models.accounts import Account, SendingNumber
from models.base import Database
from models.campaigns import Campaign, CampaignState, Lane, Run
from models.jobs import WorkerProcess
from models.messages import Message, MessageStatus
from models.users import RoleName
from sender import campaigns
from sender.worker import wall_clock
from tests.conftest import seed_account
from tests.desk import Desk, Visitor, open_desk
from tests.seeds import sending_run

S, M = CampaignState, MessageStatus


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console over two accounts."""
    with open_desk(database, database_url) as found:
        yield found


@pytest.fixture
def key(desk: Desk) -> int:
    """A campaign of forty texts that started an hour ago, with a worker; its id."""
    now = wall_clock()
    with desk.database.session() as session:
        run = sending_run(session, seed_account(session, slug="quay"), 40, now=now - timedelta(hours=1))
        run.campaign.updated_at = now - timedelta(hours=1)
        session.add(WorkerProcess(name="one", started_at=now, seen_at=now))
        session.commit()
        return run.campaign_id


@pytest.fixture
def admin(desk: Desk, key: int) -> Visitor:
    """Somebody who may send it."""
    with desk.database.reading() as session:
        return desk.visitor(RoleName.ADMIN, account=session.get_one(Account, session.get_one(Campaign, key).account_id))


def set_all(desk: Desk, model: Any, **values: Any) -> None:
    """Change every row of a table."""
    with desk.database.transaction() as session:
        session.execute(update(model).values(**values))


def send_some(desk: Desk, texts: int, *, now: datetime, status: MessageStatus = M.SENT) -> None:
    """So many texts are at Twilio since a moment, or in another status."""
    with desk.database.transaction() as session:
        for row in session.scalars(
            select(Message).where(Message.run_id.is_not(None)).order_by(Message.id).limit(texts)
        ):
            row.status = status
            if status is M.SENT:
                row.sid, row.sent_at = f"SMrun{row.id}", now


def asked(admin: Visitor, key: int) -> dict[str, Any]:
    """The numbers as the open page gets them."""
    return dict(admin.read("/campaigns/progress/", id=key).json or {})


def test_rate_end_and_limit(desk: Desk, admin: Visitor, key: int) -> None:
    """Texts a second, the time left and until when; that the sender's rate binds, or that it does not."""
    send_some(desk, 10, now=wall_clock())
    found = asked(admin, key)
    assert found["pace"].startswith("1.0 text a second, under a minute left")
    assert found["brake"] == "Twilio's answers, not the sender's rate of 100 segments a second, set the pace."
    set_all(desk, SendingNumber, segments_per_second=1)
    found = asked(admin, key)
    assert found["brake"] == "As fast as Short code may send: 1 segment a second."
    assert not found["trouble"]
    page = admin.text("/campaigns/details/", id=key)
    assert "As fast as Short code may send" in page


@pytest.mark.parametrize(
    ("model", "values", "said"),
    [
        (Account, {"held_why": "A backup was restored."}, "Nothing of this account may leave: A backup was restored."),
        (SendingNumber, {"active": False}, "Short code cannot send: it is switched off"),
        (WorkerProcess, {"name": "gone", "seen_at": datetime.fromisoformat("2026-01-01T00:00+00:00")}, "No worker was seen"),
        (Run, {"budget_segments": 5, "segments_claimed": 5}, "budget has no room for another text"),
        (Lane, {"held": True, "why": "09:00–20:00, but no time zone is known."}, "Nobody knows an hour"),
    ],
    ids=["account", "sender", "worker", "budget", "zones"],
)  # fmt: skip
def test_what_holds_it_back(
    desk: Desk, admin: Visitor, key: int, model: Any, values: dict[str, Any], said: str
) -> None:
    """One sentence on the page and in its numbers, marked as trouble; nothing leaves and no end is promised."""
    set_all(desk, model, **values)
    found = asked(admin, key)
    assert said in found["brake"]
    assert found["trouble"]
    assert "left" not in found["pace"]
    assert said in admin.text("/campaigns/details/", id=key)


def test_hours_are_told_before_they_open(desk: Desk, admin: Visitor, key: int) -> None:
    """How many wait, from when, in how long and for which hours; and that it goes on by itself."""
    opens = wall_clock() + timedelta(hours=2)
    set_all(desk, Lane, opens_at=opens, closes_at=opens + timedelta(hours=9), why="09:00–20:00 in America/Los_Angeles")
    found = asked(admin, key)
    assert found["brake"].startswith("Nobody who is left may be texted at this hour. It goes on by itself at ")
    assert found["pace"].startswith("about 2 hours")
    [wait] = found["waits"]
    assert wait.startswith("40 texts from ")
    assert wait.endswith("in 2 hours (09:00–20:00 in America/Los_Angeles).")
    assert wait in admin.text("/campaigns/details/", id=key)


@pytest.mark.parametrize(("flying", "said"), [(0, ""), (1, "1 text is on its way"), (3, "3 texts are on their way")])
def test_a_pause_tells_what_is_on_its_way(desk: Desk, admin: Visitor, key: int, flying: int, said: str) -> None:
    """Claimed texts are counted while it is paused, and not before."""
    send_some(desk, flying, now=wall_clock(), status=M.CLAIMED)
    assert asked(admin, key)["flying"] == ""
    assert admin.send("/campaigns/do/pause/", id=key).status_code == 302
    found = asked(admin, key)
    assert found["pace"] == "Paused"
    assert found["flying"].startswith(said)
    assert bool(found["flying"]) == bool(flying)
    assert found["live"]


def test_why_it_was_paused_stands_first(desk: Desk, admin: Visitor, key: int) -> None:
    """A pause with a reason shows it with what to do; one by a person shows none."""
    set_all(desk, Campaign, state=S.PAUSED)
    assert "resume it; or cancel it" not in admin.text("/campaigns/details/", id=key)
    set_all(desk, Campaign, why="9 of 100 texts were filtered.")
    page = admin.text("/campaigns/details/", id=key)
    assert "9 of 100 texts were filtered." in page
    assert "resume it; or cancel it" in page
    set_all(desk, Campaign, state=S.SENDING)
    assert "9 of 100" not in admin.text("/campaigns/details/", id=key), "it goes on, so the reason is past"


def test_a_cancelled_campaign_is_watched_until_its_last_answer(desk: Desk, admin: Visitor, key: int) -> None:
    """The page goes on asking while a text is on its way, and no longer."""
    send_some(desk, 1, now=wall_clock(), status=M.CLAIMED)
    admin.send("/campaigns/do/cancel/", id=key)
    assert asked(admin, key)["live"]
    assert "data-live" in admin.text("/campaigns/details/", id=key)
    send_some(desk, 1, now=wall_clock())
    with desk.database.transaction() as session:
        campaigns.set_aside(session, now=wall_clock())
    assert not asked(admin, key)["live"]
    assert "data-live" not in admin.text("/campaigns/details/", id=key)


def test_a_large_run_is_counted_once_for_all(desk: Desk, admin: Visitor, key: int) -> None:
    """The numbers of 20,000 texts are those of a moment ago for whoever asks next; of fewer, those of now."""
    for texts, again in ((19_999, 2.0), (20_000, 1.0)):
        set_all(desk, Message, status=M.PENDING, sid=None, sent_at=None)
        set_all(desk, Run, messages=texts)
        send_some(desk, 10, now=wall_clock())
        assert asked(admin, key)["rate"] == 1.0
        send_some(desk, 20, now=wall_clock())
        assert asked(admin, key)["rate"] == again


def test_while_one_counts_the_others_get_the_former_answer() -> None:
    """Nobody waits behind a count, and it is done once."""
    answers, counted, started, gate = Answers(), [], threading.Event(), threading.Event()
    assert answers.ask("run", lambda: "first", seconds=1e-9) == "first"

    def slowly() -> str:
        started.set()
        counted.append(gate.wait(20))
        return "second"

    thread = threading.Thread(target=answers.ask, args=("run", slowly), kwargs={"seconds": 60})
    thread.start()
    started.wait(20)
    assert answers.ask("run", slowly, seconds=60) == "first"
    gate.set()
    thread.join()
    assert answers.ask("run", slowly, seconds=60) == "second"
    assert counted == [True]
