"""Uploaded lists that tests start from, and the campaigns that are sent to them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Audience, AudienceRow, Campaign, Run
from models.consent import Purpose
from sender import audience
from tests.conftest import NOW
from tests.seeds import sender_of, template_version


def listed(
    session: Session,
    account: Account,
    content: str,
    *,
    columns: Mapping[str, str] | None = None,
    name: str = "Members",
    now: datetime = NOW,
) -> Audience:
    """An audience read from CSV text, its columns as suggested unless they are given."""
    table = audience.open_table("members.csv", io.BytesIO(content.encode()))
    chosen = audience.suggest_columns(table.columns) if columns is None else columns
    return audience.load(
        session, account=account, name=name, filename="members.csv", table=table, columns=chosen, now=now
    )


def fates(session: Session, loaded: Audience) -> list[str]:
    """What became of each row at import, in order: "ok", or the reason."""
    rows = session.scalars(select(AudienceRow).where(AudienceRow.audience_id == loaded.id).order_by(AudienceRow.row))
    return [row.reason.value if row.reason else "ok" for row in rows]


def campaign_to(
    session: Session, account: Account, loaded: Audience, source: str = "Hello", *, media_url: str | None = None, **values: Any
) -> Campaign:  # fmt: skip
    """A campaign with this text to an audience."""
    version = template_version(session, account, source, name=f"{loaded.name} text {source[:20]}")
    version.media_url = media_url
    made = Campaign(
        account_id=account.id, name=f"To {loaded.name}: {source[:20]}", template_version_id=version.id,
        audience_id=loaded.id, sender_id=sender_of(session, account).id, purpose=values.pop("purpose", Purpose.ACCOUNT),
        created_at=NOW, updated_at=NOW, **values,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def run_of(session: Session, campaign: Campaign, *, number: int = 1, segment_limit: int | None = None) -> Run:
    """An occurrence of it, not expanded yet."""
    run = Run(
        account_id=campaign.account_id, campaign_id=campaign.id, number=number, audience_id=campaign.audience_id,
        template_version_id=campaign.template_version_id, sender_id=campaign.sender_id, due_at=NOW,
        segment_limit=segment_limit,
    )  # fmt: skip
    session.add(run)
    session.flush()
    return run


def expanded(session: Session, run: Run, *, now: datetime = NOW, chunk: int = 10_000) -> Run:
    """The run, expanded chunk by chunk, committed after each."""
    while audience.expand(session, run, now=now, chunk=chunk):
        session.commit()
    session.commit()
    return run
