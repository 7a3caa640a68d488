"""Every URL that a machine calls: Twilio's status callbacks and inbound texts.

The signature is checked over the exact external URL, made of the configured public address and the raw path and query, with
both tokens of an account accepted while a key is being rotated. Every callback is stored before it is applied, in one short
transaction; repeats and disorder change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from flask import Blueprint, Response, abort, request
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.accounts import Account, SendingNumber
from models.base import Database
from models.messages import Callback, Message
from sender import inbox, messages
from sender.gateway import signature_ok

EMPTY_REPLY = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
PRIVATE = frozenset(
    {"To", "From", "Body", "MessageSid", "SmsSid", "MessageStatus", "SmsStatus", "ErrorCode", "AccountSid"}
)
"""Parameters that have a column of their own, or that no callback row needs to repeat."""


def blueprint(
    database: Database,
    *,
    public_url: str,
    tokens: Callable[[Account], Sequence[str]],
    clock: Callable[[], datetime],
) -> Blueprint:
    """The machine's front door, to be registered without CSRF protection: the signature takes its place."""
    hooks = Blueprint("hooks", __name__, url_prefix="/hooks")

    def signed_account(session: Session) -> Account:
        account = session.scalars(
            select(Account).where(Account.twilio_sid == request.form.get("AccountSid", ""))
        ).first()
        url = public_url.rstrip("/") + request.full_path.rstrip("?")
        signature = request.headers.get("X-Twilio-Signature", "")
        params = {name: request.form.getlist(name) for name in request.form}
        if account is None or not signature_ok(url, params, signature, tokens=tokens(account)):
            abort(403)
        return account

    @hooks.post("/status")
    def status() -> Response:
        now = clock()
        try:
            with database.transaction() as session:
                _status(session, signed_account(session), now)
        except IntegrityError:  # the same delivery of the same callback, twice at once
            return Response(status=204)
        return Response(status=204)

    @hooks.post("/inbound")
    def inbound() -> Response:
        now = clock()
        with database.transaction() as session:
            account = signed_account(session)
            address = request.form.get("To", "")
            service = request.form.get("MessagingServiceSid")
            sender = session.scalars(
                select(SendingNumber)
                .where(SendingNumber.account_id == account.id, SendingNumber.address.in_([address, service or address]))
                .order_by(SendingNumber.address != address)
            ).first()
            if sender is None or not request.form.get("MessageSid"):
                abort(404)
            inbox.receive(session, account=account, sender=sender, params=request.form.to_dict(), now=now)
        return Response(EMPTY_REPLY, mimetype="text/xml")

    return hooks


def _status(session: Session, account: Account, now: datetime) -> None:
    """Store one callback and apply it to its message, which is found by our own id, else by Twilio's."""
    form = request.form
    sid, said = form.get("MessageSid", ""), form.get("MessageStatus", "")
    error_code = _number(form.get("ErrorCode"))
    message = _find(session, account, sid)
    word = messages.word(said)
    applied = False
    if message is not None and word is not None:
        applied = messages.advance(session, message, word, now=now, sid=sid, error_code=error_code)
    session.add(
        Callback(
            account_id=account.id, message_id=message.id if message else None, sid=sid, status=said, error_code=error_code,
            attempt=_number(request.args.get("a")), token=request.headers.get("I-Twilio-Idempotency-Token"), applied=applied,
            extra={name: text for name, text in form.items() if name not in PRIVATE}, received_at=now,
        )
    )  # fmt: skip


def _find(session: Session, account: Account, sid: str) -> Message | None:
    """The message that a callback is about, locked. A query that names another account's message finds nothing."""
    mine = select(Message).where(Message.account_id == account.id).with_for_update()
    ours = _number(request.args.get("m"))
    found = session.scalars(mine.where(Message.id == ours)).first() if ours is not None else None
    if found is None or (found.sid is not None and found.sid != sid):
        return session.scalars(mine.where(Message.sid == sid)).first()
    return found


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 19 else None
