"""What is known of a message of which nobody can prove that it was sent, and why could it not be settled?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from admin.formatters import moment
from admin.views.campaign_words import duration
from models.messages import Message
from models.settings import value
from sender.doubts import ABSENCES


@dataclass(frozen=True)
class Known:
    """For the person who decides: `why` nobody could, `likely` what speaks for what, and the facts behind it."""

    why: str
    likely: str
    facts: list[tuple[str, object]]


def known(session: Session, row: Message, *, now: datetime) -> Known:
    """Put together from the message's own row."""
    most = int(value(session, "max_attempts", account_id=row.account_id))
    patience = timedelta(hours=value(session, "give_up_hours", account_id=row.account_id))
    why, likely = _why(row, patience, now)
    facts: list[tuple[str, object]] = [
        ("Attempt", f"{row.attempt} of {most} at most"),
        ("Handed to Twilio", moment(row.intent_at)),
        ("Searched at Twilio", _searches(row)),
        ("Undecided since", moment(row.updated_at)),
    ]
    return Known(why, likely, facts)


def _searches(row: Message) -> str:
    if not row.absences:
        return "without a clear answer"
    return f"{row.absences} {'time' if row.absences == 1 else 'times'} in a row, and it was not listed"


def _why(row: Message, patience: timedelta, now: datetime) -> tuple[str, str]:
    """Why the look-ups did not settle it, told by what they left in the row, and what that makes likely."""
    if row.absences >= ABSENCES:
        again = "It is not sent again by itself, because "
        if row.expires_at is not None and row.expires_at <= now:
            again += "the time in which it was worth sending is over."
        else:
            again += f"it was tried {row.attempt} times already."
        return f"Twilio's list does not have it. {again}", "It was most likely not sent."
    if row.intent_at is not None and row.updated_at - row.intent_at > patience:
        return (
            f"Twilio did not answer, and could not be asked for {duration(round(patience.total_seconds()))}.",
            "It may or may not have been sent.",
        )
    return (
        "Twilio did not answer. Its list has texts to this number from that minute, but none that is certainly this one.",
        "Something was sent to this number then; sending again may well be a second text.",
    )
