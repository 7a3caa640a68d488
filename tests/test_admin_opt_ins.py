"""The pages about opt-ins: asking, typing the code, linking a number, writing what people agree to, its evidence, and lists."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import func, select

from admin import pictures
from models.accounts import Account
from models.base import Database
from models.consent import ConsentEvent, ConsentKind, ConsentSource
from models.contacts import Contact
from models.messages import Message
from models.opt_ins import OptInCapture, OptInPath, OptInRequest, OptInState, OptInWording
from models.settings import Setting
from models.users import AuditEntry, RoleName
from sender.worker import wall_clock
from tests.asked import PHONE, code_of, left, says
from tests.desk import ANNA, BEN, CAROL, Desk, Visitor, open_desk

S = OptInState


@pytest.fixture
def desk(database: Database, database_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A console; its accounts have a wording and one request that ended."""
    with open_desk(database, database_url) as found:
        found.app.config["UPLOADS"] = str(tmp_path / "uploads")
        yield found


def newest(desk: Desk, account: Account | None = None) -> OptInRequest:
    """The account's latest request."""
    with desk.database.reading() as session:
        mine = select(OptInRequest).where(OptInRequest.account_id == (account or desk.harbor).id)
        return session.scalars(mine.order_by(OptInRequest.id.desc())).first() or pytest.fail("nobody was asked")


def asked(desk: Desk, visitor: Visitor, path: str = "agent_pin", phone: str = "(212) 555-0133") -> OptInRequest:
    """Ask by the form."""
    answer = visitor.send("/opt-ins/ask/", {"phone": phone, "path": path})
    assert answer.status_code == 302, answer.text
    return newest(desk)


def answered(desk: Desk, body: str = "YES", phone: str = PHONE) -> None:
    """What is due leaves, and the person answers."""
    with desk.database.session() as session:
        left(session, at=wall_clock())
        says(session, session.get_one(Account, desk.harbor.id), body, phone=phone, at=wall_clock())


def code(desk: Desk) -> str:
    """The code on the phone."""
    with desk.database.reading() as session:
        return code_of(session, newest(desk))


def test_an_agent_brings_somebody_to_a_yes(desk: Desk) -> None:
    """Asked, answered, the code typed, an entry in the ledger; and the console never shows the code."""
    agent = desk.visitor(RoleName.AGENT)
    made = asked(desk, agent)
    assert "The question waits for its turn" in agent.text("/opt-ins/details/", id=made.id)
    answered(desk)
    secret, page = code(desk), agent.text("/opt-ins/details/", id=made.id)
    assert "Ask them to read it to you" in page
    assert secret not in page
    message_page = agent.text("/messages/details/", id=newest(desk).code_message_id)
    assert secret not in message_page
    assert "A code that only its recipient may read" in message_page
    for typed, said in (("abc", "Nothing was counted"), (f"{(int(secret) + 1) % 10**6:06}", "4 more tries are left.")):
        answer = agent.send("/opt-ins/code/", {"code": typed}, id=made.id)
        assert said in agent.text(answer.headers["Location"])
    assert newest(desk).tries == 1
    assert agent.send("/opt-ins/code/", {"code": f"{secret[:3]}-{secret[3:]}"}, id=made.id).status_code == 302
    assert newest(desk).state is S.COMPLETED
    assert "The person has agreed." in agent.text("/opt-ins/details/", id=made.id)
    with desk.database.reading() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action.like("opt_in:%"))).all()
        assert [entry.action for entry in entries] == ["opt_in:ask", "opt_in:code", "opt_in:code"]
        assert all(PHONE not in str(entry.facts()) and secret not in str(entry.facts()) for entry in entries)
        assert session.get_one(ConsentEvent, newest(desk).event_id).source is ConsentSource.AGENT_PIN


def test_the_number_of_a_code_that_was_locked(desk: Desk) -> None:
    """The fifth wrong code ends it, and the page says what to do."""
    agent = desk.visitor(RoleName.AGENT)
    made = asked(desk, agent)
    answered(desk)
    wrong = f"{(int(code(desk)) + 1) % 10**6:06}"
    for _ in range(5):
        agent.send("/opt-ins/code/", {"code": wrong}, id=made.id)
    assert newest(desk).state is S.LOCKED
    assert "Too many wrong codes" in agent.text("/opt-ins/details/", id=made.id)


def test_what_cannot_be_asked_is_told_where_it_was_typed(desk: Desk) -> None:
    """The number stays in its field with one sentence; nothing is written."""
    agent = desk.visitor(RoleName.AGENT)
    for phone, said in (("12", "too few digits"), (BEN, "opted out and is not asked again"), ("", "required")):
        answer = agent.send("/opt-ins/ask/", {"phone": phone, "path": "quick"})
        assert answer.status_code == 200
        assert said in answer.text
        assert f'value="{phone}"' in answer.text
    with desk.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(OptInRequest)) == 2
    key = desk.ids(desk.harbor)["contacts"]
    assert f'value="{ANNA}"' in agent.text("/opt-ins/ask/", contact=key)
    assert f'value="{ANNA}"' not in agent.text("/opt-ins/ask/", contact=desk.ids(desk.pier)["contacts"])


def test_asking_twice_shows_the_first(desk: Desk) -> None:
    """A second agent is led to the same request, and one text goes out; a withdrawal ends it once."""
    first = asked(desk, desk.visitor(RoleName.AGENT))
    other = desk.visitor(RoleName.SUPERVISOR)
    assert asked(desk, other, path="quick").id == first.id
    for said in ("The request is withdrawn.", "The request had ended before."):
        other.send("/opt-ins/withdraw/", id=first.id)
        assert said in other.text("/opt-ins/")
    with desk.database.reading() as session:
        asks = select(func.count()).where(Message.reply_key == f"opt-in:{first.id}:ask")
        assert session.scalar(asks) == 1


def test_a_request_of_another_account_is_not_there(desk: Desk) -> None:
    """Neither its page nor its code nor its withdrawal, nor its pictures."""
    foreign, owner = desk.ids(desk.pier)["opt_ins"], desk.visitor(owner=True)
    assert owner.read("/opt-ins/details/", id=foreign).status_code == 404
    for verb in ("code", "withdraw"):
        assert owner.send(f"/opt-ins/{verb}/", {"code": "123456"}, id=foreign).status_code == 404
    assert owner.read("/opt-ins/pack/", id=1).status_code == 404
    with desk.database.session() as session:
        says(session, session.get_one(Account, desk.pier.id), "Hello", phone="+12125550177")
    assert "+12125550177" not in owner.text("/opt-ins/unknown/")
    for key in ("1", "x", "9" * 30, ""):
        assert owner.send("/opt-ins/link/", {"contact": "harbor-A"}, id=key).status_code == 404


def test_a_supervisor_links_an_unknown_number(desk: Desk) -> None:
    """The contact is found by name, number or phone; what fits nobody or two people is told; then the number is asked."""
    with desk.database.session() as session:
        account = session.get_one(Account, desk.harbor.id)
        says(session, account, "Hello, this is Anna's new phone")
        twin = session.scalars(select(Contact).where(Contact.account_id == account.id, Contact.phone == BEN)).one()
        twin.name = "Anna Berg"
        session.commit()
    supervisor = desk.visitor(RoleName.SUPERVISOR)
    page = supervisor.text("/opt-ins/unknown/")
    assert PHONE in page
    key = page.partition("/opt-ins/link/?id=")[2].partition('"')[0]
    for said, sentence in (("Nobody", "No contact fits"), ("anna berg", "More than one contact fits")):
        assert sentence in supervisor.send("/opt-ins/link/", {"contact": said}, id=key).text
    assert desk.visitor(RoleName.AGENT).send("/opt-ins/link/", {"contact": "harbor-A"}, id=key).status_code == 403
    assert supervisor.send("/opt-ins/link/", {"contact": "harbor-A"}, id=key).status_code == 302
    made = newest(desk)
    assert (made.path, made.phone) == (OptInPath.SUPERVISOR_LINK, PHONE)
    assert "Every number is known" in supervisor.text("/opt-ins/unknown/")


WORDING = {
    "brand": "Harbor", "language": "en", "purpose": "account", "programme": "your dues", "frequency": "1 message a month",
    "description": "A reminder <before> your dues are due.", "terms_url": "https://harbor.example/terms",
    "privacy_url": "https://harbor.example/privacy",
}  # fmt: skip


def test_wording_is_looked_at_and_then_published(desk: Desk) -> None:
    """A preview writes nothing; a publication is a new version, and the old one stays as it was."""
    admin = desk.visitor(RoleName.ADMIN)
    page = admin.send("/opt-ins/wording/new/", {**WORDING, "do": "preview"}).text
    assert "How it will look" in page
    assert "Harbor: Reply YES to get texts about your dues (1 message a month)." in page
    assert "A reminder &lt;before&gt; your dues" in page
    assert admin.send("/opt-ins/wording/new/", {**WORDING, "do": "publish"}).status_code == 302
    assert "version 1" not in desk.stranger().text("/join/harbor")
    assert "your dues" in desk.stranger().text("/join/harbor")
    with desk.database.reading() as session:
        versions = session.scalars(select(OptInWording).where(OptInWording.account_id == desk.harbor.id)).all()
        assert [one.number for one in versions] == [1, 2]
        assert "events near you" in versions[0].agreement
        assert versions[1].agreement.startswith("I agree to receive recurring texts from Harbor about your dues")
    bad = admin.send("/opt-ins/wording/new/", {**WORDING, "terms_url": "javascript:alert(1)", "do": "publish"})
    assert "begins with https://" in bad.text
    assert 'value="Harbor"' in bad.text
    assert "http://localhost/join/harbor" in admin.text("/opt-ins/wording/")


def picture(kind: str = "PNG", size: tuple[int, int] = (390, 844)) -> bytes:
    """A screenshot, more or less."""
    held = io.BytesIO()
    Image.new("RGB", size, "white").save(held, kind)
    return held.getvalue()


def kept(visitor: Visitor, held: bytes, name: str = "shot.png") -> Any:
    """Upload a picture."""
    return visitor.send("/opt-ins/capture/", {"picture": (io.BytesIO(held), name)})


def test_the_evidence_pack(desk: Desk) -> None:
    """The picture at its public address, the page as one file, the facts and a PDF of all of it; kept once however often."""
    admin = desk.visitor(RoleName.ADMIN)
    for held in (picture(), picture(), picture("JPEG")):
        assert kept(admin, held).status_code == 302
    with desk.database.reading() as session:
        captures = session.scalars(select(OptInCapture).order_by(OptInCapture.id)).all()
        assert [one.media_type for one in captures] == ["image/png", "image/jpeg"]
        first, held = captures[0], captures[0].image
    page = admin.text("/opt-ins/wording/")
    url = f"http://localhost/join/harbor/evidence/{first.sha256}.png"
    assert url in page
    public = desk.stranger().read(url.removeprefix("http://localhost"))
    assert (public.status_code, public.mimetype, public.data) == (200, "image/png", held)
    assert public.headers["X-Content-Type-Options"] == "nosniff"
    for wrong in (
        f"/join/pier/evidence/{first.sha256}.png",
        f"/join/harbor/evidence/{first.sha256}.jpg",
        "/join/harbor/evidence/x",
    ):
        assert desk.stranger().read(wrong).status_code == 404
    archive = zipfile.ZipFile(io.BytesIO(admin.read("/opt-ins/pack/", id=first.id).data))
    assert archive.namelist() == ["pack.pdf", "page.html", "screenshot.png", "facts.json"]
    facts = json.loads(archive.read("facts.json"))
    assert facts["Opt-in workflow image URL"] == url
    assert (facts["SHA-256 of the picture"], facts["Page"]) == (first.sha256, "http://localhost/join/harbor")
    assert archive.read("screenshot.png") == held
    copy = archive.read("page.html").decode()
    assert "csrf" not in copy
    assert "I agree to receive recurring texts from Harbor about events near you" in copy
    assert "<link" not in copy
    assert archive.read("pack.pdf").startswith(b"%PDF-")
    pdf = admin.read("/opt-ins/pack/", id=first.id, form="pdf")
    assert (pdf.mimetype, pdf.data[:5]) == ("application/pdf", b"%PDF-")


def test_a_picture_is_a_picture(desk: Desk) -> None:
    """By its bytes: neither a page nor half a picture nor one too small or too large is shown to everybody."""
    admin = desk.visitor(RoleName.ADMIN)
    for held in (
        b"<html><script>alert(1)</script>",
        picture()[:200],
        picture(size=(10, 10)),
        b"",
        b"GIF89a" + b"\0" * 50,
    ):
        assert kept(admin, held).status_code == 302
    with desk.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(OptInCapture)) == 0
    with pytest.raises(pictures.NotAPicture, match="larger than 5 MB"):
        pictures.read(io.BytesIO(b"\x89PNG" + b"\0" * 5_000_000))
    assert "at least 50" in admin.text("/opt-ins/wording/")


# the public page


def join(
    desk: Desk, phone: str, *, agree: bool = True, visitor: Visitor | None = None, path: str = "/join/harbor"
) -> Any:
    """Fill in the public page."""
    someone = visitor or desk.stranger()
    token = someone.text(path).partition('name="csrf_token" value="')[2].partition('"')[0]
    return someone.client.post(path, data={"csrf_token": token, "phone": phone, **({"agree": "yes"} if agree else {})})


def test_a_visitor_signs_up(desk: Desk) -> None:
    """The page says all it must, the box unticked; a text asks; the yes carries address, browser, page and words."""
    page = desk.stranger().text("/join/harbor")
    for part in (
        "Get texts from Harbor",
        "Message and data rates may apply",
        "STOP",
        "HELP",
        "https://example.com/terms",
    ):
        assert part in page
    assert 'type="checkbox"' in page
    assert "checked" not in page
    answer = join(desk, "212 555 0133")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/join/harbor/thanks")
    made = newest(desk)
    assert (made.path, made.phone, made.state, made.created_by) == (OptInPath.FORM, PHONE, S.REQUESTED, "visitor")
    answered(desk)
    with desk.database.reading() as session:
        event = session.scalars(select(ConsentEvent).where(ConsentEvent.kind == ConsentKind.OPT_IN)).one()
        assert event.source is ConsentSource.FORM
        proof = event.evidence
        assert proof["ip"] == "127.0.0.1"
        assert len(proof["user_agent_sha256"]) == 64
        assert proof["page"] == "http://localhost/join/harbor"
        assert "events near you" in proof["wording"]
        assert (proof["wording_version"], proof["box"]) == (1, "ticked by the visitor")


def test_the_page_tells_nothing_of_a_number(desk: Desk) -> None:
    """New, known, agreed, refused, just asked: the same answer to the byte. Nobody who said no is texted."""
    with desk.database.transaction() as session:
        before = session.scalar(select(func.count()).select_from(Message))
    answers = []
    for phone in ("+12125550134", "+12125550134", ANNA, BEN, CAROL):
        answer = join(desk, phone)
        answers.append((answer.status_code, answer.headers["Location"], answer.data))
    assert len(set(answers)) == 1
    with desk.database.transaction() as session:
        texted = session.scalars(select(Message.phone).where(Message.reply_key.like("opt-in:%"))).all()
        assert sorted(texted) == sorted(["+12125550134", ANNA, CAROL])
        assert session.scalar(select(func.count()).select_from(Message)) == (before or 0) + 3


def test_what_is_wrong_is_told_beside_it(desk: Desk) -> None:
    """A number that is none and a box that is not ticked; what was typed stays. Without a token nothing is taken."""
    answer = join(desk, "12<3", agree=False)
    assert answer.status_code == 400
    assert "Give a mobile number with its area code, such as (212) 555-0123." in answer.text
    assert "Tick the box if you agree" in answer.text
    assert 'value="12&lt;3"' in answer.text
    assert desk.stranger().client.post("/join/harbor", data={"phone": ANNA, "agree": "yes"}).status_code == 400
    assert newest(desk).path is OptInPath.QUICK
    for nobody in ("/join/nowhere", "/join/nowhere/thanks"):
        assert desk.stranger().read(nobody).status_code == 404


def test_the_page_has_limits(desk: Desk) -> None:
    """Ten tries from one address in five minutes, and a hundred texts of one account in an hour."""
    someone = desk.stranger()
    for number in range(10):
        assert join(desk, f"+1212555014{number}", visitor=someone).status_code == 303
    answer = join(desk, PHONE, visitor=someone)
    assert answer.status_code == 429
    assert "Wait a few minutes" in answer.text
    assert f'value="{PHONE}"' in answer.text
    desk.app.extensions["attempts"].clear()
    with desk.database.transaction() as session:
        session.add(Setting(account_id=desk.harbor.id, name="opt_in_form_per_hour", value=10, updated_at=wall_clock()))
    assert join(desk, PHONE).status_code == 429
    assert join(desk, PHONE, path="/join/pier").status_code == 303


# lists

HEADER = ("Phone", "At", "How", "Wording", "Evidence")


def table(*rows: tuple[str, ...]) -> bytes:
    """A CSV of these rows."""
    held = io.StringIO()
    csv.writer(held).writerows([HEADER, *rows])
    return held.getvalue().encode()


GOOD = ("212-555-0133", "2026-03-01 14:05", "Paper form", "I agree to texts about dues.", "Form 17, folder 3")
BAD = [
    (("12", *GOOD[1:]), "too few digits"),
    ((GOOD[0], *GOOD[1:]), "The list has this number already, in row 1."),
    (("212-555-0134", "", *GOOD[2:]), "does not say when"),
    (("212-555-0135", "yesterday", *GOOD[2:]), "The time is not understood"),
    (("212-555-0136", "2099-01-01", *GOOD[2:]), "agreed in the future"),
    (("212-555-0137", GOOD[1], "", *GOOD[3:]), "does not say how"),
    (("212-555-0138", *GOOD[1:3], "", GOOD[4]), "does not say which words"),
    (("212-555-0139", *GOOD[1:4], " "), "names no evidence"),
    (("212-555-0140", GOOD[1], "Purchased from a data broker", *GOOD[3:]), "bought or shared list"),
    ((BEN, *GOOD[1:]), "said no, which no list undoes"),
]


def uploaded(visitor: Visitor, held: bytes, origin: str = "another_system_of_ours") -> Any:
    """The first step."""
    return visitor.send(
        "/opt-ins/load/", {"file": (io.BytesIO(held), "agreed.csv"), "origin": origin, "purpose": "account"}
    )


def test_a_list_is_shown_and_then_written(desk: Desk) -> None:
    """Each row that lacks something is refused with its reason; the others carry the file's hash; a second time adds none."""
    supervisor = desk.visitor(RoleName.SUPERVISOR)
    held = table(GOOD, *(row for row, _ in BAD))
    where = uploaded(supervisor, held).headers["Location"]
    page = supervisor.text(where)
    for number, (_, said) in enumerate(BAD, 2):
        assert said in page, number
    assert "Write 1 into the ledger" in page
    with desk.database.reading() as session:
        assert session.scalar(select(func.count()).where(ConsentEvent.kind == ConsentKind.OPT_IN)) == 0
    assert supervisor.send(where).status_code == 302
    with desk.database.reading() as session:
        event = session.scalars(select(ConsentEvent).where(ConsentEvent.kind == ConsentKind.OPT_IN)).one()
        assert (event.phone, event.source) == (PHONE, ConsentSource.IMPORT)
        proof = event.evidence
        assert (proof["agreed_at"], proof["row"], proof["file"]) == ("2026-03-01T19:05:00+00:00", 1, "agreed.csv")
        assert (len(proof["file_sha256"]), proof["evidence"]) == (64, "Form 17, folder 3")
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "opt_in:load")).one()
        assert (entry.after["rows"], entry.after["refused"]) == (1, len(BAD))
    assert supervisor.send(where).headers["Location"] == "/opt-ins/load/"
    again = supervisor.text(uploaded(supervisor, held).headers["Location"])
    assert "Write " not in again
    assert desk.visitor(RoleName.AGENT).read("/opt-ins/load/").status_code == 403


def test_a_list_that_cannot_be_taken(desk: Desk) -> None:
    """A bought one, one without the columns, none at all, one that is no table: the reason, and the form as it was."""
    admin = desk.visitor(RoleName.ADMIN)
    assert "proves nothing" in uploaded(admin, table(GOOD), "bought_rented_or_shared_by_others").text
    assert "The list lacks the columns at, how, wording, evidence." in uploaded(admin, b"phone\n2125550133\n").text
    assert (
        "Choose the list."
        in admin.send("/opt-ins/load/", {"origin": "another_system_of_ours", "purpose": "account"}).text
    )
    assert uploaded(admin, b"\xff\xfe\0\0\0\0junk").status_code == 200
    other = desk.visitor(RoleName.ADMIN, account=desk.pier)
    where = uploaded(admin, table(GOOD)).headers["Location"]
    assert other.send(where).headers["Location"] == "/opt-ins/load/"
    assert admin.send(where.replace("another_system_of_ours", "bought_rented_or_shared_by_others")).status_code == 302
    with desk.database.reading() as session:
        assert session.scalar(select(func.count()).where(ConsentEvent.kind == ConsentKind.OPT_IN)) == 0


def test_codes_that_wait_are_counted_in_the_menu(desk: Desk) -> None:
    """Somebody is on the telephone."""
    agent = desk.visitor(RoleName.AGENT)
    asked(desk, agent)
    answered(desk)
    menu = agent.text("/").partition('href="/opt-ins/"')[2][:300]
    assert "to decide" in menu
    assert newest(desk).expires_at > wall_clock() + timedelta(minutes=9)
