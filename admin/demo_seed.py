"""The association of the demo: account, senders, countries, texts, people who sign in, and the rate card."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import analytics.rates
from admin import gateways, people
from admin.config import Config
from admin.demo_data import ABROAD, COUNTRIES, TEMPLATES
from models.accounts import Account, SenderKind, SendingNumber, Verification
from models.base import Database
from models.consent import Purpose
from models.countries import CountrySetting
from models.settings import Setting
from models.templates import Template, TemplateVersion
from models.users import RoleName
from sender import opt_ins

EMAIL = "admin@example.com"
WORDING: dict[str, Any] = {
    "brand": "Harbor", "programme": "your membership, dues and events", "frequency": "up to 4 messages a month", "language": "en",
    "description": "Reminders before your membership ends, receipts, and invitations to what we do near you.",
    "purpose": Purpose.ACCOUNT, "terms_url": "https://harbor.example/terms", "privacy_url": "https://harbor.example/privacy",
}  # fmt: skip
"""What the members agree to."""
SID = "AC" + sha256(b"Harbor Association").hexdigest()[:32]


def organisation(database: Database, config: Config, *, password: str, now: datetime) -> Account:
    """Everything but the traffic; committed."""
    with database.transaction() as session:
        account = Account(
            slug="harbor", name="Harbor Association", plan="Harbor 25", included_segments=25_000, created_at=now,
            twilio_sid=SID, twilio_token=gateways.seal(config.secret_keys, sha256(SID.encode()).hexdigest()[:32]),
            pumping_protection=True, alert_emails=["texting@example.com"],
        )  # fmt: skip
        session.add(account)
        session.flush()
        _senders(session, account, now)
        abroad = next(sender.id for sender in account.senders if sender.kind is SenderKind.LONG_CODE)
        session.add_all(
            CountrySetting(
                account_id=account.id, region=region, name=name, enabled=enabled, note=note, updated_at=now,
                sender_id=abroad if region in ABROAD else None, mms=region in {"US", "CA"},
            )
            for region, name, enabled, note in COUNTRIES
        )  # fmt: skip
        # A demo has to move at any hour; what it sends as marketing keeps to the law's hours even so.
        session.add(Setting(account_id=account.id, name="hours_for_account_texts", value=False, updated_at=now))
        for name, source in TEMPLATES:
            made = Template(account_id=account.id, name=name, created_at=now, updated_at=now)
            session.add(made)
            session.flush()
            session.add(TemplateVersion(template_id=made.id, number=1, source=source, created_by=EMAIL, created_at=now))
        opt_ins.publish(session, account_id=account.id, actor=EMAIL, now=now, **WORDING)
        people.create_user(
            session,
            email=EMAIL,
            password=password,
            now=now,
            owner=True,
            roles=[(account, RoleName.ADMIN)],
            name="Amara Reyes",
        )
        analytics.rates.load(session, None, now=now, entered_by=EMAIL)
        return account


def _senders(session: Session, account: Account, now: datetime) -> None:
    session.add_all(
        [
            SendingNumber(
                account_id=account.id, label="Short code", address="27242", kind=SenderKind.SHORT_CODE,
                segments_per_second=100, is_default=True, created_at=now,
            ),
            SendingNumber(
                account_id=account.id, label="Toll-free", address="+18335550100", kind=SenderKind.TOLL_FREE,
                segments_per_second=3, verification=Verification.PENDING_REVIEW, created_at=now,
            ),
            SendingNumber(
                account_id=account.id, label="UK number", address="+447400000900", kind=SenderKind.LONG_CODE,
                segments_per_second=10, created_at=now,
            ),
        ]
    )  # fmt: skip


def template(session: Session, account: Account, name: str) -> TemplateVersion:
    """The current version of one of the demo's templates."""
    found = session.scalars(select(Template).where(Template.account_id == account.id, Template.name == name)).one()
    if found.current is None:
        raise LookupError(f"template {name} has no version")
    return found.current
