"""Tests of sender/explanation.py: one code and one sentence for everybody, and evidence as it stood when it was decided."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import CampaignState, Exclusion, Reason, Run
from models.consent import ConsentKind, ConsentSource
from models.contacts import Contact
from models.countries import CountrySetting
from models.flags import FlagKind
from models.messages import Callback, Direction, Message, MessageStatus
from sender import campaigns, consent, dispatch, exclusions, flags
from sender.campaigns import explain
from sender.evidence import Topic, local_times
from sender.explanation import OF_STATUS, SENTENCES, Explanation, Standing
from sender.remedies import REMEDIES, Remedy
from sender.remedies import SENTENCES as ACTS
from tests.conftest import NOW, seed_account
from tests.lists import campaign_to, expanded, listed, run_of
from tests.test_sender_tally import every_reason

M, S, R = MessageStatus, Standing, Reason
PHONE = "+12125550101"


def sending(session: Session, account: Account, content: str = "Phone\n2125550101\n2125550102\n") -> Run:
    """An expanded run that is sending."""
    source = "Hello {{ name | default: 'you' }}"
    made = campaign_to(session, account, listed(session, account, content), source, state=CampaignState.SENDING)
    run = run_of(session, made)
    run.started_at = NOW
    return expanded(session, run)


def fact(found: Explanation, topic: Topic, name: str) -> object:
    """The value of a fact."""
    [value] = [one.value for one in found.facts if (one.topic, one.name) == (topic, name)]
    return value


def said(session: Session, account: Account, kind: ConsentKind, at: datetime, phone: str = PHONE) -> int:
    """An entry of the ledger; its id."""
    return consent.append(
        session, account_id=account.id, phone=phone, kind=kind, source=ConsentSource.KEYWORD, now=at
    ).id


def test_everything_that_can_be_has_its_words() -> None:
    """Every reason, standing and status; no code is both a reason and a standing."""
    assert set(SENTENCES) == set(Standing)
    assert set(OF_STATUS) == set(MessageStatus) - {M.RECEIVED}
    assert set(REMEDIES) == set(Reason)
    assert set(ACTS) == set(Remedy)
    assert not {one.value for one in Reason} & {one.value for one in Standing}
    assert all(words.endswith(".") for words in (*SENTENCES.values(), *ACTS.values()))


def test_every_row_has_one_code(session: Session, account: Account) -> None:
    """A list with every reason: each row's code is that of its exclusion, or its message's; the same sentence as elsewhere."""
    run = every_reason(session, account)
    assert {explain(session, run, now=NOW, row=row).code for row in range(1, 14)} == {S.NOT_REACHED}
    expanded(session, run)
    excluded = {one.row: one for one in session.scalars(select(Exclusion).where(Exclusion.run_id == run.id))}
    for row in range(1, 14):
        found = explain(session, run, now=NOW, row=row)
        assert found.row == row
        if row in excluded:
            assert found.code is excluded[row].reason
            assert found.sentence == exclusions.sentence(excluded[row].reason, excluded[row].detail)
            assert found.remedies == REMEDIES[excluded[row].reason]
        else:
            assert found.code is S.WAITING


def test_before_a_run_it_says_what_would_happen(session: Session, account: Account) -> None:
    """The decisions that the run then takes, row by row, but for the segment limit that the rows before it use up."""
    run = every_reason(session, account, limit=100)
    ahead = [explain(session, run.campaign, now=NOW, row=row).code for row in range(1, 14)]
    expanded(session, run)
    after = [explain(session, run, now=NOW, row=row).code for row in range(1, 14)]
    assert [S.WAITING if code is S.WOULD_BE_TEXTED else code for code in ahead] == after
    assert session.scalar(select(Exclusion.row).where(Exclusion.run_id != run.id)) is None


@pytest.mark.parametrize(
    ("opens", "closes", "zone", "code"),
    [
        (None, None, None, S.WOULD_BE_TEXTED),
        (time(8), time(21), None, S.WOULD_BE_TEXTED),
        (time(11), time(21), None, S.WOULD_WAIT),
        (time(11), time(21), "Atlantic/Azores", S.WOULD_BE_TEXTED),
    ],
)
def test_before_a_run_hours_count(
    session: Session, account: Account, opens: time | None, closes: time | None, zone: str | None, code: Standing
) -> None:
    """It is ten in New York, where the number is, unless the person is elsewhere."""
    made = campaign_to(session, account, listed(session, account, "Phone\n2125550101\n"))
    session.execute(
        update(CountrySetting).where(CountrySetting.region == "US").values(opens_at=opens, closes_at=closes)
    )
    session.execute(update(Contact).values(time_zone=zone))
    found = explain(session, made, now=NOW, row=1)
    assert found.code is code
    assert found.run is None
    where = zone or "America/New_York"
    assert str(fact(found, Topic.WINDOW, "Local time then")).endswith(where)


@pytest.mark.parametrize("status", [status for status in M if status is not M.RECEIVED])
def test_each_status_is_told(session: Session, account: Account, status: MessageStatus) -> None:
    """With the text's size, its sender and the callbacks, and without number, name or body in any fact."""
    run = sending(session, account, "Phone,Name\n2125550101,Zoe Quill\n")
    message = session.scalars(select(Message)).one()
    message.status, message.intent_at, message.attempt, message.sent_at = status, NOW, 1, NOW + timedelta(seconds=1)
    session.add(
        Callback(
            account_id=account.id, message_id=message.id, sid="SM1", status="failed", error_code=30007, applied=False,
            received_at=NOW + timedelta(minutes=1),
        )
    )  # fmt: skip
    session.flush()
    found = explain(session, run, now=NOW + timedelta(hours=1), phone=PHONE)
    assert found.code is OF_STATUS[status]
    assert found.sentence.startswith(SENTENCES[OF_STATUS[status]])
    assert found.texted == (found.code in (S.WITH_TWILIO, S.SENT, S.DELIVERED, S.READ, S.UNDELIVERED))
    assert fact(found, Topic.TEXT, "Segments") == 1
    assert fact(found, Topic.SENDER, "From") == "Short code"
    assert [step.title for step in found.steps] == [
        f"Run 1 of {run.campaign.name} started", "Text made", "Claimed, attempt 1", "Taken by Twilio", "Twilio: failed",
    ]  # fmt: skip
    assert found.steps[-1].said == "Error 30007. Came late or again; the status did not change."
    written = " ".join(str(one) for one in (*found.facts, *found.steps, found.sentence))
    assert not re.search(r"2125550101|Quill", written)


def test_consent_is_told_as_it_stood_at_the_claim(session: Session, account: Account) -> None:
    """A STOP after the text left is no part of the decision about it; the entries used have their ids and seals."""
    before = said(session, account, ConsentKind.OPT_IN, NOW - timedelta(days=3))
    run = sending(session, account)
    dispatch.claim(session, worker="w", now=NOW, limit=10)
    said(session, account, ConsentKind.OPT_OUT, NOW + timedelta(hours=1))
    found = explain(session, run, now=NOW + timedelta(days=1), phone=PHONE)
    assert found.at == NOW
    assert found.consent is not None
    assert [event.id for event in found.consent.used] == [before]
    assert found.consent.allowed
    assert len(found.consent.used[0].hash) == 64


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_refusal_during_the_expansion_is_found(session: Session, account: Account, minutes: int) -> None:
    """Also one that came after the run had started, while the list was gone through, is told with the entry that refused."""
    refusal = said(session, account, ConsentKind.HOLD, NOW + timedelta(minutes=minutes))
    found = explain(session, sending(session, account), now=NOW + timedelta(hours=1), row=1)
    assert found.code is R.OPTED_OUT
    assert found.consent is not None
    assert found.consent.blocking is not None
    assert found.consent.blocking.id == refusal
    assert found.remedies == (Remedy.RELEASE,)


def test_a_flag_at_the_claim_is_told_also_after_it_was_cleared(session: Session, account: Account) -> None:
    """The history of flags answers what stood then."""
    run = sending(session, account)
    flag = flags.add(
        session, account_id=account.id, phone=PHONE, kind=FlagKind.ATTORNEY, since=date(2026, 11, 3), source="Letter", now=NOW
    )  # fmt: skip
    dispatch.claim(session, worker="w", now=NOW, limit=10)
    flags.clear(session, flag, reason="Not them", now=NOW + timedelta(hours=1))
    found = explain(session, run, now=NOW + timedelta(days=1), row=1)
    assert found.code is R.FLAGGED
    assert found.sentence == "A flag on the number says not to text it: attorney, since 2026-11-03."
    assert [one.id for one in found.flags] == [flag.id]
    assert found.remedies == (Remedy.CLEAR_FLAG,)


@pytest.mark.parametrize(
    ("change", "said", "remedies"),
    [
        ("nothing", "Its turn has not come yet.", ()),
        ("pause", "The campaign is paused.", (Remedy.RESUME,)),
        ("cancel", "The campaign was cancelled, so it will be set aside.", ()),
    ],
)
def test_a_waiting_text_says_for_what(
    session: Session, account: Account, change: str, said: str, remedies: tuple[Remedy, ...]
) -> None:
    """Its turn, its hours, or a person."""
    run = sending(session, account)
    if change != "nothing":
        getattr(campaigns, change)(session, run.campaign, now=NOW)
    found = explain(session, run, now=NOW, row=1)
    assert (found.code, found.sentence, found.remedies) == (S.WAITING, f"{SENTENCES[S.WAITING]} {said}", remedies)


def test_after_a_cancel_nobody_is_left_waiting(session: Session, account: Account) -> None:
    """Set aside, with the reason."""
    run = sending(session, account)
    campaigns.cancel(session, run.campaign, now=NOW)
    campaigns.set_aside(session, now=NOW)
    assert {explain(session, run, now=NOW, row=row).code for row in (1, 2)} == {R.CANCELLED}


def test_hours_that_are_not_open_are_a_reason_to_wait(session: Session, account: Account) -> None:
    """The lane's own window, and the time where the person is."""
    session.execute(update(CountrySetting).values(opens_at=time(11), closes_at=time(20)))
    run = sending(session, account)
    found = explain(session, run, now=NOW, row=1)
    assert found.sentence.endswith("Their hours are not open yet.")
    assert fact(found, Topic.WINDOW, "Hours") == "11:00–20:00 in America/New_York"
    assert fact(found, Topic.WINDOW, "Local time then") == "10:00 EST in America/New_York"


def test_many_zones_are_counted_and_none_is_said(session: Session) -> None:
    """Three are written out."""
    zones = "Europe/London,Europe/Paris,Europe/Berlin,Europe/Rome"
    assert local_times(zones, NOW).endswith("16:00 CET in Europe/Berlin and 1 more zones")
    assert local_times("", NOW) == "not known"


def test_somebody_else_is_not_on_the_list(session: Session, account: Account) -> None:
    """A stranger, a contact who is not listed, one of another account, and a row that the list does not have."""
    run = sending(session, account)
    pier = seed_account(session, slug="pier")
    other = Contact(
        account_id=pier.id, phone="+12125550199", phone_raw="", region="US", line_type="mobile", created_at=NOW, updated_at=NOW
    )  # fmt: skip
    session.add(other)
    session.flush()
    for who in ({"phone": "+12125550177"}, {"contact_id": other.id}, {"phone": other.phone}, {"row": 77}):
        for subject in (run, run.campaign):
            found = explain(session, subject, now=NOW, **who)
            assert (found.code, found.contact, found.remedies) == (S.NOT_LISTED, None, (Remedy.ADD_TO_LIST,))
            assert found.sentence == "They are not on the list of this campaign."


def test_an_erased_row_says_so(session: Session, account: Account) -> None:
    """Nobody can say any more whose text it was."""
    run = sending(session, account)
    from models.campaigns import AudienceRow

    session.execute(update(AudienceRow).where(AudienceRow.row == 1).values(contact_id=None, fields={}))
    found = explain(session, run, now=NOW, row=1)
    assert (found.code, found.contact, found.message) == (S.FORGOTTEN, None, None)


def test_a_duplicate_is_explained_as_itself(session: Session, account: Account) -> None:
    """By its row it is a duplicate; by its contact it is the row that counts."""
    run = sending(session, account, "Phone\n2125550101\n2125550101\n")
    assert explain(session, run, now=NOW, row=2).code is R.DUPLICATE
    assert explain(session, run, now=NOW, phone=PHONE).row == 1


def test_one_question_at_a_time(session: Session, account: Account) -> None:
    """Exactly one name, and a time with a zone."""
    run = sending(session, account)
    for question in ({}, {"row": 1, "phone": PHONE}):
        with pytest.raises(ValueError, match="only one"):
            explain(session, run, now=NOW, **question)
    with pytest.raises(ValueError, match="zone"):
        explain(session, run, now=datetime(2026, 1, 1), row=1)


def test_an_inbound_text_is_no_outcome(session: Session, account: Account) -> None:
    """A reply of the person changes nothing about the row."""
    run = sending(session, account)
    session.add(
        Message(
            account_id=account.id, phone=PHONE, region="US", body="Hi", encoding="GSM-7", units=2, segments=1,
            direction=Direction.INBOUND, status=M.RECEIVED, due_at=NOW, created_at=NOW, updated_at=NOW,
        )
    )  # fmt: skip
    session.flush()
    assert explain(session, run, now=NOW, phone=PHONE).code is S.WAITING
