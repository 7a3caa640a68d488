"""Which senders go slower after a callback, how long, and that nothing else makes them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from models.accounts import Account, SenderKind
from models.settings import Setting
from sender import slowing
from sender.callbacks import Failure
from tests.seeds import sender_of


def test_the_codes_are_data() -> None:
    """Twilio's queue overflow and the carrier's rate; neither a filtered text nor one that waited too long."""
    assert {30001, 30022} <= slowing.codes()
    assert not {30003, 30007, 30036} & slowing.codes()


def test_who_is_meant() -> None:
    """Each sender once; a text without a sender slows nobody."""
    failures = [
        Failure(1, 5, 30001),
        Failure(1, 5, 30022),
        Failure(1, 4, 30001),
        Failure(1, 6, 30007),
        Failure(1, None, 30001),
    ]
    assert slowing.overflowed(failures) == [(1, 4), (1, 5)]
    assert slowing.overflowed([]) == []


@pytest.mark.parametrize(
    ("before", "minutes", "after"), [(None, None, 10), (4, None, 10), (25, None, 25), (None, 3, 3)]
)
def test_how_long(
    session: Session, account: Account, now: datetime, before: int | None, minutes: int | None, after: int
) -> None:
    """As long as the setting says from now; a longer slowness stays; the other sender keeps its pace."""
    sender, other = sender_of(session, account), sender_of(session, account, SenderKind.TOLL_FREE)
    sender.slow_until = None if before is None else now + timedelta(minutes=before)
    if minutes is not None:
        session.add(Setting(account_id=account.id, name="slow_minutes", value=minutes, updated_at=now))
    session.flush()
    slowing.slow(session, [(account.id, sender.id)], now=now)
    session.refresh(sender)
    session.refresh(other)
    assert (sender.slow_until, other.slow_until) == (now + timedelta(minutes=after), None)
