"""Tests of sender/remedies.py: what would change a reason does change it."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Exclusion, Reason
from models.consent import ConsentEvent, ConsentKind, ConsentSource
from models.contacts import Contact
from models.countries import CountrySetting
from models.flags import ContactFlag
from sender import consent, flags
from sender.campaigns import explain
from sender.explanation import Standing
from sender.remedies import REMEDIES, Remedy
from tests.conftest import NOW
from tests.lists import expanded
from tests.test_sender_tally import every_reason


def act(session: Session, remedy: Remedy, phone: str) -> None:
    """Do what a remedy says."""
    if remedy is Remedy.RE_SUBSCRIBE:
        refusal = session.scalars(select(ConsentEvent).where(ConsentEvent.phone == phone)).one()
        consent.append(
            session, account_id=refusal.account_id, phone=phone, kind=ConsentKind.RE_SUBSCRIBE, source=ConsentSource.ADMIN,
            now=NOW, evidence={"how": "signed"},
        )  # fmt: skip
    if remedy is Remedy.CLEAR_FLAG:
        flags.clear(session, session.scalars(select(ContactFlag)).one(), reason="Not them", now=NOW)
    if remedy is Remedy.ENABLE_COUNTRY:
        session.execute(update(CountrySetting).values(enabled=True))
    if remedy is Remedy.ALLOW_LANDLINES:
        session.execute(update(CountrySetting).values(landlines=True))
    session.flush()


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        (Reason.OPTED_OUT, Remedy.RE_SUBSCRIBE),
        (Reason.FLAGGED, Remedy.CLEAR_FLAG),
        (Reason.COUNTRY_DISABLED, Remedy.ENABLE_COUNTRY),
        (Reason.LANDLINE, Remedy.ALLOW_LANDLINES),
    ],
)
def test_the_act_ends_the_reason(session: Session, account: Account, reason: Reason, remedy: Remedy) -> None:
    """Who was left out would be texted after it."""
    run = expanded(session, every_reason(session, account, limit=100))
    left = session.scalars(select(Exclusion).where(Exclusion.reason == reason)).one()
    assert remedy in REMEDIES[reason]
    assert explain(session, run.campaign, now=NOW, row=left.row).code is reason
    phone = session.scalars(select(Contact.phone).where(Contact.id == left.contact_id)).one()
    act(session, remedy, phone)
    assert explain(session, run.campaign, now=NOW, row=left.row).code is Standing.WOULD_BE_TEXTED
    assert explain(session, run, now=NOW, row=left.row).code is reason  # what was decided stays decided
