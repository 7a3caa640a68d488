"""Who gets a message when a run starts, what does it say, and for which one reason does everybody else get none?

The reasons are asked in a fixed order and the first that applies wins: what was wrong with the row at import; the country is
disabled; the number is a landline or premium; the person opted out or is held; a field is missing; the text is too long; no
time zone is known where the country has hours; the segment limit is used up. Everything else becomes a pending message.

`expand` takes one chunk of the audience. It and the mark where it stopped are in one transaction, so after a crash a run goes
on where it was, and nothing is made twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, case, func, null, select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Base
from models.campaigns import Audience, Campaign, CampaignState, Exclusion, Lane, Reason, Run
from models.consent import Purpose
from models.countries import CountrySetting
from models.messages import Direction, Kind, Message, MessageStatus
from models.phones import LineType
from models.segments import Encoding, Measure, measure
from models.templates import TemplateVersion
from sender import consent
from sender.bulk import Shared, insert_new
from sender.columns import OURS
from sender.schedule import window
from sender.templates import RenderCode, RenderProblem, Template, parse, render

_ROWS, _CONTACTS = Base.metadata.tables["audience_row"], Base.metadata.tables["contact"]
_MESSAGES = Base.metadata.tables["message"]
_EXCLUSIONS = Base.metadata.tables["exclusion"]
_TOO_LONG = frozenset({RenderCode.BODY_TOO_LONG, RenderCode.VALUE_TOO_LONG})
_PREMIUM = frozenset({LineType.PREMIUM, LineType.SHARED_COST})
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "dr", "prof", "rev", "sir"})


@dataclass(frozen=True)
class Terms:
    """What the decisions of one chunk rest on: the settings of today, not those of the import."""

    account_id: int
    purpose: Purpose
    template: Template
    media_url: str | None
    columns: frozenset[str]
    """The fields that the list itself has: a blank cell of theirs is missing, whatever an older list said."""
    countries: dict[str, CountrySetting]

    @property
    def asks_contact(self) -> bool:
        """Whether the template has a field that only the contact's attributes can fill."""
        return not self.columns.union(OURS).issuperset(self.template.fields)


class Decision(NamedTuple):
    """What becomes of one row: a body of a measured size, or a reason."""

    recipient: Row[Any]
    reason: Reason | None = None
    detail: str = ""
    body: str = ""
    size: Measure = Measure(Encoding.GSM_7, 0, 0)
    zones: str = ""


def terms(
    session: Session, *, account_id: int, purpose: Purpose, version: TemplateVersion, audience: Audience
) -> Terms:
    """The terms in force now."""
    settings = session.scalars(select(CountrySetting).where(CountrySetting.account_id == account_id))
    return Terms(
        account_id=account_id,
        purpose=purpose,
        template=parse(version.source),
        media_url=version.media_url,
        columns=frozenset(audience.columns.values()),
        countries={setting.region: setting for setting in settings},
    )


def recipients(
    session: Session, audience_id: int, given: Terms, *, after: int, limit: int, every: int = 1
) -> Sequence[Any]:
    """The next rows of an audience with their contacts, in the order of the file.

    Attributes come only where the template asks for one. Only every n-th row brings its fields; in the others they are None,
    which makes a long list quick to read.
    """
    row, contact = _ROWS.c, _CONTACTS.c
    fields: Any = row.fields if every == 1 else case((row.row % every == 0, row.fields))
    query = (
        select(
            row.row, row.contact_id, row.reason, row.detail, contact.phone, contact.region, contact.line_type,
            contact.time_zones, contact.time_zone, contact.name, contact.external_id, fields.label("fields"),
            (contact.attributes if given.asks_contact else null()).label("attributes"),
        )
        .outerjoin_from(_ROWS, _CONTACTS, contact.id == row.contact_id)
        .where(row.audience_id == audience_id, row.row > after)
        .order_by(row.row)
        .limit(limit)
    )  # fmt: skip
    found: Sequence[Any] = session.execute(query).all()
    return found


def decide(session: Session, rows: Sequence[Row[Any]], given: Terms) -> Iterator[Decision]:
    """What becomes of each row, in order, but for the segment limit. A row without fields is not rendered: its body is ""."""
    barred = [_barred(row, given) for row in rows]
    asked = [row.phone for row, reason in zip(rows, barred, strict=True) if reason is None]
    refused = consent.blocked(session, given.account_id, asked, given.purpose)
    for row, reason in zip(rows, barred, strict=True):
        if reason is not None:
            yield Decision(row, *reason)
        elif row.phone in refused:
            event = refused[row.phone]
            yield Decision(row, Reason.OPTED_OUT, f"{event.kind.value} by {event.source.value}, {event.at:%Y-%m-%d}")
        else:
            yield _worded(row, given)


def _barred(row: Row[Any], given: Terms) -> tuple[Reason, str] | None:
    """The first reason that needs neither consent nor text."""
    if row.reason is not None:
        return row.reason, row.detail
    if row.contact_id is None:
        return Reason.EMPTY_PHONE, ""
    setting = given.countries.get(row.region)
    if setting is None or not setting.enabled:
        return Reason.COUNTRY_DISABLED, row.region
    if row.line_type == LineType.FIXED_LINE and not setting.landlines:
        return Reason.LANDLINE, ""
    return (Reason.PREMIUM, "") if row.line_type in _PREMIUM else None


def _worded(row: Row[Any], given: Terms) -> Decision:
    """Render and measure, and look whether anybody knows the time where this recipient is."""
    body, size = "", Measure(Encoding.GSM_7, 0, 0)
    if row.fields is not None:
        try:
            body = _body(row, given)
        except RenderProblem as problem:
            reason = Reason.TOO_LONG if problem.code in _TOO_LONG else Reason.MISSING_FIELD
            return Decision(row, reason, ", ".join(problem.names) or problem.sentence)
        size = measure(body)
        if given.media_url:
            size = size._replace(segments=1)  # an MMS is not cut: it is billed and paced as one message
    zones = row.time_zone or row.time_zones
    setting = given.countries[row.region]
    if not zones and (setting.opens_at is not None or setting.closes_at is not None):
        return Decision(row, Reason.NO_TIME_ZONE)
    return Decision(row, body=body, size=size, zones=zones)


def _body(row: Row[Any], given: Terms) -> str:
    try:
        return render(given.template, {name: value_of(row, name, given) for name in given.template.fields})
    except RenderProblem as problem:
        if problem.code is RenderCode.EMPTY_BODY and given.media_url:
            return ""
        raise


def value_of(row: Row[Any], name: str, given: Terms) -> object:
    """One field of one recipient: the list's own value; else, where the list has no such column, the contact's."""
    value = row.fields.get(name)
    if value:
        return value
    if name == "name":
        return row.name
    if name in given.columns:
        return None
    if name == "external_id":
        return row.external_id
    return row.attributes.get(name) or (
        _first_name(row.fields.get("name") or row.name) if name == "first_name" else None
    )


def _first_name(name: str) -> str:
    """Of "Dr. Ann Lee" or "Lee, Ann": Ann."""
    last, comma, rest = name.partition(",")
    for word in (rest if comma else last).split():
        if word.rstrip(".").casefold() not in _TITLES:
            return word
    return ""


def segment_limit(account: Account, campaign: Campaign, run: Run | None = None) -> int:
    """The most segments a run may make: its own limit, else the smaller of the campaign's and the account's."""
    if run is not None and run.segment_limit is not None:
        return run.segment_limit
    return min(limit for limit in (campaign.segment_limit, account.segment_limit) if limit is not None)


class Meter:
    """Counts segments against a limit. Once a message would not fit, none does: who gets one follows the list's order."""

    def __init__(self, limit: int, *, used: int = 0, full: bool = False) -> None:
        self.limit, self.used, self.full = limit, used, full

    def fits(self, segments: int) -> bool:
        """Take these segments, if there is room."""
        self.full = self.full or self.used + segments > self.limit
        if not self.full:
            self.used += segments
        return not self.full


def expand(session: Session, run: Run, *, now: datetime, chunk: int = 10_000) -> int:
    """Turn the next `chunk` rows of the run's audience into messages and exclusions; the rows done, 0 when none is left.

    Once the campaign is cancelled, whoever would have got a message is left out for that. The caller commits after each call.
    Two callers at once wait for each other (PostgreSQL: the run's row is locked). The last call sets `run.expanded` and counts
    the run's figures from the rows themselves.
    """
    session.flush()
    session.refresh(run, with_for_update={"key_share": True})
    if run.expanded:
        return 0
    campaign, audience = session.get_one(Campaign, run.campaign_id), session.get_one(Audience, run.audience_id)
    version = session.get_one(TemplateVersion, run.template_version_id)
    given = terms(session, account_id=run.account_id, purpose=campaign.purpose, version=version, audience=audience)
    rows = recipients(session, audience.id, given, after=run.expanded_to, limit=chunk)
    if not rows:
        _finish(session, run, audience)
        return 0
    limit = segment_limit(session.get_one(Account, run.account_id), campaign, run)
    meter = Meter(limit, used=run.segments, full=_ran_out(session, run))
    messages, exclusions = [], []
    lanes = _Lanes(session, run, campaign.priority, given, now)
    cancelled = campaign.state is CampaignState.CANCELLED
    otherwise = (Reason.CANCELLED, "") if cancelled else (Reason.SEGMENT_LIMIT, f"limit {meter.limit:,}")
    for decision in decide(session, rows, given):
        if decision.reason is None and not cancelled and meter.fits(decision.size.segments):
            messages.append(_message(decision, lanes.of(decision), version.media_url))
        else:
            exclusions.append(_exclusion(decision, otherwise))
    insert_new(session, _MESSAGES, messages, key=["run_id", "contact_id"], shared=_shared(run, campaign, version, now))
    insert_new(session, _EXCLUSIONS, exclusions, key=["run_id", "row"], shared={"run_id": run.id})
    run.audience_size, run.expanded_to, run.segments = audience.rows, rows[-1].row, meter.used
    run.messages += len(messages)
    run.excluded += len(exclusions)
    session.flush()
    return len(rows)


def _ran_out(session: Session, run: Run) -> bool:
    """Whether an earlier chunk met the segment limit."""
    met = select(Exclusion.row).where(Exclusion.run_id == run.id, Exclusion.reason == Reason.SEGMENT_LIMIT).limit(1)
    return session.scalar(met) is not None


def _finish(session: Session, run: Run, audience: Audience) -> None:
    messages, segments = session.execute(
        select(func.count(), func.coalesce(func.sum(Message.segments), 0)).where(Message.run_id == run.id)
    ).one()
    run.messages, run.segments, run.audience_size, run.expanded = messages, int(segments), audience.rows, True
    run.excluded = session.scalar(select(func.count()).where(Exclusion.run_id == run.id)) or 0
    session.flush()


class _Lanes:
    """The run's lanes by zones and region, made as they are needed, each with its sender and its legal window."""

    def __init__(self, session: Session, run: Run, priority: int, given: Terms, now: datetime) -> None:
        self._session, self._run, self._priority, self._given, self._now = session, run, priority, given, now
        lanes = session.scalars(select(Lane).where(Lane.run_id == run.id))
        self._lanes = {(lane.zones, lane.region): lane for lane in lanes}

    def of(self, decision: Decision) -> Lane:
        """The lane that a message joins."""
        key = (decision.zones, decision.recipient.region)
        if key not in self._lanes:
            self._lanes[key] = self._new(*key)
        return self._lanes[key]

    def _new(self, zones: str, region: str) -> Lane:
        names = zones.split(",") if zones else []
        setting = self._given.countries[region]
        found = window(names, self._now, setting=setting)
        lane = Lane(
            run_id=self._run.id, sender_id=setting.sender_id or self._run.sender_id, region=region, zones=zones,
            priority=self._priority, opens_at=found.opens_at, closes_at=found.closes_at, why=found.why, held=found.held,
        )  # fmt: skip
        self._session.add(lane)
        self._session.flush()
        return lane


def _shared(run: Run, campaign: Campaign, version: TemplateVersion, now: datetime) -> Shared:
    """What all messages of a run have in common."""
    return {
        "account_id": run.account_id, "run_id": run.id, "template_version_id": version.id, "purpose": campaign.purpose,
        "priority": campaign.priority, "direction": Direction.OUTBOUND, "status": MessageStatus.PENDING,
        "kind": Kind.MMS if version.media_url else Kind.SMS, "attempt": 0, "absences": 0,
        "due_at": now, "created_at": now, "updated_at": now,
    }  # fmt: skip


def _message(decision: Decision, lane: Lane, media_url: str | None) -> dict[str, Any]:
    row, (encoding, units, segments) = decision.recipient, decision.size
    return {
        "contact_id": row.contact_id, "phone": row.phone, "region": row.region, "lane_id": lane.id,
        "sender_id": lane.sender_id, "body": decision.body, "media_url": media_url, "encoding": encoding.value,
        "units": units, "segments": segments,
    }  # fmt: skip


def _exclusion(decision: Decision, otherwise: tuple[Reason, str]) -> dict[str, Any]:
    """A row left out: for its own reason or, where it has none, for the one that stops the run."""
    reason, detail = (decision.reason, decision.detail) if decision.reason is not None else otherwise
    row = decision.recipient
    return {"row": row.row, "contact_id": row.contact_id, "reason": reason, "detail": detail}
