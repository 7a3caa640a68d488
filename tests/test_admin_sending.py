"""Does a campaign leave only on a clear yes, only once, and only by somebody who may send it?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

import analytics.rates
from admin.views.campaign_commands import VERBS
from models.accounts import Account, SenderKind
from models.base import Database
from models.campaigns import MAY_FOLLOW, Campaign, CampaignState, Run
from models.consent import ConsentKind, ConsentSource
from models.countries import CountrySetting
from models.messages import Message
from models.settings import Setting
from models.users import AuditEntry, RoleName
from sender import audience, consent
from tests.conftest import NOW
from tests.desk import Desk, Visitor, open_desk
from tests.flow import draft, send
from tests.seeds import campaign as seed_campaign

ADMIN = RoleName.ADMIN
S = CampaignState


@pytest.fixture
def desk(database: Database, database_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A console whose uploads wait in a folder of the test."""
    with open_desk(database, database_url) as found:
        found.app.config["UPLOADS"] = str(tmp_path / "uploads")
        yield found


@pytest.fixture
def admin(desk: Desk) -> Visitor:
    """Somebody who may do everything in Harbor."""
    return desk.visitor(ADMIN)


def state_of(desk: Desk, key: int) -> CampaignState:
    """The state in the database."""
    with desk.database.reading() as session:
        return session.get_one(Campaign, key).state


def runs(desk: Desk) -> int:
    """How many runs there are."""
    with desk.database.reading() as session:
        return session.scalar(select(func.count(Run.id))) or 0


def set_large(desk: Desk, recipients: int) -> None:
    """From how many recipients a send is large."""
    with desk.database.transaction() as session:
        session.add(Setting(account_id=desk.harbor.id, name="large_send", value=recipients, updated_at=NOW))


def in_state(desk: Desk, state: CampaignState, *, account: Account | None = None) -> int:
    """A campaign in a state, with a run where it has started; its id."""
    with desk.database.transaction() as session:
        made = seed_campaign(
            session, session.get_one(Account, (account or desk.harbor).id), name=f"In {state}", state=state
        )
        if state not in (S.DRAFT, S.SCHEDULED):
            session.add(
                Run(
                    account_id=made.account_id, campaign_id=made.id, number=1, audience_id=made.audience_id, due_at=NOW,
                    template_version_id=made.template_version_id, sender_id=made.sender_id, expanded=True, started_at=NOW,
                    finished_at=NOW if state is S.COMPLETED else None,
                )
            )  # fmt: skip
        return made.id


# sending


def test_a_campaign_is_sent_once_and_written_down(desk: Desk, admin: Visitor) -> None:
    """The confirmation starts one run, remembers the forecast, and leaves one audit entry with the numbers."""
    key = draft(desk, admin)
    with desk.database.transaction() as session:
        analytics.rates.load(session, None, now=NOW, entered_by="test")
    page = admin.text("/campaigns/confirm/", id=key, start="now")
    assert "Send to 3 people" in page
    answer = send(admin, key)
    assert answer.location == f"/campaigns/details/?id={key}"
    assert "On its way." in admin.text(answer.location)
    with desk.database.reading() as session:
        campaign = session.get_one(Campaign, key)
        assert (campaign.state, len(campaign.runs)) == (S.SENDING, 1)
        assert campaign.forecast_u is not None
        assert campaign.forecast_u > 0
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
        assert (entry.action, entry.subject_id, entry.before) == ("campaign:send", str(key), {"state": "draft"})
        assert entry.after == {"state": "sending", "recipients": 3, "segments": 4}


def test_a_get_sends_nothing(desk: Desk, admin: Visitor) -> None:
    """Reading the confirmation, or a command's address, changes nothing."""
    key = draft(desk, admin)
    assert admin.read("/campaigns/confirm/", id=key).status_code == 200
    for path in ("/campaigns/do/cancel/", "/campaigns/clone/"):
        assert admin.read(path, id=key).status_code == 405
    assert (state_of(desk, key), runs(desk)) == (S.DRAFT, 0)


def test_a_second_click_sends_nothing(desk: Desk, admin: Visitor) -> None:
    """The same confirmation again leads to the campaign and says that it is under way already."""
    key = draft(desk, admin)
    send(admin, key)
    answer = send(admin, key)
    assert answer.location == f"/campaigns/details/?id={key}"
    assert "nothing was done twice" in admin.text(answer.location)
    assert runs(desk) == 1


def test_two_clicks_at_once_send_once(desk: Desk) -> None:
    """Four confirmations in the same moment start one run."""
    first = desk.visitor(ADMIN)
    key = draft(desk, first)
    visitors = [first, *(desk.visitor(ADMIN) for _ in range(3))]
    with ThreadPoolExecutor(len(visitors)) as pool:
        answers = list(pool.map(lambda visitor: send(visitor, key).status_code, visitors))
    assert answers == [302] * 4
    assert runs(desk) == 1
    with desk.database.reading() as session:
        assert session.scalar(select(func.count()).where(AuditEntry.action == "campaign:send")) == 1


@pytest.mark.parametrize(
    ("large", "typed", "sent"),
    [
        (2, "3", True),
        (3, "3", True),
        (3, " 3 ", True),
        (4, "", True),
        (3, "", False),
        (3, "2", False),
        (3, "three", False),
        (1, "4", False),
    ],
)
def test_a_large_send_is_typed(desk: Desk, admin: Visitor, large: int, typed: str, sent: bool) -> None:
    """From the account's own number of recipients on, that number has to be typed; the server looks, not only the page."""
    set_large(desk, large)
    key = draft(desk, admin)
    assert ('id="typed"' in admin.text("/campaigns/confirm/", id=key)) == (large <= 3)
    answer = send(admin, key, typed=typed)
    assert answer.status_code == (302 if sent else 200)
    assert state_of(desk, key) == (S.SENDING if sent else S.DRAFT)
    if not sent:
        assert "Type 3 to confirm" in answer.text


@pytest.mark.parametrize(
    ("seen", "sent"), [("3", True), ("4", True), ("2", False), ("", False), ("x", False), ("-3", False)]
)
def test_nobody_more_than_the_page_said(desk: Desk, admin: Visitor, seen: str, sent: bool) -> None:
    """If more people would get it than were shown, it is asked again; fewer, because somebody opted out, is fine."""
    key = draft(desk, admin)
    answer = admin.send("/campaigns/confirm/", {"recipients": seen}, id=key)
    assert (answer.status_code == 302) == sent
    assert state_of(desk, key) == (S.SENDING if sent else S.DRAFT)


def test_an_opt_out_after_the_review_counts(desk: Desk, admin: Visitor) -> None:
    """Somebody who says STOP between the page and the click gets nothing."""
    key = draft(desk, admin)
    assert "Send to 3 people" in admin.text("/campaigns/confirm/", id=key)
    with desk.database.transaction() as session:
        consent.append(
            session,
            account_id=desk.harbor.id,
            phone="+12135550101",
            kind=ConsentKind.OPT_OUT,
            source=ConsentSource.KEYWORD,
            now=NOW,
        )
    assert send(admin, key).status_code == 302
    with desk.database.transaction() as session:
        run = session.scalars(select(Run)).one()
        while audience.expand(session, run, now=NOW):
            pass
        assert sorted(session.scalars(select(Message.phone).where(Message.run_id == run.id))) == [
            "+12125550111",
            "+12155550166",
        ]


def test_an_unverified_sender_is_refused_by_the_server(desk: Desk, admin: Visitor) -> None:
    """The confirmation cannot be reached or posted while something stands in the way."""
    key = draft(desk, admin, kind=SenderKind.TOLL_FREE)
    for answer in (admin.read("/campaigns/confirm/", id=key), send(admin, key)):
        assert answer.location == f"/campaigns/review/?id={key}"
    assert "is not verified by Twilio" in admin.text("/campaigns/review/", id=key)
    assert (state_of(desk, key), runs(desk)) == (S.DRAFT, 0)


def test_a_country_s_own_sender_must_be_able_to_send(desk: Desk, admin: Visitor) -> None:
    """A country that would be texted from the unverified number holds the campaign back."""
    key = draft(desk, admin)
    with desk.database.transaction() as session:
        account = session.get_one(Account, desk.harbor.id)
        setting = session.scalars(
            select(CountrySetting).where(CountrySetting.account_id == account.id, CountrySetting.region == "US")
        ).one()
        setting.sender_id = next(sender.id for sender in account.senders if sender.kind is SenderKind.TOLL_FREE)
    assert send(admin, key).location == f"/campaigns/review/?id={key}"
    assert runs(desk) == 0


# at a time


def local(moment: datetime) -> str:
    """A time as the page's field has it, in New York."""
    return moment.astimezone(ZoneInfo("America/New_York")).strftime("%Y-%m-%dT%H:%M")


def test_it_is_scheduled_in_the_account_s_zone(desk: Desk, admin: Visitor) -> None:
    """The time typed is New York's; it is kept as UTC, shown on the page, and can be taken back."""
    key = draft(desk, admin)
    at = (datetime.now(UTC) + timedelta(days=2)).replace(second=0, microsecond=0)
    query = {"start": "later", "when": local(at)}
    assert "Schedule for 3 people" in admin.text("/campaigns/confirm/", id=key, **query)
    assert send(admin, key, **query).status_code == 302
    with desk.database.reading() as session:
        campaign = session.get_one(Campaign, key)
        assert (campaign.state, campaign.starts_at, runs(desk)) == (S.SCHEDULED, at, 0)
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
        assert (entry.action, entry.after["starts_at"]) == ("campaign:schedule", at.isoformat())
    assert f'value="{local(at)}"' in admin.text("/campaigns/review/", id=key)
    admin.send("/campaigns/do/unschedule/", id=key)
    assert state_of(desk, key) is S.DRAFT


def test_a_scheduled_campaign_can_be_sent_now_or_moved(desk: Desk, admin: Visitor) -> None:
    """The review of a scheduled campaign leads to another time, or to now."""
    key = draft(desk, admin)
    times = [datetime.now(UTC) + timedelta(days=days) for days in (2, 3)]
    for at in times:
        send(admin, key, start="later", when=local(at))
    with desk.database.reading() as session:
        found = session.get_one(Campaign, key).starts_at
        assert found is not None
        assert local(found) == local(times[1])
    send(admin, key)
    assert (state_of(desk, key), runs(desk)) == (S.SENDING, 1)


@pytest.mark.parametrize("when", ["", "soon", "2026-13-01T00:00", "2020-01-01T09:00", "2026-11-20"])
def test_a_time_that_is_none_is_refused(desk: Desk, admin: Visitor, when: str) -> None:
    """Empty, nonsense or past: back to the review with a sentence, nothing scheduled."""
    key = draft(desk, admin)
    answer = send(admin, key, start="later", when=when)
    assert answer.location == f"/campaigns/review/?id={key}"
    assert re.search("Choose a day and a time|must be in the future", admin.text(answer.location))
    assert state_of(desk, key) is S.DRAFT


# commands


@pytest.mark.parametrize("verb", VERBS)
def test_a_command_moves_only_from_its_states(desk: Desk, admin: Visitor, verb: str) -> None:
    """Every command × state: offered and done where `VERBS` says, refused with a sentence and no trace elsewhere."""
    for state in CampaignState:
        moved(desk, admin, verb, state)


def moved(desk: Desk, admin: Visitor, verb: str, state: CampaignState) -> None:
    """Try one command on a campaign in one state."""
    key = in_state(desk, state)
    with desk.database.reading() as session:
        offered = VERBS[verb].offered(session.get_one(Campaign, key))
    assert (f"/campaigns/do/{verb}/" in admin.text("/campaigns/details/", id=key)) == offered
    with desk.database.reading() as session:
        before = session.scalar(select(func.count(AuditEntry.id)))
    answer = admin.send(f"/campaigns/do/{verb}/", id=key)
    assert answer.location == f"/campaigns/details/?id={key}"
    after = state_of(desk, key)
    with desk.database.reading() as session:
        entries = (session.scalar(select(func.count(AuditEntry.id))) or 0) - (before or 0)
    assert entries == (after is not state)
    assert (after is not state) or not offered, "what is offered is done"
    assert after is state or after in MAY_FOLLOW[state]


def test_a_command_is_written_down(desk: Desk, admin: Visitor) -> None:
    """Who, what, from which state to which."""
    key = in_state(desk, S.SENDING)
    admin.send("/campaigns/do/pause/", id=key)
    with desk.database.reading() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
        assert (entry.action, entry.subject_id, entry.account_id) == ("campaign:pause", str(key), desk.harbor.id)
        assert (entry.before, entry.after) == ({"state": "sending"}, {"state": "paused"})


def test_an_unknown_command_does_nothing(desk: Desk, admin: Visitor) -> None:
    """A verb that nobody knows leads back to the campaign."""
    key = in_state(desk, S.SENDING)
    assert admin.send("/campaigns/do/delete/", id=key).status_code == 302
    assert state_of(desk, key) is S.SENDING


def test_a_clone_is_a_new_draft(desk: Desk, admin: Visitor) -> None:
    """The same text in its newest wording, the same list and sender, a free name, and nothing of the runs."""
    key = in_state(desk, S.COMPLETED)
    for name in ("In completed (copy)", "In completed (copy 2)"):
        answer = admin.send("/campaigns/clone/", id=key)
        assert answer.location.startswith("/campaigns/new/?campaign=")
        with desk.database.reading() as session:
            copy = session.scalars(select(Campaign).order_by(Campaign.id.desc()).limit(1)).one()
            first = session.get_one(Campaign, key)
            assert (copy.name, copy.state, copy.runs, copy.starts_at) == (name, S.DRAFT, [], None)
            assert (copy.audience_id, copy.sender_id) == (first.audience_id, first.sender_id)


# who may


@pytest.mark.parametrize("role", RoleName)
def test_only_those_who_may_send_do(desk: Desk, role: RoleName) -> None:
    """Every page of the way and every command × role: what the role lacks is 403 and changes nothing."""
    key = draft(desk, desk.visitor(ADMIN))
    visitor, may = desk.visitor(role), role is ADMIN
    for path in (
        "/campaigns/new/",
        "/campaigns/audience/",
        "/campaigns/columns/",
        "/campaigns/review/",
        "/campaigns/confirm/",
    ):
        assert (visitor.read(path, id=key).status_code != 403) == may, path
    for path in (
        "/campaigns/new/",
        "/campaigns/audience/",
        "/campaigns/columns/",
        "/campaigns/confirm/",
        "/campaigns/clone/",
    ):
        if not may:
            assert visitor.send(path, {"recipients": "3"}, id=key).status_code == 403, path
    for verb in VERBS:
        assert (visitor.send(f"/campaigns/do/{verb}/", id=key).status_code != 403) == may
    for path in (
        "/campaigns/",
        "/campaigns/details/",
        "/campaigns/progress/",
        "/campaigns/left-out/",
        "/campaigns/loaded/",
    ):
        assert (visitor.read(path, id=key).status_code == 200) == (role is not RoleName.AGENT), path
    if not may:
        assert (state_of(desk, key), runs(desk)) == (S.DRAFT, 0)
        page = "" if role is RoleName.AGENT else visitor.text("/campaigns/details/", id=key)
        assert "/campaigns/do/" not in page
        assert "Review and send" not in page


def test_nothing_happens_without_the_token(desk: Desk, admin: Visitor) -> None:
    """Every POST of the way without the CSRF token is 400 and changes nothing."""
    key = draft(desk, admin)
    for path in ("new", "audience", "columns", "confirm", "clone", "find", "rows", *(f"do/{verb}" for verb in VERBS)):
        assert admin.client.post(f"/campaigns/{path}/?id={key}", data={"recipients": "3"}).status_code == 400, path
    assert (state_of(desk, key), runs(desk)) == (S.DRAFT, 0)


def test_strangers_are_sent_to_the_sign_in(desk: Desk) -> None:
    """Without a sign-in every page of the way leads there, and no POST does anything."""
    stranger = desk.stranger()
    for path in ("", "new/", "audience/", "review/", "confirm/", "details/", "progress/", "left-out/", "loaded/"):
        assert "/auth/login" in (stranger.read(f"/campaigns/{path}").location or ""), path


def test_another_account_s_campaign_is_not_there(desk: Desk, admin: Visitor) -> None:
    """A foreign campaign answers 404 on every page and command, for an owner who works elsewhere, too."""
    key = in_state(desk, S.SENDING, account=desk.pier)
    for visitor in (admin, desk.visitor(owner=True)):
        with visitor.client.session_transaction() as cookie:
            cookie["account_id"] = desk.harbor.id
        for path in ("details", "review", "confirm", "progress", "left-out", "loaded"):
            assert visitor.read(f"/campaigns/{path}/", id=key).status_code == 404, path
        for path in ("confirm", "clone", "find", "rows", *(f"do/{verb}" for verb in VERBS)):
            assert visitor.send(f"/campaigns/{path}/", {"recipients": "3"}, id=key).status_code == 404, path
        assert visitor.read("/campaigns/new/", campaign=key).status_code == 404
    assert state_of(desk, key) is S.SENDING


def test_a_malformed_campaign_is_not_found(desk: Desk, admin: Visitor) -> None:
    """Whatever stands in the address, it is 404 and never an error."""
    for key in ("", "0", "-1", "x", "1,2", "9" * 30, "٣", "1.0"):
        for path in ("details", "review", "confirm", "progress", "left-out", "loaded"):
            assert admin.read(f"/campaigns/{path}/", id=key).status_code == 404, f"{path} {key}"
