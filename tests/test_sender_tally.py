"""Tests of sender/tally.py: every row of a list has exactly one outcome, whatever happened, and a fault in that is seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Database
from models.campaigns import AudienceRow, CampaignState, Exclusion, Reason, Run
from models.consent import ConsentKind, ConsentSource
from models.contacts import Contact
from models.countries import CountrySetting
from models.flags import FlagKind
from models.messages import Message, MessageStatus
from sender import audience, campaigns, consent, dispatch, flags
from sender.tally import tally
from tests.conftest import NOW
from tests.lists import campaign_to, expanded, listed, run_of

EVERY = """Phone,Amount,Zone
2125550101,1,
,1,
12,1,
2125550101,2,
+442079460001,1,
+19002345678,1,
+353850000001,1,
2125550102,1,
2125550103,1,
2125550104,,
2125550105,{long},
2125550107,1,
2125550108,1,
"""
"""A text, no phone, no number, a duplicate, a landline, a premium number, a disabled country, an opt-out, a flag, a missing value,
a text that is too long, and two more, of which one is over the segment limit."""


def every_reason(session: Session, account: Account, *, limit: int = 2) -> Run:
    """A run over a list with a row for each reason that an expansion knows, not expanded yet."""
    loaded = listed(session, account, EVERY.format(long="x" * 1700))
    for phone, kind in (("+12125550102", ConsentKind.OPT_OUT),):
        consent.append(
            session, account_id=account.id, phone=phone, kind=kind, source=ConsentSource.KEYWORD, now=NOW, reason="STOP"
        )
    flags.add(
        session, account_id=account.id, phone="+12125550103", kind=FlagKind.CEASE, since=NOW.date(), source="Letter", now=NOW
    )  # fmt: skip
    return run_of(session, campaign_to(session, account, loaded, "{{ amount }}"), segment_limit=limit)


def test_every_reason_is_one_outcome(session: Session, account: Account) -> None:
    """The sum holds and each reason occurs; nothing is counted from the run's own counters."""
    run = expanded(session, every_reason(session, account), chunk=3)
    run.messages = run.excluded = 0
    found = tally(session, run)
    assert found.whole
    assert found.sum == "13 = 11 left out + 2 messages"
    assert found.sentence == "Every row of the list has exactly one outcome."
    reasons = session.scalars(select(Exclusion.reason).where(Exclusion.run_id == run.id)).all()
    assert set(reasons) >= {
        Reason.EMPTY_PHONE, Reason.INVALID_NUMBER, Reason.DUPLICATE, Reason.LANDLINE, Reason.COUNTRY_DISABLED, Reason.OPTED_OUT,
        Reason.FLAGGED, Reason.MISSING_FIELD, Reason.TOO_LONG, Reason.SEGMENT_LIMIT,
    }  # fmt: skip


def test_a_crash_in_the_middle_leaves_no_row_twice_and_none_without(
    database: Database, session: Session, account: Account
) -> None:
    """What a process had done when it died is rolled back; what it had committed counts, and the next one goes on."""
    run = every_reason(session, account)
    assert audience.expand(session, run, now=NOW, chunk=4)
    session.commit()
    assert audience.expand(session, run, now=NOW, chunk=4)
    session.rollback()  # it dies before the commit
    with database.reading() as other:
        again = other.get_one(Run, run.id)
        found = tally(other, again)
        assert (found.whole, found.unreached) == (True, 9)
        assert found.sum == "13 = 3 left out + 1 message + 9 not reached yet"
        assert found.sentence == "Every row that was reached has exactly one outcome."
    expanded(session, run, chunk=4)
    assert tally(session, run).sum == "13 = 11 left out + 2 messages"


@pytest.mark.parametrize("after", [0, 4])
def test_a_cancelled_run_is_whole(session: Session, account: Account, after: int) -> None:
    """Before and in the middle of the expansion: who would have got a text is left out for that, or set aside."""
    run = every_reason(session, account)
    run.campaign.state = CampaignState.SENDING
    if after:
        audience.expand(session, run, now=NOW, chunk=after)
    session.commit()
    campaigns.cancel(session, run.campaign, now=NOW)
    expanded(session, run, chunk=5)
    campaigns.set_aside(session, now=NOW)
    found = tally(session, run)
    assert found.whole
    assert (found.rows, found.unreached) == (13, 0)
    assert session.scalars(select(Message.status)).all() == [MessageStatus.SKIPPED] * found.messages


def test_what_a_claim_sets_aside_keeps_its_row(session: Session, account: Account) -> None:
    """Pausing and claiming move no row from one side to the other."""
    run = expanded(session, every_reason(session, account))
    run.campaign.state = CampaignState.SENDING
    flags.add(
        session, account_id=account.id, phone="+12125550101", kind=FlagKind.ATTORNEY, since=NOW.date(), source="x", now=NOW
    )  # fmt: skip
    session.commit()
    before = tally(session, run)
    dispatch.claim(session, worker="w", now=NOW, limit=10)
    campaigns.pause(session, run.campaign, now=NOW)
    assert tally(session, run) == before


def without_contact_in_row(session: Session, run: Run) -> None:
    session.execute(update(AudienceRow).where(AudienceRow.row == 1).values(contact_id=None, fields={}))


def without_contact_in_message(session: Session, run: Run) -> None:
    session.execute(update(Message).where(Message.run_id == run.id).values(contact_id=None, body=None, phone=""))


def without_either(session: Session, run: Run) -> None:
    without_contact_in_row(session, run)
    without_contact_in_message(session, run)
    session.execute(update(Exclusion).values(contact_id=None))


@pytest.mark.parametrize("erase", [without_contact_in_row, without_contact_in_message, without_either])
def test_an_erased_person_still_counts(
    session: Session, account: Account, erase: Callable[[Session, Run], None]
) -> None:
    """Rows and messages that lost their contact are told from rows that lost their message by their number."""
    run = expanded(session, every_reason(session, account))
    erase(session, run)
    found = tally(session, run)
    assert found.whole, found
    assert found.erased == (1 if erase is without_contact_in_row else 2)
    assert found.sum == "13 = 11 left out + 2 messages"


FAULTS: dict[str, tuple[Callable[[Session, Run], object], str]] = {
    "a message is gone": (
        lambda session, run: session.execute(delete(Message).where(Message.run_id == run.id)),
        "2 rows have none",
    ),
    "an exclusion is gone": (
        lambda session, run: session.execute(delete(Exclusion).where(Exclusion.row == 2)),
        "1 row has none",
    ),
    "a row has both": (
        lambda session, run: session.add(Exclusion(run_id=run.id, row=1, reason=Reason.OPTED_OUT)),
        "1 row has two outcomes",
    ),
    "an exclusion of no row": (
        lambda session, run: session.add(Exclusion(run_id=run.id, row=99, reason=Reason.OPTED_OUT)),
        "1 outcome belongs to no row",
    ),
    "a message to somebody else": (
        lambda session, run: session.execute(
            update(Message)
            .where(Message.contact_id == select(Contact.id).where(Contact.phone == "+12125550101").scalar_subquery())
            .values(contact_id=select(Contact.id).where(Contact.phone == "+12125550104").scalar_subquery())
        ),
        "1 row has two outcomes, 1 row has none",
    ),
    "the list grew": (
        lambda session, run: session.execute(
            text("INSERT INTO audience_row (audience_id, row, fields, detail) VALUES (:a, 99, '{}', '')"),
            {"a": run.audience_id},
        ),
        "the sum is wrong",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_seen_and_named(session: Session, account: Account, name: str) -> None:
    """Each way in which a row could get lost or be counted twice."""
    run = expanded(session, every_reason(session, account))
    damage, said = FAULTS[name]
    damage(session, run)
    session.flush()
    found = tally(session, run)
    assert not found.whole
    assert said in found.sentence
    assert ("≠" in found.sum) == (found.rows != found.accounted)


KINDS = ("plain", "blank", "bad", "again", "disabled", "refused", "flagged", "valueless", "landline")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=30), chunk=st.integers(1, 9), limit=st.integers(0, 20),
    stop=st.integers(0, 6),
)  # fmt: skip
def test_any_list_is_whole_at_every_moment(
    session: Session, account: Account, kinds: list[str], chunk: int, limit: int, stop: int
) -> None:
    """After each chunk, of any size, also when the campaign is cancelled after some of them."""
    session.rollback()
    nested = session.begin_nested()
    lines = [_line(kind, place) for place, kind in enumerate(kinds)]
    loaded = listed(session, account, "Phone,Amount\n" + "".join(lines))
    for place, kind in enumerate(kinds):
        phone = f"+1212555{place:04}"
        if kind == "refused":
            consent.append(
                session, account_id=account.id, phone=phone, kind=ConsentKind.OPT_OUT, source=ConsentSource.FORM, now=NOW
            )  # fmt: skip
        if kind == "flagged":
            flags.add(
                session, account_id=account.id, phone=phone, kind=FlagKind.LITIGATOR, since=NOW.date(), source="x", now=NOW
            )  # fmt: skip
    run = run_of(session, campaign_to(session, account, loaded, "{{ amount }}"), segment_limit=limit)
    done = 0
    while audience.expand(session, run, now=NOW, chunk=chunk):
        done += 1
        found = tally(session, run)
        assert found.whole, (found, kinds)
        if done == stop:
            run.campaign.state = CampaignState.CANCELLED
            session.flush()
    found = tally(session, run)
    assert found.whole
    assert (found.rows, found.unreached) == (loaded.rows, 0)
    assert (found.messages, found.excluded) == (run.messages, run.excluded)
    nested.rollback()


def _line(kind: str, place: int) -> str:
    phone = {"blank": "", "bad": "12", "again": "2125559999", "disabled": "+353850000001", "landline": "+442079460001"}
    return f"{phone.get(kind, f'212555{place:04}')},{'' if kind == 'valueless' else 1}\n"


def test_countries_decide_as_they_are_when_the_run_starts(session: Session, account: Account) -> None:
    """A country that is disabled after the import still leaves one outcome for each row."""
    run = every_reason(session, account)
    session.execute(update(CountrySetting).values(enabled=False))
    expanded(session, run)
    assert tally(session, run).sum == "13 = 13 left out + 0 messages"
