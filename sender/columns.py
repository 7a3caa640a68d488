"""Which column of a list is the phone, the name, the member number, the time zone? A guess that a person may correct."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from sender.tables import AudienceProblem

LONGEST = 40
"""Characters of a field's name."""
OURS = ("phone", "name", "external_id", "time_zone")
"""Fields with a meaning of their own; every other one is only a value for templates."""

# For each field of ours, its usual column names as slugs, the best first: a mobile number is better than any phone.
_USUAL = {
    "phone": """mobile_phone mobile mobile_number cell_phone cell cellphone cell_number sms sms_number text_number
        mobile_phone_number cell_phone_number phone phone_number
        primary_phone preferred_phone phone_1 telephone telephone_number tel msisdn
        home_phone work_phone number to handy mobiltelefon telefon telefono movil telephone_portable""",
    "name": "name full_name display_name member_name contact_name informal fullname nombre nom",
    "external_id": "external_id member_id imis_id member_number membership_number customer_id contact_id account_id id",
    "time_zone": "time_zone timezone tz zone",
}


def slug(column: str) -> str:
    """A column's name as a template writes it: "First Name" is "first_name"; "" where nothing of it can be written."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", column) if not unicodedata.combining(c))
    return re.sub(r"\W+", "_", plain.casefold()).strip("_")[:LONGEST].rstrip("_")


def suggest_columns(columns: Sequence[str]) -> dict[str, str]:
    """Column → field, for every column: ours where the name is usual (each field once), else the column's own name, slugged.

    Fields are all different and can be used in a template; "phone" is missing when no column looks like one.
    """
    slugs = {column: slug(column) for column in columns}
    fields: dict[str, str] = {}
    for field in OURS:
        for usual in _USUAL[field].split():
            column = next((c for c in columns if c not in fields and slugs[c] == usual), None)
            if column is not None:
                fields[column] = field
                break
    for position, column in enumerate(columns, start=1):
        if column not in fields:
            fields[column] = _unused(slugs[column], position, {*fields.values(), *OURS})
    return {column: fields[column] for column in columns}


def _unused(name: str, position: int, used: set[str]) -> str:
    """The name, or with the next free number behind it; it must begin with a letter."""
    start = name if name[:1].isalpha() else f"column_{name or position}"[:LONGEST].rstrip("_")
    unique, number = start, 1
    while unique in used:
        number += 1
        unique = f"{start}_{number}"
    return unique


def checked(columns: Mapping[str, str], table_columns: Sequence[str]) -> dict[str, str]:
    """The mapping without the columns that are left out (mapped to ""); AudienceProblem when it cannot be used."""
    kept = {column: field for column, field in columns.items() if field}
    unknown = [column for column in kept if column not in table_columns]
    if unknown:
        raise AudienceProblem(f"The list has no column “{unknown[0]}”; choose the columns again.")
    fields = list(kept.values())
    if "phone" not in fields:
        raise AudienceProblem("No column is chosen as the phone; choose the one with the mobile numbers.")
    twice = [field for field in fields if fields.count(field) > 1]
    if twice:
        raise AudienceProblem(f"Two columns are chosen as “{twice[0]}”; choose one.")
    wrong = [field for field in fields if slug(field) != field or not field[0].isalpha()]
    if wrong:
        raise AudienceProblem(f"“{wrong[0]}” cannot be written in a template; use small letters, digits and _.")
    return kept
