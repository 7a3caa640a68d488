"""Which run a campaign's row in the list tells of."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.views.campaign_numbers import figures
from models.accounts import Account
from models.campaigns import Run
from sender.recurrence import once
from sender.runs import pass_over
from tests import seeds
from tests.conftest import NOW


def test_the_newest_that_was_sent(session: Session, account: Account) -> None:
    """An occurrence that was passed over has no figures, and hides those of the run before it from nobody."""
    run = seeds.sending_run(session, account, 3)
    pass_over(session, run.campaign, [(once(NOW, "UTC"), "The run before it was still sending.")], now=NOW)
    assert len(session.scalars(select(Run)).all()) == 2
    found = figures(session, [run.campaign])[run.campaign_id]
    assert (found.run, found.audience) == (run, 3)
