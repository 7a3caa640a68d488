"""How many segments may a campaign take, and which of its limits says so? Named before anything leaves.

Account and campaign limits are what somebody set; a launch that needs more is refused, or split into batches on several days
(`sender/batches.py`). A budget stops the campaign on its way. The queue is Twilio's: ten hours of segments at the sender's rate;
our own pace keeps it empty, so a larger campaign merely takes longer than that.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.orm import Session

from models.campaigns import Campaign
from models.money import show
from models.settings import value
from sender.problems import Problem

QUEUE_SECONDS = 36_000
"""Twilio keeps ten hours of a sender's texts (documentation of error 21611, 2026; older copies say four)."""


class Bound(StrEnum):
    """Whose limit it is."""

    ACCOUNT = "account"
    CAMPAIGN = "campaign"
    BUDGET = "budget"
    QUEUE = "queue"


@dataclass(frozen=True)
class Limit:
    """At most so many segments, and why, as a sentence for people."""

    bound: Bound
    segments: int
    sentence: str


@dataclass(frozen=True)
class Limits:
    """Every limit of a campaign, the tightest first; of equal ones the account's, then the campaign's."""

    all: tuple[Limit, ...]

    @property
    def binding(self) -> Limit:
        """The one that is met first."""
        return self.all[0]

    def broken(self, needed: int) -> tuple[Limit, ...]:
        """Those that a launch of so many segments would break."""
        return tuple(limit for limit in self.all if needed > limit.segments)


def segment_limits(campaign: Campaign, *, budget_segments: int | None = None) -> Limits:
    """The limits of a campaign as it stands. `budget_segments`: what its budget is good for, where analytics has worked it out."""
    account, sender = campaign.account, campaign.sender
    found = [
        Limit(
            Bound.ACCOUNT,
            account.segment_limit,
            f"The account allows {account.segment_limit:,} segments for a campaign.",
        )
    ]
    if campaign.segment_limit is not None:
        sentence = f"This campaign allows itself {campaign.segment_limit:,} segments."
        found.append(Limit(Bound.CAMPAIGN, campaign.segment_limit, sentence))
    if campaign.budget_u is not None and budget_segments is not None:
        sentence = f"The budget of {show(campaign.budget_u)} is certain to pay for {budget_segments:,} segments."
        found.append(Limit(Bound.BUDGET, budget_segments, sentence))
    queue = QUEUE_SECONDS * sender.segments_per_second
    speed = f"{sender.label} sends {sender.segments_per_second:,} segments a second"
    sentence = f"{speed}, {queue:,} in the ten hours of Twilio's queue."
    found.append(Limit(Bound.QUEUE, queue, sentence))
    return Limits(tuple(sorted(found, key=lambda limit: limit.segments)))


def problems(
    session: Session, campaign: Campaign, *, needed: int, budget_segments: int | None = None, estimated: bool = False
) -> list[Problem]:
    """What the limits say of a launch that needs so many segments; a set limit that is broken is blocking."""
    found = []
    about = "about " if estimated else ""
    for limit in segment_limits(campaign, budget_segments=budget_segments).broken(needed):
        needs = f"{limit.sentence} This launch needs {about}{needed:,}."
        blocking = limit.bound in {Bound.ACCOUNT, Bound.CAMPAIGN}
        found.append(Problem(f"{limit.bound.value}_limit", f"{needs} {_ADVICE[limit.bound]}", blocking=blocking))
    return found + unusual(session, campaign)


_ADVICE = {
    Bound.ACCOUNT: "Split it into batches on several days, or ask the owner to raise the account's limit.",
    Bound.CAMPAIGN: "Raise its limit, or split it into batches on several days.",
    Bound.BUDGET: "It will pause when the money is used.",
    Bound.QUEUE: "It will take longer than ten hours: choose a faster sender if that is too long.",
}


def unusual(session: Session, campaign: Campaign) -> list[Problem]:
    """A warning for each limit that was set outside the usual range, which is a setting."""
    low, high = (
        int(value(session, name, account_id=campaign.account_id))
        for name in ("segment_limit_low", "segment_limit_high")
    )
    limits = {"account": campaign.account.segment_limit, "campaign": campaign.segment_limit}
    return [
        Problem(
            "unusual_limit", f"The segment limit of the {whose}, {limit:,}, is outside the usual {low:,}–{high:,}.", blocking=False
        )
        for whose, limit in limits.items()
        if limit is not None and not low <= limit <= high
    ]  # fmt: skip
