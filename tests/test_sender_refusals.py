"""A list of refusals from elsewhere: every row is counted once, what is new joins the ledger once, and all of it can be proved."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.consent import ConsentEvent, ConsentKind, ConsentSource, Purpose
from sender import checkpoints, consent, refusals
from sender.refusals import Reading
from sender.tables import AudienceProblem, open_table
from tests.conftest import NOW

EVIDENCE = {"file": "list.csv", "sha256": "0" * 64, "origin": "Our last provider", "taken_on": "2026-11-01"}
K = ConsentKind


def reading(session: Session, account: Account, text: str, *, write: bool = False) -> Reading:
    """What a CSV file holds; and written, if asked for."""
    table = open_table("list.csv", io.BytesIO(text.encode()))
    if write:
        return refusals.write(session, account, table, evidence=EVIDENCE, actor="a@example.com", now=NOW)
    return refusals.read(session, account, table)


LIST = """Name,Mobile Phone,Why
Anna,(212) 555-0101,Wrote a letter
Ben,212-555-0102,
Cara,12,Called
Dan,+1 212 555 0101,Wrote twice
Eve,2125550103,Called
,,Nobody
Finn,+44 7400 123456,Called
"""


def test_each_row_is_counted_once(session: Session, account: Account) -> None:
    """New, known, twice, or at fault with a sentence that says what to do; and nothing is written by looking."""
    said_no = {"account_id": account.id, "phone": "+12125550103", "source": ConsentSource.KEYWORD, "now": NOW}
    consent.append(session, kind=K.OPT_OUT, **said_no)  # type: ignore[arg-type]
    found = reading(session, account, LIST)
    assert [(one.row, one.phone, one.reason) for one in found.new] == [
        (1, "+12125550101", "Wrote a letter"), (7, "+447400123456", "Called"),
    ]  # fmt: skip
    assert [(one.row, one.sentence) for one in found.twice] == [(4, "The same number as in row 1.")]
    assert [one.row for one in found.faults] == [2, 3, 6]
    assert found.faults[0].sentence == "The reason is missing; say how we know."
    assert (found.rows, found.already) == (7, 1)
    assert found.rows == len(found.new) + found.already + len(found.twice) + len(found.faults)
    assert len(session.scalars(select(ConsentEvent)).all()) == 1


def test_writing_it(session: Session, account: Account) -> None:
    """Each new number is blocked, with where the list comes from; once more adds nothing; the chain is whole."""
    reading(session, account, LIST, write=True)
    session.commit()
    events = session.scalars(select(ConsentEvent).order_by(ConsentEvent.id)).all()
    assert [event.phone for event in events] == ["+12125550101", "+12125550103", "+447400123456"]
    for event in events:
        assert (event.kind, event.purpose, event.source) == (K.OPT_OUT, Purpose.ALL, ConsentSource.IMPORT)
        assert event.actor == "a@example.com"
        assert {**event.evidence, **EVIDENCE} == event.evidence
    assert [event.evidence["row"] for event in events] == ["1", "5", "7"]
    assert len(consent.blocked(session, account.id, [event.phone for event in events], Purpose.MARKETING)) == 3
    again = reading(session, account, LIST, write=True)
    assert (again.new, again.already) == ([], 3)
    session.commit()
    proof = checkpoints.walk(session, account)
    assert (proof.entries, proof.problem) == (3, None)


def test_a_long_list_is_one_chain(session: Session, account: Account) -> None:
    """Thousands of entries are sealed in the order of the file, as if each had come by itself."""
    rows = "".join(f"+1212555{number:04},Called\n" for number in range(100, 200)) + "".join(
        f"+1{area}555{number:04},Called\n" for area in (312, 415, 206) for number in range(100, 200)
    )
    found = reading(session, account, "phone,reason\n" + rows, write=True)
    session.commit()
    proof = checkpoints.walk(session, account)
    assert (proof.entries, proof.problem) == (len(found.new), None)
    assert len(found.new) >= 300
    in_order = session.scalars(select(ConsentEvent.phone).order_by(ConsentEvent.id)).all()
    assert list(in_order) == [one.phone for one in found.new]


KNOWN = [
    ([(K.OPT_OUT, Purpose.ALL)], False),
    ([(K.HOLD, Purpose.ALL)], True),  # held is not unsubscribed
    ([(K.OPT_OUT, Purpose.MARKETING)], True),
    ([(K.OPT_OUT, Purpose.ALL), (K.RE_SUBSCRIBE, Purpose.ALL)], True),
    ([(K.OPT_OUT, Purpose.ALL), (K.OPT_IN, Purpose.MARKETING)], True),
]


@pytest.mark.parametrize(("before", "new"), KNOWN)
def test_what_is_new(session: Session, account: Account, before: list[tuple[ConsentKind, Purpose]], new: bool) -> None:
    """Whoever could still be texted about anything."""
    for kind, purpose in before:
        consent.append(
            session, account_id=account.id, phone="+12125550101", kind=kind, purpose=purpose, source=ConsentSource.FORM, now=NOW
        )  # fmt: skip
    assert bool(reading(session, account, "phone,reason\n2125550101,x\n").new) == new


def test_what_cannot_be_used(session: Session, account: Account) -> None:
    """A sentence that names what is missing; a reason that is too long is a fault of its row."""
    with pytest.raises(AudienceProblem, match="no column named Reason"):
        reading(session, account, "phone,name\n2125550101,x\n")
    with pytest.raises(AudienceProblem, match="no column named Phone"):
        reading(session, account, "number of cats,reason\n2,x\n", write=True)
    found = reading(session, account, f"phone,reason\n2125550101,{'x' * 301}\n2125550102,{'x' * 300}\n")
    assert [fault.row for fault in found.faults] == [1]
    assert [one.row for one in found.new] == [2]
