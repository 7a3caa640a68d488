"""How often may one person be texted, all campaigns together? The account's own caps, beside those of the law."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import redirect, request
from flask_admin.helpers import get_form_data
from wtforms.validators import InputRequired, NumberRange, Optional, ValidationError

from admin import auth
from admin.forms import ConsoleForm, Section, WholeField
from admin.views.guarded import GuardedView, flashed, page
from models.accounts import Account, Profile
from sender import caps

MOST, LONGEST_WAIT = 1_000, 24 * 14
AT_LEAST = f"Give a number from 1 to {MOST:,}, or leave it empty for no cap."
FIELDS = ("texts_per_day", "texts_per_week", "cap_wait_hours", "max_invitations", "attempts_per_week")


def _cap(label: str, description: str) -> WholeField:
    return WholeField(label, [Optional(), NumberRange(1, MOST, AT_LEAST)], description=description)


class FrequencyForm(ConsoleForm):
    """The account's own figures; what is empty is no cap."""

    texts_per_day = _cap("Texts in 24 hours", "Counted to the second, not by calendar days. Empty: no cap.")
    texts_per_week = _cap("Texts in 7 days", "168 hours, whatever day it is. Empty: no cap.")
    cap_wait_hours = WholeField(
        "Hours a text may wait for room",
        [
            InputRequired("Give a number of hours; 0 if nobody should wait."),
            NumberRange(0, LONGEST_WAIT, f"Give a number from 0 to {LONGEST_WAIT} hours."),
        ],
        description="Counted from the start of a run. Who has no room by then is left out of it; 0 leaves them out at once.",
    )
    max_invitations = _cap(
        "Invitations to a person", "Texts of a template of the category INVITATION, ever. Empty: no cap."
    )
    attempts_per_week = _cap(
        "Warn from so many texts in 7 days",
        "A policy for third-party collectors, said before a launch. It is not Regulation F: seven in seven days is about calls.",
    )
    sections = (
        Section(
            "All campaigns together",
            "Nobody gets more than this from this account, however many campaigns they are in. Replies in a conversation and"
            " confirmations of an opt-out always leave, and do not count.",
            ("texts_per_day", "texts_per_week"),
            2,
        ),
        Section("Over a cap", "What becomes of a text whose recipient has had enough.", ("cap_wait_hours",)),
        Section("Further caps", "For texts of a kind.", ("max_invitations", "attempts_per_week"), 2),
    )

    def validate_texts_per_week(self, field: Any) -> None:
        """A week holds at least what a day may."""
        day = self.texts_per_day.data
        if field.data is not None and day is not None and field.data < day:
            raise ValidationError(f"A week cannot allow fewer than a day: give at least {day:,}, or less for a day.")


class FrequencyView(GuardedView):
    """The caps of the account."""

    view_right = "country:view"
    rights: ClassVar[dict[str, str]] = {"edit": "account:edit"}
    purpose = "How many texts one person may get, whatever campaigns they are in."

    @page("/")
    def index(self) -> Any:
        """Every cap in force today, where it holds, and its source."""
        found = caps.caps_of(self.account, self.now().date())
        return self.render("frequency.html", caps=found, account=self.account, may_edit=auth.allowed("account:edit"))

    @page("/edit/", "GET", "POST")
    def edit(self) -> Any:
        """Set or take off the account's own."""
        form = FrequencyForm(get_form_data() if request.method == "POST" else None, obj=self.account)
        if self.account.profile is not Profile.THIRD_PARTY_COLLECTOR:
            del form.attempts_per_week
        if request.method == "POST" and form.validate():
            return self._change(form)
        return self.render("frequency_edit.html", form=form)

    def _change(self, form: FrequencyForm) -> Any:
        """All of them at once, with one audit entry; the next claim keeps to them."""
        account = self.database.get_one(Account, self.account.id, with_for_update={"key_share": True})
        names = [name for name in FIELDS if name in form and getattr(account, name) != form[name].data]
        before = {name: getattr(account, name) for name in names}
        for name in names:
            setattr(account, name, form[name].data)
        if names:
            self.record("account:caps", account, before=before, after={name: form[name].data for name in names})
        self.database.commit()
        flashed("Saved. It holds from the next text on.")
        return redirect(self.get_url(".index"))
