"""What is a saving worth to an audience? The account's prices over what was tried on its first rows, scaled to the whole list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from analytics.forecast import forecast
from analytics.rates import Card, RateProblem, card_for
from models.accounts import SendingNumber
from models.campaigns import Audience
from models.charges import ANY
from models.countries import CountrySetting
from sender.optimiser import Effect


@dataclass(frozen=True)
class Prices:
    """The card and the kind of sender by country, as a campaign of today would have them; `why` there is no card."""

    day: date
    card: Card | None
    sender_kinds: Mapping[str, str]
    sender_kind: str
    why: str = ""


@dataclass(frozen=True)
class Worth:
    """What changes save on the whole list: segments, and micros by the card, None where they are not known.

    `texts` is how many people get a text; the three are `estimated` if only the first rows were tried.
    """

    texts: int
    segments: int
    amount_u: int | None
    estimated: bool
    confirmed: bool = True
    unrated: tuple[str, ...] = ()


def prices(session: Session, account_id: int, *, day: date) -> Prices:
    """Today's prices for an account."""
    senders = select(SendingNumber).where(SendingNumber.account_id == account_id, SendingNumber.active.is_(True))
    sender = session.scalars(senders.order_by(SendingNumber.is_default.desc(), SendingNumber.id).limit(1)).first()
    own = session.scalars(select(CountrySetting).where(CountrySetting.account_id == account_id))
    kinds = {setting.region: setting.sender.kind.value for setting in own if setting.sender is not None}
    kind = sender.kind.value if sender else ANY
    try:
        return Prices(day, card_for(session, account_id), kinds, kind)
    except RateProblem as problem:
        return Prices(day, None, kinds, kind, str(problem))


def worth(
    effects: Sequence[Effect | None], regions: Sequence[str], audience: Audience | None, given: Prices | None
) -> Worth:
    """What changes are worth, from their effect on each person tried, in the same order as the countries of these people.

    The difference of two forecasts, before and after: failed texts are in both. Without an audience there is no amount.
    """
    whole = max(audience.usable, len(effects)) if audience else len(effects)
    sums: dict[str, tuple[int, int, int]] = {}
    for effect, region in zip(effects, regions, strict=True):
        if effect is not None:
            texts, before, after = sums.get(region, (0, 0, 0))
            sums[region] = (texts + 1, before + effect.before.segments, after + effect.after.segments)
    scaled = {region: tuple(number * whole // len(effects) for number in amounts) for region, amounts in sums.items()}
    texts = sum(amounts[0] for amounts in scaled.values())
    segments = sum(amounts[1] - amounts[2] for amounts in scaled.values())
    estimated = whole > len(effects)
    if audience is None or given is None or given.card is None:
        return Worth(texts, segments, None, estimated)
    unrated: list[str] = []
    amount_u, confirmed = 0, True
    for region, (count, before, after) in scaled.items():
        kind = given.sender_kinds.get(region, given.sender_kind)
        was, will = (
            forecast({region: (count, parts)}, kind, given.card, day=given.day, pumping_on=False)
            for parts in (before, after)
        )
        amount_u += was.expected_u - will.expected_u
        confirmed = confirmed and was.confirmed
        unrated += was.unrated
    return Worth(texts, segments, amount_u, estimated, confirmed, tuple(unrated))
