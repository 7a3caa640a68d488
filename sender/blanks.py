"""What takes the place of a number, a name or somebody's words when they have to go?

Of a text its charge, segments, status, times and region stay, and a keyed hash of the number, so that every figure and every count
of people is what it was. A contact and a conversation stay as rows that say nothing, because others refer to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, String, bindparam, cast, delete, func, literal, select, update
from sqlalchemy.orm import Session

from models.base import Base
from models.consent import ConsentEvent, ConsentKind, ConsentSource, Purpose
from models.digests import digest, needed_key
from models.inbox import ConversationState
from models.opt_ins import OPEN, OptInState
from sender import consent

_TABLES = Base.metadata.tables
_MESSAGES, _CALLBACKS, _CONTACTS = _TABLES["message"], _TABLES["callback"], _TABLES["contact"]
_CONVERSATIONS, _NOTES, _EVENTS = _TABLES["conversation"], _TABLES["note"], _TABLES["consent_event"]
_FACTS, _ROWS = _TABLES["event"], _TABLES["audience_row"]
_FLAGS, _REQUESTS = _TABLES["contact_flag"], _TABLES["opt_in_request"]
PART = 1_000
"""Rows named in one statement."""


def overwriting(session: Session) -> None:
    """Let SQLite overwrite what is removed, not only mark its place as free (its documentation of `secure_delete`)."""
    if session.get_bind().dialect.name == "sqlite":
        session.connection().exec_driver_sql("PRAGMA secure_delete = ON")


def texts(session: Session, account_id: int, found: Sequence[tuple[int, str]]) -> None:
    """Texts by (id, phone): words, pictures and number go, and what was kept of their callbacks besides the status."""
    if not found:
        return
    key = needed_key(session, account_id)
    blank = update(_MESSAGES).where(_MESSAGES.c.id == bindparam("key"))
    session.execute(
        blank.values(phone="", body=None, media_url=None, number_hash=bindparam("hashed")),
        [{"key": id_, "hashed": digest(key, phone)} for id_, phone in found],
    )
    for ids in _parts([id_ for id_, _ in found]):
        session.execute(update(_CALLBACKS).where(_CALLBACKS.c.message_id.in_(ids)).values(extra={}))


def contacts(session: Session, ids: Sequence[int], *, now: datetime) -> None:
    """People: country and kind of line stay, and the row for those that refer to it."""
    for part in _parts(ids):
        session.execute(
            update(_CONTACTS).where(_CONTACTS.c.id.in_(part)).values(
                phone=_place(_CONTACTS), phone_raw="", name="", external_id=None, attributes={}, time_zones="", time_zone=None,
                address_region=None, postal_code=None, quiet_hours="", quiet_source="", erased_at=now,
            )
        )  # fmt: skip
        facts(session, _FACTS.c.contact_id.in_(part))


def facts(session: Session, which: ColumnElement[bool]) -> None:
    """Events of other systems: what they say goes; kind, number and times stay, so that none is taken twice."""
    session.execute(update(_FACTS).where(which).values(payload={}, subject=""))


def conversations(session: Session, ids: Sequence[int], *, now: datetime) -> None:
    """Conversations: closed, without number and notes."""
    for part in _parts(ids):
        session.execute(delete(_NOTES).where(_NOTES.c.conversation_id.in_(part)))
        session.execute(
            update(_CONVERSATIONS)
            .where(_CONVERSATIONS.c.id.in_(part))
            .values(phone=_place(_CONVERSATIONS), state=ConversationState.CLOSED, assignee_id=None, erased_at=now)
        )


def list_rows(session: Session, which: ColumnElement[bool]) -> int:
    """Rows of lists: the values of the file go, the row and its reason stay. How many."""
    return session.execute(update(_ROWS).where(which).values(fields={}, detail="")).rowcount  # type: ignore[attr-defined, no-any-return]


def flags(session: Session, account_id: int, phone: str, *, now: datetime, actor: str = "") -> bool:
    """Flags on a number: kind and day stay, and each is cleared. Whether one stood, which the ledger has to say from then on."""
    mine = (_FLAGS.c.account_id == account_id, _FLAGS.c.phone == phone)
    stood = session.scalar(select(_FLAGS.c.id).where(*mine, _FLAGS.c.cleared_at.is_(None)).limit(1)) is not None
    session.execute(update(_FLAGS).where(*mine, _FLAGS.c.cleared_at.is_(None)).values(cleared_at=now, cleared_by=actor))
    blank = {"source": "", "note": "", "cleared_reason": "", "evidence": {}}
    session.execute(update(_FLAGS).where(*mine).values(phone=_place(_FLAGS), **blank))
    return stood


def requests(session: Session, which: ColumnElement[bool], *, now: datetime) -> None:
    """Requests to opt in: how each ended stays; nothing more comes of one that is open."""
    still_open = update(_REQUESTS).where(which, _REQUESTS.c.state.in_(sorted(OPEN)))
    session.execute(still_open.values(state=OptInState.EXPIRED, finished_at=now))
    blank = {"detail": "", "code_salt": "", "code_hash": "", "evidence": {}}
    session.execute(update(_REQUESTS).where(which).values(phone=_place(_REQUESTS), **blank))


def entries(
    session: Session, account_id: int, phone: str, *, now: datetime, actor: str = "", flagged: bool = False
) -> int:
    """What the consent ledger says of a number; how many entries.

    First the ledger is told, by events sealed with the hash of the number, that this is an erasure and what stands against
    texting it: so a no cannot be lost with what is erased, nor be taken out afterwards. A flag that stood is one, too: from
    then on it is a hold, which nothing but the person's own START ends.
    """
    mine = (ConsentEvent.account_id == account_id, ConsentEvent.phone == phone)
    count = session.scalar(select(func.count()).where(*mine)) or 0
    if not phone or not (count or flagged):
        return 0
    hashed = digest(needed_key(session, account_id), phone)
    said = [(ConsentKind.ERASURE, Purpose.ALL), *consent.refusals(session, account_id, phone)]
    if flagged and (ConsentKind.HOLD, Purpose.ALL) not in said:
        said.append((ConsentKind.HOLD, Purpose.ALL))
    for kind, purpose in said:
        consent.append(
            session, account_id=account_id, phone="", number_hash=hashed, kind=kind, purpose=purpose,
            source=ConsentSource.ERASURE, actor=actor, now=now,
        )  # fmt: skip
    blank = {"phone": "", "reason": "", "evidence": {}, "salt": ""}
    session.execute(
        update(_EVENTS)
        .where(_EVENTS.c.account_id == account_id, _EVENTS.c.phone == phone)
        .values(**blank, number_hash=hashed, erased_at=now)
    )
    session.flush()
    session.expire_all()
    return count


def _place(table: object) -> ColumnElement[str]:
    """What stands where a number stood that has to be unique: no number, and another one in each row."""
    return literal("erased ").concat(cast(table.c.id, String))  # type: ignore[attr-defined]


def _parts(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[start : start + PART] for start in range(0, len(ids), PART))
