"""What do the words on the campaign pages mean? One plain sentence for each status, state and step."""

from __future__ import annotations

from dataclasses import dataclass

from models.campaigns import CampaignState
from models.messages import MessageStatus

M, C = MessageStatus, CampaignState


@dataclass(frozen=True)
class Group:
    """Statuses that say the same to a person who waits for the result."""

    title: str
    statuses: tuple[MessageStatus, ...]


GROUPS = (
    Group("Waiting here", (M.PENDING, M.CLAIMED, M.IN_DOUBT, M.UNKNOWN)),
    Group("With Twilio", (M.ACCEPTED, M.SCHEDULED, M.QUEUED, M.SENDING, M.SENT)),
    Group("Finished", (M.DELIVERED, M.READ, M.UNDELIVERED, M.FAILED, M.CANCELED, M.SKIPPED)),
)
MEANINGS: dict[MessageStatus, str] = {
    M.PENDING: "Made and waiting for its turn, its hours or the campaign to go on.",
    M.CLAIMED: "Being handed to Twilio at this moment.",
    M.IN_DOUBT: "The answer was lost. Twilio is asked before anything else happens.",
    M.UNKNOWN: "Nobody can prove whether it left. A person has to decide.",
    M.SKIPPED: "Set aside before it left; the reason is listed below.",
    M.ACCEPTED: "Twilio has it and is choosing a sender.",
    M.SCHEDULED: "Twilio has it and sends it later.",
    M.QUEUED: "In Twilio's queue.",
    M.SENDING: "On its way to the carrier.",
    M.SENT: "The carrier has it. Some carriers never say more.",
    M.DELIVERED: "The carrier says that it arrived.",
    M.UNDELIVERED: "It left, and the carrier could not deliver it. It is billed all the same.",
    M.FAILED: "It never left: Twilio or the carrier refused it.",
    M.CANCELED: "Taken back before it left.",
    M.READ: "The recipient opened it.",
    M.RECEIVED: "Came in.",
}
NEXT: dict[CampaignState, str] = {
    C.DRAFT: "Nothing has been sent. Review it, then send it or choose a time.",
    C.SCHEDULED: "It starts by itself at its time.",
    C.SENDING: "Texts are leaving at the sender's rate.",
    C.PAUSED: "Nothing leaves until it is resumed.",
    C.HELD: "It did not start by itself and waits for a person: nothing of this run has been sent.",
    C.COMPLETED: "Every row of the list is accounted for. Delivery reports may still come in.",
    C.CANCELLED: "What had not left never will.",
    C.ARCHIVED: "Off the lists, kept in every report.",
}
STEPS = ("Text and sender", "Audience", "Review", "Confirm")
SAMPLES = {
    "longest": "The longest text", "median": "A typical text", "odd": "An odd one", "shortest": "The shortest text",
}  # fmt: skip


def duration(seconds: int) -> str:
    """A length of time as people say it: "under a minute", "12 minutes", "2 hours 5 minutes"."""
    minutes = -(-seconds // 60)
    if seconds < 60:
        return "under a minute"
    if minutes < 60:
        return "1 minute" if minutes == 1 else f"{minutes} minutes"
    hours, rest = divmod(minutes, 60)
    said = "1 hour" if hours == 1 else f"{hours:,} hours"
    return f"{said} {rest} minute{'s' if rest != 1 else ''}" if rest and hours < 24 else said
