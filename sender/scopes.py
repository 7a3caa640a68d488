"""Whose texts are these, and about what: what every window of a campaign depends on beside its recipients?"""

from __future__ import annotations

from sqlalchemy.orm import Session

from models.accounts import Account
from models.consent import Purpose
from models.settings import value
from sender.schedule import Scope


def scope(session: Session, account: Account, purpose: Purpose) -> Scope:
    """The scope of an account's texts of one purpose, by the settings of now."""
    everything = bool(value(session, "hours_for_account_texts", account_id=account.id))
    return Scope(purpose, account.profile, account.opens_at, account.closes_at, everything)
