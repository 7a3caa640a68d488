"""Opt-in requests: every way to a yes with its evidence, every end in between, and nothing that could pass for a yes."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.accounts import Account, SenderKind, Verification
from models.base import Database
from models.consent import ConsentEvent, ConsentKind, ConsentSource, Purpose
from models.contacts import Contact
from models.countries import CountrySetting
from models.inbox import Conversation
from models.messages import Direction, Message, MessageStatus
from models.opt_ins import OptInPath, OptInRequest, OptInState, carries_code, is_invitation
from sender import checkpoints, consent, inbox, opt_in_answers, opt_in_codes, opt_in_texts, opt_in_words, opt_ins
from sender.keywords import Keyword, classify
from sender.opt_ins import NotStarted
from tests import seeds
from tests.asked import PHONE, SOON, asked, code_of, left, says, wording
from tests.conftest import NOW, seed_account

P, S, K = OptInPath, OptInState, ConsentKind
WITHOUT_CODE = [path for path in P if path is not P.AGENT_PIN]


def yeses(session: Session) -> list[ConsentEvent]:
    """The opt-ins in the ledger."""
    return list(session.scalars(select(ConsentEvent).where(ConsentEvent.kind == K.OPT_IN).order_by(ConsentEvent.id)))


def bodies(session: Session) -> list[str | None]:
    """Our texts, oldest first."""
    ours = select(Message.body).where(Message.direction == Direction.OUTBOUND).order_by(Message.id)
    return list(session.scalars(ours))


def awaited(session: Session, account: Account) -> tuple[OptInRequest, str]:
    """A request whose code has been texted, and the code."""
    request = asked(session, account)
    says(session, account, "YES")
    assert request.state is S.AWAITING_PIN
    left(session, at=NOW + SOON)
    return request, code_of(session, request)


def test_a_code_that_is_read_out_proves_the_phone(session: Session, account: Account) -> None:
    """Asked, yes, code, typed: one yes in the ledger that names every message, time, wording and person; then one confirmation."""
    request = asked(session, account)
    assert request.state is S.REQUESTED
    assert opt_in_answers.sweep(session, now=NOW) == 1
    assert request.state is S.AWAITING_YES
    answer = says(session, account, "Yes!")
    assert answer is not None
    left(session, at=NOW + SOON)
    code = code_of(session, request)
    assert len(code) == 6
    later = NOW + timedelta(minutes=2)
    said = opt_in_answers.enter_code(session, request, f" {code[:3]} {code[3:]}", actor="sam@example.com", now=later)
    session.commit()
    assert said == "The code is right. The person has agreed."
    assert (request.state, request.finished_at) == (S.COMPLETED, later)
    (event,) = yeses(session)
    assert (event.phone, event.purpose, event.source) == (PHONE, Purpose.ACCOUNT, ConsentSource.AGENT_PIN)
    assert (event.message_id, event.actor, event.id) == (answer.id, "sam@example.com", request.event_id)
    proof = event.evidence
    assert proof["requested_by"] == "robin@example.com"
    assert proof["requested_at"] == NOW.isoformat()
    assert proof["wording"] == request.wording.agreement
    assert "Reply HELP for help, STOP to cancel." in proof["wording"]
    assert proof["asked_text"].startswith("Harbor: Reply YES")
    assert (proof["asked_message"], proof["asked_sid"]) == (request.message_id, f"SM{request.message_id:032x}")
    assert (proof["answer_message"], proof["answer_sid"]) == (answer.id, answer.sid)
    assert proof["code_message"] == request.code_message_id
    assert (proof["code_typed_by"], proof["code_typed_at"]) == ("sam@example.com", later.isoformat())
    assert code not in str(proof)
    assert code not in str([getattr(request, column.key) for column in OptInRequest.__table__.columns])
    assert left(session, at=later) == [opt_in_words.welcome(request.wording)]
    assert len(bodies(session)) == 3
    assert checkpoints.walk(session, account).problem is None


@pytest.mark.parametrize("path", WITHOUT_CODE)
def test_a_yes_completes_the_other_paths(session: Session, account: Account, path: OptInPath) -> None:
    """One answer, one event by the path's own name, one confirmation."""
    request = asked(session, account, path)
    says(session, account, "yes please")
    assert request.state is S.COMPLETED
    (event,) = yeses(session)
    assert (event.source.value, event.actor) == (path.value, "robin@example.com")
    assert event.evidence["path"] == path.value
    assert consent.as_of(session, account.id, PHONE, Purpose.ACCOUNT, NOW + SOON).agreed is not None
    assert bodies(session) == [opt_in_words.ask(request.wording), opt_in_words.welcome(request.wording)]


def test_a_yes_once_is_a_yes_once(session: Session, account: Account) -> None:
    """A webhook that is repeated, and a person who answers twice, change nothing more."""
    for path in (P.QUICK, P.AGENT_PIN):
        phone = PHONE if path is P.QUICK else "+12125550134"
        request = asked(session, account, path, phone=phone)
        for sid in ("SMa", "SMa", "SMb"):
            says(session, account, "YES", phone=phone, sid=sid + phone)
        assert request.state is (S.COMPLETED if path is P.QUICK else S.AWAITING_PIN)
    assert len(yeses(session)) == 1
    assert len(bodies(session)) == 4


@pytest.mark.parametrize("wrong", [4, 5])
def test_wrong_codes_are_counted(session: Session, account: Account, wrong: int) -> None:
    """After four the right one is still right; after five it is locked, and the right one comes too late."""
    request, code = awaited(session, account)
    other = f"{(int(code) + 1) % 10**6:06}"
    for number in range(1, wrong + 1):
        said = opt_in_answers.enter_code(session, request, other, actor="sam", now=NOW + SOON)
        session.commit()
        left_over = 5 - number
        assert ("last try" in said) if not left_over else (f"{left_over} more" in said)
    said = opt_in_answers.enter_code(session, request, code, actor="sam", now=NOW + SOON)
    assert request.state is (S.COMPLETED if wrong == 4 else S.LOCKED)
    assert len(yeses(session)) == (1 if wrong == 4 else 0)
    assert said == ("No code is awaited any more." if wrong == 5 else "The code is right. The person has agreed.")
    assert request.tries == wrong
    if wrong == 4:
        assert yeses(session)[0].evidence["wrong_tries"] == 4


@pytest.mark.parametrize(("late", "state"), [(-1, S.COMPLETED), (0, S.EXPIRED), (1, S.EXPIRED)])
def test_a_code_holds_ten_minutes_to_the_second(
    session: Session, account: Account, late: int, state: OptInState
) -> None:
    """Counted from the moment it was made, which is when the yes came."""
    request, code = awaited(session, account)
    at = NOW + SOON + timedelta(minutes=10, seconds=late)
    assert request.expires_at == NOW + SOON + timedelta(minutes=10)
    opt_in_answers.enter_code(session, request, code, actor="sam", now=at)
    assert request.state is state


def test_a_code_is_typed_only_when_one_was_sent(session: Session, account: Account) -> None:
    """Before the yes there is none, and an empty hash is no code."""
    request = asked(session, account)
    for typed in ("", "000000"):
        assert "not answered" in opt_in_answers.enter_code(session, request, typed, actor="sam", now=NOW)
    assert (request.state, request.tries) == (S.REQUESTED, 0)


@pytest.mark.parametrize("body", ["STOP", "please stop texting me", "🛑"])
@pytest.mark.parametrize("after", ["asked", "yes"])
def test_a_no_at_any_moment_ends_it(session: Session, account: Account, body: str, after: str) -> None:
    """Neither a later yes nor the right code brings it back, even when the no has been taken back."""
    request = asked(session, account)
    code = ""
    if after == "yes":
        says(session, account, "YES")
        code = code_of(session, request)
    says(session, account, body, at=NOW + 2 * SOON)
    assert request.state is S.REFUSED
    says(session, account, "START", at=NOW + 3 * SOON)
    assert "No code is awaited" in opt_in_answers.enter_code(session, request, code, actor="sam", now=NOW + 3 * SOON)
    assert request.state is S.REFUSED
    assert yeses(session) == []
    assert left(session, at=NOW + 4 * SOON) == []


def test_a_code_is_not_sent_to_somebody_who_just_said_no(session: Session, account: Account) -> None:
    """The code waits in the queue; at the claim the no counts."""
    request = asked(session, account)
    says(session, account, "YES")
    says(session, account, "STOP", at=NOW + 2 * SOON)
    assert left(session, at=NOW + 2 * SOON) == []
    assert session.get_one(Message, request.code_message_id).status is MessageStatus.SKIPPED


def by_staff(session: Session, account: Account, kind: ConsentKind = K.OPT_OUT) -> None:
    """A no that came in another way."""
    consent.append(
        session,
        account_id=account.id,
        phone=PHONE,
        kind=kind,
        source=ConsentSource.ADMIN,
        now=NOW + timedelta(seconds=9),
    )


def test_a_no_by_another_way_counts_as_well(session: Session, account: Account) -> None:
    """Staff wrote it down after the question left: neither the yes nor the code completes, and the list says refused."""
    request, code = awaited(session, account)
    by_staff(session, account)
    said = opt_in_answers.enter_code(session, request, code, actor="sam", now=NOW + 2 * SOON)
    assert "said no since" in said
    assert request.state is S.REFUSED
    second = asked(session, account, P.QUICK, phone="+12125550134")
    consent.append(
        session, account_id=account.id, phone=second.phone, kind=K.HOLD, source=ConsentSource.ADMIN, now=NOW + SOON
    )
    assert opt_in_answers.sweep(session, now=NOW + SOON) == 1
    assert second.state is S.REFUSED
    assert yeses(session) == []


def test_a_yes_to_something_else_is_no_yes(session: Session, account: Account) -> None:
    """Before the question left, to another sender, to another account, from another number, or after another text of ours."""
    wording(session, account)
    request = opt_ins.start(session, account=account, phone=PHONE, path=P.QUICK, now=NOW)
    session.commit()
    says(session, account, "YES", sid="SM1")
    assert request.state is S.REQUESTED
    left(session)
    toll_free = seeds.sender_of(session, account, SenderKind.TOLL_FREE)
    elsewhere = {"MessageSid": "SM2", "From": PHONE, "To": toll_free.address, "Body": "YES"}
    opt_ins_inbox(session, account, toll_free, elsewhere)
    says(session, account, "YES", phone="+12125550134")
    says(session, seed_account(session, slug="other"), "YES", sid="SM3")
    assert (request.state, yeses(session)) == (S.REQUESTED, [])
    run_text(session, account, request)
    says(session, account, "YES", sid="SM4", at=NOW + 3 * SOON)
    assert (request.state, yeses(session)) == (S.REQUESTED, [])
    assert "after another text of ours" in request.detail


def opt_ins_inbox(session: Session, account: Account, sender: Any, params: dict[str, str]) -> None:
    """A text to another of our senders."""
    inbox.receive(session, account=account, sender=sender, params=params, now=NOW + SOON)
    session.commit()


def run_text(session: Session, account: Account, request: OptInRequest) -> None:
    """Another text to the same person from the same sender, after the question."""
    at = NOW + 2 * SOON
    session.add(
        Message(
            account_id=account.id, phone=PHONE, region="US", body="Do you come on Friday? Reply YES", encoding="GSM-7", units=32,
            segments=1, status=MessageStatus.SENT, sender_id=request.sender_id, intent_at=at, sent_at=at, due_at=at,
            created_at=at, updated_at=at,
        )
    )  # fmt: skip
    session.commit()


def test_a_yes_may_come_before_we_know_that_the_question_left(session: Session, account: Account) -> None:
    """A worker died after the POST: the answer proves that the text arrived. And a service answers by any of its numbers."""
    wording(session, account)
    request = opt_ins.start(session, account=account, phone=PHONE, path=P.QUICK, now=NOW)
    message = session.get_one(Message, request.message_id)
    message.status, message.intent_at = MessageStatus.IN_DOUBT, NOW
    seeds.sender_of(session, account).sid = "MG1"
    session.commit()
    toll_free = seeds.sender_of(session, account, SenderKind.TOLL_FREE)
    params = {"MessageSid": "SM2", "From": PHONE, "To": toll_free.address, "Body": "Y", "MessagingServiceSid": "MG1"}
    opt_ins_inbox(session, account, toll_free, params)
    assert request.state is S.COMPLETED


REFUSALS: list[tuple[str, Callable[[Session, Account], object], str]] = [
    ("letters", lambda _s, _a: None, "digits only"),
    ("+442079460000", lambda _s, _a: None, "cannot receive texts"),
    ("+353851234567", lambda _s, _a: None, "not enabled"),
    (PHONE, by_staff, "opted out"),
    (PHONE, lambda s, a: by_staff(s, a, K.HOLD), "waits to be read"),
    (PHONE, lambda s, a: by_staff(s, a, K.OPT_IN), "agreed already"),
    (PHONE, lambda s, a: setattr(seeds.sender_of(s, a), "kind", SenderKind.ALPHANUMERIC), "Nobody can answer"),
    (PHONE, lambda s, a: setattr(seeds.sender_of(s, a), "active", False), "No sender of the account"),
    (PHONE, lambda s, a: setattr(a, "max_invitations", 0), "asked"),
]


@pytest.mark.parametrize(("phone", "given", "said"), REFUSALS, ids=[said for _, _, said in REFUSALS])
def test_who_is_not_asked(
    session: Session, account: Account, phone: str, given: Callable[[Session, Account], object], said: str
) -> None:
    """The reason is one sentence, and neither a request nor a text is left behind."""
    wording(session, account)
    given(session, account)
    session.flush()
    with pytest.raises(NotStarted, match=said):
        opt_ins.start(session, account=account, phone=phone, path=P.QUICK, now=NOW + SOON)
    assert session.scalars(select(OptInRequest)).all() == []
    assert bodies(session) == []


def test_nobody_is_asked_before_there_are_words(session: Session, account: Account) -> None:
    """An account that has not written what people agree to asks nobody."""
    with pytest.raises(NotStarted, match="Opt-ins, Wording"):
        opt_ins.start(session, account=account, phone=PHONE, path=P.PLAN, now=NOW)


def test_a_number_is_asked_three_times_in_thirty_days(session: Session, account: Account) -> None:
    """The fourth time is refused until the first is a month old."""
    for day in range(3):
        at = NOW + timedelta(days=2 * day)
        opt_ins.withdraw(session, asked(session, account, P.QUICK, at=at), actor="robin", now=at)
    with pytest.raises(NotStarted, match="3 times in the last 30 days"):
        opt_ins.start(session, account=account, phone=PHONE, path=P.QUICK, now=NOW + timedelta(days=29))
    assert opt_ins.start(session, account=account, phone=PHONE, path=P.QUICK, now=NOW + timedelta(days=30))


def test_asking_twice_is_asking_once(session: Session, account: Account) -> None:
    """A double click, another agent, another path: the request that is open is given, and one text is written."""
    first = asked(session, account)
    for path in P:
        again = opt_ins.start(session, account=account, phone="(212) 555-0133", path=path, now=NOW + SOON, actor="sam")
        assert again.id == first.id
    assert len(bodies(session)) == 1
    later = NOW + timedelta(hours=24)
    second = opt_ins.start(session, account=account, phone=PHONE, path=P.QUICK, now=later)
    assert second.id != first.id
    assert (first.state, first.detail) == (S.EXPIRED, "Nobody answered in time.")


def test_two_agents_at_the_same_moment(database: Database, account: Account, session: Session) -> None:
    """Both ask: one request, one text. Both type the right code: one yes. Whoever is second finds it done."""
    wording(session, account)
    session.commit()
    ids: list[int] = []
    together(2, lambda: ids.append(started(database, account.id)))
    assert len(set(ids)) == 1
    session.expire_all()
    request = session.get_one(OptInRequest, ids[0])
    assert len(bodies(session)) == 1
    left(session)
    says(session, account, "YES")
    code = code_of(session, request)
    session.commit()
    said: list[str] = []
    together(4, lambda: said.append(typed(database, request.id, code)))
    assert sorted(said)[-1] == "The code is right. The person has agreed."
    assert sorted(said)[:-1] == ["No code is awaited any more."] * 3
    session.expire_all()
    assert len(yeses(session)) == 1


def together(count: int, work: Callable[[], object]) -> None:
    """Do it in so many threads at once; what one raises is raised here."""
    ready, failures = threading.Barrier(count), list[BaseException]()

    def one() -> None:
        ready.wait()
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def started(database: Database, account_id: int) -> int:
    """Ask in a transaction of its own."""
    with database.transaction() as session:
        account = session.get_one(Account, account_id)
        return opt_ins.start(session, account=account, phone=PHONE, path=P.AGENT_PIN, now=NOW).id


def typed(database: Database, request_id: int, code: str) -> str:
    """Type a code in a transaction of its own."""
    with database.transaction() as session:
        request = session.get_one(OptInRequest, request_id)
        return opt_in_answers.enter_code(session, request, code, actor="sam", now=NOW + SOON)


def test_a_stop_and_a_code_at_the_same_moment(database: Database, account: Account, session: Session) -> None:
    """Whichever is first, nobody waits for ever, and in the end the number is not texted."""
    for number in range(4):
        phone = f"+1212555014{number}"
        request = asked(session, account, phone=phone, at=NOW)
        says(session, account, "YES", phone=phone)
        code, request_id = code_of(session, request), request.id
        session.commit()
        works = iter(
            [lambda r=request_id, c=code: typed(database, r, c), lambda p=phone: stopped(database, account.id, p)]
        )
        together(2, lambda todo=works: next(todo)())  # type: ignore[misc]
        session.expire_all()
        assert phone in consent.blocked(session, account.id, [phone], Purpose.ACCOUNT)
        assert session.get_one(OptInRequest, request_id).state in (S.COMPLETED, S.REFUSED)


def stopped(database: Database, account_id: int, phone: str) -> None:
    """A STOP in a transaction of its own."""
    with database.transaction() as session:
        account = session.get_one(Account, account_id)
        params = {"MessageSid": f"SMstop{phone}", "From": phone, "To": "27242", "Body": "STOP"}
        sender = seeds.sender_of(session, account)
        inbox.receive(session, account=account, sender=sender, params=params, now=NOW + 2 * SOON)


def test_a_process_that_dies_before_the_commit_has_done_nothing(session: Session, account: Account) -> None:
    """Asking, a yes and a right code are each one transaction: tried again they come to the same, once."""
    wording(session, account)
    session.commit()
    for _ in range(2):  # the first time the process dies on the last line
        session.rollback()
        request = opt_ins.start(session, account=account, phone=PHONE, path=P.AGENT_PIN, now=NOW)
    session.commit()
    assert opt_in_answers.any_open(session)
    assert len(left(session)) == 1
    sender = seeds.sender_of(session, account)
    params = {"MessageSid": "SM1", "From": PHONE, "To": "27242", "Body": "YES"}
    for _ in range(2):
        session.rollback()
        inbox.receive(session, account=account, sender=sender, params=params, now=NOW + SOON)
    session.commit()
    assert len(left(session, at=NOW + SOON)) == 1
    code = code_of(session, request)
    for _ in range(2):
        session.rollback()
        opt_in_answers.enter_code(session, request, code, actor="sam", now=NOW + SOON)
    session.commit()
    assert len(yeses(session)) == 1
    assert left(session, at=NOW + SOON) == [opt_in_words.welcome(request.wording)]
    assert not opt_in_answers.any_open(session)


ENDS = [
    (MessageStatus.SENT, None, 0, S.AWAITING_YES),
    (MessageStatus.PENDING, None, 0, S.REQUESTED),
    (MessageStatus.FAILED, None, 0, S.EXPIRED),
    (MessageStatus.SKIPPED, "opted_out", 0, S.REFUSED),
    (MessageStatus.SKIPPED, "country_disabled", 0, S.EXPIRED),
    (MessageStatus.SKIPPED, "expired", 0, S.EXPIRED),
    (MessageStatus.SENT, None, 24, S.EXPIRED),
    (MessageStatus.PENDING, None, 24, S.EXPIRED),
]


@pytest.mark.parametrize(("status", "reason", "hours", "state"), ENDS)
def test_the_list_follows_the_text_and_the_clock(
    session: Session, account: Account, status: MessageStatus, reason: Any, hours: int, state: OptInState
) -> None:
    """A request that waits says so; one that nobody will answer any more has ended, with a sentence."""
    wording(session, account)
    request = opt_ins.start(session, account=account, phone=PHONE, path=P.QUICK, now=NOW)
    message = session.get_one(Message, request.message_id)
    message.status, message.reason = status, reason
    session.flush()
    opt_in_answers.sweep(session, now=NOW + timedelta(hours=hours))
    assert request.state is state
    assert bool(request.detail) == (not request.open)
    assert opt_in_answers.sweep(session, now=NOW + timedelta(hours=hours)) == 0


def test_a_withdrawn_question_does_not_leave(session: Session, account: Account) -> None:
    """Its text is left out at the claim; a second withdrawal is nothing."""
    wording(session, account)
    request = opt_ins.start(session, account=account, phone=PHONE, path=P.QUICK, now=NOW)
    assert opt_ins.withdraw(session, request, actor="robin@example.com", now=NOW)
    assert not opt_ins.withdraw(session, request, actor="robin@example.com", now=NOW)
    session.commit()
    assert left(session, at=NOW) == []
    assert request.detail == "Withdrawn by robin@example.com."


def test_an_unknown_number_is_linked_and_asked(session: Session, account: Account) -> None:
    """The conversation is the contact's from then on; the yes says which path it came by."""
    says(session, account, "Hello, who is this?")
    (contact,) = seeds.contacts(session, account, 1)
    wording(session, account)
    request = opt_ins.link(session, account=account, phone=PHONE, contact=contact, actor="sam@example.com", now=NOW)
    session.commit()
    conversation = session.scalars(select(Conversation).where(Conversation.phone == PHONE)).one()
    assert (request.contact_id, conversation.contact_id) == (contact.id, contact.id)
    left(session)
    says(session, account, "YES", at=NOW + 2 * SOON)
    assert yeses(session)[0].source is ConsentSource.SUPERVISOR_LINK
    assert session.scalar(select(func.count()).select_from(Contact)) == 1


def test_another_country_is_asked_from_its_own_sender(session: Session, account: Account) -> None:
    """A US short code reaches nobody in Britain: what the country settings say counts here as well."""
    wording(session, account)
    toll_free = seeds.sender_of(session, account, SenderKind.TOLL_FREE)
    toll_free.kind = SenderKind.LONG_CODE
    country = session.scalars(select(CountrySetting).where(CountrySetting.region == "GB")).one()
    country.sender_id = toll_free.id
    toll_free.verification = Verification.NOT_NEEDED
    session.flush()
    request = opt_ins.start(session, account=account, phone="+447400123456", path=P.QUICK, now=NOW)
    assert request.sender_id == toll_free.id
    assert session.get_one(Message, request.message_id).sender_id == toll_free.id


def test_a_contact_is_known_by_the_number(session: Session, account: Account) -> None:
    """A request to a contact's number is the contact's."""
    wording(session, account)
    (contact,) = seeds.contacts(session, account, 1)
    request = opt_ins.start(session, account=account, phone=contact.phone, path=P.QUICK, now=NOW)
    assert request.contact_id == contact.id
    assert session.get_one(Message, request.message_id).contact_id == contact.id


def test_words_are_kept_as_they_were(session: Session, account: Account) -> None:
    """A new version is in force at once; the request of before keeps its own, and its yes says which."""
    request = asked(session, account, P.QUICK)
    second = wording(session, account, language="es")
    assert (second.number, opt_ins.current_wording(session, account.id)) == (2, second)
    says(session, account, "Sí")
    assert yeses(session)[0].evidence["wording_version"] == 1
    assert request.wording.language == "en"


def test_a_text_is_written_once(session: Session, account: Account) -> None:
    """Writing it again gives the one that is there; its key tells what it is."""
    request = asked(session, account)
    again = opt_in_texts.write(session, request, "ask", "Other words", region="US", now=NOW, until=NOW)
    assert again.id == request.message_id
    says(session, account, "YES")
    keys = session.scalars(
        select(Message.reply_key).where(Message.direction == Direction.OUTBOUND).order_by(Message.id)
    ).all()
    assert [carries_code(key) for key in keys] == [False, True]
    assert all(is_invitation(key) for key in keys)
    assert not any(is_invitation(key) or carries_code(key) for key in (None, "SM1:code", ""))


# codes and words


@pytest.mark.parametrize(("asked_for", "given"), [(0, 4), (4, 4), (5, 5), (6, 6), (9, 6)])
def test_codes_are_made_by_chance(asked_for: int, given: int) -> None:
    """As many digits as asked for within the bounds, leading zeros among them, and not twice the same."""
    found = {opt_in_codes.new_code(asked_for) for _ in range(200)}
    assert {len(code) for code in found} == {given}
    assert all(code.isdigit() for code in found)
    assert len(found) > 150
    assert any(code.startswith("0") for code in found)


def test_a_code_is_compared_in_constant_time() -> None:
    """By its salted hash; spaces and dashes do not count, anything else does."""
    salt = opt_in_codes.new_salt()
    kept = opt_in_codes.hashed("012345", salt)
    assert kept != opt_in_codes.hashed("012345", opt_in_codes.new_salt())
    assert opt_in_codes.fits("012-345 ", salt=salt, expected=kept)
    for typed in ("12345", "0123456", "", "o12345", "٠١٢٣٤٥", "0" * 10_000):
        assert not opt_in_codes.fits(typed, salt=salt, expected=kept)
    assert "return hmac.compare_digest(" in inspect.getsource(opt_in_codes.fits)


@pytest.mark.parametrize(
    ("body", "yes"),
    [
        *((body, True) for body in ("YES", "yes.", "Yes please", "y", "Sí", "OUI", "START", "yes yes")),
        *(
            (body, False)
            for body in ("no", "yes but later", "yesterday", "", "STOP", "HELP", "ok?", "si no", "please stop")
        ),
    ],
)
def test_what_is_a_yes(body: str, yes: bool) -> None:
    """A whole reply that says it, in three languages; never a sentence that only holds the word."""
    assert opt_in_words.agrees(body, classify(body)) is yes
    assert not opt_in_words.agrees("yes", Keyword.STOP)


def test_every_language_says_everything() -> None:
    """The same phrases in each; every row has its source, and what we only believe is marked as unconfirmed."""
    english = set(opt_in_words.phrases("en")) - {"forbidden"}
    for language in opt_in_words.LANGUAGES:
        assert set(opt_in_words.phrases(language)) - {"forbidden"} == english
    assert all(row.source for row in opt_in_words.rows())
    assert all(not row.confirmed for row in opt_in_words.rows() if "own" in row.source or "translation" in row.source)
    assert opt_in_words.phrases("en", NOW.date()).get("title") is None  # not in force yet on that day
    assert opt_in_words.phrases("en", NOW.date())["yes"]


@pytest.mark.parametrize("language", list(opt_in_words.LANGUAGES))
def test_the_confirmation_says_all_that_it_must(session: Session, account: Account, language: str) -> None:
    """Brand, programme, frequency, rates, HELP and STOP, in the question and in the confirmation (rule N10)."""
    made = wording(session, account, language=language)
    for body in (opt_in_words.ask(made), opt_in_words.welcome(made), made.agreement):
        assert all(part in body for part in ("Harbor", "your membership", "2 messages a month", "HELP", "STOP"))
    assert "10" in opt_in_words.code(made, "123456", timedelta(minutes=10))
    assert session.scalar(select(func.count()).select_from(CountrySetting)) == 4
