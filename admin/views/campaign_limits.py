"""How much may a campaign use, and who hears how it went? Its segment limit, its budget, and the addresses of its report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from flask import abort, redirect, request
from flask_admin.helpers import get_form_data
from wtforms import StringField
from wtforms.validators import Length, NumberRange, Optional, ValidationError

from admin import auth, budgets
from admin.formatters import money
from admin.forms import ConsoleForm, EmailsField, MoneyField, Section, WholeField, strip
from admin.views.campaign_live import CampaignLive
from admin.views.guarded import flashed, page
from admin.views.sending import UNSENT
from models.campaigns import Campaign, CampaignState
from sender.campaigns import NotAllowed
from sender.runs import locked

S = CampaignState
CHANGEABLE = (*UNSENT, S.SENDING, S.PAUSED)
MOST_ADDRESSES = 20
BUDGET = "Nothing leaves that might exceed it. A campaign that stopped for its budget goes on when you raise it."


class LimitsForm(ConsoleForm):
    """A few things that are all optional."""

    segment_limit = WholeField(
        "Segments a run may use",
        [Optional(), NumberRange(1, 10**9, "A limit must be at least 1; leave it empty for none.")],
    )
    budget_u = MoneyField("Budget in US dollars", [Optional()])
    subject = StringField(
        "Subject",
        [Length(max=80, message="80 characters at most.")],
        filters=[strip],
        description="Some states count marketing texts by subject. Campaigns about one thing need the same words here."
        " Empty: its texts count for every subject.",
    )
    report_emails = EmailsField(
        "Report to",
        description="Several addresses with commas between. Each gets an e-mail when a run is over, and when it stops.",
    )
    sections = (
        Section("Limits", "Whichever is reached first holds. Empty: only the account's does.", ("segment_limit", "budget_u"), 2),
        Section("Frequency", "What its texts are about.", ("subject",)),
        Section("Report", "Who hears how it went.", ("report_emails",)),
    )  # fmt: skip

    def validate_budget_u(self, field: Any) -> None:
        """A budget of nothing would be no campaign."""
        if field.data is not None and field.data < 1:
            raise ValidationError("A budget must be more than nothing; leave it empty for none.")

    def validate_report_emails(self, field: Any) -> None:
        """A report is for a few people."""
        if len(field.data or []) > MOST_ADDRESSES:
            raise ValidationError(f"{MOST_ADDRESSES} addresses at most.")


def chosen(campaign: Campaign) -> dict[str, Any]:
    """What an audit entry says of them."""
    budget = None if campaign.budget_u is None else str(money(campaign.budget_u))
    return {
        "segment_limit": campaign.segment_limit,
        "budget": budget,
        "subject": campaign.subject,
        "report_emails": list(campaign.report_emails or []),
    }


class CampaignLimits(CampaignLive):
    """The page of limits."""

    rights: ClassVar[Mapping[str, str]] = {**CampaignLive.rights, "limits": "campaign:edit"}

    @page("/limits/", "GET", "POST")
    def limits(self) -> Any:
        """Set, raise or take them off; a budget holds at once, also for a run under way."""
        campaign: Campaign = self.get_one(request.args.get("id"))
        if campaign.state not in CHANGEABLE:
            abort(403, description="This campaign is over; its limits cannot be changed any more.")
        form = LimitsForm(get_form_data() if request.method == "POST" else None, obj=campaign)
        form.segment_limit.description = self._help(campaign)
        form.budget_u.description = BUDGET
        if campaign.state not in UNSENT:  # the rows of a run under way are made already
            auth.require("campaign:send")
            del form.segment_limit
        if request.method == "POST" and form.validate():
            try:
                return self._change(campaign, form)
            except NotAllowed as refusal:
                form.budget_u.errors = [str(refusal)]
        return self.render("campaign_limits.html", campaign=campaign, form=form)

    def _help(self, campaign: Campaign) -> str:
        limit = campaign.account.segment_limit
        return (
            f"The account allows {limit:,}; a higher number here changes nothing. A larger launch is refused or split."
        )

    def _change(self, campaign: Campaign, form: LimitsForm) -> Any:
        """All of it in one transaction, with one audit entry."""
        row, now = locked(self.database, campaign), self.now()
        before, state = chosen(row), row.state
        if "segment_limit" in form:
            row.segment_limit = form.segment_limit.data
        row.report_emails = form.report_emails.data
        row.subject = form.subject.data or ""
        if row.budget_u != form.budget_u.data:
            budgets.change(self.database, row, budget_u=form.budget_u.data, now=now)
        after = chosen(row)
        if before != after:
            self.record(
                "campaign:limits",
                row,
                before={**before, "state": state.value},
                after={**after, "state": row.state.value},
            )
        key, goes_on = row.id, state is S.PAUSED and row.state is S.SENDING
        unsent = row.state in UNSENT
        self.database.commit()
        flashed("Saved. It goes on." if goes_on else "Saved.")
        return redirect(self.get_url(".review" if unsent else ".details_view", id=key))
