"""Tests of sender/consent.py: the ledger of yes and no, and what follows from it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Database
from models.consent import ConsentEvent, ConsentKind, ConsentSource, Purpose
from sender import checkpoints, consent

PHONE = "+12125550101"
ALL, ACCOUNT, MARKETING = Purpose.ALL, Purpose.ACCOUNT, Purpose.MARKETING


def events(session: Session, account: Account, now: datetime, text: str, phone: str = PHONE) -> list[ConsentEvent]:
    """Append events written as "opt_out hold:marketing …"; without a purpose, about every purpose."""
    found = []
    for word in text.split():
        kind, _, purpose = word.partition(":")
        found.append(
            consent.append(
                session, account_id=account.id, phone=phone, kind=ConsentKind(kind), source=ConsentSource.ADMIN, now=now,
                purpose=Purpose(purpose or "all"),
            )
        )  # fmt: skip
    return found


HISTORIES = [
    ("", ""),
    ("opt_in", ""),
    ("opt_out", "account marketing all"),
    ("opt_out:marketing", "marketing all"),
    ("opt_out:account", "account all"),
    # a later yes lifts the no: of the same purpose, of every purpose, or of every purpose for this one
    ("opt_out re_subscribe", ""),
    ("opt_out opt_in", ""),
    ("opt_out:marketing opt_in:marketing", ""),
    ("opt_out:marketing opt_in", ""),
    ("opt_out opt_in:account", "marketing all"),
    ("opt_out:marketing opt_in:account", "marketing all"),
    ("opt_out opt_in opt_out", "account marketing all"),
    ("opt_out opt_out re_subscribe", ""),
    # a hold blocks until it is released, or the person texts START
    ("hold", "account marketing all"),
    ("hold:marketing", "marketing all"),
    ("hold release", ""),
    ("hold release:account", "marketing all"),
    ("hold re_subscribe", ""),
    ("hold opt_in", "account marketing all"),
    # neither undoes the other
    ("opt_out hold release", "account marketing all"),
    ("hold opt_out re_subscribe", ""),
    ("hold opt_out release", "account marketing all"),
    ("opt_out hold opt_in", "account marketing all"),
    ("release", ""),
]


def test_what_follows_from_a_history(session: Session, account: Account, now: datetime) -> None:
    """Opt-outs and holds are read separately; the latest about this purpose, or about every purpose, decides."""
    for number, (history, blocked_for) in enumerate(HISTORIES):
        phone = f"+1212555{number:04}"
        events(session, account, now, history, phone)
        found = [p.value for p in (ACCOUNT, MARKETING, ALL) if consent.blocked(session, account.id, [phone], p)]
        assert (history, " ".join(found)) == (history, blocked_for)


def test_the_event_that_blocks_is_returned(session: Session, account: Account, now: datetime) -> None:
    """An opt-out is named before a hold, and the latest of them."""
    _, second, _ = events(session, account, now, "opt_out opt_out hold")
    assert consent.blocked(session, account.id, [PHONE, PHONE], ACCOUNT) == {PHONE: second}
    assert consent.state(session, account.id, PHONE) == second


def test_state_of_a_number(session: Session, account: Account, now: datetime) -> None:
    """The event that blocks any purpose, else the latest, else nothing."""
    assert consent.state(session, account.id, PHONE) is None
    first, _, last = events(session, account, now, "opt_out:marketing opt_in:account opt_in:marketing")
    assert consent.state(session, account.id, PHONE) == last
    [again] = events(session, account, now, "opt_out:marketing")
    events(session, account, now, "opt_in:account")
    assert consent.state(session, account.id, PHONE) == again != first


def test_accounts_and_numbers_do_not_mix(session: Session, account: Account, now: datetime) -> None:
    """A STOP to one association is no STOP to another."""
    from tests.conftest import seed_account

    other = seed_account(session, slug="other")
    events(session, account, now, "opt_out")
    assert consent.blocked(session, other.id, [PHONE], ACCOUNT) == {}
    assert consent.blocked(session, account.id, ["+12125550102"], ACCOUNT) == {}
    assert consent.blocked(session, account.id, [], ACCOUNT) == {}


def test_many_numbers_are_asked_in_pieces(session: Session, account: Account, now: datetime) -> None:
    """One more than a query holds: both ends are found."""
    phones = [f"+1212{n:07}" for n in range(consent.PHONES + 1)]
    events(session, account, now, "opt_out", phones[0])
    events(session, account, now, "opt_out", phones[-1])
    assert set(consent.blocked(session, account.id, phones, ACCOUNT)) == {phones[0], phones[-1]}


def test_writers_of_one_account_wait_for_each_other(database: Database, account: Account, now: datetime) -> None:
    """Twenty threads append at once and the chain does not fork."""
    from concurrent.futures import ThreadPoolExecutor

    def one(number: int) -> None:
        with database.transaction() as session:
            events(session, account, now, "opt_out", f"+1212555{number:04}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(20)))
    with database.reading() as session:
        proof = checkpoints.walk(session, account)
        assert (proof.entries, proof.problem) == (20, None)


def test_times_are_instants(session: Session, account: Account, now: datetime) -> None:
    """The ledger is evidence: any zone is stored as UTC, and a time without one is refused."""
    eastern = now.astimezone(timezone(timedelta(hours=-5)))
    [event] = events(session, account, eastern, "opt_in")
    assert (event.at, event.at.utcoffset()) == (now, timedelta(0))
    session.commit()
    session.expire_all()
    assert checkpoints.walk(session, account).problem is None
    with pytest.raises(ValueError, match="a time with a zone"):
        events(session, account, now.replace(tzinfo=None), "opt_in")


def test_what_was_allowed_at_a_time(session: Session, account: Account, now: datetime) -> None:
    """The decision of each moment and the events used for it, by what was known then; not by what came after."""
    history = ["opt_in:marketing", "opt_out", "hold", "release", "re_subscribe", "opt_out:marketing"]
    for hours, word in enumerate(history):
        events(session, account, now + timedelta(hours=hours), word)
    table = [
        (-1, MARKETING, True, 0, None, None),
        (0, MARKETING, True, 1, None, "opt_in"),
        (0, ACCOUNT, True, 0, None, None),
        (1, ACCOUNT, False, 1, "opt_out", None),
        (2, MARKETING, False, 3, "opt_out", None),
        (3, ALL, False, 4, "opt_out", None),
        (4, MARKETING, True, 5, None, "re_subscribe"),
        (5, MARKETING, False, 6, "opt_out", None),
        (5, ACCOUNT, True, 4, None, "re_subscribe"),
        (9, ALL, False, 6, "opt_out", None),
    ]
    for hours, purpose, allowed, used, blocking, agreed in table:
        found = consent.as_of(session, account.id, PHONE, purpose, now + timedelta(hours=hours))
        kinds = found.blocking and found.blocking.kind.value, found.agreed and found.agreed.kind.value
        assert (found.allowed, len(found.used), *kinds) == (allowed, used, blocking, agreed), (hours, purpose)
    with pytest.raises(ValueError, match="without a zone"):
        consent.as_of(session, account.id, PHONE, ALL, now.replace(tzinfo=None))


def test_as_of_agrees_with_what_sending_obeys(session: Session, account: Account, now: datetime) -> None:
    """Now is the last moment of the past: for every history and purpose the same event blocks."""
    for number, (history, _) in enumerate(HISTORIES):
        phone = f"+1212555{number:04}"
        events(session, account, now, history, phone)
        for purpose in Purpose:
            blocking = consent.blocked(session, account.id, [phone], purpose).get(phone)
            assert consent.as_of(session, account.id, phone, purpose, now).blocking == blocking, (history, purpose)


@pytest.mark.parametrize(
    ("history", "sentence"),
    [
        ("", "Nothing forbade it, but no consent is on record, either."),
        ("opt_in", "Yes: the person opted in on 2026-11-20 at 15:00 UTC, and nothing forbade it since."),
        ("opt_in opt_out", "No: the person opted out on 2026-11-20 at 15:00 UTC."),
        ("opt_in hold", "No: the number was held for a review on 2026-11-20 at 15:00 UTC."),
        ("hold release", "Nothing forbade it, but no consent is on record, either."),
        ("opt_in:marketing", "Nothing forbade it, but no consent is on record, either."),
        (
            "opt_in:marketing opt_in:account",
            "Yes: the person opted in on 2026-11-20 at 15:00 UTC, and nothing forbade it since.",
        ),
    ],
)
def test_a_decision_is_said(session: Session, account: Account, now: datetime, history: str, sentence: str) -> None:
    """In one sentence, without the number."""
    events(session, account, now, history)
    assert consent.as_of(session, account.id, PHONE, ALL, now).sentence() == sentence
