"""Is a downloaded list complete, harmless in a spreadsheet, and written down?"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from markupsafe import Markup
from sqlalchemy import select

from admin.views.exports import csv_safe
from models.base import Database
from models.contacts import Contact
from models.messages import MessageStatus
from models.users import AuditEntry, RoleName
from tests.conftest import NOW
from tests.desk import ANNA, Desk, open_desk


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("plain", "plain"),
        ("=1+1", "'=1+1"),
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("+12125550111", "+12125550111"),
        ("-1.50", "-1.50"),
        (-3, "-3"),
        ("+", "'+"),
        ("-", "'-"),
        ("a=b", "a=b"),
        (MessageStatus.DELIVERED, "delivered"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (Markup("<b>=x</b>"), "'=x"),
    ],
)
def test_no_cell_is_a_formula(value: object, cell: str) -> None:
    """What a spreadsheet would run gets an apostrophe; numbers and phones stay as they are; markup becomes text."""
    assert csv_safe(value) == cell


def rows(text: str) -> list[list[str]]:
    """The cells of a download."""
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))


def test_a_download_holds_the_filtered_list(desk: Desk) -> None:
    """Header and one line a row, only what the filter leaves, formulas made harmless, numbers whole for who may see them."""
    with desk.database.transaction() as session:
        session.add(
            Contact(
                account_id=desk.harbor.id, phone="+447400000123", phone_raw="x", region="GB", line_type="mobile", name="=cmd()",
                created_at=NOW, updated_at=NOW,
            )
        )  # fmt: skip
    admin = desk.visitor(RoleName.ADMIN)
    everything = rows(admin.send("/contacts/export/csv/").text)
    assert everything[0][:2] == ["Name", "Phone"]
    assert len(everything) == 4
    assert ["Anna Berg", ANNA] in [row[:2] for row in everything]
    filtered = rows(admin.send("/contacts/export/csv/", flt0_region="GB").text)
    assert [row[0] for row in filtered[1:]] == ["'=cmd()"]


def test_a_download_masks_what_the_page_masks(desk: Desk) -> None:
    """An auditor's file has no whole number and no markup in it."""
    text = desk.visitor(RoleName.AUDITOR).send("/messages/export/csv/").text
    assert ANNA not in text
    assert "+1 •" in text
    assert "<span" not in text


def test_a_download_is_written_down(desk: Desk) -> None:
    """Who took which list, with which filters; what was searched for may be a number and is not kept."""
    desk.visitor(RoleName.ADMIN).send("/messages/export/csv/", flt0_status="failed", search=ANNA).close()
    with desk.database.reading() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry is not None
        assert entry.action == "message:export"
        assert entry.after == {"filters": ["Status: failed"], "search": True}


def test_only_csv_is_offered(desk: Desk) -> None:
    """Another format is not there."""
    assert desk.visitor(RoleName.ADMIN).send("/contacts/export/xlsx/").status_code == 404
