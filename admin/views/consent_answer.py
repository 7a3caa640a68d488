"""What does somebody read who texts STOP, and who says it: Twilio or we?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from flask import redirect, request
from werkzeug.wrappers import Response
from wtforms import RadioField, TextAreaField, ValidationError
from wtforms.validators import Length

from admin import auth
from admin.forms import ConsoleForm, Section, strip
from admin.views.consent_import import ConsentImport
from admin.views.guarded import flashed, page
from models.segments import measure
from models.settings import Setting, value
from sender import confirmations

NAMES = ("stop_confirmation", "stop_confirmation_text")
LINK = re.compile(r"//|\bwww\.|\b\w[\w-]*\.[a-z]{2,}\b", re.IGNORECASE)
"""What an address looks like."""


class AnswerForm(ConsoleForm):
    """Who answers, and in which words."""

    mode = RadioField(
        "Who answers",
        choices=[
            ("auto", "We, where Twilio does not: words such as “no more texts”, which it does not know"),
            ("always", "We, always: its own answers are switched off at Twilio for this account"),
            ("never", "Nobody of ours"),
        ],
        description="Twilio answers a bare STOP itself unless you had that switched off. On toll-free numbers the network does.",
    )
    wording = TextAreaField(
        "What we say", [Length(max=320, message="320 characters at most: it should be one or two segments.")], filters=[strip],
        description=(
            "Left empty, our own wording. {organisation} stands for your name. No offer, no link, nothing that wants to"
            " change their mind."
        ),
    )  # fmt: skip
    sections = (Section("The answer", "One text, within five minutes or never, at any hour.", ("mode", "wording")),)

    def validate_wording(self, field: Any) -> None:
        """It says who we are, and leads nowhere."""
        if not field.data:
            return
        if LINK.search(field.data):
            raise ValidationError(
                "Take the link out: this text may not lead anywhere. Put a space behind each full stop."
            )
        if "{organisation}" not in field.data and auth.current_account().name.lower() not in field.data.lower():
            raise ValidationError("Say who you are: put {organisation} where your name belongs.")


class ConsentAnswer(ConsentImport):
    """The page about the answer to a STOP."""

    rights: ClassVar[Mapping[str, str]] = {**ConsentImport.rights, "answer": "account:edit"}

    @page("/answer/", "GET", "POST")
    def answer(self) -> Response | str:
        """Who answers a STOP, and how."""
        before = {name: value(self.database, name, account_id=self.account.id) for name in NAMES}
        form = AnswerForm(
            request.form if request.method == "POST" else None,
            data={"mode": before["stop_confirmation"], "wording": before["stop_confirmation_text"]},
        )
        if request.method == "POST" and form.validate():
            after = dict(zip(NAMES, (form.mode.data, form.wording.data), strict=True))
            self._set({name: now for name, now in after.items() if now != before[name]})
            self.record("setting:edit", self.account, before=before, after=after)
            self.database.commit()
            flashed("Saved. It holds from the next STOP on.")
            return redirect(self.get_url(".index_view"))
        said = confirmations.wording(self.database, self.account, on=self.now().date())
        size = measure(said)
        return str(
            self.render(
                "admin/command.html",
                title="The answer to a STOP",
                form=form,
                verb="Save",
                sentence="What somebody reads who texts STOP. Their number is blocked for everything else at that moment.",
                facts=[
                    ("Now", said),
                    ("Length", f"{size.units} units, {size.segments} segment{'s' if size.segments != 1 else ''}"),
                ],
                cancel_url=self.get_url(".index_view"),
            )
        )

    def _set(self, changed: Mapping[str, str]) -> None:
        for name, given in changed.items():
            self.database.merge(
                Setting(
                    account_id=self.account.id, name=name, value=given, updated_by=auth.actor(), updated_at=self.now()
                )
            )
