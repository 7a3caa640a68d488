"""Why did somebody get a message from a run, or none? One sentence for every case."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.campaigns import AudienceRow, Exclusion, Reason, Run
from models.messages import SETTLED, WITH_TWILIO, Message, MessageStatus

SENTENCES: dict[Reason, str] = {
    Reason.EMPTY_PHONE: "The row has no phone number",
    Reason.INVALID_NUMBER: "The phone number is not valid",
    Reason.DUPLICATE: "The list has this number already",
    Reason.LANDLINE: "The number is a landline, which cannot receive texts",
    Reason.PREMIUM: "The number is a premium or shared-cost number",
    Reason.COUNTRY_DISABLED: "The number's country is not enabled in the country settings",
    Reason.NO_MMS: "Pictures cannot be sent to the number's country, by the country settings",
    Reason.OPTED_OUT: "The person opted out, or a probable opt-out waits to be read",
    Reason.FLAGGED: "A flag on the number says not to text it",
    Reason.RULE: "A rule that this account's counsel confirmed forbids it",
    Reason.MISSING_FIELD: "The template needs a value that this row does not have",
    Reason.TOO_LONG: "The text would be longer than a message may be",
    Reason.NO_TIME_ZONE: "The country has sending hours, but nobody knows this number's time zone",
    Reason.WINDOW_CLOSED: "The hours in which we may text this person ended before their turn came",
    Reason.SEGMENT_LIMIT: "The run's segment limit was used up",
    Reason.FREQUENCY: "They have had as many texts as a cap allows",
    Reason.CANCELLED: "The campaign was cancelled before their turn came",
    Reason.EXPIRED: "The message was not worth sending any more when its turn came",
    Reason.ERASED: "The person's data was erased",
    Reason.ATTEMPTS: "Sending was tried as often as is allowed",
}
"""What each reason means, without its full stop: a detail may follow."""


def sentence(reason: Reason, detail: str = "") -> str:
    """A reason and what is known of it, as one sentence."""
    return f"{SENTENCES[reason]}: {detail.rstrip('.')}." if detail else f"{SENTENCES[reason]}."


def explain(session: Session, run: Run, *, contact_id: int | None = None, row: int | None = None) -> str:
    """Why this contact, or this row of the run's audience, got a message or did not; exactly one of the two is given."""
    if (contact_id is None) == (row is None):
        raise ValueError("name a contact or a row, not both")
    found = session.scalars(
        select(AudienceRow)
        .where(
            AudienceRow.audience_id == run.audience_id,
            AudienceRow.contact_id == contact_id if row is None else AudienceRow.row == row,
        )
        .order_by(AudienceRow.row)
        .limit(1)
    ).first()
    if found is None:
        return "They are not in the list that this run was sent to."
    excluded = session.get(Exclusion, (run.id, found.row))
    if excluded is not None:
        return sentence(excluded.reason, excluded.detail)
    message = session.scalars(
        select(Message).where(Message.run_id == run.id, Message.contact_id == found.contact_id).limit(1)
    ).first()
    if message is None:
        return f"Row {found.row:,} of the list has not been reached yet."
    return _fate(message)


def _fate(message: Message) -> str:
    when = f"{message.sent_at:%Y-%m-%d %H:%M} UTC" if message.sent_at else ""
    if message.status is MessageStatus.SKIPPED:
        return sentence(message.reason, message.detail or "") if message.reason else "The message was skipped."
    if message.status is MessageStatus.PENDING and message.detail:
        return f"The message waits for room until {message.due_at:%Y-%m-%d %H:%M} UTC: {message.detail}."
    if message.status is MessageStatus.DELIVERED:
        return f"The message was sent {when} and delivered.".replace("  ", " ")
    if message.status in WITH_TWILIO and message.status not in SETTLED:
        return (
            f"Twilio has the message since {when}; it is {message.status.value}."
            if when
            else (f"Twilio has the message; it is {message.status.value}.")
        )
    code = f" with error {message.error_code}" if message.error_code else ""
    return f"The message is {message.status.value.replace('_', ' ')}{code}."
