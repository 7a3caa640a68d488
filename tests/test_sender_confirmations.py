"""The answer to a STOP: once, in time or never, past the block that it confirms and no other, and silent where Twilio answers."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.accounts import Account, SenderKind, Verification
from models.base import Database
from models.campaigns import Reason
from models.consent import ConsentEvent, ConsentKind, ConsentSource, Purpose
from models.messages import Direction, Message, MessageStatus
from models.settings import Setting
from sender import confirmations, consent, dispatch, inbox
from sender.keywords import Keyword, classify
from tests import seeds
from tests.conftest import NOW, seed_account

PERSON = "+12125550101"
OURS = "no more texts"
"""A reply that acts at once and that Twilio does not know."""
K, S = ConsentKind, ConsentSource


def setting(session: Session, account: Account, name: str, value: str) -> None:
    """What an operator decided."""
    session.add(Setting(account_id=account.id, name=name, value=value, updated_at=NOW))
    session.flush()


def receive(
    session: Session,
    account: Account,
    body: str,
    *,
    kind: SenderKind = SenderKind.SHORT_CODE,
    at: datetime = NOW,
    **params: str,
) -> Message | None:
    """One text, and its delivery once more."""
    sender = seeds.sender_of(session, account, kind)
    given = {"MessageSid": f"SM{body}{at:%H%M%S}", "From": PERSON, "To": sender.address, "Body": body} | params
    for _ in range(2):
        inbox.receive(session, account=account, sender=sender, params=given, now=at)
    return session.scalars(answers().order_by(Message.id.desc())).first()


def answers() -> Select[tuple[Message]]:
    """What we said."""
    return select(Message).where(Message.direction == Direction.OUTBOUND, Message.confirms_id.is_not(None))


def test_a_stop_is_answered_once(session: Session, account: Account) -> None:
    """In the same transaction, from the number that it came to, for five minutes; a repeat in any words is not answered again."""
    assert classify(OURS) is Keyword.STOP
    answer = receive(session, account, OURS)
    assert answer is not None
    event = session.scalars(select(ConsentEvent)).one()
    assert (answer.confirms_id, answer.phone, answer.status) == (event.id, PERSON, MessageStatus.PENDING)
    assert answer.sender_id == seeds.sender_of(session, account).id
    assert (answer.due_at, answer.expires_at) == (NOW, NOW + timedelta(minutes=5))
    assert (
        answer.body
        == "Harbor Association: You are unsubscribed and will get no more texts from us. Text START to undo this."
    )
    assert (answer.encoding, answer.segments) == ("GSM-7", 1)
    for minute, again in enumerate((OURS, "quit texting me", "🛑", "I do not want your texts any more"), start=1):
        receive(session, account, again, at=NOW + timedelta(minutes=minute))
    assert len(session.scalars(answers()).all()) == 1


def test_the_database_keeps_it_to_one(session: Session, account: Account) -> None:
    """Even whoever forgets the rule cannot write a second answer to one opt-out."""
    answer = receive(session, account, OURS)
    assert answer is not None
    row = {
        column.key: getattr(answer, column.key)
        for column in Message.__table__.columns
        if column.key not in ("id", "reply_key")
    }
    session.add(Message(**row, reply_key="another"))
    with pytest.raises(IntegrityError):
        session.flush()


def claimed(session: Session, *, after: timedelta = timedelta(seconds=1)) -> list[str]:
    """The texts that leave now."""
    session.commit()
    return [claim.body for claim in dispatch.claim(session, worker="w", now=NOW + after, limit=99)]


def test_it_passes_the_block_that_it_confirms_and_nothing_else_does(session: Session, account: Account) -> None:
    """Other texts that wait for this person are dropped; the answer leaves first, with what is left of its time."""
    seeds.sending_run(session, account, 3)
    phone = session.scalars(select(Message.phone).order_by(Message.id)).first() or ""
    receive(session, account, OURS, From=phone)
    session.commit()
    claims = dispatch.claim(session, worker="w", now=NOW + timedelta(minutes=1), limit=99)
    to_them = [claim for claim in claims if claim.to == phone]
    assert [claim.body[:7] for claim in to_them] == ["Harbor "]
    assert claims[0] is to_them[0]
    assert to_them[0].validity_seconds <= 240
    assert len(claims) == 3


def later(
    session: Session, account: Account, kind: ConsentKind, source: ConsentSource, purpose: Purpose = Purpose.ALL
) -> None:
    """Something that happens between the STOP and the claim."""
    consent.append(
        session, account_id=account.id, phone=PERSON, kind=kind, source=source, purpose=purpose, now=NOW + timedelta(seconds=1)
    )  # fmt: skip


LATER = [
    (K.RE_SUBSCRIBE, S.KEYWORD, Reason.EXPIRED),  # it would not be true any more
    (K.OPT_IN, S.IMPORT, Reason.EXPIRED),
    (K.OPT_OUT, S.ADMIN, Reason.OPTED_OUT),  # another block
    (K.HOLD, S.ADMIN, Reason.OPTED_OUT),
    (K.OPT_OUT, S.PROVIDER_REFUSAL, Reason.OPTED_OUT),
    (K.OPT_OUT, S.KEYWORD, None),  # said once more
    (K.HOLD, S.KEYWORD, None),
]


@pytest.mark.parametrize(("kind", "source", "reason"), LATER)
def test_what_happens_before_it_leaves(
    session: Session, account: Account, kind: ConsentKind, source: ConsentSource, reason: Reason | None
) -> None:
    """Coming back or another block keep it here for good; the same wish in other words does not."""
    answer = receive(session, account, OURS)
    assert answer is not None
    later(session, account, kind, source)
    assert (claimed(session) == []) == (reason is not None)
    session.refresh(answer)
    assert answer.reason is reason
    assert answer.status is (MessageStatus.SKIPPED if reason else MessageStatus.CLAIMED)


BEFORE = [
    (K.OPT_OUT, S.ADMIN, Purpose.ALL, False),
    (K.OPT_OUT, S.ADMIN, Purpose.ACCOUNT, False),
    (K.HOLD, S.ADMIN, Purpose.ALL, False),
    (K.HOLD, S.KEYWORD, Purpose.ALL, True),  # what waited for a review is now clear
    (K.OPT_OUT, S.FORM, Purpose.MARKETING, True),
    (K.OPT_IN, S.FORM, Purpose.ALL, True),
]


@pytest.mark.parametrize(("kind", "source", "purpose", "answered"), BEFORE)
def test_what_stood_before(
    session: Session, account: Account, kind: ConsentKind, source: ConsentSource, purpose: Purpose, answered: bool
) -> None:
    """Somebody who was blocked already hears nothing new: it is the first block alone that is confirmed."""
    later(session, account, kind, source, purpose)
    assert (receive(session, account, OURS) is not None) == answered


def test_in_time_or_never(session: Session, account: Account) -> None:
    """After five minutes it stays here: a late one would be no confirmation any more but one more text."""
    answer = receive(session, account, OURS)
    assert answer is not None
    assert claimed(session, after=timedelta(minutes=5)) == []
    session.refresh(answer)
    assert (answer.status, answer.reason) == (MessageStatus.SKIPPED, Reason.EXPIRED)


def test_coming_back_and_leaving_again(session: Session, account: Account) -> None:
    """Each refusal is confirmed once."""
    receive(session, account, OURS)
    receive(session, account, "START", at=NOW + timedelta(seconds=10))
    receive(session, account, OURS, at=NOW + timedelta(seconds=20))
    assert len(session.scalars(answers()).all()) == 2
    assert len(claimed(session, after=timedelta(seconds=30))) == 1


WHO = [
    # setting, sender, reply, OptOutType → do we answer?
    ("auto", SenderKind.SHORT_CODE, "STOP", "", False),
    ("auto", SenderKind.SHORT_CODE, " stop. ", "", False),
    ("auto", SenderKind.SHORT_CODE, "revoke", "", False),
    ("auto", SenderKind.SHORT_CODE, "OPT OUT", "", True),  # which Twilio does not take for OPTOUT
    ("auto", SenderKind.SHORT_CODE, "stop please", "", True),
    ("auto", SenderKind.SHORT_CODE, "🛑", "", True),
    ("auto", SenderKind.SHORT_CODE, OURS, "STOP", False),
    ("always", SenderKind.SHORT_CODE, "STOP", "", True),
    ("always", SenderKind.SHORT_CODE, "STOP", "STOP", False),
    ("always", SenderKind.TOLL_FREE, "STOP", "", False),
    ("always", SenderKind.TOLL_FREE, "unsubscribe", "", True),
    ("never", SenderKind.SHORT_CODE, OURS, "", False),
    ("sometimes", SenderKind.SHORT_CODE, OURS, "", False),
    ("always", SenderKind.SHORT_CODE, "START", "", False),
    ("always", SenderKind.SHORT_CODE, "I do not want your texts any more", "", False),
]


@pytest.mark.parametrize(("mode", "kind", "reply", "said", "ours"), WHO)
def test_who_answers(
    session: Session, account: Account, mode: str, kind: SenderKind, reply: str, said: str, ours: bool
) -> None:
    """Never two answers: not where Twilio says that it has one, knows the word, or the toll-free network answers."""
    seeds.sender_of(session, account, SenderKind.TOLL_FREE).verification = Verification.TWILIO_APPROVED
    setting(session, account, "stop_confirmation", mode)
    assert (receive(session, account, reply, kind=kind, OptOutType=said) is not None) == ours


def test_nothing_is_said_that_could_not_be_sent(session: Session, account: Account) -> None:
    """To an author who is no phone, or from a number that may not send; the opt-out counts all the same."""
    assert receive(session, account, OURS, From="VERIZON") is None
    assert receive(session, account, OURS, kind=SenderKind.TOLL_FREE, at=NOW + timedelta(seconds=1)) is None
    inbox.receive(
        session,
        account=account,
        sender=None,
        now=NOW,
        params={"MessageSid": "SM9", "From": "+12125550109", "Body": OURS},
    )
    assert session.scalars(answers()).all() == []
    assert len(consent.blocked(session, account.id, ["VERIZON", PERSON, "+12125550109"], Purpose.ACCOUNT)) == 3


def test_a_text_that_is_taken_in_late_is_not_answered(session: Session, account: Account) -> None:
    """After a backup was restored: whoever was there when it came has answered it; the refusal counts."""
    sender = seeds.sender_of(session, account)
    params = {"MessageSid": "SM1", "From": PERSON, "To": sender.address, "Body": OURS}
    inbox.receive(session, account=account, sender=sender, params=params, now=NOW, answers=False)
    assert session.scalars(answers()).all() == []
    assert PERSON in consent.blocked(session, account.id, [PERSON], Purpose.ACCOUNT)


def test_own_words(session: Session, account: Account) -> None:
    """An account may say it in its own way; the text is frozen as it was sent."""
    setting(session, account, "stop_confirmation_text", "{organisation} : c'est noté, plus aucun SMS.")
    answer = receive(session, account, OURS)
    assert answer is not None
    assert answer.body == "Harbor Association : c'est noté, plus aucun SMS."


def test_a_webhook_that_comes_twice_at_once(database: Database) -> None:
    """Two deliveries of one STOP in two transactions: the second finds the first, or is refused and finds it then."""
    with database.session() as session:
        account = seed_account(session)
        receive(session, account, OURS)
        session.commit()
        receive(session, account, OURS)
        session.commit()
        assert len(session.scalars(answers()).all()) == 1


def test_the_facts_are_dated() -> None:
    """Before the rule and the wording were in force nothing was said; each row names its source."""
    assert confirmations.facts(date(2024, 1, 1)).minutes is None
    assert confirmations.facts(date(2026, 11, 20)).minutes == 5
    assert "revoke" not in confirmations.facts(date(2025, 5, 13)).answered
    assert "revoke" in confirmations.facts(date(2025, 5, 14)).answered
    assert "http" not in confirmations.facts(date(2026, 11, 20)).wording
