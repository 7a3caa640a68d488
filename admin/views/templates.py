"""What do we say? Templates, and every wording that ever was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from flask import abort, g, redirect, request
from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from admin import auth
from admin.database import db
from admin.formatters import NOTHING, badge, number, shown_by, when, words
from admin.views.filters import Yes
from admin.views.guarded import Command, Tab, flashed, page
from admin.views.template_savings import TemplateSavings
from admin.views.template_versions import TemplateVersions
from models.templates import Template, TemplateVersion


def newest_versions(session: Session, account_id: int) -> dict[int, TemplateVersion]:
    """Template id → its newest version, for all of an account's templates."""
    newest = (
        select(TemplateVersion.template_id, func.max(TemplateVersion.number).label("number"))
        .join(Template)
        .where(Template.account_id == account_id)
        .group_by(TemplateVersion.template_id)
        .subquery()
    )
    both = (newest.c.template_id == TemplateVersion.template_id) & (newest.c.number == TemplateVersion.number)
    return {version.template_id: version for version in session.scalars(select(TemplateVersion).join(newest, both))}


def _current(template: Template) -> TemplateVersion | None:
    """The newest version of a row; those of the whole list are read together, once a request."""
    if "newest_versions" not in g:
        g.newest_versions = newest_versions(db(), auth.current_account().id)
    found: dict[int, TemplateVersion] = g.newest_versions
    return found.get(template.id)


def _says(_view: Any, _context: Any, template: Template, _name: str) -> object:
    version = _current(template)
    if version is None:
        return NOTHING
    text = " ".join(version.source.split())
    return Markup('<span class="wide">{}</span>').format(text if len(text) <= 110 else f"{text[:110].rstrip()}…")


def _versions(_view: Any, _context: Any, template: Template, _name: str) -> object:
    version = _current(template)
    return number(version.number if version else 0)


class TemplateView(TemplateSavings, TemplateVersions):
    """Templates."""

    view_right, edit_right = "template:view", "template:edit"
    rights: ClassVar[Mapping[str, str]] = {
        "count": "template:edit",
        "shorten": "template:edit",
        "savings": "template:edit",
        "archive": "template:edit",
        "restore": "template:edit",
        "approve": "template:edit",
        "again": "template:edit",
    }
    creatable = editable = True
    record_name = "template"
    purpose = "What we say. A saved wording is never changed: a new one is the next version."
    empty_hint = "Write the first text. It counts its segments while you type."
    column_list = ("name", "says", "purpose", "versions", "updated_at")
    column_labels: ClassVar[dict[str, str]] = {"purpose": "Kind", "updated_at": "Changed", "versions": "Version"}
    numeric_columns = ("versions",)
    column_sortable_list = ("name", "purpose", "updated_at")
    column_default_sort = "name"
    column_searchable_list = ("name",)
    search_hint = "Search name"
    column_filters = (Yes(Template.archived, "Archived"), Yes(Template.system, "System", right="template:edit"))
    column_formatters: ClassVar[dict[str, Any]] = {
        "says": _says, "versions": _versions, "purpose": shown_by(words), "updated_at": shown_by(when),
    }  # fmt: skip

    def scoped(self, query: Any) -> Any:
        """The account's; system texts only for those who may edit, archived ones only where they are asked for."""
        query = super().scoped(query)
        if not auth.allowed("template:edit"):
            query = query.filter(Template.system.is_(False))
        if (
            request.endpoint != f"{self.endpoint}.index_view"
            or self.filtered_by("archived")
            or self.filtered_by("system")
        ):
            return query
        return query.filter(Template.archived.is_(False), Template.system.is_(False))

    def tabs(self) -> list[Tab]:
        """In use, archived, and the system's own for those who may edit."""
        mine = select(Template.archived, Template.system, func.count()).where(Template.account_id == self.account.id)
        counts = {
            (row[0], row[1]): row[2] for row in self.database.execute(mine.group_by(Template.archived, Template.system))
        }
        archived, system = self.filtered_by("archived"), self.filtered_by("system")
        found = [
            Tab(
                "In use", self.get_url(".index_view"), counts.get((False, False), 0), active=not archived and not system
            ),
            Tab(
                "Archived",
                self.filter_url(archived="yes", system="no"),
                counts.get((True, False), 0),
                active=archived == "yes",
            ),
        ]
        if auth.allowed("template:edit"):
            every = sum(n for (_, own), n in counts.items() if own)
            found.append(Tab("System", self.filter_url(system="yes"), every, active=system == "yes"))
        return found

    def below(self, row: Template) -> Markup:
        """What is special about it."""
        if row.system:
            return badge("System")
        return badge("Archived") if row.archived else Markup("")

    def row_may(self, verb: str, row: Template) -> bool:
        """System texts are protected; archived ones are restored first."""
        return not (row.system or row.archived)

    def commands(self, row: Template) -> list[Command]:
        """Archive or restore."""
        if row.system or not auth.allowed("template:edit"):
            return []
        if row.archived:
            return [
                Command(
                    "Restore",
                    self.get_url(".restore", id=row.id),
                    confirm=f"Restore {row.name}?",
                    text="New campaigns can use it again.",
                )
            ]
        text = "New campaigns cannot use it any more. What was sent with it stays as it is, and you can restore it."
        return [
            Command(
                "Archive",
                self.get_url(".archive", id=row.id),
                confirm=f"Archive {row.name}?",
                text=text,
                icon="archive",
            )
        ]

    @page("/archive/", "POST")
    def archive(self) -> Response:
        """Take it off the lists."""
        return self._set_archived(archived=True)

    @page("/restore/", "POST")
    def restore(self) -> Response:
        """Put it back."""
        return self._set_archived(archived=False)

    def _set_archived(self, *, archived: bool) -> Response:
        template: Template = self.get_one(request.args.get("id"))
        if template.system:
            abort(403, description="A system text is protected.")
        if template.archived is not archived:
            template.archived, template.updated_at = archived, self.now()
            action = "template:archive" if archived else "template:restore"
            self.record(action, template, before={"archived": not archived}, after={"archived": archived})
            self.database.commit()
        flashed("Archived." if archived else "Restored.")
        return redirect(self.get_url(".details_view", id=template.id))
