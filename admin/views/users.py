"""Who may sign in, and as what? Passwords are given out once and never shown again."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any, ClassVar

from flask import abort, redirect, request
from flask_login import current_user
from markupsafe import Markup
from sqlalchemy import delete, select
from werkzeug.wrappers import Response

from admin import auth, people
from admin.formatters import badge, moment, shown_by, when
from admin.views.filters import Yes
from admin.views.guarded import Command, GuardedModelView, flashed, page
from admin.views.user_forms import InviteForm, UserForm
from models.users import Membership, Role, RoleName, User


def _state(_view: Any, _context: Any, model: User, _name: str) -> Markup:
    return badge("Active", "ok") if model.active else badge("Deactivated")


def _factor(_view: Any, _context: Any, model: User, _name: str) -> str:
    return "Authenticator app" if model.tf_primary_method else "Password only"


def _roles(view: Any, _context: Any, model: User, _name: str) -> str:
    return ", ".join(role.capitalize() for role in view.roles_here(model)) or ("Owner" if model.owner else "")


class UserView(GuardedModelView):
    """The people of the current account."""

    view_right, edit_right = "user:view", "user:edit"
    rights: ClassVar[dict[str, str]] = dict.fromkeys(("deactivate", "activate", "reset", "remove"), "user:edit")
    creatable = editable = True
    record_name, create_label, create_verb = "user", "Add user", "Give access"
    purpose = "Who may sign in to this account, and what they may do in it."
    empty_hint = "Add the first colleague."
    search_hint = "Name or address"
    form = UserForm
    column_list = ("name", "email", "state", "roles", "factor", "current_login_at")
    column_details_list = (*column_list, "login_count", "create_datetime")
    column_labels: ClassVar[dict[str, str]] = {
        "email": "Address", "factor": "Second factor", "current_login_at": "Last sign-in", "login_count": "Sign-ins",
        "create_datetime": "Added",
    }  # fmt: skip
    column_sortable_list = ("name", "email", "current_login_at")
    column_default_sort = "name"
    column_searchable_list = ("name", "email")
    column_filters = (Yes(User.active, "Active"),)
    badge_columns = ("state",)
    column_formatters: ClassVar[dict[str, Any]] = {
        "state": _state, "roles": _roles, "factor": _factor, "current_login_at": shown_by(when),
        "create_datetime": shown_by(moment),
    }  # fmt: skip

    def scoped(self, query: Any) -> Any:
        """The members of the account; owners see each other, too."""
        here = select(Membership.user_id).where(Membership.account_id == self.account.id)
        clause = User.id.in_(here)
        return query.filter(clause | User.owner.is_(True)) if current_user.owner else query.filter(clause)

    def roles_here(self, user: User) -> list[str]:
        """The user's roles in the current account."""
        query = select(Role.name).join(Membership).where(
            Membership.user_id == user.id, Membership.account_id == self.account.id
        )  # fmt: skip
        return sorted(self.database.scalars(query.order_by(Role.name)))

    def in_charge_of(self, user: User) -> bool:
        """Whether the signed-in user may decide about another's sign-in, not only about their roles here.

        An admin may not, if the other is an owner or works in an account that the admin does not administer: a new password
        would open that account, too.
        """
        if user.id == current_user.id or (user.owner and not current_user.owner):
            return False
        elsewhere = self.database.scalars(select(Membership.account_id).where(Membership.user_id == user.id).distinct())
        return all(auth.allowed("user:edit", account_id) for account_id in elsewhere)

    def row_may(self, verb: str, row: User) -> bool:
        """Nobody changes their own roles; only owners change owners."""
        return row.id != current_user.id and (current_user.owner or not row.owner)

    def commands(self, row: User) -> list[Command]:
        """Deactivate, reset, remove."""
        if not auth.allowed("user:edit"):
            return []
        found = []
        if self.in_charge_of(row):
            found.append(
                Command("Reset password", self.get_url(".reset", id=row.id), f"Reset the password of {row}?",
                        "They are signed out everywhere. You see the new password once and pass it on.")
            )  # fmt: skip
            if row.active:
                found.append(
                    Command("Deactivate", self.get_url(".deactivate", id=row.id), f"Deactivate {row}?",
                            "They are signed out and cannot sign in until you activate them again.", danger=True)
                )  # fmt: skip
            else:
                found.append(
                    Command(
                        "Activate", self.get_url(".activate", id=row.id), f"Activate {row}?", "They may sign in again."
                    )
                )
        if self.row_may("edit", row) and self.roles_here(row):
            found.append(
                Command("Remove from this account", self.get_url(".remove", id=row.id), f"Remove {row} from {self.account}?",
                        "They lose every role here; what they did stays in the audit log.", danger=True)
            )  # fmt: skip
        return found

    # forms
    def create_form(self, obj: Any = None) -> Any:
        """The form of an invitation."""
        return InviteForm(request.form if request.method == "POST" else None)

    def edit_form(self, obj: Any = None) -> Any:
        """With the roles that the user has here."""
        form = super().edit_form(obj)
        if request.method == "GET" and obj is not None:
            form.roles.data = self.roles_here(obj)
        return form

    @page("/new/", "GET", "POST")
    def create_view(self) -> Any:
        """Give access; a new sign-in's password is shown once, in the answer itself."""
        form = self.create_form()
        if request.method == "POST" and form.validate():
            return self._invite(form)
        return self.render(self.create_template, form=form, form_opts=None, return_url=self.get_url(".index_view"))

    def _invite(self, form: InviteForm) -> Response | str:
        email = form.email.data
        user = self.database.scalars(select(User).where(User.email == email)).first()
        password = ""
        if user is None:
            password = secrets.token_urlsafe(12)
            user = people.create_user(
                self.database, email=email, password=password, now=self.now(), roles=[], name=form.name.data or ""
            )
        elif self.roles_here(user):
            flashed(f"{user} is a user of this account already.", good=False)
            return redirect(self.get_url(".index_view"))
        self._set_roles(user, form.roles.data)
        self.record("user:invite", user, after={"email": email, "roles": form.roles.data})
        self.database.commit()
        if password:
            return self._show_password(user, password)
        flashed(f"{user} has a sign-in already and may now work in this account.")
        return redirect(self.get_url(".index_view"))

    def update_model(self, form: Any, model: User) -> bool:
        """The name, and the roles here."""
        before = {"name": model.name, "roles": self.roles_here(model)}
        after: dict[str, Any] = {"name": form.name.data or "", "roles": sorted(form.roles.data)}
        if before != after:
            model.name = after["name"]
            model.update_datetime = self.now()
            self._set_roles(model, after["roles"])
            changed = [key for key in before if before[key] != after[key]]
            self.record(
                "user:edit",
                model,
                before={key: before[key] for key in changed},
                after={key: after[key] for key in changed},
            )
            self.database.commit()
        return True

    def _set_roles(self, user: User, names: Iterable[str]) -> None:
        mine = (Membership.user_id == user.id, Membership.account_id == self.account.id)
        self.database.execute(delete(Membership).where(*mine).execution_options(synchronize_session=False))
        for name in sorted(set(names)):
            found = people.role(self.database, RoleName(name))
            self.database.add(Membership(user_id=user.id, account_id=self.account.id, role_id=found.id))
        self.database.flush()

    # commands
    def _other(self) -> User:
        user: User = self.get_one(request.args.get("id", ""))
        if not self.in_charge_of(user):
            abort(403, description="This person also works in an account that is not yours; ask an owner.")
        return user

    @page("/reset/", "POST")
    def reset(self) -> str:
        """A new password, shown once."""
        user = self._other()
        password = secrets.token_urlsafe(12)
        people.set_password(user, password)
        self.record("user:reset_password", user)
        self.database.commit()
        return self._show_password(user, password)

    def _show_password(self, user: User, password: str) -> str:
        return str(self.render("admin/password.html", user=user, password=password))

    @page("/deactivate/", "POST")
    def deactivate(self) -> Response:
        """No sign-in from now on."""
        return self._switch(on=False)

    @page("/activate/", "POST")
    def activate(self) -> Response:
        """Sign-in again."""
        return self._switch(on=True)

    def _switch(self, *, on: bool) -> Response:
        user = self._other()
        if user.active != on:
            user.active = on
            people.end_sessions(user)
            self.record(
                "user:activate" if on else "user:deactivate", user, before={"active": not on}, after={"active": on}
            )
            self.database.commit()
        flashed(f"{user} may sign in again." if on else f"{user} can no longer sign in.")
        return redirect(self.get_url(".index_view"))

    @page("/remove/", "POST")
    def remove(self) -> Response:
        """Out of this account; the sign-in itself stays."""
        user: User = self.get_one(request.args.get("id", ""))
        if not self.row_may("edit", user):
            abort(403)
        before = self.roles_here(user)
        self._set_roles(user, [])
        self.record("user:remove", user, before={"roles": before}, after={"roles": []})
        self.database.commit()
        flashed(f"{user} no longer works in this account.")
        return redirect(self.get_url(".index_view"))
