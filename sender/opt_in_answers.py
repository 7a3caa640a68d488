"""What becomes of an opt-in request: a yes, a no, a code that is typed, time that runs out. Each end is told in one sentence.

Everything here locks the request first, so of two answers, or two people who type a code, the second finds what the first has done.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session

from models.accounts import Account, SendingNumber
from models.campaigns import Reason
from models.consent import BLOCKING, ConsentEvent, ConsentKind, ConsentSource, Purpose
from models.inbox import Conversation
from models.messages import Direction, Message, MessageStatus
from models.opt_ins import OPEN, OPEN_ROWS, OptInPath, OptInRequest, OptInState
from models.settings import value
from sender import consent, opt_in_codes, opt_in_texts, opt_in_words
from sender.keywords import Keyword

S = OptInState
NOT_SENT = (MessageStatus.PENDING, MessageStatus.SKIPPED, MessageStatus.FAILED, MessageStatus.CANCELED)
"""A text that stands so has reached nobody. `claimed` may have: an answer can come before we have written down that it left."""
WELCOME = timedelta(minutes=30)
"""How long after a yes its confirmation is worth sending."""


def open_request(session: Session, account_id: int, phone: str) -> OptInRequest | None:
    """The number's open request, locked behind its account."""
    mine = select(OptInRequest).where(
        OptInRequest.account_id == account_id, OptInRequest.phone == phone, OptInRequest.state.in_(OPEN)
    )
    if session.scalar(mine.with_only_columns(OptInRequest.id)) is None:
        return None
    _lock_account(session, account_id)
    return session.scalars(mine.with_for_update().execution_options(populate_existing=True)).first()


def hold(session: Session, request: OptInRequest) -> None:
    """Lock a request, and before it what an inbound text locks before it: one order for all, so that nobody waits in a circle."""
    asked = session.get_one(Message, request.message_id)
    session.execute(select(Conversation.id).where(Conversation.id == asked.conversation_id).with_for_update())
    _lock_account(session, request.account_id)
    session.refresh(request, with_for_update=True)


def _lock_account(session: Session, account_id: int) -> None:
    session.execute(select(Account.id).where(Account.id == account_id).with_for_update(key_share=True)).one()


def ended(session: Session, request: OptInRequest, state: OptInState, detail: str, *, now: datetime) -> None:
    """End a request; what it has not sent yet counts from now on as come too late."""
    request.state, request.detail, request.finished_at = state, detail, now
    unsent = select(Message).where(
        Message.id.in_([request.message_id or 0, request.code_message_id or 0]), Message.status == MessageStatus.PENDING
    )
    for message in session.scalars(unsent):
        message.expires_at = now
    session.flush()


def answered(
    session: Session,
    *,
    account_id: int,
    message: Message | None,
    keyword: Keyword,
    params: Mapping[str, str],
    now: datetime,
) -> None:
    """What an inbound text means for the open request of its author: a no ends it, a yes to it goes on. Else nothing.

    `message` is the text as it was kept (None: it came to a number that is no sender of ours), `keyword` what it was read as, and
    `params` are Twilio's. To be called once for each text, after what it says about consent has been written.
    """
    request = open_request(session, account_id, params["From"])
    if request is None:
        return
    if keyword in (Keyword.STOP, Keyword.PROBABLE_STOP):
        said = "They answered STOP." if keyword is Keyword.STOP else "They asked not to be texted, in other words."
        ended(session, request, S.REFUSED, said, now=now)
    elif request.expires_at <= now:
        ended(session, request, S.EXPIRED, "Nobody answered in time.", now=now)
    elif (
        message is not None and request.state is not S.AWAITING_PIN and opt_in_words.agrees(message.body or "", keyword)
    ):
        _yes(session, request, message, params.get("MessagingServiceSid", ""), now=now)
    session.flush()


def _yes(session: Session, request: OptInRequest, answer: Message, service: str, *, now: datetime) -> None:
    """Take a yes, if it answers this request and nothing else."""
    asked = session.get(Message, request.message_id) if request.message_id else None
    if asked is None or asked.status in NOT_SENT or not _same_sender(session, request, answer, service):
        return
    if _asked_since(session, request, asked):
        request.detail = "They answered YES after another text of ours, so nobody knows what they meant. Ask again."
        return
    if _refused(session, request):
        ended(session, request, S.REFUSED, "They said no after they were asked.", now=now)
        return
    request.answer_id, request.detail = answer.id, ""
    if request.path is OptInPath.AGENT_PIN:
        _send_code(session, request, answer.region, now=now)
    else:
        complete(session, request, actor="", now=now)


def _same_sender(session: Session, request: OptInRequest, answer: Message, service: str) -> bool:
    """Whether the answer came to the number that asked, or to one of the service that asked."""
    if answer.sender_id == request.sender_id:
        return True
    sender = session.get_one(SendingNumber, request.sender_id)
    return bool(service) and service in (sender.sid, sender.address)


def _asked_since(session: Session, request: OptInRequest, asked: Message) -> bool:
    """Whether another text of ours left from that sender to that person after the question: a YES may be about that one."""
    other = select(Message.id).where(
        Message.account_id == request.account_id, Message.phone == request.phone, Message.sender_id == request.sender_id,
        Message.direction == Direction.OUTBOUND, Message.status.not_in(NOT_SENT), Message.id != asked.id,
        Message.intent_at > (asked.intent_at or asked.created_at),
    )  # fmt: skip
    return session.scalar(other.limit(1)) is not None


def _refused(session: Session, request: OptInRequest) -> bool:
    """Whether the person may not be texted now, or said no at any time since they were asked."""
    if consent.blocked(session, request.account_id, [request.phone], Purpose.ALL):
        return True
    since = select(ConsentEvent.id).where(
        ConsentEvent.account_id == request.account_id, ConsentEvent.phone == request.phone,
        ConsentEvent.kind.in_(sorted(BLOCKING)), ConsentEvent.at >= request.created_at,
    )  # fmt: skip
    return session.scalar(since.limit(1)) is not None


def _send_code(session: Session, request: OptInRequest, region: str, *, now: datetime) -> None:
    """Make a code, keep its hash, and text it to the person."""
    digits = int(value(session, "opt_in_code_digits", account_id=request.account_id))
    valid = timedelta(minutes=int(value(session, "opt_in_code_minutes", account_id=request.account_id)))
    code = opt_in_codes.new_code(digits)
    request.code_salt = opt_in_codes.new_salt()
    request.code_hash = opt_in_codes.hashed(code, request.code_salt)
    request.state, request.expires_at = S.AWAITING_PIN, now + valid
    body = opt_in_words.code(request.wording, code, valid)
    sent = opt_in_texts.write(session, request, "code", body, region=region, now=now, until=request.expires_at)
    request.code_message_id = sent.id


def enter_code(session: Session, request: OptInRequest, typed: str, *, actor: str, now: datetime) -> str:
    """Take a code that somebody typed; the sentence that says what came of it. The state says the rest. Not committed.

    A wrong code counts, whoever types it: the caller commits in any case.
    """
    hold(session, request)
    if request.state is not S.AWAITING_PIN:
        return "No code is awaited any more." if not request.open else "They have not answered YES yet."
    if request.expires_at <= now:
        ended(session, request, S.EXPIRED, "The code was not typed in time.", now=now)
        return "The code has run out. Ask again, and a new one is sent."
    most = int(value(session, "opt_in_code_tries", account_id=request.account_id))
    if not opt_in_codes.fits(typed, salt=request.code_salt, expected=request.code_hash):
        request.tries += 1
        left = most - request.tries
        if left > 0:
            return f"That is not the code. {left} more {'try is' if left == 1 else 'tries are'} left."
        ended(session, request, S.LOCKED, f"A wrong code was typed {request.tries} times.", now=now)
        return "That is not the code, and it was the last try. Ask again, and a new one is sent."
    if _refused(session, request):
        ended(session, request, S.REFUSED, "They said no after they were asked.", now=now)
        return "The code is right, but the person has said no since. Nothing was changed."
    complete(session, request, actor=actor, now=now)
    return "The code is right. The person has agreed."


def complete(session: Session, request: OptInRequest, *, actor: str, now: datetime) -> ConsentEvent:
    """Write the yes into the ledger with everything that proves it, and confirm it to the person in one text."""
    event = consent.append(
        session, account_id=request.account_id, phone=request.phone, kind=ConsentKind.OPT_IN, purpose=request.purpose,
        source=ConsentSource(request.path.value), evidence=_evidence(session, request, actor=actor, now=now),
        message_id=request.answer_id, actor=actor or request.created_by, now=now,
    )  # fmt: skip
    request.event_id = event.id
    ended(session, request, S.COMPLETED, "", now=now)
    session.flush()
    asked = session.get_one(Message, request.message_id)
    opt_in_texts.write(
        session,
        request,
        "welcome",
        opt_in_words.welcome(request.wording),
        region=asked.region,
        now=now,
        until=now + WELCOME,
    )
    return event


def _evidence(session: Session, request: OptInRequest, *, actor: str, now: datetime) -> dict[str, Any]:
    """Who was asked by whom, when, with which words, and what they answered; as plain JSON."""
    wording = request.wording
    found: dict[str, Any] = {
        "request": request.id, "path": request.path.value, "wording_version": wording.number, "wording_id": wording.id,
        "wording": wording.agreement, "language": wording.language, "requested_by": request.created_by,
        "requested_at": request.created_at.isoformat(), **request.evidence,
    }  # fmt: skip
    for name, key in (("asked", request.message_id), ("answer", request.answer_id), ("code", request.code_message_id)):
        message = session.get(Message, key) if key else None
        if message is not None:
            at = message.sent_at or message.intent_at or message.created_at
            found |= {f"{name}_message": message.id, f"{name}_sid": message.sid or "", f"{name}_at": at.isoformat()}
            if name == "asked":
                found["asked_text"] = message.body or ""
    if request.code_message_id:
        found |= {"code_typed_by": actor, "code_typed_at": now.isoformat(), "wrong_tries": request.tries}
    return found


UNREACHED = {
    Reason.OPTED_OUT: (S.REFUSED, "They said no before they were asked."),
    Reason.COUNTRY_DISABLED: (S.EXPIRED, "The text was not sent: the number's country is not enabled."),
    Reason.EXPIRED: (S.EXPIRED, "The text was not sent in time."),
}
"""What a request comes to whose text was left out at the claim."""


def any_open(session: Session) -> bool:
    """Whether something may still come of any request at all."""
    return session.scalar(select(OptInRequest.id).where(text(OPEN_ROWS)).limit(1)) is not None


def sweep(session: Session, *, now: datetime, most: int = 500) -> int:
    """Bring open requests up to date with their texts, the ledger and the clock; how many changed. Not committed.

    Nothing depends on it: an answer and a code are judged by the same facts when they come. It keeps the list of requests true.
    """
    rows = select(OptInRequest).where(OptInRequest.state.in_(OPEN)).order_by(OptInRequest.id).limit(most)
    due = rows.where(or_(OptInRequest.state == S.REQUESTED, OptInRequest.expires_at <= now, _said_no()))
    changed = 0
    for request in session.scalars(due.with_for_update(skip_locked=True, of=OptInRequest)):
        before = request.state
        _judge(session, request, now)
        changed += request.state is not before
    session.flush()
    return changed


def _said_no() -> Any:
    since = select(func.max(ConsentEvent.id)).where(
        ConsentEvent.account_id == OptInRequest.account_id, ConsentEvent.phone == OptInRequest.phone,
        ConsentEvent.kind.in_(sorted(BLOCKING)), ConsentEvent.at >= OptInRequest.created_at,
    )  # fmt: skip
    return since.scalar_subquery().is_not(None)


def _judge(session: Session, request: OptInRequest, now: datetime) -> None:
    asked = session.get_one(Message, request.message_id)
    if asked.status is MessageStatus.SKIPPED:
        state, said = UNREACHED.get(asked.reason or Reason.EXPIRED, (S.EXPIRED, "The text was not sent."))
        ended(session, request, state, said, now=now)
    elif asked.status in (MessageStatus.FAILED, MessageStatus.CANCELED):
        ended(session, request, S.EXPIRED, "The text could not be sent to this number.", now=now)
    elif _refused(session, request):
        ended(session, request, S.REFUSED, "They said no after they were asked.", now=now)
    elif request.expires_at <= now:
        late = request.state is S.AWAITING_PIN
        ended(
            session,
            request,
            S.EXPIRED,
            "The code was not typed in time." if late else "Nobody answered in time.",
            now=now,
        )
    elif request.state is S.REQUESTED and asked.status not in NOT_SENT:
        request.state = S.AWAITING_YES
