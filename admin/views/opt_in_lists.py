"""How does a list of people who agreed elsewhere come in? Judged row by row and shown first, then written as a whole."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, BinaryIO, ClassVar, cast

from flask import redirect, request
from flask_admin.helpers import get_form_data
from werkzeug.wrappers import Response
from wtforms import FileField
from wtforms.validators import DataRequired, InputRequired

from admin import auth
from admin.forms import ConsoleForm, WordField
from admin.views import uploads
from admin.views.campaign_lists import UPLOAD_AGAIN, upload_folder
from admin.views.guarded import flashed, page
from admin.views.opt_in_wordings import OptInWordings
from models.consent import Purpose
from sender import audience, opt_in_lists

SHOWN = 100
"""Refused rows that the page lists."""


BOUGHT = "A bought, rented or shared list proves nothing, so it cannot be loaded. Ask the people themselves."


class Origin(StrEnum):
    """Where a list is from."""

    OWN_FORM = "our_own_form_on_paper_or_on_the_web"
    OWN_SYSTEM = "another_system_of_ours"
    OWN_CALLS = "our_own_calls_written_down"
    OTHERS = "bought_rented_or_shared_by_others"


class ListForm(ConsoleForm):
    """A list, and what it is."""

    origin = WordField("Where the list is from", Origin, validators=[DataRequired()])
    purpose = WordField(
        "What they agreed to",
        Purpose,
        validators=[DataRequired()],
        options=(Purpose.ACCOUNT, Purpose.MARKETING, Purpose.ALL),
    )
    file = FileField(
        "The list, as CSV or Excel (.xlsx)",
        [InputRequired("Choose the list.")],
        description="Columns: phone, at, how, wording, evidence. That is who, when, how, the words shown, and where the proof is.",
    )


class OptInLists(OptInWordings):
    """The pages of a list."""

    rights: ClassVar[dict[str, str]] = {**OptInWordings.rights, "load": "opt_in:load", "preview": "opt_in:load"}

    @page("/load/", "GET", "POST")
    def load(self) -> Response | str:
        """Upload a list."""
        form = ListForm(get_form_data() if request.method == "POST" else None)
        if request.method == "POST" and form.validate():
            file = request.files.get("file")
            if form.origin.data is Origin.OTHERS:
                form.origin.errors = [
                    "A bought, rented or shared list proves nothing, so it cannot be loaded. Ask the people themselves."
                ]
            elif file is None or not file.filename:
                form.file.errors = ["Choose the list."]
            else:
                kept = uploads.keep(
                    upload_folder(), cast("BinaryIO", file.stream), filename=file.filename, account_id=self.account.id,
                    actor=auth.actor(), now=self.now(),
                )  # fmt: skip
                found = self._reading(kept, form.purpose.data)
                if not isinstance(found, str):
                    chosen = {"origin": form.origin.data.value, "purpose": form.purpose.data.value}
                    return redirect(self.get_url(".preview", file=kept.token, **chosen))
                uploads.drop(kept)
                form.file.errors = [found]
        return self.render("opt_ins/load.html", form=form)

    def _reading(self, kept: uploads.Upload, purpose: Purpose) -> opt_in_lists.Reading | str:
        """What the list comes to, or the sentence why it cannot be read."""
        try:
            with kept.open() as stream:
                table = audience.open_table(kept.filename, stream, max_rows=opt_in_lists.MOST_ROWS)
                return opt_in_lists.read(
                    self.database,
                    account=self.account,
                    table=table,
                    sha256=kept.sha256,
                    purpose=purpose,
                    now=self.now(),
                )
        except audience.AudienceProblem as problem:
            return problem.sentence

    @page("/load/preview/", "GET", "POST")
    def preview(self) -> Response | str:
        """What would be written, and what not and why; then write it."""
        kept = uploads.find(upload_folder(), request.args.get("file", ""), account_id=self.account.id)
        origin, purpose = request.args.get("origin", ""), request.args.get("purpose", "")
        if kept is None or origin not in list(Origin) or origin == Origin.OTHERS or purpose not in list(Purpose):
            flashed(UPLOAD_AGAIN, good=False)
            return redirect(self.get_url(".load"))
        found = self._reading(kept, Purpose(purpose))
        if isinstance(found, str):
            flashed(found, good=False)
            return redirect(self.get_url(".load"))
        if request.method == "POST" and found.good:
            return self._write(kept, found, Origin(origin), Purpose(purpose))
        return self.render(
            "opt_ins/preview.html", kept=kept, found=found, origin=Origin(origin), about=Purpose(purpose), shown=SHOWN
        )

    def _write(self, kept: uploads.Upload, found: opt_in_lists.Reading, origin: Origin, purpose: Purpose) -> Response:
        count = opt_in_lists.load(
            self.database, account=self.account, proofs=found.good, purpose=purpose, filename=kept.filename,
            sha256=kept.sha256, origin=origin.value, actor=auth.actor(), now=self.now(),
        )  # fmt: skip
        after: dict[str, Any] = {"file_sha256": kept.sha256, "origin": origin.value, "purpose": purpose.value}
        self.record("opt_in:load", self.account, after={**after, "rows": count, "refused": len(found.refused)})
        self.database.commit()
        uploads.drop(kept)
        flashed(f"{count:,} {'person is' if count == 1 else 'people are'} in the consent ledger as having agreed.")
        return redirect(self.get_url("unsubscribes.index_view", show="events"))
