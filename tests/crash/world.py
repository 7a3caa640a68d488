"""What is sent while processes die: people, campaigns that start by themselves, replies, and people who say stop in the middle.

The database also keeps a history: a trigger of ours writes down every change of a message's status, attempt and SID, so that
afterwards nobody has to be believed.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import uuid4

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from admin.demo_data import AREAS, PLAIN
from models.accounts import Account, SenderKind, SendingNumber
from models.base import Database, connect
from models.campaigns import Audience, AudienceRow, Campaign, CampaignState
from models.consent import ConsentKind, ConsentSource
from models.contacts import Contact
from models.countries import CountrySetting
from models.inbox import Conversation
from models.messages import WAITING, Message, MessageStatus
from models.schema import migrate
from models.settings import Setting
from models.templates import Template, TemplateVersion
from sender import campaigns, consent
from sender.dispatcher import wall_clock
from sender.simulated_accounts import SimulatedAccount, SimulatedNumber

CODES = ("27242", "27243")
"""Two short codes, so that several workers have something to claim at once."""
ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
TOKEN = "secret"
OPENING = {
    "sqlite": (
        """CREATE TABLE crash_history (
            n INTEGER PRIMARY KEY, message_id INTEGER, old_status TEXT, new_status TEXT, old_attempt INTEGER,
            new_attempt INTEGER, old_sid TEXT, new_sid TEXT, intent_at TEXT,
            at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now')))""",
        """CREATE TRIGGER crash_history AFTER UPDATE OF status, attempt, sid ON message
            WHEN (old.status, old.attempt, old.sid) IS NOT (new.status, new.attempt, new.sid)
            BEGIN INSERT INTO crash_history
            (message_id, old_status, new_status, old_attempt, new_attempt, old_sid, new_sid, intent_at) VALUES
            (new.id, old.status, new.status, old.attempt, new.attempt, old.sid, new.sid, new.intent_at); END""",
    ),
    "postgresql": (
        """CREATE TABLE crash_history (
            n BIGSERIAL PRIMARY KEY, message_id BIGINT, old_status TEXT, new_status TEXT, old_attempt BIGINT,
            new_attempt BIGINT, old_sid TEXT, new_sid TEXT, intent_at TIMESTAMPTZ,
            at TIMESTAMPTZ DEFAULT clock_timestamp())""",
        """CREATE FUNCTION crash_history() RETURNS trigger AS $$ BEGIN INSERT INTO crash_history
            (message_id, old_status, new_status, old_attempt, new_attempt, old_sid, new_sid, intent_at) VALUES
            (new.id, old.status, new.status, old.attempt, new.attempt, old.sid, new.sid, new.intent_at);
            RETURN NULL; END $$ LANGUAGE plpgsql""",
        """CREATE TRIGGER crash_history AFTER UPDATE OF status, attempt, sid ON message FOR EACH ROW
            WHEN ((old.status, old.attempt, old.sid) IS DISTINCT FROM (new.status, new.attempt, new.sid))
            EXECUTE FUNCTION crash_history()""",
    ),
}  # fmt: skip


Person = tuple[int, str, str]
"""Contact id, number, name."""
T = TypeVar("T")


@dataclass(frozen=True)
class Terms:
    """How long things last, seconds, and how often a message is tried; short, so that nobody waits a minute for a dead worker."""

    lease: int = 9
    settle: int = 2
    listing_lag: float = 0.5
    attempts: int = 5


@dataclass
class World:
    """A migrated database with an account, and whoever gives it work. Everything that is chosen is chosen by `chance`."""

    database: Database
    account_id: int
    senders: tuple[int, ...]
    people: list[Person]
    chance: random.Random
    refused: dict[str, datetime] = field(default_factory=dict)
    """Number → when the refusal was committed at the latest."""
    made: int = 0

    def attempt(self, work: Callable[[Session], T], *, reading: bool = False) -> T | None:
        """A transaction; None when it failed (a restart, another writer), as if nobody had asked."""
        try:
            with self.database.reading() if reading else self.database.transaction() as session:
                return work(session)
        except DBAPIError:
            return None

    def campaign(self, size: int) -> int | None:
        """Schedule a campaign to some people, to start now; its id, or None while the database is away."""
        self.made += 1
        now, name, sender = wall_clock(), f"Campaign {self.made}", self.chance.choice(self.senders)
        chosen = self.chance.sample(self.people, size)
        return self.attempt(lambda session: self._schedule(session, name, chosen, sender, now))

    def _schedule(self, session: Session, name: str, chosen: list[Person], sender: int, now: datetime) -> int:
        account = session.get_one(Account, self.account_id)
        size = len(chosen)
        audience = Audience(account_id=account.id, name=name, rows=size, usable=size, complete=True, created_at=now)
        session.add(audience)
        session.flush()
        session.add_all(
            AudienceRow(audience_id=audience.id, row=row, contact_id=person, fields={"name": called})
            for row, (person, _, called) in enumerate(chosen, 1)
        )
        campaign = Campaign(
            account_id=account.id, name=name, template_version_id=_text(session, account, name, now).id,
            audience_id=audience.id, sender_id=sender, created_at=now, updated_at=now,
        )  # fmt: skip
        session.add(campaign)
        session.flush()
        campaigns.schedule(session, campaign, starts_at=now + timedelta(seconds=0.3), now=now)
        return campaign.id

    def reply(self) -> None:
        """Somebody of the staff answers somebody."""
        self.made += 1
        person, sender, body = self.chance.choice(self.people), self.chance.choice(self.senders), f"Reply {self.made}"
        self.attempt(lambda session: self._answer(session, person, sender, body, wall_clock()))

    def _answer(self, session: Session, person: Person, sender: int, body: str, now: datetime) -> None:
        contact, phone, _ = person
        whose = (Conversation.phone == phone, Conversation.sender_id == sender)
        conversation = session.scalars(select(Conversation).where(*whose)).first()
        if conversation is None:
            conversation = Conversation(
                account_id=self.account_id, phone=phone, sender_id=sender, contact_id=contact, created_at=now
            )
            session.add(conversation)
            session.flush()
        session.add(
            Message(
                account_id=self.account_id, conversation_id=conversation.id, reply_key=uuid4().hex, contact_id=contact,
                sender_id=sender, phone=phone, region="US", body=body, encoding="GSM-7", units=len(body), segments=1,
                priority=0, due_at=now, created_at=now, updated_at=now,
            )
        )  # fmt: skip

    def refusal(self) -> None:
        """Somebody tells the staff to stop."""
        _, phone, _ = self.chance.choice(self.people)
        written = self.attempt(
            lambda session: consent.append(
                session, account_id=self.account_id, phone=phone, kind=ConsentKind.OPT_OUT, source=ConsentSource.ADMIN,
                reason="Said so on the telephone", now=wall_clock(),
            )
        )  # fmt: skip
        if written is not None:
            self.refused.setdefault(phone, wall_clock())

    def idle(self, enough: int) -> bool:
        """Whether less than `enough` messages wait to be claimed, and at most one audience waits to become messages."""
        return self.attempt(lambda session: _idle(session, enough), reading=True) or False

    def counts(self) -> dict[MessageStatus, int]:
        """Messages by status; empty while the database is away."""
        query = select(Message.status, func.count()).group_by(Message.status)
        return self.attempt(lambda session: {row[0]: row[1] for row in session.execute(query)}, reading=True) or {}

    def quiet(self) -> bool:
        """Whether nothing waits for us any more: no message, and no campaign that is to start, to expand or to complete."""
        return self.attempt(_quiet, reading=True) or False


def _idle(session: Session, enough: int) -> bool:
    pending = session.scalar(select(func.count()).where(Message.status == MessageStatus.PENDING)) or 0
    scheduled = select(func.count()).where(Campaign.state == CampaignState.SCHEDULED)
    return pending < enough and len(campaigns.unexpanded(session)) + (session.scalar(scheduled) or 0) < 2


def _quiet(session: Session) -> bool:
    waiting = session.scalar(select(Message.id).where(Message.status.in_(WAITING)).limit(1))
    moving = (CampaignState.SENDING, CampaignState.SCHEDULED)
    campaign = session.scalar(select(Campaign.id).where(Campaign.state.in_(moving)).limit(1))
    return waiting is None and campaign is None and not campaigns.unexpanded(session)


def known(url: str) -> SimulatedAccount:
    """The account as the provider knows it."""
    numbers = [SimulatedNumber(code, sms_url=f"{url}/hooks/inbound") for code in CODES]
    return SimulatedAccount(name="Harbor", numbers=numbers, sid=f"AC{'harbor':0<32}", token=TOKEN)


def build(url: str, seed: int, terms: Terms, *, people: int = 600, rate: int = 150, history: bool = True) -> World:
    """Migrate, write down the account and its people, and begin the history; senders take `rate` segments a second each."""
    empty = connect(url)
    migrate(empty)
    empty.engine.dispose()
    impatient = "?options=-c%20lock_timeout%3D2000" if url.startswith("postgres") else ""
    database, now = connect(url + impatient), wall_clock()  # a frozen worker may hold a lock that we want; we thaw it
    with database.transaction() as session:
        account = Account(slug="harbor", name="Harbor", twilio_sid=known("").sid, created_at=now, segment_limit=100_000)
        account.concurrency = 400  # the claims of the dead count until their leases have run out
        session.add(account)
        session.flush()
        session.add(
            CountrySetting(account_id=account.id, region="US", name="United States", enabled=True, updated_at=now)
        )
        session.add(Setting(account_id=account.id, name="hours_for_account_texts", value=False, updated_at=now))
        senders = [
            SendingNumber(
                account_id=account.id, label=code, address=code, kind=SenderKind.SHORT_CODE, segments_per_second=rate,
                is_default=code == CODES[0], created_at=now,
            )
            for code in CODES
        ]  # fmt: skip
        chosen = {"lease_seconds": terms.lease, "settle_seconds": terms.settle, "max_attempts": terms.attempts}
        session.add_all(Setting(account_id=0, name=name, value=n, updated_at=now) for name, n in chosen.items())
        members = [_person(account, number, now) for number in range(people)]
        session.add_all([*senders, *members])
        session.flush()
        for statement in OPENING[database.dialect] if history else ():
            session.execute(text(statement))
        found = [(member.id, member.phone, member.name) for member in members]
        ids = tuple(sender.id for sender in senders)
        return World(database, account.id, ids, found, random.Random(seed))


def _person(account: Account, number: int, now: datetime) -> Contact:
    """Somebody with a reserved number whose ending the simulator delivers."""
    phone = f"+1{AREAS[number // len(PLAIN)]}555{PLAIN[number % len(PLAIN)]}"
    return Contact(
        account_id=account.id, phone=phone, phone_raw=phone, region="US", line_type="mobile", name=f"Member {number}",
        time_zones=ZONES[number % len(ZONES)], created_at=now, updated_at=now,
    )  # fmt: skip


def _text(session: Session, account: Account, name: str, now: datetime) -> TemplateVersion:
    template = Template(account_id=account.id, name=name, created_at=now, updated_at=now)
    session.add(template)
    session.flush()
    source = f"{name}: hello {{{{ name }}}}"
    version = TemplateVersion(template_id=template.id, number=1, source=source, created_by="test", created_at=now)
    session.add(version)
    session.flush()
    return version
