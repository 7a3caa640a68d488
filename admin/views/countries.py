"""Which countries may be texted, and under which local rules?"""

from __future__ import annotations

from typing import Any, ClassVar

from markupsafe import Markup
from phonenumbers import SUPPORTED_REGIONS, country_code_for_region
from sqlalchemy import select
from wtforms import BooleanField, StringField, ValidationError
from wtforms.validators import DataRequired, Length, Regexp

from admin import auth
from admin.database import db
from admin.formatters import NOTHING, badge, shown_by, when
from admin.forms import ClockField, ConsoleForm, RowField, Section, blank_to_none, strip
from admin.views import lawful
from admin.views.filters import Yes
from admin.views.guarded import GuardedModelView
from admin.views.lawful import LawfulHours
from models.accounts import SendingNumber
from models.countries import CountrySetting


def senders() -> list[tuple[int, str]]:
    """The account's active senders, for a select."""
    account = auth.current_account()
    query = select(SendingNumber).where(SendingNumber.account_id == account.id, SendingNumber.active.is_(True))
    return [(sender.id, str(sender)) for sender in db().scalars(query.order_by(SendingNumber.id))]


class CountryForm(ConsoleForm):
    """One country's rules."""

    region = StringField(
        "Country code", [DataRequired()], filters=[strip], description="Two letters, such as US or GB."
    )
    name = StringField("Name", [DataRequired(), Length(max=80)], filters=[strip])
    enabled = BooleanField(
        "Texts may be sent here",
        default=True,
        description="Off: recipients here are left out, and the reason is shown.",
    )
    sender_id = RowField(
        "Send from",
        senders,
        blank="The campaign's own sender",
        description="For countries that the usual sender does not reach.",
    )
    default_prefix = StringField(
        "Prefix for numbers without one", [Regexp(r"^(\+[1-9]\d{0,3})?$", message="Write it like +44, or leave it empty.")],
        filters=[blank_to_none],
        description="Numbers of a list that have no +, and are none of the account's own country, are read as numbers of this one.",
    )  # fmt: skip
    landlines = BooleanField(
        "Text landlines, too",
        description="Most landlines cannot receive texts and cost a fee all the same. In North America a number does not tell.",
    )
    mms = BooleanField("Pictures (MMS)", description="Off: a text with a picture leaves out recipients here.")
    opens_at = ClockField("Texts from", description="The recipient's local time. Empty: at any hour.")
    closes_at = ClockField("Until")
    pumping_protection = BooleanField(
        "Pumping protection counts here",
        default=True,
        description="Twilio's fee per text, where the account has the protection on.",
    )
    note = StringField("Note", [Length(max=300)], filters=[strip])
    sections = (
        Section("Country", "A country without an entry is never texted.", ("region", "name", "enabled")),
        Section("Sending", "What differs here from the rest.", ("sender_id", "default_prefix", "landlines", "mms")),
        Section("Hours", "Texts wait outside these hours; the law of the place may be stricter and still applies.",
                ("opens_at", "closes_at"), columns=2),
        Section("Money and notes", "For the finance pages, and for whoever reads this next.", ("pumping_protection", "note")),
    )  # fmt: skip

    def validate_region(self, field: Any) -> None:
        """A region that the numbering plan knows."""
        field.data = (field.data or "").upper()
        if field.data not in SUPPORTED_REGIONS:
            raise ValidationError("This is not a country code; use two letters, such as US.")

    def validate_default_prefix(self, field: Any) -> None:
        """The country's own, which is known."""
        region = self.region.data if "region" in self else getattr(self._obj, "region", "")
        code = country_code_for_region((region or "").strip().upper())
        if field.data and code and field.data != f"+{code}":
            raise ValidationError(f"The prefix of this country is +{code}; write that, or leave it empty.")

    def validate_closes_at(self, field: Any) -> None:
        """Both hours or none, in order."""
        if (field.data is None) != (self.opens_at.data is None):
            raise ValidationError("Give both hours, or neither.")
        if field.data is not None and field.data <= self.opens_at.data:
            raise ValidationError("The end has to be after the start.")


def _enabled(value: bool) -> object:
    return badge("Enabled", "ok") if value else badge("Disabled")


def _hours(_view: Any, _context: Any, model: CountrySetting, _name: str) -> str:
    if model.opens_at is None or model.closes_at is None:
        return "Those of the law" if lawful.of_country(model.region) else "Any hour"
    return f"{model.opens_at:%H:%M} – {model.closes_at:%H:%M}"


def _law(_view: Any, _context: Any, model: CountrySetting, _name: str) -> Markup | str:
    """What the law's table says of the country and its states, in lines."""
    found = lawful.of_country(model.region)
    return Markup("").join(Markup("<div>{}: {}</div>").format(row.times, row.words) for row in found) or NOTHING


def _lines(_view: Any, _context: Any, model: CountrySetting, _name: str) -> str:
    """Which lines a text can reach there: the prefix alone does not tell."""
    if country_code_for_region(model.region) == 1:
        return (
            "Landlines and mobiles look the same here: a text to a landline is tried, costs a fee and never arrives. "
            "Toll-free numbers have no time zone and wait until their contact has one."
        )
    told = "are texted, too" if model.landlines else "are left out"
    return (
        f"Landlines are told by their numbers and {told}. "
        "Internet numbers have no time zone and wait until their contact has one."
    )


def _yes(value: bool) -> str:
    return "Yes" if value else "No"


class CountryView(LawfulHours, GuardedModelView):
    """Country settings."""

    view_right, edit_right = "country:view", "country:edit"
    creatable = editable = exportable = True
    record_name, record_plural, create_verb = "country", "countries", "Add country"
    create_label = "Add country"
    purpose = "Where texts may go, from which sender, and at which hours. A country that is not listed is never texted."
    empty_hint = "Add the first country that your members live in."
    form = CountryForm
    column_list = ("name", "region", "enabled", "sender", "hours", "landlines", "pumping_protection", "note")
    column_details_list = (
        "name", "region", "enabled", "sender", "hours", "law", "default_prefix", "landlines", "lines", "mms", "pumping_protection",
        "note", "updated_at",
    )  # fmt: skip
    column_export_list = (
        "name",
        "region",
        "enabled",
        "sender",
        "default_prefix",
        "landlines",
        "mms",
        "pumping_protection",
        "note",
    )
    column_labels: ClassVar[dict[str, str]] = {
        "region": "Code", "enabled": "State", "sender": "Send from", "pumping_protection": "Pumping fee", "mms": "MMS",
        "default_prefix": "Prefix", "updated_at": "Changed", "law": "Hours in law", "lines": "What can be reached",
    }  # fmt: skip
    column_sortable_list = ("name", "region", "enabled")
    column_default_sort = "name"
    column_filters = (Yes(CountrySetting.enabled, "Texts may be sent"),)
    badge_columns = ("enabled",)
    column_formatters: ClassVar[dict[str, Any]] = {
        "enabled": shown_by(_enabled), "hours": _hours, "law": _law, "lines": _lines, "landlines": shown_by(_yes),
        "mms": shown_by(_yes),
        "pumping_protection": shown_by(_yes), "updated_at": shown_by(when),
        "sender": shown_by(lambda sender: str(sender) if sender else "Campaign's sender"),
    }  # fmt: skip

    def edit_form(self, obj: Any = None) -> Any:
        """The code of a country does not change; another country is another entry."""
        form = super().edit_form(obj)
        del form.region
        return form
