"""Which e-mails do we owe people, and which are due now? Written in the transaction of what they tell of; mailed by an edge.

Each cause is told once. Mailing is at least once: a notice is claimed before it is handed to the mail server, so two workers
do not mail it at the same time, but one that dies between the server's yes and our commit leaves it to be mailed again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Table, select, update
from sqlalchemy.orm import Session

from models.accounts import Account
from models.campaigns import Campaign
from models.notices import Notice
from models.settings import value
from sender.bulk import upsert

LEASE = timedelta(minutes=5)
"""How long a claimed notice belongs to who mails it: longer than a mail server is waited for."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
"""Between two attempts; each failure doubles the wait."""


def owe(
    session: Session,
    *,
    account_id: int,
    cause: str,
    subject: str,
    body: str,
    now: datetime,
    campaign_id: int | None = None,
    details: Mapping[str, Any] | None = None,
) -> Notice | None:
    """Write one e-mail to the account's addresses and the campaign's own; None when this cause was told before. Not committed.

    `subject` and `body` are plain text without phone numbers or words of a message.
    """
    if session.scalar(select(Notice.id).where(Notice.account_id == account_id, Notice.cause == cause)) is not None:
        return None
    made = {
        "account_id": account_id, "campaign_id": campaign_id, "cause": cause, "subject": " ".join(subject.split()), "body": body,
        "recipients": addresses(session, account_id, campaign_id), "details": dict(details or {}),
        "due_at": now, "created_at": now,
    }  # fmt: skip
    statement = upsert(session, cast(Table, Notice.__table__)).values(made)
    told_once = statement.on_conflict_do_nothing(index_elements=["account_id", "cause"]).returning(Notice.id)
    key = session.scalar(told_once)
    return None if key is None else session.get_one(Notice, key)


def addresses(session: Session, account_id: int, campaign_id: int | None) -> list[str]:
    """The account's default addresses and the campaign's own, each once."""
    found = list(session.get_one(Account, account_id).alert_emails)
    if campaign_id is not None:
        found += session.get_one(Campaign, campaign_id).report_emails
    return list({address.casefold(): address for address in found if address.strip()}.values())


def unsent(session: Session, *, now: datetime, account_id: int | None = None) -> ColumnElement[bool]:
    """What a notice that is still to be mailed looks like: not mailed, and not too old to be news."""
    oldest = now - timedelta(hours=value(session, "mail_hours", account_id=account_id or 0))
    waiting = Notice.sent_at.is_(None) & (Notice.created_at > oldest)
    return waiting if account_id is None else waiting & (Notice.account_id == account_id)


def due(session: Session, *, now: datetime, limit: int = 20) -> list[Notice]:
    """Claim the notices to be mailed now, oldest first: they are nobody else's for `LEASE`. The caller commits, then mails."""
    claimed = session.scalars(
        select(Notice)
        .where(unsent(session, now=now), Notice.due_at <= now)
        .order_by(Notice.due_at, Notice.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for notice in claimed:
        notice.attempts, notice.due_at = notice.attempts + 1, now + LEASE
        if not notice.recipients:  # somebody may have given an address since
            notice.recipients = addresses(session, notice.account_id, notice.campaign_id)
    return list(claimed)


def still_to_reach(notice: Notice) -> list[str]:
    """The recipients whom no earlier attempt reached, nor refused for good."""
    settled = {*notice.details.get("reached", []), *notice.details.get("refused", {})}
    return [address for address in notice.recipients if address not in settled]


def mailed(session: Session, notice: Notice, *, now: datetime, refused: Mapping[str, str] | None = None) -> bool:
    """The server took it; `refused` are the addresses it would not take, each with the server's code."""
    details = {**notice.details, "refused": {**notice.details.get("refused", {}), **(refused or {})}}
    error = (
        f"{len(details['refused'])} of {len(notice.recipients)} addresses were refused." if details["refused"] else ""
    )
    return _write(session, notice, sent_at=now, last_error=error, details=details)


def failed(
    session: Session,
    notice: Notice,
    *,
    error: str,
    now: datetime,
    reached: Collection[str] = (),
    refused: Mapping[str, str] | None = None,
) -> bool:
    """Not mailed, or not to all of them: again later, and only to those who are left."""
    wait = min(FIRST_WAIT * 2 ** min(notice.attempts - 1, 10), LONGEST_WAIT)
    details = dict(notice.details)
    if reached:
        details["reached"] = sorted({*details.get("reached", []), *reached})
    if refused:
        details["refused"] = {**details.get("refused", {}), **refused}
    return _write(session, notice, due_at=now + wait, last_error=error, details=details)


def _write(session: Session, notice: Notice, **values: Any) -> bool:
    """Write what became of an attempt, unless another attempt has begun since; returns whether it was written."""
    written = session.execute(
        update(Notice)
        .where(Notice.id == notice.id, Notice.attempts == notice.attempts, Notice.sent_at.is_(None))
        .values(**values)
    )
    return cast(CursorResult[Any], written).rowcount == 1


def told(session: Session, *, account_id: int, limit: int = 50) -> Sequence[Notice]:
    """The account's latest notices, mailed or not, newest first: for the console."""
    return session.scalars(
        select(Notice).where(Notice.account_id == account_id).order_by(Notice.id.desc()).limit(limit)
    ).all()
