"""How is a person found by what someone typed? Numbers are normalised first; names and ids match from their beginning."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, or_

from admin import auth
from admin.database import db
from models.phones import Phone, normalise

DIGITS = frozenset("+0123456789 ()-./\u00a0")


def looks_like_phone(text: str) -> bool:
    """Whether the text is digits as phone numbers are written."""
    return sum(char.isdigit() for char in text) >= 3 and all(char in DIGITS for char in text)


def phone_clause(column: Any, text: str) -> Any:
    """The rows of a number, written in any way; an incomplete one matches numbers that begin so. Indexed on both databases."""
    whole = normalise(text, auth.current_account().default_region)
    if isinstance(whole, Phone):
        return column == whole.e164
    digits = "".join(char for char in text if char.isdigit())
    prefixes = {"+" + digits} if text.lstrip().startswith("+") else {"+" + digits, "+1" + digits}
    return or_(*(starts_with(column, prefix) for prefix in sorted(prefixes)))


def starts_with(column: Any, prefix: str) -> Any:
    """A prefix match that an index can serve: a range on SQLite (whose LIKE uses none), LIKE on PostgreSQL."""
    if db().get_bind().dialect.name == "sqlite":
        return and_(column >= prefix, column < prefix + chr(0x10FFFF))
    return column.startswith(prefix, autoescape=True)


def name_clause(column: Any, text: str) -> Any:
    """Names that begin with the text, as typed or with capitals."""
    spellings = {text, text.title(), text.capitalize(), text.upper(), text.lower()}
    return or_(*(starts_with(column, spelling) for spelling in sorted(spellings)))
