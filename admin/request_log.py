"""What is logged of a request: its route, its answer, how long it took, and in which account; never its address or its words."""

from __future__ import annotations

import logging
import secrets
import time

from flask import Flask, Response, g, request, session
from sqlalchemy import inspect

log = logging.getLogger("textledger.request")
QUIET = frozenset({"static", "hooks"})
"""Blueprints and endpoints whose good answers are not logged one by one: files, and webhooks, which are rows in the database."""
SLOW = 2000
"""Milliseconds from which they are."""


def init_request_log(app: Flask) -> None:
    """Number every request and log its answer; to be called before anything else hooks into requests."""
    app.before_request(_begin)
    app.after_request(_end)


def init_refusal_log(app: Flask) -> None:
    """Log what is refused or fails, and number only that: for an app that has thousands of good answers a second."""
    app.after_request(lambda response: response if response.status_code < 400 else _end(response))


def _begin() -> None:
    g.request_id, g.began = secrets.token_hex(4), time.monotonic()


def _end(response: Response) -> Response:
    if "began" not in g:  # refused before it was begun, such as a host name that is not ours
        _begin()
    response.headers["X-Request-ID"] = g.request_id
    took = round((time.monotonic() - g.began) * 1000, 1)
    place = (request.endpoint or "").partition(".")[0]
    if place in QUIET and response.status_code < 400 and took < SLOW:
        return response
    facts = {
        "method": request.method if request.method.isalpha() else "?",
        "route": str(request.url_rule or "-"),
        "status": response.status_code,
        "ms": took,
        "account_id": _account_id(),
    }
    level = logging.ERROR if response.status_code >= 500 else logging.INFO
    log.log(level, "%(method)s %(route)s %(status)s in %(ms)s ms", facts, extra=facts)
    return response


def _account_id() -> int | None:
    """The account that the request worked in, if it asked; without another look into the database."""
    mine: list[int] = [inspect(account).identity[0] for account in g.get("accounts", ())]
    if not mine:
        return None
    chosen = session.get("account_id")
    return next((account_id for account_id in mine if account_id == chosen), mine[0])
