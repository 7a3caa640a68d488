"""What do people agree to, where is the page on which they do, and how is that shown to a carrier?"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, cast
from urllib.parse import urlsplit

import qrcode  # type: ignore[import-untyped]
from flask import abort, redirect, request
from markupsafe import Markup
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms import SelectField, StringField, TextAreaField, ValidationError
from wtforms.validators import DataRequired, Length

from admin import auth, evidence, join, pictures
from admin.forms import CHOOSE, ConsoleForm, Section, WordField, strip
from admin.views.guarded import flashed, page
from admin.views.keyset import KeysetModelView
from models.consent import Purpose
from models.opt_ins import OptInCapture, OptInWording
from sender import opt_in_words, opt_ins

STATIC = Path(__file__).parents[1] / "static"


class WordingForm(ConsoleForm):
    """A version of what people agree to."""

    brand = StringField(
        "Name in texts", [DataRequired(), Length(max=40)], filters=[strip], description="Each text begins with it."
    )
    language = SelectField(
        "Language", [DataRequired()], choices=list(opt_in_words.LANGUAGES.items()), invalid_choice_message=CHOOSE
    )
    purpose = WordField(
        "What is agreed to", Purpose, validators=[DataRequired()], options=(Purpose.ACCOUNT, Purpose.MARKETING)
    )
    programme = StringField(
        "Texts about",
        [DataRequired(), Length(max=80)],
        filters=[strip],
        description="Such as: your membership and our events.",
    )
    frequency = StringField(
        "How often", [DataRequired(), Length(max=40)], filters=[strip], description="Such as: up to 4 messages a month."
    )
    description = TextAreaField(
        "Description",
        [DataRequired(), Length(max=600)],
        filters=[strip],
        description="What one gets, in a sentence or two.",
    )
    terms_url = StringField("Link to the terms", [DataRequired(), Length(max=300)], filters=[strip])
    privacy_url = StringField("Link to the privacy policy", [DataRequired(), Length(max=300)], filters=[strip])
    sections = (
        Section("The programme", "One page asks for one thing.", ("brand", "language", "purpose", "frequency"), 2),
        Section("What people read", "Rates, HELP and STOP are added by themselves.", ("programme", "description")),
        Section("Links", "Both must open without a sign-in.", ("terms_url", "privacy_url"), 2),
    )

    def validate_terms_url(self, field: Any) -> None:
        """An address that everybody can open."""
        parts = urlsplit(field.data)
        if parts.scheme != "https" or "." not in (parts.hostname or ""):
            raise ValidationError("Give a whole address that begins with https://.")

    validate_privacy_url = validate_terms_url

    def draft(self) -> OptInWording:
        """The version as it would be, for a preview; kept nowhere."""
        said = {name: self[name].data for name in ("brand", "programme", "frequency")}
        return OptInWording(
            language=self.language.data, purpose=self.purpose.data, description=self.description.data,
            terms_url=self.terms_url.data, privacy_url=self.privacy_url.data,
            agreement=opt_in_words.agreement(self.language.data, **said), **said,
        )  # fmt: skip


class OptInWordings(KeysetModelView):
    """The pages about the public page."""

    rights: ClassVar[dict[str, str]] = {"write": "opt_in:wording", "capture": "opt_in:wording"}

    @page("/wording/")
    def wording(self) -> Any:
        """The wording in force, the page's address, the versions and the evidence."""
        account = self.account
        mine = select(OptInWording).where(OptInWording.account_id == account.id).order_by(OptInWording.number.desc())
        versions = list(self.database.scalars(mine))
        captures = select(OptInCapture).where(OptInCapture.account_id == account.id).order_by(OptInCapture.id.desc())
        return self.render(
            "opt_ins/wording.html", versions=versions, wording=versions[0] if versions else None,
            captures=[(one, join.picture_url(account, one)) for one in self.database.scalars(captures)],
            url=join.public_url(account), drawn=drawn, texts=texts,
        )  # fmt: skip

    @page("/wording/new/", "GET", "POST")
    def write(self) -> Response | str:
        """A new version: looked at first, then published."""
        last = opt_ins.current_wording(self.database, self.account.id)
        form = WordingForm(request.form if request.method == "POST" else None, obj=last, data=self._beginning(last))
        draft = None
        if request.method == "POST" and form.validate():
            if request.form.get("do") == "publish":
                return self._publish(form)
            draft = form.draft()
        return self.render(
            "opt_ins/write.html", form=form, draft=draft, texts=texts(draft) if draft else [],
            said=opt_in_words.phrases(draft.language) if draft else {}, number=last.number + 1 if last else 1,
        )  # fmt: skip

    def _beginning(self, last: OptInWording | None) -> dict[str, Any] | None:
        return None if last else {"brand": self.account.name, "language": "en", "purpose": Purpose.ACCOUNT}

    def _publish(self, form: WordingForm) -> Response:
        fields = {name: form[name].data for name in form.data if name != "csrf_token"}
        made = opt_ins.publish(self.database, account_id=self.account.id, actor=auth.actor(), now=self.now(), **fields)
        self.record("opt_in:wording", made, after={"number": made.number, "agreement": made.agreement})
        self.database.commit()
        flashed(f"Version {made.number} is on the public page from now on.")
        return redirect(self.get_url(".wording"))

    @page("/capture/", "POST")
    def capture(self) -> Response:
        """Keep a picture of the page, and the page as it is now."""
        wording, file = opt_ins.current_wording(self.database, self.account.id), request.files.get("picture")
        if wording is None:
            abort(404)
        if file is None or not file.filename:
            return self._not_kept("Choose the screenshot first.")
        try:
            held, kind = pictures.read(cast("BinaryIO", file.stream))
        except pictures.NotAPicture as problem:
            return self._not_kept(str(problem))
        digest = sha256(held).hexdigest()
        known = select(OptInCapture.id).where(OptInCapture.wording_id == wording.id, OptInCapture.sha256 == digest)
        if self.database.scalar(known) is None:
            copy = join.copied(wording, page_css())
            made = OptInCapture(
                account_id=self.account.id, wording_id=wording.id, image=held, media_type=kind, sha256=digest,
                url=join.public_url(self.account), page=copy, page_sha256=sha256(copy.encode()).hexdigest(),
                captured_by=auth.actor(), captured_at=self.now(),
            )  # fmt: skip
            self.database.add(made)
            self.database.flush()
            self.record("opt_in:capture", made, after={"sha256": digest, "wording": wording.number})
            self.database.commit()
        flashed("The picture is kept, with a copy of the page as it is now.")
        return redirect(self.get_url(".wording", _anchor="evidence"))

    def _not_kept(self, why: str) -> Response:
        flashed(why, good=False)
        return redirect(self.get_url(".wording", _anchor="evidence"))

    @page("/pack/")
    def pack(self) -> Response:
        """The evidence as a zip archive, or with `form=pdf` as a PDF."""
        capture = self._capture(request.args.get("id", ""))
        wording = capture.wording
        as_pdf = request.args.get("form") == "pdf"
        made = evidence.pdf if as_pdf else evidence.pack
        held = made(wording, capture, texts=texts(wording), image_url=join.picture_url(self.account, capture))
        answer = Response(held, mimetype="application/pdf" if as_pdf else "application/zip")
        name = f"opt-in-{self.account.slug}-v{wording.number}-{capture.captured_at:%Y%m%d}.{'pdf' if as_pdf else 'zip'}"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer

    def _capture(self, key: str) -> OptInCapture:
        if not (key.isascii() and key.isdigit() and len(key) < 19):
            abort(404)
        mine = (OptInCapture.id == int(key), OptInCapture.account_id == self.account.id)
        return self.database.scalars(select(OptInCapture).where(*mine)).first() or abort(404)


def texts(wording: OptInWording) -> list[str]:
    """What a person gets by text on the way to a yes, as an example."""
    return [opt_in_words.ask(wording), opt_in_words.welcome(wording)]


@cache
def page_css() -> str:
    """The styles of the public page."""
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in ("console.css", "opt_ins.css"))


def drawn(url: str) -> Markup:
    """An address as a code that a camera reads, drawn inline."""
    code = qrcode.QRCode(border=0)
    code.add_data(url)
    code.make(fit=True)
    rows = code.get_matrix()
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    return Markup(
        '<svg class="qr-code" viewBox="0 0 {0} {0}" role="img" aria-label="The page’s address as a QR code"><path d="{1}"/></svg>'
    ).format(len(rows), path)
