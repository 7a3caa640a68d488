"""Does a log say what happened, in the style that was asked for, and never to whom or with which words?"""

from __future__ import annotations

import io
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from cryptography.fernet import Fernet
from sqlalchemy import func, select, text

from admin import gateways, logs, people
from admin.app import create_app
from admin.config import Config
from admin.serving import ServerLog
from models.base import Database
from models.campaigns import Campaign, CampaignState
from models.contacts import Contact
from models.messages import Direction, Message
from models.settings import Setting
from models.users import RoleName
from sender import campaigns
from sender.simulator import Behaviour, Fault, SimulatedAccount, SimulatedNumber, Simulator, create_simulator, serve
from sender.worker import wall_clock
from tests import seeds
from tests.conftest import seed_account
from tests.desk import ANNA, Desk, config_for, open_desk, put_away

ROOT = Path(__file__).parents[1]
WORDS, NAME, EMAIL, PASSWORD = "Meet me at the old mill", "Quillfeather", "robin@vale.example", "horse-battery-staple"
TOKEN, METRICS = "0f" * 16, "metrics-token-of-this-test"
ENDINGS = [100, 101, 103, 107, 111, 113, 114, 145, 160, 164, 172, 180, 182, 183, *range(200, 220)]


@contextmanager
def captured(style: str) -> Iterator[io.StringIO]:
    """What a handler of ours writes, and nothing of it elsewhere."""
    stream, logger = io.StringIO(), logging.getLogger("textledger.test")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.Object() if style == logs.JSON else logs.Line())
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    yield stream
    logger.removeHandler(handler)


@pytest.mark.parametrize("style", [logs.TEXT, logs.JSON])
def test_an_exception_is_its_kind_and_places(style: str) -> None:
    """The texts of an exception and of its cause stay out; where they came through does not."""

    def fails() -> None:
        try:
            {"nobody": WORDS}[ANNA]
        except KeyError as error:
            raise ValueError(f"{WORDS} for {EMAIL}") from error

    with captured(style) as stream:
        logger = logging.getLogger("textledger.test")
        try:
            fails()
        except ValueError:
            logger.exception("run %d failed", 7)
    written = stream.getvalue()
    assert "run 7 failed" in written
    assert written.index("KeyError") < written.index("ValueError")
    assert "in fails" in written
    for leak in (ANNA[2:], WORDS, EMAIL):
        assert leak not in written


def test_another_handler_still_sees_everything() -> None:
    """A record is copied before it is cleaned, and what another handler made of its exception is not taken over."""
    record = logging.LogRecord("textledger.test", logging.ERROR, "", 1, "to %s", (ANNA,), None)
    try:
        int(ANNA + "x")
    except ValueError:
        record.exc_info = sys.exc_info()
    plain = logging.Formatter("%(message)s").format(record)
    assert ANNA in plain
    for style in (logs.Line(), logs.Object()):
        assert ANNA[2:] not in style.format(record)
    assert record.args == (ANNA,)


def test_json_is_one_object_a_line() -> None:
    """With time, level, logger, message and whatever was added, also for a message of several lines."""
    with captured(logs.JSON) as stream:
        logging.getLogger("textledger.test").warning("two\nlines to %s", ANNA, extra={"run": 7, "to": [ANNA]})
    (line,) = stream.getvalue().splitlines()
    found = json.loads(line)
    assert found["message"] == "two\nlines to [number]"
    assert (found["level"], found["logger"], found["run"], found["to"]) == (
        "WARNING",
        "textledger.test",
        7,
        ["[number]"],
    )
    assert found["time"].endswith("+00:00")


def test_what_nobody_caught_is_logged() -> None:
    """In the main thread and in any other, as a line of the chosen style; its text stays out, and Ctrl-C is no error."""
    code = (
        "import sys, threading, warnings; from admin import logs; logs.start('json'); logs.start('json');"
        f"t = threading.Thread(target=lambda: int('{ANNA}x')); t.start(); t.join();"
        f"warnings.warn('{ANNA}');"
        f"raise ValueError('{WORDS}')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    found = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["message"] for line in found if "ended" in line["message"]] == [
        "ended by ValueError",
        "ended by ValueError",
    ]
    assert any(line["logger"] == "py.warnings" for line in found)
    assert ANNA[2:] not in done.stderr.replace(f"int('{ANNA}x')", "")
    assert (done.returncode, done.stdout) == (1, "")
    stopped = subprocess.run(
        [sys.executable, "-c", "from admin import logs; logs.start('json'); raise KeyboardInterrupt"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert stopped.stderr == ""


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_request_is_its_route_and_its_answer(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """The rule and not the address, the account it worked in, and an id that the answer has as well."""
    visitor = desk.visitor(RoleName.ADMIN)
    contact = desk.ids(desk.harbor)["contacts"]
    with caplog.at_level(logging.INFO, logger="textledger.request"):
        answer = visitor.read("/contacts/details/", id=contact, search=ANNA)
        visitor.read(f"/nowhere/{ANNA}")
        visitor.client.get("/static/console.css").close()
        visitor.client.post("/hooks/status", data={"To": ANNA, "AccountSid": "AC1"})
        visitor.client.get("/", headers={"Host": f"{ANNA}.example"})
    lines = [record for record in caplog.records if record.name == "textledger.request"]
    facts = [(r.method, r.route, r.status, r.account_id) for r in lines]  # type: ignore[attr-defined]
    assert facts == [
        ("GET", "/contacts/details/", 200, desk.harbor.id),
        ("GET", "-", 404, None),
        ("POST", "/hooks/status", 403, None),
        ("GET", "-", 400, None),
    ]
    assert re.fullmatch("[0-9a-f]{8}", answer.headers["X-Request-ID"])
    assert ANNA[2:] not in "".join(record.getMessage() for record in lines)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_logged_in_a_request_names_it(desk: Desk) -> None:
    """Every line that a request causes has its id, which its answer has as well."""

    @desk.app.get("/inside")
    def inside() -> str:
        logging.getLogger("textledger.test").info("inside")
        return ""

    with captured(logs.JSON) as stream:
        answer = desk.stranger().read("/inside")
    assert json.loads(stream.getvalue())["request_id"] == answer.headers["X-Request-ID"]


def test_gunicorn_says_nothing_of_a_request(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the address nor a header nor the text of an error, whichever of its methods it calls."""
    from gunicorn.config import Config as Settings  # type: ignore[import-untyped]

    before = logging.getLogger().handlers[:]
    try:
        server = ServerLog(Settings())
        with caplog.at_level(logging.INFO):
            server.warning("Invalid request from ip={ip}: {error}".format(ip="10.0.0.1", error=WORDS))
            server.warning("Forcing close of %d connections", 3)
            try:
                int(WORDS)
            except ValueError as error:
                server.exception("Error handling request %s %s", "GET", f"/x?To={ANNA}")
                server.exception(error)
            server.access(None, None, {"QUERY_STRING": ANNA}, None)
    finally:
        logging.getLogger().handlers[:] = before
    assert [record.getMessage() for record in caplog.records] == [
        "A request was not understood.", "Forcing close of 3 connections", "Error handling request", "ValueError",
    ]  # fmt: skip


@dataclass
class Company:
    """Console, worker and commands as processes of their own, and everything that they ever wrote."""

    config: Config
    folder: Path
    files: list[Path] = field(default_factory=list)

    @contextmanager
    def process(self, *words: str, **changes: str) -> Iterator[subprocess.Popen[bytes]]:
        """A process that is ended, with time to finish, after the block."""
        name = f"{len(self.files)}"
        self.files += [self.folder / f"{name}.out", self.folder / f"{name}.err"]
        env = {**os.environ, **self.config.environment_variables(), **changes}
        with self.files[-2].open("wb") as out, self.files[-1].open("wb") as err:
            found = subprocess.Popen([sys.executable, "-m", *words], cwd=ROOT, env=env, stdout=out, stderr=err)
            try:
                yield found
            finally:
                found.send_signal(signal.SIGTERM)
                found.wait(30)

    def run(self, *words: str, **changes: str) -> int:
        """A process that ends by itself; its code."""
        with self.process(*words, **changes) as found:
            return found.wait(60)

    def written(self) -> str:
        """All of it."""
        return "\n".join(file.read_text(errors="replace") for file in self.files)


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def furnish(database: Database, config: Config) -> list[str]:
    """An account that is linked, a person who signs in, and a campaign that is sending; the numbers it goes to."""
    now = wall_clock()
    app = create_app(config)
    with app.app_context(), database.session() as session:
        account = seed_account(session, now=now)
        account.twilio_token = gateways.seal(config.secret_keys, TOKEN)
        for name, seconds in (("lease_seconds", 6), ("settle_seconds", 1)):
            session.add(Setting(account_id=0, name=name, value=seconds, updated_at=now))
        phones = [f"+1212555{ending:04}" for ending in ENDINGS]
        members = [
            Contact(
                account_id=account.id, phone=phone, phone_raw=phone, region="US", line_type="mobile", name=NAME,
                time_zones="America/New_York", created_at=now, updated_at=now,
            ) for phone in phones
        ]  # fmt: skip
        session.add_all(members)
        session.flush()
        made = seeds.campaign(session, account, people=members, source=f"{WORDS}, {{{{ name }}}}")
        campaigns.send(session, made, now=now)
        people.create_user(session, email=EMAIL, password=PASSWORD, now=now, roles=[(account, RoleName.ADMIN)])
        session.commit()
    put_away(app)
    return phones


def browse(url: str, phone: str) -> None:
    """What people and strangers ask of the console, much of it wrong."""
    visitor = requests.Session()
    page = visitor.get(f"{url}/auth/login", timeout=30).text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token
    for password in ("wrong " + PASSWORD, PASSWORD):
        form = {"email": EMAIL, "password": password, "csrf_token": token.group(1)}
        visitor.post(f"{url}/auth/login", data=form, timeout=30)
    found = visitor.get(f"{url}/contacts/", params={"search": phone}, timeout=30)
    assert NAME in found.text, found.text[:500]
    for path in (f"/contacts/{phone}", f"/messages/?search={phone}&x={EMAIL}", f"/static/{phone}.css", "/campaigns/"):
        visitor.get(url + path, timeout=30)
    visitor.post(f"{url}/contacts/new/", data={"phone": phone, "name": NAME}, timeout=30)
    forged = {"To": phone, "From": phone, "Body": WORDS, "AccountSid": "AC" + "0" * 32, "MessageSid": "SM1"}
    for hook in ("status", "inbound"):
        visitor.post(
            f"{url}/hooks/{hook}?m=1&to={phone}", data=forged, headers={"X-Twilio-Signature": TOKEN}, timeout=30
        )
    port = int(url.rpartition(":")[2])
    for raw in (f"GET /x?To={phone} HTTP/9.9\r\n\r\n", f"GET / HTTP/1.1\r\nbad header {WORDS}\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
            line.sendall(raw.encode())
            line.recv(1000)


def break_things(company: Company, database: Database, url: str, phone: str) -> None:
    """A table that is gone under the console's feet, a database that cannot be had, a worker that finds neither."""
    with database.transaction() as session:
        session.execute(text("ALTER TABLE consent_event RENAME TO gone"))
    requests.get(f"{url}/auth/login", params={"next": phone}, timeout=30)
    broken = {"m": "1", "a": "1"}
    requests.post(f"{url}/hooks/inbound", params=broken, data={"Body": WORDS}, timeout=30)
    time.sleep(1.5)
    with database.transaction() as session:
        session.execute(text("ALTER TABLE gone RENAME TO consent_event"))
    nowhere = {"TEXTLEDGER_DATABASE_URL": f"postgresql://ledger:{PASSWORD}@127.0.0.1:1/texts"}
    assert company.run("flask", "--app", "wsgi", "worker", "--until-idle", **nowhere) == 1
    assert company.run("flask", "--app", "wsgi", "users", "create", EMAIL) == 1
    port = free_port()
    with company.process(*SERVER, "-b", f"127.0.0.1:{port}", "wsgi:app", **nowhere):
        wait_for(port)
        answer = requests.post(
            f"http://127.0.0.1:{port}/hooks/status", data={"To": phone, "AccountSid": "AC1"}, timeout=30
        )
        assert answer.status_code == 503


SERVER = ("gunicorn", "--threads", "8", "--logger-class", "admin.serving.ServerLog")


def wait_for(port: int) -> None:
    """Until something listens."""
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("nothing listens")


def finished(database: Database, simulator: Simulator) -> bool:
    """Whether the campaign is complete and the people who answer have been answered."""
    with database.reading() as session:
        inbound = session.scalar(select(func.count(Message.id)).where(Message.direction == Direction.INBOUND))
        states = session.scalars(select(Campaign.state)).all()
    return states == [CampaignState.COMPLETED] and (inbound or 0) >= 2 and not simulator.schedule.owed


@pytest.mark.slow
def test_no_process_writes_down_whom_or_what(database: Database, database_url: str, tmp_path: Path) -> None:
    """A whole campaign with answers and accidents, sign-ins, searches, forgeries and failures, in processes of their own: every
    line of console and worker is JSON, and no line of anything has a number, a name, a text, a token, a password or an address.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    known = SimulatedAccount(
        sid=f"AC{'harbor':0<32}"[:34], token=TOKEN, numbers=[SimulatedNumber("27242", sms_url=f"{url}/hooks/inbound")]
    )
    simulator = create_simulator(Behaviour.instant(seed=3), accounts=[known])
    with serve(simulator) as twilio:
        config = config_for(
            database_url, twilio_url=twilio.url, public_url=url, log="json", metrics_token=METRICS,
            secret_keys=(Fernet.generate_key().decode(),),
        )  # fmt: skip
        phones = furnish(database, config)
        simulator.fail(Fault("error", share=0.05), Fault("throttle", share=0.05), seed=7)
        company = Company(config, tmp_path)
        with company.process(*SERVER, "-b", f"127.0.0.1:{port}", "wsgi:app"):
            wait_for(port)
            with company.process("flask", "--app", "wsgi", "worker"):
                threading.Thread(target=browse, args=(url, phones[0])).run()
                for _ in range(600):
                    if finished(database, simulator):
                        break
                    time.sleep(0.1)
                assert finished(database, simulator), simulator.state()
                break_things(company, database, url, phones[0])
        assert company.run("flask", "--app", "wsgi", "doctor") in {0, 1}
    written = company.written()
    served = [line for file in company.files[1:4:2] for line in file.read_text().splitlines()]
    assert served
    found = [json.loads(line) for line in served]
    assert {"textledger.request", "gunicorn.error"} <= {line["logger"] for line in found}
    assert any(line.get("status") == 404 for line in found)
    forbidden = [phone[2:] for phone in phones] + [phone[-7:] for phone in phones]
    forbidden += [
        WORDS,
        "old mill",
        NAME,
        EMAIL,
        "robin",
        PASSWORD,
        TOKEN,
        METRICS,
        *config.secret_keys,
        config.secret_key,
    ]
    leaks = [word for word in forbidden if word in written]
    assert not leaks, [line for line in written.splitlines() if any(word in line for word in leaks)][:5]
