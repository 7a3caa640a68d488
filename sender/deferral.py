"""When may a text leave that belongs to no campaign: a workflow's, an agent's? Its window is asked at the claim, one by one.

A text to somebody who wrote to us within a day is an answer, and leaves at once: an agent's reply, and the one confirmation of
an opt-out, which may go out at night. A text that a business event brought about (a receipt) waits like any other, unless
the account says otherwise (setting `hours_for_event_texts`); a campaign can never be such a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import UTCDateTime
from models.consent import Purpose
from models.contacts import Contact
from models.countries import CountrySetting
from models.inbox import Conversation
from models.phones import Phone, normalise
from models.settings import value
from sender.among import among
from sender.schedule import Window, legal_window

ANSWERABLE = timedelta(hours=24)
"""How long what somebody wrote is a reason to answer at any hour; our own choice, to be confirmed by counsel."""
NOBODY = Window(None, None, "The number cannot be read, so nobody knows its hours.", held=True, open=False)
_WROTE = select(Conversation.phone).where(
    Conversation.account_id == bindparam("account"), among(Conversation.phone, "phones"),
    Conversation.last_inbound_at >= bindparam("since", type_=UTCDateTime()),
)  # fmt: skip
_PEOPLE = select(Contact).where(Contact.account_id == bindparam("account"), among(Contact.phone, "phones"))


def windows(
    session: Session, account_id: int, messages: Sequence[Any], *, now: datetime, least: timedelta
) -> dict[int, Window]:
    """Message id → the window that it has to keep to; whoever is not in it may leave at any hour.

    A window with less than `least` left is passed over for the one that follows.
    """
    account = session.get_one(Account, account_id)
    waiting = _asked(session, account, messages, now=now)
    if not waiting:
        return {}
    phones = {message.phone for message in waiting}
    people = {one.phone: one for one in session.scalars(_PEOPLE, {"account": account_id, "phones": phones})}
    countries = _countries(session, account_id)
    everything = bool(value(session, "hours_for_account_texts", account_id=account_id))
    found = dict[int, Window]()
    for message in waiting:
        person, setting = people.get(message.phone), countries.get(message.region)
        phone = normalise(message.phone, "")
        if setting is None:
            continue  # such a country is disabled, which the claim sees to
        if not isinstance(phone, Phone):
            found[message.id] = NOBODY
            continue
        for at in (now, now + least):
            found[message.id] = legal_window(
                phone, person, account, at, setting=setting, purpose=message.purpose, everything=everything
            )
            if not _short(found[message.id], now + least):
                break
    return found


def _short(window: Window, end: datetime) -> bool:
    return window.open and window.closes_at is not None and window.closes_at <= end


def _asked(session: Session, account: Account, messages: Iterable[Any], *, now: datetime) -> list[Any]:
    """The messages that have to keep to hours."""
    given = {"account": account.id, "phones": {m.phone for m in messages}, "since": now - ANSWERABLE}
    wrote = set(session.scalars(_WROTE, given))
    events_wait = bool(value(session, "hours_for_event_texts", account_id=account.id))
    return [
        m for m in messages
        if m.phone not in wrote and (events_wait or m.event_id is None or m.purpose is not Purpose.ACCOUNT)
    ]  # fmt: skip


def _countries(session: Session, account_id: int) -> dict[str, CountrySetting]:
    rows = session.scalars(select(CountrySetting).where(CountrySetting.account_id == account_id))
    return {setting.region: setting for setting in rows}
