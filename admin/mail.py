"""The edge that mails: takes the notices that are due from the outbox and hands them to the mail server of this installation.

At least once: a notice is claimed and committed before it is handed over, so no two workers mail it at once, and every attempt
has the same Message-ID, so that a mail system can drop a second one. Without a server all notices stay in the outbox.
"""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import parse_qs, unquote, urlsplit

from sqlalchemy.orm import Session

from admin.config import Config
from models.base import Database
from models.notices import Notice
from sender import notices

TIMEOUT = 20.0
"""Seconds that we wait for the server's next word."""
ROUND = 60.0
"""Seconds after which a round begins no further mail; below `notices.LEASE`, which it must not outlive."""
NOBODY = "Nobody has an address for it: add one to the account."
REFUSED = "Every address was refused."

Refusals = dict[str, tuple[int, bytes]]


def mail(config: Config, database: Database, now: datetime) -> str:
    """Mail what is due, one notice at a time; says in a few words what became of it. A failure waits for its next turn."""
    if not config.smtp_url:
        return "no mail server is set"
    sent = failed = 0
    began = time.monotonic()
    while time.monotonic() - began < ROUND:
        with database.transaction() as session:
            notice = next(iter(notices.due(session, now=now, limit=1)), None)
        if notice is None:
            break
        if _mail_one(config, database, notice, now):
            sent += 1
        else:
            failed += 1
    return f"{sent} mailed, {failed} to be tried again"


def _mail_one(config: Config, database: Database, notice: Notice, now: datetime) -> bool:
    """One claimed notice, and what became of it; the server's own words are dropped, since they may repeat an address."""
    left = notices.still_to_reach(notice)
    refusals, error = {}, "" if notice.recipients else NOBODY
    if left:
        try:
            refusals = deliver(config, message(config, notice, left), left)
        except smtplib.SMTPResponseException as wrong:
            error = f"{type(wrong).__name__} {wrong.smtp_code}"
        except Exception as wrong:  # whatever the network, the server or an odd address does, the next notice goes on
            error = type(wrong).__name__
    with database.transaction() as session:
        return _written(session, notice, left, refusals, error, now)


def _written(
    session: Session, notice: Notice, left: Sequence[str], refusals: Refusals, error: str, now: datetime
) -> bool:
    for_good = {address: str(code) for address, (code, _) in refusals.items() if code >= 500}
    later = refusals.keys() - for_good.keys()
    reached = [] if error else [address for address in left if address not in refusals]
    if not error and not later and (reached or notice.details.get("reached")):
        return notices.mailed(session, notice, now=now, refused=for_good)
    if not error and not later:
        notices.failed(session, notice, error=REFUSED, now=now)
    else:
        notices.failed(
            session,
            notice,
            error=error or f"{len(later)} addresses were put off.",
            now=now,
            reached=reached,
            refused=for_good,
        )
    return False


def message(config: Config, notice: Notice, recipients: Sequence[str]) -> EmailMessage:
    """The notice as a mail in plain text, with a link to its campaign."""
    made = EmailMessage()
    made["From"], made["To"] = config.mail_from, ", ".join(recipients)
    made["Subject"] = notice.subject
    made["Date"] = format_datetime(notice.created_at)
    made["Message-ID"] = f"<notice-{notice.id}.{notice.created_at:%Y%m%d%H%M%S}@{urlsplit(config.public_url).hostname}>"
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    where = f"/campaigns/details/?id={notice.campaign_id}" if notice.campaign_id else "/"
    made.set_content(f"{notice.body}\n\n{config.public_url}{where}\n")
    return made


def deliver(config: Config, mail: EmailMessage, recipients: Sequence[str]) -> Refusals:
    """Hand one mail over; returns the recipients that the server would not take. Raises what smtplib and sockets raise."""
    with _server(config.smtp_url) as server:
        try:
            return server.send_message(mail, config.mail_from, list(recipients))
        except smtplib.SMTPRecipientsRefused as refused:
            return refused.recipients


@contextmanager
def _server(url: str) -> Iterator[smtplib.SMTP]:
    """A connection to the server of a URL, encrypted and signed in as it says."""
    parts = urlsplit(url)
    host, trusted = parts.hostname or "", ssl.create_default_context()
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=TIMEOUT, context=trusted)
    else:
        server = smtplib.SMTP(host, parts.port or 25, timeout=TIMEOUT)
    with server:
        if parse_qs(parts.query).get("starttls") == ["1"]:
            server.starttls(context=trusted)
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        yield server
