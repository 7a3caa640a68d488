"""What is asked when someone is let in or their roles change?"""

from __future__ import annotations

from typing import Any

from wtforms import SelectChoice, SelectMultipleField, StringField, ValidationError
from wtforms.validators import DataRequired, InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from admin import people
from admin.forms import ConsoleForm, Section, strip
from models.users import RoleName

ABOUT = {
    RoleName.ADMIN: "everything in this account, users included",
    RoleName.FINANCE: "costs and exports, no personal data",
    RoleName.ANALYST: "campaign figures and costs, no personal data",
    RoleName.AGENT: "contacts, messages and unsubscribes; no costs",
    RoleName.SUPERVISOR: "what an agent may, and contacts; decides about doubtful messages",
    RoleName.AUDITOR: "reads everything, changes nothing; numbers masked",
}


class RolesField(SelectMultipleField):
    """Some of the roles, as boxes to tick."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()
    grouped = True
    """Drawn as a group with its own legend."""

    def __init__(self, label: str, **kwargs: Any) -> None:
        offered = [SelectChoice(role.value, f"{role.value.capitalize()}: {about}") for role, about in ABOUT.items()]
        super().__init__(label, [InputRequired("Choose at least one role.")], choices=offered, **kwargs)


class InviteForm(ConsoleForm):
    """Someone new to this account."""

    email = StringField(
        "E-mail address",
        [DataRequired(), Length(max=200)],
        filters=[strip],
        description="They sign in with it.",
    )
    name = StringField("Name", [Length(max=120)], filters=[strip])
    roles = RolesField("Roles in this account")
    sections = (
        Section("Person", "If they have a sign-in already, they keep it and gain this account.", ("email", "name")),
        Section("Rights", "What they may do here. Roles add up.", ("roles",)),
    )

    def validate_email(self, field: Any) -> None:
        """An address that a sign-in can have."""
        try:
            field.data = people.address(field.data)
        except people.NotAnAddress as problem:
            raise ValidationError(str(problem)) from problem


class UserForm(ConsoleForm):
    """Someone's name and roles here."""

    name = StringField("Name", [Length(max=120)], filters=[strip])
    roles = RolesField("Roles in this account")
    sections = (
        Section("Person", "How they are named in the audit log and in lists.", ("name",)),
        Section("Rights", "What they may do here. Roles add up.", ("roles",)),
    )
