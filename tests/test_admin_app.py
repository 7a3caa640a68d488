"""Is the console shut to strangers, and does every answer carry what keeps a page safe?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from werkzeug.routing import Rule

from models.base import Database
from models.users import RoleName
from tests.desk import Desk, open_desk


@pytest.fixture
def desk(database: Database, database_url: str) -> Iterator[Desk]:
    """A console."""
    with open_desk(database, database_url) as found:
        yield found


def pages(desk: Desk, method: str) -> list[Rule]:
    """The rules that answer a method, static files and webhooks aside."""
    return [
        rule
        for rule in desk.app.url_map.iter_rules()
        if method in (rule.methods or ())
        and not rule.endpoint.endswith("static")
        and not rule.endpoint.startswith("hooks.")
    ]


def address(rule: Rule) -> str:
    """A rule's address with its blanks filled in."""
    path = rule.rule
    for name in rule.arguments:
        path = path.replace(f"<{name}>", "csv").replace(f"<int:{name}>", "1")
    return path


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_strangers_see_the_sign_in_only(desk: Desk, method: str) -> None:
    """Every route, asked for by nobody in particular, is a redirect or a refusal; the sign-in's own pages stay open.

    What is there for everybody, the pages of an account's opt-in and its short links, has none for a name that nobody has.
    """
    stranger = desk.stranger()
    rules = pages(desk, method)
    assert len(rules) > 15
    for rule in rules:
        if rule.endpoint in ("security.login", "security.verify"):
            continue
        answer = stranger.client.open(address(rule), method=method)
        public = rule.endpoint.partition(".")[0] in {"join", "short_links"}
        refusals = (400, 404) if public else (302, 400, 403, 405)
        assert answer.status_code in refusals, f"{method} {rule.rule} answered {answer.status}"


def test_a_stranger_is_sent_back_to_the_page_after_signing_in(desk: Desk) -> None:
    """The sign-in remembers where one wanted to go."""
    answer = desk.stranger().read("/contacts/", search="an")
    assert answer.location.startswith("/auth/login?next=/contacts/")


def test_every_change_needs_the_token(desk: Desk) -> None:
    """A POST without the session's token is refused on every page of ours."""
    owner = desk.visitor(owner=True)
    for rule in pages(desk, "POST"):
        answer = owner.client.post(address(rule))
        assert answer.status_code == 400, f"POST {rule.rule} answered {answer.status}"


def test_nothing_that_changes_answers_a_get(desk: Desk) -> None:
    """Export, delete, bulk actions, account switch and sign-out are POST only."""
    owner = desk.visitor(owner=True)
    for path in (
        "/contacts/export/csv/",
        "/contacts/delete/",
        "/contacts/action/",
        "/account",
        "/auth/logout",
        "/users/reset/",
    ):
        assert owner.read(path).status_code == 405, path


def test_every_page_carries_the_strict_policy(desk: Desk) -> None:
    """No inline script or style, no other host, no cache; and no inline handlers in the HTML at all."""
    answer = desk.visitor(owner=True).read("/contacts/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert " style=" not in answer.text
    assert "onclick" not in answer.text
    assert "<script>" not in answer.text


def test_a_forged_host_is_refused(desk: Desk) -> None:
    """Links in answers cannot be turned to another host."""
    answer = desk.app.test_client().get("/auth/login", headers={"Host": "evil.example"})
    assert answer.status_code == 400


def test_static_files_are_kept_for_a_year(desk: Desk) -> None:
    """Their address holds their hash, so browsers need not ask again."""
    page = desk.stranger().text("/auth/login")
    path = page.partition('href="/static/console.css')[2].partition('"')[0]
    assert path.startswith("?v=")
    answer = desk.stranger().read("/static/console.css")
    assert "max-age=31536000" in answer.headers["Cache-Control"]
    answer.close()


def test_an_owner_works_in_one_account_at_a_time(desk: Desk) -> None:
    """Switching shows the other account's rows and no others."""
    owner = desk.visitor(owner=True)
    assert "harbor-A" in owner.text("/contacts/")
    assert owner.send("/account", {"account_id": str(desk.pier.id)}).status_code == 302
    page = owner.text("/contacts/")
    assert "pier-A" in page
    assert "harbor-A" not in page


@pytest.mark.parametrize("wanted", ["2", "999999", "x", "", "1" * 30])
def test_nobody_switches_to_an_account_that_is_not_theirs(desk: Desk, wanted: str) -> None:
    """A foreign or malformed account answers 404 and changes nothing."""
    member = desk.visitor(RoleName.ADMIN)
    assert member.send("/account", {"account_id": wanted}).status_code == 404
    assert "harbor-A" in member.text("/contacts/")


def test_a_user_without_any_account_is_told_so(desk: Desk) -> None:
    """Signed in but a member of nothing: a page that says whom to ask, not an error."""
    answer = desk.visitor().read("/")
    assert answer.status_code == 403
    assert "Ask an admin" in answer.text


def test_a_large_body_is_refused(desk: Desk) -> None:
    """More than the limit is 413 before anything reads it."""
    assert desk.app.config["MAX_CONTENT_LENGTH"] == 64 * 1024 * 1024
    desk.app.config["MAX_CONTENT_LENGTH"] = 1_000
    answer = desk.visitor(RoleName.ADMIN).send("/contacts/new/", {"name": "x" * 2_000})
    assert answer.status_code == 413
