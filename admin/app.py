"""How the console is put together: a list of steps, each readable on its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint, Flask, Response, abort, redirect, request, url_for
from flask_wtf import CSRFProtect
from werkzeug.wrappers import Response as Answer

from admin import auth, cli, errors, formatters, gateways, health, icons, join, request_log, short_links
from admin.config import Config
from admin.database import db, init_database
from admin.views import init_views
from models.base import Database, connect
from sender import webhooks
from sender.worker import wall_clock

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
UPLOAD_LIMIT = 64 * 1024 * 1024
YEAR = 365 * 24 * 3600
STATIC = Path(__file__).parent / "static"


def create_app(config: Config | None = None) -> Flask:
    """The console, its webhooks and its commands."""
    config = config or Config.from_environment()
    app = Flask(__name__)
    database = connect(config.database_url, secret_keys=config.secret_keys)
    app.extensions["textledger"] = (config, database)
    set_up_flask(app, config)
    request_log.init_request_log(app)
    init_database(app)
    CSRFProtect(app)
    auth.init_auth(app, config, db)
    app.register_blueprint(console_blueprint())
    app.register_blueprint(join.blueprint())
    set_up_templates(app, config)
    init_views(app)
    short_links.mount(app)
    errors.init_errors(app)
    app.after_request(secure_headers)
    cli.register(app)
    mount_webhooks(app, config, database)
    health.mount(app, config, database)
    return app


def set_up_flask(app: Flask, config: Config) -> None:
    """Cookies, hosts and sizes."""
    app.config.update(
        SECRET_KEY=config.secret_key,
        TRUSTED_HOSTS=list(config.trusted_hosts),
        SESSION_COOKIE_SECURE=config.secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        REMEMBER_COOKIE_SECURE=config.secure,
        REMEMBER_COOKIE_HTTPONLY=True,
        REMEMBER_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=UPLOAD_LIMIT,
        SEND_FILE_MAX_AGE_DEFAULT=YEAR,
        WTF_CSRF_TIME_LIMIT=None,
    )


def mount_webhooks(app: Flask, config: Config, database: Database) -> None:
    """The machine's front door, in front of the console: a callback needs no session, no user and no form token.

    Twilio's signature takes the place of the CSRF token. What the console does with every request costs more than a callback.
    """
    door = Flask("hooks", static_folder=None)
    door.config["TRUSTED_HOSTS"] = app.config["TRUSTED_HOSTS"]
    request_log.init_refusal_log(door)
    door.register_blueprint(
        webhooks.blueprint(
            database,
            public_url=config.public_url,
            tokens=lambda account: gateways.tokens(config, account),
            clock=wall_clock,
        )
    )
    paths, console = {rule.rule for rule in door.url_map.iter_rules()}, app.wsgi_app

    def by_path(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = door.wsgi_app if environ["PATH_INFO"] in paths else console
        return answer(environ, start_response)

    app.wsgi_app = by_path  # type: ignore[method-assign]  # the place that Flask's documentation names for this


def console_blueprint() -> Blueprint:
    """What belongs to no menu entry: choosing the account to work in."""
    console = Blueprint("console", __name__)

    @console.post("/account")
    def switch_account() -> Answer:
        """Work in another account of the signed-in user."""
        if not auth.signed_in():
            return redirect(url_for("security.login"))
        chosen = request.form.get("account_id", "")
        if not (chosen.isascii() and chosen.isdigit() and auth.choose_account(int(chosen[:18]))):
            abort(404)
        return redirect("/")

    return console


@cache
def version(path: str) -> str:
    """The first digits of a static file's hash; they are part of its address, so that it may be cached for a year."""
    return hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]


def set_up_templates(app: Flask, config: Config) -> None:
    """The names that every template may use."""

    def asset(path: str) -> str:
        return url_for("static", filename=path, v=version(path))

    app.jinja_env.globals.update(
        asset=asset,
        icon=icons.icon,
        logo=icons.LOGO,
        allowed=auth.allowed,
        current_account=auth.current_account,
        my_accounts=auth.accounts,
        my_roles=auth.roles_in_words,
        environment=config.environment,
        simulated=bool(config.twilio_url),
        badge=formatters.badge,
        bubble=formatters.bubble,
        status_badge=formatters.status,
        words=formatters.words,
        when=formatters.when,
        moment=formatters.moment,
        money=formatters.money,
        number=formatters.number,
        meter=formatters.meter,
        phone=formatters.phone,
    )


def secure_headers(response: Response) -> Response:
    """A strict policy for what a page may load, and nothing of a page kept in a cache."""
    response.headers.setdefault("Content-Security-Policy", CSP)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", f"max-age={YEAR}")
    if response.mimetype == "text/html":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
