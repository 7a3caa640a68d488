"""Is an account for tests or for real texts, and may that be changed now?

Test texts and real ones never share an account: figures, charges and statements are an account's, and none of them asks a text
whether it was meant. So the mode can be changed while an account has no texts, and not afterwards.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from admin import audit, credentials
from models.accounts import Account
from models.campaigns import Campaign, CampaignState
from models.messages import Message
from sender.campaigns import NotAllowed

UNDER_WAY = (CampaignState.SENDING, CampaignState.SCHEDULED, CampaignState.PAUSED, CampaignState.HELD)


def preview(session: Session, account: Account, *, test_mode: bool, simulated: bool) -> str:
    """What a change of mode would do, as a sentence; raises NotAllowed with the reason why it cannot be done now."""
    _check(session, account, test_mode=test_mode)
    if not test_mode:
        return f"{account.name} will send real texts, which reach phones and cost money."
    if simulated:
        return f"{account.name} will send to the simulator only. No text reaches a phone, and nothing is billed."
    if not account.twilio_test_sid:
        return f"{account.name} will send nothing until it has test credentials of Twilio (`accounts test`)."
    return (
        f"{account.name} will use Twilio's test credentials only. No text reaches a phone, and nothing is billed; texts stay "
        "queued, because Twilio reports nothing about them."
    )


def switch(session: Session, account: Account, *, test_mode: bool, actor: str, now: datetime, ip: str = "") -> None:
    """Change the mode, with an audit entry; raises NotAllowed. Part of the caller's transaction."""
    _check(session, account, test_mode=test_mode)
    account.test_mode = test_mode
    credentials.add_magic_sender(session, account, now=now)
    audit.record(
        session, account_id=account.id, actor=actor, action="account:mode", subject_kind="account", subject_id=account.id,
        subject=account.name, before={"test_mode": not test_mode}, after={"test_mode": test_mode}, now=now, ip=ip,
    )  # fmt: skip


def _check(session: Session, account: Account, *, test_mode: bool) -> None:
    if account.test_mode is test_mode:
        raise NotAllowed(f"{account.name} is in {'test' if test_mode else 'live'} mode already.")
    campaign = session.scalars(
        select(Campaign).where(Campaign.account_id == account.id, Campaign.state.in_(UNDER_WAY)).limit(1)
    ).first()
    if campaign is not None:
        raise NotAllowed(f"{campaign.name} is {campaign.state.value}: finish or cancel it before the mode is changed.")
    if session.scalar(select(Message.id).where(Message.account_id == account.id).limit(1)) is not None:
        wrong = "real texts, among which tests" if test_mode else "test texts, which"
        raise NotAllowed(f"{account.name} has {wrong} would be counted as real ones. Create another account instead.")
