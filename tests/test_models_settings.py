"""Settings: the account's own value, else everyone's, else the default."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy.orm import Session

from models.settings import SETTINGS, Setting, value


def put(session: Session, account_id: int, name: str, what: object, now: datetime) -> None:
    """Set a value, as an operator would."""
    session.merge(Setting(account_id=account_id, name=name, value=what, updated_by="test", updated_at=now))
    session.flush()


def test_every_setting_has_a_default_and_says_what_it_does(session: Session) -> None:
    """Nobody has to set anything; help is a sentence."""
    for option in SETTINGS:
        assert value(session, option.name) == value(session, option.name, account_id=7) == option.default
        assert option.default is not None
        assert option.help[0].isupper()
        assert option.help.endswith(".")


def test_names_are_unique() -> None:
    """A name means one thing."""
    names = [option.name for option in SETTINGS]
    assert len(set(names)) == len(names)


NEAREST = [
    # everyone's, its own → what it gets, what others get
    (None, None, 60, 60),
    (30, None, 30, 30),
    (None, 20, 20, 60),
    (30, 20, 20, 30),
    (30, 0, 0, 30),
    (0, None, 0, 0),
]


def test_the_nearest_value_wins(session: Session, now: datetime) -> None:
    """An account's own value before everyone's before the default; zero is a value."""
    for everyone, own, expected, others in NEAREST:
        for account_id, what in ((0, everyone), (7, own)):
            if what is not None:
                put(session, account_id, "lease_seconds", what, now)
        assert value(session, "lease_seconds", account_id=7) == expected
        assert value(session, "lease_seconds", account_id=8) == value(session, "lease_seconds") == others
        session.rollback()


def test_an_emptied_value_is_not_a_value(session: Session, now: datetime) -> None:
    """A row that was emptied falls back, so that nobody computes with nothing."""
    put(session, 0, "lease_seconds", 30, now)
    put(session, 7, "lease_seconds", None, now)
    assert value(session, "lease_seconds", account_id=7) == 30
    put(session, 0, "lease_seconds", None, now)
    assert value(session, "lease_seconds", account_id=7) == 60


def test_any_json_comes_back(session: Session, now: datetime) -> None:
    """A value is kept with its type."""
    for what in (5, 0, -1, "text", [1, 2], {"a": 1}, True, 1.5):
        put(session, 7, "large_send", what, now)
        session.expire_all()
        found = value(session, "large_send", account_id=7)
        assert (found, type(found)) == (what, type(what))


def test_a_name_that_nobody_defined_is_a_mistake(session: Session) -> None:
    """A misspelt setting is found at once, not read as its default."""
    with pytest.raises(KeyError):
        value(session, "lease_second")
