"""How does a list of flags come in? A file and its source, what each row would do, and then the act."""

from __future__ import annotations

from collections import Counter
from typing import Any, BinaryIO, cast
from zoneinfo import ZoneInfo

from flask import redirect, request
from flask_admin.helpers import get_form_data
from wtforms import FileField, StringField
from wtforms.validators import Length

from admin import auth
from admin.forms import ConsoleForm, strip
from admin.views import uploads
from admin.views.campaign_lists import opened, upload_folder
from admin.views.guarded import flashed, page
from admin.views.keyset import KeysetModelView
from sender import flag_lists
from sender.flag_lists import Fate, Line
from sender.tables import AudienceProblem

SHOWN = 100
"""Rows with something about them that the preview writes out."""
GONE = "The file is no longer here. Choose it again."


class ImportForm(ConsoleForm):
    """A file, and who says so."""

    file = FileField("The list, as CSV or Excel (.xlsx)")
    source = StringField(
        "Source", [Length(max=flag_lists.LONGEST)], filters=[strip],
        description="Who says so, for rows whose own column is empty. A flag without a source is not taken.",
    )  # fmt: skip


class FlagImports(KeysetModelView):
    """The pages of an import."""

    @page("/import/", "GET", "POST")
    def import_list(self) -> Any:
        """Choose the file, and see what it would do."""
        form = ImportForm(get_form_data() if request.method == "POST" else None)
        if request.method == "POST" and form.validate():
            file = request.files.get("file")
            if file is None or not file.filename:
                form.file.errors = ["Choose a file."]
            else:
                kept = uploads.keep(
                    upload_folder(), cast(BinaryIO, file.stream), filename=file.filename, account_id=self.account.id,
                    actor=auth.actor(), now=self.now(),
                )  # fmt: skip
                try:
                    return self._preview(kept, form.source.data or "")
                except AudienceProblem as problem:
                    uploads.drop(kept)
                    form.file.errors = [problem.sentence]
        return self.render("flag_import.html", form=form)

    def _lines(self, kept: uploads.Upload, source: str) -> list[Line]:
        today = self.now().astimezone(ZoneInfo(self.account.time_zone)).date()
        with opened(kept, most_rows=flag_lists.MOST_ROWS) as table:
            return flag_lists.read(
                self.database, table, account_id=self.account.id, default_region=self.account.default_region, today=today,
                source=source,
            )  # fmt: skip

    def _preview(self, kept: uploads.Upload, source: str) -> Any:
        lines = self._lines(kept, source)
        odd = [line for line in lines if line.fate is not Fate.NEW]
        return self.render(
            "flag_preview.html", kept=kept, source=source, rows=len(lines), odd=odd[:SHOWN], more=len(odd) - SHOWN,
            counts=Counter(line.fate for line in lines), fates=Fate,
            kinds=Counter(line.kind for line in lines if line.fate is Fate.NEW),
            people=flag_lists.people(self.database, self.account.id, lines),
        )  # fmt: skip

    @page("/import/load/", "POST")
    def import_load(self) -> Any:
        """Raise the flags of a file that was looked at."""
        kept = uploads.find(upload_folder(), request.form.get("file", ""), account_id=self.account.id)
        if kept is None:
            flashed(GONE, good=False)
            return redirect(self.get_url(".import_list"))
        lines = self._lines(kept, request.form.get("source", "")[: flag_lists.LONGEST])
        evidence = {"file": kept.filename, "sha256": kept.sha256}
        made = flag_lists.load(
            self.database, lines, account_id=self.account.id, evidence=evidence, actor=auth.actor(), now=self.now()
        )
        self.record("flag:import", self.account, after={**evidence, "rows": len(lines), "raised": made})
        self.database.commit()
        uploads.drop(kept)
        flashed(f"{made:,} flag{'s' * (made != 1)} raised.")
        return redirect(self.get_url(".index_view"))
