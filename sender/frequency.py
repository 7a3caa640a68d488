"""How many texts did a person get lately, over all campaigns, and may another one leave now?

There is no second book to keep: the messages are the ledger. What was claimed, is under way, may have been sent or was sent has
taken a place under the caps (`sender/caps.py`) from its intent on, or from when Twilio took it, whichever is later. What
Twilio refused at once, what was provably never sent and what was set aside has none: it is given back by the change of status
itself, and a crash between claim and send gives nothing back. A text that Twilio took keeps its place even if it failed later.

Held back are the texts of campaigns. Answers in a conversation, the confirmation of an opt-out and whatever else belongs to no
campaign always leave, and only what an event set going counts for those that do not.

Two processes that claim at once cannot both see the last free place: on PostgreSQL one at a time counts for an account that has
caps (an advisory lock until its claim is committed; the other takes these texts in its next turn), on SQLite there is one writer.
An account to which no cap applies is asked nothing at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, or_, select, text
from sqlalchemy.orm import Session

from models.base import Base, UTCDateTime
from models.consent import Purpose
from models.messages import BY_PHONE, Direction
from sender.among import among, array
from sender.area_codes import of_phone
from sender.bulk import dialect_of
from sender.caps import Cap, caps, holding
from sender.queue import Candidate, Line

EVER = datetime(1970, 1, 1, tzinfo=UTC)
_COUNTING = 0x7E48
"""What our advisory locks on accounts are told from others' by; any number would do."""
_LOCK = text(
    "SELECT account FROM unnest(CAST(:accounts AS bigint[])) AS account"
    " WHERE pg_try_advisory_xact_lock(:space, CAST(account % 2147483648 AS integer))"
)
_MESSAGE, _RUN, _CAMPAIGN, _VERSION, _TEMPLATE = (
    Base.metadata.tables[name] for name in ("message", "run", "campaign", "template_version", "template")
)
_LANES = Base.metadata.tables["lane"]
_PLACES = select(_LANES.c.id, _LANES.c.places).where(among(_LANES.c.id, "ids"))
left_at = func.coalesce(_MESSAGE.c.sent_at, _MESSAGE.c.intent_at, type_=UTCDateTime())
"""From when on a text counts."""
COUNTED = text(
    "message.status NOT IN ('pending', 'skipped', 'canceled', 'received')"
    " AND (message.status <> 'failed' OR message.sid IS NOT NULL)"
)
"""Whatever was sent or may have been. Literals, as the indexes have them."""
UNASKED = or_(_MESSAGE.c.run_id.is_not(None), _MESSAGE.c.event_id.is_not(None))
"""Nobody had asked for it at that moment: it comes from a campaign or an event, and answers nothing."""
_TEXTS = (
    select(
        _MESSAGE.c.phone, left_at.label("at"), _MESSAGE.c.purpose, func.coalesce(_CAMPAIGN.c.subject, "").label("subject"),
        func.coalesce(_TEMPLATE.c.category, "").label("category"), UNASKED.label("unasked"),
    )
    .outerjoin(_RUN, _RUN.c.id == _MESSAGE.c.run_id)
    .outerjoin(_CAMPAIGN, _CAMPAIGN.c.id == _RUN.c.campaign_id)
    .outerjoin(_VERSION, _VERSION.c.id == _MESSAGE.c.template_version_id)
    .outerjoin(_TEMPLATE, _TEMPLATE.c.id == _VERSION.c.template_id)
    .where(_MESSAGE.c.account_id == bindparam("account"), among(_MESSAGE.c.phone, "phones"))
    .where(text(f"({BY_PHONE})"), COUNTED)
    .where(_MESSAGE.c.direction == Direction.OUTBOUND, or_(UNASKED, _MESSAGE.c.template_version_id.is_not(None)))
    .where(left_at > bindparam("since", type_=UTCDateTime()))
)  # fmt: skip


class Text(NamedTuple):
    """One text that somebody got, or may have got."""

    at: datetime
    purpose: Purpose
    subject: str = ""
    category: str = ""
    unasked: bool = True


class About(NamedTuple):
    """What the texts of a run have in common; `next_at` is when the campaign's next run is due."""

    started_at: datetime
    next_at: datetime | None
    subject: str
    category: str

    def until(self, wait: timedelta) -> datetime:
        """How long a text of the run may wait for room: the campaign's next run must not find this one waiting."""
        last = self.started_at + wait
        return min(last, self.next_at) if self.next_at is not None and self.next_at > self.started_at else last


class Asked(NamedTuple):
    """A due text, the caps that hold for it, and until when it may wait for room."""

    account_id: int
    phone: str
    subject: str
    caps: tuple[Cap, ...]
    as_text: Text
    until: datetime


class Over(NamedTuple):
    """The cap that a text would exceed, and when there will be room under all of them; None: never."""

    cap: Cap
    room_at: datetime | None


def counts(cap: Cap, one: Text, subject: str) -> bool:
    """Whether a text that left counts under a cap for another on this subject; one without a subject counts for each."""
    if cap.category:
        return one.category == cap.category
    if not one.unasked or (cap.purpose is not None and one.purpose not in (cap.purpose, Purpose.ALL)):
        return False
    return not cap.by_subject or not subject or not one.subject or one.subject.casefold() == subject.casefold()


def over(caps: Iterable[Cap], texts: Sequence[Text], subject: str, *, now: datetime) -> Over | None:
    """The cap that one more text would exceed now; of several the one that is exceeded longest."""
    found: Over | None = None
    for cap in caps:
        since = EVER if cap.window is None else now - cap.window
        times = sorted(one.at for one in texts if one.at > since and counts(cap, one, subject))
        if len(times) < cap.limit:
            continue
        room_at = times[-cap.limit] + cap.window if cap.window is not None and cap.limit else None
        if found is None or (found.room_at is not None and (room_at is None or room_at > found.room_at)):
            found = Over(cap, room_at)
    return found


def texts_of(session: Session, account_id: int, phones: Iterable[str], *, since: datetime) -> dict[str, list[Text]]:
    """What these numbers got from an account after `since`, in one statement however many they are."""
    found: defaultdict[str, list[Text]] = defaultdict(list)
    given = {"account": account_id, "phones": phones, "since": since}
    for phone, *row in session.execute(_TEXTS, given):
        found[phone].append(Text._make(row))
    return found


@dataclass
class Ledger:
    """What one claim knows of those texts to which a cap applies; every other text is unknown to it, and free."""

    now: datetime
    asked: Mapping[int, Asked] = field(default_factory=dict)
    counting: frozenset[int] = frozenset()
    """The accounts for which this process counts; texts of the others wait for the next turn."""
    texts: Mapping[int, dict[str, list[Text]]] = field(default_factory=dict)

    def waits(self, message_id: int) -> bool:
        """Whether another process counts for its account at this moment."""
        asked = self.asked.get(message_id)
        return asked is not None and asked.account_id not in self.counting

    def over(self, message_id: int) -> Over | None:
        """What keeps a text from leaving now, or None."""
        asked = self.asked.get(message_id)
        return asked and over(asked.caps, self._of(asked), asked.subject, now=self.now)

    def until(self, message_id: int) -> datetime:
        """How long a text that is over a cap may wait for room."""
        return self.asked[message_id].until

    def take(self, message_id: int) -> None:
        """Note that a text leaves: it counts for the others of this claim."""
        asked = self.asked.get(message_id)
        if asked is not None:
            self._of(asked).append(asked.as_text)

    def _of(self, asked: Asked) -> list[Text]:
        return self.texts[asked.account_id].setdefault(asked.phone, [])


def enter(
    session: Session, due: Iterable[tuple[Line, Sequence[Candidate]]], runs: Mapping[int, About], *, now: datetime
) -> Ledger:
    """Open the ledger for what is due: one statement, and one for each account that has such texts; none where no cap applies.

    On PostgreSQL this process alone counts for these accounts until its transaction ends.
    """
    asked: dict[int, Asked] = {}
    for line, candidates in due:
        asked.update(_asked(session, line, candidates, runs, now))
    if not asked:
        return Ledger(now)
    counting = alone(session, {one.account_id for one in asked.values()})
    texts = {account_id: _of_account(session, account_id, asked.values(), now) for account_id in counting}
    return Ledger(now, asked, counting, texts)


def _asked(
    session: Session, line: Line, candidates: Sequence[Candidate], runs: Mapping[int, About], now: datetime
) -> Iterator[tuple[int, Asked]]:
    """Those of a sender's due texts to which a cap applies. What all texts of a lane have in common is worked out once."""
    blocking = tuple(cap for cap in caps(now.date(), line.limits, line.profile) if cap.blocks)
    known: dict[tuple[int | None, int, Purpose], tuple[Cap, ...]] = {}
    places = _Places(session, candidates)
    for message, _ in candidates:
        about = runs.get(message.run_id)
        if about is None:
            continue
        key = message.lane_id, message.run_id, message.purpose
        if key not in known:
            mine = tuple(cap for cap in blocking if applies(cap, message.purpose, about.category))
            known[key] = holding(mine, places.of(message)) if any(cap.place for cap in mine) else mine
        mine = known[key]
        if mine:
            as_text = Text(now, message.purpose, about.subject, about.category)
            until = about.until(timedelta(hours=line.cap_wait_hours))
            last = min(until, message.expires_at) if message.expires_at else until
            yield message.id, Asked(line.account_id, message.phone, about.subject, mine, as_text, last)


class _Places:
    """The states whose rules count for a lane: of the area code and of the address. Read at the first question."""

    def __init__(self, session: Session, candidates: Sequence[Candidate]) -> None:
        self._session, self._candidates = session, candidates

    @cached_property
    def _of_lanes(self) -> Mapping[int, tuple[str, ...]]:
        ids = {message.lane_id for message, _ in self._candidates} - {None}
        rows = self._session.execute(_PLACES, {"ids": ids})
        return {id_: tuple(name for name in names.split(",") if name) for id_, names in rows}

    def of(self, message: Any) -> tuple[str, ...]:
        """Those of a text's lane; of a text without one, those of its number."""
        return self._of_lanes.get(message.lane_id, ()) or of_phone(message.phone)


def applies(cap: Cap, purpose: Purpose, category: str) -> bool:
    """Whether a cap is about texts of a purpose and a category of template."""
    return cap.category == category if cap.category else cap.purpose in (None, purpose) or purpose is Purpose.ALL


def alone(session: Session, account_ids: Collection[int]) -> frozenset[int]:
    """Those of the accounts for which no other process counts now; this one does until its transaction ends."""
    if dialect_of(session).name != "postgresql":
        return frozenset(account_ids)
    given = {"accounts": array(sorted(account_ids)), "space": _COUNTING}
    return frozenset(session.scalars(_LOCK, given))


def _of_account(session: Session, account_id: int, asked: Iterable[Asked], now: datetime) -> dict[str, list[Text]]:
    mine = [one for one in asked if one.account_id == account_id]
    windows = [cap.window for one in mine for cap in one.caps]
    known = [window for window in windows if window is not None]
    since = now - max(known) if len(known) == len(windows) else EVER
    return texts_of(session, account_id, {one.phone for one in mine}, since=since)
