"""Tests of sender/flags.py: a number with a flag gets no text, whoever asks and whenever, and a flag's history stays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Exclusion, Reason
from models.consent import ConsentKind, ConsentSource, Purpose
from models.flags import ContactFlag, FlagKind
from models.messages import Message, MessageStatus
from sender import consent, dispatch, flags
from sender.preview import preview
from tests import seeds
from tests.conftest import NOW, seed_account
from tests.lists import campaign_to, expanded, listed, run_of

F, K, P = FlagKind, ConsentKind, Purpose
PHONE, OTHER = "+12125550101", "+12125550102"
DAY = date(2026, 11, 10)
ROWS = "Phone\n2125550101\n2125550102\n2125550103\n"


def flagged(session: Session, account: Account, kind: FlagKind = F.ATTORNEY, phone: str = PHONE) -> ContactFlag:
    """A flag since the tenth of November."""
    return flags.add(
        session, account_id=account.id, phone=phone, kind=kind, since=DAY, source="Letter of the attorney", now=NOW, actor="anna"
    )  # fmt: skip


def said(session: Session, account: Account, kind: ConsentKind, at: datetime, purpose: Purpose = P.ALL) -> None:
    """An entry of the ledger about the number."""
    consent.append(
        session, account_id=account.id, phone=PHONE, kind=kind, purpose=purpose, source=ConsentSource.FORM, now=at
    )


def test_every_kind_has_a_dated_meaning() -> None:
    """With a source, what would end it, whom the law binds, and unconfirmed until counsel says so."""
    assert set(flags.meanings()) == set(F)
    for one in flags.meanings().values():
        assert all((one.label, one.means, one.ends, one.binds_by_law, one.source, one.valid_from))
        assert not one.confirmed


@pytest.mark.parametrize("kind", F)
def test_each_kind_leaves_out_at_the_start_in_the_preview_and_at_the_claim(
    session: Session, account: Account, kind: FlagKind
) -> None:
    """One number of three, with one reason; a flag that comes after the list was made is met at the claim."""
    loaded = listed(session, account, ROWS)
    flagged(session, account, kind)
    draft = campaign_to(session, account, loaded)
    assert preview(session, draft, now=NOW).by_reason == {Reason.FLAGGED: 1}
    expanded(session, run_of(session, draft))
    left = session.scalars(select(Exclusion)).one()
    assert (left.row, left.reason) == (1, Reason.FLAGGED)
    assert left.detail == f"{kind.value.replace('_', ' ')}, since 2026-11-10"
    flagged(session, account, kind, OTHER)
    session.commit()
    seeds_sending(session, draft)
    claims = dispatch.claim(session, worker="w1", now=NOW, limit=10)
    assert [claim.to for claim in claims] == ["+12125550103"]
    skipped = session.scalars(select(Message).where(Message.status == MessageStatus.SKIPPED)).one()
    assert (skipped.phone, skipped.reason) == (OTHER, Reason.FLAGGED)


def seeds_sending(session: Session, campaign: object) -> None:
    """Let the campaign's messages be claimed."""
    from models.campaigns import Campaign, CampaignState

    assert isinstance(campaign, Campaign)
    campaign.state = CampaignState.SENDING
    session.commit()


def test_a_reply_is_held_back_as_well(session: Session, account: Account) -> None:
    """A flag is about the person, not about campaigns."""
    sender = seeds.sender_of(session, account)
    session.add(
        Message(
            account_id=account.id, sender_id=sender.id, phone=PHONE, region="US", body="Hello", encoding="GSM-7", units=5,
            segments=1, due_at=NOW, created_at=NOW, updated_at=NOW,
        )
    )  # fmt: skip
    flagged(session, account, F.NO_TEXTS)
    session.commit()
    assert dispatch.claim(session, worker="w1", now=NOW, limit=10) == []
    assert session.scalars(select(Message.reason)).one() is Reason.FLAGGED


def test_one_account_s_flag_is_not_another_s(session: Session, account: Account) -> None:
    """Who asked one organisation has not asked every one."""
    flagged(session, account)
    pier = seed_account(session, slug="pier")
    assert flags.any_standing(session, account.id)
    assert not flags.any_standing(session, pier.id)
    assert flags.standing(session, pier.id, [PHONE], P.ALL) == {}


def test_a_refusal_is_named_before_a_flag(session: Session, account: Account) -> None:
    """Exactly one reason: what the person said themselves."""
    flagged(session, account)
    said(session, account, K.OPT_OUT, NOW)
    run = expanded(session, run_of(session, campaign_to(session, account, listed(session, account, ROWS))))
    assert session.scalars(select(Exclusion.reason).where(Exclusion.run_id == run.id)).all() == [Reason.OPTED_OUT]


def test_of_several_the_gravest_is_named(session: Session, account: Account) -> None:
    """In the order of the kinds, whichever was raised first."""
    for kind in (F.REASSIGNED, F.LITIGATOR, F.CEASE, F.ATTORNEY):
        flagged(session, account, kind)
    assert flags.standing(session, account.id, [PHONE, PHONE], P.ALL)[PHONE].kind is F.CEASE
    assert [one.kind for one in flags.as_of(session, account.id, PHONE, P.ALL, NOW)] == [
        F.CEASE, F.ATTORNEY, F.LITIGATOR, F.REASSIGNED,
    ]  # fmt: skip


MIDNIGHT = datetime(2026, 11, 11, 5, 0, tzinfo=UTC)
"""In New York, the end of the flag's day."""


@pytest.mark.parametrize(
    ("events", "barred"),
    [
        ([], True),
        ([(K.OPT_IN, P.ALL, MIDNIGHT - timedelta(seconds=1))], True),
        ([(K.OPT_IN, P.ALL, MIDNIGHT)], False),
        ([(K.RE_SUBSCRIBE, P.ACCOUNT, MIDNIGHT)], False),
        ([(K.OPT_IN, P.MARKETING, MIDNIGHT)], True),
        ([(K.OPT_IN, P.ALL, MIDNIGHT), (K.OPT_OUT, P.ALL, NOW)], True),
        ([(K.OPT_OUT, P.ALL, MIDNIGHT), (K.OPT_IN, P.ACCOUNT, NOW)], False),
        ([(K.HOLD, P.ALL, MIDNIGHT)], True),
    ],
)
def test_a_reassigned_number_is_free_when_its_new_owner_agreed(
    session: Session, account: Account, events: list[tuple[ConsentKind, Purpose, datetime]], barred: bool
) -> None:
    """Consent of a later day, about this purpose and not taken back; the day is the account's."""
    flagged(session, account, F.REASSIGNED)
    for kind, purpose, at in events:
        said(session, account, kind, at, purpose)
    assert (PHONE in flags.standing(session, account.id, [PHONE], P.ACCOUNT)) == barred
    assert (
        bool(flags.as_of(session, account.id, PHONE, P.ACCOUNT, MIDNIGHT - timedelta(hours=1))) is False
    )  # not known yet
    assert bool(flags.as_of(session, account.id, PHONE, P.ACCOUNT, NOW)) == barred


def test_consent_for_one_purpose_does_not_open_every_one(session: Session, account: Account) -> None:
    """`Purpose.ALL` needs a yes to each."""
    flagged(session, account, F.REASSIGNED)
    said(session, account, K.OPT_IN, NOW, P.ACCOUNT)
    assert PHONE in flags.standing(session, account.id, [PHONE], P.ALL)
    said(session, account, K.OPT_IN, NOW, P.MARKETING)
    assert PHONE not in flags.standing(session, account.id, [PHONE], P.ALL)


@pytest.mark.parametrize("kind", [kind for kind in F if kind is not F.REASSIGNED])
def test_no_consent_ends_any_other_flag(session: Session, account: Account, kind: FlagKind) -> None:
    """Only a person who clears it does."""
    flagged(session, account, kind)
    said(session, account, K.OPT_IN, NOW)
    assert PHONE in flags.standing(session, account.id, [PHONE], P.ACCOUNT)


def test_clearing_is_a_second_act_and_keeps_the_first(session: Session, account: Account) -> None:
    """Who, when and why; what was true in between is still known; a second clearing is refused."""
    flag = flagged(session, account)
    with pytest.raises(flags.NotAllowed, match="Say why"):
        flags.clear(session, flag, reason="  ", now=NOW)
    flags.clear(session, flag, reason="Case closed on 12 Nov.", now=NOW + timedelta(hours=1), actor="bea")
    assert (flag.source, flag.actor, flag.cleared_by) == ("Letter of the attorney", "anna", "bea")
    assert flags.standing(session, account.id, [PHONE], P.ALL) == {}
    assert not flags.any_standing(session, account.id)
    for at, expected in ((-1, 0), (0, 1), (59, 1), (60, 0)):
        found = flags.as_of(session, account.id, PHONE, P.ALL, NOW + timedelta(minutes=at))
        assert len(found) == expected, at
    with pytest.raises(flags.NotAllowed, match="cleared already"):
        flags.clear(session, flag, reason="Again", now=NOW)
    assert flagged(session, account).id != flag.id  # raised anew, as another row


def test_the_same_flag_twice_is_one(session: Session, account: Account) -> None:
    """A retry adds nothing, and the database would not take a second one."""
    first = flagged(session, account)
    assert flagged(session, account).id == first.id
    session.commit()
    session.add(ContactFlag(account_id=account.id, phone=PHONE, kind=F.ATTORNEY, since=DAY, source="x", created_at=NOW))
    with pytest.raises(IntegrityError):
        session.flush()


def test_a_flag_needs_a_source_and_a_zone(session: Session, account: Account) -> None:
    """Without a source nobody could judge it later."""
    given = {"account_id": account.id, "phone": PHONE, "kind": F.CEASE, "since": DAY}
    with pytest.raises(flags.NotAllowed, match="where this comes from"):
        flags.add(session, **given, source=" ", now=NOW)
    with pytest.raises(ValueError, match="zone"):
        flags.add(session, **given, source="x", now=datetime(2026, 1, 1))


def test_an_account_without_flags_pays_one_look(session: Session, account: Account) -> None:
    """A chunk of an expansion, and a claim, ask once whether there are any, and no row is looked up."""
    run = run_of(session, campaign_to(session, account, listed(session, account, ROWS)))
    session.commit()
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "contact_flag" in statement:
            statements.append(statement)

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    try:
        expanded(session, run)
        assert len(statements) == 2  # the chunk, and the look whether another follows
        assert all("LIMIT" in one and "EXISTS" not in one for one in statements)
    finally:
        event.remove(engine, "before_cursor_execute", note)
