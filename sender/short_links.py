"""A short link on our own domain in place of a long one, and how often it is followed.

Public shorteners are shared by everyone, so carriers filter them; ours is the organisation's own. Of a click nothing is kept but
the day: a program that looks at a text before the person does counts as one, too.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.links import LinkDay, ShortLink

PATH = "/l/"
LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
"""Without those that are taken for one another."""
LENGTH = 6
"""31⁶ codes, 887 million: guessing finds a link of an organisation with ten thousand of them once in 88,700 tries."""
LONGEST = 2_000
_URL = re.compile(r"https?://[^\s<>\"{}|\\^`]+[^\s<>\"{}|\\^`.,;:!?)\]']", re.IGNORECASE)


class LinkProblem(ValueError):
    """Why an address cannot be shortened, as a sentence that says what to do."""


def checked(url: str) -> str:
    """The address without space around it; raises LinkProblem."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if not _URL.fullmatch(url) or "." not in host:
        raise LinkProblem("Enter a whole address, such as https://www.example.org/renew.")
    if len(url) > LONGEST:
        raise LinkProblem(f"Enter an address of at most {LONGEST:,} characters.")
    if parts.username is not None:
        raise LinkProblem(
            "Leave the name and password out of the address: everybody who gets the text would have them."
        )
    return url


def shorten(session: Session, *, account_id: int, url: str, actor: str, now: datetime) -> ShortLink:
    """The account's open link to an address, made if there is none. Raises LinkProblem. Flushed, not committed."""
    url = checked(url)
    known = select(ShortLink).where(
        ShortLink.account_id == account_id, ShortLink.url == url, ShortLink.closed_at.is_(None)
    )
    found = session.scalars(known.order_by(ShortLink.id).limit(1)).first()
    if found is None:
        found = ShortLink(account_id=account_id, code=_free(session), url=url, created_by=actor, created_at=now)
        session.add(found)
        session.flush()
    return found


def _free(session: Session) -> str:
    while True:
        code = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
        if session.scalar(select(ShortLink.id).where(ShortLink.code == code)) is None:
            return code


def address(public_url: str, link: ShortLink) -> str:
    """The link as it stands in a text."""
    return f"{public_url.rstrip('/')}{PATH}{link.code}"


def long_ones(source: str, public_url: str) -> list[str]:
    """The addresses in a text that would be shorter on our domain, each once, in order."""
    ours = f"{public_url.rstrip('/')}{PATH}"
    found = dict.fromkeys(match.group() for match in _URL.finditer(source))
    return [url for url in found if len(url) > len(ours) + LENGTH and not url.startswith(ours)]


def follow(session: Session, code: str, *, now: datetime) -> ShortLink | None:
    """The link with that code, and one more click on it today unless it is closed; None without one. Not committed."""
    link = session.scalars(select(ShortLink).where(ShortLink.code == code)).first()
    if link is None or link.closed_at is not None:
        return link
    session.execute(select(ShortLink.id).where(ShortLink.id == link.id).with_for_update())
    day = session.get(LinkDay, (link.id, now.date()), populate_existing=True)
    if day is None:
        session.add(LinkDay(link_id=link.id, day=now.date(), clicks=1))
    else:
        day.clicks += 1
    session.flush()
    return link


def clicks(session: Session, link_ids: list[int]) -> dict[int, int]:
    """Link id → how often it was followed; those that never were are left out."""
    counted = select(LinkDay.link_id, func.sum(LinkDay.clicks)).where(LinkDay.link_id.in_(link_ids))
    return {row[0]: int(row[1]) for row in session.execute(counted.group_by(LinkDay.link_id))}
