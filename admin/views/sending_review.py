"""What will happen if this campaign is sent? Its audience in numbers, its cost, its end, and what stands in the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

import analytics.budgets
import analytics.forecast
import analytics.rates
from analytics.pricing import Line
from models.accounts import SendingNumber
from models.campaigns import Campaign
from models.charges import ChargeKind
from models.countries import CountrySetting
from models.messages import Kind
from models.settings import value
from sender import audience, campaigns, capped, limits, spill
from sender.preview import Preview
from sender.schedule import window_of
from sender.scopes import scope
from sender.timetable import Timetable, timetable


@dataclass(frozen=True)
class Cost:
    """Micros, by the card: `low_u` if many texts fail, `high_u` if none does; `missing` names regions without a rate."""

    low_u: int
    expected_u: int
    high_u: int
    by_kind: dict[ChargeKind, int]
    """Of `high_u`, the one that is certain."""
    missing: tuple[str, ...]
    confirmed: bool
    card: str


@dataclass(frozen=True)
class Review:
    """Everything a person should see before sending."""

    preview: Preview
    problems: list[campaigns.Problem]
    cost: Cost | None
    no_cost: str
    """Why there is no cost."""
    seconds: int
    """How long the senders need for the segments, at their rate."""
    senders: list[tuple[SendingNumber, int, int]]
    """Each sender with its texts and segments."""
    countries: dict[str, str]
    """Region → name."""
    large: bool
    """Whether the number of recipients has to be typed."""
    timetable: Timetable
    """When each group of recipients gets it, by their hours."""

    @property
    def blocked(self) -> bool:
        return not self.preview.recipients or any(problem.blocking for problem in self.problems)

    def finish(self, start: datetime) -> datetime:
        """When the last text leaves, hours included where they are known to leave room for all."""
        return self.timetable.ends_at or start + timedelta(seconds=self.seconds)


def review(session: Session, campaign: Campaign, *, now: datetime, start: datetime | None = None) -> Review:
    """Look at a campaign as if it were sent at `start`, else now; writes nothing."""
    found = audience.preview(session, campaign, now=start or now)
    settings = {
        setting.region: setting
        for setting in session.scalars(select(CountrySetting).where(CountrySetting.account_id == campaign.account_id))
    }
    senders = _by_sender(found, campaign, settings)
    times = leaves(session, campaign, found, settings, start or now)
    cost, no_cost = None, ""
    try:
        cost = _cost(session, campaign, found, settings, now)
    except analytics.rates.RateProblem as problem:
        no_cost = str(problem)
    large = int(value(session, "large_send", account_id=campaign.account_id))
    return Review(
        preview=found,
        problems=_problems(session, campaign, found, now) + spill.problems(campaign, times),
        cost=cost,
        no_cost=no_cost,
        seconds=max((segments // sender.segments_per_second for sender, _, segments in senders), default=0),
        senders=senders,
        countries={region: setting.name for region, setting in settings.items()},
        large=found.recipients >= large,
        timetable=times,
    )


def _sender_in(region: str, campaign: Campaign, settings: Mapping[str, CountrySetting]) -> SendingNumber:
    """A country's own sender, else the campaign's: the choice that `sender.expansion` makes."""
    own = settings[region].sender if region in settings else None
    return own or campaign.sender


def leaves(
    session: Session, campaign: Campaign, found: Preview, settings: Mapping[str, CountrySetting], start: datetime
) -> Timetable:
    """When each group of the preview would get its texts, by the windows that lanes will have."""
    whose = scope(session, campaign.account, campaign.purpose)
    least = timedelta(seconds=int(value(session, "least_window_seconds", account_id=campaign.account_id)))
    return timetable(
        ((group, _sender_in(group.where.region, campaign, settings)) for group in found.groups),
        lambda where, at: window_of(where, whose, at, setting=settings[where.region]),
        start,
        least=least,
    )


def _by_sender(
    found: Preview, campaign: Campaign, settings: Mapping[str, CountrySetting]
) -> list[tuple[SendingNumber, int, int]]:
    sums: dict[int, tuple[SendingNumber, int, int]] = {}
    for region, (texts, segments) in found.by_region.items():
        sender = _sender_in(region, campaign, settings)
        _, before, earlier = sums.get(sender.id, (sender, 0, 0))
        sums[sender.id] = (sender, before + texts, earlier + segments)
    return sorted(sums.values(), key=lambda one: -one[2])


def _problems(session: Session, campaign: Campaign, found: Preview, now: datetime) -> list[campaigns.Problem]:
    """What `sender.campaigns` says, and what only shows once the texts are counted."""
    problems = list(campaigns.problems(session, campaign, regions=found.by_region, now=now))
    if not found.recipients and not any(problem.blocking for problem in problems):
        sentence = "Nobody is left to text: every row is left out for a reason below."
        problems.append(campaigns.Problem("nobody", sentence))
    if found.held:
        sentence = f"{found.held:,} recipients will be held: no hour is right in every zone they may be in."
        problems.append(campaigns.Problem("held", sentence, blocking=False))
    problems += capped.problems(session, campaign, now=now)
    reach = _reach(session, campaign, found, now)
    return problems + limits.problems(
        session, campaign, needed=found.needed, budget_segments=reach, estimated=bool(found.note)
    )


def _reach(session: Session, campaign: Campaign, found: Preview, now: datetime) -> int | None:
    """How many segments the budget is good for; None without a budget, or where its worth is not known."""
    try:
        reach = analytics.budgets.reach(session, campaign, found.by_region, now=now)
    except analytics.rates.RateProblem:
        return None
    return reach.segments_left if reach else None


def _cost(
    session: Session, campaign: Campaign, found: Preview, settings: Mapping[str, CountrySetting], now: datetime
) -> Cost:
    """The forecast, country by country: each has its own sender and its own pumping protection."""
    card = analytics.rates.card_for(session, campaign.account_id)
    kind = Kind.MMS if campaign.template_version.media_url else Kind.SMS
    parts = []
    for region, amount in found.by_region.items():
        protected = region not in settings or settings[region].pumping_protection
        parts.append(
            analytics.forecast.forecast(
                {region: amount}, _sender_in(region, campaign, settings).kind.value, card, day=now.date(), kind=kind,
                pumping_on=campaign.account.pumping_protection and protected,
            )
        )  # fmt: skip
    return Cost(
        low_u=sum(part.low_u for part in parts),
        expected_u=sum(part.expected_u for part in parts),
        high_u=sum(part.high_u for part in parts),
        by_kind=_by_kind([line for part in parts for _, line in part.lines]),
        missing=tuple(region for part in parts for region in part.unrated),
        confirmed=all(part.confirmed for part in parts),
        card=card.name,
    )


def _by_kind(lines: list[Line]) -> dict[ChargeKind, int]:
    sums: dict[ChargeKind, int] = {}
    for line in lines:
        sums[line.kind] = sums.get(line.kind, 0) + line.cost_u
    return sums
