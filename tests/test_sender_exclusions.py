"""Tests of sender/exclusions.py: why somebody got a message from a run, or none, in one sentence."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import AudienceRow, Reason
from models.messages import Message, MessageStatus
from sender import audience
from sender.exclusions import SENTENCES, explain, sentence
from tests.conftest import NOW
from tests.lists import campaign_to, expanded, listed, run_of

M = MessageStatus


def test_every_reason_has_its_words() -> None:
    """A new reason needs a sentence."""
    assert set(SENTENCES) == set(Reason)
    for reason in Reason:
        assert sentence(reason).endswith(".")
        assert sentence(reason, "x.") == f"{SENTENCES[reason]}: x."


def test_why_a_row_got_nothing(session: Session, account: Account) -> None:
    """By row and by contact; a duplicate's contact did get the message of its first row."""
    loaded = listed(session, account, "Phone,Amount\n2125550101,1\n2125550101,2\n12,1\n2125550102,\n")
    run = run_of(session, campaign_to(session, account, loaded, "{{ amount }}"))
    assert explain(session, run, row=1) == "Row 1 of the list has not been reached yet."
    expanded(session, run)
    assert explain(session, run, row=1) == "The message is pending."
    assert explain(session, run, row=2) == "The list has this number already: The same number as in row 1."
    assert explain(session, run, row=3).startswith("The phone number is not valid: ")
    assert explain(session, run, row=4) == "The template needs a value that this row does not have: amount."
    assert explain(session, run, row=9) == "They are not in the list that this run was sent to."
    ids = dict(session.execute(select(AudienceRow.row, AudienceRow.contact_id)).all())
    assert audience.explain(session, run, contact_id=ids[2]) == "The message is pending."
    assert audience.explain(session, run, contact_id=ids[4]).startswith("The template needs")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"status": M.DELIVERED, "sent_at": NOW}, "The message was sent 2026-11-20 15:00 UTC and delivered."),
        ({"status": M.QUEUED, "sent_at": NOW}, "Twilio has the message since 2026-11-20 15:00 UTC; it is queued."),
        ({"status": M.ACCEPTED}, "Twilio has the message; it is accepted."),
        ({"status": M.UNDELIVERED, "error_code": 30003}, "The message is undelivered with error 30003."),
        ({"status": M.SKIPPED, "reason": Reason.OPTED_OUT}, sentence(Reason.OPTED_OUT)),
        ({"status": M.SKIPPED}, "The message was skipped."),
        ({"status": M.IN_DOUBT}, "The message is in doubt."),
    ],
)
def test_what_became_of_a_message(session: Session, account: Account, values: dict[str, object], expected: str) -> None:
    """From pending to the end, without its number or its text."""
    run = expanded(
        session, run_of(session, campaign_to(session, account, listed(session, account, "Phone\n2125550101\n")))
    )
    message = session.scalars(select(Message)).one()
    for name, value in values.items():
        setattr(message, name, value)
    session.flush()
    found = explain(session, run, contact_id=message.contact_id)
    assert found == expected
    assert not re.search(r"\+\d|Hello", found)


def test_one_question_at_a_time(session: Session, account: Account) -> None:
    """A contact or a row, not both and not neither."""
    run = run_of(session, campaign_to(session, account, listed(session, account, "Phone\n2125550101\n")))
    for question in ({}, {"row": 1, "contact_id": 1}):
        with pytest.raises(ValueError, match="not both"):
            explain(session, run, **question)
