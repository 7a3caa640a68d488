"""How does a campaign under way read to a person? Its pace, its end, what holds it back, and what to do where it stands still."""

from __future__ import annotations

from datetime import datetime

from admin.formatters import zone
from admin.views.campaign_words import duration
from models.campaigns import Campaign, CampaignState
from sender.backlog import Wait
from sender.pace import Brake, Pace
from sender.progress import Progress

S, B = CampaignState, Brake
TO_DO = {
    S.PAUSED: "Mend what it says, then resume it; or cancel it, and what has not left never will.",
}
SENTENCES: dict[Brake, str] = {
    B.STOPPED: "",
    B.PREPARING: "The texts are being made from the list; the first ones leave meanwhile.",
    B.ACCOUNT: "Nothing of this account may leave: {name}",
    B.BUDGET: "The campaign's budget has no room for another text. What is left waits.",
    B.SENDER: "{name} cannot send: it is switched off, or Twilio has not verified it.",
    B.TWILIO: "Twilio has no room for more and asked us to wait until {until}. It goes on by itself.",
    B.HOURS: "Nobody who is left may be texted at this hour. It goes on by itself at {until}.",
    B.CAPS: "Everybody who is left has had as many texts as a cap allows. It goes on by itself at {until}.",
    B.ZONES: "Nobody knows an hour at which those who are left may be texted.",
    B.WORKER: "No worker was seen for a minute, so nothing leaves. Start one with “flask worker”.",
    B.STARTING: "The sender takes its first texts.",
    B.SLOWED: "{name} sends at half its rate until {until}, because Twilio's queue for it was full.",
    B.SHARED: "It takes turns with {name}, from the same sender.",
    B.RATE: "As fast as {name} may send: {limit}.",
    B.ANSWERS: "Twilio's answers, not the sender's rate of {limit}, set the pace.",
    B.DONE: "",
}
TROUBLE = frozenset({B.ACCOUNT, B.BUDGET, B.SENDER, B.TWILIO, B.ZONES, B.WORKER, B.SLOWED})
"""What holds it back other than by plan."""


def at(value: datetime, now: datetime) -> str:
    """A time to the minute (to the second within a minute), with the day unless it is today; in the account's zone."""
    local = value.astimezone(zone())
    clock = f"{local:%H:%M:%S %Z}" if abs((value - now).total_seconds()) < 60 else f"{local:%H:%M %Z}"
    return clock if local.date() == now.astimezone(zone()).date() else f"{local:%a %-d %b}, {clock}"


def held_back(pace: Pace, now: datetime) -> str:
    """What holds it back, in one sentence; "" when nothing does."""
    limit = f"{pace.limit:,} segment{'s' if pace.limit != 1 else ''} a second"
    until = at(pace.until, now) if pace.until else "later"
    return SENTENCES[pace.brake].format(name=pace.name, until=until, limit=limit)


def moving(campaign: Campaign, progress: Progress, pace: Pace, now: datetime) -> str:
    """The one line that people look at: how fast, and until when."""
    if campaign.state is S.PAUSED:
        return "Paused"
    if campaign.state is not S.SENDING:
        return ""
    if pace.brake is B.PREPARING and not progress.rate_per_second:
        return "Preparing the texts"
    said = [_speed(progress)] if progress.rate_per_second else []
    if pace.finish_at:
        left = duration(max(0, round((pace.finish_at - now).total_seconds())))
        said.append(
            f"{left} left" if left.startswith("under") else f"about {left} left, until {at(pace.finish_at, now)}"
        )
    if said:
        return ", ".join(said)
    return "The last answers are coming in" if pace.brake is B.DONE else "Nothing leaves now"


def _speed(progress: Progress) -> str:
    texts, segments = progress.rate_per_second, progress.segments_per_second
    both = "" if segments == texts else f" ({segments:.1f} segments)"
    return f"{texts:.1f} text{'s' if texts != 1 else ''} a second{both}"


def on_their_way(campaign: Campaign, progress: Progress) -> str:
    """What a pause or a cancel could not stop; "" when everything has been stopped, or nothing was to be."""
    count = progress.in_flight
    if not count or campaign.state is S.SENDING:
        return ""
    if count == 1:
        return "1 text is on its way and will be accounted for."
    return f"{count:,} texts are on their way and will be accounted for."


def waiting(wait: Wait, now: datetime) -> str:
    """What waits for its hours."""
    texts = "1 text" if wait.texts == 1 else f"{wait.texts:,} texts"
    if wait.held or wait.opens_at is None:
        return f"{texts}: no hour is right ({wait.why.rstrip('.')})."
    soon = duration(max(0, round((wait.opens_at - now).total_seconds())))
    return f"{texts} from {at(wait.opens_at, now)}, in {soon} ({wait.why.rstrip('.')})."
