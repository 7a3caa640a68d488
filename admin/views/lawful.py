"""Which hours does the law of each place have, by which source, and which does the account keep to beside them?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from flask import redirect, request
from flask_admin.helpers import get_form_data
from wtforms import ValidationError

from admin import auth
from admin.forms import ClockField, ConsoleForm, Section
from admin.views.guarded import Guarded, Tab, flashed, page
from models.accounts import Account
from models.settings import value
from sender.windows import WindowRow, listed


class HoursForm(ConsoleForm):
    """The account's own hours."""

    opens_at = ClockField(
        "Texts from", description="The recipient's local time, in every country. Empty: no hours of your own."
    )
    closes_at = ClockField("Until")
    sections = (
        Section("Your own hours", "Campaigns keep to them and to the law, whichever is narrower.", ("opens_at", "closes_at"), 2),
    )  # fmt: skip

    def validate_closes_at(self, field: Any) -> None:
        """Both hours or none, in order."""
        if (field.data is None) != (self.opens_at.data is None):
            raise ValidationError("Give both hours, or neither.")
        if field.data is not None and field.data <= self.opens_at.data:
            raise ValidationError("The end has to be after the start.")


def of_country(region: str) -> list[WindowRow]:
    """The rows of a country and of its states."""
    return [row for place, rows in listed().items() if place.partition("-")[0] == region for row in rows]


class LawfulHours(Guarded):
    """The page of hours beside the countries."""

    rights: ClassVar[Mapping[str, str]] = {**Guarded.rights}

    def tabs(self) -> list[Tab]:
        """The countries, and the hours of all."""
        here = request.endpoint.endswith(".hours") if request.endpoint else False
        return [
            Tab("Countries", self.get_url(".index_view"), active=not here),  # type: ignore[attr-defined]
            Tab("Hours in law", self.get_url(".hours"), active=here),  # type: ignore[attr-defined]
        ]

    @page("/hours/", "GET", "POST")
    def hours(self) -> Any:
        """The law's table as it is applied, and the account's own hours, which whoever may set countries may set."""
        account = self.database.get_one(Account, self.account.id)
        form = HoursForm(get_form_data() if request.method == "POST" else None, obj=account)
        if request.method == "POST":
            auth.require("country:edit")
            if form.validate():
                before = {"opens_at": said(account.opens_at), "closes_at": said(account.closes_at)}
                form.populate_obj(account)
                after = {"opens_at": said(account.opens_at), "closes_at": said(account.closes_at)}
                if before != after:
                    self.record("account:hours", account, before=before, after=after)
                self.database.commit()
                flashed("Saved. What waits keeps to them within a minute.")
                return redirect(self.get_url(".hours"))  # type: ignore[attr-defined]
        everything = bool(value(self.database, "hours_for_account_texts", account_id=account.id))
        rows = [row for found in listed().values() for row in found]
        return self.render("hours.html", form=form, rows=rows, everything=everything)  # type: ignore[attr-defined]


def said(at: object) -> str | None:
    """A time of day for the audit entry."""
    return None if at is None else f"{at:%H:%M}"
