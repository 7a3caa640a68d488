"""Are credentials tried before they are kept, is none lost while it is needed, and do test texts and real ones stay apart?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import select, update

from admin import credentials, gateways, modes
from admin.config import Config
from models.accounts import Account
from models.base import Database
from models.campaigns import Campaign, CampaignState
from models.messages import Message, MessageStatus
from models.users import AuditEntry
from sender.campaigns import NotAllowed
from sender.gateway import Rejected
from sender.simulator import Behaviour, SimulatedAccount, create_simulator, serve
from tests import seeds
from tests.conftest import NOW, seed_account
from tests.desk import config_for
from tests.test_admin_cli import Shell, open_shell

SID, TEST_SID, OTHER_SID = "AC" + "a1" * 16, "AC" + "b2" * 16, "AC" + "c3" * 16
FIRST, SECOND, THIRD = "the first token", "the second token", "the third token"


@dataclass
class Office:
    """An account, the commands, and a simulated Twilio that knows live and test credentials."""

    shell: Shell
    twilio: SimulatedAccount

    @property
    def config(self) -> Config:
        """Where it runs."""
        return self.shell.config

    @property
    def database(self) -> Database:
        """What it keeps."""
        return self.shell.database

    def does(self, *words: str) -> str:
        """A command that succeeds; what it says."""
        return self.shell.does("accounts", *words).strip()

    def refuses(self, *words: str) -> str:
        """A command that does not; the sentence."""
        return self.shell.refuses("accounts", *words)

    def account(self) -> Account:
        """The account as it is kept."""
        with self.database.reading() as session:
            found = session.scalars(select(Account)).one()
            assert found.senders
            return found

    def tokens(self) -> list[str]:
        """The tokens that webhooks may be signed with."""
        return gateways.tokens(self.config, self.account())

    def entries(self) -> list[str]:
        """What the audit log says was done."""
        with self.database.reading() as session:
            return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


@pytest.fixture
def office(database: Database, database_url: str) -> Iterator[Office]:
    """The account Harbor, not linked yet."""
    with database.session() as session:
        seed_account(session).twilio_sid = None
        session.commit()
    known = SimulatedAccount("Harbor", sid=SID, token=FIRST, test_sid=TEST_SID, test_token="test token")
    other = SimulatedAccount("Pier", sid=OTHER_SID, token="pier token")
    with serve(create_simulator(Behaviour.instant(), accounts=[known, other])) as running:
        config = config_for(database_url, twilio_url=running.url)
        for shell in open_shell(config):
            yield Office(shell, known)


def test_a_token_is_rotated_without_a_gap(office: Office) -> None:
    """The new one must open the account first; the old one is still accepted from webhooks, until it is forgotten."""
    office.does("link", SID, "--token", FIRST)
    assert office.refuses("rotate", "--token", SECOND).startswith("Nothing was linked: ")
    office.twilio.secondary = SECOND
    assert "still accepted" in office.does("rotate", "--token", SECOND)
    assert office.tokens() == [SECOND, FIRST]
    office.does("rotate", "--token", SECOND)
    office.does("link", SID, "--token", SECOND)
    assert office.tokens() == [SECOND, FIRST]
    office.does("forget")
    office.does("forget")
    assert office.tokens() == [SECOND]
    assert office.entries() == ["account:link", "account:link", "account:forget_token"]
    with office.database.reading() as session:
        assert all(t not in str([e.after for e in session.scalars(select(AuditEntry))]) for t in (FIRST, SECOND))


def test_a_gateway_knows_when_it_is_outdated(office: Office) -> None:
    """What a gateway is made of changes with each rotation and each change of mode, and with nothing else."""
    office.does("link", SID, "--token", FIRST)
    seen = [office.account().credentials]
    office.twilio.secondary = SECOND
    office.does("rotate", "--token", SECOND)
    seen.append(office.account().credentials)
    office.does("forget")
    assert office.account().credentials == seen[-1]
    office.does("mode", "test", "--confirm")
    seen.append(office.account().credentials)
    assert len(set(seen)) == len(seen)


def test_a_token_needs_an_account(office: Office) -> None:
    """Before the first link there is nothing to rotate."""
    assert office.refuses("rotate", "--token", FIRST) == "The account is not linked yet: use `accounts link`."


def test_another_account_is_not_linked_under_way(office: Office) -> None:
    """A text whose fate is open can only be looked up where it went: the other SMS account has to wait."""
    office.does("link", SID, "--token", FIRST)
    with office.database.session() as session:
        seeds.sending_run(session, session.scalars(select(Account)).one(), 1)
    assert "texts on their way" in office.refuses("link", OTHER_SID, "--token", "pier token")
    with office.database.transaction() as session:
        session.execute(update(Campaign).values(state=CampaignState.PAUSED))
        session.execute(update(Message).values(status=MessageStatus.IN_DOUBT))
    assert "texts on their way" in office.refuses("link", OTHER_SID, "--token", "pier token")
    with office.database.transaction() as session:
        session.execute(update(Message).values(status=MessageStatus.PENDING))
    office.does("link", OTHER_SID, "--token", "pier token")
    assert (office.account().twilio_sid, office.tokens()) == (OTHER_SID, ["pier token"])


def test_live_and_test_credentials_are_told_apart(office: Office) -> None:
    """Twilio itself says which are which: each kind is refused where the other belongs, and wrong ones everywhere."""
    assert office.refuses("link", TEST_SID, "--token", "test token").startswith("These are test credentials")
    assert "live credentials" in office.refuses("test", SID, "--token", FIRST)
    assert office.refuses("test", TEST_SID, "--token", "wrong").startswith("Nothing was kept: ")
    assert "not the SID" in office.refuses("test", "AC1", "--token", "test token")
    assert office.account().twilio_test_sid is None
    office.does("test", TEST_SID, "--token", "test token")
    kept = office.account()
    assert (kept.twilio_test_sid, "test token" in str(kept.twilio_test_token)) == (TEST_SID, False)
    assert credentials.MAGIC_SENDER not in [sender.address for sender in kept.senders]


def test_a_lost_key_does_not_lock_the_account(office: Office) -> None:
    """Whoever lost the encryption key enters the token anew."""
    office.does("link", SID, "--token", FIRST)
    changed = config_for(office.config.database_url, twilio_url=office.config.twilio_url)
    with office.database.transaction() as session:
        account = session.scalars(select(Account)).one()
        credentials.link(session, changed, account, SID, FIRST, actor="ada", now=NOW)
        account.twilio_token_previous = None
        assert gateways.tokens(changed, account) == [FIRST]


def test_the_mode_is_shown_then_changed(office: Office) -> None:
    """Without --confirm nothing changes; with it the mode does, once, with an audit entry; test senders come with it."""
    office.does("test", TEST_SID, "--token", "test token")
    assert office.does("mode", "test").endswith("Add --confirm to change it.")
    assert "already" in office.refuses("mode", "live", "--confirm")
    assert "simulator only" in office.does("mode", "test", "--confirm")
    account = office.account()
    assert account.test_mode
    assert [s.address for s in account.senders][-1] == credentials.MAGIC_SENDER
    assert "already" in office.refuses("mode", "test", "--confirm")
    assert "cost money" in office.does("mode", "live", "--confirm")
    assert office.entries()[-2:] == ["account:mode", "account:mode"]


def test_what_test_mode_means_without_a_simulator(office: Office) -> None:
    """With test credentials Twilio is asked under them; without any, nothing is sent at all, and a sentence says so."""
    config = config_for(office.config.database_url)
    with office.database.reading() as session:
        account = session.scalars(select(Account)).one()
        account.twilio_sid, account.twilio_token = SID, gateways.seal(config.secret_keys, FIRST)
        assert "nothing until it has test credentials" in modes.preview(
            session, account, test_mode=True, simulated=False
        )
        account.test_mode = True
        with pytest.raises(gateways.NotLinked, match="accounts test"):
            gateways.gateway_for(config, account)
        assert not gateways.may_ask(config, account)
        account.twilio_test_sid, account.twilio_test_token = TEST_SID, gateways.seal(config.secret_keys, "test token")
        gateway = gateways.gateway_for(config, account)
        assert (gateway.account_sid, gateway._secret) == (TEST_SID, "test token")
        with pytest.raises(Rejected, match="test mode"):
            gateway.account()
        account.test_mode = False
        assert "Twilio's test credentials only" in modes.preview(session, account, test_mode=True, simulated=False)
        assert gateways.may_ask(config, account)
        session.rollback()


@pytest.mark.parametrize("state", modes.UNDER_WAY)
def test_the_mode_stays_while_a_campaign_is_under_way(office: Office, state: CampaignState) -> None:
    """Neither towards tests nor back: a campaign is meant for one of them."""
    for test_mode in (False, True):
        with office.database.session() as session:
            account = session.scalars(select(Account)).one()
            account.test_mode = test_mode
            seeds.campaign(session, account, state=state)
            with pytest.raises(NotAllowed, match=f"Spring is {state.value}"):
                modes.switch(session, account, test_mode=not test_mode, actor="ada", now=NOW)
            session.rollback()


@pytest.mark.parametrize(("test_mode", "said"), [(False, "real texts, among which"), (True, "test texts, which would")])
def test_test_texts_and_real_ones_never_share_an_account(office: Office, test_mode: bool, said: str) -> None:
    """An account with texts keeps its mode, so that no test is ever counted or charged as a real text."""
    with office.database.session() as session:
        account = session.scalars(select(Account)).one()
        seeds.sending_run(session, account, 1)
        account.test_mode = test_mode
        session.execute(update(Campaign).values(state=CampaignState.COMPLETED))
        session.commit()
    assert said in office.refuses("mode", "live" if test_mode else "test", "--confirm")
    assert office.account().test_mode is test_mode
