"""Where does a short link of ours lead? The one page that is asked for by people who have no account here."""

from __future__ import annotations

from flask import Blueprint, Flask, abort, redirect
from werkzeug.wrappers import Response

from admin.database import database
from sender import short_links
from sender.worker import wall_clock


def mount(app: Flask) -> None:
    """Answer for our short links."""
    links = Blueprint("short_links", __name__)

    @links.get(f"{short_links.PATH}<code>")
    def follow(code: str) -> Response:
        """On to where it leads; 410 once it is closed."""
        with database().transaction() as session:
            link = short_links.follow(session, code[:20], now=wall_clock())
            url, closed = (link.url, link.closed_at is not None) if link else ("", False)
        if closed:
            abort(410)
        answer: Response = redirect(url) if url else abort(404)
        answer.headers["Referrer-Policy"], answer.headers["Cache-Control"] = "no-referrer", "no-store"
        return answer

    app.register_blueprint(links)
