"""Every URL that a machine calls: Twilio's status callbacks and inbound texts.

The signature is checked over the exact external URL, made of the configured public address and the raw path and query, with
both tokens of an account accepted while a key is being rotated, and before anything is written. Every callback is stored in
the short transaction that applies it; repeats and disorder change nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import islice

from flask import Blueprint, Response, abort, request
from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from models.accounts import Account, SendingNumber
from models.base import Database
from models.messages import Callback, Direction, Message
from sender import inbox, messages
from sender.gateway import signature_ok

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


def blueprint(
    database: Database,
    *,
    public_url: str,
    tokens: Callable[[Account], Sequence[str]],
    clock: Callable[[], datetime],
) -> Blueprint:
    """The machine's front door, to be registered without CSRF protection: the signature takes its place."""
    hooks = Blueprint("hooks", __name__, url_prefix="/hooks")

    @hooks.before_request
    def bounded() -> None:
        request.max_content_length = LARGEST

    def signed_account() -> Account:
        """The account that this request is about, if Twilio signed it; a forgery never waits for the database's writer."""
        with database.reading() as session:
            account = session.scalars(
                select(Account).where(Account.twilio_sid == _plain(request.form.get("AccountSid", "")))
            ).first()
        query = request.query_string.decode("latin-1")
        url = public_url.rstrip("/") + request.path + (f"?{query}" if query else "")
        signature = request.headers.get("X-Twilio-Signature", "")
        params = {name: request.form.getlist(name) for name in request.form}
        if account is None or not signature_ok(url, params, signature, tokens=tokens(account)):
            abort(403)
        return account

    def written(work: Callable[[Session], object]) -> None:
        """In one transaction; once more when another delivery, or another text of the same person, came first."""
        try:
            with database.transaction() as session:
                work(session)
        except IntegrityError:
            with database.transaction() as session:
                work(session)

    @hooks.post("/status")
    def status() -> Response:
        account, now = signed_account(), clock()
        written(lambda session: _status(session, account, _form(), now))
        return Response(status=204)

    @hooks.post("/inbound")
    def inbound() -> Response:
        account, form, now = signed_account(), _form(), clock()
        if not _short(form.get("MessageSid")) or not _short(form.get("From")):
            abort(400)
        written(lambda session: _inbound(session, account, form, now))
        return Response(EMPTY_REPLY, mimetype="text/xml")

    @hooks.errorhandler(Exception)
    def failed(error: Exception) -> Response | HTTPException:
        """Our own mistake, told without its text, which may hold a number; Twilio lists it among its warnings."""
        if isinstance(error, HTTPException):
            return error
        log.error("%s failed: %s", request.endpoint, type(error).__name__)
        return Response(status=500)

    return hooks


def _status(session: Session, account: Account, form: Mapping[str, str], now: datetime) -> None:
    """Store one callback and apply it to its message, which is found by Twilio's id, else by our own."""
    token = _short(_plain(request.headers.get("I-Twilio-Idempotency-Token", "")))
    if token and session.scalar(select(Callback.id).where(Callback.token == token)) is not None:
        return
    sid = _short(form.get("MessageSid") or form.get("SmsSid"))
    said = _short(form.get("MessageStatus") or form.get("SmsStatus"))
    error_code = _number(form.get("ErrorCode")) or None
    message, word = _find(session, account, sid, form.get("To")), messages.word(said)
    applied = False
    if message is not None and word is not None:
        applied = messages.advance(session, message, word, now=now, sid=sid or None, error_code=error_code)
    session.add(
        Callback(
            account_id=account.id, message_id=message.id if message else None, sid=sid, status=said, error_code=error_code,
            attempt=_number(request.args.get("a")), token=token or None, applied=applied, extra=_extra(form), received_at=now,
        )
    )  # fmt: skip


def _find(session: Session, account: Account, sid: str, to: str | None) -> Message | None:
    """The message that a callback is about, locked: the one with this SID, else the one named in the query.

    The latter only if it is the account's own, has no other SID and went to the same number: ids start anew when a
    database does.
    """
    mine = select(Message).where(Message.account_id == account.id, Message.direction == Direction.OUTBOUND)
    known = session.scalars(mine.where(Message.sid == sid).with_for_update()).first() if sid else None
    ours = _number(request.args.get("m"))
    if known is not None or ours is None:
        return known
    found = session.scalars(mine.where(Message.id == ours).with_for_update()).first()
    return found if found is not None and found.sid in {None, sid} and to in {None, found.phone} else None


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


def _form() -> dict[str, str]:
    return {_plain(name): _plain(text) for name, text in request.form.items()}


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
