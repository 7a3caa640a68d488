"""Who gets a message when a run starts, what does it say, and for which one reason does everybody else get none?

The reasons are asked in a fixed order and the first that applies wins: what was wrong with the row at import; the country is
disabled; the number is a landline or premium; the person opted out or is held; a field is missing; the text is too long; no
time zone is known where the country has hours; the segment limit is used up. Everything else becomes a pending message.

`expand` takes one chunk of the audience. It and the mark where it stopped are in one transaction, so after a crash a run goes
on where it was, and nothing is made twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from json import JSONDecoder
from typing import NamedTuple

from sqlalchemy import func, select
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
from sender.bulk import Shared, plainly, roomy, uncollected, write
from sender.columns import OURS
from sender.schedule import window
from sender.templates import RenderCode, RenderProblem, Template, parse
from sender.wording import Wording

_MESSAGES, _EXCLUSIONS = Base.metadata.tables["message"], Base.metadata.tables["exclusion"]
_TOO_LONG = frozenset({RenderCode.BODY_TOO_LONG, RenderCode.VALUE_TOO_LONG})
_PREMIUM = frozenset({LineType.PREMIUM.value, LineType.SHARED_COST.value})
_FIXED = LineType.FIXED_LINE.value
_EXPANDING = 0x7E47
"""What our advisory locks on runs are told from others' by; any number would do."""
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "dr", "prof", "rev", "sir"})
_NOTHING = Measure(Encoding.GSM_7, 0, 0)
_values = JSONDecoder().raw_decode


class Recipient(NamedTuple):
    """One row of an audience with its contact, as the database has them."""

    row: int
    contact_id: int
    reason: str | None
    detail: str
    phone: str
    region: str
    line_type: str
    zones: str
    """Of the contact, else of the number; comma-separated."""
    name: str
    external_id: str | None
    refusable: bool
    """The number has said yes or no at some time."""
    attributes: str | None
    """The contact's as JSON, where the template asks for one that the list does not have."""
    fields: Sequence[str | None] | None
    """The row's values of `Terms.asked`; None where the row is not to be rendered."""


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

    @cached_property
    def wording(self) -> Wording:
        """The template, for many."""
        return Wording(self.template)

    @cached_property
    def rules(self) -> dict[str, tuple[bool, bool]]:
        """Enabled regions → whether landlines get texts there, and whether there are hours; read once, not once for each row."""
        return {
            one.region: (one.landlines, one.opens_at is not None or one.closes_at is not None)
            for one in self.countries.values()
            if one.enabled
        }

    @cached_property
    def asked(self) -> tuple[str, ...]:
        """The template's fields, and the name, from which a first name may be taken."""
        return *self.template.fields, *({"name"} - set(self.template.fields))

    @property
    def asks_contact(self) -> bool:
        """Whether the template has a field that only the contact's attributes can fill."""
        return not self.columns.union(OURS).issuperset(self.template.fields)


class Decision(NamedTuple):
    """What becomes of one row: a body of a measured size, or a reason."""

    recipient: Recipient
    reason: Reason | None = None
    detail: str = ""
    body: str = ""
    size: Measure = _NOTHING


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
) -> Sequence[Recipient]:
    """The next rows of an audience with their contacts, in the order of the file.

    Of the row's values only those come that the template asks for, and the contact's only where it asks for one of them. Only
    every n-th row brings any, which makes a long list quick to read.
    """
    fields = (
        "CAST(r.fields AS text)" if every == 1 else f"CASE WHEN r.row % {every:d} = 0 THEN CAST(r.fields AS text) END"
    )
    attributes = "CAST(c.attributes AS text)" if given.asks_contact else "NULL"
    query = f"""SELECT r.row, r.contact_id, r.reason, r.detail, c.phone, c.region, c.line_type,
            coalesce(nullif(c.time_zone, ''), c.time_zones), c.name, c.external_id,
            EXISTS (SELECT 1 FROM consent_event e WHERE e.account_id = {given.account_id:d} AND e.phone = c.phone),
            {attributes}, {fields}
        FROM audience_row r LEFT JOIN contact c ON c.id = r.contact_id
        WHERE r.audience_id = {audience_id:d} AND r.row > {after:d} ORDER BY r.row LIMIT {limit:d}"""  # noqa: S608 (numbers only)
    made = partial(tuple.__new__, Recipient)  # as `_make`, without its check of the length
    return [made((*row[:-1], row[-1] and _picked(row[-1], given.asked))) for row in plainly(session, query)]


def _picked(fields: str, names: Sequence[str]) -> list[str | None]:
    """The values of these names in a row's JSON."""
    found = _values(fields)[0].get
    return [found(name) for name in names]


def decide(session: Session, rows: Sequence[Recipient], given: Terms) -> Iterator[Decision]:
    """What becomes of each row, in order, but for the segment limit. A row without fields is not rendered: its body is ""."""
    asked = [row.phone for row in rows if row.refusable and _barred(row, given) is None]
    refused = consent.blocked(session, given.account_id, asked, given.purpose) if asked else {}
    for row in rows:
        barred = _barred(row, given)
        if barred is not None:
            yield Decision(row, *barred)
        elif row.refusable and row.phone in refused:
            event = refused[row.phone]
            yield Decision(row, Reason.OPTED_OUT, f"{event.kind.value} by {event.source.value}, {event.at:%Y-%m-%d}")
        else:
            yield _worded(row, given)


def _barred(row: Recipient, given: Terms) -> tuple[Reason, str] | None:
    """The first reason that needs neither consent nor text."""
    if row.reason is not None:
        return Reason(row.reason), row.detail
    if row.contact_id is None:
        return Reason.EMPTY_PHONE, ""
    rule = given.rules.get(row.region)
    if rule is None:
        return Reason.COUNTRY_DISABLED, row.region
    if row.line_type == _FIXED and not rule[0]:
        return Reason.LANDLINE, ""
    return (Reason.PREMIUM, "") if row.line_type in _PREMIUM else None


def _worded(row: Recipient, given: Terms) -> Decision:
    """Render and measure, and look whether anybody knows the time where this recipient is."""
    body, size = "", _NOTHING
    if row.fields is not None:
        try:
            body = _body(row, given)
        except RenderProblem as problem:
            reason = Reason.TOO_LONG if problem.code in _TOO_LONG else Reason.MISSING_FIELD
            return Decision(row, reason, ", ".join(problem.names) or problem.sentence)
        size = measure(body)
        if given.media_url:
            size = size._replace(segments=1)  # an MMS is not cut: it is billed and paced as one message
    if not row.zones and given.rules[row.region][1]:
        return Decision(row, Reason.NO_TIME_ZONE)
    return Decision(row, None, "", body, size)


def _body(row: Recipient, given: Terms) -> str:
    try:
        body = given.wording.complete(row.fields) if row.fields else None
        return given.wording(fields_of(row, given)) if body is None else body
    except RenderProblem as problem:
        if problem.code is RenderCode.EMPTY_BODY and given.media_url:
            return ""
        raise


def fields_of(row: Recipient, given: Terms) -> Mapping[str, object]:
    """The template's fields for one recipient: the list's own values; else, where the list has no such column, the contact's."""
    found: dict[str, object] = dict(zip(given.asked, row.fields or (), strict=False))
    for name in given.template.fields:
        if not found.get(name):
            found[name] = _otherwise(row, name, found, given)
    return found


def _otherwise(row: Recipient, name: str, fields: Mapping[str, object], given: Terms) -> object:
    if name == "name":
        return row.name
    if name in given.columns:
        return None
    if name == "external_id":
        return row.external_id
    value = _values(row.attributes)[0].get(name) if row.attributes else None
    if value or name != "first_name":
        return value
    return _first_name(str(fields.get("name") or row.name))


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


@uncollected()
def expand(session: Session, run: Run, *, now: datetime, chunk: int = 10_000) -> int:
    """Turn the next `chunk` rows of the run's audience into messages and exclusions; the rows done, 0 when none is left.

    Once the campaign is cancelled, whoever would have got a message is left out for that. The caller commits after each call.
    Two callers at once wait for each other. The last call sets `run.expanded` and counts the run's figures from the rows
    themselves.
    """
    session.flush()
    _await_turn(session, run)
    session.refresh(run)
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
    cancelled, media_url = campaign.state is CampaignState.CANCELLED, version.media_url
    otherwise = (Reason.CANCELLED, "") if cancelled else (Reason.SEGMENT_LIMIT, f"limit {meter.limit:,}")
    for row, reason, detail, body, size in decide(session, rows, given):
        if reason is None and not cancelled and meter.fits(size[2]):
            lane_id, sender_id = lanes.of(row.zones, row.region)
            encoding = "GSM-7" if size[0] is Encoding.GSM_7 else size[0].value
            messages.append(
                (row.contact_id, row.phone, row.region, lane_id, sender_id, body, media_url, encoding, size[1], size[2])
            )
        else:
            reason, detail = (reason, detail) if reason is not None else otherwise
            exclusions.append((row.row, row.contact_id, reason.value, detail))
    with roomy(session):
        write(session, _MESSAGES, _MESSAGE, messages, shared=_shared(run, campaign, version, now))
        write(session, _EXCLUSIONS, ("row", "contact_id", "reason", "detail"), exclusions, shared={"run_id": run.id})
    run.audience_size, run.expanded_to, run.segments = audience.rows, rows[-1].row, meter.used
    run.messages += len(messages)
    run.excluded += len(exclusions)
    session.flush()
    return len(rows)


def _await_turn(session: Session, run: Run) -> None:
    """One process at a time, until the transaction ends. Not by locking the run's row: claims count on it all the while."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_EXPANDING, run.id % 2**31)))


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
        self._lanes = {(lane.zones, lane.region): (lane.id, lane.sender_id) for lane in lanes}

    def of(self, zones: str, region: str) -> tuple[int, int]:
        """The lane that a message joins, and its sender: their ids."""
        lane = self._lanes.get((zones, region))
        if lane is None:
            made = self._new(zones, region)
            lane = self._lanes[zones, region] = made.id, made.sender_id
        return lane

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


_MESSAGE = (
    "contact_id", "phone", "region", "lane_id", "sender_id", "body", "media_url", "encoding", "units", "segments"
)  # fmt: skip


def _shared(run: Run, campaign: Campaign, version: TemplateVersion, now: datetime) -> Shared:
    """What all messages of a run have in common."""
    return {
        "account_id": run.account_id, "run_id": run.id, "template_version_id": version.id, "purpose": campaign.purpose,
        "priority": campaign.priority, "direction": Direction.OUTBOUND, "status": MessageStatus.PENDING,
        "kind": Kind.MMS if version.media_url else Kind.SMS, "attempt": 0, "absences": 0,
        "due_at": now, "created_at": now, "updated_at": now,
    }  # fmt: skip
