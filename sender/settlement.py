"""After a backup was restored: which of its texts had left since it was made? Twilio's own messages decide, row by row.

A row whose recipient and words are at Twilio exactly as often as here was sent, and gets its SID. One whose recipient got nothing
else since was not, and may leave. Everything in between cannot be told, and is parked for a person. Texts that came in meanwhile
are taken in, because some of them say STOP; campaigns whose start fell into the lost time are held. All of it may be done again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.accounts import Account, SendingNumber
from models.base import Database
from models.campaigns import AudienceRow, Campaign, CampaignState, Run
from models.contacts import Contact
from models.messages import Direction, Message, MessageStatus
from models.settings import value
from sender import audience, campaigns, inbox, messages, starts
from sender.gateway import Gateway, Remote
from sender.planned import due
from sender.remains import Fate, Remains, listed, looked_up

EARLY = timedelta(minutes=5)
"""Before the backup's time: clocks differ, and a claim of that moment was sent a little later."""
PART = 1_000
"""Rows in one transaction."""
LOOK = "Look at Twilio's log first."
OURS = (MessageStatus.PENDING, MessageStatus.CLAIMED, MessageStatus.IN_DOUBT, MessageStatus.UNKNOWN)
"""Statuses of a text that, as far as the backup knows, Twilio does not have."""


@dataclass(frozen=True)
class Settled:
    """What became of an account: texts that turned out sent, that were not, that a person has to look at; replies taken in,
    campaigns held, and texts at Twilio that the database does not know at all."""

    sent: int = 0
    unsent: int = 0
    parked: int = 0
    replies: int = 0
    held: int = 0
    strangers: int = 0


def settle(
    database: Database,
    account_id: int,
    gateway: Gateway,
    *,
    since: datetime | None = None,
    now: datetime,
    before_release: Callable[[Session, Account], object] | None = None,
) -> Settled:
    """Compare an account that is held with Twilio since the time of the backup, then let it send again. Network and commits.

    `before_release` has the last word before anything may leave, in the same transaction.

    `since` is never taken later than the last attempt that the database knows, and may be left out. Raises what the gateway
    raises, and then nothing is let go: run it again.
    """
    while _expanded(database, account_id, now):
        pass
    with database.reading() as session:
        start = _since(session, account_id, since, now) - EARLY
        remains = Remains(_rows(session, account_id))
    remains.add(listed(gateway, start, now + EARLY))
    remains.add(looked_up(gateway, remains.unfound(), start, now + EARLY))
    with database.reading() as session:
        remains.forget(_known(session, remains.sids))
    fates: Counter[Fate] = Counter()
    ids = remains.ids
    for first in range(0, len(ids), PART):
        with database.transaction() as session:
            fates += _apply(session, account_id, remains, ids[first : first + PART], now=now)
    strangers = remains.strangers()
    with database.transaction() as session:
        account = session.get_one(Account, account_id)
        replies = sum(_taken_in(session, account, remote) for remote in remains.inbound)
        held = _hold_missed(session, account, set(strangers.values()), now=now)
        session.execute(
            update(Run)
            .where(Run.account_id == account_id, Run.finished_at.is_(None))
            .values(launch_epoch=account.launch_epoch)
        )
        if before_release is not None:
            before_release(session, account)
        account.held_why = ""
    return Settled(fates[Fate.SENT], fates[Fate.UNSENT], fates[Fate.OPEN], replies, held, len(strangers))


def _expanded(database: Database, account_id: int, now: datetime) -> bool:
    """Expand one chunk of a run that the backup had begun: whom it had not reached yet may have been texted since."""
    with database.transaction() as session:
        run = next((run for run in campaigns.unexpanded(session) if run.account_id == account_id), None)
        if run is not None:
            audience.expand(session, run, now=now)
        return run is not None


def _since(session: Session, account_id: int, since: datetime | None, now: datetime) -> datetime:
    """The backup cannot be older than the last attempt in it."""
    last = session.scalar(select(func.max(Message.intent_at)).where(Message.account_id == account_id))
    made = session.get_one(Account, account_id).created_at
    return min(since or now, last or made)


def _rows(session: Session, account_id: int) -> Iterator[tuple[int, str, str]]:
    """(id, phone, body) of every text that may have left, the first to leave first."""
    found = session.execute(
        select(Message.id, Message.phone, Message.body)
        .where(
            Message.account_id == account_id, Message.direction == Direction.OUTBOUND, Message.status.in_(OURS),
            Message.sid.is_(None),
        )
        .order_by(Message.due_at, Message.id)
        .execution_options(yield_per=PART)
    )  # fmt: skip
    return ((row.id, row.phone, row.body or "") for row in found)


def _known(session: Session, sids: Sequence[str]) -> set[str]:
    """Which of Twilio's messages a row of ours has as its own."""
    parts = (sids[first : first + PART] for first in range(0, len(sids), PART))
    return {sid for part in parts for sid in session.scalars(select(Message.sid).where(Message.sid.in_(part))) if sid}


def _apply(session: Session, account_id: int, remains: Remains, ids: Sequence[int], *, now: datetime) -> Counter[Fate]:
    """Write what became of some rows; those that a callback settled meanwhile are left as they are."""
    counted: Counter[Fate] = Counter()
    most = int(value(session, "max_attempts", account_id=account_id))
    rows = session.scalars(select(Message).where(Message.id.in_(ids)).order_by(Message.id).with_for_update())
    for message in rows:
        if message.status not in OURS or message.sid is not None:
            continue
        fate, remote = remains.fate(message.id)
        if remote is not None:
            message.sent_at = remote.date_created
            status = messages.word(remote.status) or MessageStatus.QUEUED
            messages.advance(session, message, status, now=now, sid=remote.sid, error_code=remote.error_code)
        elif fate is Fate.OPEN or message.status is MessageStatus.UNKNOWN:
            fate = Fate.OPEN
            message.status, message.worker, message.lease_until = MessageStatus.UNKNOWN, None, None
            message.intent_at, message.updated_at = message.intent_at or now, now
            message.attempt = max(message.attempt, most)  # so that a look-up around the wrong time proves no absence
        counted[fate] += 1
    return counted


def _taken_in(session: Session, account: Account, remote: Remote) -> bool:
    """A text that came in since, unless the database knows it."""
    sender = session.scalars(
        select(SendingNumber).where(SendingNumber.account_id == account.id, SendingNumber.address == remote.to)
    ).first()
    params = {"MessageSid": remote.sid, "From": remote.from_ or "", "To": remote.to, "Body": remote.body}
    found = inbox.receive(
        session, account=account, sender=sender, params=params, now=remote.date_created, answers=False
    )
    return found is not None


def _hold_missed(session: Session, account: Account, reached: set[str], *, now: datetime) -> int:
    """Campaigns whose time fell into what the backup does not know, and whose people got a text since that it does not know.

    One that is scheduled is held for a person; of one that is being sent these times are passed over.
    """
    states = (CampaignState.SCHEDULED, CampaignState.SENDING, CampaignState.PAUSED)
    waiting = session.scalars(
        select(Campaign)
        .where(Campaign.account_id == account.id, Campaign.state.in_(states), Campaign.next_at <= now)
        .with_for_update()
    ).all()
    held = 0
    for campaign in waiting:
        people = _reached(session, campaign, reached)
        times = due(campaign, now=now)
        if people and times:
            held += 1
            why = f"A backup was restored that does not know whether it was sent; {people:,} of its list got a text since. {LOOK}"
            if campaign.state is CampaignState.SCHEDULED:
                starts.hold(session, campaign, why, one=times[-1], now=now)
            else:
                starts.pass_due(session, campaign, why, now=now)
    return held


def _reached(session: Session, campaign: Campaign, phones: set[str]) -> int:
    """How many people of a campaign's list are among these numbers."""
    listed_ = sorted(phones)
    people = (
        select(func.count())
        .select_from(AudienceRow)
        .join(Contact, Contact.id == AudienceRow.contact_id)
        .where(AudienceRow.audience_id == campaign.audience_id, AudienceRow.reason.is_(None))
    )
    parts = (listed_[first : first + PART] for first in range(0, len(listed_), PART))
    return sum(session.scalar(people.where(Contact.phone.in_(part))) or 0 for part in parts)
