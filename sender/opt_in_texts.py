"""How do the texts of an opt-in request leave? As replies in the conversation with that number, each of them written once.

The text goes into the queue in the transaction of what it tells of, so neither is ever there without the other; the natural key
(conversation, reply key) refuses a second one. At the claim it is checked like every other text: nobody who said no gets it.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from models import rollups
from models.accounts import SendingNumber
from models.contacts import Contact
from models.inbox import Conversation
from models.messages import Direction, Message, MessageStatus
from models.opt_ins import OptInRequest, text_key
from models.segments import measure
from sender.bulk import upsert

URGENT = 1
"""The priority: somebody waits on the telephone, or before a page."""


def write(
    session: Session, request: OptInRequest, what: str, body: str, *, region: str, now: datetime, until: datetime
) -> Message:
    """Put one text of a request into the queue, or give the one that is there already. Flushed, not committed.

    `what` names it within the request; after `until` it is not worth sending any more.
    """
    there = conversation(session, request.account_id, request.phone, request.sender_id, now=now)
    there.contact_id, there.last_outbound_at = there.contact_id or request.contact_id, now
    key = text_key(request.id, what)
    known = session.scalar(select(Message).where(Message.conversation_id == there.id, Message.reply_key == key))
    if known is not None:
        return known
    size = measure(body)
    message = Message(
        account_id=request.account_id, direction=Direction.OUTBOUND, conversation_id=there.id, reply_key=key,
        contact_id=request.contact_id, purpose=request.purpose, priority=URGENT, sender_id=request.sender_id,
        phone=request.phone, region=region, body=body, encoding=size.encoding.value, units=size.units,
        segments=size.segments, status=MessageStatus.PENDING, due_at=now, expires_at=until, created_at=now, updated_at=now,
    )  # fmt: skip
    session.add(message)
    session.flush()
    rollups.record(session, [(None, rollups.fact(message))])
    return message


def conversation(session: Session, account_id: int, phone: str, sender_id: int, *, now: datetime) -> Conversation:
    """The conversation with a number on a sender, locked; made where there is none."""
    mine = (Conversation.account_id == account_id, Conversation.phone == phone, Conversation.sender_id == sender_id)
    found = session.scalars(select(Conversation).where(*mine).with_for_update()).first()
    if found is None:
        known = select(Contact.id).where(Contact.account_id == account_id, Contact.phone == phone)
        made = {"account_id": account_id, "phone": phone, "sender_id": sender_id, "contact_id": session.scalar(known)}
        keys = ["account_id", "phone", "sender_id"]
        new = upsert(session, cast(Table, Conversation.__table__)).values({**made, "created_at": now})
        session.execute(new.on_conflict_do_nothing(index_elements=keys))  # somebody else may make it at this moment
        found = session.scalars(select(Conversation).where(*mine).with_for_update()).one()
    return found


def default_sender(session: Session, account_id: int) -> SendingNumber | None:
    """The account's sender of replies and of whatever belongs to no campaign."""
    mine = (SendingNumber.account_id == account_id, SendingNumber.is_default)
    return session.scalars(select(SendingNumber).where(*mine).order_by(SendingNumber.id)).first()
