"""What may a person decide about a message of which nobody knows whether it was sent?"""

from __future__ import annotations

from typing import Any

from flask import abort, redirect, request
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from admin import auth
from admin.formatters import exact
from admin.views.guarded import Command, flashed
from models.messages import Message, MessageStatus
from sender.doubts import NotParked, Verdict, decide

SAID = {
    Verdict.LOOK_UP: "Twilio is being asked again. The page shows the answer as soon as it is there.",
    Verdict.WAS_SENT: "The message is marked as sent.",
    Verdict.SEND_AGAIN: "The message waits to be sent again.",
}
MANY = 100
"""Parked messages are counted up to here."""


def count(view: Any) -> int:
    """How many wait for this person, a hundred at most; none where the right is missing."""
    if not auth.allowed("message:decide"):
        return 0
    parked = Message.account_id == view.account.id, Message.status == MessageStatus.UNKNOWN
    return (
        view.database.scalar(select(func.count()).select_from(select(Message.id).where(*parked).limit(MANY).subquery()))
        or 0
    )


def commands(view: Any, row: Message) -> list[Command]:
    """The three ways out for a parked message; none for any other, or without the right."""
    if row.status is not MessageStatus.UNKNOWN or not auth.allowed("message:decide"):
        return []

    handed = f" of {exact(row.intent_at)}" if row.intent_at else ""

    def command(verdict: Verdict, label: str, confirm: str, text: str, *, danger: bool = False) -> Command:
        url = view.get_url(".decide", id=row.id)
        return Command(label, url, confirm, text, danger=danger, fields={"verdict": verdict.value})

    return [
        command(
            Verdict.LOOK_UP, "Look up now", "Ask Twilio once more?",
            "Nothing is sent by asking. If its list proves twice that it is not there, it is sent as if for the first time.",
        ),
        command(
            Verdict.WAS_SENT, "Mark as sent", "Mark it as sent?",
            "Do this when you know that the text arrived, for example from Twilio's own log.",
        ),
        command(
            Verdict.SEND_AGAIN, "Send again", "Send it again?",
            f"If attempt {row.attempt}{handed} did reach Twilio, this person gets the text twice, and it is billed twice.",
            danger=True,
        ),
    ]  # fmt: skip


def apply(view: Any) -> Response:
    """Carry out a decision that was posted, with its entry in the audit log."""
    row = view.get_one(request.args.get("id", ""))
    try:
        verdict = Verdict(request.form.get("verdict", ""))
    except ValueError:
        abort(400, description="Choose one of the three decisions on the message's page.")
    try:
        message = decide(view.database, row.id, verdict, now=view.now())
    except NotParked as error:
        view.database.rollback()
        flashed(str(error), good=False)
    else:
        view.record(
            f"message:{verdict.value}", message, before={"status": "unknown"}, after={"status": message.status.value}
        )
        view.database.commit()
        flashed(SAID[verdict])
    return redirect(view.get_url(".details_view", id=row.id))


def look_up_all(view: Any, ids: list[str]) -> None:
    """Ask Twilio once more about several; what is not parked any more is left alone. One audit entry each."""
    asked = [row for row in view.selected(ids) if row.status is MessageStatus.UNKNOWN]
    before, after = {"status": "unknown"}, {"status": "in_doubt"}
    for row in sorted(asked, key=lambda one: one.id):
        message = decide(view.database, row.id, Verdict.LOOK_UP, now=view.now())
        view.record("message:look_up", message, before=before, after=after)
    view.database.commit()
    rest = len(set(ids)) - len(asked)
    said = f"Twilio is being asked about {len(asked)} text{'s' if len(asked) != 1 else ''}."
    flashed(said if not rest else f"{said} {rest} had been decided already.")
