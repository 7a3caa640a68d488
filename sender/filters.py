"""What a template's filters do to one value: upper, title, date, money, number, truncate.

Values come from contacts and files, so they are text, numbers or dates; the result is text. A value that does not fit
its filter raises ValueError and the recipient is set aside: better no message than a wrong amount. Output is English
and the same on every machine, which is why dates are not left to the C library's locale.
"""

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal

Filter = Callable[[object, str | int], str]
"""A value that is neither missing nor blank, and the filter's argument ("" where it takes none)."""

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_AMOUNT = re.compile(r"([-+]?)\$?\s*((?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)?(?:\.[0-9]+)?)")
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].*)?")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_MAX_DIGITS = 20


def plain(value: object) -> str:
    """A value as text without a filter: numbers without exponent, dates as 2026-11-30, yes or no for truth.

    Raises ValueError for anything that is not text, a number or a date.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float | Decimal):
        return f"{_decimal(value):f}"
    if isinstance(value, dt.date):
        return value.isoformat(" ", "minutes") if isinstance(value, dt.datetime) else value.isoformat()
    raise ValueError("not text, a number or a date")


def upper(value: object, _: str | int) -> str:
    """ANNA."""
    return plain(value).upper()


def title(value: object, _: str | int) -> str:
    """Each word with one capital: "mary o'neil-smith" is "Mary O'neil-Smith"."""
    return _WORD.sub(lambda word: word[0].capitalize(), plain(value))


def truncate(value: object, length: str | int) -> str:
    """At most `length` characters, the last three of them "..." if something was cut (a plain cut below four)."""
    text, limit = plain(value).strip(), int(length)
    if len(text) <= limit:
        return text
    return f"{text[: limit - 3].rstrip()}..." if limit > 3 else text[:limit]


def money(value: object, _: str | int) -> str:
    """US dollars with cents: "$1,234.50", "-$5.00"; half a cent rounds to the even one."""
    cents = f"{_decimal(value):,.2f}"
    if cents[0] != "-":
        return f"${cents}"
    return f"-${cents[1:]}" if cents.strip("-0.,") else f"${cents[1:]}"


def number(value: object, _: str | int) -> str:
    """Thousands separated, decimals as given: "1,234.5"."""
    return f"{_decimal(value):,f}"


def date(value: object, pattern: str | int) -> str:
    """A date, or text such as 2026-11-30 or 2026-11-30T09:00, written by a pattern of `DIRECTIVES`.

    04/03/2026 is refused: it is April in one country and March in another.
    """
    when = _moment(value)
    return _DIRECTIVE.sub(lambda found: DIRECTIVES[found[0]](when), str(pattern))


DIRECTIVES: dict[str, Callable[[dt.datetime], str]] = {
    "%Y": lambda when: f"{when.year:04d}",
    "%y": lambda when: f"{when.year % 100:02d}",
    "%B": lambda when: _MONTHS[when.month - 1],
    "%b": lambda when: _MONTHS[when.month - 1][:3],
    "%m": lambda when: f"{when.month:02d}",
    "%-m": lambda when: str(when.month),
    "%d": lambda when: f"{when.day:02d}",
    "%-d": lambda when: str(when.day),
    "%e": lambda when: str(when.day),
    "%A": lambda when: _DAYS[when.weekday()],
    "%a": lambda when: _DAYS[when.weekday()][:3],
    "%H": lambda when: f"{when.hour:02d}",
    "%-H": lambda when: str(when.hour),
    "%I": lambda when: f"{when.hour % 12 or 12:02d}",
    "%-I": lambda when: str(when.hour % 12 or 12),
    "%M": lambda when: f"{when.minute:02d}",
    "%p": lambda when: "AM" if when.hour < 12 else "PM",
    "%%": lambda _: "%",
}
"""What a date pattern may hold, spelled as strftime spells it."""
_DIRECTIVE = re.compile(r"%-?.?", re.DOTALL)

FILTERS: dict[str, Filter] = {
    "upper": upper,
    "title": title,
    "date": date,
    "money": money,
    "number": number,
    "truncate": truncate,
}
"""The whole list; `default` is not here because it acts on what is missing."""


def refusal(name: str, argument: str | int | None) -> str | None:
    """Why a filter cannot take an argument, as a sentence; None if it can. Asked once, when a template is parsed."""
    if name == "date":
        if not isinstance(argument, str):
            return 'The filter date needs a pattern in quotes, for example date: "%b %-d".'
        wrong = [found for found in _DIRECTIVE.findall(argument) if found not in DIRECTIVES]
        return f'The date pattern has "{wrong[0]}"; use {", ".join(DIRECTIVES)}.' if wrong else None
    if name == "truncate":
        good = isinstance(argument, int) and 1 <= argument <= 1600
        return None if good else "The filter truncate needs a length from 1 to 1600, for example truncate: 20."
    return None if argument is None else f"The filter {name} takes no argument."


def _decimal(value: object) -> Decimal:
    if isinstance(value, Decimal):
        exact = value
    elif isinstance(value, str):
        found = _AMOUNT.fullmatch(value.strip())
        if not found or not found[2]:
            raise ValueError("not a number")
        exact = Decimal(found[1] + found[2].replace(",", ""))
    elif isinstance(value, float):
        # A float from a JSON attribute is what its shortest text says, which is what its author typed.
        exact = Decimal(repr(value).removesuffix(".0"))
    elif isinstance(value, int) and not isinstance(value, bool):
        exact = Decimal(value)
    else:
        raise ValueError("not a number")  # noqa: TRY004 - one error for every value that does not fit
    if not exact.is_finite() or abs(exact.adjusted()) > _MAX_DIGITS:
        raise ValueError("not a number of reasonable size")
    return exact


def _moment(value: object) -> dt.datetime:
    if isinstance(value, dt.datetime):
        return value
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a calendar date has no zone
    if isinstance(value, str):
        text = value.strip()
        if _ISO_DATE.fullmatch(text):
            return dt.datetime.fromisoformat(text)
    raise ValueError("not a date")
