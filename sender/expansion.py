"""Who gets a message when a run starts, what does it say, and for which one reason does everybody else get none?

The reasons are asked in a fixed order and the first that applies wins: what was wrong with the row at import; the country is
disabled, or takes no pictures; the number is a landline or premium; the person opted out or is held; a flag stands; a rule about
consent that binds the account forbids it; a field is missing; the text is too long; no time zone is known where there are hours;
the segment limit is used up. Everything else becomes a pending message.

`expand` takes one chunk of the audience. It and the mark where it stopped are in one transaction, so after a crash a run goes
on where it was, and nothing is made twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from json import loads
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.base import Base
from models.campaigns import Audience, Campaign, CampaignState, Exclusion, Lane, Reason, Run
from models.messages import Direction, Kind, Message, MessageStatus
from models.segments import Encoding, Measure, measure, measured
from models.templates import TemplateVersion
from sender import consent, flags
from sender.bulk import Shared, incoming, roomy, uncollected, write
from sender.recipients import FIXED, PREMIUM, VALUES, Recipient, Row, Terms, recipients, terms
from sender.schedule import rules
from sender.templates import RenderCode, RenderProblem
from sender.whereabouts import Whereabouts, read

_MESSAGES, _EXCLUSIONS = Base.metadata.tables["message"], Base.metadata.tables["exclusion"]
_TOO_LONG = frozenset({RenderCode.BODY_TOO_LONG, RenderCode.VALUE_TOO_LONG})
_EXPANDING = 0x7E47
"""What our advisory locks on runs are told from others' by; any number would do."""
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "dr", "prof", "rev", "sir"})
_NOTHING = Measure(Encoding.GSM_7, 0, 0)


class Decision(NamedTuple):
    """What becomes of one row: a body of a measured size, or a reason."""

    recipient: Recipient
    reason: Reason | None = None
    detail: str = ""
    body: str = ""
    size: Measure = _NOTHING


def decide(session: Session, rows: Sequence[Row], given: Terms) -> Iterator[Decision]:
    """What becomes of each row, in order, but for the segment limit. A row without fields is not rendered: its body is ""."""
    refused = _refused(session, rows, given)
    texts, sizes = _easy(rows, given, refused)
    for row, text in zip(rows, texts, strict=True):
        recipient = Recipient.of(row)
        yield _judged(recipient, given, refused) if text is None else Decision(recipient, None, "", text, next(sizes))


def _refused(session: Session, rows: Sequence[Row], given: Terms) -> Mapping[str, tuple[Reason, str]]:
    """The numbers that said no, have a flag or lack a consent that a rule asks for, each with its reason and a detail.

    Of the rows that nothing else bars.
    """
    asked = [row[4] for row in rows if row[10] and _barred(Recipient.of(row), given) is None]
    found = dict(_forbidden(session, rows, given, asked)) if given.binding is not None else {}
    if not asked:
        return found
    flagged = flags.standing(session, given.account_id, asked, given.purpose) if given.flagged else {}
    refused = consent.blocked(session, given.account_id, asked, given.purpose)
    found |= {phone: (Reason.FLAGGED, flags.detail(flag)) for phone, flag in flagged.items()}
    for phone, event in refused.items():
        found[phone] = Reason.OPTED_OUT, f"{event.kind.value} by {event.source.value}, {event.at:%Y-%m-%d}"
    return found


def _forbidden(
    session: Session, rows: Sequence[Row], given: Terms, on_record: Sequence[str]
) -> Iterator[tuple[str, tuple[Reason, str]]]:
    """The numbers of rows to which a rule that binds the account forbids a text. Most rows are of a few kinds."""
    assert given.binding is not None
    yes, kinds = given.binding.agreed(session, on_record), dict[tuple[Any, ...], str]()
    for row in rows:
        key = row[7], row[5], row[13], yes.get(row[4])
        if key not in kinds and row[4] is not None:
            kinds[key] = given.binding.breach(read(row[13], row[7], row[5]), key[3])
        if kinds.get(key):
            yield row[4], (Reason.RULE, kinds[key])


def _easy(
    rows: Sequence[Row], given: Terms, refused: Mapping[str, object]
) -> tuple[list[str | None], Iterator[Measure]]:
    """The text of each row about which there is nothing: well, not refused, of a welcome kind, hours known. And their sizes."""
    plain, bodies = given.plain, given.wording.many(rows, VALUES)
    texts = [
        body if body is not None and row[2] is None and not row[10] and row[7] and row[5:7] in plain else None
        for row, body in zip(rows, bodies, strict=True)
    ]
    if given.binding is not None:
        texts = [None if row[4] in refused else text for row, text in zip(rows, texts, strict=True)]
    return texts, iter(measured([text for text in texts if text is not None]))


def _judged(row: Recipient, given: Terms, refused: Mapping[str, tuple[Reason, str]]) -> Decision:
    """What becomes of a row that may have something about it: the first reason that applies, else its text."""
    barred = _barred(row, given)
    if barred is not None:
        return Decision(row, *barred)
    if row.phone in refused:
        return Decision(row, *refused[row.phone])
    return _worded(row, given)


def _barred(row: Recipient, given: Terms) -> tuple[Reason, str] | None:
    """The first reason that needs neither consent nor text."""
    if row.reason is not None:
        return Reason(row.reason), row.detail
    if row.contact_id is None:
        return Reason.EMPTY_PHONE, ""
    rule = given.rules.get(row.region)
    if rule is None:
        return Reason.COUNTRY_DISABLED, row.region
    if given.media_url and not rule[1]:
        return Reason.NO_MMS, row.region
    if row.line_type == FIXED and not rule[0]:
        return Reason.LANDLINE, ""
    return (Reason.PREMIUM, "") if row.line_type in PREMIUM else None


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
    if not row.zones and _timeless(row, given):
        return Decision(row, Reason.NO_TIME_ZONE)
    return Decision(row, None, "", body, size)


def _timeless(row: Recipient, given: Terms) -> bool:
    """Whether there are hours to keep, and nobody knows the time where this recipient is: neither number nor address tell it."""
    where = given.where(row)
    setting = given.countries[row.region]
    hours = setting.opens_at is not None or setting.closes_at is not None or bool(rules(where, given.scope))
    return hours and not where.zones


def _body(row: Recipient, given: Terms) -> str:
    try:
        return given.wording(fields_of(row, given))
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
    value = loads(row.attributes).get(name) if row.attributes else None
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
    await_turn(session, run.id)
    session.refresh(run)
    if run.expanded:
        return 0
    campaign, audience = session.get_one(Campaign, run.campaign_id), session.get_one(Audience, run.audience_id)
    version = session.get_one(TemplateVersion, run.template_version_id)
    given = terms(
        session, account_id=run.account_id, purpose=campaign.purpose, version=version, audience=audience, now=now
    )
    limit = segment_limit(session.get_one(Account, run.account_id), campaign, run)
    sorter = _Sorter(session, run, campaign, given, Meter(limit, used=run.segments, full=_ran_out(session, run)), now)
    reached, done = run.expanded_to, 0
    columns = _MESSAGE if given.media_url is None else (*_MESSAGE, "media_url")
    with roomy(session), incoming(session, _MESSAGES, columns, shared=_shared(run, campaign, version, now)) as made:
        for rows in recipients(session, audience.id, given, after=reached, until=reached + chunk):
            made.add(sorter.messages(rows))
            reached, done = rows[-1][0], done + len(rows)
    if not done:
        _finish(session, run, audience)
        return 0
    write(session, _EXCLUSIONS, ("row", "contact_id", "reason", "detail"), sorter.exclusions, shared={"run_id": run.id})
    run.audience_size, run.expanded_to, run.segments = audience.rows, reached, sorter.meter.used
    run.messages += done - len(sorter.exclusions)
    run.excluded += len(sorter.exclusions)
    session.flush()
    return done


class _Sorter:
    """Tells who gets a message, within the limit, and keeps a list of the others."""

    def __init__(
        self, session: Session, run: Run, campaign: Campaign, given: Terms, meter: Meter, now: datetime
    ) -> None:
        self._session, self._given, self.meter = session, given, meter
        self._lanes = _Lanes(session, run, campaign.priority, given, now)
        self._cancelled = campaign.state is CampaignState.CANCELLED
        self.exclusions: list[tuple[Any, ...]] = []

    def messages(self, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
        """The messages that these rows make, as values of `_MESSAGE`."""
        made, given, gsm = list[tuple[Any, ...]](), self._given, Encoding.GSM_7
        lanes, fits, cancelled = self._lanes, self.meter.fits, self._cancelled
        otherwise = (Reason.CANCELLED, "") if cancelled else (Reason.SEGMENT_LIMIT, f"limit {self.meter.limit:,}")
        refused = _refused(self._session, rows, given)
        texts, sizes = _easy(rows, given, refused)
        for row, body in zip(rows, texts, strict=True):
            reason, detail = None, ""
            if body is None:
                _, reason, detail, body, (encoding, units, segments) = _judged(Recipient.of(row), given, refused)
            else:
                encoding, units, segments = next(sizes)
            if reason is None and not cancelled and fits(segments):
                lane_id, sender_id = lanes[row[7], row[5], row[13]]
                alphabet = "GSM-7" if encoding is gsm else encoding.value
                made.append((row[1], row[4], row[5], lane_id, sender_id, body, alphabet, units, segments))
            else:
                reason, detail = otherwise if reason is None else (reason, detail)
                self.exclusions.append((row[0], row[1], reason.value, detail))
        return made if given.media_url is None else [(*message, given.media_url) for message in made]


def await_turn(session: Session, run_id: int) -> None:
    """One process at a time at a run's list, until the transaction ends.

    Not by locking the run's row: claims count on it all the while.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_EXPANDING, run_id % 2**31)))


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


class _Lanes(dict[tuple[str, str, str], tuple[int, int]]):
    """The run's lanes by zones, region and the rest of the whereabouts as a row has them: the ids of each and of its sender.

    They are made as they are asked for. Rows that say it differently, two area codes of one state for one, share a lane.
    """

    def __init__(self, session: Session, run: Run, priority: int, given: Terms, now: datetime) -> None:
        self._session, self._run, self._priority, self._given, self._now = session, run, priority, given, now
        lanes = session.scalars(select(Lane).where(Lane.run_id == run.id))
        self._made = {
            Whereabouts(lane.zones, lane.region, lane.places, lane.quiet): (lane.id, lane.sender_id) for lane in lanes
        }

    def __missing__(self, key: tuple[str, str, str]) -> tuple[int, int]:
        zones, region, rest = key
        where = read(rest, zones, region)
        if where not in self._made:
            lane = self._new(where)
            self._made[where] = lane.id, lane.sender_id
        self[key] = self._made[where]
        return self[key]

    def _new(self, where: Whereabouts) -> Lane:
        found = self._given.window(where, self._now)
        lane = Lane(
            run_id=self._run.id, sender_id=self._given.countries[where.region].sender_id or self._run.sender_id,
            **where._asdict(), priority=self._priority, opens_at=found.opens_at, closes_at=found.closes_at, why=found.why,
            held=found.held,
        )  # fmt: skip
        self._session.add(lane)
        self._session.flush()
        return lane


_MESSAGE = ("contact_id", "phone", "region", "lane_id", "sender_id", "body", "encoding", "units", "segments")


def _shared(run: Run, campaign: Campaign, version: TemplateVersion, now: datetime) -> Shared:
    """What all messages of a run have in common."""
    return {
        "account_id": run.account_id, "run_id": run.id, "template_version_id": version.id, "purpose": campaign.purpose,
        "priority": campaign.priority, "direction": Direction.OUTBOUND, "status": MessageStatus.PENDING,
        "kind": Kind.MMS if version.media_url else Kind.SMS, "attempt": 0, "absences": 0,
        "due_at": now, "created_at": now, "updated_at": now,
    }  # fmt: skip
