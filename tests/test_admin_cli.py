"""Do the commands do their work, and does each that cannot say so in one sentence and end with an error?"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click
import pytest
from click.testing import Result
from cryptography.fernet import Fernet
from flask import Flask
from flask.cli import FlaskGroup
from flask_security import verify_password
from sqlalchemy import func, select, text
from werkzeug.serving import make_server

from admin import audit, cli, gateways
from admin.app import create_app
from admin.config import Config
from admin.database import NEWER, NOT_MIGRATED, UNREACHABLE
from models.accounts import Account, SendingNumber, Verification
from models.base import Database
from models.campaigns import Audience, Campaign, CampaignState
from models.charges import Charge, RateCard
from models.countries import CountrySetting
from models.messages import Message
from models.users import AuditEntry, Membership, Role, User
from sender.simulator import Behaviour, SimulatedAccount, SimulatedNumber, Simulator, create_simulator, serve
from tests import seeds
from tests.conftest import NOW, seed_account
from tests.desk import put_away

KEY = Fernet.generate_key().decode()
SID = "AC" + "a1" * 16
TOKEN = "the auth token"
MEMBERS = """name,mobile
Ada,+1 212 555 0100
Bo,+1 213 555 0101
Cy,+1 214 555 0160
Di,+1 215 555 0107
Ed,call the office
Ada again,(212) 555-0100
"""
"""Four who can be texted (Cy answers STOP, Di's text fails), one without a number, one twice."""


@dataclass
class Shell:
    """A terminal at the app: types commands as a person would, and reads what they say."""

    app: Flask
    config: Config
    database: Database

    def run(self, *arguments: str, **options: str) -> Result:
        """One command, as `flask --app wsgi …` runs it."""
        flask = FlaskGroup(
            create_app=lambda: self.app, add_default_commands=False, load_dotenv=False, set_debug_flag=False
        )
        run_from = {"FLASK_RUN_FROM_CLI": "true"}  # which Flask sets, and the runner sets back
        return self.app.test_cli_runner().invoke(flask, list(arguments), env=run_from, **options)

    def does(self, *arguments: str, **options: str) -> str:
        """A command that succeeds; what it says."""
        result = self.run(*arguments, **options)
        assert result.exit_code == 0, result.output
        return result.output

    def refuses(self, *arguments: str, **options: str) -> str:
        """A command that cannot go on: an error code, and one sentence on the error stream that is no traceback."""
        result = self.run(*arguments, **options)
        assert result.exit_code != 0
        assert isinstance(result.exception, SystemExit), result.exception
        said = result.stderr.strip()
        assert "Traceback" not in result.output
        sentence = said.splitlines()[-1].removeprefix("Error: ")
        assert sentence.endswith((".", "'.")), said
        assert said.count("Error:") == 1
        return sentence


def open_shell(config: Config) -> Iterator[Shell]:
    app = create_app(config)
    database: Database = app.extensions["textledger"][1]
    yield Shell(app, config, database)
    put_away(app)


def configured(path: Path, *, port: int = 8000, twilio_url: str = "http://127.0.0.1:1") -> Config:
    """A configuration by hand: a database file, and no way to the real Twilio."""
    hosts = ("127.0.0.1", "localhost")
    return Config(f"sqlite:///{path}", "key", "salt", (KEY,), f"http://127.0.0.1:{port}", twilio_url, hosts, "staging")


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Shell]:
    """A shell where nothing has been set up, not even the database's folder."""
    yield from open_shell(configured(tmp_path / "var" / "a.db"))


@pytest.fixture
def shell(sqlite_template: Path, tmp_path: Path) -> Iterator[Shell]:
    """A shell with a migrated, empty database."""
    shutil.copy(sqlite_template, tmp_path / "a.db")
    yield from open_shell(configured(tmp_path / "a.db"))


@pytest.fixture
def harbor(shell: Shell) -> Shell:
    """With one account, a template, and a file of members."""
    with shell.database.session() as session:
        account = seed_account(session)
        seeds.template_version(session, account, "Hello {{ name }}", name="Hello")
        session.commit()
    return shell


@pytest.fixture
def members(tmp_path: Path) -> str:
    """The file of members."""
    (tmp_path / "members.csv").write_text(MEMBERS)
    return str(tmp_path / "members.csv")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def twilio() -> Iterator[tuple[Simulator, str]]:
    """A simulated Twilio that knows one account, and its address."""
    known = SimulatedAccount("Harbor texts", [SimulatedNumber("27242")], sid=SID, token=TOKEN)
    simulator = create_simulator(Behaviour.instant(), accounts=[known])
    with serve(simulator) as running:
        yield simulator, running.url


@pytest.fixture
def online(twilio: tuple[Simulator, str], sqlite_template: Path, tmp_path: Path) -> Iterator[Shell]:
    """A shell whose Twilio is the simulated one, its console served so that callbacks arrive."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    shutil.copy(sqlite_template, tmp_path / "a.db")
    port = free_port()
    for shell in open_shell(configured(tmp_path / "a.db", port=port, twilio_url=twilio[1])):
        server = make_server("127.0.0.1", port, shell.app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield shell
        server.shutdown()
        server.server_close()
        thread.join()


def every_command() -> list[tuple[str, ...]]:
    """The words of every command and of every group."""
    found: list[tuple[str, ...]] = []
    for command in cli.COMMANDS:
        found.append((str(command.name),))
        if isinstance(command, click.Group):
            found += [(str(command.name), name) for name in sorted(command.commands)]
    return found


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_command_explains_itself(empty: Shell, words: tuple[str, ...]) -> None:
    """--help works without a database, says what the command does, and what each option of ours is for."""
    said = empty.does(*words, "--help")
    assert said.startswith("Usage: ")
    command: click.Command = next(command for command in cli.COMMANDS if command.name == words[0])
    if len(words) > 1 and isinstance(command, click.Group):
        command = command.commands[words[1]]
    assert command.help
    assert all(option.help for option in command.params if isinstance(option, click.Option))


NEEDS_TABLES = [
    ("worker",), ("worker", "--until-idle"), ("jobs", "list"), ("jobs", "run", "prices"), ("simulator",),
    ("charges", "post"), ("rates", "load"), ("consent", "verify"), ("consent", "checkpoint"), ("consent", "as-of", "1"),
    ("erase", "1"), ("audit", "verify"), ("restored",), ("doctor",), ("users", "create", "ada@example.com"),
    ("users", "reset", "ada@example.com"),
    ("accounts", "create", "harbor", "Harbor"), ("accounts", "link", SID, "--token", TOKEN), ("accounts", "forget"),
    ("accounts", "rotate", "--token", TOKEN), ("accounts", "test", SID, "--token", TOKEN), ("accounts", "mode", "test"),
    ("accounts", "sender", "27242", "--kind", "short_code"), ("campaign", "send", __file__, "--template", "Hello"),
    ("lint", "Hello"),
]  # fmt: skip


@pytest.mark.parametrize("words", NEEDS_TABLES, ids=" ".join)
def test_no_tables_is_one_sentence(empty: Shell, words: tuple[str, ...]) -> None:
    """Before `migrate` every command says that it is needed; without a database at all, that it cannot be opened."""
    assert empty.refuses(*words) == UNREACHABLE
    Path(empty.config.database_url.removeprefix("sqlite:///")).parent.mkdir()
    assert empty.refuses(*words) == NOT_MIGRATED


def test_every_command_is_tried_without_tables() -> None:
    """The list above is complete."""
    groups = {command.name for command in cli.COMMANDS if isinstance(command, click.Group)}
    needed = {words for words in every_command() if words[0] not in groups or len(words) > 1} - {
        ("migrate",),
        ("demo",),
    }
    assert {words[: 2 if words[0] in groups else 1] for words in NEEDS_TABLES} == needed


def test_migrate_makes_everything_once(empty: Shell) -> None:
    """The folder, the file and the tables; a second time changes nothing; then a database of tomorrow is left alone."""
    assert empty.does("migrate") == empty.does("migrate") == "The database is up to date.\n"
    empty.does("accounts", "create", "harbor", "Harbor Association")
    with empty.database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'tomorrow'"))
    assert empty.refuses("migrate") == NEWER
    assert empty.refuses("worker", "--until-idle") == NEWER


def test_a_database_that_fails_half_way(harbor: Shell) -> None:
    """What the database refuses in the middle of a command is a sentence, without what was to be written."""
    with harbor.database.transaction() as session:
        session.execute(text("DROP TABLE membership"))
    said = harbor.refuses("users", "create", "ada@example.com")
    assert "The database refused (OperationalError)" in said
    assert "ada" not in said


def test_doctor_follows_the_set_up(online: Shell) -> None:
    """It names what is missing next until texts can be sent, and then is content."""
    assert online.refuses("doctor") == "Not ready to send: see accounts, rate card in the table."
    online.does("accounts", "create", "harbor", "Harbor Association", "--region", "gb", "--time-zone", "Europe/London")
    online.does("rates", "load")
    assert online.refuses("doctor") == "Not ready to send: see account harbor, senders of harbor in the table."
    online.does("accounts", "link", SID, "--token", TOKEN)
    online.does("accounts", "sender", "+18335550100", "--kind", "toll_free")
    assert online.refuses("doctor") == "Not ready to send: see senders of harbor in the table."
    online.does("accounts", "sender", "27242", "--kind", "short_code", "--default")
    assert "linked" in online.does("doctor")


def test_an_account_is_set_up(online: Shell) -> None:
    """Account, country, SMS account and senders are as they were typed, the token is sealed, and the audit log knows of all."""
    online.does("accounts", "create", "harbor", "Harbor Association", "--region", "gb", "--time-zone", "Europe/London")
    assert online.does("accounts", "link", SID, input=f"{TOKEN}\n").endswith("Linked to Harbor texts (Full, active).\n")
    online.does("accounts", "sender", "27242", "--kind", "short_code", "--default")
    online.does("accounts", "sender", "+18335550100", "--kind", "toll_free", "--verified", "--rate", "7", "--default")
    with online.database.reading() as session:
        account = session.scalars(select(Account)).one()
        assert (account.name, account.default_region, account.time_zone) == (
            "Harbor Association",
            "GB",
            "Europe/London",
        )
        assert session.scalars(select(CountrySetting.region)).all() == ["GB"]
        assert gateways.tokens(online.config, account) == [TOKEN]
        code, toll_free = account.senders
        assert (code.segments_per_second, code.is_default, code.verification) == (100, False, Verification.NOT_NEEDED)
        assert (toll_free.segments_per_second, toll_free.is_default) == (7, True)
        assert toll_free.verification is Verification.TWILIO_APPROVED
        written = list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))
        assert [entry.action for entry in written] == [
            "account:create",
            "account:link",
            "sender:create",
            "sender:create",
        ]
        assert written[1].after == {"twilio_sid": SID, "twilio_token": "set"}
        assert audit.broken_link(session, account.id) is None


def test_a_new_token_keeps_the_one_before(online: Shell, twilio: tuple[Simulator, str]) -> None:
    """Linking again with another token rotates it: Twilio may sign with either for a while."""
    online.does("accounts", "create", "harbor", "Harbor Association")
    online.does("accounts", "link", SID, "--token", TOKEN)
    twilio[0].account.token = "the next token"
    online.does("accounts", "link", SID, "--token", "the next token")
    with online.database.reading() as session:
        assert gateways.tokens(online.config, session.scalars(select(Account)).one()) == ["the next token", TOKEN]


def test_a_wrong_token_is_noticed_at_once(online: Shell) -> None:
    """Twilio is asked before anything is kept; the answer does not repeat the token."""
    online.does("accounts", "create", "harbor", "Harbor Association")
    for token in ("wrong token", ""):
        said = online.refuses("accounts", "link", SID, "--token", token)
        assert "wrong token" not in said
    with online.database.reading() as session:
        assert session.scalars(select(Account.twilio_sid)).one() is None


def test_a_linked_account_is_linked_once(online: Shell) -> None:
    """Two accounts cannot share one SMS account: each text must have one owner."""
    online.does("accounts", "create", "harbor", "Harbor Association")
    online.does("accounts", "create", "lake", "Lake Association")
    online.does("accounts", "link", SID, "--account", "lake", "--token", TOKEN)
    said = online.refuses("accounts", "link", SID, "--account", "harbor", "--token", TOKEN)
    assert said == "Lake Association is linked to that SMS account already; link another one."


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("accounts", "create", "harbor", "Again"), "There is an account 'harbor' already"),
        (("accounts", "create", "Har bor", "Harbor"), "small letters, digits and hyphens"),
        (("accounts", "create", "lake", "Lake", "--time-zone", "Mars/Olympus"), "no time zone 'Mars/Olympus'"),
        (("accounts", "create", "lake", "Lake", "--region", "USA"), "no country 'USA'"),
        (("accounts", "link", "AC1", "--token", TOKEN), "not the SID of an account"),
        (("accounts", "link", SID, "--token", TOKEN), "Nothing was linked: "),
        (("accounts", "sender", "27242", "--kind", "short_code"), "sends from that address already"),
        (("accounts", "sender", "27242", "--kind", "short_code", "--account", "lake"), "--account: harbor."),
        (("accounts", "sender", "27242", "--kind", "pigeon"), "'pigeon' is not one of"),
        (("simulator",), "no auth token"),
        (("simulator", "--port", "70000"), "70000 is not in the range"),
        (("worker", "--concurrency", "0"), "0 is not in the range"),
        (("jobs", "run", "nothing"), "There is no job named 'nothing'"),
        (("charges", "post"), "No rate card is loaded"),
        (("rates", "load", "nothing.csv"), "There is no rate card nothing.csv"),
        (("users", "create", "nobody"), "not an e-mail address"),
        (("users", "create", "ada@example.com", "--role", "king"), "'king' is not one of"),
        (("users", "create", "ada@example.com", "--account", "lake"), "--account: harbor."),
        (("users", "reset", "ada@example.com"), "There is no user with this address."),
        (("consent", "verify", "--account", "lake"), "--account: harbor."),
        (("consent", "as-of", "12345"), "too few digits"),
        (("consent", "as-of", "+12125550100", "--at", "2026-11-20 14:03"), "with its offset from UTC"),
        (("consent", "as-of", "+12125550100", "--at", "9999-12-31T23:59-05:00"), "with its offset from UTC"),
        (("audit", "verify", "--seen", "f00"), "the entry with that hash is gone"),
        (("audit", "verify", "--account", "lake"), "--account: harbor."),
        (("campaign", "send", "nowhere.csv", "--template", "Hello"), "does not exist"),
    ],
)
def test_refusals_say_what_to_do(harbor: Shell, words: tuple[str, ...], part: str) -> None:
    """Every mistake of the person at the keyboard is one sentence about it."""
    if words[:2] == ("charges", "post"):
        with harbor.database.session() as session:
            seeds.sending_run(session, session.scalars(select(Account)).one(), 1)
            session.execute(text("UPDATE message SET status = 'delivered', sid = 'SM1'"))
            session.commit()
    assert part in harbor.refuses(*words)


def test_users_sign_in_with_what_is_printed(harbor: Shell) -> None:
    """The password is printed once and fits; a reset prints another, ends the sessions, and both are in the audit log."""
    first = harbor.does("users", "create", " Ada@Example.com", "--role", "finance", "--owner").split()[-1]
    assert "use `users reset`" in harbor.refuses("users", "create", "ADA@example.com")
    second = harbor.does("users", "reset", "ADA@example.com").split()[-1]
    with harbor.database.reading() as session, harbor.app.app_context():
        user = session.scalars(select(User)).one()
        assert (user.email, user.owner) == ("ada@example.com", True)
        assert user.password
        assert [verify_password(password, user.password) for password in (first, second)] == [False, True]
        assert session.scalars(select(Role.name).join(Membership)).all() == ["finance"]
        assert session.scalars(select(AuditEntry.action)).all() == ["user:create", "user:reset_password"]
        assert first not in str([entry.facts() for entry in session.scalars(select(AuditEntry))])


def test_a_rate_card_is_loaded_once(harbor: Shell, tmp_path: Path) -> None:
    """Our card, again our card, and a file with a faulty line, which names the line and leaves nothing."""
    assert harbor.does("rates", "load") == harbor.does("rates", "load")
    (tmp_path / "bad.csv").write_text("kind,region\nmessage,US\n")
    harbor.refuses("rates", "load", str(tmp_path / "bad.csv"))
    (tmp_path / "worse.csv").write_bytes(b"\xff\xfe\x00kind")
    harbor.refuses("rates", "load", str(tmp_path / "worse.csv"))
    harbor.refuses("rates", "load", str(tmp_path))
    with harbor.database.reading() as session:
        assert session.scalar(select(func.count(RateCard.id))) == 1


def test_without_confirm_nothing_is_kept(harbor: Shell, members: str) -> None:
    """The preview counts everybody, and afterwards there is neither a list nor a campaign."""
    said = harbor.does("campaign", "send", members, "--template", "Hello")
    assert "will be texted" in said
    assert "4 (4 segments)" in said
    assert "duplicate" in said
    assert said.endswith("Nothing was sent. Add --confirm to send.\n")
    with harbor.database.reading() as session:
        assert session.scalar(select(func.count(Campaign.id))) == session.scalar(select(func.count(Audience.id))) == 0


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--template", "Goodbye"), "no template named 'Goodbye'"),
        (("--template", "Hello", "--sender", "99999"), "Name a sender with --sender: 27242, +18335550100."),
        (("--template", "Hello", "--sender", "+18335550100"), "not verified by Twilio"),
        (("--template", "Hello", "--name", "Spring"), "a campaign with this name already"),
        (("--template", "Hello", "--account", "lake"), "--account: harbor."),
    ],
)
def test_a_campaign_that_may_not_go(harbor: Shell, members: str, options: tuple[str, ...], part: str) -> None:
    """A missing template, an unverified sender, a name that is taken: one sentence, and nothing is kept."""
    with harbor.database.session() as session:
        seeds.campaign(session, session.scalars(select(Account)).one(), name="Spring")
        session.commit()
    assert part in harbor.refuses("campaign", "send", members, "--confirm", *options)
    with harbor.database.reading() as session:
        assert session.scalars(select(Campaign.name)).all() == ["Spring"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"name,town\nAda,Oslo\n",
        b"PK\x03\x04 no workbook",
        b"\xd0\xcf\x11\xe0" * 99,
        b'a,mobile\n"x' + b"\nx" * 900,
    ],
    ids=["empty", "no numbers", "broken workbook", "old workbook", "open quotation"],
)
def test_a_file_that_is_no_list(harbor: Shell, tmp_path: Path, content: bytes) -> None:
    """An empty file, one without numbers, a broken or old workbook, a quotation mark that is never closed."""
    for name in ("list.csv", "list.xlsx"):
        (tmp_path / name).write_bytes(content)
        harbor.refuses("campaign", "send", str(tmp_path / name), "--template", "Hello")


def test_a_campaign_goes_out_and_is_priced(online: Shell, twilio: tuple[Simulator, str], members: str) -> None:
    """Set up, send, work, and post by commands alone: everyone is texted once, and every text is charged once."""
    online.does("accounts", "create", "harbor", "Harbor Association")
    online.does("accounts", "link", SID, "--token", TOKEN)
    online.does("accounts", "sender", "27242", "--kind", "short_code", "--default")
    online.does("rates", "load")
    with online.database.session() as session:
        account = session.scalars(select(Account)).one()
        seeds.template_version(session, account, "Hello {{ name }}")
        session.commit()
    assert "is sending" in online.does("campaign", "send", members, "--template", "Hello", "--confirm")
    before = [signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)]
    assert "is running" in online.does("worker", "--until-idle")
    assert [signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)] == before
    twilio[0].settle(timeout=30)
    assert online.does("charges", "post") == online.does("charges", "post") == "Charges are posted.\n"
    with online.database.reading() as session:
        assert session.scalars(select(Campaign.state)).one() is CampaignState.COMPLETED
        sent = {
            m.phone[-4:]: m.status.value for m in session.scalars(select(Message).where(Message.run_id.is_not(None)))
        }
        assert sent == {"0100": "delivered", "0101": "delivered", "0160": "delivered", "0107": "failed"}
        charged = select(func.count(func.distinct(Charge.message_id))).join(Message).where(Message.run_id.is_not(None))
        assert session.scalar(charged) == 4
        assert "campaign:send" in set(session.scalars(select(AuditEntry.action)))
    assert len(twilio[0].log()) == 4


def test_the_audit_log_is_verified(harbor: Shell) -> None:
    """An unbroken log is told so, of all accounts or one; a tampered row is named; a cut is seen by a hash kept elsewhere."""
    assert harbor.does("audit", "verify").endswith(" is unbroken.\n")
    with harbor.database.session() as session:
        account = session.scalars(select(Account)).one()
        for subject in "abc":
            audit.record(
                session, account_id=account.id, actor="ada", action="x:edit", subject_kind="x", subject_id=subject, now=NOW
            )  # fmt: skip
        session.commit()
    last = harbor.does("audit", "verify").split()[-1]
    assert harbor.does("audit", "verify", "--account", "harbor", "--seen", last).split()[-1] == last
    with harbor.database.transaction() as session:
        session.execute(text("DELETE FROM audit_entry WHERE id = 3"))
    assert "is unbroken" in harbor.does("audit", "verify")
    assert "was cut off" in harbor.refuses("audit", "verify", "--seen", last)
    with harbor.database.transaction() as session:
        session.execute(text("UPDATE audit_entry SET actor = 'changed' WHERE id = 2"))
    assert " 2 does not follow" in harbor.refuses("audit", "verify")


def test_the_simulator_runs_until_interrupted(shell: Shell, online: Shell) -> None:
    """It knows the account's numbers, answers on its port, refuses a port that is taken, and ends well with Ctrl-C."""
    online.does("accounts", "create", "harbor", "Harbor Association")
    online.does("accounts", "link", SID, "--token", TOKEN)
    online.does("accounts", "sender", "27242", "--kind", "short_code")
    taken = online.config.public_url.rpartition(":")[2]
    assert "choose another with --port" in online.refuses("simulator", "--port", taken)
    port, over = free_port(), threading.Event()

    def interrupt() -> None:
        while not over.wait(0.05):  # however long a busy machine takes until it listens
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    time.sleep(0.2)
                    os.kill(os.getpid(), signal.SIGINT)
                    return

    thread = threading.Thread(target=interrupt)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    thread.start()
    try:
        said = online.does("simulator", "--instant", "--port", str(port))
    finally:
        over.set()
        thread.join()
        signal.signal(signal.SIGINT, before)
    assert f"http://127.0.0.1:{port}" in said


def test_a_lost_key_is_told(online: Shell) -> None:
    """With another encryption key the token cannot be read, and the sentence names the variable."""
    online.does("accounts", "create", "harbor", "Harbor Association")
    online.does("accounts", "link", SID, "--token", TOKEN)
    changed = replace(online.config, secret_keys=(Fernet.generate_key().decode(),))
    for other in open_shell(changed):
        assert "TEXTLEDGER_SECRET_KEYS" in other.refuses("simulator")


def test_an_account_without_senders(harbor: Shell) -> None:
    """A campaign of an account without any sender says where to get one."""
    with harbor.database.transaction() as session:
        for sender in session.scalars(select(SendingNumber)):
            session.delete(sender)
    assert "see `accounts sender`" in harbor.refuses("campaign", "send", __file__, "--template", "Hello")
