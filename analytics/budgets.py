"""How far does a campaign's budget reach? What its run has cost so far, and how many more segments are certain to fit.

Cost so far: Twilio's own prices where it has named all of a kind, else the card's if that is more; claims in flight included.
What is still to come is counted at the dearest price that a segment of this run may have, so the sum can only stay below.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, union_all
from sqlalchemy.orm import Session

from analytics.pricing import Line, MessageFacts, price, unrated
from analytics.rates import Card, card_for
from models.accounts import SendingNumber
from models.campaigns import Campaign, Lane, Run
from models.charges import ChargeKind
from models.countries import CountrySetting
from models.messages import Kind, Message, MessageStatus
from models.rollups import UsageDaily, UsageDelta

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
    spent_u = _spent(session, run, card, terms, _dearest(card, terms, places))
    return _reach(card, terms, places, budget_u=budget_u, spent_u=spent_u)


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
    dearest_u = _dearest(card, terms, places)
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


def _dearest(card: Card, terms: _Terms, places: Collection[tuple[str, str]]) -> int:
    """The most that one segment costs in any of the places: a fee by message is paid by a text of one segment in full."""
    return max((sum(line.cost_u for line in price(terms.facts(*place), card)) for place in places), default=0)


def _lanes(session: Session, run: Run) -> set[tuple[str, str]]:
    rows = select(Lane.region, SendingNumber.kind).join(SendingNumber, SendingNumber.id == Lane.sender_id)
    return {(region, kind.value) for region, kind in session.execute(rows.where(Lane.run_id == run.id))}


def _enabled(session: Session, campaign: Campaign) -> set[tuple[str, str]]:
    settings: Iterable[CountrySetting] = session.scalars(
        select(CountrySetting).where(CountrySetting.account_id == campaign.account_id, CountrySetting.enabled.is_(True))
    )
    own = campaign.sender.kind.value
    return {(one.region, one.sender.kind.value if one.sender else own) for one in settings}


def _spent(session: Session, run: Run, card: Card, terms: _Terms, dearest_u: int) -> int:
    """Micros of everything that was claimed, from the daily facts: never from the messages, of which there may be a million.

    What is claimed and not with Twilio counts as if it had left, at the dearest price.
    """
    refused_texts, refused_parts = _refused(session, run)
    spent_u = parts = failed_texts = fee_u = 0
    for fact in _facts(session, run):
        parts += int(fact.segments)
        if fact.status == MessageStatus.FAILED:
            spent_u += int(fact.price_u)
            failed_texts += int(fact.messages)
            fee_u = max(fee_u, sum(line.cost_u for line in _lines(fact, card, terms, MessageStatus.FAILED)))
        elif fact.status != MessageStatus.CANCELED:
            spent_u += _left(fact, card, terms)
    flying = max(0, run.segments_claimed - (parts - refused_parts))
    return spent_u + fee_u * (failed_texts - refused_texts) + flying * dearest_u


def _facts(session: Session, run: Run) -> Sequence[Any]:
    """What the run's texts add up to by country, sender and status; one statement, because a fold may be under way."""
    first = (run.started_at or run.due_at).date() - timedelta(days=1)
    names = ("region", "sender_id", "kind", "status", "messages", "segments", "price_u", "unpriced")
    daily = select(*(getattr(UsageDaily, name) for name in names)).where(
        UsageDaily.account_id == run.account_id, UsageDaily.day >= first, UsageDaily.run_id == run.id
    )
    fresh = select(*(getattr(UsageDelta, name) for name in names)).where(UsageDelta.run_id == run.id)
    both = union_all(daily, fresh).subquery()
    sums = [func.sum(both.c[name]).label(name) for name in names[4:]]
    grain = [*(both.c[name] for name in names[:4]), SendingNumber.kind.label("sender_kind")]
    joined = select(*grain, *sums).join(SendingNumber, SendingNumber.id == both.c.sender_id)
    return session.execute(joined.group_by(*grain)).all()


def _refused(session: Session, run: Run) -> tuple[int, int]:
    """(texts, segments) that Twilio refused at its door: they cost nothing, and their segments were given back."""
    row = session.execute(
        select(func.count(), func.coalesce(func.sum(Message.segments), 0)).where(
            Message.run_id == run.id, Message.status == MessageStatus.FAILED, Message.sid.is_(None)
        )
    ).one()
    return int(row[0]), int(row[1])


def _lines(fact: Any, card: Card, terms: _Terms, status: MessageStatus) -> list[Line]:
    return price(terms.facts(fact.region, fact.sender_kind.value, status=status, kind=Kind(fact.kind)), card)


def _left(fact: Any, card: Card, terms: _Terms) -> int:
    """Texts that left: by Twilio's prices once it has named them all, else by the card if that is more."""
    texts, parts = int(fact.messages), int(fact.segments)
    lines = _lines(fact, card, terms, MessageStatus.DELIVERED)
    by_card = {line.kind: line.unit_cost_u * (texts if line.unit == "message" else parts) for line in lines}
    apart_u = by_card.get(ChargeKind.PUMPING_PROTECTION, 0)  # is not in Twilio's price, as the carrier's fee is
    known_u = int(fact.price_u) + apart_u
    return known_u if known_u > apart_u and not fact.unpriced else max(known_u, sum(by_card.values()))
