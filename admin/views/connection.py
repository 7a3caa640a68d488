"""Which Twilio account do texts leave by, for real or as tests, and how is its token replaced?"""

from __future__ import annotations

from typing import Any, ClassVar

from flask import abort, redirect, request
from werkzeug.wrappers import Response

from admin import auth, credentials, gateways, modes
from admin.database import configuration
from admin.views.guarded import Command, GuardedView, flashed, page
from models.accounts import Account
from sender.campaigns import NotAllowed


class ConnectionView(GuardedView):
    """The account's link to Twilio."""

    view_right = "account:view"
    rights: ClassVar[dict[str, str]] = {"mode": "account:edit", "rotate": "account:edit", "forget": "account:edit"}
    purpose = "The Twilio account that texts leave by. Tokens are kept encrypted and never shown."

    @page("/")
    def index(self) -> Any:
        """How it stands, and what may be changed."""
        account, config = self.account, configuration()
        return self.render(
            "connection.html", account=account, may_edit=auth.allowed("account:edit"), simulator=config.twilio_url,
            linked=bool(account.twilio_token), may_ask=gateways.may_ask(config, account), change=self._change(account),
        )  # fmt: skip

    def _change(self, account: Account) -> Command | str:
        """The button that changes the mode, or the sentence why there is none."""
        wanted = not account.test_mode
        try:
            text = modes.preview(self.database, account, test_mode=wanted, simulated=bool(configuration().twilio_url))
        except NotAllowed as error:
            return str(error)
        label = "Switch to test mode" if wanted else "Switch to real texts"
        mode = "test" if wanted else "live"
        return Command(
            label, self.get_url(".mode"), f"{label}?", text, typed="" if wanted else account.name, danger=not wanted,
            fields={"mode": mode},
        )  # fmt: skip

    @page("/mode/", "POST")
    def mode(self) -> Response:
        """Change between tests and real texts."""
        mode = request.form.get("mode", "")
        if mode not in {"test", "live"}:
            abort(400)
        try:
            modes.switch(
                self.database, self.account, test_mode=mode == "test", actor=auth.actor(), now=self.now(),
                ip=request.remote_addr or "",
            )  # fmt: skip
        except NotAllowed as error:
            flashed(str(error), good=False)
        else:
            self.database.commit()
            flashed(f"{self.account.name} is in test mode now." if mode == "test" else "Texts are real from now on.")
        return redirect(self.get_url(".index"))

    @page("/rotate/", "POST")
    def rotate(self) -> Response:
        """Send with another token from now on, once Twilio accepts it."""
        token, sid, key = request.form.get("token", "").strip(), self.account.twilio_sid or "", self.account.id
        self.database.rollback()  # no transaction is open while Twilio is asked
        try:
            credentials.proved(configuration(), sid, token)
            credentials.rotate(
                self.database, configuration(), self.database.get_one(Account, key), sid, token, actor=auth.actor(),
                now=self.now(), ip=request.remote_addr or "",
            )  # fmt: skip
        except credentials.NotAccepted as error:
            flashed(str(error), good=False)
        else:
            self.database.commit()
            flashed("The new token is in use. Webhooks signed with the one before it are still accepted.")
        return redirect(self.get_url(".index"))

    @page("/forget/", "POST")
    def forget(self) -> Response:
        """Accept the present token only."""
        credentials.forget_previous(
            self.database, self.account, actor=auth.actor(), now=self.now(), ip=request.remote_addr or ""
        )
        self.database.commit()
        flashed("Only the present token is accepted now.")
        return redirect(self.get_url(".index"))
