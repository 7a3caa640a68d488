"""Who got a campaign's text, who did not, and why? Left-out rows page by page, and one person's story."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select, union_all
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import AudienceRow, Campaign, Exclusion, Reason, Run
from models.contacts import Contact
from models.messages import Message, MessageStatus
from models.phones import Phone, normalise
from sender import campaigns, exclusions

PAGE = 50
MATCHES = 5
ROW = re.compile(r"(?:row\s*|#)([0-9]{1,9})", re.IGNORECASE)


@dataclass(frozen=True)
class LeftOut:
    """One row without a text. `phone` is E.164 where it is a number, else what the list had."""

    row: int
    contact_id: int | None
    name: str
    phone: str
    reason: Reason
    sentence: str


@dataclass(frozen=True)
class Story:
    """What became of one person in a run."""

    name: str
    phone: str
    contact_id: int | None
    sentence: str
    row: int | None = None


def left_out(
    session: Session, run: Run, *, reason: Reason | None = None, after: int = 0, limit: int = PAGE
) -> list[LeftOut]:
    """The next rows of the run's list that got no text, in the order of the list; set aside at the start or later."""
    first = select(Exclusion.row, Exclusion.contact_id, Exclusion.reason, Exclusion.detail).where(
        Exclusion.run_id == run.id, Exclusion.row > after
    )
    later = (
        select(
            AudienceRow.row, AudienceRow.contact_id, Message.reason, func.coalesce(Message.detail, "").label("detail")
        )
        .join(Message, and_(Message.contact_id == AudienceRow.contact_id, Message.run_id == run.id))
        .where(
            AudienceRow.audience_id == run.audience_id,
            AudienceRow.reason.is_(None),
            AudienceRow.row > after,
            Message.status == MessageStatus.SKIPPED,
            Message.reason.is_not(None),
        )
    )
    if reason is not None:
        first, later = first.where(Exclusion.reason == reason), later.where(Message.reason == reason)
    both = union_all(first, later).subquery()
    rows = session.execute(
        select(
            both.c.row, both.c.contact_id, both.c.reason, both.c.detail, Contact.name, Contact.phone, AudienceRow.fields
        )
        .outerjoin(Contact, Contact.id == both.c.contact_id)
        .outerjoin(AudienceRow, and_(AudienceRow.audience_id == run.audience_id, AudienceRow.row == both.c.row))
        .order_by(both.c.row)
        .limit(limit)
    )
    return [_left_out(row) for row in rows]


def _left_out(row: Any) -> LeftOut:
    fields, reason = row.fields or {}, Reason(row.reason)
    return LeftOut(
        row=row.row,
        contact_id=row.contact_id,
        name=row.name or str(fields.get("name", "")),
        phone=row.phone or str(fields.get("phone", "")),
        reason=reason,
        sentence=exclusions.sentence(reason, row.detail),
    )


def stories(session: Session, account: Account, subject: Run | Campaign, asked: str, *, now: datetime) -> list[Story]:
    """What became of whoever fits the words, or would: a row ("row 17"), a number, a member number, or the start of a name."""
    asked = asked.strip()
    if by_row := ROW.fullmatch(asked):
        row = int(by_row[1])
        told = campaigns.explain(session, subject, now=now, row=row)
        return [Story(f"Row {row}", "", None, told.sentence, row)]
    people = fitting(session, account, asked) if asked else []
    return [
        Story(one.name, one.phone, one.id, campaigns.explain(session, subject, now=now, contact_id=one.id).sentence)
        for one in people
    ]


def fitting(session: Session, account: Account, asked: str) -> list[Contact]:
    """The contacts that a phone number, a member number or the start of a name may mean; the first few."""
    found = normalise(asked, account.default_region)
    upper = asked[:-1] + chr(ord(asked[-1]) + 1)
    fits = [Contact.external_id == asked, and_(Contact.name >= asked, Contact.name < upper)]
    if isinstance(found, Phone):
        fits = [Contact.phone == found.e164]
    mine = select(Contact).where(Contact.account_id == account.id, or_(*fits))
    return list(session.scalars(mine.order_by(Contact.name, Contact.id).limit(MATCHES)))
