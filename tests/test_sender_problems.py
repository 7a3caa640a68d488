"""A country's own sender has to be able to send, wherever somebody looks: the review, the command line, the start."""

from __future__ import annotations

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from models.accounts import Account, SenderKind, Verification
from models.countries import CountrySetting
from sender import campaigns
from sender.problems import blocking, problems
from tests import seeds
from tests.conftest import NOW


def test_a_countrys_own_sender(session: Session, account: Account) -> None:
    """It is asked only where somebody would be texted from it; each sender is named once."""
    own = seeds.sender_of(session, account, SenderKind.TOLL_FREE)
    people = seeds.contacts(session, account, 3)
    made = seeds.campaign(session, account, people=people)
    session.execute(
        update(CountrySetting).where(CountrySetting.region.in_(("GB", "CA", "IE"))).values(sender_id=own.id)
    )
    assert problems(session, made) == []
    assert problems(session, made, regions=["US", "IE"]) == []
    people[0].region, people[1].region = "GB", "CA"
    session.flush()
    for found in (problems(session, made), problems(session, made, regions={"GB": 1, "CA": 1, "US": 1})):
        assert [(one.code, one.blocking) for one in found] == [("country_sender", True)]
    sentence = "Toll-free, which texts some of the countries, cannot send now."
    assert blocking(session, made) == sentence
    with pytest.raises(campaigns.NotAllowed, match=sentence):
        campaigns.send(session, made, now=NOW)
    own.verification = Verification.TWILIO_APPROVED
    assert blocking(session, made) == ""
