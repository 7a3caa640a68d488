"""Rules about consent leave somebody out once the account's counsel confirmed them, and not before."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account, Profile
from models.campaigns import Campaign, Exclusion, Reason
from models.consent import ConsentKind, ConsentSource, Purpose
from sender import consent, waivers
from sender.preview import preview
from sender.recipient_rules import binding
from sender.rule_table import Severity
from tests.conftest import NOW
from tests.lists import campaign_to, expanded, listed, run_of

LIST = "name,mobile\nAnna,(212) 555-0100\nBert,(212) 555-0101\nCleo,(212) 555-0102\nDana,(212) 555-0103\n"
ANNA, BERT, CLEO, DANA = (f"+1212555010{n}" for n in range(4))
TODAY = NOW.date()


def confirmed(session: Session, account: Account, *rules: str) -> None:
    """Counsel said so."""
    for rule in rules:
        waivers.confirm(
            session, account, rule, reason="Our counsel read it.", approver="lee@example.com", decided_on=TODAY, on=TODAY,
            now=NOW,
        )  # fmt: skip


def said(
    session: Session, account: Account, phone: str, kind: ConsentKind = ConsentKind.OPT_IN,
    source: ConsentSource = ConsentSource.FORM, purpose: Purpose = Purpose.ALL, days: int = 1,
) -> None:  # fmt: skip
    """Something in the ledger."""
    consent.append(
        session,
        account_id=account.id,
        phone=phone,
        kind=kind,
        source=source,
        purpose=purpose,
        now=NOW - timedelta(days),
    )


def left_out(session: Session, campaign: Campaign) -> dict[int, tuple[Reason, str]]:
    """Row → reason and detail, by an expansion that says what the preview says."""
    shown = preview(session, campaign, now=NOW)
    run = expanded(session, run_of(session, campaign))
    rows = session.scalars(select(Exclusion).where(Exclusion.run_id == run.id)).all()
    found = {one.row: (one.reason, one.detail) for one in rows}
    assert shown.recipients == run.messages == 4 - len(found)
    return found


def campaign(session: Session, account: Account, purpose: Purpose = Purpose.ACCOUNT) -> Campaign:
    """To the four of them."""
    made = campaign_to(session, account, listed(session, account, LIST), "Hello {{ name }}")
    made.purpose = purpose
    session.flush()
    return made


NO_CONSENT = (Reason.RULE, "N01, No consent on record")


def test_nobody_is_left_out_until_counsel_confirmed_it(session: Session, account: Account) -> None:
    """The rule warns elsewhere; here nothing is even asked."""
    assert binding(session, account, Purpose.ACCOUNT, now=NOW) is None
    assert left_out(session, campaign(session, account)) == {}


def test_who_never_agreed_is_left_out_once_it_binds(session: Session, account: Account) -> None:
    """A yes about everything or about this kind counts, one about another kind or taken back does not."""
    confirmed(session, account, "N01")
    said(session, account, ANNA)
    said(session, account, BERT, purpose=Purpose.MARKETING)
    said(session, account, CLEO, purpose=Purpose.ACCOUNT)
    said(session, account, CLEO, kind=ConsentKind.OPT_OUT, days=0)
    assert left_out(session, campaign(session, account)) == {
        2: NO_CONSENT, 3: (Reason.OPTED_OUT, f"opt_out by form, {NOW:%Y-%m-%d}"), 4: NO_CONSENT,
    }  # fmt: skip


def test_marketing_asks_for_writing(session: Session, account: Account) -> None:
    """A form is writing, a word of staff is not."""
    confirmed(session, account, "N01", "N02")
    said(session, account, ANNA)
    said(session, account, BERT, source=ConsentSource.ADMIN)
    found = left_out(session, campaign(session, account, Purpose.MARKETING))
    assert {row: detail for row, (_, detail) in found.items()} == {
        2: "N02, Consent not in writing", 3: NO_CONSENT[1], 4: NO_CONSENT[1],
    }  # fmt: skip


def test_a_waiver_ends_it(session: Session, account: Account) -> None:
    """Somebody answers for it until a day."""
    confirmed(session, account, "N01")
    waivers.waive(
        session, account, "N01", severity=Severity.WARN, reason="They all signed on paper.", approver="kim@example.com",
        expires_on=TODAY + timedelta(30), on=TODAY, now=NOW,
    )  # fmt: skip
    assert left_out(session, campaign(session, account)) == {}


@pytest.mark.parametrize(("days", "found"), [(59, {}), (62, {1: (Reason.RULE, "N13, No recent contact")})])
def test_a_debt_collector_needs_a_recent_word(
    session: Session, account: Account, days: int, found: dict[int, tuple[Reason, str]]
) -> None:
    """Sixty days."""
    confirmed(session, account, "N13")
    for phone in (BERT, CLEO, DANA):
        said(session, account, phone)
    said(session, account, ANNA, days=days)
    account.profile = Profile.THIRD_PARTY_COLLECTOR
    assert left_out(session, campaign(session, account)) == found


def test_others_may_have_heard_long_ago(session: Session, account: Account) -> None:
    """The sixty days are about debt collectors."""
    confirmed(session, account, "N13")
    said(session, account, ANNA, days=400)
    assert left_out(session, campaign(session, account)) == {}


def test_people_are_asked_about_by_kinds(session: Session, account: Account) -> None:
    """However many they are, the rules are read once for each kind: this is what makes it cheap."""
    confirmed(session, account, "N01")
    rules = binding(session, account, Purpose.ACCOUNT, now=NOW)
    assert rules is not None
    for number in range(4):
        said(session, account, f"+1212555010{number}")
    assert {yes.day for yes in rules.agreed(session, [ANNA, BERT, CLEO, DANA]).values()} == {None}
    assert len(set(rules.agreed(session, [ANNA, BERT, CLEO, DANA]).values())) == 1
