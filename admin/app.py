"""How the console is put together: a list of steps, each readable on its own."""

from __future__ import annotations

from flask import Flask, Response
from flask_wtf import CSRFProtect

from admin import auth, cli, gateways
from admin.config import Config
from admin.database import db, init_database
from models.base import Database, connect
from sender import webhooks
from sender.worker import wall_clock

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
UPLOAD_LIMIT = 64 * 1024 * 1024


def create_app(config: Config | None = None) -> Flask:
    """The console, its webhooks and its commands."""
    config = config or Config.from_environment()
    app = Flask(__name__)
    database = connect(config.database_url)
    app.extensions["textledger"] = (config, database)
    set_up_flask(app, config)
    init_database(app)
    csrf = CSRFProtect(app)
    auth.init_auth(app, config, db)
    register_webhooks(app, config, database, csrf)
    app.after_request(secure_headers)
    cli.register(app)
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
        WTF_CSRF_TIME_LIMIT=None,
    )


def register_webhooks(app: Flask, config: Config, database: Database, csrf: CSRFProtect) -> None:
    """The machine's front door; Twilio's signature takes the place of the CSRF token."""
    hooks = webhooks.blueprint(
        database,
        public_url=config.public_url,
        tokens=lambda account: gateways.tokens(config, account),
        clock=wall_clock,
    )
    csrf.exempt(hooks)
    app.register_blueprint(hooks)


def secure_headers(response: Response) -> Response:
    """A strict policy for what a page may load, and nothing of a page kept in a cache."""
    response.headers.setdefault("Content-Security-Policy", CSP)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    if response.mimetype == "text/html":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
