"""When does a campaign that is going wrong stop by itself? When too many of its last texts met an error that is not one number's.

Looked at are the last outcomes of the run in the order in which they became known, of texts that left after the campaign was
last started, resumed or changed. With defaults: of the last 100 outcomes more than 20 % have a code of `guard_codes.csv`. Fewer
than 25 outcomes are judged as if the missing ones were good, so 6 filtered texts of the first 6 are a spike, and 5 are not.
The errors that a person would stop for come from every text of a run or from few; a list's own dead numbers are no reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from models.campaigns import Campaign, CampaignState, Run
from models.messages import OUTCOME, Message
from models.settings import value
from sender import dated, troubles


@dataclass(frozen=True, slots=True)
class Alarm:
    """A code that is a reason to stop: what it is about, and what a person can do."""

    code: int
    kind: str
    advice: str


@dataclass(frozen=True, slots=True)
class Spike:
    """Too many of the last outcomes: `bad` of `seen`, `code` the most frequent, `of_code` of them."""

    bad: int
    seen: int
    code: int
    of_code: int


@cache
def alarms() -> Mapping[int, Alarm]:
    """Code → alarm, from guard_codes.csv."""
    rows = dated.table(Path(__file__).with_name("guard_codes.csv"))
    return {int(row["code"]): Alarm(int(row["code"]), row["class"], row["advice"]) for row in rows}


def alarming(codes: Iterable[int | None]) -> bool:
    """Whether outcomes with these error codes are a reason to look at once."""
    return any(code in alarms() for code in codes)


def spike(codes: Sequence[int | None], *, percent: int, sample: int) -> Spike | None:
    """Judge the error codes of the last outcomes (None: no error); a spike when the share is above `percent`."""
    bad = Counter(code for code in codes if code in alarms())
    total = bad.total()
    if total * 100 <= percent * max(len(codes), sample):
        return None
    code, of_code = max(bad.items(), key=lambda item: (item[1], -(item[0] or 0)))
    return Spike(total, len(codes), code or 0, of_code)


def watch(session: Session, *, now: datetime, runs: Collection[int] | None = None) -> list[Campaign]:
    """Pause every sending campaign (or those of `runs` alone) that meets a spike, and owe a notice of it. Not committed."""
    query = (
        select(Run.id, Run.number, Campaign.id.label("campaign_id"), Campaign.account_id, Campaign.updated_at)
        .join(Campaign)
        .where(Campaign.state == CampaignState.SENDING, Run.finished_at.is_(None))
        .order_by(Run.id)
    )
    if runs is not None:
        query = query.where(Run.id.in_(sorted(runs)))
    stopped = []
    for run in session.execute(query).all():
        found = _judged(session, run)
        if found is not None:
            campaign = stop(session, run.campaign_id, why=sentence(found), now=now, details=_details(run, found))
            stopped += [campaign] if campaign is not None else []
    return stopped


def _judged(session: Session, run: Any) -> Spike | None:
    percent, sample, window = (
        int(value(session, name, account_id=run.account_id)) for name in ("spike_percent", "spike_sample", "spike_window")
    )  # fmt: skip
    rows = session.execute(
        select(Message.error_code, func.coalesce(Message.sent_at, Message.final_at).label("left_at"))
        .where(Message.run_id == run.id, text("message." + OUTCOME))
        .order_by(Message.final_at.desc())
        .limit(window)
    )
    return spike([row.error_code for row in rows if row.left_at >= run.updated_at], percent=percent, sample=sample)


def sentence(found: Spike) -> str:
    """Why the campaign stopped and what to do, for the person who opens its page."""
    share = f"{found.bad} of the last {found.seen} texts ended with an error that no other text will escape"
    return f"Paused: {share}, {found.of_code} of them with {found.code}. {alarms()[found.code].advice}"


def _details(run: Any, found: Spike) -> dict[str, Any]:
    return {"run": run.number, "code": found.code, "bad": found.bad, "seen": found.seen}


def stop(
    session: Session, campaign_id: int, *, why: str, now: datetime, details: Mapping[str, Any] | None = None
) -> Campaign | None:
    """Pause a sending campaign for a reason that a person must hear of; None when it was not sending any more. Not committed."""
    campaign = session.scalars(
        select(Campaign)
        .where(Campaign.id == campaign_id, Campaign.state == CampaignState.SENDING)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if campaign is None:
        return None
    campaign.state, campaign.why, campaign.updated_at = CampaignState.PAUSED, why, now
    troubles.owe_pause(session, campaign, now=now, details=details)
    return campaign
