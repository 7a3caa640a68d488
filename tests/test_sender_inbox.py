"""Inbound texts: each is kept once, joins its conversation, and what it says about consent holds at the next claim."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.accounts import Account, SenderKind
from models.consent import ConsentEvent, ConsentKind, ConsentSource, Purpose
from models.inbox import Conversation, ConversationState
from models.messages import Direction, Kind, Message, MessageStatus
from models.rollups import UsageDelta
from sender import checkpoints, consent, dispatch, inbox
from tests import seeds
from tests.conftest import NOW, seed_account

PERSON = "+12125550101"
K = ConsentKind


def text(
    session: Session,
    account: Account,
    body: str,
    *,
    sid: str = "",
    at: datetime = NOW,
    known: bool = True,
    kind: SenderKind = SenderKind.SHORT_CODE,
    **params: str,
) -> Message | None:
    """One text to the account's short code (or its other kind of sender), or to a number that is none of its senders."""
    given = {"MessageSid": sid or f"SM{body}{at:%H%M%S}", "From": PERSON, "To": "27242", "Body": body} | params
    sender = seeds.sender_of(session, account, kind) if known else None
    return inbox.receive(session, account=account, sender=sender, params=given, now=at)


def events(session: Session) -> list[ConsentKind]:
    """What the ledger says, oldest first."""
    return list(session.scalars(select(ConsentEvent.kind).order_by(ConsentEvent.id)))


def test_a_text_is_kept(session: Session, account: Account, now: datetime) -> None:
    """As a received message of its conversation, with its number, its text and its segments."""
    (person,) = seeds.contacts(session, account, 1)
    message = text(session, account, "Grüße ✓", sid="SM1", NumSegments="1", NumMedia="0", From=person.phone)
    assert message is not None
    assert (message.direction, message.kind, message.status) == (Direction.INBOUND, Kind.SMS, MessageStatus.RECEIVED)
    assert (message.phone, message.region, message.body, message.sid) == (person.phone, "US", "Grüße ✓", "SM1")
    assert (message.encoding, message.units, message.segments, message.twilio_segments) == ("UCS-2", 7, 1, 1)
    assert message.created_at == message.sent_at == message.final_at == now
    conversation = session.get_one(Conversation, message.conversation_id)
    assert (conversation.contact_id, conversation.state) == (person.id, ConversationState.OPEN)
    assert conversation.last_inbound_at == now
    delta = session.scalars(select(UsageDelta)).one()
    assert (delta.direction, delta.status, delta.messages, delta.segments) == ("inbound", "received", 1, 1)
    assert events(session) == []


def test_a_repeat_is_nothing(session: Session, account: Account, now: datetime) -> None:
    """The same SID again, even with other words: no second message, no second event, no second count."""
    assert text(session, account, "STOP", sid="SM1")
    for body in ("STOP", "START", ""):
        assert text(session, account, body, sid="SM1", at=now + timedelta(hours=1)) is None
    assert events(session) == [K.OPT_OUT]
    assert session.scalar(select(func.sum(UsageDelta.messages))) == 1
    assert session.scalars(select(Conversation.last_inbound_at)).one() == now


def opt_out(session: Session, account: Account) -> None:
    """The person has said no before."""
    consent.append(session, account_id=account.id, phone=PERSON, kind=K.OPT_OUT, source=ConsentSource.ADMIN, now=NOW)


@pytest.mark.parametrize(
    ("kind", "body", "reopens"),
    [
        (SenderKind.SHORT_CODE, "START", True),
        (SenderKind.SHORT_CODE, "YES", True),
        (SenderKind.TOLL_FREE, "START", True),
        (SenderKind.TOLL_FREE, "unstop", True),
        (SenderKind.TOLL_FREE, "YES", False),
    ],
)
def test_coming_back(session: Session, account: Account, kind: SenderKind, body: str, reopens: bool) -> None:
    """START lifts an opt-out; on a toll-free number YES does not, because the network itself keeps blocking."""
    opt_out(session, account)
    text(session, account, body, kind=kind)
    blocked = consent.blocked(session, account.id, [PERSON], Purpose.ALL)
    assert (PERSON not in blocked) is reopens


def test_yes_without_a_no_is_an_answer(session: Session, account: Account) -> None:
    """Somebody who never said no and answers YES changes nothing in the ledger."""
    text(session, account, "YES")
    assert events(session) == []


WORDS = [
    # body, OptOutType → what it does to consent
    ("STOP", "", K.OPT_OUT),
    (" stop. ", "", K.OPT_OUT),
    ("UNSUBSCRIBE", "", K.OPT_OUT),
    ("START", "", K.RE_SUBSCRIBE),
    ("HELP", "", None),
    ("I do not want your texts any more", "", K.HOLD),
    ("Thanks, see you there!", "", None),
    ("", "", None),
    ("We stop by at six", "", None),
    # Twilio's own judgement wins
    ("no more", "STOP", K.OPT_OUT),
    ("STOP", "HELP", None),
    ("STOP", "START", K.RE_SUBSCRIBE),
    # words that Twilio does not use leave the judgement to us
    ("STOP", "stop", K.OPT_OUT),
    ("STOP", "SOMETHING", K.OPT_OUT),
]


def test_what_a_reply_does_to_consent(session: Session, account: Account) -> None:
    """A word acts at once, a sentence that asks us to stop holds, and nothing else does anything."""
    for body, said, kind in WORDS:
        if kind is K.RE_SUBSCRIBE:  # only somebody who said no can come back
            opt_out(session, account)
        message = text(session, account, body, OptOutType=said)
        assert message is not None
        found = session.scalars(select(ConsentEvent).where(ConsentEvent.source == ConsentSource.KEYWORD)).all()
        assert [event.kind for event in found] == ([kind] if kind else []), (body, said)
        for event in found:
            assert (event.phone, event.purpose, event.source) == (PERSON, Purpose.ALL, ConsentSource.KEYWORD)
            assert (event.message_id, event.evidence["sid"]) == (message.id, message.sid)
            assert body.strip() not in event.evidence.values() or body in {"STOP", "START"}
        state = session.scalars(select(Conversation.state)).one()
        assert (state is ConversationState.REVIEW) == (kind is K.HOLD)
        session.rollback()


def test_consent_over_a_conversation(session: Session, account: Account) -> None:
    """STOP, START and a probable stop follow each other; the chain of events stays whole."""
    for number, (body, blocked) in enumerate(
        [
            ("Hello", False),
            ("STOP", True),
            ("Thanks", True),
            ("STOP", True),
            ("START", False),
            ("I do not want your texts any more", True),
            ("Hello?", True),
            ("START", False),
            ("HELP", False),
        ]
    ):
        text(session, account, body, sid=f"SM{number}", at=NOW + timedelta(minutes=number))
        found = consent.blocked(session, account.id, [PERSON], Purpose.ACCOUNT)
        assert (PERSON in found) == blocked, body
    session.commit()
    assert checkpoints.walk(session, account).problem is None
    assert session.scalars(select(Conversation)).one().state is ConversationState.REVIEW


@pytest.mark.parametrize("known", [True, False])
def test_a_stop_holds_at_the_next_claim(session: Session, account: Account, now: datetime, known: bool) -> None:
    """Even if it was sent to a number that is none of our senders any more; and START lets the rest go."""
    seeds.sending_run(session, account, 3)
    (first,) = dispatch.claim(session, worker="w", now=now, limit=1)
    second, _third = session.scalars(select(Message.phone).where(Message.id != first.message_id).order_by(Message.id))
    assert (text(session, account, "STOP", From=second, known=known) is not None) == known
    session.commit()
    rest = dispatch.claim(session, worker="w", now=now + timedelta(seconds=1), limit=9)
    assert second not in {claim.to for claim in rest}
    assert len(rest) == 1
    text(session, account, "START", From=second)
    seeds.sending_run(session, account, 3, name="Summer")
    again = dispatch.claim(session, worker="w", now=now + timedelta(seconds=2), limit=9)
    assert second in {claim.to for claim in again}


def test_a_stop_is_about_one_account(session: Session, account: Account) -> None:
    """Two associations with the same member: a STOP to one is no STOP to the other, but covers all its senders."""
    other = seed_account(session, slug="other")
    text(session, account, "STOP")
    assert consent.blocked(session, account.id, [PERSON], Purpose.MARKETING)
    assert not consent.blocked(session, other.id, [PERSON], Purpose.MARKETING)


def test_conversations(session: Session, account: Account, now: datetime) -> None:
    """One for each number and sender; a closed one opens again; one under review stays so; somebody is recognised later."""
    toll_free = seeds.sender_of(session, account, SenderKind.TOLL_FREE)
    params = {"MessageSid": "SM0", "From": PERSON, "To": toll_free.address, "Body": "Hello"}
    inbox.receive(session, account=account, sender=toll_free, params=params, now=now)
    text(session, account, "Hello", sid="SM1")
    text(session, account, "Hello", sid="SM2", From="+12125550102")
    assert len(session.scalars(select(Conversation)).all()) == 3
    mine = session.scalars(select(Conversation).where(Conversation.phone == "+12125550102")).one()
    mine.state = ConversationState.CLOSED
    text(session, account, "Hello", sid="SM3", From=mine.phone, at=now + timedelta(days=1))
    assert (mine.state, mine.contact_id) == (ConversationState.OPEN, None)
    assert mine.last_inbound_at == now + timedelta(days=1)
    text(session, account, "I do not want your texts any more", sid="SM4", From=mine.phone)
    text(session, account, "Hello", sid="SM5", From=mine.phone)
    assert mine.state is ConversationState.REVIEW
    known = [person for person in seeds.contacts(session, account, 5) if person.phone == "+12125550101"]
    text(session, account, "It is me", sid="SM6")
    (found,) = session.scalars(
        select(Conversation).where(Conversation.phone == PERSON, Conversation.contact_id.is_not(None))
    )
    assert found.contact_id == known[0].id


def test_authors_who_are_no_members(session: Session, account: Account) -> None:
    """A short code, a name, an anonymous or foreign number: kept as it came, and a STOP from it counts."""
    for author in ("12345", "VERIZON", "+266696687", "whatsapp:+12125550101", "+442079460000", "?"):
        message = text(session, account, "STOP", sid=author, From=author)
        assert message is not None
        assert message.phone == author
        assert message.region == ("GB" if author.startswith("+44") else "")
        assert consent.blocked(session, account.id, [author], Purpose.ACCOUNT)


COUNTS = [("1", 1), ("12", 12), *((junk, None) for junk in ("", "0", "abc", "-1", "1.5", "²", "9" * 5000))]


def test_counts_that_are_none(session: Session, account: Account) -> None:
    """Junk where a number should be costs the number, never the text."""
    for written, expected in COUNTS:
        message = text(session, account, "Hello", NumSegments=written, NumMedia=written)
        assert message is not None
        assert message.twilio_segments == expected
        assert (message.kind is Kind.MMS) == (expected is not None)
        session.rollback()


def test_a_picture(session: Session, account: Account) -> None:
    """An MMS without a word is a message with the address of its first medium, and asks for nothing."""
    message = text(session, account, "", NumMedia="2", MediaUrl0="https://x.example/1", MediaUrl1="https://x.example/2")
    assert message is not None
    assert (message.kind, message.media_url, message.body) == (Kind.MMS, "https://x.example/1", "")
    assert events(session) == []
