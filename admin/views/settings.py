"""Which of the house's settings has this account set otherwise? One form of all of them; an empty field is the default."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import redirect
from flask_admin.helpers import get_form_data
from sqlalchemy import select
from wtforms import BooleanField, Field, IntegerField, StringField
from wtforms.validators import Length, NumberRange
from wtforms.validators import Optional as Maybe

from admin import auth
from admin.forms import ConsoleForm, blank_to_none
from admin.views.guarded import GuardedView, flashed, page
from models.settings import SETTINGS, Option, Setting, value

MOST = 10_000_000
"""No number of a setting is larger."""


def title(option: Option) -> str:
    """What a setting is called on the page: "lease_seconds" is "Lease seconds"."""
    return option.name.replace("_", " ").capitalize()


def field(option: Option, given: object) -> Field:
    """The form's field for a setting, which stands at `given` for everyone."""
    if option.switch:
        return BooleanField(
            title(option), description=f"{option.help} {'On' if given else 'Off'} unless it is set here."
        )
    shown = {"placeholder": str(given)}
    if isinstance(option.default, str):
        return StringField(
            title(option), [Maybe(), Length(max=500)], filters=[blank_to_none], description=option.help, render_kw=shown
        )
    allowed = NumberRange(0, MOST, f"Enter a whole number from 0 to {MOST:,}, or leave it empty.")
    return IntegerField(title(option), [Maybe(), allowed], description=option.help, render_kw=shown)


class SettingsView(GuardedView):
    """The account's own values of the settings that a person may change."""

    view_right = "account:view"
    rights: ClassVar[dict[str, str]] = {"save": "account:edit"}
    purpose = "What this account does otherwise than the others. An empty field keeps what holds for everyone."

    def offered(self) -> list[Option]:
        """Those that the person may change: what is about the machines is the owner's."""
        return [one for one in SETTINGS if not one.own_page and (auth.owner() or not one.operator)]

    def own(self) -> dict[str, Setting]:
        """The rows of this account by name."""
        rows = self.database.scalars(select(Setting).where(Setting.account_id == self.account.id))
        return {row.name: row for row in rows}

    def form(self, data: Any = None) -> ConsoleForm:
        """The form, filled with what the account has set."""
        fields = {option.name: field(option, value(self.database, option.name)) for option in self.offered()}
        kind: type[ConsoleForm] = type("SettingsForm", (ConsoleForm,), fields)
        held = {
            option.name: value(self.database, option.name, account_id=self.account.id)
            for option in self.offered()
            if option.switch or option.name in self.own()
        }
        return kind(data, data=held)

    @page("/")
    def index(self) -> Any:
        """All of them."""
        return self._shown(self.form())

    def _shown(self, form: ConsoleForm) -> Any:
        mine, machines = ([one.name for one in self.offered() if one.operator is kind] for kind in (False, True))
        groups = [
            (f"Settings of {self.account.name}", "What is grey holds for everyone.", mine),
            ("About the machines", "Only an owner sees and changes these.", machines),
        ]
        return self.render("settings.html", form=form, groups=groups, may_edit=auth.allowed("account:edit"))

    @page("/save/", "POST")
    def save(self) -> Any:
        """Keep what was entered; an emptied field goes back to what holds for everyone."""
        form = self.form(get_form_data())
        if not form.validate():
            return self._shown(form)
        before, after = self._changed(form)
        for name, what in after.items():
            self._put(name, what)
        if after:
            self.record("account:settings", self.account, before=before, after=after)
            self.database.commit()
        flashed("Saved." if after else "Nothing was changed.")
        return redirect(self.get_url(".index"))

    def _changed(self, form: ConsoleForm) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the fields that differ were, and what they are; None is what holds for everyone."""
        own, before, after = self.own(), dict[str, Any](), dict[str, Any]()
        for option in self.offered():
            was, entered = own[option.name].value if option.name in own else None, form[option.name].data
            wanted = int(entered) if option.switch else entered
            if option.switch and option.name not in own and wanted == int(value(self.database, option.name)):
                continue
            if wanted != was:
                before[option.name], after[option.name] = was, wanted
        return before, after

    def _put(self, name: str, what: object) -> None:
        row = self.own().get(name)
        if what is None and row is not None:
            self.database.delete(row)
        elif what is not None:
            made = Setting(
                account_id=self.account.id, name=name, value=what, updated_by=auth.actor(), updated_at=self.now()
            )
            self.database.merge(made)
