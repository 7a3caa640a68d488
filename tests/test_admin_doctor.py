"""Does the doctor find each thing that keeps texts from leaving, say how to mend it, and leave alone what is well?"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Update, select, text, update
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from admin import doctor_system, gateways
from admin.config import Config
from admin.database import NOT_MIGRATED
from admin.doctor import Finding, State, examine
from models.accounts import Account, SendingNumber
from models.base import Database
from models.charges import Rate
from models.countries import CountrySetting
from models.jobs import Job, WorkerProcess
from models.messages import Message, MessageStatus
from models.notices import Notice
from sender.simulator import Behaviour, SimulatedAccount, Simulator, create_simulator, serve
from sender.worker import wall_clock
from tests import seeds
from tests.conftest import seed_account
from tests.desk import config_for
from tests.test_admin_cli import Shell, open_shell

SID, TOKEN = "AC" + "a1" * 16, "the auth token"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def ward(database: Database, database_url: str) -> Config:
    """An installation that is well: linked, with senders, countries, a rate card, mail and one worker."""
    config = config_for(
        database_url, public_url="https://texts.example.org", trusted_hosts=("texts.example.org",),
        smtp_url="smtp://127.0.0.1:25", mail_from="texts@example.org",
    )  # fmt: skip
    with database.session() as session:
        account = seed_account(session, now=wall_clock())
        account.twilio_sid, account.twilio_token = SID, gateways.seal(config.secret_keys, TOKEN)
        now = wall_clock()
        session.add(WorkerProcess(name="a", started_at=now, seen_at=now))
        session.add(Job(name="prices", every_seconds=600, next_at=now + MINUTE))
        session.commit()
    for shell in open_shell(config):
        shell.does("rates", "load")
    return config


def ailing(config: Config, database: Database, *, online: bool = False) -> dict[str, Finding]:
    """What is not well, by name; everything that is not well says how it is mended."""
    now = wall_clock()
    with database.transaction() as session:  # a worker that is heard of stays so, however slow this machine is
        session.execute(
            update(WorkerProcess)
            .where(WorkerProcess.started_at == WorkerProcess.seen_at)
            .values(seen_at=now, started_at=now)
        )
    found = list(examine(config, database, online=online))
    assert all(bool(finding.mend) == (finding.state is not State.OK) for finding in found)
    return {finding.what: finding for finding in found if finding.state is not State.OK}


def test_the_well_are_left_alone(ward: Config, database: Database) -> None:
    """Nothing is missing and nothing is warned of; backups are mentioned all the same."""
    assert ailing(ward, database) == {}
    found = {finding.what: finding.said for finding in examine(ward, database, online=False)}
    assert "backups" in found
    assert found["account harbor"] == "linked"
    assert ("PostgreSQL" in found) == (database.dialect == "postgresql")
    assert ("database file" in found) == (database.dialect == "sqlite")


@pytest.mark.parametrize(
    ("changes", "what", "state"),
    [
        ({"public_url": "https://texts_ledger.example.org"}, "public address", State.MISSING),
        ({"public_url": "https://texts.example.org/console"}, "public address", State.MISSING),
        ({"trusted_hosts": ("localhost",)}, "public address", State.MISSING),
        ({"public_url": "http://texts.example.org"}, "public address", State.WARNING),
        ({"public_url": "http://127.0.0.1:8000", "trusted_hosts": ("127.0.0.1",)}, "public address", State.WARNING),
        ({"smtp_url": "", "mail_from": ""}, "mail", State.WARNING),
        ({"secret_keys": (Fernet.generate_key().decode(),)}, "account harbor", State.MISSING),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_the_environment_lacks(
    ward: Config, database: Database, changes: dict[str, object], what: str, state: State
) -> None:
    """Each fault of the configuration is found, and nothing else is blamed."""
    found = ailing(replace(ward, **changes), database)  # type: ignore[arg-type]
    assert {name: finding.state for name, finding in found.items()} == {what: state}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_simulator_needs_no_way_in_from_outside(ward: Config, database: Database) -> None:
    """On one machine, with the simulator, an address that only this machine reaches is right."""
    here = replace(
        ward, public_url="http://127.0.0.1:8000", trusted_hosts=("127.0.0.1",), twilio_url="http://127.0.0.1:4010"
    )
    assert ailing(here, database) == {}


CHANGES: dict[str, tuple[State, Callable[[], Update]]] = {
    "senders of harbor": (State.MISSING, lambda: update(SendingNumber).values(active=False)),
    "countries of harbor": (State.MISSING, lambda: update(CountrySetting).values(enabled=False)),
    "account harbor": (State.MISSING, lambda: update(Account).values(twilio_token=None)),
    "hold of harbor": (State.WARNING, lambda: update(Account).values(held_why="Restored from a backup.")),
    "tokens of harbor": (State.WARNING, lambda: update(Account).values(twilio_token_previous=Account.twilio_token)),
    "rate card": (State.WARNING, lambda: update(Rate).values(valid_from=wall_clock().date() - timedelta(days=400))),
    "worker": (State.WARNING, lambda: update(WorkerProcess).values(seen_at=wall_clock() - MINUTE)),
    "job prices": (State.WARNING, lambda: update(Job).values(failures=2, last_error="OSError")),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_the_rows_lack(ward: Config, database: Database, what: str) -> None:
    """Each fault of the records is found, and nothing else is blamed."""
    state, change = CHANGES[what]
    with database.transaction() as session:
        session.execute(change())
    assert {name: finding.state for name, finding in ailing(ward, database).items()} == {what: state}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_waits_for_somebody(ward: Config, database: Database) -> None:
    """Parked texts, e-mails that do not leave, a job that nobody runs, a default sender that is none."""
    late = wall_clock() - timedelta(hours=1)
    with database.session() as session:
        account = session.scalars(select(Account)).one()
        seeds.sending_run(session, account, 3)
        session.execute(update(Message).values(status=MessageStatus.UNKNOWN))
        session.execute(update(Job).values(next_at=late))
        session.execute(update(SendingNumber).values(is_default=False))
        session.add(Notice(account_id=account.id, cause="x", subject="", body="", due_at=late, created_at=late))
        session.commit()
    found = ailing(ward, database)
    assert set(found) == {"parked texts", "e-mails", "job prices", "senders of harbor"}
    assert found["parked texts"].said == "3 wait for a person"


def test_two_workers_share_a_server_and_not_a_file(ward: Config, database: Database) -> None:
    """On PostgreSQL any number, on SQLite one."""
    with database.transaction() as session:
        session.add(WorkerProcess(name="b", started_at=wall_clock(), seen_at=wall_clock()))
    found = ailing(ward, database)
    assert set(found) == ({"worker"} if database.dialect == "sqlite" else set())


def test_tables_of_another_version_end_the_visit(ward: Config, database: Database) -> None:
    """Old ones and altered ones: nothing is asked of tables that are not ours."""
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert {name: finding.said for name, finding in ailing(ward, database).items()} == {"database": NOT_MIGRATED}


def test_a_file_needs_a_local_writable_disk(tmp_path: Path) -> None:
    """A network file system by the system's own list of mounts, of which the deepest counts; a folder without permission."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nserver:/x {tmp_path} nfs4 rw 0 0\nbroken\n")
    assert doctor_system._file_system(tmp_path / "var", mounts) == "nfs4"
    mounts.write_text(f"server:/x / nfs rw 0 0\n/dev/a {tmp_path} ext4 rw 0 0\n")
    assert doctor_system._file_system(tmp_path, mounts) == "ext4"
    assert doctor_system._file_system(tmp_path, tmp_path / "nothing") == ""
    assert doctor_system._file(tmp_path / "missing.db").state is State.MISSING


@contextmanager
def twilio() -> Iterator[tuple[Simulator, str]]:
    """A simulated Twilio that knows the account."""
    simulator = create_simulator(Behaviour.instant(), accounts=[SimulatedAccount("Harbor", sid=SID, token=TOKEN)])
    with serve(simulator) as running:
        yield simulator, running.url


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_online_twilio_and_the_way_in_are_asked(ward: Config, database: Database) -> None:
    """Twilio says whether the credentials hold and the account is active; our own address has to answer."""
    with twilio() as (simulator, url):
        for shell in open_shell(ward):
            server = make_server("127.0.0.1", 0, shell.app, threaded=True)
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            hosts = ("127.0.0.1",)
            here = replace(ward, public_url=f"http://127.0.0.1:{server.port}", trusted_hosts=hosts, twilio_url=url)
            assert ailing(here, database, online=True) == {}
            simulator.account.type = "Trial"
            assert "verified numbers only" in ailing(here, database, online=True)["Twilio on harbor"].said
            simulator.account.status = "suspended"
            assert ailing(here, database, online=True)["Twilio on harbor"].state is State.MISSING
            simulator.account.token = "another"
            assert "token or key" in ailing(here, database, online=True)["Twilio on harbor"].said
            server.shutdown()
            server.server_close()
            thread.join()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            gone = replace(here, public_url=f"http://127.0.0.1:{probe.getsockname()[1]}")
        found = ailing(gone, database, online=True)["public address answers"]
        assert (found.state, "ConnectionError" in found.said) == (State.MISSING, True)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_programs_read_json(ward: Config, database: Database) -> None:
    """The same findings, whether all is well, and the code of the process."""
    shell: Shell
    for shell in open_shell(ward):
        found = json.loads(shell.does("doctor", "--json"))
        assert found["ready"] is True
        assert {"what", "state", "said", "mend"} == set(found["findings"][0])
        with database.transaction() as session:
            _close(session)
        result = shell.run("doctor", "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["ready"] is False
        assert "see senders of harbor in the table" in result.stderr
        assert TOKEN not in result.output


def _close(session: Session) -> None:
    session.execute(update(SendingNumber).values(active=False))
