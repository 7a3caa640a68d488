"""Where this installation runs: every environment variable, read once.

What an operator may change while it runs is a setting (`models/settings.py`), not configuration.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import click
from cryptography.fernet import Fernet
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "TEXTLEDGER_"
DEMO = "demo"
DEMO_FOLDER = Path("var/demo")
ENVIRONMENTS = (DEMO, "staging", "production")
DATABASES = ("sqlite", "postgresql", "postgres")
LOG_FORMATS = ("text", "json")
SHORTEST_TOKEN = 16
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
PLACEHOLDERS = frozenset({"", "change-me", "changeme", "secret"})


class ConfigProblem(click.ClickException):
    """The environment is not fit to run in; the message says which variable to set, and how. A command ends with that sentence."""


@dataclass(frozen=True)
class Config:
    """The environment, typed."""

    database_url: str
    """TEXTLEDGER_DATABASE_URL: `sqlite:///…` or `postgresql://…`."""
    secret_key: str
    """TEXTLEDGER_SECRET_KEY: signs sessions."""
    password_salt: str
    """TEXTLEDGER_PASSWORD_SALT: peppers passwords."""
    secret_keys: tuple[str, ...]
    """TEXTLEDGER_SECRET_KEYS: Fernet keys for what is encrypted at rest, newest first, comma-separated."""
    public_url: str
    """TEXTLEDGER_PUBLIC_URL: where Twilio and people reach us, without a path."""
    twilio_url: str
    """TEXTLEDGER_TWILIO_URL: a simulator's address; empty for the real Twilio."""
    trusted_hosts: tuple[str, ...]
    """TEXTLEDGER_TRUSTED_HOSTS: host names that requests may ask for, comma-separated."""
    environment: str
    """TEXTLEDGER_ENVIRONMENT: demo, staging or production; shown as a badge, and strict in production."""
    smtp_url: str = ""
    """TEXTLEDGER_SMTP_URL: the server that mails notices, as `admin/mail.py` reads it; empty: notices stay in the outbox."""
    mail_from: str = ""
    """TEXTLEDGER_MAIL_FROM: the address that notices come from."""
    log: str = "text"
    """TEXTLEDGER_LOG: `text` for lines that a person reads, `json` for one object a line."""
    metrics_token: str = ""
    """TEXTLEDGER_METRICS_TOKEN: what a monitor shows to read /metrics; empty: there is no such page."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Config:
        """Read the environment; raises ConfigProblem when something needed is missing."""
        source = os.environ if environ is None else environ
        if source.get(PREFIX + "ENVIRONMENT") == DEMO:
            source = {**_demo_variables(), **source}

        def read(name: str, default: str = "") -> str:
            return source.get(PREFIX + name, default).strip()

        def needed(name: str) -> str:
            value = read(name)
            if value.lower() in PLACEHOLDERS:
                raise ConfigProblem(f"Set {PREFIX}{name} (see README, Environment).")
            return value

        public_url = read("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
        hosts = read("TRUSTED_HOSTS", "127.0.0.1,localhost")
        config = cls(
            database_url=read("DATABASE_URL", "sqlite:///var/textledger.db"),
            secret_key=needed("SECRET_KEY"),
            password_salt=needed("PASSWORD_SALT"),
            secret_keys=tuple(key.strip() for key in needed("SECRET_KEYS").split(",") if key.strip()),
            public_url=public_url,
            twilio_url=read("TWILIO_URL").rstrip("/"),
            trusted_hosts=tuple(host.strip() for host in hosts.split(",") if host.strip()),
            environment=read("ENVIRONMENT", "production"),
            smtp_url=read("SMTP_URL"),
            mail_from=read("MAIL_FROM"),
            log=read("LOG", "text").lower(),
            metrics_token=read("METRICS_TOKEN"),
        )
        config.check()
        return config

    def check(self) -> None:
        """Refuse what would only fail, or be less strict than meant, much later; raises ConfigProblem, never with the value."""
        if not _is_database(self.database_url):
            raise ConfigProblem(f"Set {PREFIX}DATABASE_URL to sqlite:///FILE or postgresql://USER@HOST/NAME.")
        if not self.secret_keys or not all(_is_fernet_key(key) for key in self.secret_keys):
            raise ConfigProblem(
                f"Set {PREFIX}SECRET_KEYS to Fernet keys, separated by commas (see README, Environment)."
            )
        for name, url in (("PUBLIC_URL", self.public_url), ("TWILIO_URL", self.twilio_url or self.public_url)):
            if not url.startswith(("https://", "http://")):
                raise ConfigProblem(f"Set {PREFIX}{name} to an address that starts with https:// or http://.")
        if self.smtp_url and ("@" not in self.mail_from or not _is_mail_server(self.smtp_url)):
            raise ConfigProblem(
                f"Set {PREFIX}SMTP_URL to smtp://USER:PASSWORD@HOST:587?starttls=1 or smtps://USER:PASSWORD@HOST, "
                f"encrypted unless the server is this machine, and {PREFIX}MAIL_FROM to the address that mails come from."
            )
        if self.environment not in ENVIRONMENTS:
            raise ConfigProblem(f"Set {PREFIX}ENVIRONMENT to one of {', '.join(ENVIRONMENTS)}.")
        if self.log not in LOG_FORMATS:
            raise ConfigProblem(f"Set {PREFIX}LOG to one of {', '.join(LOG_FORMATS)}.")
        if self.metrics_token and len(self.metrics_token) < SHORTEST_TOKEN:
            raise ConfigProblem(
                f"Set {PREFIX}METRICS_TOKEN to at least {SHORTEST_TOKEN} characters that nobody can guess."
            )

    def environment_variables(self) -> dict[str, str]:
        """The same configuration as variables, for a process that this one starts."""
        return {
            PREFIX + "DATABASE_URL": self.database_url,
            PREFIX + "SECRET_KEY": self.secret_key,
            PREFIX + "PASSWORD_SALT": self.password_salt,
            PREFIX + "SECRET_KEYS": ",".join(self.secret_keys),
            PREFIX + "PUBLIC_URL": self.public_url,
            PREFIX + "TWILIO_URL": self.twilio_url,
            PREFIX + "TRUSTED_HOSTS": ",".join(self.trusted_hosts),
            PREFIX + "ENVIRONMENT": self.environment,
            PREFIX + "SMTP_URL": self.smtp_url,
            PREFIX + "MAIL_FROM": self.mail_from,
            PREFIX + "LOG": self.log,
            PREFIX + "METRICS_TOKEN": self.metrics_token,
        }

    @property
    def secure(self) -> bool:
        """Whether people reach us over TLS, so that cookies may insist on it."""
        return self.public_url.startswith("https://")


def _is_database(url: str) -> bool:
    try:
        return make_url(url).drivername.partition("+")[0] in DATABASES
    except (ArgumentError, ValueError):
        return False


def _is_mail_server(url: str) -> bool:
    """Whether it names a server, and no password would travel in the clear to another machine."""
    try:
        server = urlsplit(url)
        encrypted = server.scheme == "smtps" or parse_qs(server.query).get("starttls") == ["1"]
        safe = encrypted or not server.username or server.hostname in LOOPBACK
        return server.scheme in {"smtp", "smtps"} and bool(server.hostname) and safe and server.port != 0
    except ValueError:
        return False


def _is_fernet_key(key: str) -> bool:
    try:
        Fernet(key)
    except ValueError:
        return False
    return True


def _demo_variables() -> dict[str, str]:
    """What a demo needs and nobody has to set: its own database file, and keys made once and kept beside it (0600)."""
    DEMO_FOLDER.mkdir(parents=True, exist_ok=True)
    file = DEMO_FOLDER / "keys.json"
    if not file.exists():
        _make_keys(file)
    database = f"sqlite:///{(DEMO_FOLDER / 'textledger.db').resolve()}"
    return {**json.loads(file.read_text(encoding="utf-8")), PREFIX + "DATABASE_URL": database}


def _make_keys(file: Path) -> None:
    """Write new keys; the file appears whole or not at all, and one that another process made meanwhile stays."""
    made = {
        PREFIX + "SECRET_KEY": secrets.token_urlsafe(32),
        PREFIX + "PASSWORD_SALT": secrets.token_urlsafe(16),
        PREFIX + "SECRET_KEYS": Fernet.generate_key().decode(),
    }
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(made), encoding="utf-8")
    with suppress(FileExistsError):
        os.link(draft, file)
    draft.unlink()
