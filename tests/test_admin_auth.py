"""Does signing in take a password and, where asked, a second factor; and does the table of rights say what it should?"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import time
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from admin import auth, people
from models.base import Database
from models.users import RoleName, User
from tests.conftest import NOW
from tests.desk import Desk, open_desk

EMAIL, PASSWORD = "amara@example.com", "correct horse battery"
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@pytest.fixture
def environment() -> str:
    """Where the console believes to be; tests of production override it."""
    return "staging"


@pytest.fixture
def desk(database: Database, database_url: str, environment: str) -> Iterator[Desk]:
    """A console with one person who has a password."""
    with open_desk(database, database_url, environment=environment) as found:
        with found.app.app_context(), database.transaction() as session:
            people.create_user(
                session,
                email=EMAIL,
                password=PASSWORD,
                now=NOW,
                roles=[(found.harbor, RoleName.ADMIN)],
                name="Amara Reyes",
            )
        yield found


def sign_in(
    client: FlaskClient, password: str = PASSWORD, email: str = EMAIL, path: str = "/auth/login"
) -> TestResponse:
    """Fill in the sign-in form."""
    return submit(client, path, email=email, password=password)


def submit(client: FlaskClient, path: str, **fields: str) -> TestResponse:
    """Send a page's form with the page's own token."""
    token = TOKEN.search(client.get(path).text)
    assert token
    return client.post(path, data={"csrf_token": token.group(1), **fields})


def test_the_right_password_opens_the_page_that_was_asked_for(desk: Desk) -> None:
    """After signing in one is where one wanted to go; the sign-in is counted, with an aware time."""
    client = desk.app.test_client()
    answer = sign_in(client, path="/auth/login?next=/contacts/")
    assert (answer.status_code, answer.location) == (302, "/contacts/")
    assert client.get("/contacts/").status_code == 200
    with desk.database.reading() as session:
        user = session.query(User).filter(User.email == EMAIL).one()
        assert user.login_count == 1
        assert user.current_login_at is not None
        assert (user.password or "").startswith("$argon2id$")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example/x", "\\\\evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_a_foreign_address_is_not_followed_after_signing_in(desk: Desk, target: str) -> None:
    """The page to go on to is one of ours."""
    answer = sign_in(desk.app.test_client(), path=f"/auth/login?next={target}")
    assert answer.status_code in (200, 302)
    landed = urlsplit(urljoin("http://localhost/auth/login", answer.location or ""))
    assert (landed.scheme, landed.hostname) == ("http", "localhost")


def test_a_wrong_password_and_an_unknown_address_look_the_same(desk: Desk) -> None:
    """Nobody learns from the answer who has a sign-in."""
    wrong = sign_in(desk.app.test_client(), password="wrong")
    unknown = sign_in(desk.app.test_client(), email="nobody@example.com")
    assert (wrong.status_code, unknown.status_code) == (200, 200)
    said = [re.findall(r'role="alert">([^<]+)<', answer.text) for answer in (wrong, unknown)]
    assert said[0] == said[1] != []
    assert not re.search(r'class="error"', wrong.text + unknown.text)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_too_many_attempts_are_stopped(desk: Desk) -> None:
    """The eleventh attempt within five minutes is answered 429, even with the right password; another person is not held up."""
    client = desk.app.test_client()
    for _ in range(auth.ATTEMPTS):
        assert sign_in(client, password="wrong").status_code == 200
    assert sign_in(client).status_code == 429
    assert "Wait five minutes" in sign_in(client).text
    assert sign_in(desk.app.test_client(), email="other@example.com").status_code == 200


@pytest.mark.parametrize(
    ("gaps", "stopped"), [([0] * 10, False), ([0] * 11, True), ([0] * 10 + [301], False), ([0] * 10 + [299], True)]
)
def test_attempts_are_forgotten_after_five_minutes(gaps: list[int], stopped: bool) -> None:
    """The limit is ten in any five minutes."""
    with Flask("attempts").app_context():
        answers = [auth.too_many_attempts("1.2.3.4", EMAIL, now=1_000.0 + gap) for gap in gaps]
    assert answers[-1] is stopped


def test_signing_out_ends_the_session(desk: Desk) -> None:
    """A POST with the token; a link cannot do it."""
    client = desk.app.test_client()
    sign_in(client)
    assert client.get("/auth/logout").status_code == 405
    token = TOKEN.search(client.get("/countries/").text)
    assert token
    assert client.post("/auth/logout", data={"csrf_token": token.group(1)}).status_code == 302
    assert client.get("/countries/").status_code == 302


def test_a_deactivated_person_is_out_at_once(desk: Desk) -> None:
    """An open session ends with the right to have one."""
    client = desk.app.test_client()
    sign_in(client)
    with desk.database.transaction() as session:
        session.query(User).filter(User.email == EMAIL).one().active = False
    assert client.get("/contacts/").status_code in (302, 401, 403)
    assert sign_in(desk.app.test_client()).status_code == 200


def test_a_password_change_is_in_our_look_and_works(desk: Desk) -> None:
    """The old password is asked for; the new one counts from then on."""
    client = desk.app.test_client()
    sign_in(client)
    answer = submit(
        client,
        "/auth/change",
        password=PASSWORD,
        new_password="another long one",
        new_password_confirm="another long one",
    )
    assert answer.status_code == 302
    assert sign_in(desk.app.test_client(), password="another long one").status_code == 302
    assert sign_in(desk.app.test_client()).status_code == 200


@pytest.mark.parametrize("environment", ["production"])
def test_production_asks_for_a_second_factor(desk: Desk) -> None:
    """A password alone leads to the set-up; the code of the app opens the console, and is asked for the next time."""
    client = desk.app.test_client()
    assert "/auth/tf-setup" in sign_in(client).location
    assert client.get("/contacts/").status_code == 302
    page = submit(client, "/auth/tf-setup", setup="authenticator").text
    key = re.search(r'mono wide">([A-Z2-7 -]+)<', page)
    assert key
    assert "data:image/svg" in page
    token = TOKEN.search(page)
    assert token
    answer = client.post("/auth/tf-validate", data={"csrf_token": token.group(1), "code": code(key.group(1))})
    assert answer.status_code == 302
    assert client.get("/contacts/").status_code == 200
    again = desk.app.test_client()
    assert "/auth/tf-validate" in sign_in(again).location
    assert again.get("/contacts/").status_code == 302
    assert "Enter your code" in again.get("/auth/tf-validate").text


@pytest.mark.parametrize("environment", ["production"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_codes_cannot_be_guessed(desk: Desk) -> None:
    """A million codes cannot be tried: the eleventh wrong one within five minutes is 429; no code is ever sent by mail."""
    client = desk.app.test_client()
    sign_in(client)
    page = submit(client, "/auth/tf-setup", setup="authenticator").text
    token = TOKEN.search(page)
    assert token
    form = {"csrf_token": token.group(1), "code": "000000"}
    for _ in range(auth.ATTEMPTS):
        assert client.post("/auth/tf-validate", data=form).status_code == 200
    assert client.post("/auth/tf-validate", data=form).status_code == 429
    assert client.post("/auth/tf-rescue", data=form).status_code == 403


def test_stale_attempts_do_not_fill_the_memory() -> None:
    """Names that nobody tries any more are forgotten once there are many."""
    with Flask("attempts").app_context() as context:
        for place in range(auth.REMEMBERED + 1):
            auth.too_many_attempts("1.2.3.4", str(place), now=0.0)
        auth.too_many_attempts("1.2.3.4", "late", now=auth.WINDOW + 1)
        assert len(context.app.extensions["attempts"]) == 1


def code(key: str) -> str:
    """The six digits that an authenticator app shows now (RFC 6238: HMAC-SHA1 over the half minutes since 1970)."""
    secret = base64.b32decode(re.sub(r"[ -]", "", key) + "=" * (-len(re.sub(r"[ -]", "", key)) % 8))
    digest = hmac.new(secret, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 10**6:06d}"


@pytest.mark.parametrize("path", ["/auth/login", "/auth/change", "/auth/tf-setup", "/auth/mf-recovery-codes"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_sign_in_s_pages_are_ours(desk: Desk, path: str) -> None:
    """No page of Flask-Security is shown in its own clothes, which our policy would tear."""
    client = desk.app.test_client()
    if path != "/auth/login":
        sign_in(client)
    page = client.get(path).text
    assert "console.css" in page
    assert "<style" not in page
    assert " style=" not in page
    assert 'class="btn primary"' in page


def test_every_right_names_a_role_and_every_role_a_right() -> None:
    """An admin has every right; nobody but an admin sends or gives access."""
    assert all(roles for roles in auth.RIGHTS.values())
    assert all(RoleName.ADMIN in roles for roles in auth.RIGHTS.values())
    assert set().union(*auth.RIGHTS.values()) == set(RoleName)
    for right in ("campaign:send", "campaign:edit", "template:edit", "country:edit", "user:edit"):
        assert auth.RIGHTS[right] == {RoleName.ADMIN}
    for right in ("pii:view", "contact:edit", "consent:edit"):
        assert not auth.RIGHTS[right] & {RoleName.FINANCE, RoleName.ANALYST, RoleName.AUDITOR}


def test_nothing_is_allowed_outside_a_request() -> None:
    """A right needs a person."""
    assert not auth.allowed("home:view")
    with pytest.raises(KeyError):
        auth.allowed("fly")
    assert auth.actor() == "system"
