"""What bench_callbacks has gunicorn serve: the whole console (`TEXTLEDGER_…` says where), and an app of one idle view."""

from __future__ import annotations

import time

from flask import Flask, Response

from admin.app import create_app


def bare() -> Flask:
    """One view that reads nothing and answers 204: what is left to win."""
    app = Flask("bare")
    app.add_url_rule("/hooks/status", "status", lambda: Response(status=204), methods=["POST"])
    return with_clock(app)


def console() -> Flask:
    """The real one."""
    return with_clock(create_app())


def with_clock(app: Flask) -> Flask:
    """With a page that says how many CPU seconds this process has used."""

    @app.get("/bench/cpu")
    def cpu() -> str:
        return str(time.process_time())

    return app
