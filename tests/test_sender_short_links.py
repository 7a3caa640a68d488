"""Short links on our own domain: what can be one, where it leads, and how often it was followed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Database
from models.links import LinkDay, ShortLink
from sender.short_links import LENGTH, LETTERS, LinkProblem, address, checked, clicks, follow, long_ones, shorten

NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
BASE = "https://txt.example.org"
URL = "https://www.example.org/membership/renew?year=2027"


def link_of(session: Session, account: Account, url: str = URL) -> ShortLink:
    """A link of the account."""
    return shorten(session, account_id=account.id, url=url, actor="amara@example.com", now=NOW)


def test_one_address_has_one_open_link(session: Session, account: Account) -> None:
    """Asked twice it is the same; once closed another one is made."""
    first = link_of(session, account)
    assert link_of(session, account, f"  {URL} ") is first
    assert (len(first.code), set(first.code) <= set(LETTERS)) == (LENGTH, True)
    assert address(f"{BASE}/", first) == f"{BASE}/l/{first.code}"
    first.closed_at = NOW
    session.flush()
    assert link_of(session, account).code != first.code


@pytest.mark.parametrize(
    "url",
    [
        "", "example.org", "javascript:alert(1)", "ftp://example.org/x", "https://", "https://localhost/x", "//example.org",
        "https://ann:secret@example.org/", "https://example.org/a b", "https://[::1", f"https://example.org/{'a' * 2_000}",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_a_sentence(url: str) -> None:
    """It says what to do instead."""
    with pytest.raises(LinkProblem, match=r"^(Enter|Leave) .*\.$"):
        checked(url)


def test_clicks_are_counted_by_day(session: Session, account: Account) -> None:
    """Midnight is UTC's; a closed link leads nowhere and counts nothing; an unknown code is none."""
    link = link_of(session, account)
    for at in (NOW, NOW, NOW + timedelta(hours=1)):
        found = follow(session, link.code, now=at)
        assert found is link
    days = session.execute(select(LinkDay.day, LinkDay.clicks).order_by(LinkDay.day)).all()
    assert [(str(day), n) for day, n in days] == [("2026-11-22", 2), ("2026-11-23", 1)]
    assert clicks(session, [link.id]) == {link.id: 3}
    link.closed_at = NOW
    assert follow(session, link.code, now=NOW) is link
    assert clicks(session, [link.id]) == {link.id: 3}
    assert follow(session, "nothing", now=NOW) is None


def test_no_click_is_lost_when_many_come_at_once(database: Database) -> None:
    """Forty at the same time on the first of the day are forty."""
    with database.transaction() as session:
        account = Account(slug="clicks", name="Clicks", created_at=NOW)
        session.add(account)
        session.flush()
        code = link_of(session, account).code

    def click(_n: int) -> None:
        with database.transaction() as session:
            follow(session, code, now=NOW)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(click, range(40)))
    with database.reading() as session:
        link = session.scalars(select(ShortLink).where(ShortLink.code == code)).one()
        assert clicks(session, [link.id]) == {link.id: 40}


def test_the_long_addresses_of_a_text_are_found(session: Session, account: Account) -> None:
    """Each once, without the full stop that follows; not ours, and not one that would grow."""
    ours = address(BASE, link_of(session, account))
    text = f"Renew at {URL}. Or ({URL}), {ours}, http://a.io/x or https://www.example.org/a/longer/path/than/ours!"
    assert long_ones(text, BASE) == [URL, "https://www.example.org/a/longer/path/than/ours"]
    assert long_ones("no link", BASE) == []
