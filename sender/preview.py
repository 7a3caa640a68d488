"""What would a campaign do if it were sent now? The decisions of `sender.expansion`, counted and sampled, nothing written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Audience, Campaign, Reason
from models.segments import Culprit, Encoding, explain
from models.templates import TemplateVersion
from sender.expansion import Decision, Meter, decide, fields_of, segment_limit
from sender.recipients import Terms, recipients, terms
from sender.schedule import Window
from sender.timetable import Group
from sender.whereabouts import Whereabouts

EXACT = 100_000
"""Rows up to which every text is rendered; of a longer list about this many are, and the sums are estimates."""
SHOWN = 3


@dataclass(frozen=True)
class Sample:
    """One recipient's text. `label` says why this one: "longest", "median", "odd" (dearer than it looks) or "shortest".

    Of those that are only listed: "long", one of the three longest, or "ucs-2".
    """

    label: str
    contact_id: int
    name: str
    body: str
    segments: int
    encoding: str
    culprits: list[Culprit]
    """What forces UCS-2, character by character; empty for GSM-7."""
    defaults: tuple[str, ...] = ()
    """Fields that this recipient lacks and the template has a default for."""


@dataclass(frozen=True)
class Preview:
    """What sending now would make of the audience: rows = recipients + the sum of `by_reason`."""

    rows: int
    recipients: int
    segments: int
    by_reason: dict[Reason, int]
    by_region: dict[str, tuple[int, int]]
    """Region → messages, segments."""
    samples: list[Sample] = field(default_factory=list)
    extremes: list[Sample] = field(default_factory=list)
    """The three longest texts, then the three longest in UCS-2 besides; the longest first."""
    ucs_2: int = 0
    """Rendered texts that are in UCS-2."""
    waiting: int = 0
    """Recipients whose hours are not open now, and who get their text when they are."""
    held: int = 0
    """Recipients for whom no hour is right in all their zones; a person has to decide."""
    rendered: int = 0
    """Texts that were rendered. Where that is not all of them, `note` says so and the figures are estimates."""
    note: str = ""
    groups: tuple[Group, ...] = ()
    """Who shares a window, and what they would be sent."""
    needed: int = 0
    """Segments that all who may be texted would take, whatever the segment limit; more than `segments` where it cuts some off."""


def preview(session: Session, campaign: Campaign, *, now: datetime, exact: int = EXACT) -> Preview:
    """Decide about the whole audience without writing, as a run started at `now` would.

    Of a list with more than `exact` rows only every n-th text is rendered, and the sums are scaled up from those.
    """
    audience = session.get_one(Audience, campaign.audience_id)
    version = session.get_one(TemplateVersion, campaign.template_version_id)
    given = terms(
        session, account_id=campaign.account_id, purpose=campaign.purpose, version=version, audience=audience, now=now
    )
    every = max(1, -(-audience.rows // exact))
    meter = Meter(segment_limit(session.get_one(Account, campaign.account_id), campaign))
    counts, choice, clock = Counts(), _Choice(given), _Clock(given, now)
    cut_off = 0
    for decision in _decisions(session, audience.id, given, every):
        if every == 1 and decision.reason is None and not meter.fits(decision.size.segments):
            decision = decision._replace(reason=Reason.SEGMENT_LIMIT)
            cut_off += decision.size.segments
        counts.add(decision)
        choice.add(decision)
        clock.add(decision)
    note = ""
    if every > 1:
        note = f"Estimated: of {audience.rows:,} rows one in {every} was rendered."
        whole = scaled(counts)
        counts = limited(whole, meter.limit)
        cut_off = whole.segments.total() - counts.segments.total()
    return Preview(
        rows=counts.rows,
        recipients=sum(counts.messages.values()),
        segments=sum(counts.segments.values()),
        by_reason={reason: count for reason, count in counts.reasons.items() if count},
        by_region={region: (count, counts.segments[region]) for region, count in sorted(counts.messages.items())},
        samples=choice.samples(session, audience.id),
        extremes=choice.extremes(),
        ucs_2=choice.ucs_2,
        waiting=clock.waiting,
        held=clock.held,
        groups=clock.groups(counts),
        rendered=choice.rendered,
        note=note,
        needed=counts.segments.total() + cut_off,
    )


def _decisions(session: Session, audience_id: int, given: Terms, every: int) -> Iterator[Decision]:
    for rows in recipients(session, audience_id, given, every=every):
        yield from decide(session, rows, given)


@dataclass
class Counts:
    """What was decided: rows by reason, messages and segments by region, and the rows that were not rendered."""

    rows: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    segments: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    failed: Counter[tuple[str, Reason]] = field(default_factory=Counter)
    """Of the rendered rows, those whose text was the problem."""
    estimated: bool = False
    """Whether they are scaled up from some of the rows."""

    def add(self, decision: Decision) -> None:
        """Count one row."""
        row, self.rows = decision.recipient, self.rows + 1
        if decision.reason is not None:
            self.reasons[decision.reason] += 1
            if row.fields is not None and decision.reason in (Reason.MISSING_FIELD, Reason.TOO_LONG):
                self.failed[row.region, decision.reason] += 1
        elif row.fields is None:
            self.unknown[row.region] += 1
        else:
            self.messages[row.region] += 1
            self.segments[row.region] += decision.size.segments


def scaled(counts: Counts) -> Counts:
    """The counts with the rows that were not rendered shared out as their region's rendered ones were, else as all were."""
    reasons, messages, segments = Counter(counts.reasons), Counter(counts.messages), Counter(counts.segments)
    everywhere = {*counts.messages, *(region for region, _ in counts.failed)}
    for region, rows in counts.unknown.items():
        alike = {region} & everywhere or everywhere
        bad = Counter[Reason]()
        for (one, reason), number in counts.failed.items():
            bad[reason] += number if one in alike else 0
        good = sum(counts.messages[one] for one in alike)
        tried = good + bad.total()
        lost = {reason: rows * number // tried for reason, number in bad.items()}
        left = rows - sum(lost.values())
        reasons.update(lost)
        messages[region] += left
        segments[region] += round(left * sum(counts.segments[one] for one in alike) / good) if good else left
    return Counts(counts.rows, reasons, messages, segments, estimated=True)


def limited(counts: Counts, limit: int) -> Counts:
    """The counts cut down in proportion to a segment limit."""
    total = counts.segments.total()
    if total <= limit:
        return counts
    messages = Counter({region: number * limit // total for region, number in counts.messages.items()})
    segments = Counter({region: number * limit // total for region, number in counts.segments.items()})
    reasons = Counter(counts.reasons)
    reasons[Reason.SEGMENT_LIMIT] += counts.messages.total() - messages.total()
    return Counts(counts.rows, reasons, messages, segments, estimated=counts.estimated)


class _Clock:
    """How many recipients must wait for their hours."""

    def __init__(self, given: Terms, now: datetime) -> None:
        self._given, self._now = given, now
        self._windows: dict[Whereabouts, Window] = {}
        self._texts, self._segments = Counter[Whereabouts](), Counter[Whereabouts]()
        self.waiting = self.held = 0

    def add(self, decision: Decision) -> None:
        if decision.reason is not None:
            return
        key = self._given.where(decision.recipient)
        if key not in self._windows:
            self._windows[key] = self._given.window(key, self._now)
        self._texts[key] += 1
        self._segments[key] += decision.size.segments
        self.held += self._windows[key].held
        self.waiting += not self._windows[key].open and not self._windows[key].held

    def groups(self, counts: Counts) -> tuple[Group, ...]:
        """What was counted, as it is; where not all was rendered, each group has the segments of its country's average."""
        if not counts.estimated:
            return tuple(Group(where, self._texts[where], self._segments[where]) for where in self._texts)
        return tuple(
            Group(where, texts, round(texts * counts.segments[where.region] / max(1, counts.messages[where.region])))
            for where, texts in self._texts.items()
        )


class _Choice:
    """Which texts to show, chosen while they go by; a few rows are kept, and a size for every text."""

    def __init__(self, given: Terms) -> None:
        self._given = given
        self._sizes: list[tuple[int, int, int]] = []
        self._longest: list[Decision] = []
        self._dear: list[Decision] = []
        self._shortest: Decision | None = None
        self.ucs_2 = 0
        self._defaulted: Decision | None = None

    @property
    def rendered(self) -> int:
        return len(self._sizes)

    def add(self, decision: Decision) -> None:
        if decision.reason is not None or decision.recipient.fields is None:
            return
        size = decision.size
        self._sizes.append((size.segments, size.units, decision.recipient.row))
        _keep(self._longest, decision)
        if self._shortest is None or _length(decision) < _length(self._shortest):
            self._shortest = decision
        if size.encoding is Encoding.UCS_2:
            self.ucs_2 += 1
            _keep(self._dear, decision)
        if self._defaulted is None and self._defaults(decision):
            self._defaulted = decision

    def _defaults(self, decision: Decision) -> tuple[str, ...]:
        known = fields_of(decision.recipient, self._given)
        return tuple(name for name in self._given.template.fields if not known.get(name))

    def samples(self, session: Session, audience_id: int) -> list[Sample]:
        """The longest, the median and an odd one, each another row; fewer where the audience is small."""
        chosen: dict[int, tuple[str, Decision]] = {}
        labels = ("longest", "median", "odd", "odd", "shortest")
        longest, dear = (next(iter(several), None) for several in (self._longest, self._dear))
        candidates = (longest, self._median(session, audience_id), dear, self._defaulted, self._shortest)
        for label, decision in zip(labels, candidates, strict=True):
            if decision is not None and len(chosen) < SHOWN:
                chosen.setdefault(decision.recipient.row, (label, decision))
        return [self._sample(label, decision) for label, decision in chosen.values()]

    def extremes(self) -> list[Sample]:
        """The longest, and the longest in UCS-2 that are not among them."""
        rows = {decision.recipient.row for decision in self._longest}
        others = [decision for decision in self._dear if decision.recipient.row not in rows]
        return [self._sample("long", one) for one in self._longest] + [self._sample("ucs-2", one) for one in others]

    def _median(self, session: Session, audience_id: int) -> Decision | None:
        if not self._sizes:
            return None
        self._sizes.sort()
        row = self._sizes[len(self._sizes) // 2][2]
        [again] = recipients(session, audience_id, self._given, after=row - 1, until=row)
        return next(decide(session, again, self._given))

    def _sample(self, label: str, decision: Decision) -> Sample:
        row, body = decision.recipient, decision.body
        return Sample(
            label=label,
            contact_id=row.contact_id,
            name=row.name,
            body=body,
            segments=decision.size.segments,
            encoding=decision.size.encoding.value,
            culprits=explain(body),
            defaults=self._defaults(decision),
        )


def _keep(longest: list[Decision], decision: Decision) -> None:
    """Put a text among the longest if it is one; of two that are as long the earlier stays."""
    if len(longest) < SHOWN or _length(decision) > _length(longest[-1]):
        longest.append(decision)
        longest.sort(key=_length, reverse=True)
        del longest[SHOWN:]


def _length(decision: Decision) -> tuple[int, int]:
    return decision.size.segments, decision.size.units
