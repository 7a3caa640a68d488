"""A whole installation for a browser: the console on a port, its worker in a thread, and a simulated Twilio that calls back."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from flask import Flask
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

import analytics.rates
from admin import gateways, jobs, people
from admin.config import Config
from models.accounts import Account
from models.base import Database, connect
from models.settings import Setting
from models.users import RoleName
from sender.simulator import Behaviour, Simulator, create_simulator, serve
from sender.worker import Worker
from tests.browser import NARROW, WIDE, Sheet, in_one_go
from tests.conftest import NOW
from tests.desk import Desk, open_desk
from tests.seeds import sender_of

EMAIL, PASSWORD = "amara@example.com", "correct horse battery"


@dataclass
class Stage:
    """A console on a port, its worker, and the Twilio that it talks to."""

    desk: Desk
    base: str
    simulator: Simulator
    workers: list[Worker] = field(default_factory=list)


def free_port() -> int:
    """A port that nobody listens on: the webhooks' address has to be known before the console is made."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served_at(app: Flask, port: int) -> Iterator[None]:
    """The app on this port."""
    server = make_server("127.0.0.1", port, in_one_go(app), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def working(config: Config, database: Database) -> Iterator[None]:
    """A worker in a thread."""
    worker = jobs.build_worker(config, database, concurrency=8)
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    yield
    worker.stop()
    thread.join(timeout=20)
    assert not thread.is_alive()


def furnish(desk: Desk, config: Config, *, per_second: int, settings: dict[str, float]) -> None:
    """A person who may do everything, a linked SMS account, a rate card, a short code at that rate, and settings."""
    with desk.app.app_context(), desk.database.transaction() as session:
        people.create_user(
            session, email=EMAIL, password=PASSWORD, now=NOW, name="Amara Reyes",
            roles=[(session.get_one(Account, desk.harbor.id), RoleName.ADMIN)],
        )  # fmt: skip
        account = session.get_one(Account, desk.harbor.id)
        account.twilio_token = gateways.seal(config.secret_keys, "t" * 32)
        sender_of(session, account).segments_per_second = per_second
        session.add_all(
            Setting(account_id=account.id, name=name, value=value, updated_at=NOW) for name, value in settings.items()
        )
        analytics.rates.load(session, None, now=NOW, entered_by="test")


@contextmanager
def staged(template: Path, folder: Path, *, per_second: int, settings: dict[str, float]) -> Iterator[Stage]:
    """Everything that a campaign needs, running, on a copy of an empty database in `folder`."""
    file, port, twilio_port = folder / "console.db", free_port(), free_port()
    shutil.copy(template, file)
    database, url = connect(f"sqlite:///{file}"), f"sqlite:///{file}"
    base = f"http://127.0.0.1:{port}"
    with open_desk(database, url, public_url=base, twilio_url=f"http://127.0.0.1:{twilio_port}") as desk:
        config: Config = desk.app.extensions["textledger"][0]
        desk.app.config["UPLOADS"] = str(folder / "uploads")
        furnish(desk, config, per_second=per_second, settings=settings)
        with database.reading() as session:
            known = jobs.simulated_account(config, session, session.get_one(Account, desk.harbor.id))
        simulator = create_simulator(Behaviour(seed=5), accounts=[known])
        with serve(simulator, port=twilio_port), served_at(desk.app, port), working(config, database):
            yield Stage(desk, base, simulator)
    database.engine.dispose()


def checked(visit: Sheet, name: str) -> None:
    """No barrier and no sideways scroll: light, dark and on a phone; pictures for people."""
    for theme in ("dark", "light"):
        visit.theme(theme)
        visit.settle()
        assert visit.barriers() == [], f"{name} {theme}"
        visit.shot(f"flow-{name}-{theme}")
    visit.page.set_viewport_size(NARROW)
    assert visit.overflow() == 0, name
    assert visit.barriers() == [], f"{name} narrow"
    visit.shot(f"flow-{name}-narrow")
    visit.page.set_viewport_size(WIDE)


def sign_in(visit: Sheet) -> Page:
    """By the form, to the first page."""
    page = visit.open("/")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    return page


def press(page: Page, name: str) -> None:
    """A button that asks first, and the same button in its dialog."""
    page.get_by_role("button", name=name).click()
    page.get_by_role("dialog").get_by_role("button", name=name).click()
