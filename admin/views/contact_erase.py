"""What is held about a person, what of it would go and what would stay and why; and the button that lets it go."""

from __future__ import annotations

from typing import Any

from flask import redirect, request
from werkzeug.wrappers import Response
from wtforms import StringField, TextAreaField
from wtforms.validators import AnyOf, DataRequired, Length

from admin import auth, erasure
from admin.database import database
from admin.forms import ConsoleForm, Section, strip
from admin.views.freshness import stale
from admin.views.guarded import flashed, page
from admin.views.keyset import KeysetModelView
from models.contacts import Contact
from sender.erasure import Traces, found

WORD = "ERASE"
STAYS = (
    ("Charges, segments, statuses, times and countries", "They are what the organisation paid. They say nothing of a person."),
    ("A keyed hash of the number", "It tells how many people there were. Without the account’s key nobody can tell whose it is."),
    ("That, when and how they agreed or refused", "A refusal has to be obeyed when the number comes back in a list."),
    ("What staff did, in the audit log", "Without names and numbers, and with an entry about this erasure."),
    ("What the provider has", "Twilio keeps its own record of each text: delete it there, too."),
    ("Downloads and backups", "Exported files are out of reach here. A backup that is restored on this host is cleaned again."),
)  # fmt: skip


class ErasureForm(ConsoleForm):
    """Why, and the word that says it is meant."""

    reason = TextAreaField(
        "Reason", [DataRequired(), Length(max=300)], filters=[strip],
        description="Such as: asked by letter on 3 November. It stays in the audit log, so leave name and number out of it.",
    )  # fmt: skip
    typed = StringField(
        f"Type {WORD} to go on", [DataRequired(), AnyOf([WORD], message=f"Type the word {WORD}, in capitals.")], filters=[strip]
    )  # fmt: skip
    sections = (Section("Erase", "Nobody can undo this.", ("reason", "typed")),)


def goes(held: Traces) -> list[tuple[str, int]]:
    """What would be erased, and how many of each."""
    rows = (
        ("The contact: name, number, member number, fields, address", held.contacts),
        ("Words and number of texts, both directions", held.texts),
        ("Texts that are not sent yet: they are cancelled", held.waiting),
        ("Conversations", held.conversations),
        ("Notes of staff", held.notes),
        ("Their values in lists", held.list_rows),
        ("Flags: from then on the number is held instead", held.flags),
        ("Requests to opt in", held.requests),
        ("Reasons and evidence in the consent ledger", held.entries),
    )
    return [(label, count) for label, count in rows if count]


class ContactErasure(KeysetModelView):
    """The page that forgets a contact."""

    def scoped(self, query: Any) -> Any:
        """Who was forgotten is not shown any more."""
        return super().scoped(query).filter(Contact.erased_at.is_(None))

    @page("/erase/", "GET", "POST")
    def erase(self) -> Response | str:
        """Look at what would go; let it go."""
        row = self.get_one(request.args.get("id", ""))
        again = stale(self.get_url(".erase", id=row.id))
        if again is not None:
            return again
        form = ErasureForm(request.form if request.method == "POST" else None)
        held, key = found(self.database, row.account_id, row.phone), row.id
        if request.method == "POST" and form.validate():
            try:
                erasure.erase(
                    self.database, self.account, row.phone, file=erasure.notes(database()), reason=form.reason.data,
                    actor=auth.actor(), now=self.now(), ip=request.remote_addr or "",
                )  # fmt: skip
            except erasure.Telling as error:
                form.reason.errors = [str(error)]
            except erasure.NotSettled as error:
                self.database.rollback()
                form.typed.errors = [str(error)]
            else:
                self.database.commit()
                flashed("The person is erased. Their charges and their refusals stay, without the number.")
                return redirect(self.get_url(".index_view"))
        name = self.get_one(str(key)).name
        return self.render(
            "admin/contact_erase.html", title="Erase this person", form=form, verb="Erase", danger=True, goes=goes(held),
            stays=STAYS,
            sentence="For somebody who asks to be forgotten. Everything goes at once, in this account.", name=name,
            warnings=[held.obstacle] if held.obstacle else [], cancel_url=self.get_url(".details_view", id=key),
        )  # fmt: skip
