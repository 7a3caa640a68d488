"""May this number be texted now, for this purpose, and how do we know?

Every yes and no is an event, appended and never changed, each carrying the hash of the account's event before it. Two things
are read off a number's events, separately:

- *opted out*: the latest of opt_out, opt_in and re_subscribe about this purpose, or about every purpose, is an opt_out;
- *held*: the latest of hold, release and re_subscribe, likewise, is a hold.

Either one blocks. So a release never undoes an opt_out, an imported opt_in never ends a hold that waits for a person, and
someone who texts START ends both. An opt_in for one purpose after a STOP opens that purpose alone.

Of a number that was erased a keyed hash is left (`sender/erasure.py`): its events count on, in one order with those that came
since. Only a yes from before does not: who was forgotten has to agree again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, or_, select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.chain import FIRST
from models.consent import ConsentEvent, ConsentKind, ConsentSource, Purpose
from models.secrets import SecretUnreadable
from sender import erased
from sender.among import among
from sender.keywords import Keyword, classify

__all__ = [
    "Decision", "Keyword", "append", "as_of", "blocked", "classify", "join", "refusals", "standing", "state",
]  # fmt: skip

K = ConsentKind
_OPTED = {K.OPT_OUT: True, K.OPT_IN: False, K.RE_SUBSCRIBE: False}
_HELD = {K.HOLD: True, K.RELEASE: False, K.RE_SUBSCRIBE: False}
_SAID = {
    K.OPT_OUT: "the person opted out", K.OPT_IN: "the person opted in", K.RE_SUBSCRIBE: "the person subscribed again",
    K.HOLD: "the number was held for a review", K.RELEASE: "the number was released",
}  # fmt: skip
PHONES = 5_000
"""Numbers asked for in one query: below the bound-variable limits of SQLite (32,766) and PostgreSQL (65,535)."""
_EVENTS = (
    select(ConsentEvent.phone, ConsentEvent.purpose, ConsentEvent.kind, ConsentEvent.id)
    .where(ConsentEvent.account_id == bindparam("account"), among(ConsentEvent.phone, "phones"))
    .where(ConsentEvent.purpose.in_(bindparam("purposes", expanding=True)))
    .order_by(ConsentEvent.phone, ConsentEvent.id)
)


def append(
    session: Session,
    *,
    account_id: int,
    phone: str,
    kind: ConsentKind,
    source: ConsentSource,
    now: datetime,
    purpose: Purpose = Purpose.ALL,
    reason: str = "",
    evidence: Mapping[str, Any] | None = None,
    message_id: int | None = None,
    actor: str = "",
    number_hash: str | None = None,
) -> ConsentEvent:
    """Add one event to the account's chain; `evidence` must be plain JSON. Flushed, not committed.

    An event about a number that is erased has no phone but its hash, and one about a number that was erased before has both.

    Two writers of one account wait for each other here, so that no two events follow the same one: PostgreSQL by a lock on
    the account's row until the transaction ends, SQLite by its one writer.
    """
    if now.tzinfo is None:
        raise ValueError("An event of consent needs a time with a zone.")
    event = ConsentEvent(
        account_id=account_id, phone=phone, number_hash=number_hash, kind=kind, purpose=purpose, source=source, reason=reason,
        evidence=dict(evidence or {}), message_id=message_id, actor=actor, at=now.astimezone(UTC),
    )  # fmt: skip
    join(session, account_id, [event])
    return event


def join(session: Session, account_id: int, events: Sequence[ConsentEvent]) -> None:
    """Seal new events of one account, in their order, and add them to its chain; each writer waits for the other. Flushed."""
    session.execute(select(Account.id).where(Account.id == account_id).with_for_update(key_share=True)).one()
    _recognise(session, account_id, events)
    previous = _last_hash(session, account_id)
    for event in events:
        event.seal(previous)
        previous = event.hash
    session.add_all(events)
    session.flush()


def _recognise(session: Session, account_id: int, events: Sequence[ConsentEvent]) -> None:
    """Give each event the hash under which its number's erased events stand, if any do. A lost key keeps nobody from saying no."""
    with suppress(SecretUnreadable):
        hashes = erased.digests(session, account_id, [event.phone for event in events])
        known = (
            {row[0] for row in erased.events(session, account_id, hashes.values(), list(Purpose))} if hashes else set()
        )
        for event in events:
            hash_ = hashes.get(event.phone)
            if event.number_hash is None and hash_ in known:
                event.number_hash = hash_


def _last_hash(session: Session, account_id: int) -> str:
    last = (
        select(ConsentEvent.hash).where(ConsentEvent.account_id == account_id).order_by(ConsentEvent.id.desc()).limit(1)
    )
    return session.scalar(last) or FIRST


def blocked(session: Session, account_id: int, phones: Iterable[str], purpose: Purpose) -> dict[str, ConsentEvent]:
    """The numbers that must not be texted for this purpose, each with the event that says so (an opt_out before a hold).

    `Purpose.ALL` asks whether *any* purpose is blocked.
    """
    asked = _about(purpose)
    blocking: dict[str, int] = {}
    wanted = list(dict.fromkeys(phones))
    for start in range(0, len(wanted), PHONES):
        for phone, history in _histories(session, account_id, wanted[start : start + PHONES], asked).items():
            found = standing(history, purpose)
            if found is not None:
                blocking[phone] = found
    events = _by_id(session, list(blocking.values()))
    return {phone: events[id_] for phone, id_ in blocking.items()}


History = Sequence[tuple[Purpose, ConsentKind, int]]


def _histories(session: Session, account_id: int, phones: list[str], purposes: Sequence[Purpose]) -> dict[str, History]:
    """What each number has said about these purposes, oldest first, also before it was erased."""
    found: dict[str, list[tuple[Purpose, ConsentKind, int]]] = {}
    for phone, about, kind, id_ in session.execute(
        _EVENTS, {"account": account_id, "phones": phones, "purposes": purposes}
    ):
        found.setdefault(phone, []).append((about, kind, id_))
    by_hash = {hash_: phone for phone, hash_ in erased.digests(session, account_id, phones).items()}
    for hash_, about, kind, id_ in erased.events(session, account_id, by_hash, purposes) if by_hash else ():
        found.setdefault(by_hash[hash_], []).append((about, kind, id_))
    if not by_hash:
        return dict(found)
    return {phone: sorted(set(history), key=lambda one: one[2]) for phone, history in found.items()}


def refusals(session: Session, account_id: int, phone: str) -> list[tuple[ConsentKind, Purpose]]:
    """What stands against texting this number, as the fewest events that would say it again: opt_outs, then holds."""
    history = _histories(session, account_id, [phone], tuple(Purpose)).get(phone, ())
    found: list[tuple[ConsentKind, Purpose]] = []
    for kind, said in ((K.OPT_OUT, _OPTED), (K.HOLD, _HELD)):
        single = [one for one in Purpose if one is not Purpose.ALL]
        against = [one for one in single if _last_no(history, said, one) is not None]
        found += [(kind, one) for one in ([Purpose.ALL] if against == single else against)]
    return found


def _by_id(session: Session, ids: list[int]) -> dict[int, ConsentEvent]:
    found: dict[int, ConsentEvent] = {}
    for start in range(0, len(ids), PHONES):
        chunk = select(ConsentEvent).where(ConsentEvent.id.in_(ids[start : start + PHONES]))
        found.update((event.id, event) for event in session.scalars(chunk))
    return found


def standing(history: History, purpose: Purpose) -> int | None:
    """The id of the event that blocks, oldest first in, or None. For `Purpose.ALL`, of any purpose."""
    if purpose is Purpose.ALL:
        each = (standing(history, one) for one in Purpose if one is not Purpose.ALL)
        return next((id_ for id_ in each if id_ is not None), None)
    return _last_no(history, _OPTED, purpose) or _last_no(history, _HELD, purpose)


def _last_no(history: History, said: Mapping[ConsentKind, bool], purpose: Purpose) -> int | None:
    """The id of the latest of these events about a purpose, if it is a no."""
    found, counted = None, _about(purpose)
    for about, kind, id_ in history:
        if kind in said and about in counted:
            found = id_ if said[kind] else None
    return found


def state(session: Session, account_id: int, phone: str) -> ConsentEvent | None:
    """The event that describes a number best: the one that blocks any purpose, else its latest, else None."""
    blocking = blocked(session, account_id, [phone], Purpose.ALL)
    if phone in blocking:
        return blocking[phone]
    latest = (
        select(ConsentEvent)
        .where(ConsentEvent.account_id == account_id, _of(session, account_id, phone))
        .order_by(ConsentEvent.id.desc())
        .limit(1)
    )
    return session.scalar(latest)


@dataclass(frozen=True)
class Decision:
    """Whether a number might be texted at a time, and the events that say so."""

    used: tuple[ConsentEvent, ...]
    """Every event of the number until then that is about this purpose, oldest first."""
    blocking: ConsentEvent | None
    """The one that forbids it."""
    agreed: ConsentEvent | None
    """The latest yes, unless it was taken back; about every purpose, each one needs its own."""

    @property
    def allowed(self) -> bool:
        """Nothing forbade it. Whether a yes was needed, too, depends on the text and the law."""
        return self.blocking is None

    def sentence(self, shown: Callable[[datetime], str] = "{:%Y-%m-%d at %H:%M} UTC".format) -> str:
        """The answer for people; `shown` writes a time."""
        if self.blocking is not None:
            return f"No: {_SAID[self.blocking.kind]} on {shown(self.blocking.at)}."
        if self.agreed is not None:
            return f"Yes: {_SAID[self.agreed.kind]} on {shown(self.agreed.at)}, and nothing forbade it since."
        return "Nothing forbade it, but no consent is on record, either."


def as_of(
    session: Session, account_id: int, phone: str, purpose: Purpose, at: datetime, *, number_hash: str | None = None
) -> Decision:
    """Might this number be texted for this purpose at a time (aware), by what the ledger held then?

    Of an erased number, whose `phone` is empty, the hash is given instead.
    `Purpose.ALL` asks whether *every* purpose was free, as in `blocked`.
    """
    if at.tzinfo is None:
        raise ValueError("Consent was asked for at a time without a zone; pass an aware datetime.")
    mine = (
        ConsentEvent.account_id == account_id,
        _of(session, account_id, phone) if phone else ConsentEvent.number_hash == number_hash,
        ConsentEvent.purpose.in_(_about(purpose)),
    )
    used = tuple(session.scalars(select(ConsentEvent).where(*mine, ConsentEvent.at <= at).order_by(ConsentEvent.id)))
    blocking = standing([(event.purpose, event.kind, event.id) for event in used], purpose)
    return Decision(
        used, blocking=next((event for event in used if event.id == blocking), None), agreed=_agreed(used, purpose)
    )


def _of(session: Session, account_id: int, phone: str) -> ColumnElement[bool]:
    """The events of a number, also those from before it was erased."""
    hashes = list(erased.digests(session, account_id, [phone]).values())
    return (
        or_(ConsentEvent.phone == phone, ConsentEvent.number_hash.in_(hashes))
        if hashes
        else ConsentEvent.phone == phone
    )


def _agreed(history: Sequence[ConsentEvent], purpose: Purpose) -> ConsentEvent | None:
    """The latest yes, oldest first in, that no later no took back. For `Purpose.ALL`, None unless there is one for each purpose."""
    if purpose is Purpose.ALL:
        each = [_agreed(history, one) for one in Purpose if one is not Purpose.ALL]
        return max((one for one in each if one), key=lambda one: one.id) if all(each) else None
    ends = {**_OPTED, K.ERASURE: True}
    opted = [event for event in history if event.kind in ends and event.purpose in _about(purpose)][-1:]
    return next((event for event in opted if not ends[event.kind]), None)


def _about(purpose: Purpose) -> tuple[Purpose, ...]:
    """What an event may be about to count for a purpose."""
    return tuple(Purpose) if purpose is Purpose.ALL else (Purpose.ALL, purpose)
