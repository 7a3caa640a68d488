"""Any written phone number → E.164, region, line type and time zones; or the one reason why not.

The default region fills in the country only when the number has no international form of its own: a leading "+", or the
prefix that the default region dials (00 in Britain, 011 in the United States). So with the default "US", "+44 20 7234
3456" stays British, while "020 7234 3456" is a problem and never becomes +1 020…. All answers about numbering plans are
those of the `phonenumbers` package; this module decides only what was meant by the characters.

No sentence here repeats the number, so every answer may be logged, shown or exported.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, ValidationResult

from models.zones import zones

LONGEST_TEXT = 100
"""A longer text is not read at all, so hostile input costs nothing."""


class LineType(StrEnum):
    """What a number is, as far as the numbering plan tells; in North America landline and mobile look the same."""

    MOBILE = "mobile"
    FIXED_LINE = "fixed_line"
    FIXED_LINE_OR_MOBILE = "fixed_line_or_mobile"
    TOLL_FREE = "toll_free"
    PREMIUM = "premium"
    SHARED_COST = "shared_cost"
    VOIP = "voip"
    PERSONAL = "personal"
    PAGER = "pager"
    UAN = "uan"
    VOICEMAIL = "voicemail"
    UNKNOWN = "unknown"


class ProblemCode(StrEnum):
    """Why a text is no phone number we can text; `SENTENCES` has the words."""

    EMPTY = "empty"
    LETTERS = "letters"
    EXTENSION = "extension"
    UNREADABLE = "unreadable"
    DIGITS_LOST = "digits_lost"
    NO_REGION = "no_region"
    NO_AREA_CODE = "no_area_code"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    UNKNOWN_COUNTRY = "unknown_country"
    FOREIGN_PREFIX = "foreign_prefix"
    NOT_ASSIGNED = "not_assigned"


class WarningCode(StrEnum):
    """What to know about a number that is valid all the same."""

    FIXED_LINE = "fixed_line"
    RARELY_TEXTABLE = "rarely_textable"
    NO_TIME_ZONE = "no_time_zone"
    SPREADSHEET = "spreadsheet"


SENTENCES: dict[ProblemCode | WarningCode, str] = {
    ProblemCode.EMPTY: "There is no number; add one or remove the row.",
    ProblemCode.LETTERS: "The number contains letters; write it in digits only.",
    ProblemCode.EXTENSION: "The number has an extension, which a text cannot reach; use a direct or mobile number.",
    ProblemCode.UNREADABLE: "The text is not one phone number; write one number, in digits, with + and the country code.",
    ProblemCode.DIGITS_LOST: "A spreadsheet shortened the number; format the column as text and export it again.",
    ProblemCode.NO_REGION: "The country is not known; begin with + and the country code, or set a default country.",
    ProblemCode.NO_AREA_CODE: "The area code is missing; write the number with it.",
    ProblemCode.TOO_SHORT: "The number has too few digits for its country; check whether some are missing.",
    ProblemCode.TOO_LONG: "The number has too many digits; check it, and if it is foreign begin with + and the country code.",
    ProblemCode.UNKNOWN_COUNTRY: "No country has this country code; check the digits after the +.",
    ProblemCode.FOREIGN_PREFIX: "It begins with another country's international prefix; write + instead of that prefix.",
    ProblemCode.NOT_ASSIGNED: "No such number is in use in its country; check the digits and the country.",
    WarningCode.FIXED_LINE: "This is a landline, which usually cannot receive texts.",
    WarningCode.RARELY_TEXTABLE: "This kind of number usually cannot receive texts.",
    WarningCode.NO_TIME_ZONE: "The number does not tell its time zone; texts wait until the contact has one.",
    WarningCode.SPREADSHEET: "The number was restored from a spreadsheet's number format; check it once.",
}


@dataclass(frozen=True, slots=True)
class PhoneWarning:
    """One thing to know about a valid number."""

    code: WarningCode
    sentence: str


@dataclass(frozen=True, slots=True)
class Phone:
    """A valid number. `e164` is "+" and digits; `region` is ISO 3166 ("US"; "001" where no country owns it).

    `time_zones` are the IANA zones that the number may be in, sorted: one when it decides, several when it cannot
    (Kentucky's 270-744), none when it says nothing (toll-free, VoIP). Send only when all agree; none means hold.
    """

    e164: str
    region: str
    line_type: LineType
    time_zones: tuple[str, ...]
    warnings: tuple[PhoneWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class PhoneProblem:
    """Why a text was refused: one code to count by, one sentence that says what to do."""

    code: ProblemCode
    sentence: str


def normalise(raw: str | float | None, default_region: str) -> Phone | PhoneProblem:
    """Read one number as people, forms and spreadsheets write it.

    `default_region` is an ISO 3166 code ("US") or "" for none. Every input has an answer and none raises: a cell's
    number or None is taken too, extensions and letters are refused rather than guessed at, and a spreadsheet's
    "15551234567.0" or "1.5551234567E+10" is restored where no digit was lost.
    """
    read = written(raw if isinstance(raw, str) else _cell(raw))
    if isinstance(read, ProblemCode):
        return problem(read)
    return looked_up(read, supported(default_region))


def looked_up(read: Written, region: str | None) -> Phone | PhoneProblem:
    """What the numbering plans say of digits that are dialled in a region, or anywhere if they begin with "+"."""
    number = parsed(read.digits, region)
    return problem(number) if isinstance(number, ProblemCode) else judged(number, read, region)


def judged(number: phonenumbers.PhoneNumber, read: Written, region: str | None) -> Phone | PhoneProblem:
    """The number with its line, or why it is not valid."""
    kind = _LINE_TYPES[phonenumbers.number_type(number)]
    if kind is LineType.UNKNOWN:
        return problem(_impossible(number, read.digits, region))
    return _phone(number, kind, restored=read.restored)


def supported(region: str | None) -> str | None:
    """The region as the `phonenumbers` package knows it; None if it does not."""
    known = (region or "").strip().upper()
    return known if known in phonenumbers.SUPPORTED_REGIONS else None


def parsed(digits: str, region: str | None) -> phonenumbers.PhoneNumber | ProblemCode:
    """The number that digits, after a "+" or as they are dialled in a region, stand for, valid or not."""
    if region is None and not digits.startswith("+"):
        return ProblemCode.NO_REGION
    try:
        # Without a region for "+…": an international number reads the same wherever it is read.
        return phonenumbers.parse(digits, None if digits.startswith("+") else region)
    except NumberParseException as refusal:
        return _PARSE_PROBLEMS.get(refusal.error_type, ProblemCode.UNREADABLE)


@dataclass(frozen=True, slots=True)
class Written:
    """The digits that a text means, after "+" if it has one; `restored` if a spreadsheet had changed them."""

    digits: str
    restored: bool = False


_PLAIN = re.compile(r"[ (\[]*\+{0,2}[0-9 ().\-/\[\]]*[0-9][0-9 ().\-/\[\]]*")
_PUNCTUATION = str.maketrans("", "", " ().-/[]")
_FLOAT = re.compile(r"(\+?[1-9][0-9]{5,14})[.,]0{1,2}")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3}){2,4}(?:\.0{1,2})?")
_SCIENTIFIC = re.compile(r"\+?([1-9])(?:[.,]([0-9]*))?[eE]\+?([0-9]{1,2})")
_URI = re.compile(r"(?:tel|sms|callto):(?://)?", re.IGNORECASE)
_EXTENSION = re.compile(
    r".*?[0-9].*?(?:;ext=|\bext\b|extn|extension|anexo|[0-9 )]ext|[0-9 ).]x|#|,|;)[ .:,;=]*[0-9]{1,8}#?", re.IGNORECASE
)
_WRAPPED = re.compile(r"=?\"(.*)\"|'(.*)'|['’`](.*)", re.DOTALL)
_NOTHING = frozenset(
    ["", "none", "null", "nil", "nan", "n/a", "na", "n.a.", "#n/a", "<na>", "unknown", "undefined", "-", "--", "?", "."]
)


def _cell(raw: float | None) -> str:
    """A spreadsheet cell as text; NaN is an empty cell, and a number too large to be a phone is merely too long."""
    if raw is None or raw != raw:
        return ""
    return str(raw) if abs(raw) < 10**20 else "9" * (LONGEST_TEXT + 1)


def written(text: str) -> Written | ProblemCode:
    """The digits that a text means, or why it means none."""
    text = text.strip()
    if len(text) > LONGEST_TEXT:
        return ProblemCode.TOO_LONG
    if not _PLAIN.fullmatch(text):
        text = "".join(map(_plainly, text)).strip()
        wrapped = _WRAPPED.fullmatch(text)
        text = next(filter(None, wrapped.groups()), "").strip() if wrapped else text
        if text.lower() in _NOTHING:
            return ProblemCode.EMPTY
        if uri := _URI.match(text):
            text = text[uri.end() :]
    restored = _restored(text)
    if restored is not None:
        return restored
    return Written(text.translate(_PUNCTUATION).replace("++", "+")) if _PLAIN.fullmatch(text) else _unreadable(text)


def _restored(text: str) -> Written | ProblemCode | None:
    """A number that a spreadsheet turned into a float, a grouped number or powers of ten; None for any other text."""
    if found := _FLOAT.fullmatch(text):
        return Written(found[1], restored=True)
    if _GROUPED.fullmatch(text):
        return Written(text.partition(".")[0].replace(",", ""), restored=True)
    if found := _SCIENTIFIC.fullmatch(text):
        decimals, power = found[2] or "", int(found[3])
        if len(decimals) < power or decimals[power:].strip("0"):
            return ProblemCode.DIGITS_LOST
        return Written(found[1] + decimals[:power], restored=True)
    return None


def _unreadable(text: str) -> ProblemCode:
    if _EXTENSION.fullmatch(text):
        return ProblemCode.EXTENSION
    return ProblemCode.LETTERS if any(char.isalpha() for char in text) else ProblemCode.UNREADABLE


_WRITTEN = {
    "+": "＋﹢⁺",
    "-": "−ー⁃~∼～",
    "(": "（［【",
    ")": "）］】",
    ".": "．•·․。",
    "/": "／⁄",
    ",": "，",
    ";": "；",
    "#": "＃",
}
_AS_TYPED = {char: plain for plain, chars in _WRITTEN.items() for char in chars}


@lru_cache(maxsize=4_096)
def _plainly(char: str) -> str:
    """One character as a plain keyboard has it: digits of any script, odd spaces and dashes; nothing for the invisible."""
    if char in _AS_TYPED:
        return _AS_TYPED[char]
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category == "Pd":
        return "-"
    if char.isspace():
        return " "
    return (
        "" if category in ("Cf", "Cc", "Mn", "Me") else unicodedata.normalize("NFKC", char) if char.isalpha() else char
    )


_PARSE_PROBLEMS = {
    NumberParseException.INVALID_COUNTRY_CODE: ProblemCode.UNKNOWN_COUNTRY,
    NumberParseException.NOT_A_NUMBER: ProblemCode.TOO_SHORT,
    NumberParseException.TOO_SHORT_AFTER_IDD: ProblemCode.TOO_SHORT,
    NumberParseException.TOO_SHORT_NSN: ProblemCode.TOO_SHORT,
    NumberParseException.TOO_LONG: ProblemCode.TOO_LONG,
}
_LENGTHS = {
    ValidationResult.TOO_SHORT: ProblemCode.TOO_SHORT,
    ValidationResult.INVALID_LENGTH: ProblemCode.TOO_SHORT,
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: ProblemCode.NO_AREA_CODE,
    ValidationResult.TOO_LONG: ProblemCode.TOO_LONG,
    ValidationResult.INVALID_COUNTRY_CODE: ProblemCode.UNKNOWN_COUNTRY,
}
_LINE_TYPES = {
    PhoneNumberType.FIXED_LINE: LineType.FIXED_LINE,
    PhoneNumberType.MOBILE: LineType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: LineType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.TOLL_FREE: LineType.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE: LineType.PREMIUM,
    PhoneNumberType.SHARED_COST: LineType.SHARED_COST,
    PhoneNumberType.VOIP: LineType.VOIP,
    PhoneNumberType.PERSONAL_NUMBER: LineType.PERSONAL,
    PhoneNumberType.PAGER: LineType.PAGER,
    PhoneNumberType.UAN: LineType.UAN,
    PhoneNumberType.VOICEMAIL: LineType.VOICEMAIL,
    PhoneNumberType.UNKNOWN: LineType.UNKNOWN,
}
_PLACED = {
    LineType.FIXED_LINE: PhoneNumberType.FIXED_LINE,
    LineType.MOBILE: PhoneNumberType.MOBILE,
    LineType.FIXED_LINE_OR_MOBILE: PhoneNumberType.FIXED_LINE_OR_MOBILE,
}
"""The types that belong to a place; every other kind is answered anywhere and has no zone."""
_TEXTABLE = (LineType.MOBILE, LineType.FIXED_LINE_OR_MOBILE, LineType.VOIP, LineType.PERSONAL)


def _impossible(number: phonenumbers.PhoneNumber, digits: str, region: str | None) -> ProblemCode:
    """Why a parsed number is not valid."""
    code = _LENGTHS.get(phonenumbers.is_possible_number_with_reason(number), ProblemCode.NOT_ASSIGNED)
    home = region is not None and number.country_code == phonenumbers.country_code_for_region(region)
    dialled = code is ProblemCode.TOO_LONG and digits.startswith(("00", "011"))
    return ProblemCode.FOREIGN_PREFIX if home and dialled else code


def _phone(number: phonenumbers.PhoneNumber, kind: LineType, *, restored: bool) -> Phone:
    code = number.country_code or 0
    digits = f"{code}{phonenumbers.national_significant_number(number)}"
    geographic = placed(kind, code)
    found = () if geographic is None else zones(digits, calling_code=code, geographic=geographic)
    region = phonenumbers.region_code_for_number(number) or ""
    return Phone(f"+{digits}", region, kind, found, warned(kind, found, restored=restored))


def placed(kind: LineType, calling_code: int) -> bool | None:
    """Whether such a number's digits tell its place (True), or only its country does; None where it belongs to no place."""
    return phonenumbers.is_number_type_geographical(_PLACED[kind], calling_code) if kind in _PLACED else None


def warned(kind: LineType, found: tuple[str, ...], *, restored: bool = False) -> tuple[PhoneWarning, ...]:
    """What to know about a valid number of this kind with these zones."""
    codes = [WarningCode.SPREADSHEET] if restored else []
    if kind is LineType.FIXED_LINE:
        codes.append(WarningCode.FIXED_LINE)
    elif kind not in _TEXTABLE:
        codes.append(WarningCode.RARELY_TEXTABLE)
    if not found:
        codes.append(WarningCode.NO_TIME_ZONE)
    return tuple(PhoneWarning(warning, SENTENCES[warning]) for warning in codes)


def problem(code: ProblemCode) -> PhoneProblem:
    """The code with its sentence."""
    return PhoneProblem(code, SENTENCES[code])
