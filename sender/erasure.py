"""What do we hold about one person, and how does all of it go when they ask to be forgotten?

Everything about the number in one account goes in one transaction: after a crash either all of it is there or nothing. What waits
to be sent to the person is cancelled. Of what is on its way nobody could say afterwards what became of it, so that has to be
settled first, which takes a moment, or a person's decision. A no stands on under a keyed hash of the number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, text, union_all, update
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Base
from models.campaigns import Audience, AudienceRow, Reason, Run
from models.consent import ConsentEvent
from models.contacts import Contact
from models.flags import ContactFlag
from models.inbox import Conversation, Note
from models.messages import BY_PHONE, Message, MessageStatus
from models.opt_ins import OptInRequest
from sender import blanks
from sender.expansion import await_turn

__all__ = ["NotSettled", "Traces", "cancel", "erase", "found"]

M = MessageStatus
UNDER_WAY = "A text to this person is on its way at this moment. Wait a minute, then ask again."
PARKED = (
    "Nobody knows yet whether a text to this person was sent. Decide that on the page of the message, then ask again."
)
STARTING = "A campaign is just starting. Ask again in a moment."
_MESSAGES = Base.metadata.tables["message"]


class NotSettled(Exception):
    """Something of this person is still under way; the message is a sentence for whoever asked."""


@dataclass(frozen=True)
class Traces:
    """What is held about one number, counted."""

    contacts: int = 0
    texts: int = 0
    """Both directions, those that wait among them."""
    waiting: int = 0
    """Not sent yet: to be cancelled."""
    conversations: int = 0
    notes: int = 0
    list_rows: int = 0
    flags: int = 0
    requests: int = 0
    """To opt in."""
    entries: int = 0
    """Of the consent ledger."""
    obstacle: str = ""
    """Why it cannot be erased now, as a sentence."""

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to erase."""
        found = (self.contacts, self.texts, self.conversations, self.flags, self.requests, self.entries)
        return not any(found)


@dataclass(frozen=True)
class _Person:
    """The rows of one number."""

    contacts: Sequence[int]
    conversations: Sequence[int]
    texts: Sequence[Any]
    """(id, phone, status)"""

    @property
    def obstacle(self) -> str:
        """What has to be settled first."""
        statuses = {row.status for row in self.texts}
        if statuses & {M.CLAIMED, M.IN_DOUBT}:
            return UNDER_WAY
        return PARKED if M.UNKNOWN in statuses else ""


def found(session: Session, account_id: int, phone: str) -> Traces:
    """What an erasure would remove now."""
    person = _person(session, account_id, phone)
    return _traces(session, account_id, phone, person)


def erase(session: Session, account_id: int, phone: str, *, now: datetime, actor: str = "") -> Traces:
    """Forget a number (E.164) in an account; what went. Flushed, not committed. Raises NotSettled.

    A second time there is nothing left to erase.
    """
    _hold(session, account_id, phone)
    person = _person(session, account_id, phone, locked=True)
    traces = _traces(session, account_id, phone, person)
    if traces.obstacle:
        raise NotSettled(traces.obstacle)
    blanks.overwriting(session)
    cancel(session, account_id, phone, now=now)
    blanks.texts(session, account_id, [(row.id, row.phone) for row in person.texts])
    blanks.conversations(session, person.conversations, now=now)
    if person.contacts:
        blanks.list_rows(session, _listed(account_id, person.contacts))
    blanks.contacts(session, person.contacts, now=now)
    blanks.requests(session, (OptInRequest.account_id == account_id) & (OptInRequest.phone == phone), now=now)
    flagged = blanks.flags(session, account_id, phone, now=now, actor=actor)
    blanks.entries(session, account_id, phone, now=now, actor=actor, flagged=flagged)
    session.flush()
    session.expire_all()
    return traces


def cancel(session: Session, account_id: int, phone: str, *, now: datetime) -> None:
    """What waits to be sent to a number never is."""
    person = _person(session, account_id, phone, locked=True)
    ids = [row.id for row in person.texts if row.status is M.PENDING]
    done = {"status": M.SKIPPED, "reason": Reason.ERASED, "final_at": now, "updated_at": now}
    for start in range(0, len(ids), blanks.PART):
        session.execute(update(_MESSAGES).where(_MESSAGES.c.id.in_(ids[start : start + blanks.PART])).values(done))


def _hold(session: Session, account_id: int, phone: str) -> None:
    """Keep every list from becoming messages to this person meanwhile. SQLite has one writer, and that is us.

    Elsewhere: the chunks under way are waited for, and no new run begins, as its row refers to the account's.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    open_ = select(Run.id).where(Run.account_id == account_id, Run.expanded.is_(False)).order_by(Run.id)
    known = session.scalars(open_).all()
    for run_id in known:
        await_turn(session, run_id)
    session.execute(select(Account.id).where(Account.id == account_id).with_for_update())
    session.execute(
        select(Contact.id).where(Contact.account_id == account_id, Contact.phone == phone).with_for_update()
    )
    if set(session.scalars(open_)) - set(known):
        raise NotSettled(STARTING)


def _person(session: Session, account_id: int, phone: str, *, locked: bool = False) -> _Person:
    people = session.scalars(select(Contact.id).where(Contact.account_id == account_id, Contact.phone == phone)).all()
    talks = select(Conversation.id).where(Conversation.account_id == account_id, Conversation.erased_at.is_(None))
    conversations = {
        *session.scalars(talks.where(Conversation.phone == phone)),
        *session.scalars(talks.where(Conversation.contact_id.in_(people))),
    }
    query = _texts(account_id, phone, people, sorted(conversations))
    rows = session.execute(query.with_for_update() if locked else query).all()
    return _Person(people, sorted(conversations), rows)


def _texts(
    account_id: int, phone: str, people: Sequence[int], conversations: Sequence[int]
) -> Select[int, str, MessageStatus]:
    """The texts to and from a number, and those of its contact and conversations; each part by the index that serves it."""
    own, runs = Message.account_id == account_id, select(Run.id).where(Run.account_id == account_id)
    ids = union_all(
        select(Message.id).where(own, Message.phone == phone, text(f"({BY_PHONE})")),
        select(Message.id).where(own, Message.phone == phone, Message.status == M.PENDING),
        select(Message.id).where(Message.run_id.in_(runs), Message.contact_id.in_(people)),
        select(Message.id).where(own, Message.conversation_id.in_(conversations)),
    )
    columns = select(Message.id, Message.phone, Message.status)
    return columns.where(Message.id.in_(ids), Message.number_hash.is_(None)).order_by(Message.id)


def _listed(account_id: int, people: Sequence[int]) -> Any:
    lists = select(Audience.id).where(Audience.account_id == account_id)
    return AudienceRow.audience_id.in_(lists) & AudienceRow.contact_id.in_(people)


def _traces(session: Session, account_id: int, phone: str, person: _Person) -> Traces:
    def count(*which: Any) -> int:
        return session.scalar(select(func.count()).where(*which)) or 0

    return Traces(
        contacts=len(person.contacts), texts=len(person.texts), conversations=len(person.conversations),
        waiting=sum(row.status is M.PENDING for row in person.texts),
        notes=count(Note.conversation_id.in_(person.conversations)),
        list_rows=count(_listed(account_id, person.contacts)) if person.contacts else 0,
        flags=count(ContactFlag.account_id == account_id, ContactFlag.phone == phone),
        requests=count(OptInRequest.account_id == account_id, OptInRequest.phone == phone),
        entries=count(ConsentEvent.account_id == account_id, ConsentEvent.phone == phone),
        obstacle=person.obstacle,
    )  # fmt: skip
