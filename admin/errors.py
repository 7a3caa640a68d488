"""What does a person see when something goes wrong? A sentence and a reference; the log gets the reference and where it was.

The text of an exception never reaches the page or the log: a database's complaint repeats the row, phone numbers included.
"""

from __future__ import annotations

import logging
import secrets
import traceback

from flask import Flask, render_template, request
from flask.globals import request_ctx
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

log = logging.getLogger("textledger")
SENTENCES = {
    400: ("That request was not understood", "Go back, reload the page and try again."),
    403: ("You may not do that", "Your role does not include this. Ask an admin of the account."),
    404: ("There is nothing here", "It may have been removed, or it belongs to another account."),
    405: ("That cannot be done this way", "Go back and use the button on the page."),
    410: ("This link is closed", "Ask whoever sent it to you for a new one."),
    413: ("That file is too large", "The limit is 64 MB. Split the file and upload the parts."),
    503: ("That took too long", "Narrow the dates or the search and try again."),
    429: ("Too many attempts", "Wait five minutes and try again."),
}
TROUBLE = ("Something went wrong on our side", "Nothing was changed. If it happens again, give us the reference below.")


def reference() -> str:
    """A short id that a page and the log share."""
    return secrets.token_hex(4)


def log_problem(error: BaseException) -> str:
    """Write to the log what kind of error happened and where, without its text; returns the reference."""
    found = reference()
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("%s: %s at %s %s\n%s", found, type(error).__name__, request.method, request.endpoint, where)
    return found


def answer(code: int, title: str, sentence: str, found: str = "") -> Response:
    """An error page in our look; plain text for machines, and for a host name that is not ours, which no link can be made for."""
    if request.path.startswith("/hooks/") or request_ctx.url_adapter is None:
        return Response(f"{title}. {found}".strip(), status=code, mimetype="text/plain")
    page = render_template("error.html", code=code, title=title, sentence=sentence, reference=found)
    return Response(page, status=code, mimetype="text/html")


def expected(error: HTTPException) -> Response:
    """A refusal that we chose: 403, 404 and so on. Redirects and prepared answers pass through."""
    code = error.code or 500
    if error.response is not None or code < 400:
        return Response.force_type(error.get_response())
    if code >= 500 and code not in SENTENCES:
        return answer(code, *TROUBLE, log_problem(getattr(error, "original_exception", None) or error))
    title, sentence = SENTENCES.get(code, SENTENCES[400])
    own = error.description != type(error).description
    return answer(code, title, error.description if own and error.description and code == 403 else sentence)


def unexpected(error: Exception) -> Response:
    """A bug or an outage."""
    return answer(500, *TROUBLE, log_problem(error))


def _nothing_twice(exc_info: object) -> None:
    """`expected` writes the entry."""


def init_errors(app: Flask) -> None:
    """Error pages for the app, which also write the log: Flask's own entry would repeat the exception's text."""
    app.log_exception = _nothing_twice  # type: ignore[method-assign]
    app.register_error_handler(HTTPException, expected)
    app.register_error_handler(Exception, unexpected)
