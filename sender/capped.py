"""Who has had as many texts as a cap allows? Asked for a whole list before a launch, and for one person on their page.

A launch is told how many of its list are at a cap at this moment, in one statement for each kind of cap; whoever is then over it
when their turn comes is a matter of `sender/frequency.py`. Counted for a list are the texts of campaigns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Subquery, func, or_, select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Base
from models.campaigns import AudienceRow, Campaign
from models.consent import Purpose
from models.contacts import Contact
from sender.area_codes import of_phone
from sender.caps import STEM, Cap, caps_of, holding
from sender.frequency import COUNTED, EVER, applies, counts, left_at, over, texts_of
from sender.problems import Problem

_MESSAGE, _RUN, _CAMPAIGN, _VERSION, _TEMPLATE = (
    Base.metadata.tables[name] for name in ("message", "run", "campaign", "template_version", "template")
)
DAY, WEEK = timedelta(hours=24), timedelta(hours=168)


def problems(session: Session, campaign: Campaign, *, now: datetime) -> list[Problem]:
    """A warning for each cap that people of the campaign's list have reached; none of them stops a launch."""
    category = campaign.template_version.template.category
    mine = [cap for cap in caps_of(campaign.account, now.date()) if applies(cap, campaign.purpose, category)]
    found: dict[Cap, int] = {}
    for alike in _alike(mine):
        for stem, people in _reached(session, campaign, alike[0], now):
            for cap in holding(alike, of_phone(stem)):
                found[cap] = found.get(cap, 0) + people
    return [
        Problem(f"cap_{cap.rule}", _sentence(cap, people, campaign.account.cap_wait_hours), blocking=False)
        for cap, people in found.items()
    ]


def _alike(mine: Iterable[Cap]) -> list[tuple[Cap, ...]]:
    """The caps that differ in nothing but their place, together: they are counted at once."""
    kinds: dict[tuple[object, ...], list[Cap]] = {}
    for cap in mine:
        kinds.setdefault((cap.rule, cap.limit, cap.hours), []).append(cap)
    return [tuple(alike) for alike in kinds.values()]


def _reached(session: Session, campaign: Campaign, cap: Cap, now: datetime) -> Sequence[tuple[str, int]]:
    """How many people of the list have had so many texts, by the first characters of their numbers."""
    full = _full(campaign, cap, now)
    stem = func.substr(full.c.phone, 1, STEM)
    query = (
        select(stem, func.count())
        .join(Contact, (Contact.account_id == campaign.account_id) & (Contact.phone == full.c.phone))
        .join(AudienceRow, (AudienceRow.audience_id == campaign.audience_id) & (AudienceRow.contact_id == Contact.id))
        .where(AudienceRow.reason.is_(None))
        .group_by(stem)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def _full(campaign: Campaign, cap: Cap, now: datetime) -> Subquery:
    """The numbers that have had so many, from the texts of those runs that may have sent some since."""
    since = EVER if cap.window is None else now - cap.window
    query = (
        select(_MESSAGE.c.phone)
        .join(_RUN, _RUN.c.id == _MESSAGE.c.run_id)
        .where(_RUN.c.account_id == campaign.account_id, COUNTED, left_at > since)
        .where(or_(_RUN.c.finished_at.is_(None), _RUN.c.finished_at > since))
    )
    if cap.category:
        query = query.join(_VERSION, _VERSION.c.id == _RUN.c.template_version_id)
        query = query.join(_TEMPLATE, _TEMPLATE.c.id == _VERSION.c.template_id).where(
            _TEMPLATE.c.category == cap.category
        )
    elif cap.purpose is not None:
        query = query.where(_MESSAGE.c.purpose.in_((cap.purpose, Purpose.ALL)))
    if cap.by_subject and campaign.subject:
        query = query.join(_CAMPAIGN, _CAMPAIGN.c.id == _RUN.c.campaign_id)
        query = query.where(func.lower(_CAMPAIGN.c.subject).in_(("", campaign.subject.lower())))
    return query.group_by(_MESSAGE.c.phone).having(func.count() >= cap.limit).subquery()


def _sentence(cap: Cap, people: int, wait_hours: int) -> str:
    who, they = (
        ("1 person of this list has", "They") if people == 1 else (f"{people:,} people of this list have", "They")
    )
    reached = f"{who} reached a cap now: {cap.words}."
    if not cap.blocks:
        return f"{reached} Nothing holds this text back; think whether it can wait."
    if cap.hours is None or not wait_hours:
        return f"{reached} {they} will be left out."
    return f"{reached} {they} wait for room until {wait_hours:,} hours after the start, and are left out after that."


@dataclass(frozen=True)
class Standing:
    """How many texts of a person count under a cap, and from when on there is room again (None: now, or never)."""

    cap: Cap
    count: int
    room_at: datetime | None

    @property
    def full(self) -> bool:
        return self.count >= self.cap.limit


@dataclass(frozen=True)
class Lately:
    """What a person got from all campaigns together, and how that stands to the caps that hold for them."""

    day: int
    week: int
    standings: tuple[Standing, ...]


def lately(session: Session, account: Account, phone: str, *, now: datetime) -> Lately:
    """The texts of the last 24 hours and seven days that count, and the caps that the account or a text has brought into play."""
    texts = texts_of(session, account.id, [phone], since=EVER).get(phone, [])
    unasked = [one.at for one in texts if one.unasked]
    standings = []
    for cap in holding(caps_of(account, now.date()), of_phone(phone)):
        since = EVER if cap.window is None else now - cap.window
        count = sum(one.at > since and counts(cap, one, "") for one in texts)
        if count or cap.rule == "F02":
            found = over([cap], texts, "", now=now)
            standings.append(Standing(cap, count, found.room_at if found else None))
    return Lately(sum(at > now - DAY for at in unasked), sum(at > now - WEEK for at in unasked), tuple(standings))
