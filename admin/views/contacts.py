"""Who are the people we hold?"""

from __future__ import annotations

from typing import Any, ClassVar

from markupsafe import Markup
from sqlalchemy import or_, select

from admin import auth
from admin.database import db
from admin.formatters import NOTHING, badge, moment, phone, shown_by, status, when, words
from admin.views.contact_erase import ContactErasure
from admin.views.contact_form import ContactForm
from admin.views.filters import Chosen
from admin.views.guarded import Command
from admin.views.search import looks_like_phone, name_clause, phone_clause, starts_with
from models.campaigns import AudienceRow, Run
from models.consent import Purpose
from models.contacts import Contact
from models.countries import CountrySetting
from models.messages import Message, with_phone
from models.phones import LineType
from sender import capped, consent, flags, lanes
from sender.debt_notices import debt_notice
from sender.explanation import BY_CONTACT

LATEST = 20
RUNS = 10


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


def _quiet(_view: Any, _context: Any, model: Contact, _name: str) -> str:
    if not model.quiet_hours:
        return NOTHING
    return f"{model.quiet_hours} ({model.quiet_source})" if model.quiet_source else model.quiet_hours


class ContactView(ContactErasure):
    """Contacts by name; numbers masked for roles that may not see them."""

    view_right, edit_right = "contact:view", "contact:edit"
    rights: ClassVar[dict[str, str]] = {"erase": "contact:erase"}
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
        "name", "phone", "external_id", "region", "line_type", "zones", "address_region", "quiet_hours", "attributes",
        "created_at", "updated_at",
    )  # fmt: skip
    column_export_list = ("name", "phone", "external_id", "region", "line_type", "time_zone", "time_zones")
    column_labels: ClassVar[dict[str, str]] = {
        "external_id": "Member number", "region": "Country", "line_type": "Line", "zones": "Time zone", "attributes": "Fields",
        "address_region": "State or province", "quiet_hours": "Not to be texted",
        "created_at": "Added", "updated_at": "Changed",
    }  # fmt: skip
    column_searchable_list = ("name",)
    column_filters = (Chosen(Contact.region, "Country", regions), Chosen(Contact.line_type, "Line", LineType))
    column_formatters: ClassVar[dict[str, Any]] = {
        "phone": shown_by(phone), "line_type": shown_by(words), "zones": _zones, "updated_at": shown_by(when),
    }  # fmt: skip
    column_formatters_detail: ClassVar[dict[str, Any]] = {
        **column_formatters, "attributes": _attributes, "quiet_hours": _quiet, "created_at": shown_by(moment),
        "updated_at": shown_by(moment),
    }  # fmt: skip
    column_formatters_export: ClassVar[dict[str, Any]] = {"phone": shown_by(phone)}
    audited_columns = (
        "name", "phone", "external_id", "time_zone", "address_region", "quiet_hours", "quiet_source", "attributes"
    )  # fmt: skip

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

    def _on_model_change(self, form: Any, model: Contact, is_created: bool) -> None:
        """What already waits for the person keeps to what is known of them, from the same transaction on."""
        super()._on_model_change(form, model, is_created)
        if not is_created:
            lanes.follow(self.database, model, now=self.now())

    def commands(self, row: Contact) -> list[Command]:
        """Their texts and their consent."""
        found = [Command("Messages", self.get_url("messages.index_view", contact=row.id), icon="message")]
        if auth.allowed("opt_in:ask"):
            found.append(Command("Ask to opt in…", self.get_url("opt_ins.ask", contact=row.id), icon="check"))
        if auth.allowed("consent:edit"):
            found.append(Command("Unsubscribe…", self.get_url("unsubscribes.create_view", contact=row.id), icon="ban"))
        if auth.allowed("flag:edit"):
            found.append(Command("Flag…", self.get_url("flags.create_view", contact=row.id), icon="shield"))
        if auth.allowed("contact:erase"):
            found.append(Command("Erase this person…", self.get_url(".erase", id=row.id), danger=True, icon="trash"))
        return found

    def latest(self, row: Contact) -> list[tuple[object, ...]]:
        """(when, badge, direction, link) of the newest messages with this person."""
        query = (
            select(Message)
            .where(with_phone(row.account_id, lambda number: number == row.phone))
            .order_by(Message.id.desc())
            .limit(LATEST)
        )
        return [
            (when(m.created_at), status(m.status), m.direction.value, self.get_url("messages.details_view", id=m.id))
            for m in self.database.scalars(query)
        ]

    def lately(self, row: Contact) -> capped.Lately:
        """How many texts of campaigns they got, and how that stands to the caps."""
        return capped.lately(self.database, self.account, row.phone, now=self.now())

    def standing(self, row: Contact) -> object:
        """Whether the person may be texted, as a badge."""
        found = consent.state(self.database, row.account_id, row.phone)
        flag = flags.standing(self.database, row.account_id, [row.phone], Purpose.ALL).get(row.phone)
        consented = status(found.kind) if found else badge("No refusal known")
        if flag is None:
            return consented
        return Markup("{} {}").format(consented, badge(f"Flag: {flags.meanings()[flag.kind].label.lower()}", "bad"))

    def campaigns(self, row: Contact) -> list[tuple[object, str, str]]:
        """(when, campaign, address of the decision record) of the newest runs with this person on their list."""
        if not auth.allowed("campaign:view"):
            return []
        listed = select(AudienceRow.row).where(
            AudienceRow.audience_id == Run.audience_id, AudienceRow.contact_id == row.id
        )
        listed = listed.with_hint(AudienceRow, BY_CONTACT, "sqlite")
        query = select(Run).where(Run.account_id == row.account_id, Run.skipped.is_(False), listed.exists())
        return [
            (
                when(run.started_at or run.due_at),
                run.campaign.name,
                self.get_url("campaigns.why", id=run.campaign_id, run=run.number, contact=row.id),
            )
            for run in self.database.scalars(query.order_by(Run.id.desc()).limit(RUNS))
        ]

    def debt_dates(self, row: Contact) -> list[tuple[str, str]]:
        """The dates of a validation notice, for people; none where no such text was sent."""
        found = debt_notice(self.database, row)
        if found is None:
            return []
        dates = [
            ("Validation notice sent", found.sent_on),
            ("Can be disputed until", found.ends_on),
            ("Came back", found.returned_on),
        ]
        return [(label, f"{day:%Y-%m-%d}") for label, day in dates if day is not None]
