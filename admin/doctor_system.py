"""The installation under the doctor's eyes: addresses, database, clock, workers, jobs and mail."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import requests
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from admin.config import LOOPBACK, Config
from admin.doctor import Finding, missing, ok, warning
from models.jobs import Job
from models.messages import Message, MessageStatus
from models.notices import Notice
from sender import presence
from sender.worker import wall_clock

OLDEST_POSTGRES = 15
"""The oldest release that its makers still mend; 14 ended on 2026-11-12 (their release schedule)."""
ROOM = 1_000_000_000
"""Bytes that should be free where an SQLite file lies."""
REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs", "fuse.glusterfs"}
)
"""File systems on which SQLite's write-ahead log cannot be shared safely (its documentation)."""
DRIFT = timedelta(seconds=2)
"""By how much the clock may differ from the database's."""
LATE = timedelta(minutes=10)


def addresses(config: Config, *, online: bool) -> Iterator[Finding]:
    """Where people, Twilio and mail reach each other."""
    place = urlsplit(config.public_url)
    host = place.hostname or ""
    mend = "Set TEXTLEDGER_PUBLIC_URL to the https:// address under which Twilio reaches us, without a path."
    if "_" in host or place.path or place.query:
        yield missing("public address", "Twilio cannot call back to a host with an underscore, or below a path", mend)
    elif host not in config.trusted_hosts:
        said = "callbacks are refused, because its host is not trusted"
        yield missing("public address", said, "Add its host to TEXTLEDGER_TRUSTED_HOSTS.")
    elif host in LOOPBACK and not config.twilio_url:
        yield warning("public address", "only this machine can reach it, so no callback arrives", mend)
    elif place.scheme != "https" and not config.twilio_url:
        yield warning("public address", "it is not encrypted", mend)
    else:
        yield ok("public address", config.public_url)
    if online:
        yield _answers(config)
    yield ok("Twilio", config.twilio_url or "the real one")
    if config.smtp_url:
        yield ok("mail", f"from {config.mail_from.partition('@')[2]}")
    else:
        yield warning("mail", "nobody is mailed about trouble", "Set TEXTLEDGER_SMTP_URL and TEXTLEDGER_MAIL_FROM.")


def _answers(config: Config) -> Finding:
    try:
        code = requests.get(config.public_url + "/health", timeout=10, allow_redirects=False).status_code
    except requests.RequestException as error:
        said = f"nothing answers there ({type(error).__name__})"
    else:
        if code == 200:
            return ok("public address answers", "yes")
        said = f"it answers {code}"
    return missing("public address answers", said, "See that the console runs, and that its proxy passes /health on.")


def storage(session: Session) -> Iterator[Finding]:
    """The database itself, and whether somebody thinks of backups."""
    bind = session.get_bind()
    if bind.dialect.name == "sqlite":
        yield _file(Path(str(bind.engine.url.database)))
        how = "copy it with SQLite's .backup, not as a file, while we run"
    else:
        yield from _server(session)
        how = "use pg_dump or continuous archiving"
    yield ok("backups", f"not ours to make: {how}; keep TEXTLEDGER_SECRET_KEYS elsewhere")


def _file(path: Path) -> Finding:
    folder = path.resolve().parent
    kind = _file_system(folder)
    if kind in REMOTE:
        return missing("database file", f"it lies on {kind}", "Move it to a local disk, or use PostgreSQL.")
    if not (os.access(path, os.W_OK) and os.access(folder, os.W_OK)):
        return missing("database file", "it or its folder cannot be written", "Give this user the right to write both.")
    if shutil.disk_usage(folder).free < ROOM:
        return warning("database file", "less than 1 GB is free beside it", "Make room on its disk.")
    return ok("database file", "local and writable")


def _file_system(folder: Path, mounts: Path = Path("/proc/mounts")) -> str:
    """The kind of file system that a folder is on, where the system tells (Linux)."""
    try:
        lines = [line.split() for line in mounts.read_text().splitlines()]
    except OSError:
        return ""
    found = [(line[1], line[2]) for line in lines if len(line) > 2 and folder.is_relative_to(line[1])]
    return max(found, key=lambda mount: len(mount[0]), default=("", ""))[1]


def _server(session: Session) -> Iterator[Finding]:
    number = int(session.scalar(text("SHOW server_version_num")) or 0) // 10_000
    if number < OLDEST_POSTGRES:
        yield warning("PostgreSQL", f"release {number} is mended no more", f"Upgrade it to {OLDEST_POSTGRES} or newer.")
    else:
        yield ok("PostgreSQL", f"release {number}")
    before, there = wall_clock(), session.scalar(select(func.clock_timestamp()))
    if there is None or not before - DRIFT <= there <= wall_clock() + DRIFT:
        yield warning("clock", "it differs from the database's by seconds", "Let both machines follow a time server.")
    else:
        yield ok("clock", "agrees with the database's")


def work(session: Session, *, now: datetime, dialect: str) -> Iterator[Finding]:
    """Who sends, whether the jobs get done, and what waits for a person."""
    alive = sum(presence.alive(process, now=now) for process in presence.workers(session))
    if not alive:
        yield warning("worker", "none was heard of lately", "Start `flask --app wsgi worker`, and keep it running.")
    elif alive > 1 and dialect == "sqlite":
        yield missing("worker", f"{alive} share an SQLite file", "Stop all but one, or use PostgreSQL.")
    else:
        yield ok("worker", f"{alive} heard of lately")
    for job in session.scalars(select(Job).order_by(Job.name)):
        if job.failures:
            said = f"failed {job.failures} times in a row: {job.last_error or 'unknown'}"
            yield warning(f"job {job.name}", said, "See the worker's log for the time of the failure.")
        elif alive and job.next_at < now - LATE and (job.lease_until is None or job.lease_until < now):
            yield warning(f"job {job.name}", "due, and nobody runs it", "Restart the worker.")
    parked = session.scalar(select(func.count()).where(Message.status == MessageStatus.UNKNOWN)) or 0
    if parked:
        yield warning("parked texts", f"{parked:,} wait for a person", "Decide about them on the console's overview.")
    unsent = select(func.count()).select_from(Notice).where(Notice.sent_at.is_(None), Notice.due_at < now - LATE)
    if overdue := session.scalar(unsent):
        yield warning("e-mails", f"{overdue:,} are overdue", "See that the mail server answers and takes our address.")
