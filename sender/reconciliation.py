"""What does Twilio know that its callbacks did not tell us? Statuses and prices, from its list and one by one, in small portions.

Twilio's status callbacks are best effort, and it advises to reconcile daily; this runs with every poll for prices. The list is
read window by window and applied a few hundred rows at a time, so that neither memory nor a transaction grows with a campaign.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from models.accounts import Account
from models.base import Database
from sender import usage
from sender.gateway import Gateway, Remote

SLACK = timedelta(hours=1)
"""Around the messages' times, when Twilio's list is asked for them: clocks differ, and a queue delays what leaves."""
WINDOW, SHORTEST = timedelta(hours=1), timedelta(seconds=1)
"""How much of the list is asked for at first, and at least: its times are whole seconds."""
MOST = 10_000
"""Messages of one window; a window that holds as many is read again in halves, since the list's order is not documented."""
PORTION = 500
"""Messages of one transaction."""


def reconcile(database: Database, gateway: Gateway, account: Account, *, now: datetime, quiet: timedelta) -> int:
    """Take over what Twilio has and we do not; returns how many rows changed. What came before an error is kept.

    The list holds what has left. A message that never left is in no list: one without news for `quiet` is fetched by itself.
    """
    with database.reading() as session:
        oldest = usage.unpriced_since(session, account, now=now)
        silent = usage.overdue(session, account, now=now, quiet=quiet)
    changed = 0
    if oldest is not None:
        for remotes in listed(gateway, oldest - SLACK, now + SLACK):
            changed += _apply(database, account, remotes, now=now)
    return changed + _apply(database, account, usage.fetched(gateway, silent), now=now)


def listed(gateway: Gateway, since: datetime, until: datetime, *, most: int = MOST) -> Iterator[list[Remote]]:
    """Everything that Twilio lists as sent in a time, in portions of at most `most`; one on a border may come twice."""
    step = WINDOW
    while since < until:
        end = min(since + step, until)
        found = gateway.sent_between(since, end, limit=most)
        if len(found) < most or step <= SHORTEST:
            yield found
            since = end
        if len(found) >= most:
            step = max(step / 2, SHORTEST)
        elif len(found) < most / 4:
            step *= 2


def _apply(database: Database, account: Account, remotes: Sequence[Remote], *, now: datetime) -> int:
    changed = 0
    for start in range(0, len(remotes), PORTION):
        portion = remotes[start : start + PORTION]
        with database.transaction() as session:
            changed += usage.apply_statuses(session, account, portion, now=now)
            changed += usage.apply_prices(session, account, portion, now=now)
    return changed
