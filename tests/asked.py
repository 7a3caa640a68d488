"""What the tests of opt-ins start from: a wording, a request whose text has left, and the answers of its person."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.consent import Purpose
from models.messages import Message, MessageStatus
from models.opt_ins import OptInPath, OptInRequest, OptInWording
from sender import dispatch, inbox, opt_ins
from tests import seeds
from tests.conftest import NOW

PHONE = "+12125550133"
SOON = timedelta(seconds=30)


def wording(session: Session, account: Account, *, language: str = "en") -> OptInWording:
    """A version of what people agree to."""
    return opt_ins.publish(
        session, account_id=account.id, actor="amara@example.com", now=NOW, purpose=Purpose.ACCOUNT, language=language,
        brand="Harbor", programme="your membership", description="Reminders about dues and events.",
        frequency="2 messages a month", terms_url="https://harbor.example/terms",
        privacy_url="https://harbor.example/privacy",
    )  # fmt: skip


def asked(
    session: Session, account: Account, path: OptInPath = OptInPath.AGENT_PIN, *, phone: str = PHONE, at: datetime = NOW
) -> OptInRequest:
    """A request whose text has left; committed."""
    if opt_ins.current_wording(session, account.id) is None:
        wording(session, account)
    request = opt_ins.start(session, account=account, phone=phone, path=path, now=at, actor="robin@example.com")
    session.commit()
    left(session, at=at)
    return request


def left(session: Session, *, at: datetime = NOW) -> list[str]:
    """Send what is due; the bodies, in their order."""
    claims = dispatch.claim(session, worker="w", now=at, limit=50)
    for claim in claims:
        message = session.get_one(Message, claim.message_id)
        message.status, message.sid, message.sent_at = MessageStatus.SENT, f"SM{claim.message_id:032x}", at
    session.commit()
    return [claim.body for claim in claims]


def says(
    session: Session,
    account: Account,
    body: str,
    *,
    phone: str = PHONE,
    sid: str = "",
    at: datetime = NOW + SOON,
    **params: str,
) -> Message | None:
    """The person texts the account's short code; committed."""
    given = {"MessageSid": sid or f"SM{body}{phone}{at:%H%M%S%f}", "From": phone, "To": "27242", "Body": body} | params
    found = inbox.receive(session, account=account, sender=seeds.sender_of(session, account), params=given, now=at)
    session.commit()
    return found


def code_of(session: Session, request: OptInRequest) -> str:
    """The code, as the person reads it on the phone."""
    body = session.scalars(select(Message.body).where(Message.id == request.code_message_id)).one()
    return next(word.rstrip(".") for word in (body or "").split() if word.rstrip(".").isdigit())
