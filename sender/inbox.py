"""What an inbound text sets going: it is kept once, joins its conversation, and a revocation takes hold at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import rollups
from models.accounts import Account, SenderKind, SendingNumber
from models.consent import ConsentKind, ConsentSource, Purpose
from models.contacts import Contact
from models.inbox import Conversation, ConversationState
from models.messages import Direction, Kind, Message, MessageStatus
from models.phones import Phone, normalise
from models.segments import measure
from sender import confirmations, consent, opt_in_answers
from sender.consent import Keyword

TOLL_FREE_START = frozenset({"START", "UNSTOP"})
"""The only words that re-open a toll-free number, at network level (Twilio support article 360058144374; unconfirmed here)."""
KINDS = {
    Keyword.STOP: ConsentKind.OPT_OUT,
    Keyword.START: ConsentKind.RE_SUBSCRIBE,
    Keyword.PROBABLE_STOP: ConsentKind.HOLD,
}
"""What a word in a reply does to consent; a probable revocation holds the person until somebody has looked."""


def receive(
    session: Session,
    *,
    account: Account,
    sender: SendingNumber | None,
    params: Mapping[str, str],
    now: datetime,
    answers: bool = True,
) -> Message | None:
    """Take one inbound text (Twilio's parameters, `MessageSid` and `From` among them); None when nothing new is kept.

    Its SID may be known already. A text to a number that is none of our senders (any more) has no conversation to join, but
    what it says about consent counts. Twilio's own judgement (`OptOutType`, Advanced Opt-Out) wins over ours. A text that is
    taken in long after it came has been answered, if at all, by whoever got it then: `answers` is False.
    """
    if session.scalar(select(Message.id).where(Message.sid == params["MessageSid"])) is not None:
        return None
    conversation = message = None
    if sender is not None:
        conversation = _conversation(session, account, sender, params["From"], now)
        message = _message(session, account, sender, conversation, params, now)
    keyword = _keyword(params)
    kind = KINDS.get(keyword)
    if kind is ConsentKind.RE_SUBSCRIBE and not _reopens(session, account, sender, params):
        kind = None
    if kind is not None:
        event = consent.append(
            session, account_id=account.id, phone=params["From"], kind=kind, source=ConsentSource.KEYWORD,
            reason=f"Replied with a word that means {keyword.value.replace('_', ' ')}",
            evidence={"sid": params["MessageSid"], "keyword": keyword.value}, message_id=message.id if message else None, now=now,
        )  # fmt: skip
        if answers and kind is ConsentKind.OPT_OUT and sender is not None and message is not None:
            confirmations.confirm(
                session, account=account, event=event, inbound=message, sender=sender, params=params, now=now
            )
    if keyword is Keyword.PROBABLE_STOP and conversation is not None:
        conversation.state = ConversationState.REVIEW
    opt_in_answers.answered(session, account_id=account.id, message=message, keyword=keyword, params=params, now=now)
    return message


def _reopens(session: Session, account: Account, sender: SendingNumber | None, params: Mapping[str, str]) -> bool:
    """Whether a START word lifts anything: somebody who never said no only answers, and a toll-free network ignores YES."""
    if not consent.blocked(session, account.id, [params["From"]], Purpose.ALL):
        return False
    toll_free = sender is not None and sender.kind is SenderKind.TOLL_FREE
    return not toll_free or params.get("Body", "").strip().upper() in TOLL_FREE_START


def _keyword(params: Mapping[str, str]) -> Keyword:
    said = params.get("OptOutType")
    return Keyword(said) if said in list(Keyword) else consent.classify(params.get("Body", ""))


def _conversation(session: Session, account: Account, sender: SendingNumber, phone: str, now: datetime) -> Conversation:
    found = session.scalars(
        select(Conversation)
        .where(Conversation.account_id == account.id, Conversation.phone == phone, Conversation.sender_id == sender.id)
        .with_for_update()
    ).first()
    if found is None:
        found = Conversation(account_id=account.id, phone=phone, sender_id=sender.id, created_at=now)
        session.add(found)
    if found.contact_id is None:  # also somebody who wrote before we knew them
        known = select(Contact.id).where(Contact.account_id == account.id, Contact.phone == phone)
        found.contact_id = session.scalar(known)
    if found.state is ConversationState.CLOSED:
        found.state = ConversationState.OPEN
    found.last_inbound_at = now
    session.flush()
    return found


def _message(
    session: Session,
    account: Account,
    sender: SendingNumber,
    conversation: Conversation,
    params: Mapping[str, str],
    now: datetime,
) -> Message:
    body = params.get("Body", "")
    size = measure(body)
    media = _count(params.get("NumMedia"))
    written = normalise(params["From"], account.default_region)
    message = Message(
        account_id=account.id, direction=Direction.INBOUND, kind=Kind.MMS if media else Kind.SMS,
        conversation_id=conversation.id, reply_key=params["MessageSid"], contact_id=conversation.contact_id,
        sender_id=sender.id, phone=params["From"], region=written.region if isinstance(written, Phone) else "",
        body=body, media_url=params.get("MediaUrl0"), encoding=size.encoding.value, units=size.units, segments=size.segments,
        status=MessageStatus.RECEIVED, sid=params["MessageSid"], twilio_segments=_count(params.get("NumSegments")),
        due_at=now, created_at=now, sent_at=now, final_at=now, updated_at=now,
    )  # fmt: skip
    session.add(message)
    session.flush()
    rollups.record(session, [(None, rollups.fact(message))])
    return message


def _count(text: str | None) -> int | None:
    """A small positive number, or None for anything else."""
    return (int(text) or None) if text and text.isdecimal() and len(text) < 6 else None
