"""How gunicorn logs when it serves us: `gunicorn --logger-class admin.serving.ServerLog wsgi:app`.

Its own lines repeat addresses with their queries, header values and the texts of exceptions; here they end up in our log with
none of these. The requests themselves are logged by the console (`admin/request_log.py`), so there is no second access log.
"""

from __future__ import annotations

import logging
from typing import Any

from gunicorn.glogging import Logger

from admin import logs
from admin.config import Config, ConfigProblem


class ServerLog(Logger):  # type: ignore[misc]
    """gunicorn's logger, writing through ours; its log files and access log settings are left aside."""

    def setup(self, cfg: Any) -> None:
        self.cfg, self._access_log_enabled = cfg, False
        self.loglevel = self.LOG_LEVELS.get(cfg.loglevel.lower(), logging.INFO)
        self.error_log.setLevel(self.loglevel)
        self.error_log.propagate = True
        try:
            logs.start(Config.from_environment().log)
        except ConfigProblem:  # the app will say so
            logs.start(logs.TEXT)

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """Nothing: see the module."""

    def warning(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        if str(msg).startswith("Invalid request"):
            msg, args = "A request was not understood.", ()
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """The kind and place of an error; `msg` may be the exception itself, and `args` the request's address."""
        said = type(msg).__name__ if isinstance(msg, BaseException) else str(msg).partition("%")[0].strip()
        super().exception(said, **kwargs)
