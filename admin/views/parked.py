"""What may a person decide about a message of which nobody knows whether it was sent?"""

from __future__ import annotations

from typing import Any

from flask import abort, redirect, request
from werkzeug.wrappers import Response

from admin import auth
from admin.views.guarded import Command, flashed
from models.messages import Message, MessageStatus
from sender.doubts import NotParked, Verdict, decide

SAID = {
    Verdict.LOOK_UP: "Twilio is being asked again. The page shows the answer as soon as the worker has it.",
    Verdict.WAS_SENT: "The message is marked as sent.",
    Verdict.SEND_AGAIN: "The message waits to be sent again.",
}


def commands(view: Any, row: Message) -> list[Command]:
    """The three ways out for a parked message; none for any other, or without the right."""
    if row.status is not MessageStatus.UNKNOWN or not auth.allowed("message:decide"):
        return []

    def command(verdict: Verdict, label: str, confirm: str, text: str, *, danger: bool = False) -> Command:
        url = view.get_url(".decide", id=row.id)
        return Command(label, url, confirm, text, danger=danger, fields={"verdict": verdict.value})

    return [
        command(Verdict.LOOK_UP, "Look up now", "Ask Twilio once more?", "Nothing is sent by asking."),
        command(
            Verdict.WAS_SENT, "Mark as sent", "Mark it as sent?",
            "Do this when you know that the text arrived, for example from Twilio's own log.",
        ),
        command(
            Verdict.SEND_AGAIN, "Send again", "Send it again?",
            "If the first attempt did reach Twilio, this person gets the text twice.", danger=True,
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
