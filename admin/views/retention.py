"""For how long does the account keep what texts say and whom they went to?"""

from __future__ import annotations

from typing import Any, ClassVar

from flask import redirect, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.validators import NumberRange
from wtforms.validators import Optional as Maybe

from admin import auth
from admin.forms import ConsoleForm, Section, WholeField, strip
from admin.views.freshness import stale
from admin.views.guarded import GuardedView, flashed, page
from sender import retention
from sender.personal import places

FEWEST, MOST = 30, 36_500
"""Days: in fewer, prices and statuses of the provider may still be missing; more than a century is a slip."""


ALLOWED = f"Give from {FEWEST} to {MOST:,} days, or leave it empty."


class PeriodForm(ConsoleForm):
    """The period that is looked at, or was chosen."""

    days = WholeField(
        "Keep for so many days", [Maybe(), NumberRange(FEWEST, MOST, message=ALLOWED)],
        description="Counted from the day a text was made. Empty: everything is kept for ever.",
    )  # fmt: skip
    sections = (Section("Period", "Look first: the next page says what would go.", ("days",)),)


class ConfirmForm(PeriodForm):
    """The same, with the word that says it is meant."""

    typed = StringField("Typed", filters=[strip])


class RetentionView(GuardedView):
    """The account's retention period: look, then choose."""

    view_right = "account:view"
    rights: ClassVar[dict[str, str]] = {"choose": "account:edit"}
    purpose = "After how many days the words and the number of a text go. Charges, segments and statuses stay for ever."

    @page("/")
    def index(self) -> str:
        """How it stands; with a number of days in the address, what they would mean."""
        asked = "days" in request.args
        form = PeriodForm(request.args if asked else None, obj=None)
        if not asked:
            form.days.data = self.account.retention_days
        valid = form.validate() if asked else True
        return self.show(form, looking=asked and valid)

    def show(self, form: Any, *, looking: bool, problem: str = "") -> str:
        """The page; `looking`: with the consequence of the period in the form, and the button that chooses it."""
        days = form.days.data if looking else self.account.retention_days
        return str(
            self.render(
                "retention.html", form=form, days=self.account.retention_days, looking=looking, wanted=days, problem=problem,
                going=retention.due(self.database, self.account.id, days=days, now=self.now()), periods=retention.periods(),
                may_edit=auth.allowed("account:edit"), word=self.account.name,
                places=[place for place in places() if place.personal and place.erased != "kept"],
            )
        )  # fmt: skip

    @page("/choose/", "POST")
    def choose(self) -> Response | str:
        """Keep the period that was looked at."""
        form = ConfirmForm(MultiDict(request.form))
        if not form.validate():
            return self.show(form, looking=False)
        again = stale(self.get_url(".index", days=form.days.data if form.days.data is not None else ""))
        if again is not None:
            return again
        days, before = form.days.data, self.account.retention_days
        shorter = days is not None and (before is None or days < before)
        if shorter and form.typed.data != self.account.name:
            return self.show(form, looking=True, problem=f"Type the account’s name, {self.account.name}, to go on.")
        if days != before:
            account = self.account
            account.retention_days = days
            self.record("account:retention", account, before={"retention_days": before}, after={"retention_days": days})
            self.database.commit()
        flashed(
            "Everything is kept for ever."
            if days is None
            else f"Words and numbers go {days:,} days after a text was made."
        )
        return redirect(self.get_url(".index"))
