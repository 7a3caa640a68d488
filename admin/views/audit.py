"""Who changed what, from what, to what, when, and is the record whole?"""

from __future__ import annotations

from typing import Any, ClassVar

from markupsafe import Markup
from sqlalchemy import func, select

from admin import audit, auth
from admin.database import db
from admin.formatters import NOTHING, badge, moment, shown_by, when
from admin.views.audit_words import differences, line, said
from admin.views.filters import Chosen, Since, Until
from admin.views.guarded import page
from admin.views.keyset import KeysetModelView
from admin.views.search import starts_with
from models.chain import link
from models.users import AuditEntry


def _what(_view: Any, _context: Any, model: AuditEntry, _name: str) -> Markup:
    return Markup('{}<span class="sub">{}</span>').format(said(model), model.subject or model.subject_id)


def _changes(_view: Any, _context: Any, model: AuditEntry, _name: str) -> Markup:
    rows = differences(model.before, model.after)
    shown = Markup("").join(line(*row) for row in rows[:3])
    more = Markup('<span class="soft">and {} more</span>').format(len(rows) - 3) if len(rows) > 3 else ""
    return Markup('<span class="diff small">{}{}</span>').format(shown, more) if rows else NOTHING


def _sealed(_view: Any, _context: Any, model: AuditEntry, _name: str) -> Markup:
    if model.erased_at is not None:
        return badge("Erased")
    fits = model.hash == link(model.previous_hash, model.facts())
    return badge("Sealed", "ok") if fits else badge("Altered", "bad")


def actions() -> dict[str, str]:
    """The actions that the account's log holds, for a filter."""
    query = select(AuditEntry.action, AuditEntry.subject_kind).where(AuditEntry.account_id == auth.current_account().id)
    return {
        action: said(AuditEntry(action=action, subject_kind=kind)) for action, kind in db().execute(query.distinct())
    }


class AuditView(KeysetModelView):
    """The audit log."""

    view_right = "audit:view"
    exportable = True
    record_name, record_plural = "entry", "entries"
    purpose = "Who changed what, from what to what. Entries are sealed one to the next and cannot be changed."
    empty_hint = "The first change that anyone makes appears here."
    search_hint = "Who (address)"
    list_template, details_template = "admin/audit.html", "admin/audit_entry.html"
    keyset_column = "at"
    primary_column = "what"
    badge_columns = ("sealed",)
    column_list = ("what", "changes", "actor", "at", "sealed")
    column_details_list = ("what", "actor", "at", "ip", "number", "sealed", "hash", "previous_hash")
    column_export_list = (
        "number",
        "at",
        "actor",
        "action",
        "subject_kind",
        "subject_id",
        "subject",
        "before",
        "after",
        "ip",
        "hash",
    )
    column_labels: ClassVar[dict[str, str]] = {
        "at": "When", "actor": "Who", "what": "What", "changes": "Before → after", "ip": "From address", "sealed": "Seal",
        "hash": "Hash", "previous_hash": "Hash before it", "number": "Entry number",
    }  # fmt: skip
    column_searchable_list = ("actor",)
    column_filters = (
        Chosen(AuditEntry.action, "What", actions),
        Since(AuditEntry.at, "From", arg="since"),
        Until(AuditEntry.at, "Until", arg="until"),
    )
    column_formatters: ClassVar[dict[str, Any]] = {
        "at": shown_by(when), "what": _what, "changes": _changes, "sealed": _sealed,
    }  # fmt: skip
    column_formatters_detail: ClassVar[dict[str, Any]] = {**column_formatters, "at": shown_by(moment)}

    def _apply_search(self, query: Any, count_query: Any, joins: Any, count_joins: Any, search: str) -> Any:
        return query.filter(starts_with(AuditEntry.actor, search.lower())), count_query, joins, count_joins

    def differences(self, row: AuditEntry) -> list[tuple[str, str, str]]:
        """Every changed field of one entry."""
        return differences(row.before, row.after)

    @page("/check/")
    def check(self) -> str:
        """Walk the account's whole chain."""
        broken = audit.broken_link(self.database, self.account.id)
        last = self.database.scalars(
            select(AuditEntry)
            .where(AuditEntry.account_id == self.account.id)
            .order_by(AuditEntry.number.desc())
            .limit(1)
        ).first()
        count = self.database.scalar(select(func.count()).where(AuditEntry.account_id == self.account.id)) or 0
        return str(self.render("admin/audit_check.html", broken=broken, last=last, count=count))
