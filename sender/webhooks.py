"""Every URL that a machine calls: Twilio's status callbacks and inbound texts.

The signature is checked over the exact external URL, made of the configured public address and the raw path and query, with
both tokens of an account accepted while a key is being rotated, and before anything is written. Every callback is stored in
the short transaction that applies it, together with those that came at the same time; repeats and disorder change nothing.
The answer comes after the commit; 503 means that nothing may have been kept, and that Twilio should post it again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from urllib.parse import unquote_plus

from flask import Blueprint, Response, abort, request
from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from models.accounts import Account, SendingNumber
from models.base import Database
from sender import callbacks, guards, inbox, slowing
from sender.callbacks import Posted
from sender.failures import logged
from sender.intake import AWAY, Busy, Intake
from sender.linked import Linked, Tokens
from sender.signatures import signed

log = logging.getLogger(__name__)

EMPTY_REPLY = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
PRIVATE = frozenset(
    {"To", "From", "Body", "MessageSid", "SmsSid", "MessageStatus", "SmsStatus", "ErrorCode", "AccountSid"}
)
"""Parameters that have a column of their own, or that no callback row needs to repeat."""
NUMBER = re.compile(r"\+\d{6}")
"""What a phone number anywhere in a value begins with."""
LARGEST = 200_000
"""Bytes of a post that are read; Twilio's have a few thousand."""
SHORT = 64
"""Characters of an id or a number that we take; Twilio's have at most 36."""
TRUST = 2.0
"""Seconds for which a revoked token may still be taken."""


def blueprint(
    database: Database, *, public_url: str, tokens: Tokens, clock: Callable[[], datetime], trust: float = TRUST
) -> Blueprint:
    """The machine's front door, to be registered without CSRF protection: the signature takes its place.

    What was read of an account is believed for `trust` seconds.
    """
    hooks = Blueprint("hooks", __name__, url_prefix="/hooks")
    place = public_url.rstrip("/")
    linked = Linked(database, tokens, trust)
    intake: Intake[Posted] = Intake(lambda batch: _store(database, batch))

    @hooks.before_request
    def bounded() -> None:
        request.max_content_length = LARGEST

    def signed_post() -> tuple[Account, dict[str, str]]:
        """Whose request this is, if Twilio signed it, and its form; a forgery never waits for the database's writer."""
        raw = request.get_data(cache=False)
        params = _pairs(raw)
        query = request.query_string.decode("latin-1")
        url = place + request.path + (f"?{query}" if query else "")
        signature, sid = request.headers.get("X-Twilio-Signature", ""), _plain(params.get("AccountSid", [""])[0])
        account = linked.account(sid, lambda tokens: signed(url, params, signature, tokens=tokens))
        form = {name: values[0] for name, values in params.items()}
        if b"%00" in raw or b"\0" in raw:
            form = {_plain(name): _plain(value) for name, value in form.items()}
        return account or abort(403), form

    @hooks.post("/status")
    def status() -> Response:
        account, form = signed_post()
        intake.take(_posted(account, form, clock()))
        return Response(status=204)

    @hooks.post("/inbound")
    def inbound() -> Response:
        (account, form), now = signed_post(), clock()
        if not _short(form.get("MessageSid")) or not _short(form.get("From")):
            abort(400)
        try:
            with database.transaction() as session:
                _inbound(session, account, form, now)
        except IntegrityError:  # the same delivery, or another text of the same person, came first
            with database.transaction() as session:
                _inbound(session, account, form, now)
        return Response(EMPTY_REPLY, mimetype="text/xml")

    @hooks.errorhandler(Exception)
    def failed(error: Exception) -> Response | HTTPException:
        """Our own mistake, told without its text, which may hold a number; Twilio lists it among its warnings."""
        if isinstance(error, HTTPException):
            return error
        if not isinstance(error, Busy):  # which the intake has logged, once for many
            log.error("%s failed: %s", request.endpoint, type(error).__name__)
        return Response(status=503 if isinstance(error, (Busy, *AWAY)) else 500)

    return hooks


def _store(database: Database, batch: Sequence[Posted]) -> None:
    """Commit a batch, and with it the pause of a campaign that goes wrong; then slow down senders whose queue overflowed.

    A failure of either loses no callback: the next one of its kind tries again.
    """
    now = batch[-1].received_at
    with database.transaction() as session:
        failures = callbacks.store(session, batch)
        if guards.alarming(failure.error_code for failure in failures):
            with logged("runs not watched"), session.begin_nested():
                guards.watch(session, now=now)
    if slow := slowing.overflowed(failures):
        with logged("senders not slowed down"), database.transaction() as session:
            slowing.slow(session, slow, now=now)


def _posted(account: Account, form: Mapping[str, str], now: datetime) -> Posted:
    ours = {name: values[0] for name, values in _pairs(request.query_string).items()}
    return Posted(
        account_id=account.id, sid=_short(form.get("MessageSid") or form.get("SmsSid")),
        status=_short(form.get("MessageStatus") or form.get("SmsStatus")), error_code=_number(form.get("ErrorCode")) or None,
        token=_short(_plain(request.headers.get("I-Twilio-Idempotency-Token", ""))) or None, to=form.get("To"),
        extra=_extra(form), received_at=now, ours=_number(ours.get("m")), attempt=_number(ours.get("a")),
    )  # fmt: skip


def _inbound(session: Session, account: Account, form: Mapping[str, str], now: datetime) -> None:
    """Give one text to the inbox, with the sender that it came to, or the messaging service that the sender is in."""
    to, service = form.get("To", ""), form.get("MessagingServiceSid") or form.get("To", "")
    sender = session.scalars(
        select(SendingNumber)
        .where(
            SendingNumber.account_id == account.id,
            or_(SendingNumber.address.in_([to, service]), SendingNumber.sid == service),
        )
        .order_by(SendingNumber.address != to, SendingNumber.id)
    ).first()
    inbox.receive(session, account=account, sender=sender, params=form, now=now)


def _pairs(written: bytes) -> dict[str, list[str]]:
    """The parameters of a form or a query, each name with its values. As Flask reads them, and `parse_qsl`, in half the time."""
    found: dict[str, list[str]] = {}
    for pair in written.decode("latin-1").split("&"):
        name, _, value = pair.partition("=")
        if pair:
            found.setdefault(_unquoted(name), []).append(_unquoted(value))
    return found


def _unquoted(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text


def _plain(text: str) -> str:
    """PostgreSQL keeps no NUL, which a text in UCS-2 may hold."""
    return text.replace("\0", "\ufffd")


def _short(text: str | None) -> str:
    """An id, a word or a number; what is too long to be one counts as missing."""
    return text if text and len(text) <= SHORT else ""


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


def _extra(form: Mapping[str, str]) -> dict[str, str]:
    """The other parameters, within reason, and none that holds a phone number."""
    others = ((name[:SHORT], text[:500]) for name, text in form.items() if name not in PRIVATE)
    return dict(islice(((name, text) for name, text in others if not NUMBER.search(text)), 50))
