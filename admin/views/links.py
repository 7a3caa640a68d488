"""Which short links stand in our texts, and how often are they followed?"""

from __future__ import annotations

from typing import Any, ClassVar

from flask import g, redirect, request
from flask_admin.helpers import get_form_data
from markupsafe import Markup
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.validators import InputRequired, ValidationError

from admin import auth
from admin.database import configuration, db
from admin.formatters import badge, number, shown_by, when
from admin.forms import ConsoleForm, strip
from admin.views.guarded import Command, GuardedModelView, flashed, page
from models.links import ShortLink
from sender import short_links


class LinkForm(ConsoleForm):
    """An address to be shortened."""

    url = StringField(
        "Leads to", [InputRequired("Enter the address.")], filters=[strip],
        description="The whole address. It cannot be changed later, because the texts with it are out; a link can be closed.",
    )  # fmt: skip

    def validate_url(self, field: Any) -> None:
        """It is an address that may stand in a text."""
        try:
            field.data = short_links.checked(field.data or "")
        except short_links.LinkProblem as problem:
            raise ValidationError(str(problem)) from problem


def _clicks(view: Any, _context: Any, link: ShortLink, _name: str) -> object:
    if "link_clicks" not in g:
        shown = view.database.query(ShortLink.id).where(ShortLink.account_id == link.account_id)
        g.link_clicks = short_links.clicks(view.database, [row[0] for row in shown])
    return number(g.link_clicks.get(link.id, 0))


def _address(_view: Any, _context: Any, link: ShortLink, _name: str) -> Markup:
    return Markup('<span class="mono">{}</span>').format(short_links.address(configuration().public_url, link))


class LinkView(GuardedModelView):
    """Short links of the account."""

    view_right, edit_right = "template:view", "template:edit"
    rights: ClassVar[dict[str, str]] = {"close": "template:edit"}
    form = LinkForm
    creatable = True
    record_name = "link"
    create_label, create_verb = "Shorten an address", "Shorten"
    purpose = "Addresses on our own domain for use in texts. Public shorteners are shared with everyone, and carriers filter them."
    empty_hint = "Shorten an address here, or in the editor of a template."
    column_list = ("short", "url", "clicks", "created_by", "created_at")
    column_details_list = column_list
    column_labels: ClassVar[dict[str, str]] = {
        "short": "Link", "url": "Leads to", "clicks": "Followed", "created_by": "Made by", "created_at": "Made",
    }  # fmt: skip
    numeric_columns = ("clicks",)
    column_sortable_list = ("created_at",)
    column_default_sort = ("created_at", True)
    column_searchable_list = ("url", "code")
    search_hint = "Search address"
    column_formatters: ClassVar[dict[str, Any]] = {"short": _address, "clicks": _clicks, "created_at": shown_by(when)}

    def below(self, row: ShortLink) -> Markup:
        """Whether it is closed."""
        return badge("Closed", "warn") if row.closed_at else Markup("")

    @page("/new/", "GET", "POST")
    def create_view(self) -> Any:
        """Shorten an address; the link that leads there already is used again."""
        form = LinkForm(get_form_data() if request.method == "POST" else None)
        if request.method == "POST" and form.validate():
            link = short_links.shorten(
                db(), account_id=self.account.id, url=form.url.data, actor=auth.actor(), now=self.now()
            )
            self.record("link:create", link, after={"url": link.url})
            self.database.commit()
            flashed(f"{short_links.address(configuration().public_url, link)} leads there now.")
            return redirect(self.get_url(".index_view"))
        return self.render(self.create_template, form=form, return_url=self.get_url(".index_view"))

    def commands(self, row: ShortLink) -> list[Command]:
        """Close it."""
        if row.closed_at or not auth.allowed("template:edit"):
            return []
        text = "Whoever follows it from a text is told that it is closed. It cannot be opened again."
        url = self.get_url(".close", id=row.id)
        return [Command("Close", url, confirm=f"Close {row.code}?", text=text, danger=True, icon="ban")]

    @page("/close/", "POST")
    def close(self) -> Response:
        """Let it lead nowhere."""
        link: ShortLink = self.get_one(request.args.get("id"))
        if link.closed_at is None:
            link.closed_at = self.now()
            self.record("link:close", link, after={"closed": True})
            self.database.commit()
        flashed(f"{link.code} is closed.")
        return redirect(self.get_url(".index_view"))
