"""Is there a flag on this number that forbids a text, whatever was agreed to?

Every flag that stands leaves its number out, when a run starts, in the preview of one, and again at the claim. The law binds
collectors by some of them only; here they bind every account, since somebody who asked not to be texted asked all of it.

`reassigned` is the one that ends by itself: consent of a later day than the flag's is the new owner's own. Consent of that very
day does not count, because nobody knows whether it was given before or after. A later no ends that consent, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.consent import ConsentEvent, ConsentKind, Purpose
from models.flags import ContactFlag, FlagKind
from sender import dated
from sender.among import among

__all__ = ["Flag", "Meaning", "NotAllowed", "add", "any_standing", "as_of", "clear", "detail", "meanings", "standing"]

PHONES = 5_000
"""Numbers asked for in one query."""
_ORDER = {kind: place for place, kind in enumerate(FlagKind)}
_YES = frozenset({ConsentKind.OPT_IN, ConsentKind.RE_SUBSCRIBE})
_F = ContactFlag
_ANY = select(_F.id).where(_F.account_id == bindparam("account"), _F.cleared_at.is_(None)).limit(1)
_STANDING = select(_F.id, _F.phone, _F.kind, _F.since).where(
    _F.account_id == bindparam("account"), among(_F.phone, "phones"), _F.cleared_at.is_(None)
)
_ANSWERS = (
    select(ConsentEvent.phone, ConsentEvent.purpose, ConsentEvent.kind, ConsentEvent.at)
    .where(ConsentEvent.account_id == bindparam("account"), among(ConsentEvent.phone, "phones"))
    .where(ConsentEvent.kind.in_(sorted({*_YES, ConsentKind.OPT_OUT})))
    .order_by(ConsentEvent.phone, ConsentEvent.id)
)
"""Statements are made once: a claim would spend most of its time on making them."""


class NotAllowed(Exception):
    """A flag cannot be raised or cleared; the message is a sentence for people."""


class Flag(NamedTuple):
    """A flag that forbids a text."""

    id: int
    kind: FlagKind
    since: date


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a kind of flag says, what would end it, whom the law binds by it, and where that stands."""

    kind: FlagKind
    label: str
    means: str
    ends: str
    binds_by_law: str
    source: str
    valid_from: date
    confirmed: bool


@cache
def meanings() -> Mapping[FlagKind, Meaning]:
    """Each kind's meaning in force, from flag_kinds.csv."""
    rows = [row for row in dated.table(Path(__file__).with_name("flag_kinds.csv")) if not row["valid_to"]]
    return {
        FlagKind(row["kind"]): Meaning(
            FlagKind(row["kind"]), row["label"], row["means"], row["ends"], row["binds_by_law"], row["source"],
            date.fromisoformat(row["valid_from"]), row["confirmed"] == "yes",
        )
        for row in rows
    }  # fmt: skip


def detail(flag: Flag | ContactFlag) -> str:
    """What an exclusion keeps of a flag: "attorney, since 2026-11-03"."""
    return f"{flag.kind.value.replace('_', ' ')}, since {flag.since:%Y-%m-%d}"


def any_standing(session: Session, account_id: int) -> bool:
    """Whether the account has any flag that stands: where it has none, nobody's number need be looked up."""
    return session.scalar(_ANY, {"account": account_id}) is not None


def standing(session: Session, account_id: int, phones: Iterable[str], purpose: Purpose) -> dict[str, Flag]:
    """The numbers that a flag keeps from being texted for this purpose, each with the first such flag."""
    wanted, found = list(dict.fromkeys(phones)), dict[str, Flag]()
    for start in range(0, len(wanted), PHONES):
        rows = session.execute(_STANDING, {"account": account_id, "phones": wanted[start : start + PHONES]}).all()
        ended = _ended(session, account_id, rows, purpose)
        for id_, phone, kind, since in rows:
            known = found.get(phone)
            if id_ not in ended and (known is None or _rank(kind, id_) < _rank(known.kind, known.id)):
                found[phone] = Flag(id_, kind, since)
    return found


def _rank(kind: FlagKind, id_: int) -> tuple[int, int]:
    return _ORDER[kind], id_


def _ended(
    session: Session, account_id: int, rows: Sequence[Any], purpose: Purpose, at: datetime | None = None
) -> set[int]:
    """Of these flags (id, phone, kind, since), the ids of those that newer consent has ended by then; None: by now."""
    reassigned = [row for row in rows if row.kind is FlagKind.REASSIGNED]
    if not reassigned:
        return set()
    yes = _agreed(session, account_id, sorted({row.phone for row in reassigned}), purpose, at)
    zone = ZoneInfo(session.scalars(select(Account.time_zone).where(Account.id == account_id)).one())
    return {row.id for row in reassigned if row.phone in yes and yes[row.phone].astimezone(zone).date() > row.since}


def _agreed(
    session: Session, account_id: int, phones: list[str], purpose: Purpose, at: datetime | None
) -> dict[str, datetime]:
    """When each number last agreed, of those whose last answer is a yes; about every purpose, the oldest of its yesses."""
    asked = [one for one in Purpose if one is not Purpose.ALL] if purpose is Purpose.ALL else [purpose]
    last: dict[tuple[str, Purpose], tuple[ConsentKind, datetime]] = {}
    for phone, about, kind, when in session.execute(_ANSWERS, {"account": account_id, "phones": phones}):
        for one in asked:
            if about in (Purpose.ALL, one) and (at is None or when <= at):
                last[phone, one] = kind, when
    found: dict[str, datetime] = {}
    for phone in phones:
        answers = [last.get((phone, one)) for one in asked]
        if all(answer is not None and answer[0] in _YES for answer in answers):
            found[phone] = min(answer[1] for answer in answers if answer is not None)
    return found


def as_of(session: Session, account_id: int, phone: str, purpose: Purpose, at: datetime) -> list[ContactFlag]:
    """The flags that kept a number from being texted at a time (aware), the one that is named first."""
    rows = session.scalars(
        select(_F).where(
            _F.account_id == account_id, _F.phone == phone, _F.created_at <= at,
            _F.cleared_at.is_(None) | (_F.cleared_at > at),
        )
    ).all()  # fmt: skip
    ended = _ended(session, account_id, rows, purpose, at)
    return sorted((row for row in rows if row.id not in ended), key=lambda row: _rank(row.kind, row.id))


def add(
    session: Session,
    *,
    account_id: int,
    phone: str,
    kind: FlagKind,
    since: date,
    source: str,
    now: datetime,
    note: str = "",
    actor: str = "",
    evidence: Mapping[str, Any] | None = None,
) -> ContactFlag:
    """Raise a flag; the same one (number, kind, day) a second time is the one that stands. Flushed. Raises NotAllowed."""
    if now.tzinfo is None:
        raise ValueError("A flag needs a time with a zone.")
    if not source.strip():
        raise NotAllowed("Say where this comes from: a flag without a source cannot be judged later.")
    same = select(_F).where(
        _F.account_id == account_id, _F.phone == phone, _F.kind == kind, _F.since == since, _F.cleared_at.is_(None)
    )
    found = session.scalars(same).first()
    if found is None:
        found = ContactFlag(
            account_id=account_id, phone=phone, kind=kind, since=since, source=source.strip(), note=note.strip(),
            actor=actor, evidence=dict(evidence or {}), created_at=now.astimezone(UTC),
        )  # fmt: skip
        session.add(found)
        session.flush()
    return found


def clear(session: Session, flag: ContactFlag, *, reason: str, now: datetime, actor: str = "") -> None:
    """End a flag, with the reason why it may end; who raised it and on what grounds stays. Flushed. Raises NotAllowed."""
    if not reason.strip():
        raise NotAllowed("Say why the flag may go: this is the only record of it.")
    session.refresh(flag, with_for_update=True)
    if flag.cleared_at is not None:
        raise NotAllowed("This flag was cleared already.")
    flag.cleared_at, flag.cleared_by, flag.cleared_reason = now.astimezone(UTC), actor, reason.strip()
    session.flush()
