"""Tests of admin/reports.py: the report of a run adds up to its audience, names errors, reasons and cost, and is written once."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.reports import report
from analytics import rates
from models.accounts import Account
from models.base import Database
from models.campaigns import CampaignState, Exclusion, Reason, Run
from models.messages import Message, MessageStatus
from models.notices import Notice
from sender import messages
from tests.conftest import NOW
from tests.seeds import sending_run

M = MessageStatus
REPORT = """Run 1 of Spring is finished.

Audience: 14
- sent: 7 (4 delivered, 2 not delivered, 1 without a receipt so far)
- failed: 2
- skipped when their turn came: 1
- left out beforehand: 3
- waiting for your decision: 1

Failed or not delivered, by error:
- 2: 30007, Filtered as unwanted by Twilio or the carrier.
- 1: 21614, The recipient's number is not a mobile.
- 1: 99999.

Left out or skipped, by reason:
- 2: The list has this number already.
- 2: The person opted out, or a probable opt-out waits to be read.

Cost: $0.1034, by Twilio's prices as far as they are known and the card's for the rest."""


def over(session: Session, account: Account) -> Run:
    """A finished run of 11 messages and 3 exclusions, with every kind of end; committed."""
    run = sending_run(session, account, 11)
    ends = [
        (M.DELIVERED, None), (M.DELIVERED, None), (M.DELIVERED, None), (M.READ, None), (M.UNDELIVERED, 30007),
        (M.UNDELIVERED, 30007), (M.SENT, None), (M.FAILED, 21614), (M.FAILED, 99999), (M.SKIPPED, None), (M.UNKNOWN, None),
    ]  # fmt: skip
    for (status, code), message in zip(ends, session.scalars(select(Message).order_by(Message.id)), strict=True):
        if status in {M.SKIPPED, M.UNKNOWN}:
            message.status, message.reason = status, Reason.OPTED_OUT if status is M.SKIPPED else None
        else:
            sid = None if code == 21614 else f"SM{message.id}"
            messages.advance(session, message, status, now=NOW, sid=sid, error_code=code)
    run.segments_claimed = 9
    for row, reason in enumerate([Reason.DUPLICATE, Reason.DUPLICATE, Reason.OPTED_OUT], 12):
        session.add(Exclusion(run_id=run.id, row=row, reason=reason))
    run.audience_size, run.excluded, run.finished_at = 14, 3, NOW
    run.campaign.state = CampaignState.COMPLETED
    session.commit()
    return run


def test_a_report_says_it_all_once(database: Database, session: Session, account: Account) -> None:
    """Ten minutes after the end, because one text has no receipt; the lines add up to the audience."""
    rates.load(session, "twilio-2026-05-25", now=NOW, entered_by="test")
    account.alert_emails = ["office@example.org"]
    run = over(session, account)
    assert report(database, NOW + timedelta(minutes=9)) == "1 to be told"  # of the text that waits for a decision
    assert report(database, NOW + timedelta(minutes=10)) == "1 to be told"
    assert report(database, NOW + timedelta(minutes=20)) == ""
    notice = session.scalars(select(Notice).where(Notice.cause == f"run:{run.id}:finished")).one()
    assert notice.body == REPORT
    assert notice.subject == "Spring: run 1 is finished, 7 of 14 sent"
    assert notice.recipients == ["office@example.org"]
    assert notice.details["by_status"]["delivered"] == 3


def test_without_a_card_the_cost_is_not_known(database: Database, session: Session, account: Account) -> None:
    """The rest of the report does not wait for it."""
    over(session, account)
    report(database, NOW + timedelta(minutes=10))
    body = session.scalars(select(Notice.body).where(Notice.cause.endswith(":finished"))).one()
    assert body.endswith("Cost: not known, because no rate card is loaded.")


def test_a_cancelled_run_is_called_so(database: Database, session: Session, account: Account) -> None:
    """And what was unusual about a run stands at its top."""
    run = over(session, account)
    run.finished_at, run.why = None, "Started 5 minutes late: no worker was running."
    run.campaign.state = CampaignState.CANCELLED
    session.commit()
    report(database, NOW + timedelta(minutes=10))
    notice = session.scalars(select(Notice).where(Notice.cause.endswith(":finished"))).one()
    assert notice.body.startswith(
        "Run 1 of Spring is cancelled.\nStarted 5 minutes late: no worker was running.\n\nAudience: 14"
    )
