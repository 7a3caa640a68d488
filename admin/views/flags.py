"""Which numbers have a flag that forbids a text, who says so, and who ended which?"""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from flask import abort, redirect, request
from markupsafe import Markup
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms import DateField, StringField, TextAreaField, ValidationError
from wtforms.validators import DataRequired, InputRequired, Length

from admin import auth
from admin.formatters import NOTHING, badge, moment, phone, shown_by, when, words
from admin.forms import ConsoleForm, Section, WordField, strip
from admin.views.filters import Chosen, Since, Until
from admin.views.flag_imports import FlagImports
from admin.views.guarded import Command, Tab, flashed, page
from admin.views.search import looks_like_phone, phone_clause
from models.contacts import Contact
from models.flags import ContactFlag, FlagKind
from models.phones import Phone, PhoneProblem, normalise
from sender import flags
from sender.worker import wall_clock

CLEARED = "cleared"


def today() -> date:
    """The day in the account's zone."""
    return wall_clock().astimezone(ZoneInfo(auth.current_account().time_zone)).date()


class FlagForm(ConsoleForm):
    """One flag by hand."""

    phone = StringField("Phone", [DataRequired()], filters=[strip], description="As you have it, in any notation.")
    kind = WordField("What it is", FlagKind, description="Each of them keeps the number from being texted.")
    since = DateField(
        "Since", [InputRequired("Choose a day.")],
        description="Of a reassigned number: the day on which it got another owner, or the latest that it may have been.",
    )  # fmt: skip
    source = StringField(
        "Source", [DataRequired(), Length(max=300)], filters=[strip], description="Such as: letter of the attorney, 3 November."
    )  # fmt: skip
    note = TextAreaField("Note", [Length(max=300)], filters=[strip])
    sections = (
        Section(
            "Flag a number", "It is not texted from this moment on, whatever it agreed to.",
            ("phone", "kind", "since", "source", "note"),
        ),
    )  # fmt: skip

    def validate_phone(self, field: Any) -> None:
        """A number that exists."""
        found = normalise(field.data, auth.current_account().default_region)
        if isinstance(found, PhoneProblem):
            raise ValidationError(found.sentence)

    def validate_since(self, field: Any) -> None:
        """A day that has come."""
        if field.data and field.data > today():
            raise ValidationError("This day has not come yet.")


class ClearForm(ConsoleForm):
    """Why a flag may go."""

    reason = TextAreaField(
        "Why it may go", [DataRequired(), Length(max=300)], filters=[strip],
        description="What you know now, and from whom. This is kept for ever.",
    )  # fmt: skip


def _state(_view: Any, _context: Any, model: ContactFlag, _name: str) -> Markup:
    return badge("Cleared") if model.cleared_at else badge("Stands", "bad")


def _kind(_view: Any, _context: Any, model: ContactFlag, _name: str) -> str:
    return flags.meanings()[model.kind].label


def _evidence(_view: Any, _context: Any, model: ContactFlag, _name: str) -> Markup:
    if not model.evidence:
        return NOTHING
    return Markup("").join(
        Markup("<div>{}: {}</div>").format(words(key), value) for key, value in model.evidence.items()
    )


class FlagView(FlagImports):
    """The flags that stand, or all there ever were."""

    view_right, edit_right = "flag:view", "flag:edit"
    rights: ClassVar[dict[str, str]] = {"clear": "flag:clear", "import_list": "flag:clear", "import_load": "flag:clear"}
    creatable = exportable = True
    record_name, create_label, create_verb = "flag", "Flag a number", "Flag"
    purpose = (
        "Numbers that get no text for another reason than their own refusal: attorneys, requests to cease, new owners."
    )
    empty_hint = "A flag is a number, what is known of it, since when, and from whom. Add one, or import a list."
    search_hint = "Phone number"
    form = FlagForm
    list_template, details_template = "flag_list.html", "flag_details.html"
    keyset_column = "id"
    extra_arguments = ("show",)
    primary_column = "phone"
    badge_columns = ("state",)
    column_list = ("phone", "kind", "state", "since", "source", "actor", "created_at")
    column_details_list = ("phone", "kind", "since", "source", "note", "evidence", "actor", "created_at")
    column_export_list = (
        "id", "phone", "kind", "since", "source", "note", "actor", "created_at", "cleared_at", "cleared_by", "cleared_reason",
    )  # fmt: skip
    column_labels: ClassVar[dict[str, str]] = {"actor": "Entered by", "created_at": "Entered", "kind": "What it is"}
    column_searchable_list = ("phone",)
    column_filters = (
        Chosen(ContactFlag.kind, "What it is", FlagKind),
        Since(ContactFlag.created_at, "Entered from", arg="since"),
        Until(ContactFlag.created_at, "Entered until", arg="until"),
    )
    column_formatters: ClassVar[dict[str, Any]] = {
        "phone": shown_by(phone), "kind": _kind, "state": _state, "created_at": shown_by(when),
    }  # fmt: skip
    column_formatters_detail: ClassVar[dict[str, Any]] = {
        **column_formatters,
        "evidence": _evidence,
        "created_at": shown_by(moment),
    }
    column_formatters_export: ClassVar[dict[str, Any]] = {"phone": shown_by(phone)}

    def showing_cleared(self) -> bool:
        """Whether the cleared ones are shown."""
        return request.args.get("show") == CLEARED

    def tabs(self) -> list[Tab]:
        """What stands now, or what was cleared."""
        cleared = self.showing_cleared()
        return [
            Tab("Standing", self.get_url(".index_view"), active=not cleared),
            Tab("Cleared", self.get_url(".index_view", show=CLEARED), active=cleared),
        ]

    def scoped(self, query: Any) -> Any:
        """The account's; in the list either what stands or what was cleared, in a file all of it."""
        query = super().scoped(query)
        if request.endpoint != "flags.index_view":
            return query
        return query.filter(
            ContactFlag.cleared_at.is_not(None) if self.showing_cleared() else ContactFlag.cleared_at.is_(None)
        )

    def _apply_search(self, query: Any, count_query: Any, joins: Any, count_joins: Any, search: str) -> Any:
        wanted = phone_clause(ContactFlag.phone, search) if looks_like_phone(search) else ContactFlag.id == -1
        return query.filter(wanted), count_query, joins, count_joins

    def create_form(self, obj: Any = None) -> Any:
        """Since today; with the number of a contact, whose page may lead here."""
        form = super().create_form(obj)
        if request.method != "GET":
            return form
        form.since.data = today()
        key = request.args.get("contact", "")
        if key.isascii() and key.isdigit() and len(key) < 19 and auth.allowed("pii:view"):
            mine = (Contact.id == int(key), Contact.account_id == self.account.id)
            form.phone.data = self.database.scalar(select(Contact.phone).where(*mine))
        return form

    def create_model(self, form: Any) -> Any:
        """A flag is raised."""
        found = normalise(form.phone.data, self.account.default_region)
        assert isinstance(found, Phone), "the form has checked it"
        flag = flags.add(
            self.database, account_id=self.account.id, phone=found.e164, kind=form.kind.data, since=form.since.data,
            source=form.source.data, note=form.note.data or "", actor=auth.actor(), now=self.now(),
        )  # fmt: skip
        self.record("flag:raise", flag, after={"phone": flag.phone, "kind": flag.kind.value, "since": str(flag.since)})
        self.database.commit()
        return flag

    def commands(self, row: ContactFlag) -> list[Command]:
        """Ending one that stands."""
        if row.cleared_at is not None or not auth.allowed("flag:clear"):
            return []
        return [Command("Clear…", self.get_url(".clear", id=row.id))]

    def meaning(self, row: ContactFlag) -> flags.Meaning:
        """What the flag says, and what it rests on."""
        return flags.meanings()[row.kind]

    def state(self, row: ContactFlag) -> Markup:
        """Whether it stands, as a badge."""
        return _state(self, None, row, "state")

    def history(self, row: ContactFlag) -> list[tuple[str, object, str, str]]:
        """Every flag that the number has had, as steps, oldest first."""
        mine = (ContactFlag.account_id == row.account_id, ContactFlag.phone == row.phone)
        steps: list[tuple[Any, tuple[str, object, str, str]]] = []
        for one in self.database.scalars(select(ContactFlag).where(*mine).order_by(ContactFlag.id).limit(100)):
            label = flags.meanings()[one.kind].label
            by = f"By {one.actor}. " if one.actor else ""
            steps.append((one.created_at, (f"{label}: raised", moment(one.created_at), f"{by}{one.source}", "bad")))
            if one.cleared_at is not None:
                said = f"By {one.cleared_by}. {one.cleared_reason}"
                steps.append((one.cleared_at, (f"{label}: cleared", moment(one.cleared_at), said, "")))
        return [step for _, step in sorted(steps, key=lambda pair: pair[0])]

    @page("/clear/", "GET", "POST")
    def clear(self) -> Response | str:
        """End a flag, with the reason why it may end."""
        row: ContactFlag = self.get_one(request.args.get("id", ""))
        if row.cleared_at is not None:
            abort(404)
        form = ClearForm(request.form if request.method == "POST" else None)
        if request.method == "POST" and form.validate():
            try:
                flags.clear(self.database, row, reason=form.reason.data, now=self.now(), actor=auth.actor())
            except flags.NotAllowed as refusal:
                self.database.rollback()
                flashed(str(refusal), good=False)
                return redirect(self.get_url(".details_view", id=row.id))
            self.record("flag:clear", row, after={"kind": row.kind.value, "since": str(row.since)})
            self.database.commit()
            flashed("The flag is cleared.")
            return redirect(self.get_url(".index_view"))
        told = self.meaning(row)
        return str(
            self.render(
                "admin/command.html", title="Clear this flag", form=form,
                sentence="The flag stays in the history, with who cleared it and why.",
                warnings=[f"{told.means}. It ends: {told.ends[0].lower()}{told.ends[1:]}."],
                facts=[
                    ("Phone", phone(row.phone)), ("What it is", told.label), ("Since", f"{row.since:%-d %b %Y}"),
                    ("Source", row.source),
                ],
                verb="Clear", cancel_url=self.get_url(".details_view", id=row.id),
            )
        )  # fmt: skip
