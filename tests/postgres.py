"""A PostgreSQL server of our own, on this machine, for as long as it is needed; it may be restarted in the middle of everything."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Literal


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def binaries() -> Path | None:
    """Where PostgreSQL's programs are, the newest version; None when it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(p) for p in [shutil.which("initdb")] if p]
    return found[-1].parent if found else None


class PostgresServer:
    """A new, empty server on a free port, running until the `with` block ends. Raises FileNotFoundError when not installed.

    `durable` keeps fsync on, so that a restart may be `immediate`, which is a crash to PostgreSQL.
    """

    def __init__(self, *, durable: bool = False) -> None:
        found = binaries()
        if found is None:
            raise FileNotFoundError("PostgreSQL is not installed")
        self._programs = found
        self._folder = Path(tempfile.mkdtemp(prefix="textledger-pg-"))
        if getpass.getuser() == "root":
            shutil.chown(self._folder, "postgres")
        self._port = free_port()
        self._call("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync")
        sync = "on" if durable else "off"
        self._options = (
            f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
            f" -c fsync={sync} -c max_connections=200"
        )
        self._start()

    @property
    def url(self) -> str:
        """The URL of its own database `postgres`."""
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def restart(self, mode: Literal["fast", "immediate"]) -> None:
        """Every connection is lost. `fast` rolls back and shuts down; `immediate` is a crash, followed by recovery."""
        self._call("pg_ctl", "-m", mode, "-w", "stop")
        self._start()

    def stop(self) -> None:
        """For good; its files are removed."""
        self._call("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        self._call("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", self._options, "start")

    def _call(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self._folder / "data"), *arguments]
        if getpass.getuser() == "root":  # as which PostgreSQL refuses to run
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self) -> PostgresServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
