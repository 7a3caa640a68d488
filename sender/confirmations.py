"""Does somebody who said STOP hear that it was heard: once, within five minutes or never, and with nothing to sell?

The order is record, confirm, block: the opt-out joins the ledger and blocks every other text from then on, and the answer is
written in the same transaction. It is free of the block that it confirms and of no other: the claim asks `clear` again. Where
Twilio or a toll-free network answers the word itself, we say nothing. What the law and Twilio do is dated data,
`confirmations.csv`. An answer that asks which kinds of texts are meant changes nothing: no reply to it means all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account, SenderKind, SendingNumber
from models.consent import ConsentEvent, ConsentKind, ConsentSource, Purpose
from models.messages import Message
from models.segments import measure
from models.settings import value
from sender import consent, dated
from sender.keywords import fold

FACTS = Path(__file__).with_name("confirmations.csv")
MODES = ("auto", "always", "never")
"""What the setting `stop_confirmation` may be."""
FIRST = 0
"""The priority of an answer: before everything else, because it has only minutes."""
_SAME = frozenset({ConsentKind.OPT_OUT, ConsentKind.HOLD})
"""What a person says once more in other words, where they say it by text."""


@dataclass(frozen=True)
class Facts:
    """What holds on a day."""

    minutes: int | None
    """Within how many an answer may leave; None: no answer was provided for on that day."""
    wording: str
    answered: frozenset[str]
    """Folded replies that Twilio answers itself."""
    network: frozenset[str]
    """Those that a toll-free network answers itself, whatever Twilio is told."""


@lru_cache(maxsize=64)
def facts(on: date) -> Facts:
    """What holds on a day, by the rows in force then."""
    there = [row for row in dated.table(FACTS) if dated.there(row, on)]

    def values(kind: str) -> list[str]:
        return [row["value"] for row in there if row["kind"] == kind]

    minutes, wordings = values("minutes"), values("wording")
    return Facts(
        minutes=int(minutes[-1]) if minutes and wordings else None, wording=wordings[-1] if wordings else "",
        answered=frozenset(values("answered")), network=frozenset(values("network")),
    )  # fmt: skip


def wording(session: Session, account: Account, *, on: date) -> str:
    """What the account's answer says on a day: its own words, else ours."""
    own = str(value(session, "stop_confirmation_text", account_id=account.id)).strip()
    return (own or facts(on).wording).replace("{organisation}", account.name)


def confirm(
    session: Session,
    *,
    account: Account,
    event: ConsentEvent,
    inbound: Message,
    sender: SendingNumber,
    params: Mapping[str, str],
    now: datetime,
) -> Message | None:
    """Answer the text that made an opt-out, from the number that it came to; None where nothing is to be said.

    `params` are Twilio's. Flushed, not committed; one answer for an opt-out, which the database itself sees to.
    """
    holding = facts(now.date())
    if not inbound.region or not sender.may_send or sender.kind is SenderKind.ALPHANUMERIC or holding.minutes is None:
        return None
    if not _ours(session, account, sender, params, holding) or event.id not in clear(session, account.id, [event.id]):
        return None
    body = wording(session, account, on=now.date())
    size = measure(body)
    message = Message(
        account_id=account.id, conversation_id=inbound.conversation_id, reply_key=f"confirms {event.id}", confirms_id=event.id,
        contact_id=inbound.contact_id, sender_id=sender.id, phone=event.phone, region=inbound.region, purpose=Purpose.ACCOUNT,
        priority=FIRST, body=body, encoding=size.encoding.value, units=size.units, segments=size.segments,
        due_at=now, expires_at=inbound.created_at + timedelta(minutes=holding.minutes), created_at=now, updated_at=now,
    )  # fmt: skip
    session.add(message)
    session.flush()
    return message


def _ours(session: Session, account: Account, sender: SendingNumber, params: Mapping[str, str], holding: Facts) -> bool:
    """Whether the answer falls to us: Twilio says OptOutType where it has answered; the rest is the account's setting."""
    mode, word = value(session, "stop_confirmation", account_id=account.id), fold(params.get("Body", ""))
    if params.get("OptOutType") or mode not in ("auto", "always"):
        return False
    if sender.kind is SenderKind.TOLL_FREE and word in holding.network:
        return False
    return mode == "always" or word not in holding.answered


def clear(session: Session, account_id: int, confirmed: Iterable[int]) -> set[int]:
    """Which of these opt-outs (ids) may be confirmed now: nothing else keeps the number from being texted, and it still stands.

    That the same person says it by text again takes nothing away; that they come back, or that somebody else forbids it, does.
    """
    wanted = set(confirmed)
    about = select(ConsentEvent.id, ConsentEvent.phone).where(
        ConsentEvent.account_id == account_id, ConsentEvent.id.in_(wanted)
    )
    phones = {row.id: row.phone for row in session.execute(about)}
    history = (
        select(ConsentEvent.phone, ConsentEvent.purpose, ConsentEvent.kind, ConsentEvent.id, ConsentEvent.source)
        .where(ConsentEvent.account_id == account_id, ConsentEvent.phone.in_(set(phones.values())))
        .order_by(ConsentEvent.id)
    )
    rows = session.execute(history).all() if phones else []
    return {id_ for id_, phone in phones.items() if _clear([row for row in rows if row.phone == phone], id_)}


def _clear(history: list[Any], confirmed: int) -> bool:
    by_text = ConsentSource.KEYWORD
    later = [row for row in history if row.id > confirmed and not (row.kind in _SAME and row.source is by_text)]
    held_by_text = [row for row in history if row.kind is ConsentKind.HOLD and row.source is by_text]
    before = [row for row in history if row.id < confirmed and row not in held_by_text]
    return not later and consent.standing([(row.purpose, row.kind, row.id) for row in before], Purpose.ACCOUNT) is None
