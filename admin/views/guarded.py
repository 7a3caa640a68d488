"""What every page of the console obeys: it is guarded, works in one account only, and leaves an audit entry behind.

Flask-Admin's own defaults are closed here, once: views are public, `get_one` ignores the query's scope, errors show their SQL,
exports go by GET, any column is a form field, a posted foreign key of another tenant is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from flask import abort, flash, redirect, request, url_for
from flask_admin import BaseView, expose
from flask_admin.actions import action
from flask_login import current_user
from sqlalchemy import inspect
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response
from wtforms import ValidationError

from admin import audit, auth, errors
from admin.database import db
from admin.views.addresses import AddressedModelView
from admin.views.exports import stream_csv
from models.accounts import Account
from sender.worker import wall_clock


@dataclass(frozen=True)
class Command:
    """Something that can be done to a row, as an entry of its menu. Without `confirm` it is a link, with it a POST."""

    label: str
    url: str
    confirm: str = ""
    """The dialog's title, a verb: "Deactivate Anna Berg?"."""
    text: str = ""
    typed: str = ""
    danger: bool = False
    icon: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Hidden fields of the POST."""


@dataclass(frozen=True)
class Tab:
    """One of the tabs over a list."""

    label: str
    url: str
    count: int | None = None
    active: bool = False


F = TypeVar("F", bound=Callable[..., Any])


def page(path: str, *methods: str) -> Callable[[F], F]:
    """Make a method of a view a page: `@page("/")` answers GET, `@page("/send/", "POST")` only POST."""
    found: Callable[[F], F] = expose(path, methods=methods or ("GET",))
    return found


def several(name: str, label: str, text: str) -> Callable[[F], F]:
    """Make a method of a view a command on the rows that are ticked; `text` is what the dialog says."""
    found: Callable[[F], F] = action(name, label, text)
    return found


class Guarded:
    """Mix-in of every view: who may open it, and what it says about itself."""

    view_right: str = ""
    """The right that opens it; a view without one cannot be registered."""
    rights: ClassVar[Mapping[str, str]] = {}
    """Further rights by name of the view function."""
    purpose: str = ""
    """One sentence under the title."""

    def is_accessible(self) -> bool:
        """Whether the signed-in user may open it; the menu asks this, too."""
        return auth.allowed(self.view_right)

    def _handle_view(self, name: str, **kwargs: Any) -> Response | None:
        if not current_user.is_authenticated:
            asked = request.full_path.rstrip("?") if request.method == "GET" else None
            return redirect(url_for("security.login", next=asked))
        auth.require(self.view_right)
        if name in self.rights:
            auth.require(self.rights[name])
        return None

    def _run_view(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        return fn(self, *args, **kwargs)

    def menu_count(self) -> int:
        """How many things of this page wait for a person; the menu shows it."""
        return 0

    @property
    def account(self) -> Account:
        """The account that the page works in."""
        return auth.current_account()

    @property
    def database(self) -> Session:
        """The request's session: reading for GET, writing for POST."""
        return db()

    def now(self) -> datetime:
        """The time; views are an edge and may read the clock."""
        return wall_clock()

    def record(
        self,
        action: str,
        subject: Any,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """An audit entry about a row, in the transaction at hand."""
        audit.record(
            self.database, account_id=self.account.id, actor=auth.actor(), action=action, before=before, after=after,
            subject_kind=type(subject).__tablename__, subject_id=subject.id, subject=str(subject),
            ip=request.remote_addr or "", now=self.now(),
        )  # fmt: skip


class GuardedView(Guarded, BaseView):
    """A page that is not a table."""


class GuardedModelView(Guarded, AddressedModelView):
    """A table of one account: list, details, create, edit, export, as far as the class says and the role allows."""

    edit_right: str = ""
    creatable = editable = deletable = exportable = False
    record_name = "record"
    """One of them, in lower case: "contact"."""
    record_plural = ""
    """Several of them, if it is not the word with an s."""
    create_label = create_verb = ""
    """Instead of "New contact" and "Create contact"."""
    search_hint = ""
    empty_hint = ""
    """What to do when there is nothing yet."""
    primary_column = ""
    """The column that names the row and links to it; the first one if empty."""
    numeric_columns: tuple[str, ...] = ()
    badge_columns: tuple[str, ...] = ()
    hidden_for: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Columns that need a right: {"cost:view": ("price",)}."""
    action_rights: ClassVar[Mapping[str, str]] = {}
    audited_columns: tuple[str, ...] = ()
    """The columns whose changes are written down; empty means those of the form."""

    page_size = 50
    can_view_details = True
    action_disallowed_list: ClassVar[list[str]] = ["delete"]
    column_formatters_export: ClassVar[dict[str, Any]] = {}

    def __init__(self, model: Any, **kwargs: Any) -> None:
        if not self.view_right or ((self.creatable or self.editable) and not (self.edit_right and self.form)):
            raise TypeError(f"{type(self).__name__} needs a view_right, and a form and an edit_right if it edits.")
        self.column_details_list: Any = self.column_details_list or self.column_list
        super().__init__(model, db, **kwargs)

    # who may do what
    @property
    def can_create(self) -> bool:
        return self.creatable and auth.allowed(self.edit_right)

    @property
    def can_edit(self) -> bool:
        return self.editable and auth.allowed(self.edit_right)

    @property
    def can_delete(self) -> bool:
        return self.deletable and auth.allowed(self.edit_right)

    @property
    def can_export(self) -> bool:
        return self.exportable and auth.allowed("export")

    def _handle_view(self, name: str, **kwargs: Any) -> Response | None:
        answer = super()._handle_view(name, **kwargs)
        needed = {
            "create_view": "can_create", "edit_view": "can_edit", "delete_view": "can_delete", "export": "can_export",
            "details_view": "can_view_details",
        }  # fmt: skip
        if answer is None and name in needed and not getattr(self, needed[name]):
            abort(403)
        return answer

    def is_action_allowed(self, name: str) -> bool:
        right = self.action_rights.get(name)
        return right is not None and auth.allowed(right) and super().is_action_allowed(name)

    def row_may(self, verb: str, row: Any) -> bool:
        """Whether this row may be edited or deleted in its present state."""
        return True

    def commands(self, row: Any) -> list[Command]:
        """What the row's menu and its details page offer besides viewing and editing."""
        return []

    def below(self, row: Any) -> str:
        """A second, quiet line under the row's name in the list."""
        return ""

    def tabs(self) -> list[Tab]:
        """The tabs over the list."""
        return []

    def no_match(self) -> tuple[str, str]:
        """What an empty list says where filters or a search narrow it."""
        return "No match", "Nothing here fits the search or the filters."

    # which rows
    def scoped(self, query: Any) -> Any:
        """Only the current account's rows. The one place that says so for lists, details, edits, actions and exports."""
        return query.filter(self.model.account_id == self.account.id)

    def get_query(self) -> Any:
        return self.scoped(super().get_query())

    def get_count_query(self) -> Any:
        return self.scoped(super().get_count_query())

    def get_one(self, id: Any) -> Any:
        key = str(id)
        if not (key.isascii() and key.isdigit() and len(key) < 19):
            abort(404)
        found = self.get_query().filter(getattr(self.model, self._primary_key) == int(key)).one_or_none()
        return found if found is not None else abort(404)

    def selected(self, ids: list[str]) -> list[Any]:
        """The rows of an action on several, within the scope."""
        keys = [int(key) for key in ids if key.isascii() and key.isdigit() and len(key) < 19]
        return list(self.get_query().filter(getattr(self.model, self._primary_key).in_(keys[:1000])))

    # which columns
    def counted(self, count: int | str) -> str:
        """How many there are: "1 contact", "more than 10,000 contacts"."""
        shown = f"{count:,}" if isinstance(count, int) else count
        return f"{shown} {self.record_name if shown == '1' else self.plural}"

    @property
    def plural(self) -> str:
        """Several of them."""
        return self.record_plural or self.record_name + "s"

    def column_index(self, name: str) -> int:
        """The place by which the list's address names a column to sort by."""
        return next((place for place, (column, _) in enumerate(self._list_columns) if column == name), -1)

    def hidden(self) -> set[str]:
        """The columns that the role may not see."""
        return {name for right, names in self.hidden_for.items() if not auth.allowed(right) for name in names}

    def render(self, template: str, **kwargs: Any) -> Any:
        hidden = self.hidden()
        for columns in ("list_columns", "details_columns"):
            if columns in kwargs:
                kwargs[columns] = [(name, label) for name, label in kwargs[columns] if name not in hidden]
        return super().render(template, **kwargs)

    def create_form(self, obj: Any = None) -> Any:
        return self._without_hidden(super().create_form(obj))

    def edit_form(self, obj: Any = None) -> Any:
        if obj is not None and not self.row_may("edit", obj):
            abort(403, description="This cannot be changed in its present state.")
        return self._without_hidden(super().edit_form(obj))

    def _without_hidden(self, form: Any) -> Any:
        for name in self.hidden():
            if name in form:
                del form[name]
        return form

    # changes
    def _on_model_change(self, form: Any, model: Any, is_created: bool) -> None:
        now = self.now()
        if is_created:
            if hasattr(type(model), "account_id"):
                model.account_id = self.account.id
            if hasattr(type(model), "created_at"):
                model.created_at = now
        if hasattr(type(model), "updated_at") and (is_created or self.database.is_modified(model)):
            model.updated_at = now
        super()._on_model_change(form, model, is_created)
        names = self.audited_columns or tuple(name for name in form.data if hasattr(type(model), name))
        before, after = changes(model, names)
        self.database.flush()
        kind = type(model).__tablename__
        if is_created:
            self.record(f"{kind}:create", model, after=after)
        elif after:
            self.record(f"{kind}:edit", model, before=before, after=after)

    def on_model_delete(self, model: Any) -> None:
        if not self.row_may("delete", model):
            raise ValidationError("This cannot be deleted in its present state.")
        columns = {column.key: getattr(model, column.key) for column in inspect(type(model)).column_attrs}
        self.record(f"{type(model).__tablename__}:delete", model, before=columns)

    def handle_view_exception(self, exc: Exception) -> bool:
        """Say in one sentence what went wrong; never what the database said."""
        if isinstance(exc, HTTPException):
            raise exc
        if isinstance(exc, ValidationError):
            flash(str(exc), "error")
        elif isinstance(exc, IntegrityError):
            flash(f"Another {self.record_name} has this already, or something still depends on it.", "error")
        else:
            flash(f"That could not be saved. Reference {errors.log_problem(exc)}.", "error")
        return True

    # export
    @page("/export/<export_type>/", "POST")
    def export(self, export_type: str) -> Response:
        """Stream the filtered list as CSV; POST only, with an audit entry."""
        if export_type != "csv":
            abort(404)
        args = self._get_list_extra_args()
        _, query = self.get_list(
            0, None, sort_desc=False, search=args.search, filters=args.filters, execute=False, page_size=0
        )
        columns = [(name, label) for name, label in self._export_columns if name not in self.hidden()]
        self.database.flush()
        audit.record(
            self.database, account_id=self.account.id, actor=auth.actor(), action=f"{self.model.__tablename__}:export",
            subject_kind=self.model.__tablename__, subject_id="", subject=str(self.name), ip=request.remote_addr or "",
            after={"filters": [f"{n}: {v}" for _, n, v in args.filters or []], "search": bool(args.search)}, now=self.now(),
        )  # fmt: skip
        self.database.commit()
        return stream_csv(query, columns, self.get_export_value, name=str(self.name))


def changes(model: Any, names: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(before, after) of the named columns that differ from the database."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name in names:
        history = inspect(model).attrs[name].history
        if history.has_changes() and list(history.deleted) != list(history.added):
            before[name] = history.deleted[0] if history.deleted else None
            after[name] = history.added[0] if history.added else None
    return before, after


def flashed(text: str, *, good: bool = True) -> None:
    """A toast on the next page."""
    flash(text, "success" if good else "error")
