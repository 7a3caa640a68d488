"""What is asked about a person, and how does their number come in?"""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from wtforms import StringField, ValidationError
from wtforms.validators import DataRequired, Length

from admin import auth
from admin.forms import AttributesField, ConsoleForm, Section, blank_to_none, strip
from models.contacts import Contact
from models.phones import Phone, PhoneProblem, normalise
from sender.area_codes import place
from sender.quiet import BadHours, written


class ContactForm(ConsoleForm):
    """A person."""

    name = StringField("Name", [Length(max=120)], filters=[strip])
    phone = StringField(
        "Phone",
        [DataRequired()],
        filters=[strip],
        description="As you have it; a number without + is read as one of your country.",
    )
    external_id = StringField(
        "Member number", [Length(max=120)], filters=[blank_to_none], description="Their id in your own system."
    )
    time_zone = StringField(
        "Time zone", filters=[blank_to_none], description="Such as America/Chicago. Empty: read off the number."
    )
    address_region = StringField(
        "State or province",
        filters=[blank_to_none],
        description="Of the address, such as FL. Its law and its clock count, beside those of the number's area code.",
    )
    quiet_hours = StringField(
        "Not to be texted",
        [Length(max=200)],
        filters=[strip],
        description="What the person asked for, in local time, such as 18:00-10:00, sat, sun. Empty: nothing.",
    )
    quiet_source = StringField(
        "How they asked", [Length(max=200)], filters=[strip], description="Such as: on the phone, 12 May, to Ben."
    )
    attributes = AttributesField(
        "Fields", description="One a line, such as ends_on = 31 December. Templates can use them."
    )
    sections = (
        Section("Person", "Who they are, and how they are reached.", ("name", "phone", "external_id")),
        Section("Hours", "Texts wait for hours that are right wherever the person may be.",
                ("time_zone", "address_region", "quiet_hours", "quiet_source")),
        Section("For templates", "What texts may say about them.", ("attributes",)),
    )  # fmt: skip

    def validate_phone(self, field: Any) -> None:
        """A number that exists in the numbering plan."""
        found = normalise(field.data, auth.current_account().default_region)
        if isinstance(found, PhoneProblem):
            raise ValidationError(found.sentence)

    def validate_time_zone(self, field: Any) -> None:
        """A zone that exists."""
        if field.data and field.data not in available_timezones():
            raise ValidationError("This zone is not known; write it like America/Chicago.")

    def validate_address_region(self, field: Any) -> None:
        """A state that we know the clock of, kept by its code."""
        if field.data:
            found = place(field.data)
            if found is None:
                raise ValidationError("This is not a state or province; write its two letters, such as FL or ON.")
            field.data = found

    def validate_quiet_hours(self, field: Any) -> None:
        """Hours and days that can be read, in the form in which they are kept."""
        try:
            field.data = written(field.data or "")
        except BadHours as wrong:
            raise ValidationError(str(wrong)) from wrong

    def populate_obj(self, obj: Any) -> None:
        """Everything but the number, which is normalised with what it says about itself."""
        for name, field in self._fields.items():
            if name != "phone":
                field.populate_obj(obj, name)
        if "phone" in self:
            set_phone(obj, self.phone.data)


def set_phone(contact: Contact, raw: str) -> None:
    """The contact's number, normalised, with the raw text beside it."""
    found = normalise(raw, auth.current_account().default_region)
    assert isinstance(found, Phone), "the form has checked it"
    if contact.phone == found.e164:
        return
    contact.phone, contact.phone_raw = found.e164, raw
    contact.region, contact.line_type = found.region, found.line_type.value
    contact.time_zones = ",".join(found.time_zones)
