"""Rows that tests start from: a template, an audience, a campaign, a run with pending messages."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.demo_data import AREAS, PLAIN
from models.accounts import Account, SenderKind, SendingNumber
from models.campaigns import Audience, AudienceRow, Campaign, CampaignState, Lane, Run
from models.contacts import Contact
from models.messages import Message
from models.templates import Template, TemplateVersion
from tests.conftest import NOW


def template_version(
    session: Session, account: Account, source: str = "Hello {{ name | default: 'there' }}", name: str = "Hello"
) -> TemplateVersion:
    """A template with one version."""
    template = Template(account_id=account.id, name=name, created_at=NOW, updated_at=NOW)
    session.add(template)
    session.flush()
    version = TemplateVersion(template_id=template.id, number=1, source=source, created_by="test", created_at=NOW)
    session.add(version)
    session.flush()
    return version


def sender_of(session: Session, account: Account, kind: SenderKind = SenderKind.SHORT_CODE) -> SendingNumber:
    """The account's sender of a kind."""
    return session.scalars(
        select(SendingNumber).where(SendingNumber.account_id == account.id, SendingNumber.kind == kind)
    ).one()


def contacts(session: Session, account: Account, count: int) -> list[Contact]:
    """`count` contacts with reserved numbers whose endings the simulator delivers."""
    rows = []
    for index in range(count):
        phone = f"+1{AREAS[index // len(PLAIN)]}555{PLAIN[index % len(PLAIN)]}"
        rows.append(
            Contact(
                account_id=account.id, phone=phone, phone_raw=phone, region="US", line_type="fixed_line_or_mobile",
                time_zones="America/New_York", name=f"Member {index}", created_at=NOW, updated_at=NOW,
            )
        )  # fmt: skip
    session.add_all(rows)
    session.flush()
    return rows


def campaign(
    session: Session, account: Account, *, name: str = "Spring", state: CampaignState = CampaignState.DRAFT,
    people: list[Contact] | None = None, sender: SendingNumber | None = None, source: str = "Hello {{ name }}",
) -> Campaign:  # fmt: skip
    """A campaign to an audience of `people`."""
    version = template_version(session, account, source, name=f"{name} text")
    members = people or []
    audience = Audience(
        account_id=account.id,
        name=f"{name} list",
        rows=len(members),
        usable=len(members),
        complete=True,
        created_at=NOW,
    )
    session.add(audience)
    session.flush()
    session.add_all(
        AudienceRow(audience_id=audience.id, row=i, contact_id=person.id, fields={"name": person.name})
        for i, person in enumerate(members, 1)
    )
    made = Campaign(
        account_id=account.id, name=name, state=state, template_version_id=version.id, audience_id=audience.id,
        sender_id=(sender or sender_of(session, account)).id, created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def sending_run(
    session: Session,
    account: Account,
    count: int,
    *,
    now: datetime = NOW,
    name: str = "Spring",
    sender: SendingNumber | None = None,
) -> Run:
    """A run of `count` pending one-segment messages, expanded, its campaign sending; committed."""
    people = session.scalars(select(Contact).where(Contact.account_id == account.id)).all()[:count] or contacts(
        session, account, count
    )
    made = campaign(session, account, name=name, state=CampaignState.SENDING, people=list(people), sender=sender)
    run = Run(
        account_id=account.id, campaign_id=made.id, number=1, audience_id=made.audience_id, due_at=now, started_at=now,
        template_version_id=made.template_version_id, sender_id=made.sender_id, expanded=True, expanded_to=count,
        audience_size=count, messages=count, segments=count,
    )  # fmt: skip
    session.add(run)
    session.flush()
    lane = Lane(run_id=run.id, sender_id=made.sender_id, region="US", zones="America/New_York")
    session.add(lane)
    session.flush()
    session.add_all(pending(account, run, lane, person, now) for person in people)
    session.commit()
    return run


def pending(account: Account, run: Run, lane: Lane, person: Contact, now: datetime = NOW) -> Message:
    """One pending message to a person."""
    body = f"Hello {person.name}"
    return Message(
        account_id=account.id, run_id=run.id, lane_id=lane.id, contact_id=person.id, template_version_id=run.template_version_id,
        sender_id=run.sender_id, phone=person.phone, region="US", body=body, encoding="GSM-7", units=len(body), segments=1,
        due_at=now, created_at=now, updated_at=now,
    )  # fmt: skip
