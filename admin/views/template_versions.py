"""What does a template say now, what did it say before, and who approved it? An earlier wording can be used again."""

from __future__ import annotations

from typing import Any

from flask import abort, redirect, request
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from admin import auth
from admin.views.guarded import Command, flashed, page
from admin.views.template_editor import LANGUAGES, TemplateEditor
from models.campaigns import Campaign
from models.settings import value
from models.templates import Template, TemplateVersion
from sender.categories import categories


class TemplateVersions(TemplateEditor):
    """The page of one template."""

    details_template = "template_details.html"

    @page("/details/")
    def details_view(self) -> Any:
        """What it says now, and what it said before."""
        template: Template = self.get_one(request.args.get("id"))
        used = select(Campaign.template_version_id, func.count()).where(
            Campaign.template_version_id.in_([version.id for version in template.versions])
        )
        uses = {row[0]: row[1] for row in self.database.execute(used.group_by(Campaign.template_version_id))}
        return self.render(
            self.details_template, model=template, uses=uses, versions=template.versions[::-1], waits=self.waits,
            languages=LANGUAGES, category=categories(self.now().date()).get(template.category),
        )  # fmt: skip

    def waits(self, version: TemplateVersion) -> bool:
        """Whether no campaign may send it until somebody has approved it."""
        return version.approved_by is None and bool(value(self.database, "approval", account_id=self.account.id))

    def version_commands(self, version: TemplateVersion) -> list[Command]:
        """Approve what somebody else wrote; say an earlier wording again."""
        template = version.template
        if not self.can_edit or not self.row_may("edit", template):
            return []
        found: list[Command] = []
        if self.waits(version) and version.created_by != auth.actor():
            text = "Campaigns may send it from now on. Your name stands beside it."
            url = self.get_url(".approve", id=template.id, version=version.number)
            found = [Command("Approve", url, confirm=f"Approve version {version.number}?", text=text, icon="check")]
        if template.current is version:
            return found
        text = f"It becomes version {len(template.versions) + 1}, which new campaigns say. The others stay."
        url = self.get_url(".again", id=template.id, version=version.number)
        return [
            *found,
            Command("Use it again", url, confirm=f"Use version {version.number} again?", text=text, icon="repeat"),
        ]

    def _version(self) -> TemplateVersion:
        """The wording that a POST is about, with its template locked: 404 without one."""
        template: Template = self.get_one(request.args.get("id"))
        if not self.row_may("edit", template):
            abort(403, description="A system text is protected, and an archived one has to be restored first.")
        self.database.execute(select(Template.id).where(Template.id == template.id).with_for_update())
        self.database.refresh(template, ["versions"])
        number = request.args.get("version", "")
        found = [one for one in template.versions if str(one.number) == number]
        return found[0] if found else abort(404)

    @page("/approve/", "POST")
    def approve(self) -> Response:
        """Say that campaigns may send a wording that somebody else wrote."""
        version = self._version()
        template = version.template
        if version.created_by == auth.actor():
            flashed("You wrote it: ask a colleague to approve it.", good=False)
        elif not self.waits(version):
            flashed(f"Version {version.number} does not wait for approval.", good=False)
        else:
            version.approved_by, template.updated_at = auth.actor(), self.now()
            self.record("template:approve", template, after={"version": version.number, "approved_by": auth.actor()})
            self.database.commit()
            flashed(f"Version {version.number} is approved.")
        return redirect(self.get_url(".details_view", id=template.id))

    @page("/again/", "POST")
    def again(self) -> Response:
        """Make an earlier wording the newest version, approved if it was."""
        version = self._version()
        template, current = version.template, version.template.current
        if current is None or current is version:
            flashed("It is what the template says already.", good=False)
            return redirect(self.get_url(".details_view", id=template.id))
        made = TemplateVersion(
            template_id=template.id, number=current.number + 1, source=version.source, language=version.language,
            media_url=version.media_url, note=f"Version {version.number} again", approved_by=version.approved_by,
            created_by=auth.actor(), created_at=self.now(),
        )  # fmt: skip
        self.database.add(made)
        template.updated_at = self.now()
        self.record(
            "template:again", template, before={"version": current.number, "text": current.source},
            after={"version": made.number, "text": made.source},
        )  # fmt: skip
        self.database.commit()
        flashed(f"Version {version.number} is used again, as version {made.number}.")
        return redirect(self.get_url(".details_view", id=template.id))
