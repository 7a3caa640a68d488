"""Which credentials does an account use at Twilio, and how are they changed without losing a text?

Whatever is entered is tried at Twilio first, with no transaction open. A token that is replaced is kept for as long as Twilio may
still sign with it; what is on the wire under it finishes, and what Twilio refuses under it goes out again under the new one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from admin import audit, gateways
from admin.config import Config
from models.accounts import Account, SenderKind, SendingNumber
from models.campaigns import Campaign, CampaignState
from models.messages import Message, MessageStatus
from models.secrets import SecretUnreadable
from sender.destinations import TEST_ONLY
from sender.gateway import AccountStatus, InDoubt, Rejected, Throttled

MAGIC_SENDER = "+15005550006"
"""The only number from which Twilio's test credentials may send (its documentation, 2026)."""
ON_THE_WAY = (MessageStatus.CLAIMED, MessageStatus.IN_DOUBT)


class NotAccepted(Exception):
    """The credentials were not taken over; the message is a sentence for an admin."""


def proved(config: Config, sid: str, token: str) -> AccountStatus:
    """What Twilio says of the account that these credentials open; raises NotAccepted. A network call."""
    if not re.fullmatch(r"AC[0-9a-fA-F]{32}", sid):
        raise NotAccepted("That is not the SID of an account: AC and 32 digits or letters from a to f.")
    try:
        return gateways.gateway_with(config, sid, token).account()
    except (Rejected, Throttled, InDoubt) as error:
        if isinstance(error, Rejected) and error.code == TEST_ONLY:
            raise NotAccepted("These are test credentials: keep them with `accounts test` instead.") from error
        raise NotAccepted(f"Nothing was linked: {error.sentence.rstrip('.')}.") from error


def proved_for_tests(config: Config, sid: str, token: str) -> None:
    """Make sure that these are test credentials: Twilio must refuse to show them an account. Raises NotAccepted. A network call."""
    if not re.fullmatch(r"AC[0-9a-fA-F]{32}", sid):
        raise NotAccepted("That is not the SID of test credentials: AC and 32 digits or letters from a to f.")
    try:
        gateways.gateway_with(config, sid, token).account()
    except Rejected as error:
        if error.code == TEST_ONLY:
            return
        raise NotAccepted(f"Nothing was kept: {error.sentence.rstrip('.')}.") from error
    except (Throttled, InDoubt) as error:
        raise NotAccepted(f"Nothing was kept: {error.sentence.rstrip('.')}.") from error
    raise NotAccepted("Nothing was kept: these are live credentials, which a test must never use.")


def link(
    session: Session, config: Config, account: Account, sid: str, token: str, *, actor: str, now: datetime, ip: str = ""
) -> None:
    """Use proved credentials from now on; the token before them is kept if it was the same SMS account's. Raises NotAccepted."""
    other = session.scalar(select(Account.name).where(Account.twilio_sid == sid, Account.id != account.id))
    if other:
        raise NotAccepted(f"{other} is linked to that SMS account already; link another one.")
    if account.twilio_sid != sid:
        if account.twilio_sid and is_busy(session, account):
            raise NotAccepted(
                f"{account.name} has texts on their way. Pause its campaigns and wait a few minutes, then link the other account."
            )
        account.twilio_token = account.twilio_token_previous = None
    if _is_present(config, account, token):
        return  # the same again: the token before it may still be needed
    account.twilio_token_previous = account.twilio_token
    account.twilio_sid, account.twilio_token = sid, gateways.seal(config.secret_keys, token)
    _record(session, account, "link", {"twilio_sid": sid, "twilio_token": token}, actor=actor, now=now, ip=ip)


def rotate(
    session: Session, config: Config, account: Account, sid: str, token: str, *, actor: str, now: datetime, ip: str = ""
) -> None:
    """Use another token, proved for `sid`; raises NotAccepted when the account was linked to another SID meanwhile."""
    if account.twilio_sid != sid:
        raise NotAccepted("Somebody linked another SMS account meanwhile. Try again.")
    link(session, config, account, sid, token, actor=actor, now=now, ip=ip)


def _is_present(config: Config, account: Account, token: str) -> bool:
    with suppress(SecretUnreadable):  # a lost key is a reason to enter the token anew
        return token in gateways.tokens(config, account)[:1]
    return False


def forget_previous(session: Session, account: Account, *, actor: str, now: datetime, ip: str = "") -> None:
    """Accept no signature of the token before the present one any more."""
    if account.twilio_token_previous:
        account.twilio_token_previous = None
        _record(session, account, "forget_token", {"twilio_token_previous": ""}, actor=actor, now=now, ip=ip)


def keep_for_tests(
    session: Session, config: Config, account: Account, sid: str, token: str, *, actor: str, now: datetime, ip: str = ""
) -> None:
    """Keep proved test credentials, and the one sender that they may use."""
    account.twilio_test_sid, account.twilio_test_token = sid, gateways.seal(config.secret_keys, token)
    add_magic_sender(session, account, now=now)
    after = {"twilio_test_sid": sid, "twilio_test_token": token}
    _record(session, account, "link_test", after, actor=actor, now=now, ip=ip)


def add_magic_sender(session: Session, account: Account, *, now: datetime) -> None:
    """Give an account in test mode with test credentials the one sender that they may use."""
    known = any(sender.address == MAGIC_SENDER for sender in account.senders)
    if account.test_mode and account.twilio_test_sid and not known:
        account.senders.append(
            SendingNumber(
                account_id=account.id, label="Test sender", address=MAGIC_SENDER, kind=SenderKind.LONG_CODE,
                segments_per_second=10, is_default=not any(s.is_default for s in account.senders), created_at=now,
            )
        )  # fmt: skip
        session.flush()


def is_busy(session: Session, account: Account) -> bool:
    """Whether the account has a campaign that is sending, or a text whose fate is not known yet."""
    sending = select(Campaign.id).where(Campaign.account_id == account.id, Campaign.state == CampaignState.SENDING)
    open_ = select(Message.id).where(Message.account_id == account.id, Message.status.in_(ON_THE_WAY))
    return any(session.scalar(query.limit(1)) is not None for query in (sending, open_))


def _record(
    session: Session, account: Account, verb: str, after: Mapping[str, str], *, actor: str, now: datetime, ip: str
) -> None:
    audit.record(
        session, account_id=account.id, actor=actor, action=f"account:{verb}", subject_kind="account",
        subject_id=account.id, subject=account.name, after=after, now=now, ip=ip,
    )  # fmt: skip
