"""Is the consent ledger whole, where does it end now, and what did it say at some time?"""

from __future__ import annotations

from typing import NamedTuple

from flask import request
from werkzeug.wrappers import Response

from admin.formatters import exact, words
from admin.views.guarded import page
from admin.views.keyset import KeysetModelView
from admin.views.sending_start import LOCAL, NotATime, instant, local
from models.consent import ConsentEvent, Purpose
from sender import checkpoints, consent


class AsOf(NamedTuple):
    """A question about the past, and its answer: a decision in a sentence; without one, what is wrong with the question."""

    at: str
    about: Purpose
    decision: consent.Decision | None = None
    sentence: str = ""


class ConsentProof(KeysetModelView):
    """The pages that prove something."""

    @page("/check/")
    def check(self) -> str:
        """Walk the account's whole chain."""
        return str(self.render("admin/consent_check.html", proof=checkpoints.walk(self.database, self.account)))

    @page("/checkpoint/")
    def checkpoint(self) -> Response:
        """The end of the account's chain as a file, to be kept elsewhere."""
        end = checkpoints.checkpoint(self.database, self.account, now=self.now())
        answer = Response(checkpoints.written([end]), mimetype="application/json")
        name = f"consent-{self.account.slug}-{end.made_at:%Y%m%dT%H%M%SZ}.json"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer

    def as_of(self, row: ConsentEvent) -> AsOf:
        """Whether the row's number might be texted at the time that the address asks about; now, where it asks nothing."""
        asked, about = request.args.get("at", ""), request.args.get("about", "")
        purpose = Purpose(about) if about in list(Purpose) else Purpose.ALL
        zone = self.account.time_zone
        try:
            at = instant(asked, zone) if asked else self.now()
        except NotATime:
            return AsOf("", purpose, sentence="Choose a day and a time.")
        decision = consent.as_of(self.database, row.account_id, row.phone, purpose, at, number_hash=row.number_hash)
        return AsOf(f"{local(at, zone):{LOCAL}}", purpose, decision, decision.sentence(exact))

    def purposes(self) -> list[tuple[str, str]]:
        """What a decision may be about."""
        return [(one.value, words(one)) for one in Purpose]
