"""Who are the people we hold?"""

from __future__ import annotations

from typing import Any, ClassVar
from zoneinfo import available_timezones

from markupsafe import Markup
from sqlalchemy import or_, select
from wtforms import StringField, ValidationError
from wtforms.validators import DataRequired, Length

from admin import auth
from admin.database import db
from admin.formatters import NOTHING, badge, moment, phone, shown_by, status, when, words
from admin.forms import AttributesField, ConsoleForm, Section, blank_to_none, strip
from admin.views.filters import Chosen
from admin.views.guarded import Command
from admin.views.keyset import KeysetModelView
from admin.views.search import looks_like_phone, name_clause, phone_clause, starts_with
from models.contacts import Contact
from models.countries import CountrySetting
from models.messages import Message
from models.phones import LineType, Phone, PhoneProblem, normalise
from sender import consent

LATEST = 20


class ContactForm(ConsoleForm):
    """A person."""

    name = StringField("Name", [Length(max=120)], filters=[strip])
    phone = StringField(
        "Phone",
        [DataRequired()],
        filters=[strip],
        description="As you have it; a number without + is read as one of your country.",
    )
    external_id = StringField(
        "Member number", [Length(max=120)], filters=[blank_to_none], description="Their id in your own system."
    )
    time_zone = StringField(
        "Time zone", filters=[blank_to_none], description="Such as America/Chicago. Empty: read off the number."
    )
    attributes = AttributesField(
        "Fields", description="One a line, such as ends_on = 31 December. Templates can use them."
    )
    sections = (
        Section("Person", "Who they are, and how they are reached.", ("name", "phone", "external_id", "time_zone")),
        Section("For templates", "What texts may say about them.", ("attributes",)),
    )

    def validate_phone(self, field: Any) -> None:
        """A number that exists in the numbering plan."""
        found = normalise(field.data, auth.current_account().default_region)
        if isinstance(found, PhoneProblem):
            raise ValidationError(found.sentence)

    def validate_time_zone(self, field: Any) -> None:
        """A zone that exists."""
        if field.data and field.data not in available_timezones():
            raise ValidationError("This zone is not known; write it like America/Chicago.")

    def populate_obj(self, obj: Any) -> None:
        """Everything but the number, which is normalised with what it says about itself."""
        for name, field in self._fields.items():
            if name != "phone":
                field.populate_obj(obj, name)
        if "phone" in self:
            set_phone(obj, self.phone.data)


def set_phone(contact: Contact, raw: str) -> None:
    """The contact's number, normalised, with the raw text beside it."""
    found = normalise(raw, auth.current_account().default_region)
    assert isinstance(found, Phone), "the form has checked it"
    if contact.phone == found.e164:
        return
    contact.phone, contact.phone_raw = found.e164, raw
    contact.region, contact.line_type = found.region, found.line_type.value
    contact.time_zones = ",".join(found.time_zones)


def regions() -> dict[str, str]:
    """The account's countries, for a filter."""
    query = select(CountrySetting.region, CountrySetting.name).where(
        CountrySetting.account_id == auth.current_account().id
    )
    return {region: str(name) for region, name in db().execute(query.order_by(CountrySetting.name))}


def _zones(_view: Any, _context: Any, model: Contact, _name: str) -> str | Markup:
    if model.time_zone:
        return model.time_zone
    found = [zone for zone in model.time_zones.split(",") if zone]
    if not found:
        return NOTHING
    return found[0] if len(found) == 1 else f"{found[0]} or {len(found) - 1} more"


def _attributes(_view: Any, _context: Any, model: Contact, _name: str) -> Markup:
    if not model.attributes:
        return NOTHING
    return Markup("").join(
        Markup("<div>{}: {}</div>").format(words(key), value) for key, value in model.attributes.items()
    )


class ContactView(KeysetModelView):
    """Contacts by name; numbers masked for roles that may not see them."""

    view_right, edit_right = "contact:view", "contact:edit"
    creatable = editable = exportable = True
    record_name = "contact"
    purpose = "The people you may text. A number is checked when it comes in, and kept as it was written beside that."
    empty_hint = "Contacts arrive with the file of a campaign, or one by one here."
    search_hint = "Name, phone or member number"
    form = ContactForm
    details_template = "admin/contact.html"
    keyset_column, keyset_descending = "name", False
    order_words, newer_label, older_label = "By name", "Previous", "Next"
    column_list = ("name", "phone", "external_id", "region", "line_type", "zones", "updated_at")
    column_details_list = (
        "name", "phone", "external_id", "region", "line_type", "zones", "attributes", "created_at", "updated_at"
    )  # fmt: skip
    column_export_list = ("name", "phone", "external_id", "region", "line_type", "time_zone", "time_zones")
    column_labels: ClassVar[dict[str, str]] = {
        "external_id": "Member number", "region": "Country", "line_type": "Line", "zones": "Time zone", "attributes": "Fields",
        "created_at": "Added", "updated_at": "Changed",
    }  # fmt: skip
    column_searchable_list = ("name",)
    column_filters = (Chosen(Contact.region, "Country", regions), Chosen(Contact.line_type, "Line", LineType))
    column_formatters: ClassVar[dict[str, Any]] = {
        "phone": shown_by(phone), "line_type": shown_by(words), "zones": _zones, "updated_at": shown_by(when),
    }  # fmt: skip
    column_formatters_detail: ClassVar[dict[str, Any]] = {
        **column_formatters, "attributes": _attributes, "created_at": shown_by(moment), "updated_at": shown_by(moment),
    }  # fmt: skip
    column_formatters_export: ClassVar[dict[str, Any]] = {"phone": shown_by(phone)}
    audited_columns = ("name", "phone", "external_id", "time_zone", "attributes")

    def _apply_search(self, query: Any, count_query: Any, joins: Any, count_joins: Any, search: str) -> Any:
        if looks_like_phone(search):
            clause = or_(phone_clause(Contact.phone, search), Contact.external_id == search)
        else:
            clause = or_(name_clause(Contact.name, search), starts_with(Contact.external_id, search))
        return query.filter(clause), count_query, joins, count_joins

    def edit_form(self, obj: Any = None) -> Any:
        """Who may not see the number may not replace it either."""
        form = super().edit_form(obj)
        if not auth.allowed("pii:view"):
            del form.phone
        return form

    def commands(self, row: Contact) -> list[Command]:
        """Their texts and their consent."""
        return [Command("Messages", self.get_url("messages.index_view", contact=row.id), icon="message")]

    def latest(self, row: Contact) -> list[tuple[object, ...]]:
        """(when, badge, direction, link) of the newest messages with this person."""
        query = (
            select(Message)
            .where(Message.account_id == row.account_id, Message.phone == row.phone)
            .order_by(Message.id.desc())
            .limit(LATEST)
        )
        return [
            (when(m.created_at), status(m.status), m.direction.value, self.get_url("messages.details_view", id=m.id))
            for m in self.database.scalars(query)
        ]

    def standing(self, row: Contact) -> object:
        """Whether the person may be texted, as a badge."""
        found = consent.state(self.database, row.account_id, row.phone)
        return status(found.kind) if found else badge("No refusal known")
