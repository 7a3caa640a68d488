"""Is this process alive, and is it ready for work? Two addresses that monitors and load balancers ask, by any host name.

`/health` answers as long as the process does and asks nobody. `/ready` asks the database, and says whether a worker was heard of;
a console without a worker is ready all the same, because people can work in it, unless the monitor asks for
`/ready?worker=required`. Neither needs a sign-in, keeps a session or says anything of people, machines or accounts; a look into
the database is shared by all who ask within a second, and never waited for longer than two.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.wrappers import Request, Response

from admin import metrics
from admin.config import Config
from admin.database import obstacle
from admin.glances import Glance
from models.base import Database
from sender import presence
from sender.worker import wall_clock

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SILENT = "The database did not answer in time."
FINE = "The database answers, and its tables are those of this version."
NO_WORKER = "No worker was heard of lately: nothing is sent. Start one with `flask --app wsgi worker`."

Page = Callable[[Request], Response]


def mount(app: Flask, config: Config, database: Database) -> None:
    """Put the pages for monitors before the console, which would ask for a host name that it trusts."""
    look = Glance(lambda: _look(database))
    pages: dict[str, Page] = {"/health": alive, "/ready": lambda request: ready(request, look)}
    if config.metrics_token:
        pages["/metrics"] = metrics.page(config, database)
    console = app.wsgi_app

    def by_path(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        page = pages.get(environ.get("PATH_INFO", ""))
        if page is None:
            return console(environ, start_response)
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return Response(status=405, headers={"Allow": "GET, HEAD"})(environ, start_response)
        answer = page(Request(environ))
        answer.headers.update({"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
        return answer(environ, start_response)

    app.wsgi_app = by_path  # type: ignore[method-assign]  # the place that Flask's documentation names for this


def alive(_request: Request) -> Response:
    """The process answers."""
    return _json({"status": "alive"})


def ready(request: Request, look: Glance[tuple[str | None, int]]) -> Response:
    """200 when the console can work, else 503; in both cases with a sentence for each thing that was looked at."""
    found = look.value()
    problem, workers = (SILENT, 0) if found is None else found
    lacking = request.args.get("worker") == "required" and not workers
    return _json(
        {
            "status": "unready" if problem or lacking else "ready",
            "database": problem or FINE,
            "worker": f"{workers} heard of lately." if workers else NO_WORKER,
        },
        503 if problem or lacking else 200,
    )


def _look(database: Database) -> tuple[str | None, int]:
    """What keeps us from the tables, and how many workers were heard of."""
    problem = obstacle(database)
    if problem:
        return problem, 0
    with database.reading() as session:
        now = wall_clock()
        return None, sum(presence.alive(process, now=now) for process in presence.workers(session))


def _json(body: dict[str, str], status: int = 200) -> Response:
    return Response(json.dumps(body) + "\n", status=status, mimetype="application/json")
