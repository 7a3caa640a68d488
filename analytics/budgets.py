"""How far does a campaign's budget reach? What its run has cost so far, and how many more segments are certain to fit.

Cost so far: Twilio's own price where it is known, else the card's price of a text that was delivered, claims in flight included.
What is still to come is counted at the dearest price that a segment of this run may have, so the sum can only stay below.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from analytics.pricing import MessageFacts, price, unrated
from analytics.rates import Card, card_for
from models.accounts import SendingNumber
from models.campaigns import Campaign, Lane, Run
from models.charges import ChargeKind
from models.countries import CountrySetting
from models.messages import Kind, Message, MessageStatus

NOTHING_LEFT = (MessageStatus.PENDING, MessageStatus.SKIPPED, MessageStatus.CANCELED)
"""Words of messages that cost nothing, because none left."""
AMPLE = 10**12
"""Segments that a budget is good for where a text costs nothing."""


@dataclass(frozen=True)
class Spending:
    """Micros. `segments_left` more are certain to fit; `unrated` are countries of the run that the card has no price for."""

    spent_u: int
    dearest_u: int
    segments_left: int
    unrated: tuple[str, ...] = ()


def spending(session: Session, run: Run, *, budget_u: int, now: datetime) -> Spending:
    """What a run has spent of its budget. Raises RateProblem when no card is loaded.

    While the audience is still being expanded every enabled country counts as one of the run's, because any may come up yet.
    """
    card, terms = card_for(session, run.account_id), _Terms.of(session, run.campaign, now.date())
    places = _lanes(session, run) if run.expanded else _enabled(session, run.campaign)
    return _reach(card, terms, places, budget_u=budget_u, spent_u=_spent(session, run, card, terms))


def reach(session: Session, campaign: Campaign, regions: Collection[str], *, now: datetime) -> Spending | None:
    """How far a campaign's budget would reach in these countries, before anything is spent; None when it has no budget.

    Raises RateProblem when no card is loaded.
    """
    if campaign.budget_u is None:
        return None
    card, terms = card_for(session, campaign.account_id), _Terms.of(session, campaign, now.date())
    places = {place for place in _enabled(session, campaign) if place[0] in regions}
    return _reach(card, terms, places, budget_u=campaign.budget_u, spent_u=0)


def _reach(card: Card, terms: _Terms, places: Collection[tuple[str, str]], *, budget_u: int, spent_u: int) -> Spending:
    missing = tuple(sorted({region for region, kind in places if unrated(terms.facts(region, kind), card)}))
    dearest_u = max((_segment(card, terms, region, kind) for region, kind in places), default=0)
    left_u = max(0, budget_u - spent_u)
    left = 0 if missing else left_u // dearest_u if dearest_u else AMPLE
    return Spending(spent_u, dearest_u, left, missing)


@dataclass(frozen=True)
class _Terms:
    """What all texts of a run have in common, and where pumping protection charges."""

    day: date
    kind: Kind
    protected: bool
    countries: Mapping[str, bool]

    @classmethod
    def of(cls, session: Session, campaign: Campaign, day: date) -> _Terms:
        rows = select(CountrySetting.region, CountrySetting.pumping_protection)
        found = session.execute(rows.where(CountrySetting.account_id == campaign.account_id))
        known = {row.region: row.pumping_protection for row in found}
        kind = Kind.MMS if campaign.template_version.media_url else Kind.SMS
        return cls(day, kind, campaign.account.pumping_protection, known)

    def facts(self, region: str, sender_kind: str, **more: Any) -> MessageFacts:
        """One delivered text of one segment there."""
        pumping = self.protected and self.countries.get(region, True)
        given = {"status": MessageStatus.DELIVERED, "segments": 1, "kind": self.kind, **more}
        return MessageFacts(day=self.day, region=region, sender_kind=sender_kind, pumping=pumping, **given)


def _segment(card: Card, terms: _Terms, region: str, sender_kind: str) -> int:
    """The most that one segment costs there: a fee by message is paid by a text of one segment in full."""
    return sum(line.cost_u for line in price(terms.facts(region, sender_kind), card))


def _lanes(session: Session, run: Run) -> set[tuple[str, str]]:
    rows = select(Lane.region, SendingNumber.kind).join(SendingNumber, SendingNumber.id == Lane.sender_id)
    return {(region, kind.value) for region, kind in session.execute(rows.where(Lane.run_id == run.id))}


def _enabled(session: Session, campaign: Campaign) -> set[tuple[str, str]]:
    settings: Iterable[CountrySetting] = session.scalars(
        select(CountrySetting).where(CountrySetting.account_id == campaign.account_id, CountrySetting.enabled.is_(True))
    )
    own = campaign.sender.kind.value
    return {(one.region, one.sender.kind.value if one.sender else own) for one in settings}


def _spent(session: Session, run: Run, card: Card, terms: _Terms) -> int:
    """Micros of everything that was claimed: what may have left counts as if it had."""
    grain = (
        Message.region, SendingNumber.kind.label("sender_kind"), Message.kind, Message.status,
        Message.sid.is_not(None).label("taken"), Message.twilio_price_u.is_not(None).label("priced"),
    )  # fmt: skip
    sums = (
        func.count().label("texts"),
        func.sum(Message.segments).label("parts"),
        func.sum(Message.twilio_price_u).label("price_u"),
    )
    groups = session.execute(
        select(*grain, *sums)
        .join(SendingNumber, SendingNumber.id == Message.sender_id)
        .where(Message.run_id == run.id, Message.status.not_in(NOTHING_LEFT))
        .group_by(*grain)
    )
    return sum(_group(group, card, terms) for group in groups)


def _group(group: Any, card: Card, terms: _Terms) -> int:
    failed = group.status is MessageStatus.FAILED
    if failed and not group.taken:  # refused at the door: no charge of any kind
        return 0
    status = MessageStatus.FAILED if failed else MessageStatus.DELIVERED
    lines = price(terms.facts(group.region, group.sender_kind.value, status=status, kind=group.kind), card)
    by_card = {
        line.kind: line.unit_cost_u * int(group.texts if line.unit == "message" else group.parts) for line in lines
    }
    if not group.priced:
        return sum(by_card.values())
    apart = by_card.get(ChargeKind.PUMPING_PROTECTION, 0) + by_card.get(ChargeKind.FAILED_MESSAGE, 0)
    return int(group.price_u) + apart  # the carrier's fee is in Twilio's price, these two are not
