"""Tests of sender/audience.py: a list becomes contacts and an audience, each row with one fate."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Database
from models.campaigns import Audience, AudienceRow, Reason
from models.contacts import Contact
from models.countries import CountrySetting
from sender import audience
from sender.audience import AudienceProblem
from sender.rows import LONGEST, UNKNOWN_ZONE
from tests.conftest import NOW, seed_account
from tests.lists import fates, listed


def people(session: Session, account: Account) -> list[Contact]:
    """The account's contacts by phone."""
    session.expire_all()
    return list(session.scalars(select(Contact).where(Contact.account_id == account.id).order_by(Contact.phone)))


def test_every_row_has_one_fate(session: Session, account: Account) -> None:
    """Nine rows, as a member office writes them: a contact each, or the one reason why not."""
    loaded = listed(
        session,
        account,
        """Mobile,Name,City
(212) 555-0101,Ann Lee,New York
+44 20 7234 3456,Bo,London
212.555.0101,Ann again,Boston
,Cy,Ohio
n/a,Di,Ohio
020 7234 3456,Ed,London
12125550102.0,Fay,Ohio
call me,Gus,Ohio
+1 212-555-0103 ext 5,Hal,Ohio
""",
    )
    assert fates(session, loaded) == [
        "ok", "ok", "duplicate", "empty_phone", "empty_phone", "invalid_number", "ok", "invalid_number", "invalid_number",
    ]  # fmt: skip
    assert (loaded.rows, loaded.usable, loaded.complete) == (9, 3, True)
    assert loaded.columns == {"Mobile": "phone", "Name": "name", "City": "city"}
    assert [(p.phone, p.name, p.region, p.line_type) for p in people(session, account)] == [
        ("+12125550101", "Ann Lee", "US", "fixed_line_or_mobile"),
        ("+12125550102", "Fay", "US", "fixed_line_or_mobile"),
        ("+442072343456", "Bo", "GB", "fixed_line"),
    ]


def test_a_row_keeps_what_it_said(session: Session, account: Account) -> None:
    """Fields stay with the row; the number as written stays with the contact, or with a row that has none."""
    loaded = listed(session, account, "Phone,Dues\n(212) 555-0101,12.50\nnobody,7\n(212) 555-0101,\n")
    first, second, third = session.scalars(select(AudienceRow).order_by(AudienceRow.row))
    assert (first.fields, second.fields, third.fields) == ({"dues": "12.50"}, {"phone": "nobody", "dues": "7"}, {})
    assert second.detail == "The number contains letters; write it in digits only."
    assert (third.contact_id, third.detail) == (first.contact_id, "The same number as in row 1.")
    assert people(session, account)[0].phone_raw == "(212) 555-0101"
    assert loaded.rows == 3


def test_a_contact_is_completed_never_emptied(session: Session, account: Account) -> None:
    """A later list adds and replaces values, but a blank replaces nothing."""
    listed(session, account, "Phone,Name,Member ID,City,Time zone\n2125550101,Ann Lee,M1,Boston,america/chicago\n")
    listed(session, account, "Phone,Name,Member ID,City,Team\n2125550101,,,,Red\n", name="Second")
    [ann] = people(session, account)
    assert (ann.name, ann.external_id, ann.time_zone) == ("Ann Lee", "M1", "America/Chicago")
    assert ann.attributes == {"city": "Boston", "team": "Red"}
    later = NOW + timedelta(days=1)
    listed(session, account, "Phone,Name,City\n+1 212 555 0101,Ann Ray,Rome\n", name="Third", now=later)
    [again] = people(session, account)
    assert (again.id, again.name, again.attributes["city"]) == (ann.id, "Ann Ray", "Rome")
    assert (again.created_at, again.updated_at, again.phone_raw) == (NOW, later, "+1 212 555 0101")


def test_the_first_of_two_rows_counts(session: Session, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a chunk and across chunks alike: the duplicate changes nothing on the contact."""
    monkeypatch.setattr(audience, "CHUNK", 2)
    loaded = listed(session, account, "Phone,Name\n2125550101,Ann\n2125550101,Bo\n2125550101,Cy\n2125550102,Di\n")
    assert fates(session, loaded) == ["ok", "duplicate", "duplicate", "ok"]
    assert [p.name for p in people(session, account)] == ["Ann", "Di"]
    details = session.scalars(select(AudienceRow.detail).where(AudienceRow.reason == Reason.DUPLICATE))
    assert set(details) == {"The same number as in row 1."}


def test_names_and_zones(session: Session, account: Account) -> None:
    """A name is put together from its parts; a zone that is none is ignored, and the row says so."""
    listed(
        session,
        account,
        f"Phone,First name,Last name,Time zone\n2125550101,Ann,Lee,US/Eastern\n2125550102,Bo,,Mars\n2125550103,{'x' * 300},,\n",
    )
    ann, bo, long = people(session, account)
    assert (ann.name, ann.time_zone, ann.attributes) == (
        "Ann Lee",
        "US/Eastern",
        {"first_name": "Ann", "last_name": "Lee"},
    )
    assert (bo.name, bo.time_zone) == ("Bo", None)
    assert session.scalar(select(AudienceRow.detail).where(AudienceRow.row == 2)) == UNKNOWN_ZONE
    assert len(long.name) == LONGEST


def test_accounts_have_their_own_contacts(session: Session, account: Account) -> None:
    """The same number in two accounts is two people."""
    other = seed_account(session, slug="other")
    listed(session, account, "Phone\n2125550101\n")
    loaded = listed(session, other, "Phone\n2125550101\n")
    assert fates(session, loaded) == ["ok"]
    assert len(people(session, account)) == len(people(session, other)) == 1


def test_an_empty_list_is_an_audience_of_none(session: Session, account: Account) -> None:
    """Only a header: complete, and nobody in it."""
    loaded = listed(session, account, "Phone,Name\n")
    assert (loaded.rows, loaded.usable, loaded.complete) == (0, 0, True)


def test_nothing_is_committed_and_progress_is_told(database: Database, account: Account) -> None:
    """The caller commits, chunk by chunk if it likes; the audience is complete only at the end."""
    seen: list[tuple[int, bool]] = []
    text = "Phone\n" + "".join(f"212555{n:04}\n" for n in range(audience.CHUNK + 1))
    with database.session() as session:
        table = audience.open_table("x.csv", io.BytesIO(text.encode()))

        def progress(done: int) -> None:
            seen.append((done, bool(session.scalar(select(Audience.complete)))))

        audience.load(
            session, account=account, name="x", filename="x.csv", table=table, columns={"Phone": "phone"}, now=NOW,
            progress=progress,
        )  # fmt: skip
    assert seen == [(audience.CHUNK, False), (audience.CHUNK + 1, False)]
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Contact)) == 0


def test_a_problem_half_way_is_a_problem(session: Session, account: Account) -> None:
    """Too many rows show only when they are reached; the caller rolls back."""
    table = audience.open_table("x.csv", io.BytesIO(b"Phone\n2125550101\n2125550102\n"), max_rows=1)
    with pytest.raises(AudienceProblem, match="more than 1 rows"):
        audience.load(
            session, account=account, name="x", filename="x.csv", table=table, columns={"Phone": "phone"}, now=NOW
        )


def test_two_uploads_at_once_share_their_contacts(database: Database, account: Account) -> None:
    """The same thousand people from two threads in opposite order: one contact each, no deadlock."""
    from concurrent.futures import ThreadPoolExecutor

    numbers = [f"212555{n:04}" for n in range(1_000)]

    def upload(name: str, order: list[str]) -> None:
        with database.transaction() as session:
            listed(session, account, "Phone\n" + "\n".join(order), name=name)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(upload, ["a", "b"], [numbers, numbers[::-1]]))
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Contact)) == 1_000
        assert session.scalar(select(func.sum(Audience.usable))) == 2_000


CELL = st.one_of(
    st.sampled_from(["2125550101", "+442072343456", "+18005550199", "+353861234567", "", "n/a", "x", "212"]),
    st.integers(2_125_550_100, 2_125_550_110).map(str),
    st.text("0123456789+() aé\u0663", max_size=14),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(CELL, st.text("ab ,\"'é", max_size=5)), max_size=30))
def test_rows_are_usable_or_have_a_reason(session: Session, account: Account, rows: list[tuple[str, str]]) -> None:
    """Whatever is in the list: as many fates as rows, and a contact exactly where there is no import problem."""
    text = "Phone,Name\n" + "".join('"{}","{}"\n'.format(a, b.replace('"', '""')) for a, b in rows)
    loaded = listed(session, account, text)
    found = session.scalars(select(AudienceRow).where(AudienceRow.audience_id == loaded.id)).all()
    assert loaded.rows == len(found)
    assert loaded.usable == sum(row.reason is None for row in found)
    for row in found:
        assert (row.contact_id is None) == (row.reason in (Reason.EMPTY_PHONE, Reason.INVALID_NUMBER))
    usable = [row.contact_id for row in found if row.reason is None]
    assert len(usable) == len(set(usable))
    session.rollback()


def test_a_number_without_a_prefix_may_be_one_of_another_country(session: Session, account: Account) -> None:
    """Where that country's prefix is set; the account's own country comes first, and what may be of two countries stays unread."""
    text = "Phone\n020 7234 3456\n(212) 555-0101\n0662 123456\n"
    assert fates(session, listed(session, account, text)) == ["invalid_number", "ok", "invalid_number"]
    prefixed = update(CountrySetting).where(CountrySetting.region == "GB").values(default_prefix="+44")
    session.execute(prefixed)
    assert fates(session, listed(session, account, text, name="Again")) == ["ok", "ok", "invalid_number"]
    assert [one.phone for one in people(session, account)] == ["+12125550101", "+442072343456"]
    session.add_all(
        CountrySetting(account_id=account.id, region=region, name=region, default_prefix=prefix, updated_at=NOW)
        for region, prefix in (("DE", "+49"), ("AT", "+43"))
    )
    session.flush()
    assert fates(session, listed(session, account, text, name="Third"))[2] == "invalid_number"
