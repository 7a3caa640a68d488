"""What do windows add to the expansion of a list? The lane of each recipient by all that it depends on, against all the rest.

`python -m tests.bench.bench_windows`. A list of people in many states is expanded as it is, and then the part that windows
take of that (the whereabouts of each row, the lane it leads to) is timed by itself. Only the ratio of the two is asserted.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence

from rich.console import Console
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from admin.demo_data import AREAS
from models.accounts import Account
from models.base import connect
from models.campaigns import Audience, AudienceRow, Campaign, CampaignState, Run
from models.contacts import Contact
from models.schema import migrate
from sender import audience
from sender.expansion import _Lanes
from sender.recipients import Row, recipients, terms
from sender.whereabouts import WHEREABOUTS
from tests import seeds
from tests.bench.stage import databases
from tests.conftest import NOW, seed_account

PEOPLE = 50_000
ROUNDS = 5
MOST = 0.10
"""Of the time of an expansion: what windows may take."""
REQUESTS = ("", "", "", "", "", "", "", "", "18:00-10:00", "sun")
STATES = (None, None, None, "US-RI", "US-CA")


def listed(session: Session, account: Account, count: int) -> Run:
    """A campaign to so many people of many states, some with an address or a request, ready to be expanded; committed."""
    shared = {"account_id": account.id, "phone_raw": "x", "region": "US", "line_type": "mobile", "attributes": {},
              "created_at": NOW, "updated_at": NOW}  # fmt: skip
    zones = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
    session.execute(
        insert(Contact),
        [
            {
                **shared, "phone": f"+1{AREAS[n % len(AREAS)]}{2_000_000 + n}", "name": f"Member {n}",
                "time_zones": zones[n % len(AREAS) % 4], "quiet_hours": REQUESTS[n % len(REQUESTS)],
                "address_region": STATES[n % len(STATES)],
            }
            for n in range(count)
        ],
    )  # fmt: skip
    campaign: Campaign = seeds.campaign(session, account, state=CampaignState.SENDING, source="Hello {{ name }}")
    session.execute(
        insert(AudienceRow).from_select(
            ["audience_id", "row", "contact_id", "fields", "detail"],
            text("SELECT :audience, id - (SELECT min(id) FROM contact) + 1, id, '{}', '' FROM contact").bindparams(
                audience=campaign.audience_id
            ).columns(),
        )
    )  # fmt: skip
    session.get_one(Audience, campaign.audience_id).rows = count
    run = Run(
        account_id=account.id, campaign_id=campaign.id, number=1, audience_id=campaign.audience_id, due_at=NOW,
        template_version_id=campaign.template_version_id, sender_id=campaign.sender_id, segment_limit=10**9, started_at=NOW,
    )  # fmt: skip
    session.add(run)
    session.commit()
    return run


def expanding(session: Session, run: Run) -> float:
    """CPU seconds of the expansion of the whole list."""
    start = time.process_time()
    while audience.expand(session, run, now=NOW):
        pass
    return time.process_time() - start


def laning(session: Session, run: Run) -> float:
    """CPU seconds that the whereabouts take: the expression of SQL against a constant, and the lookup of each row's lane."""
    campaign = session.get_one(Campaign, run.campaign_id)
    given = terms(
        session, account_id=run.account_id, purpose=campaign.purpose, version=campaign.template_version,
        audience=campaign.audience, now=NOW,
    )  # fmt: skip
    rows = [row for slice_ in recipients(session, run.audience_id, given) for row in slice_]
    lanes = _Lanes(session, run, 5, given, NOW)
    gc.collect()
    gc.disable()  # the collector's turns are longer than what is measured
    looked_up = min(_looking_up(lanes, rows) for _ in range(ROUNDS))
    with_it, without = _reading(session, WHEREABOUTS), _reading(session, "'+1212'")
    gc.enable()
    return looked_up + with_it - without


def _looking_up(lanes: _Lanes, rows: Sequence[Row]) -> float:
    start = time.process_time()
    for row in rows:
        lanes[row[7], row[5], row[13]]
    return time.process_time() - start


def _reading(session: Session, expression: str) -> float:
    """The best of some rounds: the first one reads the file."""
    return min(_read_once(session, expression) for _ in range(ROUNDS))


def _read_once(session: Session, expression: str) -> float:
    start = time.process_time()
    session.connection().exec_driver_sql(f"SELECT c.attributes, {expression} FROM contact c NOT INDEXED").fetchall()
    return time.process_time() - start


def run() -> None:
    """Print both and assert their ratio, on SQLite, where all the work is this process's."""
    console = Console()
    with databases() as urls:
        database = connect(urls["SQLite"])
        migrate(database)
        with database.session() as session:
            made = listed(session, seed_account(session), PEOPLE)
            whole = expanding(session, made)
            part = laning(session, made)
        database.engine.dispose()
    console.print(
        f"windows: {part / PEOPLE * 1e6:.2f} µs of the {whole / PEOPLE * 1e6:.2f} µs that a recipient's expansion takes "
        f"({part / whole:.1%}; at most {MOST:.0%})"
    )
    assert part / whole < MOST


if __name__ == "__main__":
    run()
