"""Which rows of an account are past its period, and may go? One step for each kind of row, a part at a time.

A step blanks at most `limit` rows after a place where the last one stopped, and says which rows and where to go on (None: nowhere).
What it did is not found again, so a step may be repeated from any place.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, String, and_, cast, func, or_, select, text
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Audience, AudienceRow, Campaign, CampaignState, Run
from models.consent import ConsentEvent
from models.contacts import Contact
from models.flags import ContactFlag
from models.inbox import Conversation
from models.messages import BY_PHONE, Message, MessageStatus
from models.opt_ins import OPEN as OPEN_REQUESTS
from models.opt_ins import OptInRequest
from models.workflows import Event
from sender import blanks

OPEN = (MessageStatus.PENDING, MessageStatus.CLAIMED, MessageStatus.IN_DOUBT, MessageStatus.UNKNOWN)
"""Texts that keep their words however old they are: they may still be sent, or a person has to look."""
OVER = (CampaignState.COMPLETED, CampaignState.CANCELLED, CampaignState.ARCHIVED)
"""Campaigns that send nothing any more, unless a person begins anew."""


class Scope(NamedTuple):
    """What a step is about."""

    account_id: int
    before: datetime
    """What is older than this may go."""
    evidence_before: datetime
    """What the consent ledger holds of numbers that said nothing since."""
    now: datetime
    limit: int


Step = tuple[Sequence[int], Any]
"""The ids of the rows that were blanked, and where to go on."""


def texts(session: Session, of: Scope, after: tuple[datetime, int] | None) -> Step:
    """Words and numbers of texts; at the end the account remembers how far, so that tomorrow does not begin at the first one."""
    account = session.get_one(Account, of.account_id)
    start = Message.created_at >= account.retained_to if account.retained_to else None
    if after is not None:
        start = or_(Message.created_at > after[0], and_(Message.created_at == after[0], Message.id > after[1]))
    wanted = old_texts(of.account_id, of.before)
    query = select(Message.id, Message.phone, Message.created_at).where(*wanted, *([] if start is None else [start]))
    rows = session.execute(query.order_by(Message.created_at, Message.id).limit(of.limit)).all()
    blanks.texts(session, of.account_id, [(row.id, row.phone) for row in rows])
    if len(rows) == of.limit:
        return [row.id for row in rows], (rows[-1].created_at, rows[-1].id)
    left = select(func.min(Message.created_at)).where(
        Message.account_id == of.account_id, Message.status.in_(OPEN), Message.created_at < of.before
    )
    account.retained_to = session.scalar(left) or of.before
    session.flush()
    return [row.id for row in rows], None


def old_texts(account_id: int, before: datetime) -> tuple[ColumnElement[bool], ...]:
    """The texts that are past a period, as conditions."""
    return (
        Message.account_id == account_id, Message.created_at < before, Message.number_hash.is_(None), Message.status.not_in(OPEN),
    )  # fmt: skip


def conversations(session: Session, of: Scope, after: int | None) -> Step:
    """Conversations in which nothing was said since, and their notes."""
    said = (Conversation.last_inbound_at, Conversation.last_outbound_at, Conversation.created_at)
    query = select(Conversation.id).where(
        Conversation.account_id == of.account_id, Conversation.erased_at.is_(None), Conversation.id > (after or 0),
        *(or_(at.is_(None), at < of.before) for at in said),
        ~select(Message.id).where(Message.conversation_id == Conversation.id, Message.number_hash.is_(None)).exists(),
    )  # fmt: skip
    ids = session.scalars(query.order_by(Conversation.id).limit(of.limit)).all()
    blanks.conversations(session, ids, now=of.now)
    return ids, _next(ids, of)


def list_rows(session: Session, of: Scope, after: tuple[int, int] | None) -> Step:
    """The values of lists that no campaign will send to any more."""
    first, row = after or (0, 0)
    audience = session.scalars(
        select(Audience)
        .where(Audience.account_id == of.account_id, Audience.erased_at.is_(None), Audience.created_at < of.before)
        .where(Audience.id >= first, Audience.complete, ~_in_use(of.before))
        .order_by(Audience.id)
        .limit(1)
    ).first()
    if audience is None:
        return [], None
    row = row if audience.id == first else 0
    mine = AudienceRow.audience_id == audience.id
    count = blanks.list_rows(session, and_(mine, AudienceRow.row > row, AudienceRow.row <= row + of.limit))
    if row + of.limit < audience.rows:
        return range(count), (audience.id, row + of.limit)
    audience.erased_at = of.now
    session.flush()
    return range(count), (audience.id + 1, 0)


def _in_use(before: datetime) -> ColumnElement[bool]:
    """Whether something may still be sent to a list, or was not long ago."""
    campaigns = select(Campaign.id).where(Campaign.audience_id == Audience.id, Campaign.state.not_in(OVER))
    runs = select(Run.id).where(
        Run.audience_id == Audience.id, or_(Run.finished_at.is_(None), Run.finished_at >= before)
    )
    return or_(campaigns.exists(), runs.exists())


def contacts(session: Session, of: Scope, after: int | None) -> Step:
    """People to whom nothing refers any more that is still there: no text, no conversation, no list, no event."""
    lists = (
        select(AudienceRow.row)
        .join(Audience, Audience.id == AudienceRow.audience_id)
        .where(Audience.account_id == of.account_id, Audience.erased_at.is_(None), AudienceRow.contact_id == Contact.id)
    )
    open_runs = select(Run.id).where(Run.account_id == of.account_id, Run.finished_at.is_(None))
    live = (
        select(Message.id).where(
            Message.account_id == of.account_id, Message.phone == Contact.phone, text(f"({BY_PHONE})")
        ),
        select(Message.id).where(Message.run_id.in_(open_runs), Message.contact_id == Contact.id),
        select(Conversation.id).where(Conversation.account_id == of.account_id, Conversation.phone == Contact.phone),
        select(Event.id).where(Event.contact_id == Contact.id, Event.received_at >= of.before),
        lists,
    )  # fmt: skip
    query = select(Contact.id).where(
        Contact.account_id == of.account_id, Contact.erased_at.is_(None), Contact.id > (after or 0),
        Contact.updated_at < of.before, *(~one.exists() for one in live),
    )  # fmt: skip
    ids = session.scalars(query.order_by(Contact.id).limit(of.limit)).all()
    blanks.contacts(session, ids, now=of.now)
    return ids, _next(ids, of)


def facts(session: Session, of: Scope, after: int | None) -> Step:
    """What other systems said about people."""
    query = select(Event.id).where(
        Event.account_id == of.account_id,
        Event.id > (after or 0),
        Event.received_at < of.before,
        or_(Event.subject != "", cast(Event.payload, String) != "{}"),
    )
    ids = session.scalars(query.order_by(Event.id).limit(of.limit)).all()
    blanks.facts(session, Event.id.in_(ids))
    return ids, _next(ids, of)


def requests(session: Session, of: Scope, after: int | None) -> Step:
    """Requests to opt in of which nothing more comes."""
    query = select(OptInRequest.id, OptInRequest.phone).where(
        OptInRequest.account_id == of.account_id, OptInRequest.id > (after or 0), OptInRequest.state.not_in(sorted(OPEN_REQUESTS)),
        OptInRequest.created_at < of.before, OptInRequest.phone.startswith("+"),
    )  # fmt: skip
    ids = session.scalars(query.order_by(OptInRequest.id).limit(of.limit)).all()
    blanks.requests(session, OptInRequest.id.in_(ids), now=of.now)
    return ids, _next(ids, of)


def entries(session: Session, of: Scope, after: str | None) -> Step:
    """What the consent ledger says of numbers that have been silent for longer than evidence is kept."""
    silent = (
        select(ConsentEvent.phone)
        .where(ConsentEvent.account_id == of.account_id, ConsentEvent.phone > (after or ""))
        .group_by(ConsentEvent.phone)
        .having(func.max(ConsentEvent.at) < min(of.before, of.evidence_before))
    )
    phones = session.scalars(silent.order_by(ConsentEvent.phone).limit(of.limit)).all()
    named = select(ConsentEvent.id).where(ConsentEvent.account_id == of.account_id, ConsentEvent.phone.in_(phones))
    ids = session.scalars(named.order_by(ConsentEvent.id)).all()
    for phone in phones:
        blanks.entries(session, of.account_id, phone, now=of.now)
    return ids, phones[-1] if len(phones) == of.limit else None


def flags(session: Session, of: Scope, after: str | None) -> Step:
    """Flags, which are evidence as the ledger is, of numbers that it does not name any more.

    One that stands becomes a hold there, under the hash of its number.
    """
    old = (
        select(ContactFlag.phone)
        .where(ContactFlag.account_id == of.account_id, ContactFlag.phone.startswith("+"))
        .where(ContactFlag.phone > (after or ""))
        .where(
            ~select(ConsentEvent.id)
            .where(ConsentEvent.account_id == of.account_id, ConsentEvent.phone == ContactFlag.phone)
            .exists()
        )
        .group_by(ContactFlag.phone)
        .having(func.max(ContactFlag.created_at) < min(of.before, of.evidence_before))
    )
    phones = session.scalars(old.order_by(ContactFlag.phone).limit(of.limit)).all()
    mine = select(ContactFlag.id).where(ContactFlag.account_id == of.account_id, ContactFlag.phone.in_(phones))
    ids = session.scalars(mine.order_by(ContactFlag.id)).all()
    for phone in phones:
        stood = blanks.flags(session, of.account_id, phone, now=of.now)
        blanks.entries(session, of.account_id, phone, now=of.now, flagged=stood)
    return ids, phones[-1] if len(phones) == of.limit else None


def _next(ids: Sequence[int], of: Scope) -> int | None:
    return ids[-1] if len(ids) == of.limit else None


KINDS = {
    "texts": texts, "conversations": conversations, "list rows": list_rows, "events": facts, "contacts": contacts,
    "requests": requests, "consent entries": entries, "flags": flags,
}  # fmt: skip
"""In this order: what refers to a person first, the person last."""
