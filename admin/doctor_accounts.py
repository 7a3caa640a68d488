"""Each account under the doctor's eyes: its link to Twilio, senders, countries, and the rate card that prices its texts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from admin import gateways
from admin.config import Config
from admin.doctor import Finding, missing, ok, warning
from models.accounts import Account
from models.base import Database
from models.charges import Rate, RateCard
from models.countries import CountrySetting
from models.secrets import SecretUnreadable
from sender import reviews
from sender.gateway import InDoubt, Rejected, Throttled

STALE = timedelta(days=365)
"""A rate card whose newest rate is older than this is probably not what Twilio charges any more."""


def accounts(config: Config, session: Session, *, now: datetime) -> Iterator[Finding]:
    """Every account as it is kept, and the rate card."""
    found = session.scalars(select(Account).order_by(Account.slug)).all()
    if not found:
        yield missing("accounts", "there is none", "Run `accounts create`.")
    for account in found:
        yield _linked(config, account)
        if account.twilio_token_previous:
            mend = "Run `accounts forget` once nothing is on its way any more."
            yield warning(f"tokens of {account.slug}", "webhooks may still be signed with the one before", mend)
        yield from _senders(account)
        yield _countries(session, account)
        if account.held_why:
            yield warning(
                f"hold of {account.slug}", account.held_why, "Release it in the console when that is settled."
            )
        late = reviews.late(session, account.id, now=now)
        if late:
            yield warning(
                f"replies of {account.slug}", f"{late} wait too long for a review", "Decide them in the console."
            )
    yield _rates(session, now)


def _linked(config: Config, account: Account) -> Finding:
    what = f"account {account.slug}"
    try:
        gateways.gateway_for(config, account)
        gateways.tokens(config, account)
    except gateways.NotLinked as error:
        test = account.test_mode and not config.twilio_url
        mend = "Run `accounts test`." if test else "Run `accounts link`."
        return missing(what, str(error).partition(". ")[0].rstrip("."), mend)
    except SecretUnreadable as error:
        return missing(what, "its token cannot be read with the keys that we have", str(error))
    return ok(what, "linked, in test mode" if account.test_mode else "linked")


def _senders(account: Account) -> Iterator[Finding]:
    what = f"senders of {account.slug}"
    ready = [sender for sender in account.senders if sender.active and sender.may_send]
    if not ready:
        yield missing(
            what, "none may send", "Run `accounts sender`, or wait for the verification of a toll-free number."
        )
    elif not any(sender.is_default for sender in ready):
        yield warning(what, "none of those that may send is the default", "Name a sender with each campaign.")
    else:
        yield ok(what, f"{len(ready)} of {len(account.senders)} may send")


def _countries(session: Session, account: Account) -> Finding:
    enabled = select(func.count()).where(CountrySetting.account_id == account.id, CountrySetting.enabled.is_(True))
    count = session.scalar(enabled) or 0
    if not count:
        return missing(f"countries of {account.slug}", "none is enabled", "Enable one under Country settings.")
    return ok(f"countries of {account.slug}", f"{count} enabled")


def _rates(session: Session, now: datetime) -> Finding:
    card = session.scalars(select(RateCard).order_by(RateCard.id.desc()).limit(1)).first()
    if card is None:
        return missing("rate card", "there is none", "Run `rates load`.")
    newest = session.scalar(select(func.max(Rate.valid_from)).where(Rate.card_id == card.id))
    if newest is not None and newest < (now - STALE).date():
        return warning(
            "rate card", f"{card.name}: its newest rate is of {newest}", "Load a newer one with `rates load`."
        )
    return ok("rate card", card.name)


def online(config: Config, database: Database) -> Iterator[Finding]:
    """What Twilio itself says of each account; no transaction is open meanwhile."""
    with database.reading() as session:
        found = session.scalars(select(Account).order_by(Account.slug)).all()
    for account in found:
        what = f"Twilio on {account.slug}"
        if not gateways.may_ask(config, account):
            yield ok(what, "not asked: not linked, or in test mode")
            continue
        try:
            status = gateways.gateway_for(config, account).account()
        except (Rejected, Throttled, InDoubt) as error:
            yield missing(
                what, error.sentence.rstrip("."), "Check the SID and the token, and run `accounts link` or `rotate`."
            )
        except SecretUnreadable as error:
            yield missing(what, "its token cannot be read", str(error))
        else:
            yield _status(what, status.status, status.type)


def _status(what: str, status: str, kind: str) -> Finding:
    if status != "active":
        return missing(what, f"the account is {status}", "Settle it with Twilio.")
    if kind.lower() == "trial":
        return warning(what, "a trial account, which reaches verified numbers only", "Upgrade it at Twilio.")
    return ok(what, f"{status}, {kind}")
