"""Does the savings panel say what a change would really save, to whom it may, and leave everything as it is?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

import analytics.rates
from admin.views.template_worth import prices, worth
from analytics.pricing import MessageFacts, price
from models.accounts import Account
from models.base import Database
from models.charges import ChargeKind
from models.messages import MessageStatus
from models.segments import measure
from models.templates import TemplateVersion
from models.users import AuditEntry, RoleName
from sender.optimiser import Effect
from tests.conftest import NOW
from tests.desk import Desk, Visitor, open_desk
from tests.lists import listed

SOURCE = "Hi {{ first_name }}, it’s time… to renew " + "a" * 60
LIST = "name,mobile\nAnna Berg,(212) 555-0100\nŁukasz Oak,(213) 555-0101\nMax Lund,(214) 555-0166\n"


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console with prices, and a list of three people, one of them with a name outside the alphabet."""
    with open_desk(database, database_url) as found:
        with database.transaction() as session:
            analytics.rates.load(session, None, now=NOW, entered_by="test")
            listed(session, session.get_one(Account, found.harbor.id), LIST)
        yield found


@pytest.fixture
def admin(desk: Desk) -> Visitor:
    """Somebody who may write texts in Harbor."""
    return desk.visitor(RoleName.ADMIN)


def asked(visitor: Visitor, source: object) -> TestResponse:
    """What the panel asks while one types."""
    return visitor.client.post("/templates/savings/", json={"source": source}, headers={"X-CSRFToken": visitor.token})


def test_a_plan_comes_with_its_worth(desk: Desk, admin: Visitor) -> None:
    """The changes with their places, for how many of the list it saves, and the money by the account's card."""
    found: Any = asked(admin, SOURCE).json
    [plan] = found["plans"]
    assert plan["title"] == "2 changes of the look only"
    assert plan["gain"] == "2 segments become 1 for 2 of the 3 texts tried."
    assert [(one["before"], one["after"], one["said"]) for one in plan["edits"]] == [
        ("’", "'", "A curly apostrophe becomes apostrophe"),
        ("…", "...", "An ellipsis that is one character becomes full stop, full stop, full stop"),
    ]
    text = SOURCE
    for one in reversed(plan["edits"]):
        assert text[one["start"] : one["end"]] == one["before"]
        text = text[: one["start"]] + one["after"] + text[one["end"] :]
    assert text == SOURCE.replace("’", "'").replace("…", "...")
    assert found["basis"].startswith("Worked out for 3 people on Members, by the rate card ")
    with desk.database.reading() as session:
        card = analytics.rates.card_for(session, desk.harbor.id)
        given = prices(session, desk.harbor.id, day=NOW.date())
        facts = MessageFacts(MessageStatus.DELIVERED, NOW.date(), "US", 1, sender_kind=given.sender_kind)
        segment_u = sum(line.cost_u for line in price(facts, card) if line.kind is not ChargeKind.PUMPING_PROTECTION)
    dollars, rest = divmod(2 * segment_u, 1_000_000)
    assert plan["worth"].startswith(f"Saves 2 segments = ${dollars}.{f'{rest:06}'.rstrip('0').ljust(2, '0')}")
    assert "if sent to all 3." in plan["worth"]


def test_the_worth_is_scaled_to_the_whole_list(desk: Desk) -> None:
    """Two of four tried, a list of forty: ten times as much, and said to be estimated; without a card no amount."""
    two, one = measure("a" * 161), measure("a" * 160)
    effects = [Effect(two, one), Effect(two, two), Effect(two, one), None]
    with desk.database.session() as session:
        account = session.get_one(Account, desk.harbor.id)
        loaded = listed(session, account, LIST, name="Forty")
        loaded.usable = 40
        given = prices(session, account.id, day=NOW.date())
        found = worth(effects, ["US"] * 4, loaded, given)
        assert (found.texts, found.segments, found.estimated, found.unrated) == (30, 20, True, ())
        assert found.amount_u is not None
        exact = worth(effects * 10, ["US"] * 40, loaded, given)
        assert (exact.amount_u, exact.estimated) == (found.amount_u, False)
        assert worth(effects, ["ZZ"] * 4, loaded, given).unrated == ("ZZ",)
        assert worth(effects, ["US"] * 4, loaded, None).amount_u is None
        assert worth(effects, [""] * 4, None, given).amount_u is None


def test_places_count_as_a_browser_counts(admin: Visitor) -> None:
    """An emoji before a change moves it by two, because a browser's places are UTF-16 units."""
    found: Any = asked(admin, "😀  it’s " + "a" * 62).json
    [plan] = found["plans"]
    assert [(one["start"], one["end"]) for one in plan["edits"]] == [(2, 4)]
    assert (plan["edits"][0]["removed"], plan["edits"][0]["added"]) == ("␣␣", "␣")
    assert found["obstacles"][0]["text"].startswith("Grinning face (character 1) cannot be replaced. Without it")


def test_what_cannot_be_saved_is_said(desk: Desk, admin: Visitor) -> None:
    """A short text, one that is no template yet, one that nobody gets, and a few characters too many."""
    short: Any = asked(admin, "Hi {{ first_name }}").json
    assert (short["plans"], short["excess"]) == ([], "")
    assert short["nothing"].startswith("There is nothing to save")
    broken: Any = asked(admin, "Hi {{ first_name").json
    assert (broken["plans"], broken["nothing"]) == ([], "Savings show once the text can be read.")
    over: Any = asked(admin, "a" * 163).json
    assert over["excess"].startswith(
        "Remove 3 characters to save one segment of the typical text. Saves 3 segments = $"
    )
    invented: Any = asked(admin, "{{ nobody_has_this }} it’s " + "a" * 70).json
    assert invented["basis"].startswith("Worked out on invented values")
    assert invented["plans"][0]["gain"] == "2 segments become 1."
    assert "$" not in invented["plans"][0]["worth"]


def test_many_plans_are_cut_to_four(admin: Visitor) -> None:
    """The smallest and the largest of each sort; the smallest first."""
    found: Any = asked(admin, "it’s here  and do not wait, in order to renew   now… " * 12).json
    assert 2 <= len(found["plans"]) <= 4
    assert [plan["wording"] for plan in found["plans"]] == sorted(plan["wording"] for plan in found["plans"])


def test_nothing_is_written(desk: Desk, admin: Visitor) -> None:
    """Asking makes no version and no audit entry."""
    with desk.database.reading() as session:
        before = [session.scalar(select(func.count()).select_from(table)) for table in (TemplateVersion, AuditEntry)]
    assert asked(admin, SOURCE).status_code == 200
    with desk.database.reading() as session:
        after = [session.scalar(select(func.count()).select_from(table)) for table in (TemplateVersion, AuditEntry)]
    assert before == after


@pytest.mark.parametrize("role", RoleName)
def test_only_who_writes_may_ask(desk: Desk, role: RoleName) -> None:
    """The right to edit templates, and the token."""
    visitor = desk.visitor(role)
    assert asked(visitor, SOURCE).status_code == (200 if role is RoleName.ADMIN else 403)
    assert visitor.client.post("/templates/savings/", json={"source": "x"}).status_code == 400
    assert visitor.read("/templates/savings/").status_code == 405


@pytest.mark.parametrize("source", [None, 5, ["x"], "a" * 5_002])
def test_nonsense_is_400(admin: Visitor, source: object) -> None:
    """Only a text of a template's length is looked at."""
    assert asked(admin, source).status_code == 400


def test_another_account_lends_nothing(desk: Desk) -> None:
    """Pier has no list: its figures rest on invented values, not on Harbor's people."""
    visitor = desk.visitor(RoleName.ADMIN, account=desk.pier)
    found: Any = asked(visitor, SOURCE).json
    assert found["basis"].startswith("Worked out on invented values")
    assert found["plans"][0]["gain"] == "2 segments become 1."
