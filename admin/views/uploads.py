"""Where does an uploaded list stay until its columns are named? In a private folder of this host, for a day at most."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import file_digest
from pathlib import Path
from typing import BinaryIO

KEPT = timedelta(hours=24)
TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")


class NoFolder(Exception):
    """The folder for uploads cannot be trusted; the message is a sentence for whoever runs the console."""


@dataclass(frozen=True)
class Upload:
    """A file that was uploaded by somebody for an account."""

    token: str
    filename: str
    account_id: int
    actor: str
    sha256: str
    at: str
    path: Path

    def open(self) -> BinaryIO:
        """The file, from its start."""
        return self.path.open("rb")


def folder(given: str | None = None) -> Path:
    """The folder, made if need be; only this user of the system may read it."""
    found = Path(given) if given else Path(tempfile.gettempdir()) / f"textledger-uploads-{os.getuid()}"
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = found.lstat()
    if found.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise NoFolder(f"The folder for uploads must belong to this process alone: chmod 700 {found}.")
    return found


def keep(place: Path, stream: BinaryIO, *, filename: str, account_id: int, actor: str, now: datetime) -> Upload:
    """Put an uploaded file away under a new token; older ones are removed on the way."""
    sweep(place, now=now)
    token = secrets.token_urlsafe(16)
    path = place / token
    with path.open("xb") as file:
        shutil.copyfileobj(stream, file)
    with path.open("rb") as file:
        sha256 = file_digest(file, "sha256").hexdigest()
    made = Upload(token, Path(filename).name[:200], account_id, actor, sha256, now.isoformat(), path)
    described = {name: fact for name, fact in asdict(made).items() if name not in ("path", "token")}
    path.with_suffix(".json").write_text(json.dumps(described), encoding="utf-8")
    return made


def find(place: Path, token: str, *, account_id: int) -> Upload | None:
    """The account's own upload with this token, or None: it is another's, or gone."""
    if not TOKEN.fullmatch(token):
        return None
    path = place / token
    try:
        described = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = Upload(token=token, path=path, **described)
    return found if found.account_id == account_id and path.exists() else None


def drop(upload: Upload) -> None:
    """Remove a file that is no longer needed."""
    for path in (upload.path, upload.path.with_suffix(".json")):
        path.unlink(missing_ok=True)


def sweep(place: Path, *, now: datetime) -> None:
    """Remove what is older than a day."""
    oldest = (now - KEPT).timestamp()
    for path in place.iterdir():
        if TOKEN.fullmatch(path.stem) and path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
