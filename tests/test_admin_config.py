"""Is the environment read once, strictly, and handed on unchanged?"""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from admin.config import DEMO_FOLDER, Config, ConfigProblem

KEYS = ",".join(base64.urlsafe_b64encode(bytes([number]) * 32).decode() for number in (1, 2))
"""Two keys that are the same in every process, because they stand in the names of tests."""
FULL = {
    "TEXTLEDGER_DATABASE_URL": "postgresql://ledger:pass@db.example:5432/texts",
    "TEXTLEDGER_SECRET_KEY": "a long key that signs sessions",
    "TEXTLEDGER_PASSWORD_SALT": "a pinch",
    "TEXTLEDGER_SECRET_KEYS": KEYS,
    "TEXTLEDGER_PUBLIC_URL": "https://texts.example.org",
    "TEXTLEDGER_TWILIO_URL": "http://127.0.0.1:4010",
    "TEXTLEDGER_TRUSTED_HOSTS": "texts.example.org,10.0.0.7",
    "TEXTLEDGER_ENVIRONMENT": "staging",
    "TEXTLEDGER_SMTP_URL": "smtp://ledger:pass@mail.example.org:587?starttls=1",
    "TEXTLEDGER_MAIL_FROM": "texts@example.org",
    "TEXTLEDGER_LOG": "json",
    "TEXTLEDGER_METRICS_TOKEN": "a token that nobody can guess",
}
NEEDED = {name: FULL[name] for name in FULL if name.endswith(("SECRET_KEY", "SALT", "SECRET_KEYS"))}


@pytest.fixture
def empty_folder(tmp_path: Path) -> Iterator[Path]:
    """An empty folder that the process works in."""
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def test_values_survive_a_child_process() -> None:
    """Every variable is read, and written again as it was, so a process that we start has the same configuration."""
    config = Config.from_environment(FULL)
    assert config.environment_variables() == FULL
    assert Config.from_environment(config.environment_variables()) == config


def test_defaults_are_local_and_strict() -> None:
    """With the secrets alone it is production, on this machine, with the real Twilio."""
    config = Config.from_environment(NEEDED)
    assert (config.environment, config.public_url, config.twilio_url) == ("production", "http://127.0.0.1:8000", "")
    assert config.trusted_hosts == ("127.0.0.1", "localhost")
    assert config.database_url == "sqlite:///var/textledger.db"
    assert not config.secure


@pytest.mark.parametrize("name", sorted(NEEDED))
@pytest.mark.parametrize("value", [None, "", "  ", "change-me", "CHANGEME", "secret"])
def test_placeholders_are_refused(name: str, value: str | None) -> None:
    """A secret that is missing, or that everybody knows, is named in the refusal."""
    environ = {key: text for key, text in (FULL | {name: value}).items() if text is not None}
    with pytest.raises(ConfigProblem, match=name):
        Config.from_environment(environ)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "no url, p4ss"),
        ("DATABASE_URL", "mysql://root:p4ss@db/texts"),
        ("SECRET_KEYS", "p4ss"),
        ("SECRET_KEYS", f"{KEYS},p4ss"),
        ("SECRET_KEYS", ","),
        ("PUBLIC_URL", "texts.example.org/p4ss"),
        ("TWILIO_URL", "127.0.0.1:4010/p4ss"),
        ("ENVIRONMENT", "prod-p4ss"),
        ("LOG", "xml-p4ss"),
        ("METRICS_TOKEN", "p4ss"),
    ],
)
def test_unfit_values_are_refused(name: str, value: str) -> None:
    """What would fail only later, or be less strict than meant, is refused at once, by name and without the value."""
    with pytest.raises(ConfigProblem, match=f"Set TEXTLEDGER_{name} ") as caught:
        Config.from_environment(FULL | {f"TEXTLEDGER_{name}": value})
    assert "p4ss" not in str(caught.value)


@pytest.mark.parametrize(("url", "secure"), [("https://texts.example.org", True), ("http://127.0.0.1:8000", False)])
def test_cookies_insist_on_tls_where_there_is_tls(url: str, secure: bool) -> None:
    """Only an https address makes cookies secure."""
    assert Config.from_environment(FULL | {"TEXTLEDGER_PUBLIC_URL": url}).secure is secure


def test_trailing_slashes_and_spaces_go() -> None:
    """Addresses are joined with paths, and lists are written by hand."""
    config = Config.from_environment(
        FULL
        | {"TEXTLEDGER_PUBLIC_URL": " https://a.example/ ", "TEXTLEDGER_TRUSTED_HOSTS": " a.example , b.example,, "}
    )
    assert config.public_url == "https://a.example"
    assert config.trusted_hosts == ("a.example", "b.example")


def test_demo_makes_its_keys_once(empty_folder: Path) -> None:
    """The demo needs no variable: its keys are made at the first run, for its owner's eyes only, and kept."""
    first = Config.from_environment({"TEXTLEDGER_ENVIRONMENT": "demo"})
    file = DEMO_FOLDER / "keys.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in DEMO_FOLDER.iterdir()] == ["keys.json"]
    assert Config.from_environment({"TEXTLEDGER_ENVIRONMENT": "demo"}) == first
    assert json.loads(file.read_text())["TEXTLEDGER_SECRET_KEY"] == first.secret_key
    assert first.database_url == f"sqlite:///{empty_folder / 'var/demo/textledger.db'}"


def test_demo_keys_are_one_set_for_all(empty_folder: Path) -> None:
    """Processes that start together read the same keys, whoever made them."""
    with ThreadPoolExecutor(1) as pool:
        configs = list(pool.map(lambda _: Config.from_environment({"TEXTLEDGER_ENVIRONMENT": "demo"}), range(4)))
    assert len(set(configs)) == 1


def test_a_variable_overrules_the_demo(empty_folder: Path) -> None:
    """What is set is used, also in a demo."""
    config = Config.from_environment({"TEXTLEDGER_ENVIRONMENT": "demo", "TEXTLEDGER_DATABASE_URL": "sqlite:///mine.db"})
    assert config.database_url == "sqlite:///mine.db"


@pytest.mark.parametrize(
    ("url", "sender", "fit"),
    [
        ("smtp://me:word@mail.example.org:587?starttls=1", "texts@example.org", True),
        ("smtps://me:word@mail.example.org", "texts@example.org", True),
        ("smtp://mail.example.org", "texts@example.org", True),
        ("smtp://me:word@localhost:2525", "texts@example.org", True),
        ("", "", True),
        ("", "texts@example.org", True),
        ("smtp://me:word@mail.example.org:587", "texts@example.org", False),
        ("smtp://me:word@mail.example.org:587?starttls=0", "texts@example.org", False),
        ("smtps://me:word@mail.example.org", "", False),
        ("smtp://", "texts@example.org", False),
        ("smtp://mail.example.org:port", "texts@example.org", False),
        ("https://mail.example.org", "texts@example.org", False),
    ],
)
def test_no_password_is_mailed_in_the_clear(url: str, sender: str, fit: bool) -> None:
    """A mail server needs an address to send from, and a password needs an encrypted way to another machine."""
    given = {**NEEDED, "TEXTLEDGER_SMTP_URL": url, "TEXTLEDGER_MAIL_FROM": sender}
    if fit:
        assert Config.from_environment(given).smtp_url == url
        return
    with pytest.raises(ConfigProblem, match="TEXTLEDGER_SMTP_URL") as caught:
        Config.from_environment(given)
    assert "me:word" not in str(caught.value)
