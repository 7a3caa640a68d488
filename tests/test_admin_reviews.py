"""The queue of replies that may be revocations: who reads them, two ways out, each once, with a reason, and on the record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from admin.doctor_accounts import accounts as doctor
from admin.views.home_notices import notices
from models.accounts import Account
from models.base import Database
from models.consent import ConsentEvent, ConsentKind, Purpose
from models.users import AuditEntry, RoleName
from sender import consent, inbox
from tests import seeds
from tests.conftest import NOW
from tests.desk import ANNA, Desk, config_for, open_desk

BODY = "I do not want your texts any more"


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console over two accounts."""
    with open_desk(database, database_url) as found:
        yield found


def held(
    desk: Desk, account: Account | None = None, *, body: str = BODY, phone: str = ANNA, sid: str = "SMheld"
) -> int:
    """A reply that holds its number; the entry of the ledger."""
    with desk.database.transaction() as session:
        mine = session.get_one(Account, (account or desk.harbor).id)
        sender = seeds.sender_of(session, mine)
        params = {"MessageSid": sid, "From": phone, "To": sender.address, "Body": body}
        inbox.receive(session, account=mine, sender=sender, params=params, now=NOW)
        return session.scalars(select(ConsentEvent.id).order_by(ConsentEvent.id.desc())).first() or 0


@pytest.mark.parametrize(
    ("verdict", "kind", "said"),
    [
        ("revoked", ConsentKind.OPT_OUT, "The number is unsubscribed."),
        ("kept", ConsentKind.RELEASE, "The number is released"),
    ],
)
def test_a_reply_is_read_and_decided(desk: Desk, verdict: str, kind: ConsentKind, said: str) -> None:
    """Listed with its text and counted in the menu; a decision with a reason ends that, once, and is in the audit log."""
    key, agent = held(desk), desk.visitor(RoleName.AGENT)
    listed = agent.text("/reviews/")
    assert BODY in listed
    assert re.search(r'1<span class="visually-hidden"> to decide</span>', listed)
    page = agent.text("/reviews/details/", id=key)
    assert all(
        words in page for words in (BODY, "It is a revocation", "It is not", "Decide by", "4 Dec 2026, 10:00 EST")
    )
    answer = agent.send("/reviews/decide/", {"verdict": verdict, "reason": "  Read it twice "}, id=key)
    assert answer.status_code == 302
    assert said in agent.text(answer.location)
    agent.send("/reviews/decide/", {"verdict": "revoked", "reason": "Once more"}, id=key)
    with desk.database.reading() as session:
        events = session.scalars(select(ConsentEvent).where(ConsentEvent.id > key)).all()
        assert [(event.kind, event.reason) for event in events] == [(kind, "Read it twice")]
        assert (ANNA in consent.blocked(session, desk.harbor.id, [ANNA], Purpose.ACCOUNT)) == (verdict == "revoked")
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry is not None
        assert entry.action == f"consent:{kind.value}"
        assert ANNA not in str(entry.facts())
        assert BODY not in str(entry.facts())
    assert "No replies to review yet" in agent.text("/reviews/")
    page = agent.text("/reviews/details/", id=key)
    assert "Read it twice" in page
    assert "It is a revocation" not in page


def test_a_reason_is_asked_for_and_nothing_typed_is_lost(desk: Desk) -> None:
    """Beside the field; what was written too long is still there."""
    key, admin = held(desk), desk.visitor(RoleName.ADMIN)
    empty = admin.send("/reviews/decide/", {"verdict": "kept", "reason": "  "}, id=key)
    assert "Say in a few words why." in empty.text
    long = admin.send("/reviews/decide/", {"verdict": "kept", "reason": "because " * 50}, id=key)
    assert long.status_code == 200
    assert "because because" in long.text
    with desk.database.reading() as session:
        assert session.scalars(select(ConsentEvent.id).where(ConsentEvent.id > key)).all() == []


def test_who_may_see_and_who_may_decide(desk: Desk) -> None:
    """An auditor reads neither the text nor the number, and cannot decide; an analyst sees no page at all."""
    key = held(desk)
    for role in (RoleName.AUDITOR, RoleName.FINANCE):
        visitor = desk.visitor(role)
        for page in (visitor.text("/reviews/"), visitor.text("/reviews/details/", id=key)):
            assert BODY not in page
            assert ANNA not in page
            assert "Your role does not show what texts say" in page
            assert "It is a revocation" not in page
        assert visitor.send("/reviews/decide/", {"verdict": "kept", "reason": "x"}, id=key).status_code == 403
    assert desk.visitor(RoleName.ANALYST).read("/reviews/").status_code == 403


def test_nobody_elses_and_no_junk(desk: Desk) -> None:
    """Another account's is not found, an unknown verdict is a clear no, a GET changes nothing, an opt-out is no review."""
    key, foreign = held(desk), held(desk, desk.pier, sid="SMpier")
    admin, opted_out = desk.visitor(RoleName.ADMIN), desk.ids(desk.harbor)["unsubscribes"]
    form = {"verdict": "revoked", "reason": "x"}
    for id_ in (foreign, opted_out, "junk", ""):
        assert admin.send("/reviews/decide/", form, id=id_).status_code == 404
    assert admin.send("/reviews/decide/", {"reason": "x"}, id=key).status_code == 400
    assert admin.read("/reviews/decide/", id=key).status_code == 405
    assert admin.read("/reviews/details/", id=foreign).status_code == 404
    assert "Pier" not in admin.text("/reviews/").partition("<main")[2]


def test_a_number_is_found_and_many_are_paged(desk: Desk) -> None:
    """Newest first, fifty to a page, by number written in any way."""
    for place in range(52):
        held(desk, phone=f"+1212555{2000 + place}", sid=f"SM{place}")
    admin = desk.visitor(RoleName.ADMIN)
    first = admin.text("/reviews/")
    assert "52 replies to review" in first
    assert first.index("+12125552051") < first.index("+12125552050")
    assert "+12125552001" not in first
    older = re.search(r'href="([^"]+)" rel="next"', first)
    assert older is not None
    assert "+12125552001" in admin.text(older[1].replace("&amp;", "&"))
    assert "+12125552007" in admin.text("/reviews/", search="212 555 2007")
    assert "No match" in admin.text("/reviews/", search="212 555 9999")


def test_what_waits_too_long_is_told(desk: Desk) -> None:
    """On the overview and by the doctor, five hours after the reply; before that, nowhere but in the menu."""
    held(desk)
    with desk.database.reading() as session:
        account = session.get_one(Account, desk.harbor.id)
        for hours, expected in (
            (4, []),
            (5, ["1 reply may ask us to stop and has waited for more than 5 hours. Read and decide."]),
        ):
            now = NOW + timedelta(hours=hours)
            found = [notice.sentence for notice in notices(session, account, now=now) if notice.code == "unreviewed"]
            assert found == expected
            lines = [one for one in doctor(config_for("sqlite://"), session, now=now) if "replies" in one.what]
            assert len(lines) == len(expected)
    page = desk.visitor(RoleName.SUPERVISOR).text("/")
    assert "See the replies" in page
    assert "See the replies" not in desk.visitor(RoleName.ANALYST).text("/")
