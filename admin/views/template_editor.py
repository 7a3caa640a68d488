"""How is a wording written? The editor, its live count, and the next version that saving makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from flask import abort, jsonify, redirect, request
from flask_admin.helpers import get_form_data
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms import BooleanField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, ValidationError

from admin import auth
from admin.database import db
from admin.forms import CHOOSE, ConsoleForm, WordField, strip
from admin.views.guarded import flashed, page
from admin.views.template_counts import count, place
from admin.views.template_drafts import draft
from admin.views.template_links import TemplateLinks
from admin.views.template_trials import known_fields
from models.consent import Purpose
from models.templates import Template, TemplateVersion
from sender import opt_out_notices
from sender.categories import DEFAULT, categories
from sender.opt_out_notices import Policy
from sender.templates import TemplateError, parse
from sender.worker import wall_clock

PURPOSES = (Purpose.ACCOUNT, Purpose.MARKETING)
LANGUAGES = {"en": "English", "es": "Spanish", "fr": "French"}
"""Those in which we know the words that stop us."""
LONGEST_SOURCE = 5_000


class CategoryField(SelectField):
    """The name of a category that is in force today."""

    def iter_choices(self) -> Any:
        """Those of today, and the one that the template has, whatever became of it since."""
        self.choices = [(one.name, one.title) for one in categories(wall_clock().date()).values()]
        if self.data and self.data not in dict(self.choices):
            self.choices.append((self.data, self.data))
        return super().iter_choices()

    def pre_validate(self, form: Any) -> None:
        if self.data not in categories(wall_clock().date()) and self.data != self.object_data:
            raise ValidationError(CHOOSE)


class TemplateForm(ConsoleForm):
    """A template and its wording."""

    name = StringField(
        "Name", [InputRequired("Give the text a name."), Length(max=120)], filters=[strip],
        description="For you and your colleagues; recipients do not see it.",
    )  # fmt: skip
    purpose = WordField(
        "Kind", Purpose, options=PURPOSES, default=Purpose.ACCOUNT, validators=[InputRequired()],
        description="Account: about a membership or an order. Marketing: everything that invites or advertises.",
    )  # fmt: skip
    category = CategoryField(
        "Category", default=DEFAULT,
        description="Other, unless rules of its own are about it: a receipt, an invitation, a notice of a debt.",
    )  # fmt: skip
    language = SelectField(
        "Language", choices=list(LANGUAGES.items()), default="en",
        description="Of the text, so that it can be looked for in it how to stop.",
    )  # fmt: skip
    notice = BooleanField(
        "Say how to stop", description="Added to the end of a text that does not say it yet, in its language, and counted with it.",
    )  # fmt: skip
    source = TextAreaField("Text", [InputRequired("Write the text."), Length(max=LONGEST_SOURCE)])
    note = StringField(
        "What changed", [Length(max=200)], filters=[strip], description="One line for whoever reads the versions later."
    )
    base = HiddenField()
    """The version that the page began with: a newer one means that somebody else saved."""
    template_id: int | None = None

    def validate_name(self, field: Any) -> None:
        """Each name once in an account."""
        same = select(Template.id).where(Template.account_id == auth.current_account().id, Template.name == field.data)
        if db().scalar(same.where(Template.id != (self.template_id or 0))) is not None:
            raise ValidationError("There is a template with this name already. Choose another name.")

    def validate_source(self, field: Any) -> None:
        """It can be parsed; the first mistake is said with its place."""
        field.data = (field.data or "").replace("\r\n", "\n")
        try:
            parse(field.data)
        except TemplateError as problem:
            said = place(field.data, problem.position)
            raise ValidationError(f"{said[:1].upper()}{said[1:]}: {problem.sentence}") from problem


class TemplateEditor(TemplateLinks):
    """The pages that write."""

    rights: ClassVar[Mapping[str, str]] = {"count": "template:edit"}
    form = TemplateForm

    @page("/new/", "GET", "POST")
    def create_view(self) -> Any:
        """A new template with its first wording."""
        expected = self._policy(PURPOSES[0]) is not Policy.OFFERED
        form = TemplateForm(get_form_data() if request.method == "POST" else None, data={"notice": expected})
        if request.method == "POST" and self._valid(form):
            now = self.now()
            template = Template(
                account_id=self.account.id,
                name=form.name.data,
                purpose=form.purpose.data,
                category=form.category.data,
                created_at=now,
                updated_at=now,
            )
            self.database.add(template)
            self.database.flush()
            version = self._add_version(template, form, 1)
            self.record(
                "template:create",
                template,
                after=_said(template, version),
            )
            self.database.commit()
            flashed(f"Saved “{template.name}”.")
            return redirect(self.get_url(".details_view", id=template.id))
        return self._editor(form, None)

    @page("/edit/", "GET", "POST")
    def edit_view(self) -> Any:
        """The newest wording, to be saved as the next version."""
        template: Template = self.get_one(request.args.get("id"))
        if not self.row_may("edit", template):
            abort(403, description="A system text is protected, and an archived one has to be restored first.")
        current = template.current
        begun = {
            "name": template.name, "purpose": template.purpose, "category": template.category,
            "source": current.source if current else "", "language": current.language if current else "en",
            "notice": self._policy(template.purpose) is not Policy.OFFERED,
        }  # fmt: skip
        form = TemplateForm(
            get_form_data() if request.method == "POST" else None,
            data=begun | {"base": current.number if current else 0},
        )
        form.template_id = template.id
        if request.method == "POST" and self._valid(form) and self._save(template, form):
            return redirect(self.get_url(".details_view", id=template.id))
        return self._editor(form, template)

    def _policy(self, purpose: Purpose) -> Policy:
        return opt_out_notices.policy(self.account.profile, purpose, self.now().date())

    def _valid(self, form: TemplateForm) -> bool:
        """Whether it can be saved; then its text says how to stop, where that is asked for."""
        if not form.validate():
            return False
        if form.notice.data or self._policy(form.purpose.data) is Policy.REQUIRED:
            form.source.data = opt_out_notices.complete(form.source.data, form.language.data, self.now().date())
        return True

    def _save(self, template: Template, form: TemplateForm) -> bool:
        """Write the changes; False when somebody saved another version meanwhile, with a sentence beside the text."""
        self.database.execute(select(Template.id).where(Template.id == template.id).with_for_update())
        self.database.refresh(template, ["versions"])
        current = template.current
        newest = current.number if current else 0
        if form.base.data != str(newest):
            form.source.errors = [
                f"Version {newest} was saved meanwhile, by {current.created_by if current else ''}. Your text is still here."
            ]
            form.base.raw_data, form.base.data = None, str(newest)
            return False
        before = _said(template, current)
        template.name, template.purpose, template.category = form.name.data, form.purpose.data, form.category.data
        reworded = (form.source.data, form.language.data) != (before["text"], before["language"])
        after = _said(template, self._add_version(template, form, newest + 1) if reworded else current)
        changed = [name for name in after if after[name] != before[name]]
        if changed:
            template.updated_at = self.now()
            self.record(
                "template:edit", template, before={n: before[n] for n in changed}, after={n: after[n] for n in changed}
            )
        self.database.commit()
        flashed(f"Saved version {newest + 1}." if reworded else "Saved." if changed else "Nothing was changed.")
        return True

    def _add_version(self, template: Template, form: TemplateForm, version: int) -> TemplateVersion:
        made = TemplateVersion(
            template_id=template.id, number=version, source=form.source.data, language=form.language.data,
            note=form.note.data or "", created_by=auth.actor(), created_at=self.now(),
        )  # fmt: skip
        self.database.add(made)
        self.database.flush()
        return made

    def _editor(self, form: TemplateForm, template: Template | None) -> Any:
        source = form.source.data or ""
        return self.render(
            "template_edit.html", form=form, model=template, known=known_fields(self.database, self.account.id),
            categories=tuple(categories(self.now().date()).values()),
            policies={purpose.value: self._policy(purpose).value for purpose in PURPOSES},
            counted=count(self.database, self.account.id, source).plain() if source else None,
        )  # fmt: skip

    @page("/count/", "POST")
    def count(self) -> Response:
        """The segments of a wording as it stands, for the editor: JSON in, JSON out."""
        return jsonify(count(self.database, self.account.id, draft(self.now().date()).source).plain())


def _said(template: Template, version: TemplateVersion | None) -> dict[str, str]:
    """What the audit log keeps of a template."""
    return {
        "name": template.name, "purpose": template.purpose.value, "category": template.category,
        "language": version.language if version else "", "text": version.source if version else "",
    }  # fmt: skip
