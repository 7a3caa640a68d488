"""How can a campaign that is over its segment limit go out all the same? In batches, each within the limit, on following days.

`propose` decides about every row as a run would and cuts the list where the next text would not fit any more; `split` makes a
scheduled campaign of each batch, with its part of the list under the same row numbers, and cancels the original. What changes
until a batch starts (an opt-out, a country) is asked again then, and a text that came to be too many is left out with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, literal, select
from sqlalchemy.orm import Session

from models.campaigns import Audience, AudienceRow, Campaign, CampaignState
from models.templates import TemplateVersion
from sender import campaigns
from sender.campaigns import NotAllowed
from sender.expansion import Decision, decide, segment_limit
from sender.recipients import recipients, terms

UNSENT = (CampaignState.DRAFT, CampaignState.SCHEDULED, CampaignState.HELD)


@dataclass(frozen=True)
class Batch:
    """Rows of a list from `first` to `last`, what they would send, and when."""

    number: int
    first: int
    last: int
    texts: int
    segments: int
    starts_at: datetime


def propose(session: Session, campaign: Campaign, *, first_at: datetime) -> list[Batch]:
    """The batches of a campaign, the first at `first_at`, the others at that hour of the following days; one if all fit.

    Hours are those of the campaign's time zone, else of the account's. Raises NotAllowed when one text alone is over the limit.
    """
    limit = segment_limit(campaign.account, campaign)
    zone = ZoneInfo(campaign.time_zone or campaign.account.time_zone)
    batches: list[Batch] = []
    current = Batch(1, 1, 0, 0, 0, first_at)
    for decision in _decisions(session, campaign, first_at):
        row, segments = decision.recipient.row, decision.size.segments if decision.reason is None else 0
        if segments > limit:
            raise NotAllowed(
                "One text alone needs more segments than the limit allows. Raise the limit or shorten the text."
            )
        if current.segments + segments > limit:
            batches.append(current)
            current = Batch(current.number + 1, row, row, 0, 0, _days_later(first_at, len(batches), zone))
        current = replace(current, last=row, texts=current.texts + bool(segments), segments=current.segments + segments)
    return [*batches, current]


def _decisions(session: Session, campaign: Campaign, now: datetime) -> Iterator[Decision]:
    audience = session.get_one(Audience, campaign.audience_id)
    version = session.get_one(TemplateVersion, campaign.template_version_id)
    given = terms(
        session, account_id=campaign.account_id, purpose=campaign.purpose, version=version, audience=audience, now=now
    )
    for rows in recipients(session, audience.id, given):
        yield from decide(session, rows, given)


def _days_later(at: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same wall time so many days later; where clocks skip it, as much later as they do."""
    return (at.astimezone(zone) + timedelta(days=days)).astimezone(at.tzinfo)


def split(
    session: Session, campaign: Campaign, batches: Sequence[Batch], *, now: datetime, actor: str
) -> list[Campaign]:
    """A scheduled campaign for each batch instead of this one, which is cancelled. Raises NotAllowed. Not committed."""
    if campaign.state not in UNSENT or campaign.recurrence:
        raise NotAllowed("Only a campaign that has not started, and does not repeat, can be split.")
    if len(batches) < 2:
        raise NotAllowed("It fits into one launch. Send it as it is.")
    total = sum(batch.segments for batch in batches)
    made = [_campaign(session, campaign, batch, len(batches), total, now=now, actor=actor) for batch in batches]
    campaigns.cancel(session, campaign, now=now)
    campaign.why = f"Split into {len(batches)} batches, the last on {batches[-1].starts_at:%Y-%m-%d}."
    return made


def _campaign(
    session: Session, whole: Campaign, batch: Batch, count: int, total: int, *, now: datetime, actor: str
) -> Campaign:
    """One batch as a campaign; a budget is shared out by segments."""
    part = campaigns.create(
        session, account=whole.account, name=f"{whole.name} ({batch.number} of {count})", template_version=whole.template_version,
        audience=_part(session, whole.audience, batch, count, now=now, actor=actor), sender=whole.sender, now=now, actor=actor,
        purpose=whole.purpose, segment_limit=whole.segment_limit, report_emails=whole.report_emails,
        budget_u=None if whole.budget_u is None else max(1, whole.budget_u * batch.segments // max(1, total)),
    )  # fmt: skip
    part.time_zone, part.priority, part.subject = whole.time_zone, whole.priority, whole.subject
    campaigns.schedule(session, part, starts_at=batch.starts_at, now=now)
    return part


def _part(session: Session, whole: Audience, batch: Batch, count: int, *, now: datetime, actor: str) -> Audience:
    """The batch's rows as a list of their own."""
    part = Audience(
        account_id=whole.account_id, name=f"{whole.name} ({batch.number} of {count})", filename=whole.filename,
        sha256=whole.sha256, columns=dict(whole.columns), complete=True, created_by=actor, created_at=now,
    )  # fmt: skip
    session.add(part)
    session.flush()
    old = AudienceRow.__table__.c
    mine = (old.audience_id == whole.id) & old.row.between(batch.first, batch.last)
    copied = [name for name in old.keys() if name != "audience_id"]  # noqa: SIM118
    rows = select(literal(part.id), *(old[name] for name in copied)).where(mine)
    session.execute(insert(AudienceRow).from_select(["audience_id", *copied], rows))
    counted = select(func.count(), func.count(old.contact_id).filter(old.reason.is_(None))).where(mine)
    part.rows, part.usable = session.execute(counted).one()
    return part
