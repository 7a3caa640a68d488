"""The past month of the demo: campaigns that went out before today, told by the simulator's own rules and written by our own doors.

Nothing is sent for it. Each message is created by the same expansion as a live one, meets the fate that the simulator would give
its number, and is advanced and priced by the functions that callbacks and price pulls use.
"""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from hashlib import sha256

from rich.progress import Progress
from sqlalchemy import select
from sqlalchemy.orm import Session

import analytics.charges
import analytics.rollups
from admin import demo_seed
from admin.demo_data import exported, people
from models.accounts import Account, SendingNumber
from models.base import Database
from models.consent import ConsentKind, ConsentSource
from models.messages import Message, MessageStatus
from models.money import micros
from sender import audience, campaigns, consent, inbox, messages
from sender.outcomes import OPTED_OUT
from sender.simulated_behaviour import Behaviour, Fate, fate
from sender.simulated_prices import price_table
from sender.tables import open_table

DAYS = (27, 24, 20, 17, 13, 9, 5, 2)
"""How many days ago each campaign went out."""
ROWS = 600
"""Rows of the file of each."""
BEHAVIOUR = Behaviour.lifelike(seed=5)


def past_month(database: Database, account: Account, *, now: datetime, progress: Progress) -> None:
    """Write every past campaign, post its charges and fold the daily facts; one transaction a campaign."""
    members = people(count=5000)
    kinds = ("Renewal reminder", "Event invitation", "Dues receipt")
    task = progress.add_task("Past month", total=len(DAYS))
    for index, days in enumerate(DAYS):
        at = now - timedelta(days=days, hours=2)
        first = (index * 617) % (len(members) - ROWS)
        file = exported(members[first : first + ROWS])
        with database.transaction() as session:
            _campaign(session, session.get_one(Account, account.id), kinds[index % 3], file, at)
        progress.advance(task)
    with database.transaction() as session:
        analytics.charges.post(session, account_id=account.id, now=now)
        analytics.rollups.fold(session)


def _campaign(session: Session, account: Account, template: str, file: bytes, at: datetime) -> None:
    """One campaign from its file to its last receipt."""
    table = open_table("members.csv", io.BytesIO(file))
    listed = audience.load(
        session, account=account, name=f"Members {at:%b %d}", filename="members.csv", table=table,
        columns=audience.suggest_columns(table.columns), now=at, created_by=demo_seed.EMAIL,
    )  # fmt: skip
    sender = next(sender for sender in account.senders if sender.is_default)
    campaign = campaigns.create(
        session, account=account, name=f"{template} {at:%b %d}", template_version=demo_seed.template(session, account, template),
        audience=listed, sender=sender, now=at, actor=demo_seed.EMAIL,
    )  # fmt: skip
    run = campaigns.send(session, campaign, now=at)
    while audience.expand(session, run, now=at):
        pass
    session.flush()
    for index, message in enumerate(
        session.scalars(select(Message).where(Message.run_id == run.id).order_by(Message.id))
    ):
        _meet(session, account, sender, message, at + timedelta(milliseconds=10 * index))
    campaigns.finish_done(session, now=at + timedelta(minutes=5))


def _meet(session: Session, account: Account, sender: SendingNumber, message: Message, at: datetime) -> None:
    """Let one message meet the fate of its number."""
    met = fate(BEHAVIOUR, message.phone, 0)
    if met.refuse:
        messages.advance(session, message, MessageStatus.FAILED, now=at, error_code=met.refuse)
        if met.refuse == OPTED_OUT:
            consent.append(
                session, account_id=account.id, phone=message.phone, kind=ConsentKind.OPT_OUT, message_id=message.id,
                source=ConsentSource.PROVIDER_REFUSAL, reason="Twilio refused the text: error 21610", now=at,
            )  # fmt: skip
        return
    done = at + timedelta(seconds=met.send_seconds + met.delivery_seconds)
    sid = f"SM{sha256(str(message.id).encode()).hexdigest()[:32]}"
    messages.advance(session, message, _end(met), now=done, sid=sid, error_code=met.error_code)
    if met.price_seconds is not None and message.status is not MessageStatus.FAILED:
        cost = price_table().outbound(message.phone, segments=message.segments, media=False)
        total = micros(cost.base + cost.carrier_fee)
        messages.price(session, message, price_u=total, segments=message.segments, now=done)
    if met.reply:
        _reply(session, account, sender, message, met.reply, done + timedelta(seconds=met.reply_seconds))


def _end(met: Fate) -> MessageStatus:
    if met.error_code is None:
        return MessageStatus.DELIVERED if met.receipt else MessageStatus.SENT
    return MessageStatus.FAILED if met.error_code in BEHAVIOUR.failed_codes else MessageStatus.UNDELIVERED


def _reply(
    session: Session, account: Account, sender: SendingNumber, message: Message, text: str, at: datetime
) -> None:
    sid = f"SM{sha256(f'reply {message.id}'.encode()).hexdigest()[:32]}"
    params = {"MessageSid": sid, "From": message.phone, "To": sender.address, "Body": text, "NumSegments": "1"}
    answer = inbox.receive(session, account=account, sender=sender, params=params, now=at, answers=False)
    if answer is not None:
        cost = price_table().inbound(message.phone, segments=1, media=False)
        messages.price(session, answer, price_u=micros(cost.base + cost.carrier_fee), segments=1, now=at)
