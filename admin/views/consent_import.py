"""How do refusals from elsewhere join the ledger? A file, where it comes from, one look at what it would do, and then once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, ClassVar, cast

from flask import redirect, request
from flask_admin.helpers import get_form_data
from werkzeug.wrappers import Response
from wtforms import DateField, FileField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from admin import auth
from admin.formatters import zone
from admin.forms import ConsoleForm, strip
from admin.views import uploads
from admin.views.campaign_lists import UPLOAD_AGAIN, upload_folder
from admin.views.consent_proof import ConsentProof
from admin.views.guarded import flashed, page
from sender import refusals
from sender.tables import AudienceProblem, Table, open_table

MOST_ROWS = 20_000
"""Rows of a list that one request reads and seals, in a few seconds; a longer one is uploaded in parts."""


class ImportForm(ConsoleForm):
    """A list, and where it comes from."""

    file = FileField("The list, as CSV or Excel (.xlsx)")
    origin = StringField(
        "Where it comes from", [DataRequired("Say where the list comes from."), Length(max=200)], filters=[strip],
        description="Such as: unsubscribes of our last provider, exported by Dana Reyes.",
    )  # fmt: skip
    taken_on = DateField("As of", [InputRequired("Give the day on which the list was made.")])


class OriginForm(ConsoleForm):
    """The same facts, in the address of the preview."""

    origin = ImportForm.origin
    taken_on = ImportForm.taken_on


class ConsentImport(ConsentProof):
    """The pages between a file and the ledger."""

    rights: ClassVar[Mapping[str, str]] = {"import_list": "consent:edit", "preview": "consent:edit"}

    @page("/import/", "GET", "POST")
    def import_list(self) -> Response | str:
        """A file and its origin."""
        form = ImportForm(get_form_data() if request.method == "POST" else None)
        if request.method == "POST" and form.validate() and self._past(form):
            file = request.files.get("file")
            if file is None or not file.filename:
                form.file.errors = ["Choose a file."]
            else:
                kept = uploads.keep(
                    upload_folder(), cast(BinaryIO, file.stream), filename=file.filename, account_id=self.account.id,
                    actor=auth.actor(), now=self.now(),
                )  # fmt: skip
                try:
                    with _opened(kept) as table:
                        refusals.read(self.database, self.account, table)
                except AudienceProblem as problem:
                    uploads.drop(kept)
                    form.file.errors = [problem.sentence]
                else:
                    given = {"origin": form.origin.data, "taken_on": f"{form.taken_on.data}"}
                    return redirect(self.get_url(".preview", file=kept.token, **given))
        return str(self.render("admin/consent_import.html", form=form, most=MOST_ROWS))

    def _past(self, form: Any) -> bool:
        """A list of tomorrow is a mistake of the pen."""
        if form.taken_on.data <= self.now().astimezone(zone()).date():
            return True
        form.taken_on.errors = ["This day has not come yet; give the day on which the list was made."]
        return False

    @page("/preview/", "GET", "POST")
    def preview(self) -> Response | str:
        """What the list would do, row by row; a POST does it."""
        form, kept = OriginForm(request.args), self._kept()
        if kept is None or not form.validate() or not self._past(form):
            flashed(UPLOAD_AGAIN, good=False)
            return redirect(self.get_url(".import_list"))
        try:
            with _opened(kept) as table:
                if request.method == "POST":
                    return self._written(kept, form, table)
                found = refusals.read(self.database, self.account, table)
        except AudienceProblem as problem:
            flashed(problem.sentence, good=False)
            return redirect(self.get_url(".import_list"))
        return str(self.render("admin/consent_preview.html", found=found, kept=kept, form=form, shown=refusals.SHOWN))

    def _kept(self) -> uploads.Upload | None:
        return uploads.find(upload_folder(), request.args.get("file", ""), account_id=self.account.id)

    def _written(self, kept: uploads.Upload, form: Any, table: Table) -> Response:
        """Write it, with one audit entry for the whole list. If we die before the file is dropped, it adds nothing again."""
        evidence = {
            "file": kept.filename, "sha256": kept.sha256, "origin": form.origin.data, "taken_on": f"{form.taken_on.data}",
        }  # fmt: skip
        found = refusals.write(
            self.database, self.account, table, evidence=evidence, actor=auth.actor(), now=self.now()
        )
        counts = {
            "rows": found.rows, "added": len(found.new), "already": found.already, "twice": len(found.twice),
            "not_read": len(found.faults),
        }  # fmt: skip
        self.record("consent:import", self.account, after={**evidence, **counts})
        self.database.commit()
        uploads.drop(kept)
        count = len(found.new)
        flashed(f"{count:,} number{' is' if count == 1 else 's are'} unsubscribed. {found.already:,} had been before.")
        return redirect(self.get_url(".index_view"))


@contextmanager
def _opened(kept: uploads.Upload) -> Iterator[Table]:
    """The list in an uploaded file. Raises AudienceProblem."""
    with kept.open() as stream:
        yield open_table(kept.filename, stream, max_rows=MOST_ROWS)
