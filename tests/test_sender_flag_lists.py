"""Tests of sender/flag_lists.py: what each row of a list of flags would do, before anything is written."""

from __future__ import annotations

import io
from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.consent import Purpose
from models.flags import ContactFlag, FlagKind
from sender import flag_lists, flags
from sender.flag_lists import Fate, Line
from sender.tables import AudienceProblem, open_table
from tests.conftest import NOW, seed_account
from tests.seeds import contacts

TODAY = NOW.date()
HEADER = "Mobile,Kind,Since,Source,Note\n"
EVIDENCE = {"file": "list.csv", "sha256": "ab" * 32}


def read(session: Session, account: Account, content: str, source: str = "") -> list[Line]:
    """The lines of a list."""
    table = open_table("list.csv", io.BytesIO(content.encode()))
    return flag_lists.read(session, table, account_id=account.id, default_region="US", today=TODAY, source=source)


@pytest.mark.parametrize(
    ("row", "fate", "said"),
    [
        ("2125550101,attorney,2026-11-03,Letter,", Fate.NEW, ""),
        ("(212) 555-0101,Asked to cease,,Letter,x", Fate.NEW, ""),
        ("2125550101,ATTORNEY,2026-11-20,Letter,", Fate.NEW, ""),
        ("2125550101,no texts,2026-11-03T10:00,Letter,", Fate.NEW, ""),
        ("12,attorney,,Letter,", Fate.PROBLEM, "too few digits"),
        (",attorney,,Letter,", Fate.PROBLEM, "."),
        ("2125550101,friend,,Letter,", Fate.PROBLEM, "“friend” is no kind of flag; write one of: no_texts, cease"),
        ("2125550101,attorney,11/3/2026,Letter,", Fate.PROBLEM, "no day that is read one way only"),
        ("2125550101,attorney,2026-02-30,Letter,", Fate.PROBLEM, "no day of the calendar"),
        ("2125550101,attorney,2026-11-21,Letter,", Fate.PROBLEM, "2026-11-21 has not come yet"),
        ("2125550101,attorney,2026-11-03,,", Fate.PROBLEM, "The row has no source"),
    ],
)
def test_a_row_is_read_or_says_why_not(session: Session, account: Account, row: str, fate: Fate, said: str) -> None:
    """Numbers in any notation, a kind by its word or label, a day that is read one way only, and a source."""
    [line] = read(session, account, f"{HEADER}{row}\n")
    assert line.fate is fate
    assert said in line.said
    if fate is Fate.NEW:
        assert (line.phone, line.source) == ("+12125550101", "Letter")


def test_a_source_for_the_whole_file_and_today_fill_blanks(session: Session, account: Account) -> None:
    """A row's own words win."""
    lines = read(session, account, f"{HEADER}2125550101,cease,,,\n2125550102,cease,2026-11-01,Own,\n", "House list")
    assert [(line.source, line.since) for line in lines] == [("House list", TODAY), ("Own", date(2026, 11, 1))]


@pytest.mark.parametrize("content", ["Phone\n2125550101\n", "Kind,Since\ncease,2026-11-01\n"])
def test_a_file_without_its_columns_is_refused(session: Session, account: Account, content: str) -> None:
    """With what it needs."""
    with pytest.raises(AudienceProblem, match="phone” and a column “kind”"):
        read(session, account, content)


def test_what_is_known_already_is_not_raised_again(session: Session, account: Account) -> None:
    """One stands, one was cleared, one is in the file twice; another account's flag is none; blank rows keep the count."""
    pier = seed_account(session, slug="pier")
    for owner, phone in ((account, "+12125550101"), (account, "+12125550102"), (pier, "+12125550103")):
        flag = flags.add(
            session, account_id=owner.id, phone=phone, kind=FlagKind.CEASE, since=TODAY, source="x", now=NOW
        )
        if phone.endswith("2"):
            flags.clear(session, flag, reason="Taken back", now=NOW)
    rows = "".join(f"212555010{n},cease,,Letter,\n" for n in (1, 2, 3)) + ",,,,\n2125550103,cease,,Letter,\n"
    lines = read(session, account, HEADER + rows)
    assert [(line.row, line.fate) for line in lines] == [
        (1, Fate.STANDING), (2, Fate.CLEARED), (3, Fate.NEW), (5, Fate.REPEATED),
    ]  # fmt: skip
    assert lines[1].said.startswith("This flag was cleared on 2026-11-20, and stays so")
    assert lines[3].said == "The same as row 3."


def test_loading_raises_the_new_ones_once(session: Session, account: Account) -> None:
    """With the file's hash and the row as evidence; a second time nothing; people are counted before."""
    phones = [one.phone for one in contacts(session, account, 3)][:2]
    lines = read(
        session, account, HEADER + "".join(f"{phone},litigator,,List,\n" for phone in phones) + "12,cease,,x,\n"
    )
    assert flag_lists.people(session, account.id, lines) == 2
    given = {"account_id": account.id, "evidence": EVIDENCE, "actor": "anna", "now": NOW}
    assert flag_lists.load(session, lines, **given) == 2
    flag_lists.load(session, lines, **given)  # the same request again
    found = session.scalars(select(ContactFlag).order_by(ContactFlag.id)).all()
    assert [(one.phone, one.actor, one.evidence["row"]) for one in found] == [
        (phones[0], "anna", 1),
        (phones[1], "anna", 2),
    ]
    assert found[0].evidence["sha256"] == "ab" * 32
    assert {line.fate for line in read(session, account, HEADER + f"{phones[0]},litigator,,List,\n")} == {Fate.STANDING}
    assert set(flags.standing(session, account.id, phones, Purpose.ALL)) == set(phones)


def test_a_list_without_its_hash_is_refused(session: Session, account: Account) -> None:
    """What was imported has to be found again."""
    with pytest.raises(flags.NotAllowed, match="hash"):
        flag_lists.load(session, [], account_id=account.id, evidence={"file": "x"}, actor="", now=NOW)


def test_a_long_list_is_read_quickly(session: Session, account: Account) -> None:
    """Twelve thousand rows, in a few statements, with the same answers."""
    rows = "".join(f"212{exchange}{last:04},litigator,,List,\n" for exchange in (556, 557) for last in range(6_000))
    lines = read(session, account, HEADER + rows)
    assert len(lines) == 12_000
    made = flag_lists.load(
        session, lines, account_id=account.id, evidence=EVIDENCE, actor="", now=NOW + timedelta(seconds=1)
    )
    assert made == sum(line.fate is Fate.NEW for line in lines) > 11_000
