"""How does a number come to a yes that can be proved? A request asks, the person answers, and every end has its sentence.

    requested → awaiting_yes → (awaiting_pin →) completed | expired | refused | locked

A request and the text that asks are written in one transaction, and so are an answer, what it changes in the ledger and the text
that follows it: a process that dies leaves both or neither, and a repeated webhook finds the message known. An account has at most
one open request for a number, which the database sees to, so a YES is never the answer to two questions. It counts only on the
sender that asked, after the question left and before any other text of ours did. A no at any moment ends the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.accounts import Account, SenderKind, SendingNumber
from models.consent import ConsentKind, Purpose
from models.contacts import Contact
from models.countries import CountrySetting
from models.opt_ins import OptInPath, OptInRequest, OptInState, OptInWording
from models.phones import LineType, Phone, PhoneProblem, normalise
from models.settings import value
from sender import consent, flags, opt_in_texts, opt_in_words
from sender.opt_in_answers import ended, hold, open_request

S = OptInState
UNTEXTABLE = frozenset(
    {LineType.FIXED_LINE, LineType.PREMIUM, LineType.SHARED_COST, LineType.TOLL_FREE, LineType.PAGER}
)


class NotStarted(Exception):
    """Nobody was asked; the message is a sentence for who wanted to."""


def current_wording(session: Session, account_id: int) -> OptInWording | None:
    """What people of the account agree to now: the newest version."""
    mine = select(OptInWording).where(OptInWording.account_id == account_id)
    return session.scalars(mine.order_by(OptInWording.number.desc()).limit(1)).first()


def publish(
    session: Session, *, account_id: int, actor: str, now: datetime, purpose: Purpose, language: str, brand: str,
    programme: str, description: str, frequency: str, terms_url: str, privacy_url: str,
) -> OptInWording:  # fmt: skip
    """Make a new version of what people agree to, in force at once; older ones stay. Flushed, not committed."""
    session.execute(select(Account.id).where(Account.id == account_id).with_for_update(key_share=True)).one()
    last = current_wording(session, account_id)
    made = OptInWording(
        account_id=account_id, number=last.number + 1 if last else 1, purpose=purpose, language=language, brand=brand,
        programme=programme, description=description, frequency=frequency, terms_url=terms_url, privacy_url=privacy_url,
        agreement=opt_in_words.agreement(language, brand=brand, programme=programme, frequency=frequency),
        created_by=actor, created_at=now,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def start(
    session: Session,
    *,
    account: Account,
    phone: str,
    path: OptInPath,
    now: datetime,
    contact: Contact | None = None,
    evidence: Mapping[str, Any] | None = None,
    actor: str = "",
) -> OptInRequest:
    """Ask the person behind a number (in any notation) to agree; the request that is open already, if one is. Not committed.

    Any path may be asked for: a module that makes a payment plan passes `OptInPath.PLAN`. Raises NotStarted, with the sentence
    why this number may not or cannot be asked: it said no, waits to be read, agreed before, cannot be texted, was asked too often.
    """
    number, country = _textable(session, account, phone)
    wording, sender = _wording(session, account), _sender(session, account, country)
    opt_in_texts.conversation(session, account.id, number.e164, sender.id, now=now)
    found = open_request(session, account.id, number.e164)
    if found is not None and found.expires_at <= now:
        ended(session, found, S.EXPIRED, "Nobody answered in time.", now=now)
        session.flush()
    elif found is not None:
        return found
    _askable(session, account, number.e164, wording, now=now)
    if contact is None:
        contact = session.scalar(select(Contact).where(Contact.account_id == account.id, Contact.phone == number.e164))
    request = OptInRequest(
        account_id=account.id, phone=number.e164, contact_id=contact.id if contact else None, purpose=wording.purpose,
        path=path, state=S.REQUESTED, wording_id=wording.id, sender_id=sender.id, evidence=dict(evidence or {}),
        created_by=actor, created_at=now,
        expires_at=now + timedelta(hours=int(value(session, "opt_in_hours", account_id=account.id))),
    )  # fmt: skip
    try:
        with session.begin_nested():
            session.add(request)
            session.flush()
            asked = opt_in_texts.write(
                session,
                request,
                "ask",
                opt_in_words.ask(wording),
                region=number.region,
                now=now,
                until=request.expires_at,
            )
            request.message_id = asked.id
    except IntegrityError:  # somebody else asked at this moment
        other = open_request(session, account.id, number.e164)
        if other is None:
            raise
        return other
    return request


def _textable(session: Session, account: Account, phone: str) -> tuple[Phone, CountrySetting]:
    """The number, and what the account says of its country."""
    number = normalise(phone, account.default_region)
    if isinstance(number, PhoneProblem):
        raise NotStarted(number.sentence)
    if number.line_type in UNTEXTABLE:
        raise NotStarted("This kind of number cannot receive texts; ask for a mobile number.")
    mine = (CountrySetting.account_id == account.id, CountrySetting.region == number.region)
    country = session.scalar(select(CountrySetting).where(*mine, CountrySetting.enabled.is_(True)))
    if country is None:
        raise NotStarted("The number's country is not enabled in the country settings.")
    return number, country


def _wording(session: Session, account: Account) -> OptInWording:
    found = current_wording(session, account.id)
    if found is None:
        raise NotStarted("Nobody has written yet what people agree to. An admin does that under Opt-ins, Wording.")
    return found


def _sender(session: Session, account: Account, country: CountrySetting) -> SendingNumber:
    """The country's own sender, else the account's default."""
    found = country.sender or opt_in_texts.default_sender(session, account.id)
    if found is None or not found.may_send:
        raise NotStarted(
            "No sender of the account may text this number now: look at the default sender, and at the country's."
        )
    if found.kind is SenderKind.ALPHANUMERIC:
        raise NotStarted(
            "Nobody can answer the sender that this number is texted from, because it is a name. Choose a number."
        )
    return found


def _askable(session: Session, account: Account, phone: str, wording: OptInWording, *, now: datetime) -> None:
    """Raises NotStarted where the number may not be asked."""
    no = consent.blocked(session, account.id, [phone], Purpose.ALL).get(phone)
    if no is not None and no.kind is ConsentKind.HOLD:
        raise NotStarted("A reply of this number waits to be read. Decide about it first.")
    if no is not None:
        raise NotStarted("This person opted out and is not asked again. They may text START, or agree in writing.")
    if consent.as_of(session, account.id, phone, wording.purpose, now).agreed is not None:
        raise NotStarted("This person has agreed already; there is nothing to ask.")
    flag = flags.standing(session, account.id, [phone], Purpose.ALL).get(phone)
    if flag is not None:
        raise NotStarted(f"A flag stands on this number ({flags.detail(flag)}). Clear it first, if that is right.")
    most = account.max_invitations
    days = int(value(session, "opt_in_invitation_days", account_id=account.id))
    lately = select(func.count()).where(
        OptInRequest.account_id == account.id, OptInRequest.phone == phone,
        OptInRequest.created_at > now - timedelta(days=days),
    )  # fmt: skip
    if most is not None and (session.scalar(lately) or 0) >= most:
        times = "once" if most == 1 else f"{most} times"
        raise NotStarted(f"This number was asked {times} in the last {days} days, as often as is allowed.")


def link(
    session: Session, *, account: Account, phone: str, contact: Contact, actor: str, now: datetime
) -> OptInRequest:
    """Ask an unknown number that a supervisor says belongs to a contact. Raises NotStarted."""
    return start(
        session, account=account, phone=phone, path=OptInPath.SUPERVISOR_LINK, contact=contact, actor=actor, now=now
    )


def withdraw(session: Session, request: OptInRequest, *, actor: str, now: datetime) -> bool:
    """Ask no more; False when it had ended before. A text that has not left yet does not leave."""
    hold(session, request)
    if not request.open:
        return False
    ended(session, request, S.EXPIRED, f"Withdrawn by {actor}.", now=now)
    return True
