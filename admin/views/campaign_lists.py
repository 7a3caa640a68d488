"""Who is on a campaign's list? An audience that is there, or a file: uploaded, its columns named, loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path, PurePath
from typing import Any, BinaryIO, ClassVar, cast

from flask import current_app, redirect, request
from flask_admin.helpers import get_form_data
from sqlalchemy import delete, select
from werkzeug.wrappers import Response
from wtforms import FileField

from admin import auth
from admin.database import db
from admin.forms import ConsoleForm, RowField
from admin.views import uploads
from admin.views.campaign_steps import CampaignSteps
from admin.views.guarded import flashed, page
from models.campaigns import Audience, AudienceRow, Campaign
from models.templates import TemplateVersion
from sender import audience
from sender.columns import slug
from sender.tables import Table
from sender.templates import TemplateError, parse

MOST_ROWS = 250_000
"""Rows of a list that one request reads; a longer one is uploaded in parts."""
LOOKED_AT = 3
UPLOAD_AGAIN = "The file is no longer here. Upload it again; the rest is as you left it."


def audiences() -> list[tuple[int, str]]:
    """The account's newest complete lists."""
    query = select(Audience).where(Audience.account_id == auth.current_account().id, Audience.complete.is_(True))
    return [
        (one.id, f"{one.name}: {one.usable:,} of {one.rows:,} rows can be texted")
        for one in db().scalars(query.order_by(Audience.id.desc()).limit(100))
    ]


class AudienceForm(ConsoleForm):
    """The second step: a list that is there, or a file."""

    audience = RowField("A list that you uploaded before", audiences, blank="Choose a list", validators=[])
    file = FileField("A new list, as CSV or Excel (.xlsx)")


class CampaignLists(CampaignSteps):
    """The pages between the text and the review."""

    rights: ClassVar[Mapping[str, str]] = {
        **CampaignSteps.rights,
        "choose_audience": "campaign:edit", "columns": "campaign:edit",
    }  # fmt: skip

    @page("/audience/", "GET", "POST")
    def choose_audience(self) -> Any:
        """Step 2: a list that is there, or a file."""
        chosen = self.chosen()
        picked = self.picked(chosen)
        if picked is None:
            return redirect(self.get_url(".create_view", **chosen))
        campaign = self.draft(chosen["campaign"]) if "campaign" in chosen else None
        posted = get_form_data() if request.method == "POST" else None
        form = AudienceForm(posted, data={"audience": campaign.audience_id if campaign else None})
        if request.method == "POST" and form.validate():
            file = request.files.get("file")
            if file is not None and file.filename:
                kept = self._keep(cast(BinaryIO, file.stream), file.filename)
                problem = self._fault(kept)
                if not problem:
                    return redirect(self.get_url(".columns", file=kept.token, **chosen))
                uploads.drop(kept)
                form.file.errors = [problem]
            elif form.audience.data:
                return self.save(self.database.get_one(Audience, form.audience.data), chosen, next_page=".review")
            else:
                form.audience.errors = ["Choose a list, or upload a file."]
        return self.render_step("campaign_audience.html", 2, form=form, needed=needed(picked[0]))

    def _keep(self, stream: BinaryIO, filename: str) -> uploads.Upload:
        place, account_id = upload_folder(), self.account.id
        return uploads.keep(place, stream, filename=filename, account_id=account_id, actor=auth.actor(), now=self.now())

    @staticmethod
    def _fault(kept: uploads.Upload) -> str:
        """Why the file is no list, or ""."""
        try:
            with opened(kept) as table:
                next(table.rows, None)
        except audience.AudienceProblem as problem:
            return problem.sentence
        return ""

    @page("/columns/", "GET", "POST")
    def columns(self) -> Any:
        """Step 2, continued: which column is what."""
        chosen = self.chosen()
        picked = self.picked(chosen)
        kept = uploads.find(upload_folder(), request.args.get("file", ""), account_id=self.account.id)
        if picked is None or kept is None:
            return self._lost(chosen)
        with opened(kept) as table:
            rows = list(islice(table.rows, LOOKED_AT))
        mapping, problem = audience.suggest_columns(table.columns), ""
        name = f"{PurePath(kept.filename).stem} {self.now():%b %-d}"
        if request.method == "POST":
            name = request.form.get("name", "").strip()[:120] or name
            mapping = {column: request.form.get(f"column-{i}", "")[:40] for i, column in enumerate(table.columns)}
            try:
                loaded = self._load(kept, mapping, name)
            except audience.AudienceProblem as fault:
                problem = fault.sentence
            else:
                uploads.drop(kept)
                return self.save(loaded, chosen, next_page=".loaded")
        suggested = audience.suggest_columns(table.columns)
        slugs = {
            column: suggested[column] if suggested[column] not in OWN else slug(column) for column in table.columns
        }
        return self.render_step(
            "campaign_columns.html", 2, kept=kept, columns=table.columns, rows=rows, mapping=mapping, name=name,
            problem=problem, slugs=slugs, needed=needed(picked[0]), own=OWN,
        )  # fmt: skip

    def _lost(self, chosen: Mapping[str, str]) -> Response:
        """Where to go on when the file is gone: to the draft that was made of it, else one step back."""
        made = self.database.scalars(
            select(Campaign).where(Campaign.account_id == self.account.id, Campaign.name == chosen.get("name", ""))
        ).first()
        if made is not None and "campaign" not in chosen:
            return redirect(self.get_url(".loaded", id=made.id))
        flashed(UPLOAD_AGAIN, good=False)
        return redirect(self.get_url(".choose_audience", **chosen))

    def _load(self, kept: uploads.Upload, mapping: Mapping[str, str], name: str) -> Audience:
        """Read the whole file into an audience, committed in portions; nothing of it is left when it turns out to be faulty."""
        session, now = self.database, self.now()
        try:
            with opened(kept) as table:
                loaded = audience.load(
                    session, account=self.account, name=name, filename=kept.filename, sha256=kept.sha256, columns=mapping,
                    table=table, now=now, created_by=auth.actor(), progress=lambda _done: session.commit(),
                )  # fmt: skip
        except audience.AudienceProblem:
            session.rollback()
            self._forget(now)
            raise
        after = {"rows": loaded.rows, "usable": loaded.usable, "filename": loaded.filename, "sha256": loaded.sha256}
        self.record("audience:load", loaded, after=after)
        return loaded

    def _forget(self, created_at: datetime) -> None:
        """Remove the part of a faulty list that was committed; the contacts stay, they are people we know now."""
        broken = select(Audience.id).where(
            Audience.account_id == self.account.id, Audience.complete.is_(False), Audience.created_at == created_at
        )
        ids = self.database.scalars(broken).all()
        self.database.execute(delete(AudienceRow).where(AudienceRow.audience_id.in_(ids)))
        self.database.execute(delete(Audience).where(Audience.id.in_(ids)))
        self.database.commit()


OWN = {
    "phone": "Mobile number", "name": "Full name", "first_name": "First name", "last_name": "Last name",
    "external_id": "Member number", "time_zone": "Time zone",
}  # fmt: skip
"""Fields that a column may be chosen as, beside a field of its own name."""


@contextmanager
def opened(kept: uploads.Upload, *, most_rows: int = MOST_ROWS) -> Iterator[Table]:
    """The list in an uploaded file. Raises AudienceProblem."""
    with kept.open() as stream:
        table = _table(kept.filename, stream, most_rows)
        if isinstance(table, str):
            raise audience.AudienceProblem(table)
        yield table


def _table(filename: str, stream: BinaryIO, most_rows: int) -> Table | str:
    """The table, or why there is none."""
    try:
        return audience.open_table(filename, stream, max_rows=most_rows)
    except audience.AudienceProblem as problem:
        return problem.sentence


def needed(version: TemplateVersion) -> tuple[str, ...]:
    """The fields without which a person gets no text."""
    try:
        return parse(version.source).required
    except TemplateError:
        return ()


def upload_folder() -> Path:
    """Where uploads wait: `UPLOADS` of the app's configuration, else a private folder for temporary files."""
    return uploads.folder(current_app.config.get("UPLOADS"))
